// What became of attempts, many in one transaction: the log, the deliveries, the endpoints' health and what follows from it (P86, P89, P91, P92).
// What is told here has happened already; a batch that fails is settled again by its jobs, which send again: at least once.
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import type { BoundAnswer, BoundResult, BoundSettled } from '../bound/hooks.ts'
import { boundDelivery } from '../bound/letter.ts'
import { type Failing, markFailing, markToldIfDue, markWorking } from '../endpoints/sql.ts'
import { holdBack, releaseHeld, switchOff } from '../endpoints/switch.ts'
import type { WebhooksHouse } from '../house.ts'
import { wakeNext } from './line.ts'
import { invalidAnswer, type Outcome } from './outcome.ts'
import {
  type AttemptRow,
  findHolding,
  insertAttempts,
  type Settled,
  type Settlement,
  settleDeliveries,
  type Took,
} from './sql.ts'
import { deliveryScope, holdKeys } from './take.ts'

export type Happened = {
  tenantId: string
  took: Took
  outcome: Outcome
  log: AttemptRow
  /** What came back, where it was asked for. */
  answer: BoundAnswer | null
  /** What the endpoint is bound to; null on a tenant's own. */
  boundTo: string | null
  delays: readonly number[]
}
/** When this job is to come again; exhausted: a dead letter; null: it has nothing left to do. */
export type Next = { at: Date } | 'exhausted' | null

const DAY_MS = 86_400_000
/** All of these, and every try failed since: the endpoint is switched off (P91). */
const FAILING_MS = 5 * DAY_MS
const APART_MS = DAY_MS / 2
const EVENTS = 3

export async function settleMany(house: WebhooksHouse, happened: readonly Happened[]): Promise<Next[]> {
  const [first] = happened
  if (!first) return []
  const scope = deliveryScope(first.tenantId)
  return tx(house.db, scope, async (t) => {
    const all = await hearAnswers(house, t, scope, happened)
    await insertAttempts(
      t,
      scope,
      all.map((one) => one.log),
    )
    const gone = new Map(
      all
        .filter((one) => one.outcome.gone && one.took.endpoint_id !== null)
        .map(({ took }) => [took.endpoint_id as string, took]),
    )
    for (const [endpointId, took] of gone) await turnOff(t, scope, endpointId, took.side, 'gone')
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
    await tellBinders(house, t, scope, all, settled)
    await wakeNext(t, scope, [...settled.values()])
    await wakeAnswered(t, scope, all)
    return all.map(({ took }) => {
      const row = settled.get(took.id)
      if (row === undefined || row.generation !== took.generation) return null
      if (row.state === 'pending') return { at: row.next_at ?? t.now }
      return row.state === 'exhausted' && took.side !== null ? 'exhausted' : null
    })
  })
}

// Threads first, deliveries second: whoever closes a thread goes the same way. An answer of an attempt that somebody else took over is not heard.
/** What owners' agents answered is taken before the attempt is written down; what is no answer makes a failure of it. */
async function hearAnswers(house: WebhooksHouse, t: Tx, scope: Scope, all: readonly Happened[]): Promise<readonly Happened[]> {
  const bound = all.filter(({ took }) => took.side !== null)
  if (bound.length === 0 || !house.bound) return all
  await holdKeys(
    house,
    t,
    scope,
    bound.map(({ took }) => ({ key: took.resource_id })),
  )
  const answering = bound.filter(
    ({ took, outcome, answer }) => took.side === 'owner' && outcome.class === null && answer !== null,
  )
  const holding =
    answering.length === 0
      ? []
      : await findHolding(
          t,
          scope,
          answering.map(({ took }) => took),
        )
  const heard = new Map<string, Happened>()
  for (const one of answering.filter(({ took }) => holding.some((row) => row.id === took.id))) {
    const verdict = await house.bound.answered(
      t,
      scope,
      boundDelivery(one.took, one.boundTo as string),
      one.answer as BoundAnswer,
    )
    if (verdict === 'taken') continue
    const outcome = invalidAnswer(one.took, one.outcome, one.delays)
    heard.set(one.took.id, { ...one, outcome, log: { ...one.log, class: outcome.class } })
  }
  return all.map((one) => heard.get(one.took.id) ?? one)
}

async function tellBinders(
  house: WebhooksHouse,
  t: Tx,
  scope: Scope,
  all: readonly Happened[],
  settled: ReadonlyMap<string, Settled>,
): Promise<void> {
  const told: BoundSettled[] = []
  for (const { took, outcome, boundTo } of all) {
    const row = settled.get(took.id)
    if (boundTo === null || !row) continue
    const { status, class: fault } = outcome
    const nextAt = row.state === 'pending' ? (row.next_at ?? t.now) : null
    const result = { state: row.state as BoundResult['state'], status, class: fault, nextAt }
    told.push({ delivery: boundDelivery(took, boundTo), result })
  }
  if (told.length > 0) await house.bound?.settled(t, scope, told)
}

/** What becomes of a caller's endpoint is nothing that the owner's record tells. */
const turnOff = async (
  t: Tx,
  scope: Scope,
  endpointId: string,
  side: Took['side'],
  reason: 'gone' | 'failing',
): Promise<unknown> => (side === 'caller' ? holdBack(t, scope, endpointId, reason) : switchOff(t, scope, endpointId, reason))

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
  const sides = new Map(failures.map(({ took }) => [took.endpoint_id as string, took.side]))
  for (const one of failing) {
    const side = sides.get(one.endpoint_id) ?? null
    if (shouldSwitchOff(one)) await turnOff(t, scope, one.endpoint_id, side, 'failing')
    else if (side === 'caller') continue
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

/** An endpoint that answers its ping begins (P82). */
async function wakeAnswered(t: Tx, scope: Scope, all: readonly Happened[]): Promise<void> {
  const answered = all.filter(({ took, outcome }) => took.event_type === 'endpoint.ping' && outcome.class === null)
  for (const { took } of answered) await releaseHeld(t, scope, took.endpoint_id as string, ['pending'], null)
}
