// Credentials of the vault for an agent that answers elsewhere (relay.md R44, R116): the headers that a connection adds to requests of one origin, fresh, and only where the
// definition of its provider reaches that origin. Signs nothing, writes into no URL and no body; hands a refresh token to nobody.
import { Problem } from '@countersign/sdk'
import { type Scope, systemScope } from '../db/scope.ts'
import { tx } from '../db/tx.ts'
import { reach } from '../identity/matrix.ts'
import type { CredentialFor, MayNameConnection } from '../relay/delivery/house.ts'
import { seeConnection } from '../vault/connections/connection.ts'
import { type ConnectionRow, findConnection } from '../vault/connections/sql.ts'
import type { VaultHouse } from '../vault/house.ts'
import { definitionAt } from '../vault/providers/catalogue.ts'
import type { Definition, Material } from '../vault/providers/definition.ts'
import { appliesTo, fillInjection } from '../vault/providers/fill.ts'
import { matchHost, parsePattern, portOf } from '../vault/providers/pattern.ts'
import { fresh } from '../vault/refresh/refresh.ts'

/** What `fresh` says where the connection cannot be used just now: the caller is told no more than that. */
const UNUSABLE = ['needs_reauth', 'state_conflict', 'not_found', 'provider_error']

export const openCredentials =
  (vault: VaultHouse): CredentialFor =>
  async (tenantId, connectionId, origin) => {
    const scope = systemScope('relay', tenantId)
    const found = await tx(
      vault.db,
      scope,
      async (t) => {
        const row = await findConnection(t, scope, connectionId, { owner: null, agent: null })
        const definition = row && (await definitionAt(vault, t, scope, row.provider, row.definition_version))
        return row && definition ? { row, definition } : null
      },
      { readOnly: true },
    )
    if (!found || !reaches(found.definition, found.row, new URL(origin))) return null
    try {
      const { material } = await fresh(vault, scope, connectionId, { reason: 'lead' })
      return headersOf(found.definition, found.row, material, new URL(origin).hostname)
    } catch (error) {
      if (error instanceof Problem && UNUSABLE.includes(error.code)) return null
      throw error
    }
  }

const DEFAULT_PORTS: Record<string, number> = { 'https:': 443, 'http:': 80 }

function reaches(definition: Definition, { params, hosts, status }: ConnectionRow, url: URL): boolean {
  const port = url.port === '' ? DEFAULT_PORTS[url.protocol] : Number(url.port)
  if (status !== 'connected' || (url.protocol !== 'https:' && !definition.allow_plaintext)) return false
  if (hosts.length > 0 && !hosts.includes(url.hostname)) return false
  return definition.hosts.some((one) => portOf(one, params) === port && matchHost(parsePattern(one.host), url.hostname, params))
}

/** Null: the provider opens its door in no header. */
function headersOf(
  { inject }: Definition,
  { params }: ConnectionRow,
  material: Material,
  host: string,
): Record<string, string> | null {
  const headers: Record<string, string> = {}
  for (const one of inject) {
    if ((one.where !== 'header' && one.where !== 'basic') || !appliesTo(one, { host, path: '/' }, params)) continue
    const filled = fillInjection(one, material)
    if (filled && 'name' in filled) headers[filled.name.toLowerCase()] = filled.value
  }
  return Object.keys(headers).length > 0 ? headers : null
}

/** Whoever could change the connection may have an agent of the tenant opened with it; for anybody else there is none of that id. */
export const openNaming =
  (vault: VaultHouse): MayNameConnection =>
  async (scope: Scope, connectionId: string) => {
    if (reach(scope, 'connection.update') === 'none') throw new Problem('forbidden')
    await tx(vault.db, scope, (t) => seeConnection(t, scope, connectionId, 'connection.update'), { readOnly: true })
  }
