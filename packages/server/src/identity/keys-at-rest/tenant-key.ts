// The keys of a tenant and of its subjects: made on first use, read from their wrapped rows, held in memory for minutes at most (P124, V64).
// Never stores a plain key, never shares one between tenants, and never makes a new key for a subject whose key was destroyed.
import { Problem } from '@countersign/sdk'
import type { Keyring } from '../../crypto/keyring.ts'
import { EnvelopeError, openText, type Place, unwrapKey, type WrappingKey, wrapKey } from '../../crypto/seal.ts'
import { randomBytes } from '../../crypto/token.ts'
import { systemScope } from '../../db/scope.ts'
import { type Db, type Scope, type Tx, tx } from '../../db/tx.ts'
import { tenantWire } from '../../std/id.ts'
import { drop, type HeldKey, held, hold, storeOf } from './held.ts'
import { type KeyHouse, makeKey, unwrapRows } from './outside.ts'
import {
  destroySubjectKeysIfAlive,
  findSubjectKeys,
  findTenantKeys,
  insertSubjectKeyIfNone,
  insertTenantKeyIfNone,
  rootKeysInUse,
  type SubjectKeyRow,
  type TenantKeyRow,
} from './sql.ts'

export type { KeyHouse } from './outside.ts'

const SUBJECT = /^[a-z_]+:[\x21-\x7e]+$/

// A key of a transaction that rolled back would seal for nobody: until the commit only this transaction has it.
const madeIn = new WeakMap<Tx, Map<string, HeldKey>>()

/** The tenant's key; version 1 is made on first use. `content_erased` once the tenant's keys are destroyed, `vault_sealed` while their source is away. */
export async function tenantKey(house: KeyHouse, t: Tx, scope: Scope): Promise<WrappingKey> {
  return (
    held(house.db, scope.tenantId) ??
    madeIn.get(t)?.get(scope.tenantId) ??
    (await loadTenantKey(house, t, scope)) ??
    (await makeTenantKey(house, t, scope)) ??
    (await loadTenantKey(house, t, scope)) ??
    neverThere()
  )
}

const neverThere = (): never => {
  throw new Error('A tenant key that somebody just made is not there.')
}

async function loadTenantKey(house: KeyHouse, t: Tx, scope: Scope): Promise<WrappingKey | null> {
  const store = storeOf(house.db)
  for (;;) {
    const { generation } = store
    const rows = await findTenantKeys(t, scope)
    if (rows.length === 0) return null
    const alive = rows.filter(isAlive)
    if (alive.length === 0) throw new Problem('content_erased')
    const versions = await unwrapRows(house, tenantWire(scope.tenantId), alive)
    // A version that came while these were read would be missing in what this process says that it knows (P126).
    if (store.generation === generation) return hold(house.db, scope.tenantId, versions, currentOf(alive))
  }
}

/** As it is now, without holding it: a pass over every tenant must not fill the memory. Null: the tenant has none. */
export async function peekTenantKey(house: KeyHouse, t: Tx, scope: Scope): Promise<WrappingKey | null> {
  const known = held(house.db, scope.tenantId)
  if (known) return known
  const alive = (await findTenantKeys(t, scope)).filter(isAlive)
  return alive.length === 0
    ? null
    : { current: currentOf(alive), versions: await unwrapRows(house, tenantWire(scope.tenantId), alive) }
}

type Alive = TenantKeyRow & { wrapped: Buffer }
const isAlive = (row: TenantKeyRow): row is Alive => row.wrapped !== null
const currentOf = (rows: readonly Alive[]): number =>
  Math.max(
    ...(rows.some(({ state }) => state === 'current') ? rows.filter(({ state }) => state === 'current') : rows).map(
      ({ version }) => version,
    ),
  )

/** Null when somebody else was first. */
async function makeTenantKey(house: KeyHouse, t: Tx, scope: Scope): Promise<WrappingKey | null> {
  const { key, ...row } = await makeKey(house, tenantWire(scope.tenantId), 1)
  if ((await insertTenantKeyIfNone(t, scope, { ...row, version: 1, state: 'current' })) === 0) return null
  const made: HeldKey = { current: 1, versions: new Map([[1, key]]) }
  madeIn.set(t, (madeIn.get(t) ?? new Map()).set(scope.tenantId, made))
  t.afterCommit(() => {
    if (!held(house.db, scope.tenantId)) hold(house.db, scope.tenantId, made.versions, 1)
  })
  return made
}

