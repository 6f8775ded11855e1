// Callbacks seen from inside: what jobs wait for, and settling one by hand. What comes from outside is the receiver's.
import type { CallbackFilter, CallbackRow } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import type { Tx } from '../db/tx.ts'
import { record } from '../events/event.ts'
import { findWithin } from './engine.ts'
import type { JobsHouse } from './house.ts'
import { refuseDigits } from './job.ts'
import { markWithin, seesContent } from './own.ts'
import { type PageQuery, pageThrough } from './page.ts'
import { act, look } from './problem.ts'
import { withhold } from './show.ts'

const show = (scope: Scope, row: CallbackRow) => ({
  id: row.id,
  job_id: row.job_id,
  name: row.name,
  state: row.state,
  // biome-ignore lint/suspicious/noThenProperty: the word of the wire; its value is a text, so nothing awaits it
  then: row.then,
  payload: withhold(scope, row.payload),
  error: seesContent(scope) ? row.error : null,
  expressions: row.expressions,
  created_at: row.created_at,
  timeout_at: row.timeout_at,
  resolved_at: row.resolved_at,
})

/** Visible as far as its job is. */
async function find(house: JobsHouse, t: Tx, scope: Scope, id: string, action: string): Promise<CallbackRow> {
  const row = await house.queue.callbacks.get(id, { tx: t })
  if (!row || !(await findWithin(house, t, row.job_id, markWithin(scope, action)))) throw new Problem('not_found')
  return row
}

export const getCallback = (house: JobsHouse, scope: Scope, id: string) =>
  look(house, scope, async (t) => show(scope, await find(house, t, scope, id, 'job.read')))

export const listCallbacks = (house: JobsHouse, scope: Scope, { limit, cursor, ...filter }: PageQuery & CallbackFilter) =>
  look(house, scope, async (t) => {
    const query = { limit, cursor }
    const tag = markWithin(scope, 'job.read') ?? undefined
    const page = await pageThrough(house, t, scope, { route: 'GET /callbacks', filter, query }, async (after, most) => {
      const rows = await house.queue.callbacks.list({ ...filter, tag }, { after, limit: most, tx: t })
      return { data: rows, next_cursor: rows.length === most ? (rows.at(-1)?.id ?? null) : null }
    })
    return { ...page, data: page.data.map((row) => show(scope, row)) }
  })

export const resumeCallback = (house: JobsHouse, scope: Scope, id: string, payload: unknown) => {
  refuseDigits(payload, '/payload')
  return settle(house, scope, id, 'resume', (t) => house.queue.callbacks.resume(id, payload, { tx: t }))
}
export const retryCallback = (house: JobsHouse, scope: Scope, id: string) =>
  settle(house, scope, id, 'retry', (t) => house.queue.callbacks.retry(id, { tx: t }))
export const cancelCallback = (house: JobsHouse, scope: Scope, id: string) =>
  settle(house, scope, id, 'cancel', (t) => house.queue.callbacks.cancel(id, { tx: t }))

const settle = (
  house: JobsHouse,
  scope: Scope,
  id: string,
  how: 'resume' | 'retry' | 'cancel',
  fn: (t: Tx) => ReturnType<JobsHouse['queue']['callbacks']['retry']>,
) =>
  act(house, scope, async (t) => {
    const before = await find(house, t, scope, id, 'callback.settle')
    const settled = await fn(t)
    await record(
      t,
      scope,
      'callback.settled',
      { job_id: before.job_id, how },
      {
        resource: { type: 'callback', id },
        before: { state: before.state },
        after: { job_state: settled.state },
      },
    )
    return settled
  })
