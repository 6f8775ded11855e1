// What became of attempts, many in one transaction: the log, the deliveries, the endpoints' health and what follows from it (P86, P89, P91, P92).
// What is told here has happened already; a batch that fails is settled again by its jobs, which send again: at least once.
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { type Failing, markFailing, markToldIfDue, markWorking } from '../endpoints/sql.ts'
import { releaseHeld, switchOff } from '../endpoints/switch.ts'
import type { WebhooksHouse } from '../house.ts'
import type { Outcome } from './outcome.ts'
import {
  type AttemptRow,
  enqueueDeliveries,
  findNextInLine,
  insertAttempts,
  type Settled,
  type Settlement,
  settleDeliveries,
  type Took,
} from './sql.ts'
import { deliveryScope } from './take.ts'

export type Happened = { tenantId: string; took: Took; outcome: Outcome; log: AttemptRow }
/** When this job is to come again; null: it has nothing left to do. */
export type Next = { at: Date } | null

const DAY_MS = 86_400_000
/** All of these, and every try failed since: the endpoint is switched off (P91). */
const FAILING_MS = 5 * DAY_MS
const APART_MS = DAY_MS / 2
const EVENTS = 3

export async function settleMany(house: WebhooksHouse, all: readonly Happened[]): Promise<Next[]> {
  const [first] = all
  if (!first) return []
  const scope = deliveryScope(first.tenantId)
  return tx(house.db, scope, async (t) => {
    await insertAttempts(
      t,
      scope,
      all.map((one) => one.log),
    )
    const goneFrom = new Set(all.filter((one) => one.outcome.gone).flatMap((one) => one.took.endpoint_id ?? []))
    for (const endpointId of goneFrom) await switchOff(t, scope, endpointId, 'gone')
    const settled = new Map(
      (
        await settleDeliveries(
          t,
          scope,
          all.map((one) => settlementOf(one, t.now)),
        )
      ).map((row) => [row.id, row]),
    )
    await judgeHealth(t, scope, all, settled)
    await tellSources(house, t, scope, all, settled)
    await wakeNext(t, scope, [...settled.values()])
    await wakeAnswered(t, scope, all)
    return all.map(({ took }) => {
      const row = settled.get(took.id)
      const isOurs = row !== undefined && row.generation === took.generation && row.state === 'pending'
      return isOurs ? { at: row.next_at ?? t.now } : null
    })
  })
}

const settlementOf = ({ took, outcome }: Happened, now: Date): Settlement => ({
  id: took.id,
  attempt: took.attempt,
  state: outcome.state,
  tries: outcome.tries,
  next_at: outcome.afterMs === null ? null : new Date(now.getTime() + outcome.afterMs).toISOString(),
  status: outcome.status,
  class: outcome.class,
})

async function judgeHealth(t: Tx, scope: Scope, all: readonly Happened[], settled: ReadonlyMap<string, Settled>): Promise<void> {
  const ours = all.filter(({ took }) => took.endpoint_id !== null && took.trigger !== 'test')
  const works = ours.filter(
    ({ outcome, took }) => outcome.class === null && ((took.timeouts ?? 0) > 0 || took.failing_since !== null),
  )
  if (works.length > 0) await markWorking(t, scope, [...new Set(works.map(({ took }) => took.endpoint_id as string))].sort())
  const failures = ours.filter(({ outcome }) => outcome.class !== null)
  if (failures.length === 0) return
  const failing = await markFailing(
    t,
    scope,
    failures.map(({ took, outcome }) => ({
      endpoint_id: took.endpoint_id as string,
      delivery_id: took.id,
      timed_out: outcome.how === 'timeout',
      answered: outcome.status !== null,
      slowed: outcome.how === 'slow_down',
    })),
  )
  const exhausted = new Set(
    failures.filter(({ took }) => settled.get(took.id)?.state === 'exhausted').map(({ took }) => took.endpoint_id as string),
  )
  for (const one of failing) {
    if (shouldSwitchOff(one)) await switchOff(t, scope, one.endpoint_id, 'failing')
    else if (exhausted.has(one.endpoint_id) || one.last_failure_at.getTime() - one.failing_since.getTime() >= DAY_MS)
      await tellFailing(t, scope, one)
  }
}

export const shouldSwitchOff = ({ failing_since, last_failure_at, failed_events }: Failing): boolean => {
  const lasted = last_failure_at.getTime() - failing_since.getTime()
  return lasted >= FAILING_MS && lasted >= APART_MS && failed_events >= EVENTS
}

async function tellFailing(t: Tx, scope: Scope, { endpoint_id, failing_since, failed_events }: Failing): Promise<void> {
  if ((await markToldIfDue(t, scope, endpoint_id)) === 0) return
  const data = { endpoint_id, failing_since, failed_events }
  await record(t, scope, 'endpoint.failing', data, { resource: { type: 'endpoint', id: endpoint_id } })
}

async function tellSources(
  house: WebhooksHouse,
  t: Tx,
  scope: Scope,
  all: readonly Happened[],
  settled: ReadonlyMap<string, Settled>,
): Promise<void> {
  for (const { took, outcome } of all) {
    const state = settled.get(took.id)?.state
    if (took.source === null || (state !== 'succeeded' && state !== 'exhausted')) continue
    // A replay of what had arrived tells nobody anything new.
    if (took.succeeded_before) continue
    const delivered = outcome.state === 'succeeded'
    const delivery = { id: took.id, resourceId: took.resource_id as string, attempts: took.attempt, delivered }
    await house.sources[took.source].ended(t, scope, delivery)
  }
}

/** Whoever is next in a line whose head is over gets a job (P92). */
export async function wakeNext(
  t: Tx,
  scope: Scope,
  ended: readonly Pick<Settled, 'state' | 'fifo' | 'endpoint_id' | 'resource_id'>[],
): Promise<void> {
  const keys = ended.filter((one) => one.fifo && one.state !== 'pending')
  if (keys.length === 0) return
  const next = await findNextInLine(
    t,
    scope,
    keys.map((one) => ({ endpoint_id: one.endpoint_id as string, resource_id: one.resource_id as string })),
  )
  const ids = [...new Set(next.map((one) => one.id))]
  if (ids.length > 0) await enqueueDeliveries(t, scope, ids)
}

/** An endpoint that answers its ping begins (P82). */
async function wakeAnswered(t: Tx, scope: Scope, all: readonly Happened[]): Promise<void> {
  const answered = all.filter(({ took, outcome }) => took.event_type === 'endpoint.ping' && outcome.class === null)
  for (const { took } of answered) await releaseHeld(t, scope, took.endpoint_id as string, ['pending'], null)
}
