// Keys (P53–P57): made with the scopes their maker may give, shown once, stored as hashes, rotated with an overlap, revoked at once.
// Never answers a key's text a second time and never gives a key more than its maker has.
import { Problem } from '@countersign/sdk'
import ipaddr from 'ipaddr.js'
import type { PublicKey } from '../crypto/public-key.ts'
import { type KeyEnvironment, mintKey, parseKey, sha256 } from '../crypto/token.ts'
import type { Role, Scope } from '../db/scope.ts'
import { systemScope } from '../db/scope.ts'
import { type Tx, tx } from '../db/tx.ts'
import { record } from '../events/event.ts'
import { newId } from '../std/id.ts'
import { ownOnly } from './agent.ts'
import type { IdentityHouse } from './house.ts'
import { actionsOfScope, isKeyScope, type KeyScope, reach, SCOPES_BY_NAME } from './matrix.ts'
import { enrolKey, type GivenKey, MAX_OVERLAP_SECONDS, publicKeyOf, refuseSecondPair } from './proofs/enrol.ts'
import {
  endCurrentToken,
  findAgent,
  findKey,
  findTenant,
  insertKey,
  insertKeyToken,
  type KeyRow,
  keysToWarn,
  listKeys,
  lockKey,
  markWarnedIfDue,
  renewKey,
  revokeKeyIfLive,
  revokeKeysWhere,
  useKey,
} from './sql.ts'

export type Key = KeyRow
/** `secret` stands in the answer of creation and rotation only. */
export type ShownKey = KeyRow & { secret: string }
/** A key pair has no secret that we know. */
export type MadeKey = KeyRow & { secret?: string }
export type KeyKindMade = 'agt' | 'usr' | 'adm' | 'emb'
export type NewKey = {
  kind: KeyKindMade
  agent_id?: string
  /** Of the kind emb. */
  agent_ids?: readonly string[]
  origins?: readonly string[]
  name?: string
  scopes?: readonly string[]
  addresses?: readonly string[]
  environment?: KeyEnvironment
  expires_in_seconds?: number
  /** Of a key pair that its agent made: then there is no secret, and each call is proven. */
  public_key?: GivenKey
}

const NINETY_DAYS = 90 * 86_400
/** What an agent needs to ask, to know itself, and to run with what it was granted. */
const AGENT_SCOPES = [
  'agents:read',
  'connections:read',
  'grants:create',
  'grants:read',
  'proxy:read',
  'runs:*',
  'tasks:*',
] as const
const EMBED_SCOPES = ['tasks:embed'] as const

export function createKey(house: IdentityHouse, scope: Scope, input: NewKey & { public_key?: undefined }): Promise<ShownKey>
export function createKey(house: IdentityHouse, scope: Scope, input: NewKey): Promise<MadeKey>
export async function createKey(house: IdentityHouse, scope: Scope, input: NewKey): Promise<MadeKey> {
  return tx(house.db, scope, async (t) => {
    const { userId, environment, name } = await holderOf(t, scope, input)
    const scopes = input.scopes ?? (input.kind === 'agt' ? AGENT_SCOPES : input.kind === 'emb' ? EMBED_SCOPES : null)
    if (!scopes || scopes.length === 0)
      throw fieldError('/scopes', 'required', 'Name what the key may do; only agent keys have a default.')
    guardScopes(scope, input, scopes)
    guardAddresses(input.addresses ?? [])
    const publicKey = input.public_key === undefined ? null : await pairOf(t, scope, input, input.public_key)
    const id = newId('key', t.now.getTime())
    await insertKey(t, scope, {
      id,
      kind: input.kind,
      environment,
      agentId: input.agent_id ?? null,
      agentIds: [...new Set(input.agent_ids)],
      origins: [...new Set(input.origins)],
      userId,
      name: input.name?.trim() || name,
      scopes: [...new Set(scopes)].sort(),
      addresses: input.addresses ?? [],
      lastsSeconds: input.expires_in_seconds ?? NINETY_DAYS,
    })
    const secret = publicKey
      ? await enrolKey(t, scope, input.agent_id as string, id, publicKey)
      : await addToken(t, scope, id, environment, input.kind)
    const key = (await findKey(t, scope, id, ALL)) as Key
    await recordCreated(t, scope, key)
    return secret === undefined ? key : { ...key, secret }
  })
}

function recordCreated(t: Tx, scope: Scope, { id, kind, agent_id, scopes, expires_at }: Key): Promise<string> {
  const data = { key_id: id, kind, agent_id, scopes, expires_at: expires_at.toISOString() }
  return record(t, scope, 'key.created', data, { resource: { type: 'key', id } })
}

