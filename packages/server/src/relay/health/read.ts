// What was found at the last looks at an agent (relay.md R22, R23), for everybody who may read its card.

import type { CardsHouse } from '../cards/house.ts'
import { ofPublicCard } from '../cards/read.ts'
import { listHealth } from './sql.ts'

/** A day and a half. */
const SHOWN = 144

export async function readHealth(house: CardsHouse, slug: string) {
  const history = await ofPublicCard(house, slug, (t, scope, cardId) => listHealth(t, scope, cardId, SHOWN))
  const [last] = history
  return { state: last?.state ?? null, reason: last?.reason ?? null, checked_at: last?.checked_at ?? null, history }
}
