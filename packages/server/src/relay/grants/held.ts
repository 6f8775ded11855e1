// What a relay token says of itself, and how it is given up or exchanged by whoever holds it or stands on one of its two sides (relay.md R28; RFC 7662, RFC 7009). Of a token
// that is unknown, over or somebody else's the answer is the same.
import { Problem } from '@countersign/sdk'
import { parseKey, sha256 } from '../../crypto/token.ts'
import { type Scope, systemScope } from '../../db/scope.ts'
import { once, type Tx, tx } from '../../db/tx.ts'
import { isTokenScope } from '../bearers.ts'
import type { RelayHouse } from '../house.ts'
import { enterThing } from '../party.ts'
import { tellOther, tellOwner } from '../tell.ts'
import { type Rotation, rotateByToken, rotateGrant } from './rotate.ts'
import { isOver } from './show.ts'
import { endTokenIfLive, findGrant, findToken, type TokenPlace, tokenPlace } from './sql.ts'

type Held = { scope: Scope; tokenId: string; grantId: string }

/** The token that is meant, inside of the tenant where it lies. Null: there is none that this caller may speak of. */
async function heldBy(
  house: Pick<RelayHouse, 'db'>,
  scope: Scope,
  token: string | undefined,
  action: string,
): Promise<Held | null> {
  if (isTokenScope(scope)) {
    const place = token === undefined ? null : await placeOf(house, token)
    // A relay token speaks for itself alone.
    if (token !== undefined && place?.id !== scope.relayToken) return null
    return { scope, tokenId: scope.relayToken, grantId: scope.relayParty as string }
  }
  if (token === undefined)
    throw new Problem('validation_failed', { errors: [{ path: '/token', code: 'required', message: 'Send the token.' }] })
  const place = await placeOf(house, token)
  if (!place) return null
  try {
    const entered = await enterThing(house as RelayHouse, scope, place.relay_grant_id, action)
    return { scope: entered.scope, tokenId: place.id, grantId: place.relay_grant_id }
  } catch (error) {
    if (error instanceof Problem && error.code === 'not_found') return null
    throw error
  }
}

async function placeOf(house: Pick<RelayHouse, 'db'>, token: string): Promise<TokenPlace | null> {
  if (parseKey(token)?.kind !== 'rly') return null
  const [place] = await once<TokenPlace>(house.db, tokenPlace(sha256(token)))
  return place ?? null
}

export async function introspect(house: Pick<RelayHouse, 'db'>, scope: Scope, token: string | undefined) {
  const held = await heldBy(house, scope, token, 'relay_grant.read')
  if (!held) return { active: false as const }
  return tx(house.db, held.scope, (t) => say(t, held), { readOnly: true })
}

const seconds = (at: Date): number => Math.floor(at.getTime() / 1_000)

async function say(t: Tx, { scope, tokenId, grantId }: Held) {
  const [row, grant] = [await findToken(t, scope, tokenId), await findGrant(t, scope, grantId)]
  if (!row || !grant) return { active: false as const }
  const active = row.is_live && !isOver(grant, t.now)
  const ends = row.ends_at !== null && row.ends_at < row.expires_at ? row.ends_at : row.expires_at
  return {
    active,
    scope: row.scopes.join(' '),
    ...(grant.asker_agent === null ? {} : { client_id: grant.asker_agent }),
    token_type: grant.dpop_jkt === null ? ('Bearer' as const) : ('DPoP' as const),
    exp: seconds(ends),
    iat: seconds(row.created_at),
    sub: grant.asker_agent ?? grant.id,
    aud: grant.slug,
    ...(grant.dpop_jkt === null ? {} : { cnf: { jkt: grant.dpop_jkt } }),
    relay_grant: grant.id,
    agent: grant.slug,
    scopes: row.scopes,
    state: grant.state,
    is_expired: !active,
    expires_at: ends,
    last_used_on: row.last_used_on,
    last_used_at: row.last_used_on === null ? null : `${row.last_used_on}T00:00:00.000Z`,
    prefix: row.prefix,
    last_four: row.last_four,
  }
}

/** As RFC 7009 has it: one that does not count any more is not told apart from one that never did. */
export async function giveUp(
  house: Pick<RelayHouse, 'db'>,
  scope: Scope,
  token: string | undefined,
): Promise<Record<string, never>> {
  const held = await heldBy(house, scope, token, 'relay_grant.revoke')
  if (!held) return {}
  return tx(house.db, { ...held.scope, beforeCommit: scope.beforeCommit }, async (t) => {
    await endOne(t, held.scope, held, 'given_up')
    return {}
  })
}

async function endOne(
  t: Tx,
  scope: Scope,
  { tokenId, grantId }: Pick<Held, 'tokenId' | 'grantId'>,
  reason: 'given_up' | 'exposed',
): Promise<void> {
  const ended = await endTokenIfLive(t, scope, tokenId)
  const grant = ended && (await findGrant(t, scope, grantId))
  if (!grant) return
  const data = { relay_token_id: tokenId, relay_grant_id: grantId, agent: grant.slug, reason }
  const options = { resource: { type: 'relay_grant', id: grantId } }
  await tellOwner(t, scope, grant, 'relay_token.revoked', data, options)
  await tellOther(t, scope, grant, 'relay_grant.updated', { ...data, fields: ['tokens'] }, options)
}

/** Seen where others can read it (P59). The grant stays: its owner or its caller rotates it. */
export const endLeaked =
  (house: Pick<RelayHouse, 'db'>) =>
  async (token: string): Promise<void> => {
    const place = await placeOf(house, token)
    if (!place) return
    const scope = systemScope('exposure', place.tenant_id)
    await tx(house.db, scope, (t) => endOne(t, scope, { tokenId: place.id, grantId: place.relay_grant_id }, 'exposed'))
  }

export async function rotateHeld(house: RelayHouse, scope: Scope, token: string | undefined, rotation: Rotation) {
  const held = await heldBy(house, scope, token, 'relay_grant.rotate')
  if (!held) throw new Problem('not_found')
  const inside = { ...held.scope, beforeCommit: scope.beforeCommit }
  return isTokenScope(scope)
    ? rotateByToken(house, inside, held.grantId, rotation)
    : rotateGrant(house, inside, held.grantId, rotation)
}
