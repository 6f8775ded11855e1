// Deliveries as people read and steer them (P89, P90, P92). What was sent is never changed; asking again is always another attempt.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { openCursor, pageOf } from '../../http/cursor.ts'
import { tellOwn } from '../callers/enter.ts'
import { listCallerDeliveries } from '../callers/sql.ts'
import { read as readEndpoint } from '../endpoints/endpoint.ts'
import type { WebhooksHouse } from '../house.ts'
import { wakeNext } from '../sending/line.ts'
import { enqueueDeliveries, findHead } from '../sending/sql.ts'
import {
  type AttemptShown,
  askAgain,
  type DeliveryFilter,
  type DeliveryRow,
  endDeliveryIf,
  endpointsOfEvent,
  figuresOf,
  findAttempts,
  findBody,
  findDelivery,
  hoursOf,
  listDeliveriesBefore,
  lockDelivery,
  openOf,
  unblockIf,
} from './sql.ts'

/** What goes to an owner's agent is whole or thin as well. */
const FORMS = {
  ...({ full: 'full', thin: 'thin', callback: 'callback' } as const),
  ...({ owner: 'full', owner_thin: 'thin', caller: 'full', caller_thin: 'thin', a2a: 'full' } as const),
} satisfies Record<DeliveryRow['form'], string>

export const showDelivery = (row: DeliveryRow) => ({
  id: row.id,
  endpoint_id: row.endpoint_id,
  url: row.target_url,
  event_id: row.event_id,
  event_type: row.event_type,
  resource_id: row.resource_id,
  form: FORMS[row.form],
  state: row.state,
  attempts: row.attempts,
  trigger: row.trigger,
  fifo: row.fifo,
  blocks: row.blocks,
  next_attempt_at: row.state === 'pending' ? row.next_at : null,
  last_status: row.last_status,
  last_class: row.last_class,
  replay_id: row.replay_id,
  created_at: row.created_at,
  succeeded_at: row.succeeded_at,
  ended_at: row.ended_at,
})

/** Hosts see where it went; others only whether by IPv4 or IPv6 (P89). */
const showAttempt = (scope: Scope, { address, ...row }: AttemptShown) => ({ ...row, address: scope.isHost ? address : null })

export async function listDeliveries(
  house: WebhooksHouse,
  scope: Scope,
  query: DeliveryFilter & { limit: number; cursor?: string },
) {
  const { limit, cursor, ...filter } = query
  if (filter.since && filter.until && filter.since > filter.until) {
    const errors = [{ path: 'since', code: 'range_reversed', message: 'since lies after until.' }]
    throw new Problem('validation_failed', { errors })
  }
  const at = { tenantId: scope.tenantId, route: 'GET /deliveries', filter }
  return tx(
    house.db,
    scope,
    async (t) => {
      const before = cursor === undefined ? null : openCursor<string>(house.keyring, at, cursor, t.now)
      const ours = await listDeliveriesBefore(t, scope, filter, before, limit + 1)
      // What this tenant's agents were told as callers lies where their threads lie (relay.md R70).
      const theirs = await listCallerDeliveries(t, filter, before, limit + 1)
      const rows = [...ours, ...theirs].sort((a, b) => (BigInt(a.ord) < BigInt(b.ord) ? 1 : -1)).slice(0, limit + 1)
      const page = pageOf(house.keyring, at, rows, { limit, now: t.now, position: (row) => row.ord })
      return { ...page, data: page.data.map(showDelivery) }
    },
    { readOnly: true },
  )
}

/** With its log and the body that was sent, as text. */
export const getDelivery = (house: WebhooksHouse, scope: Scope, id: string) =>
  tx(
    house.db,
    scope,
    async (t) => {
      const row = await findDelivery(t, scope, id)
      if (!row) throw new Problem('not_found')
      const log = (await findAttempts(t, scope, id)).map((one) => showAttempt(scope, one))
      const head = row.fifo && row.state === 'pending' ? await findHead(t, scope, id) : null
      const waits_for = head && head.id !== id ? head.id : null
      return { ...showDelivery(row), waits_for, log, body: await bodyOf(t, scope, row) }
    },
    { readOnly: true },
  )

