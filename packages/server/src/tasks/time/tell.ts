// The one place from which this folder has people told. Knows no channel: who is reached, how and when, is for the notices to say.
import type { Scope, Tx } from '../../db/tx.ts'
import type { TasksHouse } from '../house.ts'
import type { TaskRow } from '../sql.ts'

export type Telling = {
  purpose: 'reminder' | 'escalated' | 'revised'
  /** Names that were added to those who are asked; the others know of the task already. */
  added?: readonly string[]
  /** Places and people that the act itself names, as `notify` is written. */
  notify?: readonly string[]
}

/** Written in the transaction of the act and sent after it. */
export async function tellPeople(_house: TasksHouse, _t: Tx, _scope: Scope, _row: TaskRow, _telling: Telling): Promise<void> {}
