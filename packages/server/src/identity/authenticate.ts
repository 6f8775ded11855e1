// From a request to a scope: a key in the Authorization header, with a proof or without (V134), else a session in the cookie (P24, P54, T62). Reads the role of this moment;
// nothing of the answer outlives the request. Never accepts a session's token as bearer, a key from a URL, or two credentials at once.
import { Problem } from '@countersign/sdk'
import { parseKey, sha256 } from '../crypto/token.ts'
import { type Proven, type Scope, systemScope } from '../db/scope.ts'
import type { Sql } from '../db/sql.ts'
import { type Db, once, tx } from '../db/tx.ts'
import { isMutating, isStream, type RequestInfo, type Route } from '../http/route.ts'
import { together } from '../http/together.ts'
import type { IdentityHouse } from './house.ts'
import type { KeyScope } from './matrix.ts'
import { traced } from './origin.ts'
import { dpopCredential, type Shown, shownProof, spendProof, THUMBPRINT } from './proofs/check.ts'
import { refuseUnclaimed } from './proofs/registration.ts'
import { cookieName, endReplayed, endSession } from './session.ts'
import { type AskedKey, findLiveSession, type KeyInUse, type LiveSession, seeKeys, seeSession, useKeys } from './sql.ts'

/** What a session's scope says beside who it is: its browser is due for a new token (P26). */
export type SessionScope = Scope & { readonly rotationDue: boolean }
type Asked = Pick<RequestInfo, 'id' | 'method' | 'path' | 'query' | 'address' | 'header' | 'cookie'> &
  Partial<Pick<RequestInfo, 'client'>>

const SESSION_TOKEN = /^[A-Za-z0-9_-]{43}$/
// Two, so that one look-up that is slow holds nobody else up.
const ASKING = 2
// One space, nothing before it but the scheme in any case.
const BEARER = /^bearer (.*)$/i

/** null: no credential was sent. A credential that does not count is a problem, never nobody. */
export async function authenticate(house: IdentityHouse, request: Asked, route?: Route): Promise<Scope | null> {
  const scope = await findScope(house, request, route)
  if (scope) guardState(scope, request, route)
  return scope && traced(house, { ...scope, address: inetOf(request.address) }, request)
}

async function findScope(house: IdentityHouse, request: Asked, route: Route | undefined): Promise<Scope | null> {
  const bearer = bearerOf(request)
  if (bearer !== undefined) {
    // What the text alone tells costs no call of the database, and who was refused for it learns nothing of any key.
    const shown = await shownProof(house, request)
    const guest = guestBearerOf(house, bearer)
    if (guest) {
      const scope = await guest.scopeOf(request, bearer, route, shown?.proof ?? null)
      return guest.judgesProof ? scope : provenGuest(house, scope, shown)
    }
    return scopeOfKey(house, request, bearer, shown)
  }
  const token = request.cookie(cookieName(house.origin()))
  return token !== undefined && SESSION_TOKEN.test(token) ? scopeOfSession(house, request, token) : null
}

function bearerOf(request: Pick<Asked, 'header'>): string | undefined {
  const authorization = request.header('authorization')
  if (authorization === undefined) return request.header('x-admin-token')
  return BEARER.exec(authorization)?.[1] ?? dpopCredential(authorization) ?? ''
}

/** The token of a run may be shown with a proof of its agent, too; whoever shows one is held to it. */
async function provenGuest(house: IdentityHouse, scope: Scope, shown: Shown | null): Promise<Scope> {
  if (!shown) return scope
  const { agentId, tenantId } = scope
  if (agentId === null) throw new Problem('proof_invalid', { reason: 'unknown_key' })
  return { ...scope, proof: await spendProof(house, shown, { agentId, tenantId, keyId: null, needsNonce: false }) }
}

const guestBearerOf = ({ bearers = [] }: IdentityHouse, bearer: string | undefined) =>
  bearers.find(({ prefix }) => bearer?.startsWith(prefix))

/** A guest's credential opens its own routes only: with it in hand not even what is open to everybody is answered. */
export function refuseGuestBearer(house: IdentityHouse, request: Pick<Asked, 'header'>): void {
  const guest = guestBearerOf(house, bearerOf(request))
  if (guest && !guest.unseenWhereOpen)
    throw new Problem('forbidden', { detail: 'This token opens its one task and nothing else.' })
}

async function scopeOfSession(house: IdentityHouse, request: Asked, token: string): Promise<Scope | null> {
  const { rows, noted } = await noting<LiveSession>(house.db, findLiveSession(sha256(token)), seeSession(sha256(token)))
  const [session] = rows
  if (!session) return null
  const system = systemScope('authenticate', session.tenant_id)
  if (noted && session.verdict === 'replayed') await tx(house.db, system, (t) => endReplayed(t, system, session.id))
  if (noted && session.verdict === 'expired') await tx(house.db, system, (t) => endSession(t, system, session.id, 'expired'))
  if (session.verdict !== 'live' || session.tenant_state === 'erased') throw new Problem('session_ended')
  return sessionScope(session, request.id)
}

const sessionScope = (session: LiveSession, requestId: string): SessionScope => ({
  tenantId: session.tenant_id,
  principal: session.user_id,
  actor: { type: 'user', id: session.user_id, session_id: session.id },
  role: session.role,
  isHost: session.is_host,
  scopes: null,
  agentId: null,
  userId: session.user_id,
  displayName: session.display_name,
  requestId,
  stepUpAt: session.step_up_at,
  tenantState: session.tenant_state,
  ...(session.break_glass_id ? { breakGlass: { id: session.break_glass_id, endsAt: session.ends_at } } : {}),
  rotationDue: session.rotation_due,
})

