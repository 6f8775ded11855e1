// The statements over clients. `generation` counts writes of the secret and is bound into its envelope.
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import type { ClientAuth } from '../providers/definition.ts'

export type ClientState = 'registering' | 'active' | 'unknown' | 'removed'
export type ClientRow = {
  id: string
  provider: string
  issuer: string
  client_id: string | null
  secret: Buffer | null
  generation: number
  auth: ClientAuth
  key_id: string | null
  redirect_uris: string[]
  registration: Record<string, unknown> | null
  state: ClientState
  sent: number
  created_by: string
  created_at: Date
  updated_at: Date
}

const COLUMNS: Sql = sql`id, provider, issuer, client_id, secret, generation::float8 as generation, auth, key_id, redirect_uris, registration, state, sent,
  created_by, created_at, updated_at`

/** Any but a removed one; who uses it looks at its state. */
export const findClient = (t: Tx, scope: Scope, provider: string, issuer: string) => t.maybe<ClientRow>`
  select ${COLUMNS} from clients
  where tenant_id = ${scope.tenantId}::uuid and provider = ${provider}::text and issuer = ${issuer}::text and state <> 'removed'`

export const lockClient = (t: Tx, scope: Scope, provider: string, issuer: string) => t.maybe<ClientRow>`
  select ${COLUMNS} from clients
  where tenant_id = ${scope.tenantId}::uuid and provider = ${provider}::text and issuer = ${issuer}::text and state <> 'removed' for update`

export const findClientsOf = (t: Tx, scope: Scope, provider: string) => t.rows<ClientRow>`
  select ${COLUMNS} from clients where tenant_id = ${scope.tenantId}::uuid and provider = ${provider}::text and state <> 'removed' order by issuer`

/** Providers that somebody registered a client for. */
export const findConfigured = (t: Tx, scope: Scope) => t.rows<{ provider: string }>`
  select distinct provider from clients where tenant_id = ${scope.tenantId}::uuid and state = 'active' and client_id is not null`

export type WrittenClient = {
  id: string
  provider: string
  issuer: string
  client_id: string | null
  secret: Buffer | null
  generation: number
  auth: ClientAuth
  key_id: string | null
  redirect_uris: readonly string[]
  registration: object | null
  state: ClientState
  sent: number
}

export const insertClient = (t: Tx, scope: Scope, one: WrittenClient) => t.one<ClientRow>`
  insert into clients (id, tenant_id, provider, issuer, client_id, secret, generation, auth, key_id, redirect_uris, registration, state, sent, created_by, created_at,
    updated_at)
  values (${one.id}::text, ${scope.tenantId}::uuid, ${one.provider}::text, ${one.issuer}::text, ${one.client_id}::text, ${one.secret}::bytea,
    ${one.generation}::bigint, ${one.auth}::text, ${one.key_id}::text, ${one.redirect_uris}::text[],
    ${one.registration === null ? null : JSON.stringify(one.registration)}::jsonb, ${one.state}::text, ${one.sent}::integer, ${scope.principal}::text,
    ${t.now}::timestamptz, ${t.now}::timestamptz)
  returning ${COLUMNS}`

export const updateClient = (t: Tx, scope: Scope, one: WrittenClient) => t.one<ClientRow>`
  update clients set client_id = ${one.client_id}::text, secret = ${one.secret}::bytea, generation = ${one.generation}::bigint,
    auth = ${one.auth}::text, key_id = ${one.key_id}::text, sent = ${one.sent}::integer, redirect_uris = ${one.redirect_uris}::text[],
    registration = ${one.registration === null ? null : JSON.stringify(one.registration)}::jsonb, state = ${one.state}::text,
    updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${one.id}::text
  returning ${COLUMNS}`

/** The row stays for the connections that name it. What is secret in it stays until the provider was told (V39, V51). */
export const removeClientIf = (t: Tx, scope: Scope, id: string) => t.run`
  update clients set state = 'removed', updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and state <> 'removed'`

/** Also of one that was removed. */
export const findClientById = (t: Tx, scope: Scope, id: string) => t.maybe<ClientRow>`
  select ${COLUMNS} from clients where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

export const eraseSecretIfRemoved = (t: Tx, scope: Scope, id: string) => t.run`
  update clients set secret = null, updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and state = 'removed' and secret is not null`

/** Its providers were not told yet that these are over, and are told with this client. */
export const findUntoldUnder = (t: Tx, scope: Scope, id: string) => t.rows<{ id: string }>`
  select id from connections where tenant_id = ${scope.tenantId}::uuid and client_id = ${id}::text
    and status in ('revoked', 'removed') and provider_revocation = 'waiting' and material is not null limit 1`

/** Those obtained under it whose use has not ended. */
export const findConnectionsUnder = (t: Tx, scope: Scope, id: string) => t.rows<{ id: string }>`
  select id from connections where tenant_id = ${scope.tenantId}::uuid and client_id = ${id}::text
    and status in ('pending', 'connected', 'needs_reauth', 'suspended') order by id`