async function pairOf(t: Tx, scope: Scope, { kind, agent_id: agentId }: NewKey, given: GivenKey): Promise<PublicKey> {
  if (kind !== 'agt' || agentId === undefined)
    throw fieldError('/public_key', 'unexpected', 'Only a key of the kind agt is a key pair.')
  const key = publicKeyOf(given)
  await refuseSecondPair(t, scope, agentId)
  return key
}

/** The key pair of an agent that has just been claimed, with what agents need. Its maker is who claimed it. */
export async function addKeyPair(
  t: Tx,
  scope: Scope,
  agent: { agent_id: string; handle: string; environment: KeyEnvironment },
  publicKey: PublicKey,
): Promise<string> {
  guardScopes(scope, { kind: 'agt' }, AGENT_SCOPES)
  const id = newId('key', t.now.getTime())
  await insertKey(t, scope, {
    ...{ id, kind: 'agt', environment: agent.environment, agentId: agent.agent_id, agentIds: [], origins: [], addresses: [] },
    ...{ userId: scope.userId as string, name: `${agent.handle.slice(0, 96)} key`, scopes: [...AGENT_SCOPES] },
    lastsSeconds: NINETY_DAYS,
  })
  await enrolKey(t, scope, agent.agent_id, id, publicKey)
  await recordCreated(t, scope, (await findKey(t, scope, id, ALL)) as Key)
  return id
}

/** The key of a command that a person let in (cli/sign-in.ts): theirs, with what they said it may do. */
export async function makePersonalKey(
  t: Tx,
  scope: Scope,
  { name, scopes, lastsSeconds }: { name: string; scopes: readonly string[]; lastsSeconds: number },
): Promise<ShownKey> {
  const id = newId('key', t.now.getTime())
  await insertKey(t, scope, {
    ...{ id, kind: 'usr', environment: 'live', agentId: null, agentIds: [], origins: [], addresses: [] },
    ...{ userId: scope.userId as string, name, scopes: [...scopes].sort(), lastsSeconds },
  })
  const secret = await addToken(t, scope, id, 'live', 'usr')
  const key = (await findKey(t, scope, id, ALL)) as Key
  await recordCreated(t, scope, key)
  return { ...key, secret }
}

const ALL = { user: null, agent: null }

const fieldError = (path: string, code: string, message: string) =>
  new Problem('validation_failed', { errors: [{ path, code, message }] })

/** Who the key will act as, and who answers for it: its maker, a person. */
async function holderOf(
  t: Tx,
  scope: Scope,
  input: NewKey,
): Promise<{ userId: string; environment: KeyEnvironment; name: string }> {
  if (!scope.userId) throw new Problem('forbidden', { action: 'key.create' })
  if (input.kind !== 'agt') {
    if (input.agent_id) throw fieldError('/agent_id', 'unexpected', 'Only a key of the kind agt belongs to an agent.')
    await guardEmbed(t, scope, input)
    if (input.kind !== 'usr' && reach(scope, 'key.create') !== 'any')
      throw new Problem('forbidden', { action: 'key.create', detail: 'A tenant-wide key needs a role that reaches all keys.' })
    return {
      userId: scope.userId,
      environment: input.environment ?? 'live',
      name: { usr: 'personal key', adm: 'tenant key', emb: 'embed key' }[input.kind],
    }
  }
  if (!input.agent_id) throw fieldError('/agent_id', 'required', 'A key of the kind agt needs its agent.')
  const agent = await findAgent(t, scope, input.agent_id, ownOnly(scope, 'key.create'))
  if (!agent) throw fieldError('/agent_id', 'not_found', 'There is no such agent.')
  if (agent.state === 'revoked') throw new Problem('state_conflict', { state: agent.state, detail: 'The agent is revoked.' })
  if (input.environment && input.environment !== agent.environment)
    throw fieldError('/environment', 'mismatch', `The agent is ${agent.environment}.`)
  return { userId: scope.userId, environment: agent.environment, name: `${agent.name.slice(0, 96)} key` }
}

