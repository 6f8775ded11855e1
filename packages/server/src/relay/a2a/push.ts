// What a push config is sent of an event (R100, R101): the frame that whoever streams reads, as a StreamResponse. Each change of state, and a result once it is whole; never a piece
// of one. Reads the place of the event among the others, and nothing more.
import { StreamResponse } from '@a2a-js/sdk'
import type { Scope, Tx } from '../../db/tx.ts'
import type { RelayHouse, Told } from '../house.ts'
import type { Artifact, Message, ThreadEvent } from '../model.ts'
import { showThread } from '../threads/show.ts'
import { enteredBy, TYPES } from './frames.ts'
import { lastOfTypes } from './sql.ts'
import { artifactUpdateOf, statusUpdateOf } from './task.ts'

/** Null: this face tells nothing of it. */
export async function streamOf(
  house: Pick<RelayHouse, 'origin'>,
  t: Tx,
  scope: Scope,
  told: Told,
  { message, artifact }: { message: Message | null; artifact: Artifact | null },
): Promise<unknown> {
  const { thread: row } = told
  const thread = showThread(row, house.origin())
  const { sequence: previous } = await lastOfTypes(t, scope, row.id, told.sequence - 1, TYPES)
  const { id, type, sequence, data } = told
  const event: ThreadEvent = { id, type, sequence, at: t.now.toISOString(), actor: { type: 'agent', id: row.card_id }, data }
  if (type === 'artifact.completed') {
    if (!message) return null
    const whole = { ...message, append: false, last_chunk: true, ...(artifact ? { parts: artifact.parts } : {}) }
    const value = artifactUpdateOf(thread, event, whole, { previous })
    return StreamResponse.toJSON({ payload: { $case: 'artifactUpdate', value } })
  }
  const value = statusUpdateOf(thread, event, enteredBy(house, thread, event), message, { previous })
  return StreamResponse.toJSON({ payload: { $case: 'statusUpdate', value } })
}
