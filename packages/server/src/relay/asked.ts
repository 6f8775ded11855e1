// Lists of what lies in two places: with the owner, in this tenant, and what this tenant asked of others (relay.md R24). One order for both, newest first; each thing of another
// tenant is read there, as the party that this one is. Counts nothing and names nothing of anybody else's.
import { type Db, type Scope, type Tx, tx } from '../db/tx.ts'
import { reach } from '../identity/matrix.ts'
import type { Side } from './model.ts'
import { partyScope } from './party.ts'
import type { PlacedId } from './sql.ts'

const MOST_LOOKS = 5

type Found = { id: string; asker_agent: string | null; asker_tenant: string | null }
export type Listing<Row extends Found, Shown> = {
  side: Side | undefined
  /** Of the owner's side, below an id. */
  owned(t: Tx, below: string | null, limit: number): Promise<Row[]>
  /** Places of what this tenant asked for, below an id. */
  asked(t: Tx, below: string | null, limit: number): Promise<PlacedId[]>
  /** Inside of its owner's tenant. */
  find(t: Tx, scope: Scope, id: string): Promise<Row | null>
  /** What of the asking side is wanted. */
  fits(row: Row): boolean
  show(t: Tx, scope: Scope, rows: Row[], side: Side): Promise<Shown[]>
  /** Agents of this person alone. */
  agentsOf(t: Tx, userId: string): Promise<string[]>
}

/** One more than `limit`, where there is one. */
export async function listBoth<Row extends Found, Shown extends { id: string }>(
  house: { db: Db },
  scope: Scope,
  action: string,
  listing: Listing<Row, Shown>,
  { below, limit }: { below: string | null; limit: number },
): Promise<Shown[]> {
  const owned =
    listing.side === 'caller'
      ? []
      : await tx(house.db, scope, async (t) => listing.show(t, scope, await listing.owned(t, below, limit), 'owner'), {
          readOnly: true,
        })
  if (listing.side === 'owner') return owned
  const mine = await ownAgents(house, scope, action, listing)
  const asked: Shown[] = []
  let from = below
  for (let look = 0; look < MOST_LOOKS && asked.length < limit; look++) {
    const places = await tx(house.db, scope, (t) => listing.asked(t, from, limit), { readOnly: true })
    for (const place of places) {
      const shown = await readThere(house, scope, place, listing, mine)
      if (shown) asked.push(shown)
    }
    if (places.length < limit) break
    from = (places.at(-1) as PlacedId).id
  }
  // Where both sides are this tenant, it is listed once: as what lies here, unless the asking side was asked for.
  const here = new Set(owned.map(({ id }) => id))
  return [...owned, ...asked.filter(({ id }) => !here.has(id))].sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, limit)
}

/** Null: all of the tenant's. */
async function ownAgents<Row extends Found, Shown>(
  house: { db: Db },
  scope: Scope,
  action: string,
  listing: Pick<Listing<Row, Shown>, 'agentsOf'>,
): Promise<readonly string[] | null> {
  if (scope.agentId !== null) return [scope.agentId]
  if (reach(scope, action) !== 'own') return null
  const { userId } = scope
  return userId === null ? [] : tx(house.db, scope, (t) => listing.agentsOf(t, userId), { readOnly: true })
}

async function readThere<Row extends Found, Shown>(
  house: { db: Db },
  scope: Scope,
  { tenant_id, id }: PlacedId,
  listing: Listing<Row, Shown>,
  mine: readonly string[] | null,
): Promise<Shown | null> {
  const there = partyScope(scope, { tenant_id, tenant_state: 'active', party: id, label: '' }, [])
  return tx(
    house.db,
    there,
    async (t) => {
      const row = await listing.find(t, there, id)
      if (!row || !listing.fits(row) || (mine !== null && !mine.includes(row.asker_agent ?? ''))) return null
      return (await listing.show(t, there, [row], 'caller'))[0] ?? null
    },
    { readOnly: true },
  )
}
