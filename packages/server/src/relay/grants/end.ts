// How a relay grant ends: revoked by either side, or because its time is over (relay.md G2, G3). From the commit on nothing is accepted under it; its open threads end in the same
// transaction, up to a thousand, and a job takes the rest at once. The card and what was said stay readable.
import { enqueue } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { withdrawAsksOfGrant } from '../asks/ask.ts'
import { tellGrantWide } from '../endpoints/tell.ts'
import { endHeldOfGrant } from '../held/end.ts'
import type { RelayHouse } from '../house.ts'
import { sideOf } from '../party.ts'
import { endThreadsOfGrant } from '../threads/end.ts'
import { judgedGrant } from './act.ts'
import { tellGrant } from './grant.ts'
import { endGrantIfActive, endTokens, findGrant, type GrantRow } from './sql.ts'

export const AT_ONCE = 1_000
export const END_THREADS = 'relay.grant_threads'

export type Revoked = { state: GrantRow['state']; threads_revoked: number }

/** What has ended already stays as it ended. */
export const revokeGrant = (house: RelayHouse, scope: Scope, id: string, reason: string | null): Promise<Revoked> =>
  judgedGrant(house, scope, { action: 'relay_grant.revoke', resource: id, body: {} }, async (t) => {
    // The questions first, then the relay grant: whoever decides one takes them in that order.
    await withdrawAsksOfGrant(house, t, scope, id)
    const revoked = await endGrantIfActive(t, scope, id, 'revoked', reason)
    if (revoked) return { state: 'revoked', threads_revoked: await settle(house, t, scope, revoked, 'relay_grant.revoked') }
    const row = await findGrant(t, scope, id)
    if (!row) throw new Problem('not_found')
    return { state: row.state, threads_revoked: 0 }
  })

async function settle(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  row: GrantRow,
  type: 'relay_grant.revoked' | 'relay_grant.expired',
): Promise<number> {
  await endTokens(t, scope, row.id, t.now)
  const reason = type === 'relay_grant.revoked' ? 'grant_revoked' : 'grant_expired'
  const ended = await endThreadsOfGrant(house, t, scope, row.id, reason, AT_ONCE)
  if (ended === AT_ONCE) await enqueueRest(t, scope, row.id)
  await endHeldOfGrant(house, t, scope, row, reason)
  const by = { by: scope.actor.type === 'system' ? 'system' : sideOf(scope), threads: ended }
  // Of one that has expired its threads tell.
  if (type === 'relay_grant.revoked') await tellGrantWide(house, t, scope, type, row, by)
  else await tellGrant(t, scope, type, row, by)
  return ended
}

const enqueueRest = (t: Tx, scope: Scope, id: string) =>
  enqueue(t, { kind: END_THREADS, tenantId: scope.tenantId, payload: { relay_grant_id: id } })

/** The next thousand of one that has ended. */
export const endRest = (house: RelayHouse, tenantId: string, id: string): Promise<number> => {
  const scope = systemScope('relay', tenantId)
  return tx(house.db, scope, async (t) => {
    const row = await findGrant(t, scope, id)
    if (!row || row.state === 'active') return 0
    const ended = await endThreadsOfGrant(
      house,
      t,
      scope,
      id,
      row.state === 'revoked' ? 'grant_revoked' : 'grant_expired',
      AT_ONCE,
    )
    if (ended === AT_ONCE) await enqueueRest(t, scope, id)
    return ended
  })
}

/** Of one whose time is over: by whoever comes first, the job or somebody who has to know. Null: it is not, or it had ended before. */
export async function expireIn(house: RelayHouse, t: Tx, scope: Scope, id: string): Promise<GrantRow | null> {
  const row = await endGrantIfActive(t, scope, id, 'expired', null)
  if (row) await settle(house, t, systemScope('relay', scope.tenantId), row, 'relay_grant.expired')
  return row
}

export const expireGrant = (house: RelayHouse, tenantId: string, id: string): Promise<GrantRow | null> => {
  const scope = systemScope('relay', tenantId)
  return tx(house.db, scope, (t) => expireIn(house, t, scope, id))
}
