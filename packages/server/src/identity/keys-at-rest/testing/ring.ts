// For the tests of this room: an installation with a key ring and no server, further processes of it, and envelopes to move.
import { onTestFinished } from 'vitest'
import { type Database, database } from '#harness'
import { memorySource } from '../../../crypto/keyring-memory.ts'
import type { RootSource, Roots } from '../../../crypto/keyring-source.ts'
import { openText, type Place, sealText } from '../../../crypto/seal.ts'
import { randomBytes } from '../../../crypto/token.ts'
import { type Scope, systemScope } from '../../../db/scope.ts'
import { type Db, tx } from '../../../db/tx.ts'
import { newTenantUuid, tenantWire } from '../../../std/id.ts'
import { openRing, type Ring } from '../root/ring.ts'
import type { KeyringHouse } from '../root/root-key.ts'
import { tenantKey } from '../tenant-key.ts'

export type Process = KeyringHouse & { source: RootSource }

export async function installation(source: RootSource = memorySource()) {
  const pg: Database = await database()
  /** Another process, with the source that it has: as main opens it. */
  const start = async (over?: Db, own = source, more: Partial<Roots> = {}): Promise<Process> => {
    const db = over ?? (await pg.open())
    const roots = { sources: [own], skipped: [], warnings: [], created: false, ...more }
    const ring: Ring = await openRing({ db, roots, roles: ['web'] })
    onTestFinished(() => ring.close())
    return { db, keyring: ring.keyring, ring, source: own }
  }
  const first = await start(pg.db)
  const tenant = async (): Promise<Scope> => {
    const id = newTenantUuid()
    await pg.admin.run`insert into tenants (id, name) values (${id}::uuid, 'one')`
    return systemScope('test', id)
  }
  return { pg, first, start, tenant }
}

const place = (scope: Scope, row: string): Place => ({
  tenant: tenantWire(scope.tenantId),
  table: 'compatibility_keys',
  column: 'material',
  row,
})

/** Seals a text in a real table of sealed rows, as its room does. */
export const put = (one: KeyringHouse, scope: Scope, version: number, text = `text ${version}`) =>
  tx(one.db, scope, async (t) => {
    const envelope = sealText(await tenantKey(one, t, scope), place(scope, String(version)), text)
    await t.run`insert into compatibility_keys (version, tenant_id, material, origin, created_by, created_at, effective_at)
      values (${version}::integer, ${scope.tenantId}::uuid, ${envelope}::bytea, 'made', 'test', ${t.now}::timestamptz, ${t.now}::timestamptz)`
  })

export const read = (one: KeyringHouse, scope: Scope, version: number) =>
  tx(one.db, scope, async (t) => {
    const row = await t.one<{ material: Buffer }>`
      select material from compatibility_keys where tenant_id = ${scope.tenantId}::uuid and version = ${version}::integer`
    return openText(await tenantKey(one, t, scope), place(scope, String(version)), row.material)
  })

/** A great many at once, which the database copies in. */
export async function fill(one: KeyringHouse, scope: Scope, count: number): Promise<void> {
  await tx(one.db, scope, async (t) => {
    const key = await tenantKey(one, t, scope)
    const envelopes = Array.from({ length: count }, (_, i) =>
      sealText(key, place(scope, String(i + 1)), randomBytes(24).toString('hex')),
    )
    await t.run`insert into compatibility_keys (version, tenant_id, material, origin, created_by, created_at, effective_at)
      select n, ${scope.tenantId}::uuid, material, 'made', 'test', ${t.now}::timestamptz, ${t.now}::timestamptz
      from unnest(${envelopes}::bytea[]) with ordinality as all_of_them (material, n)`
  })
}
