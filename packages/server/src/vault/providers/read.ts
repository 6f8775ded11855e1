// Providers as people and agents see them (V7): in lists with the state that they have for whoever looks, and one by one with the definition in force.

import { Problem } from '@countersign/sdk'
import { type Scope, tx } from '../../db/tx.ts'
import { openCursor, pageOf } from '../../http/cursor.ts'
import { isKeyScope, reach } from '../../identity/matrix.ts'
import { recordNameOf } from '../clients/client.ts'
import { findClientsOf, findConfigured } from '../clients/sql.ts'
import type { VaultHouse } from '../house.ts'
import { listProviders, ownProvider, type Provider, providerOf } from './catalogue.ts'
import { differenceOf } from './difference.ts'
import { type ProviderState, showProvider, showVersion } from './show.ts'
import { findConnectedTo, findProposed, type VersionRow } from './sql.ts'
import { usageOf } from './version.ts'

export const LIST = 'GET /providers'
/** Where providers send people back to. */
export const redirectUrl = (house: Pick<VaultHouse, 'origin'>): string => `${house.origin()}/connect/return`

export type ProviderQuery = { kind?: string; state?: string; q?: string; limit: number; cursor?: string }

export async function listForViewer(house: VaultHouse, scope: Scope, { limit, cursor, ...filter }: ProviderQuery) {
  const at = { tenantId: scope.tenantId, route: LIST, filter }
  return tx(
    house.db,
    scope,
    async (t) => {
      const after = cursor === undefined ? '' : openCursor<string>(house.keyring, at, cursor, t.now)
      const all = await listProviders(t, scope)
      const connected = names(await findConnectedTo(t, scope, scope.userId, agentOf(scope)))
      const configured = names(await findConfigured(t, scope))
      const proposals = await findProposed(t, scope, null)
      const proposed = names(proposals)
      const inForce = new Set(all.map(({ name }) => name))
      const known = all.map((one) =>
        showProvider(one, { state: stateOf(one, connected, configured), proposed: proposed.has(one.name), inForce: true }),
      )
      const shown = [...known, ...(manages(scope) ? onlyProposed(proposals, inForce) : [])].sort((a, b) =>
        a.name < b.name ? -1 : 1,
      )
      const rows = shown.filter((one) => one.name > after && fits(one, filter)).slice(0, limit + 1)
      return pageOf(house.keyring, at, rows, { limit, now: t.now, position: (row) => row.name })
    },
    { readOnly: true },
  )
}

const manages = (scope: Scope): boolean => reach(scope, 'provider.manage') === 'any'

/** The newest proposal of each provider that nothing is in force of, for who could approve it. */
function onlyProposed(proposals: readonly VersionRow[], inForce: ReadonlySet<string>) {
  const newest = new Map<string, VersionRow>()
  for (const row of proposals) if (!inForce.has(row.provider) && !newest.has(row.provider)) newest.set(row.provider, row)
  return [...newest.values()].map((row) => showProvider(ownProvider(row), { state: 'available', proposed: true, inForce: false }))
}

const names = (rows: readonly { provider: string }[]) => new Set(rows.map(({ provider }) => provider))
const agentOf = (scope: Scope): string | null => (scope.actor.type === 'agent' ? scope.actor.id : null)

function stateOf({ name, definition }: Provider, connected: Set<string>, configured: Set<string>): ProviderState {
  if (connected.has(name)) return 'connected'
  const needs = definition.client?.needed === 'always'
  return !needs || configured.has(definition.client?.record ?? name) ? 'configured' : 'available'
}

function fits(one: ReturnType<typeof showProvider>, { kind, state, q }: Pick<ProviderQuery, 'kind' | 'state' | 'q'>): boolean {
  if (kind !== undefined && one.kind !== kind) return false
  if (state === 'overridden' || state === 'proposed') {
    if (!one[state]) return false
  } else if (state !== undefined && one.state !== state) return false
  const words = [one.name, one.display_name, ...one.aliases, ...one.hosts].join(' ').toLowerCase()
  return q === undefined || words.includes(q.toLowerCase())
}

/** What is only proposed is shown to who could approve it. */
export const getForViewer = (house: VaultHouse, scope: Scope, nameOrAlias: string) =>
  tx(
    house.db,
    scope,
    async (t) => {
      const isPerson = !isKeyScope(scope) || scope.keyKind !== 'agt'
      const found = await providerOf(house, t, scope, nameOrAlias)
      const name = found?.name ?? nameOrAlias
      const proposals = manages(scope) ? await findProposed(t, scope, name) : []
      if (!found && proposals.length === 0) throw new Problem('not_found')
      const usage = await usageOf(t, scope, name)
      const record = await recordNameOf(house, t, scope, name)
      const clients = isPerson ? await findClientsOf(t, scope, record) : []
      const connected = names(await findConnectedTo(t, scope, scope.userId, agentOf(scope)))
      const configured = names(await findConfigured(t, scope))
      const shown =
        found &&
        showProvider(found, { state: stateOf(found, connected, configured), proposed: proposals.length > 0, inForce: true })
      return {
        name,
        provider: shown,
        definition: found?.definition ?? null,
        source: found?.source ?? null,
        digest: found?.digest.toString('hex') ?? null,
        redirect_url: redirectUrl(house),
        client: clients.map(({ client_id, issuer, auth, state }) => ({ client_id, issuer: issuer || null, auth, state })),
        usage: isPerson ? usage : null,
        proposals: proposals.map((row) =>
          showVersion(row, { changes: differenceOf(found?.definition, row.definition), usage, warnings: [] }),
        ),
      }
    },
    { readOnly: true },
  )
