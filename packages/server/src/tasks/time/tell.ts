// The one place from which time and talk have people told. Knows no channel: who is reached, how and when, is for the notices to say.
import type { Scope, Tx } from '../../db/tx.ts'
import type { TasksHouse } from '../house.ts'
import { notify, rewriteNotices } from '../notices/notice.ts'
import type { TaskRow } from '../sql.ts'
import { findVotersOf } from './sql.ts'

/** Those who can still decide, through what reached them (T37): who has voted is left in peace. */
export async function tellOfReminder(house: TasksHouse, t: Tx, scope: Scope, row: TaskRow): Promise<void> {
  const without = row.votes === 0 ? [] : (await findVotersOf(t, scope, row.id)).map(({ user_id }) => user_id)
  await notify(house, t, scope, [row], { purpose: 'reminder', without })
}

/** Whoever may answer now; what lies before the others is rewritten. `entries`: places and people that the act itself names. */
export async function tellOfChange(
  house: TasksHouse,
  t: Tx,
  scope: Scope,
  row: TaskRow,
  telling: { purpose: 'escalated' | 'revised'; also?: readonly string[]; entries?: readonly string[] },
): Promise<void> {
  const { purpose, also = [], entries } = telling
  await rewriteNotices(t, scope, [row])
  await notify(house, t, scope, [row], { purpose, people: [...new Set([...answering(row), ...also])] })
  if (entries !== undefined && entries.length > 0) await notify(house, t, scope, [row], { purpose, entries })
}

const answering = (row: TaskRow): readonly string[] => (row.assigned_to_user_id === null ? row.asked : [row.assigned_to_user_id])

/** The agent has it now: nobody can act on what they were told (T105). */
export const tellOfSendBack = (t: Tx, scope: Scope, row: TaskRow): Promise<void> => rewriteNotices(t, scope, [row])
