// Receipts (P119, T156): one event, or one decision with its event, as a compact JWS that anybody checks with the published keys and nothing else.
// Holds digests and the record's own bytes; content only where the caller asked for it and may see it. Signed anew at each call, never stored.
import { Problem } from '@countersign/sdk'
import { canonical } from '../../crypto/canonical.ts'
import { signJws } from '../../crypto/ed25519.ts'
import type { Scope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { tenantWire } from '../../std/id.ts'
import { findEvent } from '../sql.ts'
import { checkpointNow, proofOf } from './checkpoint.ts'
import type { AuditHouse } from './house.ts'
import { signingKey } from './keys.ts'

export const RECEIPT_TYPE = 'countersign-receipt+jws'

/** Where an event stands in the log, with its exact bytes: enough to compute every hash from the event up to the signed note. */
export type SealMember = {
  seq: number
  event: string
  prev_hash: string
  hash: string
  size: number
  root: string
  proof: string[]
  note: string
}
export type Receipt = { receipt: string; kid: string; sealed: boolean }

type ReceiptHouse = Pick<AuditHouse, 'db' | 'keyring' | 'origin'>

/** Null: the event is not in a signed checkpoint, and cannot be brought into one because it is not sealed yet. */
export async function sealMember(house: ReceiptHouse, scope: Scope, eventId: string): Promise<SealMember | null> {
  const event = await tx(house.db, scope, (t) => findEvent(t, scope, eventId), { readOnly: true })
  if (!event) return null
  let found = await proofOf(house, scope, eventId)
  if (!found) {
    // Sealed since the last checkpoint: a receipt does not wait a minute for the next.
    await checkpointNow(house, scope)
    found = await proofOf(house, scope, eventId)
  }
  if (!found) return null
  const { seal, checkpoint, proof } = found
  return {
    seq: seal.seq,
    event: event.body,
    prev_hash: seal.prev_hash.toString('hex'),
    hash: seal.hash.toString('hex'),
    size: checkpoint.size,
    root: checkpoint.root.toString('hex'),
    proof: proof.map((hash) => hash.toString('hex')),
    note: checkpoint.note,
  }
}

export async function signReceipt(house: ReceiptHouse, scope: Scope, members: Record<string, unknown>): Promise<Receipt> {
  const key = await tx(house.db, scope, (t) => signingKey(house, t, 'receipt'))
  const payload = canonical({ v: 1, iss: house.origin(), tenant_id: tenantWire(scope.tenantId), ...members })
  const sealed = members.seal !== undefined
  return { receipt: signJws(key.seed, { typ: RECEIPT_TYPE, kid: key.kid }, payload), kid: key.kid, sealed }
}

export async function eventReceipt(house: ReceiptHouse, scope: Scope, eventId: string): Promise<Receipt> {
  const event = await tx(house.db, scope, (t) => findEvent(t, scope, eventId), { readOnly: true })
  if (!event) throw new Problem('not_found')
  const seal = await sealMember(house, scope, eventId)
  if (!seal) throw new Problem('not_sealed_yet', { retry_after: 1 })
  return signReceipt(house, scope, { event_id: eventId, seal })
}
