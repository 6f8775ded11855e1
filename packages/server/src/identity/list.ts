// A list that goes by id, as every room's lists look from outside. Reads no row by itself.
import type * as z from 'zod'
import { openCursor, pageOf } from '../http/cursor.ts'
import { type Ask, type Head, type Route, type RouteSpec, route, s } from '../http/route.ts'
import type { Shape } from '../http/schema.ts'
import type { IdentityHouse } from './house.ts'

/** Lists that go by id: reads the cursor, asks for one row more, seals the next. */
export function listOf(house: IdentityHouse) {
  return <T extends { id: string }>(
    head: Head,
    spec: Omit<RouteSpec, 'answers' | 'query'> & { query?: Shape; item: z.ZodType },
    rows: (ask: Ask<Shape, Shape>, page: { from: string | null; limit: number }) => Promise<T[]>,
  ): Route => {
    const { item, query: filters = {}, ...rest } = spec
    return route(
      head,
      { ...rest, query: { ...s.page(), ...filters }, answers: { 200: s.list(item) } } as RouteSpec,
      async (given) => {
        const ask = given as Ask<Shape, Shape>
        const { limit, cursor, ...filter } = ask.query as { limit: number; cursor?: string }
        const at = { tenantId: ask.scope.tenantId, route: head, filter }
        const now = house.db.clock.now()
        const from = cursor === undefined ? null : openCursor<string>(house.keyring, at, cursor, now)
        return pageOf(house.keyring, at, await rows(ask, { from, limit: limit + 1 }), { limit, now, position: (row) => row.id })
      },
    )
  }
}
