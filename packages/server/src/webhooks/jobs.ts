// The jobs of webhooks: ids in, one verb, a verdict out. When a delivery is tried again stands in its row; its job only sleeps until then.
import { defineKind, defineSchedule, discard, type Kind, type Schedule, snooze } from '@countersign/queue'
import { once, tx } from '../db/tx.ts'
import { isId } from '../std/id.ts'
import { reportExhausted } from './deliveries/exhausted.ts'
import { continueReplay, REPLAY } from './deliveries/replay.ts'
import { pruneBoundEndpoints, pruneDeliveries, releaseSome } from './deliveries/sql.ts'
import { RELEASE } from './endpoints/switch.ts'
import type { WebhooksHouse } from './house.ts'
import type { Deliver } from './sending/deliver.ts'
import { openOffered } from './sending/offered.ts'
import { enqueueDeliveries, KIND, OFFERED_KIND, OFFERED_QUEUE, QUEUE } from './sending/sql.ts'
import { deliveryScope } from './sending/take.ts'

type Payload = { delivery_id: string; generation: number; lane: string; fifo: boolean; key: string | null }

function readPayload(value: unknown): Payload {
  const { delivery_id, generation, lane, fifo, key } = value as Partial<Payload>
  if (!isId('dlv', delivery_id) || !Number.isInteger(generation) || typeof lane !== 'string')
    throw new TypeError('a delivery, its generation and its lane')
  return { delivery_id, generation: generation as number, lane, fifo: fifo === true, key: key ?? null }
}

type OfferedPayload = Pick<Payload, 'delivery_id' | 'generation'>
function readOffered(value: unknown): OfferedPayload {
  const { delivery_id, generation } = value as Partial<OfferedPayload>
  if (!isId('dlv', delivery_id) || !Number.isInteger(generation)) throw new TypeError('a delivery and its generation')
  return { delivery_id, generation: generation as number }
}

function readId<P extends 'whe' | 'rpy', N extends string>(prefix: P, name: N): (value: unknown) => Record<N, string> {
  return (value) => {
    const id = (value as Record<string, unknown>)[name]
    if (!isId(prefix, id)) throw new TypeError(`${name} is an id`)
    return { [name]: id } as Record<N, string>
  }
}

const RELEASED_AT_ONCE = 500
const KEPT_DAYS = 90
const PRUNED_AT_ONCE = 5_000

export function webhookJobs(house: WebhooksHouse, deliver: Deliver): Kind[] {
  const lookAfter = openOffered(house)
  return [
    defineKind<unknown, OfferedPayload>(OFFERED_KIND, {
      queue: OFFERED_QUEUE,
      schema: readOffered,
      keepOutput: false,
      maxAttempts: 1_000,
      maxCrashes: 0,
      backoff: { base: '500ms', cap: '1m' },
      async run({ tenantId, payload: { delivery_id: id, generation } }) {
        await lookAfter({ tenantId, id, generation })
      },
    }) as Kind,
    defineKind<unknown, Payload>(KIND, {
      queue: QUEUE,
      schema: readPayload,
      keepOutput: false,
      // The schedule is the delivery's own. What fails here is our own affair (a database that is away) and is tried until it works,
      // and no number of killed workers makes a delivery that everybody believes to be on its way a dead letter.
      maxAttempts: 1_000,
      maxCrashes: 0,
      backoff: { base: '500ms', cap: '1m' },
      deadline: '2m',
      async run({ id, tenantId, payload }, { signal }) {
        const { delivery_id, ...rest } = payload
        const verdict = await deliver({ id: delivery_id, job: id, tenantId, ...rest }, signal)
        if (verdict === null) return undefined
        if (verdict === 'exhausted') return discard('The schedule of the delivery is over.')
        return snooze('at' in verdict ? verdict.at : verdict.afterMs)
      },
    }) as Kind,
    defineKind<unknown, { endpoint_id: string }>(RELEASE, {
      schema: readId('whe', 'endpoint_id'),
      keepOutput: false,
      async run({ tenantId, payload }) {
        const released = await release(house, tenantId, payload.endpoint_id)
        return released < RELEASED_AT_ONCE ? undefined : snooze(0)
      },
    }) as Kind,
    defineKind<unknown, { replay_id: string }>(REPLAY, {
      schema: readId('rpy', 'replay_id'),
      keepOutput: false,
      run: async ({ tenantId, payload }) =>
        (await continueReplay(house, tenantId, payload.replay_id)) ? snooze('1s') : undefined,
    }) as Kind,
    defineKind('webhook.report', {
      keepOutput: false,
      async run(_job, { signal }) {
        await reportExhausted(house, signal)
      },
    }) as Kind,
    defineKind('webhook.prune', {
      keepOutput: false,
      async run() {
        const before = new Date(house.db.clock.now().getTime() - KEPT_DAYS * 86_400_000)
        const [row] = await once<{ gone: number }>(house.db, pruneDeliveries(before, PRUNED_AT_ONCE))
        const [taken] = await once<{ gone: number }>(house.db, pruneBoundEndpoints(before, PRUNED_AT_ONCE))
        return Math.max(row?.gone ?? 0, taken?.gone ?? 0) >= PRUNED_AT_ONCE ? snooze(0) : undefined
      },
    }) as Kind,
  ]
}

const release = (house: WebhooksHouse, tenantId: string, endpointId: string): Promise<number> => {
  const scope = deliveryScope(tenantId)
  return tx(house.db, scope, async (t) => {
    const released = await releaseSome(t, scope, endpointId, RELEASED_AT_ONCE)
    if (released.length > 0)
      await enqueueDeliveries(
        t,
        scope,
        released.map((one) => one.id),
      )
    return released.length
  })
}

export const webhookSchedules: readonly Schedule[] = [
  defineSchedule('webhook-report', { cron: '40 6 * * *', kind: 'webhook.report', overlap: 'skip' }),
  defineSchedule('webhook-prune', { cron: '23 * * * *', kind: 'webhook.prune', overlap: 'skip' }),
]
