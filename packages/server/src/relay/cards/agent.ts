// One address for agents: an id is an agent of this tenant, a slug the card of anybody's (R10) — beside it what stands between whoever asks and that card. A card that
// this scope may not know of is not there. Never says what its owner thinks of the one who asks.
import { Problem } from '@countersign/sdk'
import { type Scope, systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { reach } from '../../identity/matrix.ts'
import { agentsOf } from '../grants/sql.ts'
import { placeOfCard } from '../party.ts'
import type { CardsHouse } from './house.ts'
import { cardViewer, findShown, type Viewer } from './sql.ts'

const OF_CALLERS = ['connection_request.create'] as const
const OF_THE_CONNECTED = ['thread.start', 'thread.send', 'thread.read', 'thread.close', 'thread.subscribe'] as const
const OF_OWNERS = ['card.publish', 'card.submit'] as const
export const MAY = [...OF_CALLERS, ...OF_THE_CONNECTED, ...OF_OWNERS] as const

export async function readAgentCard(house: CardsHouse, scope: Scope, slug: string) {
  const place = await placeOfCard(house, slug)
  const isOwn = place.tenant_id === scope.tenantId
  const between = await viewerOf(house, scope, place.card_id)
  const isConnected = between.relay_grant_id !== null
  if (!isOwn && place.visibility !== 'public' && !(place.visibility === 'grant_holders' && isConnected))
    throw new Problem('not_found')
  const owner = systemScope('relay', place.tenant_id)
  const shown = await tx(house.db, owner, (t) => findShown(t, owner, place.card_id), { readOnly: true })
  if (!shown) throw new Problem('not_found')
  const acts = [...(isConnected ? OF_THE_CONNECTED : OF_CALLERS), ...(isOwn ? OF_OWNERS : [])]
  return {
    card: JSON.parse(shown.native.toString('utf8')) as Record<string, unknown>,
    viewer: {
      request: between.request_id === null ? null : { id: between.request_id, state: between.request_state },
      relay_grant: isConnected ? { id: between.relay_grant_id, expires_at: between.grant_expires_at } : null,
      may: acts.filter((action) => reach(scope, action) !== 'none'),
      listing: isOwn || shown.listing === 'listed' ? shown.listing : null,
    },
  }
}

/** By the agents that this scope reaches: an agent its own, a member theirs, others all of the tenant. */
const viewerOf = (house: CardsHouse, scope: Scope, cardId: string): Promise<Viewer> =>
  tx(
    house.db,
    scope,
    async (t) => {
      const isOfOwn = reach(scope, 'relay_grant.read') === 'own' && scope.userId !== null
      const mine = scope.agentId !== null ? [scope.agentId] : isOfOwn ? await agentsOf(t, scope, scope.userId as string) : null
      return cardViewer(t, cardId, mine)
    },
    { readOnly: true },
  )
