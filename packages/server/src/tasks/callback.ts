// Telling an address that the asking side named how a task ended (T69–T71): the same bytes at every attempt, signed, through the guarded door, for at least
// three days. The address learns the end of this one task and nothing else.
import { Problem } from '@countersign/sdk'
import { compatibilitySignature, standardHeaders } from '../crypto/signature.ts'
import { systemScope } from '../db/scope.ts'
import { tx } from '../db/tx.ts'
import { record } from '../events/event.ts'
import { writeJson } from '../http/json.ts'
import { signingKey } from './compatibility-key.ts'
import { type Content, openContents } from './content.ts'
import type { TasksHouse } from './house.ts'
import { EVERY, findTask, isFinal, type TaskRow } from './sql.ts'
import { COMPATIBLE_STATUS, mask } from './wire.ts'

export type Delivered = 'delivered' | 'nothing_to_tell' | { failed: string; retryAfterSeconds: number | null }

type Letter = { url: string; body: string; headers: Record<string, string> }

/** One attempt; `job` is the delivery's id, the same at every attempt. */
export async function deliverCallback(
  house: TasksHouse,
  tenantId: string,
  taskId: string,
  attempt: { job: string; number: number },
  signal: AbortSignal,
): Promise<Delivered> {
  const scope = systemScope('callback', tenantId)
  const letter = await tx(house.db, scope, async (t) => {
    const row = await findTask(t, scope, taskId, EVERY)
    // Erased meanwhile: what would be told is no longer there to be told.
    if (!row || !isFinal(row.status) || row.callback_url === null || row.erased_at !== null) return null
    const content = (await openContents(house, t, scope, [taskId])).task(row)
    return write(row, content, await signingKey(house, t, scope), { ...attempt, at: t.now })
  })
  if (letter === null) return 'nothing_to_tell'
  const failed = await post(house, tenantId, letter, signal)
  if (failed === null) {
    await tx(house.db, scope, (t) =>
      record(
        t,
        scope,
        'task.callback_delivered',
        { attempt: attempt.number, job_id: attempt.job },
        { resource: { type: 'task', id: taskId } },
      ),
    )
    return 'delivered'
  }
  return failed
}

/** After the last attempt. */
export const giveUpCallback = (
  house: TasksHouse,
  tenantId: string,
  taskId: string,
  attempts: number,
  job: string,
): Promise<string> => {
  const scope = systemScope('callback', tenantId)
  return tx(house.db, scope, (t) =>
    record(t, scope, 'task.callback_failed', { attempts, job_id: job }, { resource: { type: 'task', id: taskId } }),
  )
}

async function post(
  house: TasksHouse,
  tenantId: string,
  letter: Letter,
  signal: AbortSignal,
): Promise<Exclude<Delivered, string> | null> {
  try {
    const { status, retryAfter } = await house.post({ ...letter, tenantId, signal })
    if (status >= 200 && status < 300) return null
    const seconds = /^\d{1,6}$/.test(retryAfter ?? '') ? Number(retryAfter) : null
    return { failed: `The address answered ${status}.`, retryAfterSeconds: seconds }
  } catch (error) {
    if (error instanceof Problem) return { failed: error.code, retryAfterSeconds: null }
    throw error
  }
}

function write(row: TaskRow, content: Content, key: Buffer, attempt: { job: string; number: number; at: Date }): Letter {
  const seconds = Math.floor(attempt.at.getTime() / 1000)
  const url = row.callback_url as string
  const own = { 'content-type': 'application/json', 'webhook-attempt': String(attempt.number) }
  if (row.callback_mode === 'standard') {
    const body = standardBody(row, content)
    return { url, body, headers: { ...own, ...standardHeaders([`whsec_${key.toString('base64')}`], attempt.job, seconds, body) } }
  }
  const body = awaithumansBody(row, content)
  const signed = {
    'x-awaithumans-task-id': row.id,
    'x-awaithumans-signature': compatibilitySignature(key, body),
    'webhook-id': attempt.job,
    'webhook-timestamp': String(seconds),
  }
  return { url, body, headers: { ...own, ...signed } }
}

const responseFor = (row: TaskRow, content: Content) =>
  mask({ response: content.response }, row.redact, 'callback', true).response

/** Exactly nine members in this order, compact (T70). Everything in it is settled, so every attempt writes the same bytes. */
export function awaithumansBody(row: TaskRow, content: Pick<Content, 'response'>): string {
  return writeJson({
    task_id: row.id,
    idempotency_key: row.idempotency_key,
    status: COMPATIBLE_STATUS[row.status],
    response: responseFor(row, content as Content),
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
