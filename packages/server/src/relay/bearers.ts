// Relay tokens and thread tokens as credentials (relay.md R26, R38, R114). Either opens the routes that name its kind and nothing else; what a token opens is read at each request,
// so a revocation counts from its commit. Never looks up a token whose checksum is wrong.
import { Problem } from '@countersign/sdk'
import type { Proof } from '../crypto/dpop.ts'
import { parseKey, sha256 } from '../crypto/token.ts'
import { type Proven, type Scope, systemScope } from '../db/scope.ts'
import { type Db, once, tx } from '../db/tx.ts'
import type { RequestInfo, Route } from '../http/route.ts'
import { together } from '../http/together.ts'
import type { GuestBearer } from '../identity/house.ts'
import { findRole } from '../identity/policies/sql.ts'
import { partyScope } from './party.ts'
import {
  type ProofVerdict,
  type RelayTokenInUse,
  type ThreadTokenInUse,
  useRelayProof,
  useRelayTokens,
  useThreadToken,
} from './sql.ts'

/** Of a thread token: what its side may do with it. */
const THREAD_SCOPES = {
  caller: ['threads:read', 'threads:close', 'threads:send', 'threads:subscribe'],
  owner: ['threads:read', 'threads:close', 'threads:respond'],
} as const

export type TokenScope = Scope & {
  /** `rtk_…` or `ttk_…` */
  readonly relayToken: string
  /** The agent that a relay token opens. */
  readonly relaySlug?: string
  /** Of a thread token: when the first of its line was minted, and by whom (R38). */
  readonly firstMintedAt?: Date
  readonly mintedBy?: string
}
export const isTokenScope = (scope: Scope): scope is TokenScope => 'relayToken' in scope

type House = { db: Db }
type Info = Pick<RequestInfo, 'id' | 'path'> & { address?: string }

export const relayBearers = (house: House): GuestBearer[] =>
  (['live', 'test'] as const).flatMap((environment) => [
    {
      prefix: `cs_${environment}_rly_`,
      unseenWhereOpen: true as const,
      judgesProof: true as const,
      scopeOf: (request: Info, token: string, route: Route | undefined, proof: Proof | null) =>
        scopeOfRelayToken(house, request, token, { route, proof }),
    },
    {
      prefix: `cs_${environment}_thr_`,
      unseenWhereOpen: true as const,
      scopeOf: (request: Info, token: string, route: Route | undefined) => scopeOfThreadToken(house, request, token, route),
    },
  ])

const anonymous = (request: Info): Scope => ({ ...systemScope('anonymous'), requestId: request.id })

type Shown = { route: Route | undefined; proof: Proof | null }

async function scopeOfRelayToken(house: House, request: Info, token: string, { route, proof }: Shown): Promise<Scope> {
  const found = parseKey(token) ? await askToken(house.db, { hash: sha256(token), address: inetOf(request.address) }) : undefined
  if (!found || found.tenant_state === 'erased') throw new Problem('key_invalid')
  refuseRoute(route, 'relay')
  if (found.ended || found.grant_state === 'revoked') throw new Problem('key_revoked')
  if (found.expired || found.grant_over || found.grant_state === 'expired') throw new Problem('key_expired')
  if (!found.address_allowed) throw new Problem('token_binding_failed')
  refuseHolder(found)
  const scope = tokenScope(anonymous(request), found, found.scopes, { relayToken: found.id, relaySlug: found.slug })
  const proven = await provenBy(house, found, proof)
  return proven ? { ...scope, proof: proven } : scope
}

type Credential = { hash: Buffer; address: string | null }
const ASKING = 2
const asking = new WeakMap<Db, (one: Credential) => Promise<RelayTokenInUse | undefined>>()

/** Whoever comes while a look-up is under way is answered by the next one, as with keys; what a token opens is read at each request all the same. */
function askToken(db: Db, credential: Credential): Promise<RelayTokenInUse | undefined> {
  const ask = asking.get(db) ?? together({ groupOf: () => '', atOnce: ASKING, run: (all) => findTokens(db, all) })
  asking.set(db, ask)
  return ask(credential)
}

async function findTokens(db: Db, all: readonly Credential[]): Promise<(RelayTokenInUse | undefined)[]> {
  const names = all.map(({ hash, address }) => `${hash.toString('hex')} ${address}`)
  const asked = [...new Map(all.map((one, i) => [names[i] as string, one]))].sort(([a], [b]) => (a < b ? -1 : 1))
  const rows = await once<RelayTokenInUse & { nth: number }>(
    db,
    useRelayTokens(
      asked.map(([, one]) => one.hash),
      asked.map(([, one]) => one.address),
    ),
  )
  const found = new Map(rows.map((row) => [asked[row.nth - 1]?.[0], row]))
  return names.map((name) => found.get(name))
}