/** Brings what this process holds up to date, in the objects that others hold: after this every version that was committed before opens (P126). */
export async function reloadTenantKeys(house: KeyHouse): Promise<void> {
  const { db } = house
  const store = storeOf(db)
  store.generation++
  for (const [tenantId, { key }] of [...store.tenants]) {
    if (!held(db, tenantId)) {
      drop(db, tenantId)
      continue
    }
    const scope = systemScope('keyring', tenantId)
    try {
      await tx(
        db,
        scope,
        async (t) => {
          const alive = (await findTenantKeys(t, scope)).filter(isAlive)
          const fresh = await unwrapRows(
            house,
            tenantWire(tenantId),
            alive.filter(({ version }) => !key.versions.has(version)),
          )
          for (const version of key.versions.keys())
            if (!alive.some((row) => row.version === version)) key.versions.delete(version)
          for (const [version, bytes] of fresh) key.versions.set(version, bytes)
          if (alive.length > 0) key.current = currentOf(alive)
          else drop(db, tenantId)
        },
        { readOnly: true },
      )
    } catch (error) {
      // Without its source it is not held either: the next use asks again and says what is wrong.
      drop(db, tenantId)
      if (!(error instanceof Problem && error.code === 'vault_sealed')) throw error
    }
  }
}

// What a transaction has read it need not read again: whoever destroys a key meanwhile comes after it. Gone with the transaction.
const readIn = new WeakMap<Tx, Map<string, WrappingKey>>()
const nameIn = (scope: Scope, subject: string): string => `${scope.tenantId} ${subject}`
function keepIn(t: Tx, scope: Scope, subject: string, key: WrappingKey): void {
  readIn.set(t, (readIn.get(t) ?? new Map()).set(nameIn(scope, subject), key))
}

/** The key of one subject, `task:<id>` or `user:<id>`, for writing; made on first use. `content_erased` if it was destroyed. */
export async function subjectKey(house: KeyHouse, t: Tx, scope: Scope, subject: string): Promise<WrappingKey> {
  if (!SUBJECT.test(subject)) throw new TypeError('A subject is written <kind>:<id>.')
  const known = readIn.get(t)?.get(nameIn(scope, subject))
  if (known) return known
  const parent = await tenantKey(house, t, scope)
  let rows = await findSubjectKeys(t, scope, [subject])
  if (rows.length === 0) {
    await insertSubjectKeyIfNone(t, scope, subject, 1, wrapKey(parent, owner(scope, subject), 1, randomBytes(32)))
    rows = await findSubjectKeys(t, scope, [subject])
  }
  const key = await unwrapSubject(house, t, scope, parent, subject, rows)
  if (!key) throw new Problem('content_erased')
  keepIn(t, scope, subject, key)
  return key
}

/** For reading many at once: a subject that is not in the answer was erased, or never sealed anything. */
export async function subjectKeys(
  house: KeyHouse,
  t: Tx,
  scope: Scope,
  subjects: readonly string[],
): Promise<Map<string, WrappingKey>> {
  const keys = new Map<string, WrappingKey>()
  for (const subject of subjects) {
    const known = readIn.get(t)?.get(nameIn(scope, subject))
    if (known) keys.set(subject, known)
  }
  const missing = subjects.filter((subject) => !keys.has(subject))
  const rows = missing.length === 0 ? [] : await findSubjectKeys(t, scope, missing)
  if (!rows.some((row) => row.wrapped)) return keys
  const parent = await tenantKey(house, t, scope)
  for (const [subject, own] of groupBySubject(rows)) {
    const key = await unwrapSubject(house, t, scope, parent, subject, own)
    if (!key) continue
    keys.set(subject, key)
    keepIn(t, scope, subject, key)
  }
  return keys
}

/** All that the subject's key sealed is unreadable from the commit on (P128). False: there was nothing left to destroy. */
export async function destroySubjectKey(t: Tx, scope: Scope, subject: string): Promise<boolean> {
  readIn.get(t)?.delete(nameIn(scope, subject))
  return (await destroySubjectKeysIfAlive(t, scope, subject)) > 0
}

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

async function unwrapSubject(
  house: KeyHouse,
  t: Tx,
  scope: Scope,
  parent: WrappingKey,
  subject: string,
  rows: readonly SubjectKeyRow[],
): Promise<WrappingKey | null> {
  const unwrapAll = (under: WrappingKey) => {
    const versions = new Map<number, Buffer>()
    for (const row of rows)
      if (row.wrapped) versions.set(row.version, unwrapKey(under, owner(scope, subject), row.version, row.wrapped))
    return versions.size === 0 ? null : { current: Math.max(...versions.keys()), versions }
  }
  try {
    return unwrapAll(parent)
  } catch (error) {
    // A process without a lease (a command) may not have heard of a version yet: it looks once more.
    if (!(error instanceof EnvelopeError && error.reason === 'unknown')) throw error
    return unwrapAll((await loadTenantKey(house, t, scope)) ?? parent)
  }
}