/** A key that mints tokens for pages names whose tasks they may show: agents of this tenant. Where those pages are is judged when it mints. */
async function guardEmbed(t: Tx, scope: Scope, input: NewKey): Promise<void> {
  const { kind, agent_ids = [], origins = [] } = input
  if (kind !== 'emb') {
    const path = agent_ids.length > 0 ? '/agent_ids' : '/origins'
    if (agent_ids.length + origins.length > 0)
      throw fieldError(path, 'unexpected', 'Only a key of the kind emb is limited by it.')
    return
  }
  if (agent_ids.length === 0) throw fieldError('/agent_ids', 'required', 'Name the agents whose tasks this key may show.')
  for (const [i, id] of agent_ids.entries())
    if (!(await findAgent(t, scope, id, ALL))) throw fieldError(`/agent_ids/${i}`, 'not_found', 'There is no such agent.')
}

/** Every scope must be one that its maker has and that this kind of key can have at all (P56). */
function guardScopes(scope: Scope, input: Pick<NewKey, 'kind'>, scopes: readonly string[]): void {
  const tooWide = scopes.filter((text) => !mayGive(scope, input.kind, text))
  if (tooWide.length > 0) throw new Problem('scope_too_wide', { scopes: tooWide })
}

/** Whether the one of `scope` may make a key of this kind that holds this. */
export function mayGive(scope: Scope, keyKind: KeyKindMade, text: string): boolean {
  if (SCOPES_BY_NAME.includes(text) && reach(scope, 'tenant.update') !== 'any') return false
  const actions = actionsOfScope(text)
  if (actions.length === 0) return true
  const makerRole: Role | null = isKeyScope(scope) ? scope.makerRole : scope.role
  const future: KeyScope = { ...scope, actor: { type: 'key', id: 'key_future' }, scopes: [text], keyKind, makerRole }
  return actions.some((action) => reach(future, action) !== 'none' && (!isKeyScope(scope) || reach(scope, action) !== 'none'))
}

function guardAddresses(addresses: readonly string[]): void {
  const errors = addresses.flatMap((text, i) =>
    ipaddr.isValidCIDR(text) || ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text)
      ? []
      : [{ path: `/addresses/${i}`, code: 'invalid_address', message: 'Must be an address or a network such as 10.0.0.0/8.' }],
  )
  if (errors.length > 0) throw new Problem('validation_failed', { errors })
}

async function addToken(t: Tx, scope: Scope, keyId: string, environment: KeyEnvironment, kind: KeyKindMade): Promise<string> {
  const token = mintKey(environment, kind)
  // The visible ends tell two keys apart; the rest is 156 bits.
  await insertKeyToken(t, scope, keyId, { hash: sha256(token), prefix: token.slice(0, 12), last_four: token.slice(-4) })
  return token
}

export async function getKey(house: IdentityHouse, scope: Scope, keyId: string): Promise<Key> {
  const key = await tx(house.db, scope, (t) => findKey(t, scope, keyId, ownOnly(scope, 'key.read')), { readOnly: true })
  if (!key) throw new Problem('not_found')
  return key
}

export const listKeysOf = (
  house: IdentityHouse,
  scope: Scope,
  page: { before: string | null; limit: number; agentId: string | null; kind: KeyKindMade | null },
): Promise<Key[]> =>
  tx(house.db, scope, (t) => listKeys(t, scope, { ...page, ...ownOnly(scope, 'key.read') }), { readOnly: true })

/** A new token under the same id, for as long a life as the key had; the old one works until the overlap ends. A key pair is followed by another pair. */
export async function rotateKey(
  house: IdentityHouse,
  scope: Scope,
  keyId: string,
  overlapSeconds = 86_400,
  given?: GivenKey,
): Promise<MadeKey> {
  return tx(house.db, scope, async (t) => {
    const only = ownOnly(scope, 'key.rotate')
    await lockKey(t, scope, keyId)
    const key = await findKey(t, scope, keyId, only)
    if (!key) throw new Problem('not_found')
    if (key.state === 'revoked') throw new Problem('state_conflict', { state: 'revoked', detail: 'A revoked key stays revoked.' })
    if (key.rotation_ends_at) throw new Problem('rotation_open', { ends_at: key.rotation_ends_at.toISOString() })
    const publicKey = nextPair(key, given, overlapSeconds)
    // The renewed life is the new token's: the old one ends no later than it would have.
    const endsAt = new Date(Math.min(t.now.getTime() + overlapSeconds * 1000, key.expires_at.getTime()))
    await endCurrentToken(t, scope, keyId, endsAt)
    await renewKey(t, scope, keyId)
    const secret = publicKey
      ? await enrolKey(t, scope, key.agent_id as string, keyId, publicKey)
      : await addToken(t, scope, keyId, key.environment, key.kind)
    await record(
      t,
      scope,
      'key.rotated',
      { key_id: keyId, old_ends_at: endsAt.toISOString() },
      { resource: { type: 'key', id: keyId } },
    )
    const rotated = (await findKey(t, scope, keyId, only)) as Key
    return secret === undefined ? rotated : { ...rotated, secret }
  })
}