/** One that is bound to a key works with a proof of that key alone, and each proof once; one that is not has no use for a proof. */
async function provenBy(house: House, { dpop_jkt: bound }: RelayTokenInUse, proof: Proof | null): Promise<Proven | null> {
  if (bound === null && proof === null) return null
  if (bound === null) throw new Problem('proof_invalid', { reason: 'unknown_key' })
  if (proof?.key.thumbprint !== bound) throw new Problem('token_binding_failed')
  const [seen] = await once<ProofVerdict>(house.db, useRelayProof({ thumbprint: bound, id: proof.id, issuedAt: proof.issuedAt }))
  const { verdict, at } = seen as ProofVerdict
  if (verdict === 'replayed') throw new Problem('proof_replayed')
  if (verdict !== 'fresh') throw new Problem('proof_invalid', { reason: verdict === 'stale' ? 'time' : 'recovered', now: at })
  return { thumbprint: bound, digest: proof.digest, nonce: null }
}

async function scopeOfThreadToken(house: House, request: Info, token: string, route: Route | undefined): Promise<Scope> {
  const [found] = parseKey(token) ? await once<ThreadTokenInUse>(house.db, useThreadToken(sha256(token))) : []
  if (!found || found.tenant_state === 'erased') throw new Problem('key_invalid')
  refuseRoute(route, 'thread')
  if (found.expired) throw new Problem('key_expired')
  refuseHolder(found)
  const { side, thread_id: threadId, first_minted_at: firstMintedAt } = found
  const own = { relayToken: found.id, relaySide: side, relayThread: threadId, firstMintedAt, mintedBy: found.minted_by }
  const scope = tokenScope(anonymous(request), found, THREAD_SCOPES[side], own, threadId)
  return side === 'caller' ? callerScope(house, scope, found.minted_by) : ownerScope(house, scope, found.minted_by)
}

/** The caller's side is its agent, whoever minted the token; at home it stays the person who did, and only while they belong there (R124). */
async function callerScope(house: House, scope: TokenScope, mintedBy: string): Promise<TokenScope> {
  const home = scope.relayFrom
  if (!home || !mintedBy.startsWith('usr_')) return scope
  await roleOf(house, home, mintedBy)
  return { ...scope, actorAtHome: { type: 'user', id: mintedBy } }
}

/** The owner's side acts in its own tenant as who minted the token, and only while they belong there; the confinement to the one relay grant stays. */
async function ownerScope(house: House, scope: TokenScope, mintedBy: string): Promise<TokenScope> {
  const { isForeign: _own, ...rest } = scope
  const own = { ...rest, actor: actorOf(mintedBy), displayName: 'thread token' }
  if (own.actor.type !== 'user') return own
  return { ...own, principal: mintedBy, userId: mintedBy, role: await roleOf(house, scope.tenantId, mintedBy) }
}

async function roleOf(house: House, tenantId: string, userId: string): Promise<Scope['role']> {
  const inside = systemScope('relay', tenantId)
  const found = await tx(house.db, inside, (t) => findRole(t, inside, userId), { readOnly: true })
  if (!found) throw new Problem('key_revoked')
  return found.role as Scope['role']
}

/** What a tenant takes from its agent's keys it takes from the tokens that the agent holds or minted. */
function refuseHolder({ agent_state: agent, asker_state: asker }: Pick<Found, 'agent_state' | 'asker_state'>): void {
  if (agent === 'revoked' || asker === 'erased') throw new Problem('key_revoked')
  if (agent === 'paused') throw new Problem('forbidden', { detail: 'The agent of this token is paused.' })
}

/** A valid credential of a kind that the route never takes (R114). */
function refuseRoute(route: Route | undefined, kind: 'relay' | 'thread'): void {
  const accepted = route?.spec.credentials ?? []
  if (!accepted.includes(kind)) throw new Problem('wrong_token_kind', { accepted: [...accepted] })
}

type Found = Pick<
  RelayTokenInUse,
  'tenant_id' | 'tenant_state' | 'relay_grant_id' | 'label' | 'asker_agent' | 'asker_tenant' | 'asker_state' | 'agent_state'
>

const tokenScope = (
  base: Scope,
  found: Found,
  scopes: readonly string[],
  own: Pick<TokenScope, 'relayToken' | 'relaySlug' | 'firstMintedAt' | 'mintedBy'> & Partial<Pick<Scope, 'relaySide'>>,
  threadId?: string,
): TokenScope => ({
  ...partyScope(base, { ...found, tenant_state: stateFor(found, own.relaySide), party: found.relay_grant_id }, scopes, threadId),
  actor: found.asker_agent === null ? { type: 'key', id: found.relay_grant_id } : { type: 'agent', id: found.asker_agent },
  ...own,
})

/** Whose tenant is suspended writes nothing, and where a tenant is suspended nobody does (P11). */
const stateFor = ({ tenant_state: own, asker_state: asker }: Found, side: Scope['relaySide'] = 'caller'): string =>
  side === 'caller' && own === 'active' && asker !== null ? asker : own

const TYPES = { usr: 'user', agt: 'agent', key: 'key' } as const
/** One that rode on a delivery is the agent's that it was delivered to: nobody minted it. */
const actorOf = (id: string): Scope['actor'] => ({ type: TYPES[id.slice(0, 3) as keyof typeof TYPES] ?? 'system', id })

/** As PostgreSQL reads it; who comes from nowhere that a list could name has none. */
const inetOf = (address: string | undefined): string | null =>
  address !== undefined && /^[0-9a-f.:/]+$/i.test(address) ? address : null
