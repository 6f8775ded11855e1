// Exceptions to the guard of the way out (P104): a host lets one tenant reach an exact host or network at one port. They are rows, read by the guard at every dial.
// Never a suffix or a wildcard, never for all tenants at once (that is the setting EGRESS_ALLOW), and never an address where clouds keep credentials.
import { Problem } from '@countersign/sdk'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Db, once, tx } from '../../db/tx.ts'
import { type Allowed, describeAllowed, parseAllowed } from '../../egress/address.ts'
import { record } from '../../events/event.ts'
import { tenantUuid, tenantWire } from '../../std/id.ts'
import { type AllowRow, allAllows, deleteAllowsBut, hasTenant, insertAllows, listAllows, listTargets, lockAllows } from './sql.ts'

export type EgressHouse = { db: Db }
export type GivenAllow = { target: string; reason?: string }
export type Allows = { tenant_id: string; allow: AllowRow[] }

export async function getAllows(house: EgressHouse, scope: Scope, tenantId: string): Promise<Allows> {
  const of = scopeFor(scope, tenantId)
  return tx(
    house.db,
    of,
    async (t) => {
      if (!(await hasTenant(t, of)).yes) throw new Problem('not_found')
      return { tenant_id: tenantId, allow: await listAllows(t, of) }
    },
    { readOnly: true },
  )
}

/** The whole list of a tenant, replaced. What changed stands in that tenant's own record, where its owners see who opened which way. */
export async function putAllows(
  house: EgressHouse,
  scope: Scope,
  input: { tenant_id: string; allow: GivenAllow[] },
): Promise<Allows> {
  const given = input.allow.map(readGiven)
  const targets = given.map((one) => one.target)
  const of = scopeFor(scope, input.tenant_id)
  return tx(house.db, of, async (t) => {
    if (!(await hasTenant(t, of)).yes) throw new Problem('not_found')
    await lockAllows(t, of)
    const before = (await listTargets(t, of)).map((one) => one.target)
    await deleteAllowsBut(t, of, targets)
    await insertAllows(
      t,
      of,
      targets,
      given.map((one) => one.reason),
    )
    const after = (await listTargets(t, of)).map((one) => one.target)
    if (before.join() !== after.join()) {
      const data = {
        tenant_id: input.tenant_id,
        added: after.filter((one) => !before.includes(one)),
        removed: before.filter((one) => !after.includes(one)),
      }
      await record(t, of, 'egress.allowed', data, { resource: { type: 'tenant', id: input.tenant_id } })
      t.wake(topicOf(of.tenantId))
    }
    return { tenant_id: input.tenant_id, allow: await listAllows(t, of) }
  })
}

function readGiven({ target, reason = '' }: GivenAllow, i: number): { target: string; reason: string } {
  const allowed = parseAllowed(target)
  if (allowed) return { target: describeAllowed(allowed), reason: reason.trim() }
  const message =
    'Must be an exact host or a network with a port, such as receiver.example:8443 or 10.1.0.0/16:443, and no metadata address.'
  throw new Problem('url_not_allowed', { errors: [{ path: `/allow/${i}/target`, code: 'url_not_allowed', message }] })
}

/** A host has no rights inside a tenant but this one; the row belongs to the tenant, so the transaction does too. */
function scopeFor(scope: Scope, tenantId: string): Scope {
  const uuid = tenantUuid(tenantId)
  if (!uuid) throw new Problem('not_found')
  return { ...scope, tenantId: uuid, beforeCommit: undefined }
}

const topicOf = (tenantUuid: string): string => `egress:${tenantUuid}`
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const MOST_KEPT = 1_000

/** For the guard: the exceptions of a tenant, as old as a wake-up or a second at most. */
export function readAllows({ db }: EgressHouse): (tenantId: string) => Promise<readonly Allowed[]> {
  type Kept = { rows: Promise<Allowed[]>; forget: () => void }
  const kept = new Map<string, Kept>()
  const drop = (tenantId: string) => {
    kept.get(tenantId)?.forget()
    kept.delete(tenantId)
  }
  return async (tenantId) => {
    // Work of the installation itself belongs to no tenant.
    if (!UUID.test(tenantId)) return []
    let found = kept.get(tenantId)
    if (!found) {
      const scope = systemScope('egress', tenantId)
      // Subscribed before it is read: what changes in between is read again.
      const forget = db.listen.subscribe(topicOf(tenantId), () => drop(tenantId))
      found = { rows: tx(db, scope, (t) => listTargets(t, scope), { readOnly: true }).then(readRows), forget }
      kept.set(tenantId, found)
      const [oldest] = kept.size > MOST_KEPT ? kept.keys() : []
      if (oldest !== undefined) drop(oldest)
      found.rows.catch(() => drop(tenantId))
    }
    return found.rows
  }
}

const readRows = (rows: { target: string }[]): Allowed[] => rows.flatMap(({ target }) => parseAllowed(target) ?? [])

/** Rows that this version would not take, for the check at the start; an older one, or a hand, may have written them. */
export async function findForbidden(db: Db): Promise<{ tenant: string; target: string }[]> {
  const rows = await once<{ tenant_id: string; target: string }>(db, allAllows)
  return rows.flatMap(({ tenant_id, target }) => (parseAllowed(target) ? [] : [{ tenant: tenantWire(tenant_id), target }]))
}
