// What a run asks about its requests that wait (V104): with its own token, and about its own.
import { Problem } from '@countersign/sdk'
import { type Scope, tx } from '../../db/tx.ts'
import { type Route, route, s } from '../../http/route.ts'
import type { RunScope } from '../../vault/runs/self.ts'
import type { GateHouse } from '../gate/house.ts'
import { commentOn } from './result.ts'
import { findHoldOfTask, type HoldRow } from './sql.ts'
import { untilWoken } from './wait.ts'

type State = 'pending' | 'approved' | 'denied' | 'expired' | 'spent'
const SAID: Readonly<Record<HoldRow['state'], State>> = {
  open: 'pending',
  agreed: 'approved',
  refused: 'denied',
  expired: 'expired',
  lapsed: 'expired',
  closed: 'expired',
  spent: 'spent',
  sent: 'spent',
  not_sent: 'spent',
  unknown: 'spent',
}

/** At once when people have answered, else when they have, else after `wait` seconds with what stands then. */
export async function ownHold(house: GateHouse, scope: Scope, taskId: string, wait: number, signal: AbortSignal) {
  if (!('runId' in scope)) throw new Problem('forbidden', { detail: 'This is asked with the token of a run.' })
  const { runId } = scope as RunScope
  const { db } = house.vault
  const until = db.clock.now().getTime() + wait * 1_000
  const { id } = await holdOf(house, scope, runId, taskId)
  for (;;) {
    const left = until - db.clock.now().getTime()
    const change = untilWoken(house, id, Math.max(0, left), signal)
    try {
      const row = await holdOf(house, scope, runId, taskId)
      if (row.state !== 'open' || left <= 0 || signal.aborted) return await show(house, scope, row)
      await change.done
    } finally {
      change.stop()
    }
  }
}

const holdOf = (house: GateHouse, scope: Scope, runId: string, taskId: string): Promise<HoldRow> =>
  tx(
    house.vault.db,
    scope,
    async (t) => {
      const row = await findHoldOfTask(t, scope, taskId)
      if (row?.run_id !== runId) throw new Problem('not_found')
      return row
    },
    { readOnly: true },
  )

async function show(house: GateHouse, scope: Scope, row: HoldRow) {
  const comment =
    row.state === 'refused'
      ? await tx(house.vault.db, scope, (t) => commentOn(house, t, scope, row.task_id), { readOnly: true })
      : null
  return {
    task_id: row.task_id,
    state: SAID[row.state],
    comment,
    digest: row.digest.toString('hex'),
    expires_at: row.expires_at,
    sent: row.spent_request,
  }
}

const Hold = s.named(
  'Hold',
  s.object({
    task_id: s.id('task'),
    state: s.oneOf('pending', 'approved', 'denied', 'expired', 'spent'),
    comment: s.maybe(s.text()).describe('What the person who refused it said.'),
    digest: s.text().describe('SHA-256 of the request as it was sent: what people agree to.'),
    expires_at: s.time(),
    sent: s.maybe(s.text()).describe('The request that went out with the approval.'),
  }),
  'One request of a run that waits for people.',
)

export const holdRoutes = (house: GateHouse): Route[] => [
  route(
    'GET /runs/self/holds/:task_id',
    {
      summary: 'Wait for what people say to a request of your own run',
      description: 'Once it is approved, send the same request again: the proxy lets it out, once.',
      tag: 'runs',
      auth: 'key',
      self: true,
      params: { task_id: s.id('task') },
      query: { wait: s.optional(s.int({ min: 0, max: 60 })).describe('Seconds; 0 when left out.') },
      answers: { 200: Hold },
      problems: ['run_ended'],
    },
    ({ scope, params, query, signal }) => ownHold(house, scope, params.task_id, query.wait ?? 0, signal),
  ),
]
