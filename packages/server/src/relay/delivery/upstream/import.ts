// A card of ours made of an A2A card elsewhere (relay.md R18): read through the door, verified as the tenant wants it, and saved as a draft whose messages go there. A draft is for
// whoever holds a relay grant, and nobody does: it is on no public address and in no listing until its owner says `visibility: public`.
import { Problem } from '@countersign/sdk'
import { canonical } from '../../../crypto/canonical.ts'
import { sha256Hex } from '../../../crypto/token.ts'
import type { Scope, Tx } from '../../../db/tx.ts'
import { newId } from '../../../std/id.ts'
import { actOnCard, createCardIn, seeCard } from '../../cards/card.ts'
import { isReserved, NewCard } from '../../cards/input.ts'
import { type Card, show } from '../../cards/show.ts'
import { setDelivery, setDeliveryHost } from '../../cards/sql.ts'
import type { DeliveryHouse } from '../house.ts'
import { type ShownUpstream, shownUpstream } from '../settings.ts'
import { interfacesOf, readUpstreamCard } from './card.ts'
import { type Changed, type Draft, draftOf } from './draft.ts'
import { putUpstream } from './sql.ts'
import type { Trust } from './trust.ts'

export type ImportWishes = { url: string; slug?: string | undefined; connection_id?: string | undefined }
export type ImportReport = {
  card_url: string
  verification: { mode: Trust['mode']; signed: boolean; signers: string[]; keys: Trust['keys'] }
  interfaces: { url: string; binding: string; version: string }[]
  changed: Changed[]
}
export type Imported = Card & { upstream: ShownUpstream; report: ImportReport }

export async function importCard(house: DeliveryHouse, scope: Scope, wishes: ImportWishes): Promise<Imported> {
  if (wishes.slug !== undefined && isReserved(wishes.slug))
    throw new Problem('validation_failed', {
      errors: [{ path: '/slug', code: 'reserved', message: 'This slug is reserved.' }],
    })
  if (wishes.connection_id !== undefined) await house.mayNameConnection(scope, wishes.connection_id)
  const asked = { card_url: wishes.url, connection_id: wishes.connection_id }
  const { trust, ...upstream } = await readUpstreamCard(house, scope, asked, '/url')
  const draft = draftOf(upstream.card)
  const slug = wishes.slug ?? draft.slug
  if (!NewCard.safeParse({ ...draft.card, slug }).success) throw unreadable()
  // What people agree to is this very card.
  const body = { import: upstream.card_url, slug, card_sha256: sha256Hex(canonical(upstream.card)) }
  return house.countersign(scope, actOnCard('save', { id: slug, visibility: 'grant_holders' }, body, 'a2a'), async (t) => {
    const { id } = await createDraft(house, t, scope, draft, wishes.slug)
    await setDelivery(t, scope, id, 'a2a', 'queue')
    await setDeliveryHost(t, scope, id, new URL(upstream.origin).host)
    await putUpstream(t, scope, { ...upstream, card_id: id })
    return {
      ...show(house, await seeCard(t, scope, id, 'card.read')),
      upstream: shownUpstream(upstream, t.now),
      report: {
        card_url: upstream.card_url,
        verification: { mode: trust.mode, signed: trust.signers.length > 0, signers: trust.signers, keys: trust.keys },
        interfaces: interfacesOf(upstream.card).map(({ url, protocolBinding, protocolVersion }) => ({
          ...{ url, binding: protocolBinding, version: protocolVersion },
        })),
        changed: draft.changed,
      },
    }
  })
}

const unreadable = () =>
  new Problem('validation_failed', {
    errors: [{ path: '/url', code: 'no_card', message: 'No card of ours can be made of what is there.' }],
  })

/** Each import is a draft of its own; a slug that nobody chose gives way to one that is taken. */
async function createDraft(house: DeliveryHouse, t: Tx, scope: Scope, draft: Draft, wanted: string | undefined) {
  const own = { ...draft.card, visibility: 'grant_holders' as const, delivery: 'a2a' as const, direct_messages: true }
  try {
    return await createCardIn(house, t, scope, { ...own, slug: wanted ?? draft.slug })
  } catch (error) {
    if (!(error instanceof Problem && error.code === 'slug_taken') || wanted !== undefined) throw error
    return createCardIn(house, t, scope, { ...own, slug: `${draft.slug}-${newId('card').slice(-8).toLowerCase()}` })
  }
}
