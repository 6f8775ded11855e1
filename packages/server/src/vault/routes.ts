// The routes of this room, from the folders that hold them.
import type { Route } from '../http/route.ts'
import { connectionRoutes } from './connections/routes.ts'
import { grantRoutes } from './grants/routes.ts'
import type { VaultHouse } from './house.ts'
import { proposalRoutes } from './proposals/routes.ts'
import { providerRoutes } from './providers/routes.ts'
import { rotationRoutes } from './rotation/routes.ts'
import { runRoutes } from './runs/routes.ts'
import { selfRoutes } from './self/routes.ts'
import { vaultStatusRoutes } from './verify/routes.ts'

export const vaultRoutes = (house: VaultHouse): Route[] => [
  ...providerRoutes(house),
  ...connectionRoutes(house),
  ...rotationRoutes(house),
  ...proposalRoutes(house),
  ...grantRoutes(house),
  ...runRoutes(house),
  ...selfRoutes(house),
  ...vaultStatusRoutes(house),
]
