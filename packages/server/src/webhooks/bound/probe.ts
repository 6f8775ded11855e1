// One request now to an endpoint of a card or a thread, to prove its address and its secret (relay.md R66): of our own making, about nothing, and in no line.
import { sealText } from '../../crypto/seal.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import { subjectKey } from '../../identity/keys-at-rest/tenant-key.ts'
import { newId, tenantWire } from '../../std/id.ts'
import type { WebhooksHouse } from '../house.ts'
import type { Side } from './hooks.ts'
import { bodyPlace } from './letter.ts'
import { insertBoundDeliveries } from './sql.ts'

/** Answers the delivery. */
export async function probeBound(
  house: Pick<WebhooksHouse, 'db' | 'keyring'>,
  t: Tx,
  scope: Scope,
  { id, side, boundTo }: { id: string; side: Side; boundTo: string },
): Promise<string> {
  const [eventId, type] = [newId('evt', t.now.getTime()), 'endpoint.test']
  const head = { id: eventId, type, occurred_at: t.now, tenant_id: tenantWire(scope.tenantId) }
  const sealedUnder = `probe:${boundTo}`
  const key = await subjectKey(house, t, scope, sealedUnder)
  const bytes = sealText(key, bodyPlace(scope, eventId, side), JSON.stringify({ ...head, data: { endpoint_id: id } }))
  const none = { messageId: null, waitUntil: null }
  const row = {
    ...none,
    eventId,
    type,
    side,
    key: boundTo,
    relayGrantId: scope.relayParty ?? null,
    trigger: 'test' as const,
    sealedUnder,
  }
  const [made] = await insertBoundDeliveries(t, scope, [
    { told: row, listeners: [{ endpoint_id: id, form: side }], bodies: [{ form: side, bytes }] },
  ])
  return (made as { id: string }).id
}
