// Which names a tenant's own settings stand for. Pure.
import { type RoutingRow, RUNNERS } from './sql.ts'

export const poolKey = (id: string): string => `pool:${id}`

/** Who gets what reaches nobody. */
export const fallbackKeys = ({ fallback_pool_id }: RoutingRow): string[] =>
  fallback_pool_id === null ? [RUNNERS] : [poolKey(fallback_pool_id)]
