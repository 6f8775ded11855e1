// The lease of material (V24): the fields that the injections of a connection need and no others, for as long as they may be used again. Never a refresh token,
// never a field that no template names. The other way nothing goes but cookies that a definition captures, in place of those that this very line was handed (V45).
import { Problem } from '@countersign/sdk'
import { systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { reauthorizePage } from '../../vault/connections/reauthorize.ts'
import { definitionAt } from '../../vault/providers/catalogue.ts'
import type { Definition, Material } from '../../vault/providers/definition.ts'
import { fieldsOf, readTemplate } from '../../vault/providers/template.ts'
import { keepCookies } from '../../vault/refresh/capture.ts'
import { fresh } from '../../vault/refresh/refresh.ts'
import { scopesAsked } from '../../vault/refresh/step-up.ts'
import { denial, type Reason } from '../decide/deny.ts'
import type { GateHouse } from './house.ts'
import { findLeased, type LeasedRow } from './sql.ts'
import type { MaterialParams, MaterialResult } from './wire.ts'

/** Before a credential ends it is handed out for this request alone. */
const BEFORE_END_MS = 60_000

/** What this line was handed last, by run, connection and grant: of nothing else does it renew a part. Gone with the line. */
export type Handed = {
  has(params: MaterialParams, generation: number): boolean
  put(params: MaterialParams, generation: number): void
}

const MOST_HANDED = 10_000

export function openHanded(): Handed {
  const handed = new Map<string, number>()
  const nameOf = ({ run_id, connection_id, grant_id }: MaterialParams): string => `${run_id} ${connection_id} ${grant_id}`
  return {
    has: (params, generation) => handed.get(nameOf(params)) === generation,
    put(params, generation) {
      const name = nameOf(params)
      handed.delete(name)
      handed.set(name, generation)
      const [oldest] = handed.keys()
      if (handed.size > MOST_HANDED && oldest !== undefined) handed.delete(oldest)
    },
  }
}

export async function leaseMaterial(
  { vault, leaseSeconds }: GateHouse,
  tenantId: string,
  params: MaterialParams,
  handed: Handed,
): Promise<MaterialResult> {
  const { run_id: runId, connection_id: connectionId, grant_id: grantId, refresh, lacks, renewed } = params
  const scope = systemScope('gate', tenantId)
  const connectUrl = reauthorizePage(vault, connectionId)
  const refuse = (reason: Reason, more: { connectUrl?: string } = {}): Problem =>
    denial(reason, { requestId: '', runId, connection: connectionId, ...more }).problem
  const { row, definition } = await tx(
    vault.db,
    scope,
    async (t) => {
      const found = await findLeased(t, scope, { runId, connectionId, grantId })
      const reason = refusalOf(found, t.now)
      if (reason) throw refuse(reason, reason === 'needs_reauth' ? { connectUrl } : {})
      const leased = found as LeasedRow
      return { row: leased, definition: await definitionAt(vault, t, scope, leased.provider, leased.definition_version) }
    },
    { readOnly: true },
  )
  if (!definition) throw refuse('connection_missing')
  if (lacks) {
    await scopesAsked(vault, scope, connectionId, lacks.scopes, lacks.generation)
    return { material: {}, generation: lacks.generation, lease_ms: 0 }
  }
  if (renewed) {
    if (!handed.has(params, renewed.generation))
      throw new Problem('forbidden', { detail: 'This line was not handed that material.' })
    await keepCookies(vault, scope, connectionId, renewed.generation, renewed.cookies)
    return { material: {}, generation: renewed.generation, lease_ms: 0 }
  }
  try {
    const why = refresh ? ({ reason: 'unauthorized', generation: refresh.generation } as const) : ({ reason: 'lead' } as const)
    const { material, generation, expiresAt } = await fresh(vault, scope, connectionId, why)
    const now = vault.db.clock.now().getTime()
    const ends = [row.grant_ends, row.run_ends].map((end) => end.getTime() - now)
    const left = expiresAt === null ? ends : [...ends, expiresAt.getTime() - BEFORE_END_MS - now]
    const lease_ms = Math.max(0, Math.floor(Math.min(leaseSeconds * 1_000, ...left)))
    handed.put(params, generation)
    const hosts = row.hosts.length > 0 ? { hosts: row.hosts } : {}
    return { material: neededOf(definition, material), generation, lease_ms, ...hosts }
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    if (error.code === 'needs_reauth') throw refuse('needs_reauth', { connectUrl })
    if (error.code === 'state_conflict') throw refuse('suspended')
    if (error.code === 'not_found') throw refuse('connection_missing')
    throw error
  }
}

/** The state at this moment, which may be newer than what the node knows. */
function refusalOf(row: LeasedRow | null, now: Date): Reason | null {
  if (!row) return 'no_grant'
  if (row.grant_status === 'suspended' || row.status === 'suspended') return 'suspended'
  if (row.grant_status === 'expired' || row.grant_ends <= now) return 'grant_expired'
  if (row.grant_status !== 'active') return 'no_grant'
  if (row.status === 'needs_reauth') return 'needs_reauth'
  return row.status === 'connected' ? null : 'connection_missing'
}

const SIGNING = ['access_key_id', 'secret_access_key', 'session_token']

/** What the templates of a definition name. */
export function neededOf({ inject }: Definition, material: Material): Material {
  const names = new Set(
    inject.flatMap(({ where, template = '', user = '', password = '' }) =>
      where === 'sigv4' ? SIGNING : [template, user, password].flatMap((text) => fieldsOf(readTemplate(text))),
    ),
  )
  return Object.fromEntries(Object.entries(material).filter(([name]) => names.has(name)))
}
