// What the asking side does with its connection request (relay.md C5, R25): takes it back, or fetches the token, once. The token is made at that moment and never before, so that
// it exists at the one who uses it alone.
import { Problem } from '@countersign/sdk'
import { across } from '../../db/across.ts'
import { systemScope } from '../../db/scope.ts'
import { once, type Scope, type Tx, tx } from '../../db/tx.ts'
import { reach, scopeOf } from '../../identity/matrix.ts'
import { withdrawTaskIn } from '../../tasks/change.ts'
import { refuseEnded, takeGrant } from '../grants/grant.ts'
import { restartGrantIf } from '../grants/sql.ts'
import { mintToken } from '../grants/token.ts'
import type { RequestOf } from '../held/end.ts'
import type { RelayHouse } from '../house.ts'
import { partyScope } from '../party.ts'
import { ownsAgent, type Place, relayPlace } from '../sql.ts'
import { tellRequest } from './request.ts'
import { type Deciding, deciding } from './settle.ts'
import { type ShownRequest, showRequest } from './show.ts'
import { findRequest, issueIfNot, lockRequest, type RequestRow } from './sql.ts'

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

/** The task first, as whoever decides it does: two that meet wait for one another in one order. */
async function takeBack(house: RelayHouse, t: Tx, scope: Scope, row: Pick<RequestRow, 'state' | 'task_id'>): Promise<void> {
  if (row.state === 'pending' && row.task_id !== null)
    await withdrawTaskIn(house.tasks, t, scope, row.task_id, 'Whoever asked has taken it back.')
}

/** With the thread of the message that it was made of, in the transaction that ends that. */
export async function withdrawWith(house: RelayHouse, t: Tx, from: Scope, of: RequestOf): Promise<void> {
  const scope: Scope = {
    ...systemScope('relay', of.owner_tenant),
    ...{ principal: of.request_id, actor: { type: 'agent', id: of.agent_id }, relayParty: of.request_id },
    ...{ relaySide: 'caller', relayFrom: from.tenantId, isForeign: true },
  }
  deciding.set(scope, { withdrawn: true, end: of.end })
  await across(t, from, scope, async () => {
    const row = await findRequest(t, scope, of.request_id)
    if (row) await takeBack(house, t, scope, row)
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
    await tellRequest(t, scope, 'connection_request.collected', issued, { relay_grant_id: grant.id })
    return { relay_token: token, relay_grant_id: grant.id, expires_at: expiresAt }
  })
}
