// What may be seen of providers and of versions of their definitions: names, digests, counts and differences. Never a secret: a definition holds none.
import type { FieldError } from '@countersign/sdk'
import type { Provider } from './catalogue.ts'
import { type Change, movesCredentials } from './difference.ts'
import type { VersionRow } from './sql.ts'

export type Usage = { connections: number; grants: number }

export const showVersion = (
  row: VersionRow,
  about: { changes: readonly Change[]; usage: Usage; warnings: readonly FieldError[] },
) => ({
  provider: row.provider,
  version: row.version,
  digest: row.digest.toString('hex'),
  state: row.state,
  reason: row.reason,
  source: row.source,
  definition: row.definition as unknown as Record<string, unknown>,
  proposed_by: row.proposed_by,
  proposed_at: row.proposed_at,
  decided_by: row.decided_by,
  decided_at: row.decided_at,
  difference: about.changes.map((one) => ({ ...one })),
  suspends_grants: movesCredentials(about.changes) && about.usage.grants > 0,
  affected: about.usage,
  warnings: about.warnings.map(({ path, code, message }) => ({ path, code, message })),
})

export type ProviderState = 'available' | 'configured' | 'connected'

export const showProvider = (
  { name, definition, version, bundled, overridden }: Provider,
  { state, proposed, inForce }: { state: ProviderState; proposed: boolean; inForce: boolean },
) => ({
  name,
  aliases: definition.aliases ?? [],
  kind: definition.kind,
  display_name: definition.display_name,
  state,
  methods: definition.methods,
  hosts: definition.hosts.map(({ host, port, path }) => `${host}${port === undefined ? '' : `:${port}`}${path ?? ''}`),
  env: definition.env ?? {},
  verified_on: definition.verified_on ?? null,
  bundled: bundled && version === 0,
  overridden,
  proposed,
  in_force: inForce,
  version,
})