// The order of P54: what can be told from the text costs no call of the database, and who was refused for it learns nothing more.
async function scopeOfKey(house: IdentityHouse, request: Asked, token: string, shown: Shown | null): Promise<Scope> {
  // A thumbprint is no secret: it names the key that has just signed, and nothing else.
  const isOwnName = shown !== null && THUMBPRINT.test(token) && token === shown.proof.key.thumbprint
  if (!isOwnName && !parseKey(token)) throw new Problem('key_invalid')
  const key = await askKey(house.db, { hash: sha256(token), address: inetOf(request.address) })
  if (!key && isOwnName) await refuseUnclaimed(house, shown.proof)
  const refusal = key ? refuseKey(key) : new Problem('key_invalid')
  if (refusal) throw refusal
  const asked = key as AskedKey
  const scope = keyScope(asked, request.id)
  const proof = await provenKey(house, asked, shown)
  return proof ? { ...scope, proof } : scope
}

async function provenKey(house: IdentityHouse, key: AskedKey, shown: Shown | null): Promise<Proven | null> {
  const { agent_id: agentId, tenant_id: tenantId, id: keyId } = key
  if (shown) {
    if (agentId === null) throw new Problem('proof_invalid', { reason: 'unknown_key' })
    return spendProof(house, shown, { agentId, tenantId, keyId, needsNonce: key.nonce === true })
  }
  if (agentId !== null && (key.proof === 'required' || house.agentProof === 'required'))
    throw new Problem('proof_invalid', { reason: 'required', detail: 'This agent proves each request with its key pair.' })
  return null
}

type Credential = { hash: Buffer; address: string | null }
const asking = new WeakMap<Db, (one: Credential) => Promise<AskedKey | undefined>>()

/** A busy agent's calls come in bunches, and each round trip costs as much as the look-up: whoever asks meanwhile is answered by the next statement. */
function askKey(db: Db, credential: Credential): Promise<AskedKey | undefined> {
  const ask = asking.get(db) ?? together({ groupOf: () => '', atOnce: ASKING, run: (all) => findKeys(db, all) })
  asking.set(db, ask)
  return ask(credential)
}

async function findKeys(db: Db, all: readonly Credential[]): Promise<(AskedKey | undefined)[]> {
  const names = all.map(({ hash, address }) => `${hash.toString('hex')} ${address}`)
  const asked = [...new Map(all.map((one, i) => [names[i] as string, one]))]
  const hashes = asked.map(([, one]) => one.hash)
  const addresses = asked.map(([, one]) => one.address)
  const { rows } = await noting<AskedKey & { nth: number }>(db, useKeys(hashes, addresses), seeKeys(hashes, addresses))
  const found = new Map(rows.map((row) => [asked[row.nth - 1]?.[0], row]))
  return names.map((name) => found.get(name))
}

/** The statement that notes who asked; the one that only looks while the database takes no writes. */
async function noting<T>(db: Db, statement: Sql, look: Sql): Promise<{ rows: T[]; noted: boolean }> {
  try {
    return { rows: await once<T>(db, statement), noted: true }
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'read_only') throw error
    return { rows: await once<T>(db, look), noted: false }
  }
}

/** An address as PostgreSQL reads it; a peer without one comes from nowhere that a list could name. */
const inetOf = (address: string): string | null => (/^[0-9a-f.:/]+$/i.test(address) ? address : null)

/** Why a key does not count now, whoever holds it. */
export function refuseKey(key: KeyInUse): Problem | null {
  if (key.revoked || key.agent_state === 'revoked' || key.tenant_state === 'erased') return new Problem('key_revoked')
  if (key.expired) return new Problem('key_expired')
  if (!key.address_allowed) return new Problem('forbidden', { detail: 'This key may not be used from this address.' })
  if (key.agent_state === 'paused') return new Problem('forbidden', { detail: 'The agent of this key is paused.' })
  if (key.agent_state === 'unclaimed') return new Problem('unclaimed_agent')
  return null
}

export function keyScope(key: KeyInUse, requestId: string | null): KeyScope {
  const by = {
    agt: { principal: key.agent_id as string, type: 'agent', role: null, name: key.agent_name as string, user: key.agent_owner },
    usr: { principal: key.maker, type: 'user', role: key.maker_role, name: key.maker_name, user: key.maker },
    adm: { principal: key.id, type: 'key', role: null, name: key.name, user: key.maker },
    emb: { principal: key.id, type: 'key', role: null, name: key.name, user: key.maker },
  } as const
  const { principal, type, role, name, user } = by[key.kind]
  return {
    tenantId: key.tenant_id,
    principal,
    actor: { type, id: principal, key_id: key.id },
    role,
    isHost: false,
    scopes: key.scopes,
    agentId: key.agent_id,
    userId: user,
    displayName: name,
    requestId,
    stepUpAt: null,
    tenantState: key.tenant_state,
    keyKind: key.kind,
    makerRole: key.maker_role,
  }
}

/** A suspended or closing tenant can be read (P11). Whoever came through break-glass reads, and follows nothing, for each object read is recorded (P12). */
function guardState({ tenantState: state, breakGlass }: Scope, { method }: Asked, route: Route | undefined): void {
  if (route?.spec.always) return
  const writes = route ? isMutating(route) : method !== 'GET' && method !== 'HEAD'
  if (breakGlass && (writes || (route && isStream(route))))
    throw new Problem('forbidden', { detail: 'Break-glass shows single pages; it changes and follows nothing.' })
  if (writes && state !== 'active') throw new Problem('tenant_suspended', { state })
}
