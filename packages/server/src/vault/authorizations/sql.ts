// The statements over authorizations, one function each. A transition is one conditional update; zero rows is an answer, and the verb says why.
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import type { Method } from '../providers/definition.ts'

export type AuthorizationStatus = 'pending' | 'waiting_for_user' | 'processing' | 'completed' | 'failed' | 'expired' | 'cancelled'

export type AuthorizationRow = {
  id: string
  provider: string
  definition_version: number
  method: Method
  connection_name: string
  owner: string | null
  owner_name: string | null
  replaces: boolean
  scopes: string[]
  params: Record<string, string>
  status: AuthorizationStatus
  processing_since: Date | null
  client_id: string | null
  server: Record<string, unknown> | null
  state_hash: Buffer | null
  secrets: Buffer | null
  generation: number
  token_hash: Buffer
  opened_at: Date | null
  cookie_hash: Buffer | null
  nonce_hash: Buffer | null
  user_code: string | null
  verification_uri: string | null
  verification_uri_complete: string | null
  interval_seconds: number | null
  poll_at: Date | null
  attempts: number
  error_code: string | null
  error_said: string | null
  connection_id: string | null
  agent_id: string | null
  agent_name: string | null
  created_by: string
  created_at: Date
  expires_at: Date
}

const OPEN = sql`('pending', 'waiting_for_user')`

const COLUMNS: Sql = sql`a.id, a.provider, a.definition_version, a.method, a.connection_name, a.owner, u.display_name as owner_name, a.replaces,
  a.scopes, a.params, a.status, a.processing_since, a.client_id, a.server, a.state_hash, a.secrets, a.generation::float8 as generation,
  a.token_hash, a.opened_at, a.cookie_hash, a.nonce_hash, a.user_code, a.verification_uri, a.verification_uri_complete, a.interval_seconds,
  a.poll_at, a.attempts, a.error_code, a.error_said, a.connection_id, a.agent_id, g.name as agent_name, a.created_by, a.created_at, a.expires_at`

export const findTenant = (t: Tx, id: string) => t.maybe<{ tenant_id: string }>`
  select tenant_id from countersign_engine.find_authorization(${id}::text)`

export const findAuthorization = (t: Tx, scope: Scope, id: string) => t.maybe<AuthorizationRow>`
  select ${COLUMNS} from authorizations a
  left join users u on u.id = a.owner
  left join agents g on g.tenant_id = a.tenant_id and g.id = a.agent_id
  where a.tenant_id = ${scope.tenantId}::uuid and a.id = ${id}::text`

/** Whoever writes what was read waits for whoever else does. */
export const lockAuthorization = (t: Tx, scope: Scope, id: string) => t.maybe<AuthorizationRow>`
  select ${COLUMNS} from authorizations a
  left join users u on u.id = a.owner
  left join agents g on g.tenant_id = a.tenant_id and g.id = a.agent_id
  where a.tenant_id = ${scope.tenantId}::uuid and a.id = ${id}::text
  for no key update of a`

export type NewAuthorization = Pick<
  AuthorizationRow,
  | 'id'
  | 'provider'
  | 'definition_version'
  | 'method'
  | 'connection_name'
  | 'owner'
  | 'replaces'
  | 'params'
  | 'client_id'
  | 'server'
  | 'agent_id'
  | 'expires_at'
> & { scopes: readonly string[]; token_hash: Buffer }

export const insertAuthorization = (t: Tx, scope: Scope, one: NewAuthorization) => t.run`
  insert into authorizations (id, tenant_id, provider, definition_version, method, connection_name, owner, replaces, scopes, params, status,
    client_id, server, token_hash, agent_id, created_by, created_at, expires_at)
  values (${one.id}::text, ${scope.tenantId}::uuid, ${one.provider}::text, ${one.definition_version}::integer, ${one.method}::text,
    ${one.connection_name}::text, ${one.owner}::text, ${one.replaces}::boolean, ${one.scopes}::text[], ${JSON.stringify(one.params)}::jsonb,
    'pending', ${one.client_id}::text, ${one.server === null ? null : JSON.stringify(one.server)}::jsonb, ${one.token_hash}::bytea,
    ${one.agent_id}::text, ${scope.principal}::text, ${t.now}::timestamptz, ${one.expires_at}::timestamptz)`

/** The token is traded once; a signed-in owner needs none, and has a new cookie each time. */
export const openOnce = (t: Tx, scope: Scope, id: string, cookieHash: Buffer, by: { token: Buffer } | 'owner') => t.run`
  update authorizations set opened_at = ${t.now}::timestamptz, cookie_hash = ${cookieHash}::bytea, nonce_hash = null
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status in ${OPEN} and expires_at > ${t.now}::timestamptz
    and ${by === 'owner' ? sql`true` : sql`opened_at is null and token_hash = ${by.token}::bytea`}`

export const setNonce = (t: Tx, scope: Scope, id: string, nonceHash: Buffer) => t.run`
  update authorizations set nonce_hash = ${nonceHash}::bytea
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status in ${OPEN}`

