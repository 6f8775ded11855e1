// Asking for a rewrap, looking at it, and destroying what it left unused (V72). The work itself is in run.ts, whoever does it.

import { enqueue } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import { systemScope } from '../../../db/scope.ts'
import { type Scope, tx } from '../../../db/tx.ts'
import { record } from '../../../events/event.ts'
import { newId, tenantUuid, tenantWire } from '../../../std/id.ts'
import { HELD_MS } from '../held.ts'
import type { KeyringHouse } from '../root/root-key.ts'
import { versionBytes, workColumns } from './move.ts'
import { totals } from './run.ts'
import {
  countWrapsOf,
  destroyRetired,
  findRewrap,
  insertRewrap,
  listRetired,
  listRewraps,
  newestTenantKey,
  nextTenants,
  type RewrapRow,
} from './sql.ts'

export const REWRAP = 'keyring.rewrap'

export type RewrapInput = { tenant_id?: string | null; renew?: boolean; reseal?: boolean }

/** Open from the commit on. With a queue at hand a worker begins; without, whoever calls workRewraps. Runs are worked on one after the other. */
export async function startRewrap(house: Pick<KeyringHouse, 'db'>, scope: Scope, input: RewrapInput): Promise<RewrapView> {
  const tenantId = input.tenant_id ? await knownTenant(house, input.tenant_id) : null
  return tx(house.db, scope, async (t) => {
    const made = await insertRewrap(t, {
      id: newId('rwp', t.now.getTime()),
      only_tenant: tenantId,
      renew: input.renew ?? true,
      reseal: input.reseal ?? false,
      created_by: scope.principal,
    })
    await enqueue(t, { kind: REWRAP, payload: {} })
    return view(made)
  })
}

async function knownTenant({ db }: Pick<KeyringHouse, 'db'>, wire: string): Promise<string> {
  const id = tenantUuid(wire)
  const scope = systemScope('keyring', id ?? undefined)
  const keys = id ? await tx(db, scope, (t) => newestTenantKey(t, scope), { readOnly: true }) : null
  if (!id || !keys) throw new Problem('not_found')
  return id
}

export type RewrapView = {
  id: string
  state: 'waiting' | 'running' | 'finished'
  phase: RewrapRow['phase']
  tenant_id: string | null
  renew: boolean
  reseal: boolean
  created_at: Date
  created_by: string
  started_at: Date | null
  finished_at: Date | null
  total: number
  done: number
  failed: number
  /** Wraps a second, over the time that they took so far. */
  rate: number | null
  items: { item: string; version: number; total: number; done: number }[]
}

export function view(row: RewrapRow, now?: Date): RewrapView {
  const { progress, only_tenant, phase } = row
  const { total, done } = totals(row)
  const end = progress.until ? new Date(progress.until) : now
  const seconds = progress.since && end ? (end.getTime() - new Date(progress.since).getTime()) / 1000 : 0
  return {
    id: row.id,
    state: phase === 'waiting' || phase === 'finished' ? phase : 'running',
    phase,
    tenant_id: only_tenant && tenantWire(only_tenant),
    renew: row.renew,
    reseal: row.reseal,
    created_at: row.created_at,
    created_by: row.created_by,
    started_at: row.started_at,
    finished_at: row.finished_at,
    total,
    done,
    failed: row.failed,
    rate: seconds > 0 && done > 0 ? Math.round(done / Math.max(seconds, 0.001)) : null,
    items: Object.entries(progress.items ?? {}).flatMap(([item, versions]) =>
      Object.entries(versions).map(([version, counter]) => ({ item, version: Number(version), ...counter })),
    ),
  }
}

export async function getRewrap(house: Pick<KeyringHouse, 'db'>, id: string): Promise<RewrapView> {
  return tx(
    house.db,
    systemScope('keyring'),
    async (t) => {
      const row = await findRewrap(t, id)
      if (!row) throw new Problem('not_found')
      return view(row, t.now)
    },
    { readOnly: true },
  )
}

/** One that was asked for this tenant alone: what goes over all of them is nobody's but a host's to see. */
export async function getRewrapOf(house: Pick<KeyringHouse, 'db'>, scope: Scope, id: string): Promise<RewrapView> {
  const found = await getRewrap(house, id)
  if (found.tenant_id === null || tenantUuid(found.tenant_id) !== scope.tenantId) throw new Problem('not_found')
  return found
}

export const lastRewraps = (house: Pick<KeyringHouse, 'db'>, atMost = 10): Promise<RewrapView[]> =>
  tx(house.db, systemScope('keyring'), async (t) => (await listRewraps(t, atMost)).map((row) => view(row, t.now)), {
    readOnly: true,
  })

/** Versions of tenants' keys that nothing names: their keys are gone from the commit on. Each is counted once more first; what names one keeps it. */
export async function destroyRetiredTenantKeys(
  house: KeyringHouse,
  scope: Scope,
  tenantId: string | null = null,
): Promise<{ destroyed: number; kept: number }> {
  const { db } = house
  const told = { destroyed: 0, kept: 0 }
  const columns = await tx(db, systemScope('keyring'), (t) => workColumns(t), { readOnly: true })
  const visit = async (id: string) => {
    const own = { ...scope, tenantId: id, beforeCommit: undefined }
    await tx(db, own, async (t) => {
      // Who held the version when it was retired may have sealed with it until their five minutes were over.
      const retired = await listRetired(t, own, new Date(t.now.getTime() - HELD_MS))
      const counts = retired.length === 0 ? [] : await countWrapsOf(t, own, columns)
      for (const { version } of retired) {
        if (counts.some((one) => one.version.equals(versionBytes(version)))) {
          told.kept++
          continue
        }
        told.destroyed += await destroyRetired(t, own, version)
        await record(t, own, 'keyring.destroyed', { tenant_key_version: version })
      }
    })
  }
  if (tenantId) await visit(tenantId)
  else
    for (let after: string | null = null; ; ) {
      const page: { tenant_id: string }[] = await tx(db, systemScope('keyring'), (t) => nextTenants(t, after, 200), {
        readOnly: true,
      })
      for (const { tenant_id } of page) await visit(tenant_id)
      after = page.at(-1)?.tenant_id ?? null
      if (after === null) break
    }
  return told
}
