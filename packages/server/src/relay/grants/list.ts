// The relay grants of a tenant, as owner and as asking side.
import type { Scope } from '../../db/scope.ts'
import { openCursor, pageOf } from '../../http/cursor.ts'
import { reach } from '../../identity/matrix.ts'
import { listBoth } from '../asked.ts'
import type { RelayHouse } from '../house.ts'
import type { Side } from '../model.ts'
import { askedGrants } from '../sql.ts'
import { type ShownGrant, showGrants } from './show.ts'
import { agentsOf, findGrant, type GrantRow, type GrantState, listGrants, type Own } from './sql.ts'

export type GrantQuery = { side?: Side; state?: GrantState; agent?: string; limit: number; cursor?: string }

export async function listGrantsOf(
  house: Pick<RelayHouse, 'db' | 'keyring'>,
  scope: Scope,
  { limit, cursor, ...filter }: GrantQuery,
) {
  const at = { tenantId: scope.tenantId, route: 'GET /relay-grants', filter }
  const now = house.db.now()
  const below = cursor === undefined ? null : openCursor<string>(house.keyring, at, cursor, now)
  const { state, agent, side } = filter
  const rows = await listBoth<GrantRow, ShownGrant>(
    house,
    scope,
    'relay_grant.read',
    {
      side,
      owned: (t, from, most) =>
        listGrants(
          t,
          scope,
          { ...(state ? { state } : {}), ...(agent ? { card: agent } : {}) },
          ownOf(scope, 'relay_grant.read'),
          from,
          most,
        ),
      asked: (t, from, most) => askedGrants(t, scope.tenantId, from, most),
      find: findGrant,
      fits: (row) => (state === undefined || row.state === state) && (agent === undefined || row.slug === agent),
      show: showGrants,
      agentsOf: (t, userId) => agentsOf(t, scope, userId),
    },
    { below, limit: limit + 1 },
  )
  return pageOf(house.keyring, at, rows, { limit, now, position: (row) => row.id })
}

export const ownOf = (scope: Scope, action: string): Own =>
  reach(scope, action) === 'own'
    ? { user: scope.agentId === null ? scope.userId : null, agent: scope.agentId }
    : { user: null, agent: null }
