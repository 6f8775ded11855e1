// A card as it would be published, before anybody saves it (relay.md R128): both documents without signatures, and what in them looks like a secret. Writes nothing, signs nothing.
import type { Scope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { seeCard } from './card.ts'
import { a2aDocument, FACES, nativeDocument } from './document.ts'
import type { CardsHouse } from './house.ts'
import { NEW_CONTENT, type NewCard, readContent } from './input.ts'
import { type SecretFound, secretsIn } from './secrets-in.ts'

export type Preview = { document: Record<string, unknown>; a2a_document: Record<string, unknown>; secrets: SecretFound[] }

/** `card_id`: a change of that one, so that it says the next number and where its messages go. */
export async function previewCard(
  house: Pick<CardsHouse, 'db' | 'origin'>,
  scope: Scope,
  { card_id, ...said }: NewCard & { card_id?: string },
): Promise<Preview> {
  const before =
    card_id === undefined ? null : await tx(house.db, scope, (t) => seeCard(t, scope, card_id, 'card.read'), { readOnly: true })
  const content = readContent({ ...NEW_CONTENT, ...(before && { delivery: before.delivery_mode }) }, said)
  const published = { number: (before?.version ?? 0) + 1, origin: house.origin(), faces: FACES }
  return {
    document: nativeDocument(content, published),
    a2a_document: a2aDocument(content, published),
    secrets: secretsIn(content),
  }
}