/** Null: not rendered yet, erased, or of a task, whose content only its own page shows. */
async function bodyOf(t: Tx, scope: Scope, row: DeliveryRow): Promise<string | null> {
  const body = await findBody(t, scope, row.event_id, row.form)
  if (!body || body.subject !== null) return null
  return body.bytes.toString('utf8')
}

export const endpointStats = (house: WebhooksHouse, scope: Scope, endpointId: string) =>
  tx(
    house.db,
    scope,
    async (t) => {
      await readEndpoint(t, scope, endpointId)
      const figures = await figuresOf(t, scope, endpointId)
      const share = figures.attempts === 0 ? null : figures.succeeded / figures.attempts
      const [hours, open] = [await hoursOf(t, scope, endpointId), await openOf(t, scope, endpointId)]
      return { ...figures, success_share: share, ...open, hours }
    },
    { readOnly: true },
  )

/** One more attempt, now (P90). Never swallowed: one that is just being sent is followed by another. */
export const replayDelivery = (house: WebhooksHouse, scope: Scope, id: string) =>
  tx(house.db, scope, async (t) => {
    const row = await lockOrThrow(t, scope, id)
    if (row.state === 'held') throw conflict(row, 'The endpoint is not active; the delivery is sent once it is.')
    await again(t, scope, [id])
    await tell(t, scope, 'delivery.replayed', row)
    return showDelivery((await findDelivery(t, scope, id)) as DeliveryRow)
  })

/** An event once more to every endpoint that it went to. */
export const replayEvent = (house: WebhooksHouse, scope: Scope, eventId: string) =>
  tx(house.db, scope, async (t) => {
    const all = await endpointsOfEvent(t, scope, eventId)
    if (all.length === 0) throw new Problem('not_found')
    const ids = await again(
      t,
      scope,
      all.map((one) => one.id),
    )
    await record(
      t,
      scope,
      'delivery.replayed',
      { event_id: eventId, deliveries: ids.length },
      { resource: { type: 'event', id: eventId } },
    )
    return { deliveries: ids }
  })

async function again(t: Tx, scope: Scope, ids: readonly string[]): Promise<string[]> {
  const asked = (await askAgain(t, scope, ids, { trigger: 'manual', replayId: null })).map((one) => one.id)
  await enqueueDeliveries(t, scope, asked)
  return asked
}

/** What holds up its key is over, and the next one goes (P92). */
export const skipDelivery = (house: WebhooksHouse, scope: Scope, id: string) =>
  tx(house.db, scope, async (t) => {
    const row = await lockOrThrow(t, scope, id)
    if (!row.fifo) throw conflict(row, 'Only a delivery of an endpoint with FIFO order holds up others.')
    const ended = row.blocks
      ? await unblockIf(t, scope, id)
      : await endDeliveryIf(t, scope, id, ['pending', 'sending', 'held'], 'exhausted')
    if (!ended) throw conflict(row, 'It is over and holds up nothing.')
    await wakeNext(t, scope, [ended])
    await tell(t, scope, 'delivery.skipped', row)
    return showDelivery(ended)
  })

export const cancelDelivery = (house: WebhooksHouse, scope: Scope, id: string) =>
  tx(house.db, scope, async (t) => {
    const row = await lockOrThrow(t, scope, id)
    const ended = await endDeliveryIf(t, scope, id, ['pending', 'sending', 'held'], 'cancelled')
    if (!ended) throw conflict(row, 'It is over.')
    await wakeNext(t, scope, [ended])
    await tell(t, scope, 'delivery.cancelled', row)
    return showDelivery(ended)
  })

async function lockOrThrow(t: Tx, scope: Scope, id: string): Promise<DeliveryRow> {
  const row = await lockDelivery(t, scope, id)
  if (!row) throw new Problem('not_found')
  return row
}

const conflict = (row: DeliveryRow, detail: string) => new Problem('state_conflict', { state: row.state, detail })

const tell = (t: Tx, scope: Scope, type: 'delivery.replayed' | 'delivery.skipped' | 'delivery.cancelled', row: DeliveryRow) =>
  tellOwn(
    t,
    scope,
    type,
    { delivery_id: row.id, endpoint_id: row.endpoint_id, event_id: row.event_id },
    { type: 'delivery', id: row.id },
  )
