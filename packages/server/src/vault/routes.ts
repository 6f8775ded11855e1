// The routes of this room, from the folders that hold them.
import type { Route } from '../http/route.ts'
import { connectionRoutes } from './connections/routes.ts'
import type { VaultHouse } from './house.ts'

export const vaultRoutes = (house: VaultHouse): Route[] => [...connectionRoutes(house)]
