// Pages of the engine's lists: its position sealed into our cursor, so that nobody can make, alter or move one (P10).
import type { Scope } from '../db/scope.ts'
import type { Tx } from '../db/tx.ts'
import { openCursor, sealCursor } from '../http/cursor.ts'
import type { Json } from '../http/json.ts'
import type { JobsHouse } from './house.ts'

export type PageQuery = { limit: number; cursor?: string }
export type Page<T> = { data: T[]; next_cursor: string | null }
/** What the engine answers: rows and where to go on, null at the end. */
export type EnginePage<T, M = string> = { data: T[]; next_cursor: M | null }

export async function pageThrough<T, M extends Json = string>(
  house: JobsHouse,
  t: Tx,
  scope: Scope,
  { route, filter, query }: { route: string; filter: unknown; query: PageQuery },
  read: (after: M | undefined, limit: number) => Promise<EnginePage<T, M>>,
): Promise<Page<T>> {
  const at = { tenantId: scope.tenantId, route, filter: { filter, by: scope.principal } }
  const after = query.cursor === undefined ? undefined : openCursor<M>(house.keyring, at, query.cursor, t.now)
  const page = await read(after, query.limit)
  return { data: page.data, next_cursor: page.next_cursor && sealCursor(house.keyring, at, page.next_cursor, t.now) }
}

/** A list that has no end worth paging: all of it. */
export const whole = <T>(data: T[]): Page<T> => ({ data, next_cursor: null })
