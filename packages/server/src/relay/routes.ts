// The routes of the relay, each room's own.
import type { Route } from '../http/route.ts'
import { cardRootRoutes, cardRoutes } from './cards/routes.ts'
import { domainRoutes } from './domains/routes.ts'
import { erasureRoutes } from './erasures/routes.ts'
import { exportRoutes } from './exports/routes.ts'
import { forAgentLeads, withForAgentNames } from './foragent.ts'
import { grantRoutes } from './grants/routes.ts'
import { healthRoutes } from './health/routes.ts'
import { holdRoutes } from './holds/routes.ts'
import type { RelayHouse } from './house.ts'
import { listingRoutes } from './listing/routes.ts'
import { peerRoutes } from './peers/routes.ts'
import { requestRoutes } from './requests/routes.ts'
import { sandboxRoutes } from './sandbox/routes.ts'
import { threadRoutes } from './threads/routes.ts'

export const relayRoutes = (house: RelayHouse): Route[] =>
  withForAgentNames([
    ...cardRoutes(house),
    ...requestRoutes(house),
    ...grantRoutes(house),
    ...threadRoutes(house),
    ...peerRoutes(house),
    ...listingRoutes(house),
    ...sandboxRoutes(house),
    ...domainRoutes(house),
    ...healthRoutes(house),
    ...exportRoutes(house),
    ...erasureRoutes(house),
    ...holdRoutes(house),
  ])

/** At the root of the address, without `/api`: what stands at an agent's own base URL. */
export const relayRootRoutes = (house: RelayHouse): Route[] => [...cardRootRoutes(house), ...forAgentLeads(house)]