/** Of two forms with one nonce the second finds none (V31). */
export const spendNonce = (t: Tx, scope: Scope, id: string, nonceHash: Buffer) => t.run`
  update authorizations set nonce_hash = null
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status in ${OPEN} and nonce_hash = ${nonceHash}::bytea`

/** Compare and swap (V28): whoever changes the row goes on, everybody else is told that it is under way. */
export const beginProcessing = (t: Tx, scope: Scope, id: string, from: readonly AuthorizationStatus[]) => t.run`
  update authorizations set status = 'processing', processing_since = ${t.now}::timestamptz, attempts = attempts + 1
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status = any (${from}::text[]) and expires_at > ${t.now}::timestamptz`

/** What it waits for next, with what it keeps secret meanwhile. */
export const waitForUser = (
  t: Tx,
  scope: Scope,
  id: string,
  one: {
    from: AuthorizationStatus
    generation: number
    secrets: Buffer
    stateHash: Buffer | null
    clientId: string | null
    server: Record<string, unknown> | null
  },
) => t.run`
  update authorizations set status = 'waiting_for_user', processing_since = null, generation = ${one.generation}::bigint,
    secrets = ${one.secrets}::bytea, state_hash = ${one.stateHash}::bytea, client_id = coalesce(${one.clientId}::text, client_id),
    server = coalesce(${one.server === null ? null : JSON.stringify(one.server)}::jsonb, server), error_code = null, error_said = null
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status = ${one.from}::text`

export const showDevice = (
  t: Tx,
  scope: Scope,
  id: string,
  one: { userCode: string; uri: string; complete: string | null; interval: number; pollAt: Date; expiresAt: Date },
) => t.run`
  update authorizations set user_code = ${one.userCode}::text, verification_uri = ${one.uri}::text,
    verification_uri_complete = ${one.complete}::text, interval_seconds = ${one.interval}::integer, poll_at = ${one.pollAt}::timestamptz,
    expires_at = ${one.expiresAt}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

/** One of the processes polls; the others see that its time has not come. */
export const takePoll = (t: Tx, scope: Scope, id: string, nextAt: Date) => t.run`
  update authorizations set poll_at = ${nextAt}::timestamptz, attempts = attempts + 1
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status = 'waiting_for_user' and poll_at <= ${t.now}::timestamptz
    and expires_at > ${t.now}::timestamptz`

export const setInterval = (t: Tx, scope: Scope, id: string, seconds: number, pollAt: Date) => t.run`
  update authorizations set interval_seconds = ${seconds}::integer, poll_at = ${pollAt}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status = 'waiting_for_user'`

/** Back to the form, with why it was not taken. */
export const askAgain = (t: Tx, scope: Scope, id: string, code: string, said: string | null) => t.run`
  update authorizations set status = 'pending', processing_since = null, error_code = ${code}::text, error_said = ${said}::text
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status = 'processing'`

export type Settled =
  | { status: 'completed'; connectionId: string }
  | { status: 'failed'; code: string; said: string | null }
  | { status: 'expired' }
  | { status: 'cancelled' }

/** What it kept secret is erased with it. Zero rows: it was settled before. */
export const settleIf = (t: Tx, scope: Scope, id: string, from: readonly AuthorizationStatus[], to: Settled) => t.run`
  update authorizations set status = ${to.status}::text, settled_at = ${t.now}::timestamptz, processing_since = null, secrets = null,
    state_hash = null, nonce_hash = null, poll_at = null,
    error_code = ${to.status === 'failed' ? to.code : null}::text, error_said = ${to.status === 'failed' ? to.said : null}::text,
    connection_id = ${to.status === 'completed' ? to.connectionId : null}::text
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status = any (${from}::text[])`

export const findExisting = (t: Tx, scope: Scope, provider: string, owner: string | null, name: string) => t.maybe<{
  id: string
  status: string
  scopes: string[]
  asked_scopes: string[]
}>`
  select id, status, scopes, asked_scopes from connections
  where tenant_id = ${scope.tenantId}::uuid and provider = ${provider}::text and coalesce(owner, '') = coalesce(${owner}::text, '')
    and name = ${name}::text and status <> 'removed'`

/** What a connection says of itself beside its status. */
export const noteError = (t: Tx, scope: Scope, connectionId: string, code: string) => t.run`
  update connections set last_error_code = ${code}::text, last_error_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${connectionId}::text`

export const tenantsWithSettled = (t: Tx, before: Date) => t.rows<{ tenant_id: string }>`
  select tenant_id from countersign_engine.tenants_with_settled_authorizations(${before}::timestamptz)`

export const deleteSettled = (t: Tx, scope: Scope, before: Date, most: number) => t.run`
  delete from authorizations where tenant_id = ${scope.tenantId}::uuid and id in (
    select id from authorizations where tenant_id = ${scope.tenantId}::uuid and settled_at < ${before}::timestamptz order by settled_at limit ${most}::integer)`
