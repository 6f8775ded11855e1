// What the asking side does with its connection request (relay.md C5, R25): takes it back, or fetches the token, once. The token is made at that moment and never before, so that
// it exists at the one who uses it alone.
import { Problem } from '@countersign/sdk'
import { once, type Scope, tx } from '../../db/tx.ts'
import { reach, scopeOf } from '../../identity/matrix.ts'
import { refuseEnded, takeGrant } from '../grants/grant.ts'
import { restartGrantIf } from '../grants/sql.ts'
import { mintToken } from '../grants/token.ts'
import type { RelayHouse } from '../house.ts'
import { partyScope } from '../party.ts'
import { ownsAgent, type Place, relayPlace } from '../sql.ts'
import { type Deciding, deciding } from './deciding.ts'
import { tellRequest } from './request.ts'
import { type ShownRequest, showRequest } from './show.ts'
import { findRequest, issueIfNot, lockRequest } from './sql.ts'
import { takeBack } from './withdraw.ts'

const ASK = 'connection_request.create'

/** `RouteSpec.enter`: of whoever asked, also where both sides are one tenant. */
export const enterAsking =
  (house: Pick<RelayHouse, 'db'>) =>
  async (scope: Scope, params: { id?: string }): Promise<Scope> => {
    const [place] = await once<Place>(house.db, relayPlace(params.id ?? ''))
    if (!place?.party.startsWith('creq_')) throw new Problem('not_found')
    const isOwner = place.tenant_id === scope.tenantId
    if (place.asker_tenant !== scope.tenantId) throw new Problem(isOwner ? 'not_participant' : 'not_found')
    const mine = scope.agentId === null || scope.agentId === place.asker_agent
    const may = reach(scope, ASK)
    const owns =
      may !== 'own' || (await tx(house.db, scope, (t) => ownsAgent(t, scope, place.asker_agent), { readOnly: true })).own
    if (!mine || !owns) throw new Problem(isOwner ? 'not_participant' : 'not_found')
    return partyScope(scope, place, may === 'none' ? [] : [scopeOf(ASK)])
  }

/** Taken back already stays taken back. */
export const withdrawRequest = (house: RelayHouse, caller: Scope, id: string): Promise<ShownRequest> => {
  const own: Deciding = { withdrawn: true }
  const scope: Scope = { ...caller }
  deciding.set(scope, own)
  return tx(house.db, scope, async (t) => {
    const row = await findRequest(t, scope, id)
    if (!row) throw new Problem('not_found')
    await takeBack(house, t, scope, row)
    if (own.reply) return own.reply.connection_request
    const now = await findRequest(t, scope, id)
    if (now?.state !== 'withdrawn') throw new Problem('request_already_decided', { state: now?.state ?? row.state })
    return showRequest(house, now, 'caller')
  })
}

export type Collected = { relay_token: string; relay_grant_id: string; expires_at: Date }

export const collectToken = (house: RelayHouse, caller: Scope, id: string): Promise<Collected> => {
  // Grant and token are rows of another party than the request, so that this one is held by its statements.
  const scope: Scope = { ...caller, relayParty: undefined }
  return tx(house.db, scope, async (t) => {
    const row = await lockRequest(t, scope, id)
    if (!row) throw new Problem('not_found')
    if (row.state !== 'approved' || row.relay_grant_id === null) throw new Problem('state_conflict', { state: row.state })
    if (row.issued_at !== null) throw new Problem('token_already_issued', { state: row.state, issued_at: row.issued_at })
    const before = await takeGrant(t, scope, row.relay_grant_id)
    refuseEnded(before, t.now)
    const grant = await restartGrantIf(t, scope, row.relay_grant_id, 'active', before.ends_at)
    if (!grant) throw new Problem('grant_ended', { state: before.state })
    const issued = await issueIfNot(t, scope, id)
    if (!issued) throw new Problem('token_already_issued', { state: row.state })
    const { token, expiresAt } = await mintToken(t, scope, grant)
    await tellRequest(house, t, scope, 'connection_request.collected', issued, { relay_grant_id: grant.id })
    return { relay_token: token, relay_grant_id: grant.id, expires_at: expiresAt }
  })
}
