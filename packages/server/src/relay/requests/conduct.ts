// How a tenant asks for connections, for those who are asked (relay.md R121): a score of what it does everywhere, made of counts alone. Refuses nobody: people do. Names no other owner.
import type { Problem } from '@countersign/sdk'
import { NO_TENANT, type Scope, systemScope } from '../../db/scope.ts'
import { type Db, type Tx, tx } from '../../db/tx.ts'
import type { Log } from '../../std/log.ts'
import { addLimited, type ConductRow, findConduct } from './sql.ts'

export type Conduct = {
  /** 0 to 100. */
  score: number
  cards_asked: number
  refusals: number
  times_limited: number
  domains: string[]
}

// A builder asks for a handful; who asks for many, is refused or runs into limits is looked at twice.
const FREE_CARDS = 3
const OF_CARD = 5
const OF_REFUSAL = 10
const MOST_LIMITED = 30

export const scoreOf = ({ cards_asked, refusals, times_limited }: Omit<ConductRow, 'tenant_id' | 'domains'>): number =>
  Math.min(100, OF_CARD * Math.max(0, cards_asked - FREE_CARDS) + OF_REFUSAL * refusals + Math.min(MOST_LIMITED, times_limited))

/** By tenant. */
export async function conductOf(t: Tx, tenants: readonly string[]): Promise<Map<string, Conduct>> {
  if (tenants.length === 0) return new Map()
  const rows = await findConduct(t, [...new Set(tenants)])
  return new Map(rows.map(({ tenant_id, ...row }) => [tenant_id, { score: scoreOf(row), ...row }]))
}

const EVERY_MS = 1_000
const MOST_TENANTS = 10_000

/** Told of every 429. Written down once a second for a tenant, however many there are; what a process has not written when it ends is not counted. */
export function openLimitedNotes(db: Db, log: Log): (scope: Scope, problem: Problem) => void {
  const seen = new Map<string, { times: number; at: number }>()
  return (scope, problem) => {
    const { bucket } = problem.members as { bucket?: unknown }
    const isOurs = problem.code === 'quota_exceeded' || (typeof bucket === 'string' && bucket.startsWith('relay.'))
    const tenant = scope.relayParty === undefined ? scope.tenantId : scope.relayFrom
    if (!isOurs || tenant == null || tenant === NO_TENANT) return
    const now = db.now().getTime()
    if (seen.size >= MOST_TENANTS) seen.clear()
    const { times, at } = seen.get(tenant) ?? { times: 0, at: Number.NEGATIVE_INFINITY }
    const isDue = now - at >= EVERY_MS
    seen.set(tenant, { times: isDue ? 0 : times + 1, at: isDue ? now : at })
    if (!isDue) return
    const own = systemScope('relay', tenant)
    tx(db, own, (t) => addLimited(t, own, times + 1)).catch((error: unknown) => {
      log.warn({ err: error }, 'that a limit was reached could not be written down')
    })
  }
}
