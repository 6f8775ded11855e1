// Programs that tell their own public key and wait for a person (vault.md V137). Until somebody claims one it belongs to no tenant and may do nothing; every call of it is
// told where a person can claim it. The link's token stands in the fragment, works once and for ten minutes, and is kept as a hash: it is derived anew while it lives.
import { Problem } from '@countersign/sdk'
import type { Proof } from '../../crypto/dpop.ts'
import { readPublicKey, wordsOf } from '../../crypto/public-key.ts'
import { hmacSha256, sha256 } from '../../crypto/token.ts'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import type { RequestInfo } from '../../http/route.ts'
import { newId } from '../../std/id.ts'
import { ownerOf } from '../agent.ts'
import type { IdentityHouse } from '../house.ts'
import { addKeyPair } from '../key.ts'
import { type Agent, findAgent, homeTenant, insertAgent } from '../sql.ts'
import { type Asked, bareProof } from './check.ts'
import { type GivenKey, publicKeyOf } from './enrol.ts'
import {
  dropOldRegistrations,
  findByLink,
  insertRegistration,
  isAgentKey,
  lockRegistration,
  type RegistrationRow,
  seeRegistration,
  takeByLink,
} from './sql.ts'

export type NewRegistration = { public_key: GivenKey; handle: string; environment?: 'live' | 'test' }

const LINK_LIVES_MS = 10 * 60_000
/** Who has not called for so long has to register again. */
const KEPT_MS = 7 * 86_400_000
const SKEW_MS = 61_000

const nobody = systemScope('register')

export async function registerAgent(house: IdentityHouse, input: NewRegistration, request: Asked & Pick<RequestInfo, 'address'>) {
  const key = publicKeyOf(input.public_key)
  const proof = request.header('dpop') === undefined ? null : await bareProof(house, request)
  if (proof && proof.key.thumbprint !== key.thumbprint) throw new Problem('proof_invalid', { reason: 'unknown_key' })
  // It is nobody's yet; that it happened stands in the record of the installation's first tenant.
  const home = (await tx(house.db, nobody, homeTenant, { readOnly: true })).id
  const scope = home === null ? nobody : systemScope('register', home)
  return tx(house.db, scope, async (t) => {
    if (proof) refuseTime(proof, t.now)
    if ((await isAgentKey(t, key.thumbprint)).yes) throw new Problem('key_in_use')
    const agentId = newId('agt', t.now.getTime())
    const row = await insertRegistration(t, {
      ...{ agent_id: agentId, thumbprint: key.thumbprint, jwk: { ...key.jwk }, handle: input.handle.trim() },
      ...{ environment: input.environment ?? 'live', address: request.address, proven_at: proof ? t.now : null },
      ...linkOf(house, agentId, 1, t.now),
    })
    const known = row ?? (await again(house, t, key.thumbprint, proof !== null))
    // Whoever has shown that the key is theirs need not share its link with somebody who merely knows its public half.
    if (known.proven_at !== null && !proof) throw new Problem('key_in_use')
    if (row && home !== null) await recordRegistered(t, scope, row)
    return {
      agent_id: known.agent_id,
      state: 'unclaimed' as const,
      key_id: known.thumbprint,
      words: wordsOf(known.thumbprint),
      claim_url: claimUrl(house, known),
      claim_expires_at: known.link_ends_at,
    }
  })
}

/** By the time of the database; a proof of this kind opens nothing, so that it may come twice. */
function refuseTime({ issuedAt }: Proof, now: Date): void {
  if (Math.abs(issuedAt.getTime() - now.getTime()) >= SKEW_MS) throw new Problem('proof_invalid', { reason: 'time', now })
}

/** It called again: with the link of before while that lives, else with a new one. */
async function again(house: IdentityHouse, t: Tx, thumbprint: string, isProven: boolean): Promise<RegistrationRow> {
  const row = await lockRegistration(t, thumbprint)
  // Claimed or rejected between two statements of ours.
  if (!row) throw new Problem('key_in_use')
  const isLive = row.link_ends_at > t.now && row.token_hash.equals(sha256(tokenOf(house, row.agent_id, row.link)))
  const link = isLive ? row : linkOf(house, row.agent_id, row.link + 1, t.now)
  return seeRegistration(t, thumbprint, {
    ...{ provenAt: isProven ? t.now : null, link: link.link },
    ...{ tokenHash: link.token_hash, endsAt: link.link_ends_at },
  })
}

