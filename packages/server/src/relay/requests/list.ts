// The connection requests of a tenant: those that it was asked, and those that it asked of others.

import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { openCursor, pageOf } from '../../http/cursor.ts'
import { listBoth } from '../asked.ts'
import { ownOf } from '../grants/list.ts'
import { agentsOf } from '../grants/sql.ts'
import type { RelayHouse } from '../house.ts'
import type { Side } from '../model.ts'
import { sideOf } from '../party.ts'
import { askedRequests } from '../sql.ts'
import { conductOf } from './conduct.ts'
import { type ShownRequest, showRequest } from './show.ts'
import { findRequest, listRequests, type RequestRow, type RequestState } from './sql.ts'

export type RequestQuery = { side?: Side; state?: RequestState; agent?: string; limit: number; cursor?: string }
const READ = 'connection_request.read'

export async function listRequestsOf(house: RelayHouse, scope: Scope, { limit, cursor, ...filter }: RequestQuery) {
  const at = { tenantId: scope.tenantId, route: 'GET /connection-requests', filter }
  const now = house.db.now()
  const below = cursor === undefined ? null : openCursor<string>(house.keyring, at, cursor, now)
  const { state, agent, side } = filter
  const rows = await listBoth<RequestRow, ShownRequest>(
    house,
    scope,
    READ,
    {
      side,
      owned: (t, from, most) =>
        listRequests(
          t,
          scope,
          { ...(state ? { state } : {}), ...(agent ? { card: agent } : {}) },
          ownOf(scope, READ),
          from,
          most,
        ),
      asked: (t, from, most) => askedRequests(t, scope.tenantId, from, most),
      find: findRequest,
      fits: (row) => (state === undefined || row.state === state) && (agent === undefined || row.slug === agent),
      show: async (t, _scope, found, of) => {
        const known =
          of === 'owner'
            ? await conductOf(
                t,
                found.map((row) => row.asker_tenant),
              )
            : null
        return found.map((row) => showRequest(house, row, of, known?.get(row.asker_tenant)))
      },
      agentsOf: (t, userId) => agentsOf(t, scope, userId),
    },
    { below, limit: limit + 1 },
  )
  return pageOf(house.keyring, at, rows, { limit, now, position: (row) => row.id })
}

export const getRequest = (house: RelayHouse, scope: Scope, id: string): Promise<ShownRequest> =>
  tx(
    house.db,
    scope,
    async (t) => {
      const row = await findRequest(t, scope, id)
      if (!row) throw new Problem('not_found')
      const side = sideOf(scope)
      const known = side === 'owner' ? await conductOf(t, [row.asker_tenant]) : null
      return showRequest(house, row, side, known?.get(row.asker_tenant))
    },
    { readOnly: true },
  )
