// The statements over public keys of agents, proofs that were shown, and programs that registered themselves. The last belong to no tenant, and neither do their rows.
import type { Scope } from '../../db/scope.ts'
import { type Sql, sql } from '../../db/sql.ts'
import type { Tx } from '../../db/tx.ts'

/* Proofs */

export type Verdict = { verdict: 'fresh' | 'replayed' | 'stale' | 'recovered' | 'unknown'; at: Date; tenant_id: string | null }

/** By itself, so that the mark stands before the verb begins and whatever becomes of it. */
export const useProof = (one: { agentId: string; thumbprint: string; id: string; issuedAt: Date }): Sql => sql`
  select * from countersign_engine.use_proof(${one.agentId}::text, ${one.thumbprint}::text, ${one.id}::text, ${one.issuedAt}::timestamptz)`

export const sweepSeenProofs = (t: Tx) => t.one<{ swept: number }>`select countersign_engine.sweep_proofs() as swept`

/* Public keys */

/** Zero rows: the key is somebody’s already, in whatever tenant. */
export const insertAgentKey = (
  t: Tx,
  scope: Scope,
  key: { thumbprint: string; agentId: string; keyId: string; jwk: object },
) => t.run`
  insert into agent_keys (thumbprint, tenant_id, agent_id, key_id, jwk, enrolled_at, enrolled_by)
  values (${key.thumbprint}::text, ${scope.tenantId}::uuid, ${key.agentId}::text, ${key.keyId}::text, ${JSON.stringify(key.jwk)}::jsonb,
    ${t.now}::timestamptz, ${scope.principal}::text)
  on conflict (thumbprint) do nothing`

export const isAgentKey = (t: Tx, thumbprint: string) => t.one<{ yes: boolean }>`
  select countersign_engine.is_agent_key(${thumbprint}::text) as yes`

/** The keys that open something by a proof of this agent, and count now. */
export const liveProofKeys = (t: Tx, scope: Scope, agentId: string) => t.rows<{ key_id: string; thumbprint: string }>`
  select p.key_id, p.thumbprint
  from agent_keys p
  join keys k on k.tenant_id = p.tenant_id and k.id = p.key_id
  join key_tokens o on o.tenant_id = p.tenant_id and o.token_hash = sha256(convert_to(p.thumbprint, 'UTF8'))
  where p.tenant_id = ${scope.tenantId}::uuid and p.agent_id = ${agentId}::text and k.revoked_at is null
    and k.expires_at > ${t.now}::timestamptz and (o.ends_at is null or o.ends_at > ${t.now}::timestamptz)
  order by p.enrolled_at`

// Two who enrol a key for one agent take turns: the second then finds the first’s.
export const lockAgent = (t: Tx, scope: Scope, agentId: string) => t.run`
  select from agents where tenant_id = ${scope.tenantId}::uuid and id = ${agentId}::text for update`

/* Registrations */

export type RegistrationRow = {
  agent_id: string
  thumbprint: string
  jwk: Record<string, unknown>
  handle: string
  environment: 'live' | 'test'
  address: string | null
  registered_at: Date
  proven_at: Date | null
  link: number
  token_hash: Buffer
  link_ends_at: Date
}

const COLUMNS = sql`agent_id, thumbprint, jwk, handle, environment, address, registered_at, proven_at, link, token_hash, link_ends_at`

/** Null: this key waits already. */
export const insertRegistration = (t: Tx, one: Omit<RegistrationRow, 'registered_at'>) => t.maybe<RegistrationRow>`
  insert into agent_registrations (agent_id, thumbprint, jwk, handle, environment, address, registered_at, seen_at, proven_at, link, token_hash,
    link_ends_at)
  values (${one.agent_id}::text, ${one.thumbprint}::text, ${JSON.stringify(one.jwk)}::jsonb, ${one.handle}::text, ${one.environment}::text,
    ${one.address}::text, ${t.now}::timestamptz, ${t.now}::timestamptz, ${one.proven_at}::timestamptz, ${one.link}::integer,
    ${one.token_hash}::bytea, ${one.link_ends_at}::timestamptz)
  on conflict (thumbprint) do nothing
  returning ${COLUMNS}`

// Calls of one program that come together tell one link: each waits for the row and then reads what the one before left.
export const lockRegistration = (t: Tx, thumbprint: string) => t.maybe<RegistrationRow>`
  select ${COLUMNS} from agent_registrations where thumbprint = ${thumbprint}::text for update`

export const seeRegistration = (
  t: Tx,
  thumbprint: string,
  now: { provenAt: Date | null; link: number; tokenHash: Buffer; endsAt: Date },
) => t.one<RegistrationRow>`
  update agent_registrations set seen_at = ${t.now}::timestamptz, proven_at = coalesce(proven_at, ${now.provenAt}::timestamptz),
    link = ${now.link}::integer, token_hash = ${now.tokenHash}::bytea, link_ends_at = ${now.endsAt}::timestamptz
  where thumbprint = ${thumbprint}::text
  returning ${COLUMNS}`

export const findByLink = (t: Tx, agentId: string, tokenHash: Buffer) => t.maybe<RegistrationRow>`
  select ${COLUMNS} from agent_registrations
  where agent_id = ${agentId}::text and token_hash = ${tokenHash}::bytea and link_ends_at > ${t.now}::timestamptz`

/** Once: of two who take it together the second waits for the row and finds none. */
export const takeByLink = (t: Tx, agentId: string, tokenHash: Buffer) => t.maybe<RegistrationRow>`
  delete from agent_registrations
  where agent_id = ${agentId}::text and token_hash = ${tokenHash}::bytea and link_ends_at > ${t.now}::timestamptz
  returning ${COLUMNS}`

export const dropOldRegistrations = (t: Tx, before: Date) => t.run`
  delete from agent_registrations where seen_at < ${before}::timestamptz`
