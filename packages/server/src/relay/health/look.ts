// A look at a listed agent (relay.md R23): what anybody is served of its card is what was stored and signed, and what its messages go to is there — a worker that claimed within a day,
// an endpoint that answers a signed ping, or the card of the agent that answers elsewhere. Tells strangers a word of what is wrong, and no detail.
import { verifyDocument } from '../../crypto/card-signature.ts'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { readServed } from '../cards/read.ts'
import { findServed } from '../cards/sql.ts'
import type { DeliveryHouse } from '../delivery/house.ts'
import { pauseUpstream, seeUpstream } from '../delivery/upstream/pause.ts'
import { findUpstream } from '../delivery/upstream/sql.ts'
import { findCard } from '../threads/sql.ts'
import { noteLook } from './note.ts'
import { beginLook, claimedSince, type LookedCard } from './sql.ts'

const A_DAY_MS = 86_400_000

/** Done twice at once it is done once. */
export async function lookAtCard(house: DeliveryHouse, tenantId: string, cardId: string): Promise<void> {
  const scope = systemScope('relay', tenantId)
  const card = await tx(house.db, scope, (t) => beginLook(t, scope, cardId))
  if (!card) return
  const fault = await cardFault(house, scope, card)
  if (fault) return note(house, scope, card, fault)
  if (card.delivery_mode === 'inbox') return tx(house.db, scope, (t) => lookAtInbox(t, scope, card))
  if (card.delivery_mode === 'push') return tx(house.db, scope, (t) => ping(house, t, scope, card))
  return lookUpstream(house, scope, card)
}

const note = (house: DeliveryHouse, scope: Scope, card: LookedCard, fault: string | null, ms?: number): Promise<void> =>
  tx(house.db, scope, (t) => noteLook(t, scope, card, fault, ms))

/** Byte for byte as stored, and signed by a key that is in the key set. */
async function cardFault(house: DeliveryHouse, scope: Scope, card: LookedCard): Promise<'card_differs' | null> {
  const { served, keys } = await readServed(house, card.slug)
  const stored = await tx(house.db, scope, (t) => findServed(t, scope, card.id, null), { readOnly: true })
  if (!served || !stored) return 'card_differs'
  const isWhole = (['native', 'a2a'] as const).every(
    (which) => served[which].equals(stored[which]) && isSigned(served[which], keys),
  )
  return isWhole ? null : 'card_differs'
}

function isSigned(bytes: Buffer, keys: readonly object[]): boolean {
  try {
    const document = JSON.parse(bytes.toString('utf8')) as Record<string, unknown>
    return verifyDocument(document, { keys: keys as Record<string, unknown>[] }).ok
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}

async function lookAtInbox(t: Tx, scope: Scope, card: LookedCard): Promise<void> {
  const { claimed } = await claimedSince(t, scope, card.id, new Date(t.now.getTime() - A_DAY_MS))
  await noteLook(t, scope, card, claimed ? null : 'no_claim')
}

/** What comes of it is told when its delivery is settled. */
async function ping(house: DeliveryHouse, t: Tx, scope: Scope, card: LookedCard): Promise<void> {
  const sent = await house.deliveries.ping(t, scope, { boundTo: card.id, side: 'owner' })
  if (sent.length === 0) await noteLook(t, scope, card, 'unreachable')
}

async function lookUpstream(house: DeliveryHouse, scope: Scope, card: LookedCard): Promise<void> {
  const upstream = await tx(house.db, scope, (t) => findUpstream(t, scope, card.id), { readOnly: true })
  if (!upstream) return note(house, scope, card, 'unreachable')
  const began = house.db.clock.now().getTime()
  const seen = await seeUpstream(house, scope, upstream)
  const ms = Math.max(0, house.db.clock.now().getTime() - began)
  if (seen.is === 'other') {
    const row = await tx(house.db, scope, (t) => findCard(t, scope, { id: card.id }), { readOnly: true })
    if (row) await pauseUpstream(house, scope, row, seen.reason)
  }
  await note(house, scope, card, seen.is === 'same' ? null : seen.is === 'other' ? seen.reason : 'unreachable', ms)
}
