// An authorization as whoever started it reads it, and as its page shows it. Neither holds anything that was sealed or hashed.
import { Problem } from '@countersign/sdk'
import type { Scope, Tx } from '../../db/tx.ts'
import { tx } from '../../db/tx.ts'
import { reach } from '../../identity/matrix.ts'
import type { VaultHouse } from '../house.ts'
import { definitionAt } from '../providers/catalogue.ts'
import type { Definition } from '../providers/definition.ts'
import { fieldsOf } from './fields.ts'
import { type AuthorizationRow, findAuthorization } from './sql.ts'

export const isOpen = ({ status }: Pick<AuthorizationRow, 'status'>): boolean =>
  status === 'pending' || status === 'waiting_for_user'

export const showAuthorization = (row: AuthorizationRow) => ({
  authorization_id: row.id,
  status: row.status,
  provider: row.provider,
  method: row.method,
  connection_name: row.connection_name,
  owner_id: row.owner,
  next_action: !isOpen(row) ? ('none' as const) : row.method === 'device' ? ('show_code' as const) : ('open_url' as const),
  ...deviceOf(row),
  interval: isOpen(row) ? row.interval_seconds : null,
  error: errorOf(row),
  connection_id: row.connection_id,
  created_at: row.created_at,
  expires_at: row.expires_at,
})
export type ShownAuthorization = ReturnType<typeof showAuthorization>

const deviceOf = (row: AuthorizationRow) => ({
  user_code: isOpen(row) ? row.user_code : null,
  verification_uri: isOpen(row) ? row.verification_uri : null,
  verification_uri_complete: isOpen(row) ? row.verification_uri_complete : null,
})

const errorOf = (row: AuthorizationRow) => (row.error_code === null ? null : { code: row.error_code, said: row.error_said })

/** For its maker, its owner, and who reaches every connection; for anybody else there is none. */
export async function seeAuthorization(t: Tx, scope: Scope, id: string): Promise<AuthorizationRow> {
  const row = await findAuthorization(t, scope, id)
  const own =
    row !== null && (row.created_by === scope.principal || (row.owner !== null && row.owner === scope.userId && !scope.agentId))
  if (!row || (!own && reach(scope, 'connection.create') !== 'any')) throw new Problem('not_found')
  return row
}

export const getAuthorization = (house: VaultHouse, scope: Scope, id: string): Promise<ShownAuthorization> =>
  tx(house.db, scope, async (t) => showAuthorization(await seeAuthorization(t, scope, id)), { readOnly: true })

export type Step = 'fields' | 'choose_issuer' | 'go_on' | 'device' | 'wait' | 'done' | 'ended'

/** What its page shows now. `nonce` is null where there is nothing to send. */
export async function viewOf(house: VaultHouse, t: Tx, scope: Scope, row: AuthorizationRow, nonce: string | null) {
  const definition = await definitionAt(house, t, scope, row.provider, row.definition_version)
  if (!definition) throw new Problem('not_found')
  const isRedirect = row.method === 'code' || row.method === 'register'
  const fields = isOpen(row) ? fieldsOf(definition, row.method) : []
  const issuers = issuersOf(row)
  return {
    authorization_id: row.id,
    status: row.status,
    step: stepOf(row, fields.length > 0, issuers.length > 1),
    provider: providerOf(definition),
    owner: row.owner_name,
    asked_by: row.agent_name,
    connection_name: row.connection_name,
    replaces: row.replaces,
    method: row.method,
    pkce: isRedirect && definition.oauth?.pkce !== 'absent',
    scopes: row.scopes.map((name) => ({ name, says: definition.oauth?.scopes?.catalogue?.[name] ?? null })),
    redirect_url: isRedirect ? redirectUrl(house) : null,
    fields: fields.map(({ name, label, secret, pattern, hint }) => ({
      name,
      label,
      secret,
      pattern: pattern ?? null,
      hint: hint ?? null,
    })),
    issuers: isOpen(row) ? issuers : [],
    nonce,
    ...deviceOf(row),
    error: errorOf(row),
    connection_id: row.connection_id,
    expires_at: row.expires_at,
  }
}
export type ConnectShown = Awaited<ReturnType<typeof viewOf>>

export const redirectUrl = ({ origin }: Pick<VaultHouse, 'origin'>): string => `${origin()}/connect/return`

export const issuersOf = ({ server }: Pick<AuthorizationRow, 'server'>): string[] =>
  Array.isArray(server?.issuers) ? server.issuers.filter((one): one is string => typeof one === 'string') : []

function stepOf(row: AuthorizationRow, hasFields: boolean, mustChoose: boolean): Step {
  if (row.status === 'completed') return 'done'
  if (row.status === 'processing') return 'wait'
  if (!isOpen(row)) return 'ended'
  if (row.method === 'device') return row.user_code === null ? 'wait' : 'device'
  if (hasFields) return 'fields'
  return mustChoose ? 'choose_issuer' : 'go_on'
}

const providerOf = ({ name, display_name, description, docs_url, verified_on, hosts }: Definition) => ({
  name,
  display_name,
  description: description ?? null,
  docs_url: docs_url ?? null,
  verified_on: verified_on ?? null,
  hosts: hosts.map(({ host }) => host),
})
