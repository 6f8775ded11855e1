// What policy is asked about connections and grants (V17): the connection, or the provider of one that is not there yet. Decides nothing.

import type { Scope } from '../../db/tx.ts'
import type { CountersignedAct } from '../../identity/policies/countersign.ts'
import { tenantWire } from '../../std/id.ts'
import type { ConnectionRow } from './sql.ts'

/** What of a provider stands in policies. */
export type JudgedProvider = { name: string; kind: string; bundled: boolean }

/** One provider of one tenant: names are given by tenants, so the entity bears both. */
export const providerUid = (scope: Scope, name: string) => ({ type: 'Provider', id: `${tenantWire(scope.tenantId)}/${name}` })

export const providerResource = (scope: Scope, { name, kind, bundled }: JudgedProvider): CountersignedAct['resource'] => ({
  ...providerUid(scope, name),
  attrs: { name, kind, bundled },
})

export const connectionResource = (scope: Scope, row: ConnectionRow): CountersignedAct['resource'] => ({
  type: 'Connection',
  id: row.id,
  attrs: {
    name: row.name,
    labels: row.labels,
    shared: row.owner === null,
    status: row.status,
    ...(row.owner === null ? {} : { owner: { __entity: { type: 'User', id: row.owner } } }),
  },
  parents: [providerUid(scope, row.provider)],
})

type About = {
  method?: string
  scopes?: readonly string[]
  fields?: readonly string[]
  /** What people see beside the act; its digest is bound by whoever names one. */
  body?: unknown
}

const CONTEXT = ({ method, scopes, fields }: About) => ({ method, scopes: scopes && [...scopes], fields: fields && [...fields] })

export const actOnConnection = (
  action: 'connection.delete' | 'connection.export' | 'grant.create' | 'grant.revoke',
  scope: Scope,
  row: ConnectionRow,
  about: About = {},
): CountersignedAct => ({
  origin: 'vault',
  action,
  resource: connectionResource(scope, row),
  context: CONTEXT(about),
  body: about.body,
})

export const actOnProvider = (
  action: 'connection.create' | 'provider.manage',
  scope: Scope,
  provider: JudgedProvider,
  about: About = {},
): CountersignedAct => ({
  origin: 'vault',
  action,
  resource: providerResource(scope, provider),
  context: CONTEXT(about),
  body: about.body,
})
