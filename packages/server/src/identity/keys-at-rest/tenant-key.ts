// The keys of a tenant and of its subjects: made on first use, read from their wrapped rows, held in memory for minutes at most (P124, V64).
// Never stores a plain key, never shares one between tenants, and never makes a new key for a subject whose key was destroyed.
import { Problem } from '@countersign/sdk'
import type { Keyring } from '../../crypto/keyring.ts'
import { openText, type Place, unwrapKey, type WrappingKey, wrapKey } from '../../crypto/seal.ts'
import { randomBytes } from '../../crypto/token.ts'
import { systemScope } from '../../db/scope.ts'
import { type Db, type Scope, type Tx, tx } from '../../db/tx.ts'
import { tenantWire } from '../../std/id.ts'
import {
  destroySubjectKeysIfAlive,
  findSubjectKeys,
  findTenantKeys,
  insertSubjectKeyIfNone,
  insertTenantKeyIfNone,
  rootKeysInUse,
  type SubjectKeyRow,
} from './sql.ts'

export type KeyHouse = { db: Db; keyring: Keyring }

const HELD_MS = 5 * 60_000
const SUBJECT = /^[a-z_]+:[\x21-\x7e]+$/

type Held = { key: WrappingKey; until: number }
// Per process and database. Only what was committed gets in: a key of a transaction that rolled back would seal for nobody.
const held = new WeakMap<Db, Map<string, Held>>()

/** The tenant's key; version 1 is made on first use. */
export async function tenantKey(house: KeyHouse, t: Tx, scope: Scope): Promise<WrappingKey> {
  const cache = held.get(house.db) ?? new Map<string, Held>()
  held.set(house.db, cache)
  const now = house.db.clock.now().getTime()
  const known = cache.get(scope.tenantId)
  if (known && known.until > now) return known.key

  const key = (await loadTenantKey(house, t, scope)) ?? (await makeTenantKey(house, t, scope))
  t.afterCommit(() => cache.set(scope.tenantId, { key, until: now + HELD_MS }))
  return key
}

async function loadTenantKey(house: KeyHouse, t: Tx, scope: Scope): Promise<WrappingKey | null> {
  const rows = await findTenantKeys(t, scope)
  if (rows.length === 0) return null
  const tenant = tenantWire(scope.tenantId)
  const versions = new Map(rows.map((row) => [row.version, house.keyring.unwrapTenantKey(tenant, row.version, row.wrapped)]))
  return { current: Math.max(...versions.keys()), versions }
}

async function makeTenantKey(house: KeyHouse, t: Tx, scope: Scope): Promise<WrappingKey> {
  const { keyring } = house
  await insertTenantKeyIfNone(t, scope, {
    version: 1,
    wrapped: keyring.wrapTenantKey(tenantWire(scope.tenantId), 1, randomBytes(32)),
    root_version: keyring.current,
    root_fingerprint: keyring.fingerprint(),
  })
  const key = await loadTenantKey(house, t, scope)
  if (!key) throw new Error('A tenant key that was just made is not there.')
  return key
}

/** The key of one subject, `task:<id>` or `user:<id>`, for writing; made on first use. `content_erased` if it was destroyed. */
export async function subjectKey(house: KeyHouse, t: Tx, scope: Scope, subject: string): Promise<WrappingKey> {
  if (!SUBJECT.test(subject)) throw new TypeError('A subject is written <kind>:<id>.')
  const parent = await tenantKey(house, t, scope)
  let rows = await findSubjectKeys(t, scope, [subject])
  if (rows.length === 0) {
    await insertSubjectKeyIfNone(t, scope, subject, 1, wrapKey(parent, owner(scope, subject), 1, randomBytes(32)))
    rows = await findSubjectKeys(t, scope, [subject])
  }
  const key = unwrapRows(parent, scope, subject, rows)
  if (!key) throw new Problem('content_erased')
  return key
}

/** For reading many at once: a subject that is not in the answer was erased, or never sealed anything. */
export async function subjectKeys(
  house: KeyHouse,
  t: Tx,
  scope: Scope,
  subjects: readonly string[],
): Promise<Map<string, WrappingKey>> {
  const rows = subjects.length === 0 ? [] : await findSubjectKeys(t, scope, subjects)
  if (rows.length === 0) return new Map()
  const parent = await tenantKey(house, t, scope)
  const keys = new Map<string, WrappingKey>()
  for (const [subject, own] of groupBySubject(rows)) {
    const key = unwrapRows(parent, scope, subject, own)
    if (key) keys.set(subject, key)
  }
  return keys
}

/** All that the subject's key sealed is unreadable from the commit on (P128). False: there was nothing left to destroy. */
export const destroySubjectKey = async (t: Tx, scope: Scope, subject: string): Promise<boolean> =>
  (await destroySubjectKeysIfAlive(t, scope, subject)) > 0

export type Opened = { state: 'open'; text: string } | { state: 'content_erased' }

/** What an envelope says, or that it was erased: a missing key is an answer, an envelope that its key does not open is an error. */
export const openContent = (key: WrappingKey | undefined, at: Place, envelope: Buffer): Opened =>
  key ? { state: 'open', text: openText(key, at, envelope) } : { state: 'content_erased' }

/** True once any row is sealed: a root key may then no longer be made, only found (V66). */
export const hasSealedRows = async (db: Db): Promise<boolean> => (await readRootKeysInUse(db)).length > 0

/** Null when every sealed row has its root key here; else the sentence that says which is missing (V66). */
export async function missingRootKey(db: Db, keyring: Keyring): Promise<string | null> {
  const here = new Set(keyring.versions.map((version) => `${version} ${keyring.fingerprint(version)}`))
  const missing = (await readRootKeysInUse(db)).find((row) => !here.has(`${row.root_version} ${row.root_fingerprint}`))
  if (!missing) return null
  const { root_version, root_fingerprint } = missing
  return `Rows are sealed under version ${root_version} of the root key with fingerprint ${root_fingerprint}, and that key is not here. Put the right key file back.`
}

const readRootKeysInUse = (db: Db) => tx(db, systemScope('boot'), rootKeysInUse, { readOnly: true })

const owner = (scope: Scope, subject: string): string => `${tenantWire(scope.tenantId)}/${subject}`

function groupBySubject(rows: SubjectKeyRow[]): Map<string, SubjectKeyRow[]> {
  const groups = new Map<string, SubjectKeyRow[]>()
  for (const row of rows) groups.set(row.subject, [...(groups.get(row.subject) ?? []), row])
  return groups
}

function unwrapRows(parent: WrappingKey, scope: Scope, subject: string, rows: readonly SubjectKeyRow[]): WrappingKey | null {
  const versions = new Map<number, Buffer>()
  for (const row of rows)
    if (row.wrapped) versions.set(row.version, unwrapKey(parent, owner(scope, subject), row.version, row.wrapped))
  return versions.size === 0 ? null : { current: Math.max(...versions.keys()), versions }
}
