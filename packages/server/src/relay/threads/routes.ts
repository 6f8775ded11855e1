// The native routes of threads (relay.md §3): callers start, send and follow; the owner's side answers, claims and settles. A relay token starts and sends; reading needs a thread
// token or a key (R114).
import type { Route } from '../../http/route.ts'
import { endpointRoutes } from '../endpoints/routes.ts'
import type { RelayHouse } from '../house.ts'
import { callerRoutes } from './caller-routes.ts'
import { ownerRoutes } from './owner-routes.ts'
import { readingRoutes } from './reading-routes.ts'

export const threadRoutes = (house: RelayHouse): Route[] => [
  ...callerRoutes(house),
  ...readingRoutes(house),
  ...endpointRoutes(house),
  ...ownerRoutes(house),
]