const tokenOf = (house: IdentityHouse, agentId: string, link: number): string =>
  hmacSha256(house.keyring.purpose('proof'), JSON.stringify(['claim', agentId, link])).toString('base64url')

const linkOf = (house: IdentityHouse, agentId: string, link: number, now: Date) => ({
  link,
  token_hash: sha256(tokenOf(house, agentId, link)),
  link_ends_at: new Date(now.getTime() + LINK_LIVES_MS),
})

const claimUrl = (house: IdentityHouse, { agent_id: id, link }: RegistrationRow): string =>
  `${house.origin()}/claim/${id}#token=${tokenOf(house, id, link)}`

function recordRegistered(t: Tx, scope: Scope, row: RegistrationRow): Promise<string> {
  const data = { agent_id: row.agent_id, thumbprint: row.thumbprint, proven: row.proven_at !== null }
  return record(t, scope, 'agent.registered', data, { resource: { type: 'agent', id: row.agent_id } })
}

/** Of a key that no agent has: who registered it is told where to be claimed, anybody else nothing. */
export async function refuseUnclaimed(house: IdentityHouse, proof: Proof): Promise<void> {
  const row = await tx(house.db, nobody, async (t) => {
    if (!(await lockRegistration(t, proof.key.thumbprint))) return null
    refuseTime(proof, t.now)
    return again(house, t, proof.key.thumbprint, true)
  })
  if (!row) return
  const { agent_id, link_ends_at } = row
  throw new Problem('unclaimed_agent', { agent_id, claim_url: claimUrl(house, row), claim_expires_at: link_ends_at })
}

const showRegistration = (row: RegistrationRow) => ({
  agent_id: row.agent_id,
  handle: row.handle,
  environment: row.environment,
  thumbprint: row.thumbprint,
  words: wordsOf(row.thumbprint),
  did: readPublicKey(row.jwk).did,
  address: row.address,
  registered_at: row.registered_at,
  proven: row.proven_at !== null,
  expires_at: row.link_ends_at,
})

// A link that does not count and an agent that does not exist look alike.
const expired = () => new Problem('claim_expired')

/** What the person sees before they decide. Spends nothing. */
export async function readRegistration(house: IdentityHouse, scope: Scope, agentId: string, token: string) {
  refuseOthers(scope)
  const row = await tx(house.db, scope, (t) => findByLink(t, agentId, sha256(token)), { readOnly: true })
  if (!row) throw expired()
  return showRegistration(row)
}

export const claimAgent = (
  house: IdentityHouse,
  scope: Scope,
  agentId: string,
  input: { token: string; owner?: string },
): Promise<Agent> => {
  refuseOthers(scope)
  return tx(house.db, scope, async (t) => {
    const row = await takeByLink(t, agentId, sha256(input.token))
    if (!row) throw expired()
    const userId = await ownerOf(t, scope, input.owner, '/owner')
    await insertAgent(t, scope, {
      ...{ id: row.agent_id, userId, name: row.handle, description: '', environment: row.environment },
    })
    const keyId = await addKeyPair(t, scope, row, readPublicKey(row.jwk))
    const data = {
      ...{ agent_id: row.agent_id, owner_id: userId, environment: row.environment, key_id: keyId, thumbprint: row.thumbprint },
      ...{ registered_at: row.registered_at, proven: row.proven_at !== null },
    }
    await record(t, scope, 'agent.claimed', data, { resource: { type: 'agent', id: row.agent_id } })
    return (await findAgent(t, scope, row.agent_id, { user: null, agent: null })) as Agent
  })
}

export const rejectAgent = (house: IdentityHouse, scope: Scope, agentId: string, token: string) => {
  refuseOthers(scope)
  return tx(house.db, scope, async (t) => {
    const row = await takeByLink(t, agentId, sha256(token))
    if (!row) throw expired()
    const data = { agent_id: row.agent_id, thumbprint: row.thumbprint }
    await record(t, scope, 'agent.rejected', data, { resource: { type: 'agent', id: row.agent_id } })
    return { agent_id: row.agent_id, state: 'rejected' as const }
  })
}

/** Somebody answers for the agent from now on: a person, not a key of the tenant. */
function refuseOthers({ actor }: Scope): void {
  if (actor.type !== 'user') throw new Problem('forbidden', { detail: 'A person claims an agent, or rejects it.' })
}

export const sweepRegistrations = (t: Tx): Promise<number> => dropOldRegistrations(t, new Date(t.now.getTime() - KEPT_MS))