function nextPair(key: Key, given: GivenKey | undefined, overlapSeconds: number): PublicKey | null {
  if (key.thumbprint === null) {
    if (given !== undefined) throw fieldError('/public_key', 'unexpected', 'This key is a secret, and no key pair.')
    return null
  }
  if (given === undefined) throw fieldError('/public_key', 'required', 'Send the public half of the next key pair.')
  if (overlapSeconds > MAX_OVERLAP_SECONDS)
    throw fieldError('/overlap_seconds', 'too_long', 'Two key pairs work side by side for a day at most.')
  return publicKeyOf(given)
}

/** On the next request; a key that is revoked already stays so without a second event. */
export const revokeKey = (house: IdentityHouse, scope: Scope, keyId: string): Promise<null> =>
  tx(house.db, scope, async (t) => {
    const key = await findKey(t, scope, keyId, ownOnly(scope, 'key.revoke'))
    if (!key) throw new Problem('not_found')
    if ((await revokeKeyIfLive(t, scope, keyId)) === 1) await recordRevoked(t, scope, keyId, 'revoked')
    return null
  })

export type KeyFilter = { created_by?: string; agent_id?: string; kind?: KeyKindMade; created_before?: Date }

/** By maker, agent, kind or age. Without any of them it would be all keys, which nobody should reach by leaving something out. */
export async function revokeKeys(house: IdentityHouse, scope: Scope, filter: KeyFilter): Promise<{ revoked: number }> {
  if (Object.values(filter).every((value) => value === undefined))
    throw fieldError('', 'filter_missing', 'Name at least one filter.')
  return tx(house.db, scope, async (t) => {
    const revoked = await revokeKeysWhere(t, scope, ownOnly(scope, 'key.revoke'), {
      madeBy: filter.created_by ?? null,
      agentId: filter.agent_id ?? null,
      kind: filter.kind ?? null,
      createdBefore: filter.created_before ?? null,
    })
    for (const { id } of revoked) await recordRevoked(t, scope, id, 'revoked')
    return { revoked: revoked.length }
  })
}

async function recordRevoked(t: Tx, scope: Scope, keyId: string, reason: 'revoked' | 'exposed'): Promise<void> {
  await record(t, scope, 'key.revoked', { key_id: keyId, reason }, { resource: { type: 'key', id: keyId } })
  t.wake(`key:${keyId}`)
}

const WARNINGS_AT_ONCE = 500

/** 14, 3 and 0 days before a key ends its tenant's record says so, once each (P55). Answers how many were told. */
export async function warnExpiringKeys(house: Pick<IdentityHouse, 'db'>): Promise<number> {
  let told = 0
  for (;;) {
    const due = await tx(house.db, systemScope('expiry'), (t) => keysToWarn(t, WARNINGS_AT_ONCE), { readOnly: true })
    for (const { id, tenant_id, days } of due) {
      const system = systemScope('expiry', tenant_id)
      await tx(house.db, system, async (t) => {
        const key = await markWarnedIfDue(t, system, id, days)
        if (!key) return
        const data = { key_id: id, agent_id: key.agent_id, days, expires_at: key.expires_at.toISOString() }
        await record(t, system, 'key.expiring', data, { resource: { type: 'key', id } })
        told += 1
      })
    }
    if (due.length < WARNINGS_AT_ONCE) return told
  }
}

/** A key was seen where others can read it. If it is real it is revoked, unless the tenant switched that off (P59). */
export async function exposeKey(house: IdentityHouse, token: string, where: 'url' | 'plain_http'): Promise<void> {
  if (!parseKey(token)) return
  for (const told of house.leaked ?? []) await told(token, where)
  const nobody = systemScope('exposure')
  const key = await tx(house.db, nobody, (t) => useKey(t, sha256(token), null))
  if (!key || key.revoked) return
  const system = systemScope('exposure', key.tenant_id)
  await tx(house.db, system, async (t) => {
    const revokes = (await findTenant(t, system))?.revoke_exposed_keys ?? true
    const data = { key_id: key.id, where, revoked: revokes }
    await record(t, system, 'key.exposed', data, { resource: { type: 'key', id: key.id } })
    if (revokes && (await revokeKeyIfLive(t, system, key.id)) === 1) await recordRevoked(t, system, key.id, 'exposed')
  })
}
