// The routes of this room, from the folders that hold them.
import type { Route } from '../http/route.ts'
import type { VaultHouse } from './house.ts'

export const vaultRoutes = (_house: VaultHouse): Route[] => []
