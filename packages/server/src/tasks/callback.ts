// What an address that the asking side named learns of how a task ended (T69–T71): its body, the secret that signs it, and the record of how it went. The
// sending itself, its schedule, log and replay are those of every delivery; main hands them in. The address learns the end of this one task and nothing else.
import type { Scope } from '../db/scope.ts'
import type { Tx } from '../db/tx.ts'
import { record } from '../events/event.ts'
import { writeJson } from '../http/json.ts'
import { signingKey } from './compatibility-key.ts'
import { type Content, openContents, subjectOf } from './content.ts'
import type { TasksHouse } from './house.ts'
import { mask } from './redaction.ts'
import { EVERY, findTask, isFinal, type TaskRow } from './sql.ts'
import { COMPATIBLE_STATUS } from './wire.ts'

/** The bytes of every attempt, and the subject under whose key they lie; null once the task is erased. */
export async function renderCallback(
  house: TasksHouse,
  t: Tx,
  scope: Scope,
  taskId: string,
): Promise<{ body: string; subject: string } | null> {
  const row = await findTask(t, scope, taskId, EVERY)
  if (!row || !isFinal(row.status) || row.callback_url === null || row.erased_at !== null) return null
  const content = (await openContents(house, t, scope, [taskId])).task(row)
  const body = row.callback_mode === 'standard' ? standardBody(row, content) : awaithumansBody(row, content)
  return { body, subject: subjectOf(taskId) }
}

/** The tenant's compatibility key as webhook secrets are written. */
export const callbackSecret = async (house: TasksHouse, t: Tx, scope: Scope): Promise<string> =>
  `whsec_${(await signingKey(house, t, scope)).toString('base64')}`

/** The first success, or the end of the schedule. */
export async function tellOfCallback(
  t: Tx,
  scope: Scope,
  delivery: { id: string; resourceId: string; attempts: number; delivered: boolean },
): Promise<void> {
  const { id, resourceId, attempts, delivered } = delivery
  const about = { resource: { type: 'task', id: resourceId } }
  if (delivered) await record(t, scope, 'task.callback_delivered', { attempt: attempts, delivery_id: id }, about)
  else await record(t, scope, 'task.callback_failed', { attempts, delivery_id: id }, about)
}

const responseFor = (row: TaskRow, content: Pick<Content, 'response'>) =>
  mask({ response: content.response }, row, 'agent').response

/** Exactly nine members in this order, compact (T70). Everything in it is settled, so every attempt writes the same bytes. */
export function awaithumansBody(row: TaskRow, content: Pick<Content, 'response'>): string {
  return writeJson({
    task_id: row.id,
    idempotency_key: row.idempotency_key,
    status: COMPATIBLE_STATUS[row.status],
    response: responseFor(row, content),
    completed_at: row.completed_at,
    timed_out_at: row.timed_out_at,
    completed_by_email: row.completed_by_email,
    completed_via_channel: row.completed_via_channel,
    verification_attempt: row.verification_attempt,
  })
}

function standardBody(row: TaskRow, content: Content): string {
  const at = row.completed_at ?? row.timed_out_at ?? row.cancelled_at ?? row.verification_exhausted_at
  const data = {
    task_id: row.id,
    idempotency_key: row.idempotency_key,
    status: row.status,
    outcome: row.outcome,
    response: responseFor(row, content),
    completed_at: row.completed_at,
    timed_out_at: row.timed_out_at,
    cancelled_at: row.cancelled_at,
    completed_by_user_id: row.completed_by_user_id,
    completed_via_channel: row.completed_via_channel,
    metadata: row.metadata,
    verification_attempt: row.verification_attempt,
  }
  return writeJson({ type: `task.${row.status}`, timestamp: at, data })
}
