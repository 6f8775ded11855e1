// The acts on the root key, in their order (P126, V73): add, promote, rewrap, retire, destroy. Each moves the epoch, so that every live process hears of it.
// Never lets a version seal before every live process opens it, and never lets one go while anything still needs it.
import { Problem } from '@countersign/sdk'
import { fingerprintOf, KeyRefused, type Keyring } from '../../../crypto/keyring.ts'
import type { RootSource } from '../../../crypto/keyring-source.ts'
import { randomBytes } from '../../../crypto/token.ts'
import { systemScope } from '../../../db/scope.ts'
import { type Db, type Scope, type Tx, tx } from '../../../db/tx.ts'
import { type EventData, record } from '../../../events/event.ts'
import type { EventType } from '../../../events/types.ts'
import type { Log } from '../../../std/log.ts'
import { INSTALLATION } from './prove.ts'
import { KEYRING_TOPIC, type Ring } from './ring.ts'
import {
  countWraps,
  demoteCurrent,
  insertRootKeyIfNone,
  listKept,
  listLeases,
  listPeppers,
  listRootKeys,
  makeCurrent,
  moveEpoch,
  type NewRootKey,
  type RootKeyRow,
  setDestroyAt,
  setDestroyed,
  setRetired,
} from './sql.ts'

export type KeyringHouse = {
  db: Db
  keyring: Keyring
  ring: Ring
  log?: Log
  /** Why a version must stay although nothing in the database names it, such as a backup within its retention; null: nothing outside needs it. */
  neededOutside?(version: number): Promise<string | null>
}

const DELAY_MS = 7 * 24 * 3_600_000

/** One act: the ring is locked, the row is read, and what was done is told to every process. */
export function changeRing<T>(
  house: KeyringHouse,
  scope: Scope,
  act: (t: Tx, rows: RootKeyRow[], epoch: number) => Promise<T>,
): Promise<T> {
  return tx(house.db, scope, async (t) => {
    const epoch = await moveEpoch(t)
    const done = await act(t, await listRootKeys(t), epoch)
    t.wake(KEYRING_TOPIC)
    return done
  })
}

const told = (t: Tx, scope: Scope, type: EventType, version: number, data: EventData = {}) =>
  record(t, scope, type, { version, ...data }, { resource: { type: 'root_key', id: String(version) } })

const conflict = (detail: string, members: Record<string, unknown> = {}) => new Problem('state_conflict', { detail, ...members })

function find(rows: readonly RootKeyRow[], version: number): RootKeyRow {
  const row = rows.find((one) => one.version === version)
  if (!row) throw new Problem('not_found')
  return row
}

export type Added = { version: number; fingerprint: string; source: string }

/** A further version, which opens and does not seal yet. One that a source holds already is taken before another is made. */
export async function addRootKey(house: KeyringHouse, scope: Scope): Promise<Added> {
  const { ring } = house
  await ring.refresh()
  const made = await theVersionToAdd(house)
  const added = await changeRing(house, scope, async (t) => {
    if ((await insertRootKeyIfNone(t, scope.principal, made.row)) === 0)
      throw conflict('Another version was added at this moment; look at it first.')
    const { version, fingerprint } = made.row
    await told(t, scope, 'keyring.added', version, { fingerprint, source: made.source.kind })
    return { version, fingerprint, source: made.source.name }
  }).catch(async (error: unknown) => {
    if (made.isNew) await made.source.remove?.(made.row.version)
    throw error
  })
  await ring.refresh()
  return added
}

async function theVersionToAdd({ db, ring }: KeyringHouse): Promise<{ row: NewRootKey; source: RootSource; isNew: boolean }> {
  const [waiting] = ring.unnamed().toSorted((a, b) => a.version - b.version)
  const named = (version: number, fingerprint: string, source: RootSource, wrapped: Buffer | null): NewRootKey => ({
    version,
    fingerprint,
    source: source.kind,
    wrapped,
    state: 'accepted',
  })
  if (waiting)
    return { row: named(waiting.version, waiting.fingerprint, waiting.source, null), source: waiting.source, isNew: false }
  const source = ring.roots.sources[0] as RootSource
  const rows = await tx(db, systemScope('keyring'), listRootKeys, { readOnly: true })
  const version = Math.max(0, ...rows.map((row) => row.version)) + 1
  const secret = randomBytes(32)
  try {
    const wrapped = source.kms ? await source.kms.wrap(secret, { tenant: INSTALLATION, version }) : null
    if (!source.kms && !source.add)
      throw conflict(
        `${source.name} cannot be written by the server. Add "${version} accepted <32 random bytes in base64>" to its value, restart every process, and add again.`,
      )
    await source.add?.(version, secret)
    return { row: named(version, fingerprintOf(secret), source, wrapped), source, isNew: true }
  } catch (error) {
    if (error instanceof KeyRefused) throw conflict(error.message)
    if (error instanceof Problem) throw error
    throw new Problem('vault_sealed', { detail: `${source.name} cannot be asked.`, retry_after: 5 }, { cause: error })
  }
}

/** New wraps and signatures are made under this version from now on. Refused while a live process has not said that it holds it. */
export async function promoteRootKey(house: KeyringHouse, scope: Scope, version: number): Promise<void> {
  await changeRing(house, scope, async (t, rows) => {
    const row = find(rows, version)
    if (row.state !== 'accepted') throw conflict(`Version ${version} is ${row.state}.`, { state: row.state })
    const without = (await listLeases(t)).filter((lease) => !lease.versions.includes(version))
    if (without.length > 0)
      throw conflict(
        `${without.length === 1 ? 'One live process does' : `${without.length} live processes do`} not hold version ${version} yet. Bring the key to their machines, or wait until they end.`,
        { state: row.state, processes: without.map(({ id, roles }) => ({ id, roles })) },
      )
    const from = rows.find((one) => one.state === 'current')?.version ?? null
    await demoteCurrent(t)
    await makeCurrent(t, version)
    await told(t, scope, 'keyring.promoted', version, { from })
  })
  await house.ring.refresh()
}

/** Nothing names this version any more, so nothing will be opened under it. */
export async function retireRootKey(house: KeyringHouse, scope: Scope, version: number): Promise<void> {
  await changeRing(house, scope, async (t, rows) => {
    const row = find(rows, version)
    if (row.state !== 'accepted') throw conflict(`Version ${version} is ${row.state}.`, { state: row.state })
    if (row.promoted_at) await refuseWhileNeeded(t, version)
    await setRetired(t, version)
    await told(t, scope, 'keyring.retired', version)
  })
  await house.ring.refresh()
}

async function refuseWhileNeeded(t: Tx, version: number): Promise<void> {
  const left = (await countWraps(t)).find((one) => one.root_version === version)?.keys ?? 0
  if (left > 0) throw conflict(`${left} keys are still wrapped under version ${version}. Rewrap them first.`, { left })
  const peppered = (await listPeppers(t)).find((one) => one.version === version)?.passwords ?? 0
  const isKept = (await listKept(t)).some((one) => one.purpose === 'pepper' && one.version === version)
  if (peppered > 0 && !isKept)
    throw conflict(`${peppered} passwords still need the pepper of version ${version}. Rewrap first: that keeps it.`, {
      left: peppered,
    })
}

/** The end of a version, in seven days: until then it can be kept. Refused unless it is retired and nothing needs it. */
export async function destroyRootKey(house: KeyringHouse, scope: Scope, version: number): Promise<{ destroy_at: Date }> {
  const needed = await house.neededOutside?.(version)
  if (needed) throw conflict(needed)
  return changeRing(house, scope, async (t, rows) => {
    const row = find(rows, version)
    if (row.state !== 'retired')
      throw conflict(`Version ${version} is ${row.state}; only a retired one is destroyed.`, { state: row.state })
    if (row.destroy_at) return { destroy_at: row.destroy_at }
    await refuseWhileNeeded(t, version)
    const at = new Date(t.now.getTime() + DELAY_MS)
    await setDestroyAt(t, version, at)
    await told(t, scope, 'keyring.destroying', version, { destroy_at: at })
    return { destroy_at: at }
  })
}

/** Takes the plan back while there is time. */
export async function keepRootKey(house: KeyringHouse, scope: Scope, version: number): Promise<void> {
  await changeRing(house, scope, async (t, rows) => {
    const row = find(rows, version)
    if (row.state !== 'retired' || !row.destroy_at)
      throw conflict(`No destruction of version ${version} is planned.`, { state: row.state })
    await setDestroyAt(t, version, null)
    await told(t, scope, 'keyring.kept', version)
  })
}

/** What is due: asked once more whether anything needs it, since seven days are long. `scope` names the tenant whose record tells it. */
export async function destroyDueRootKeys(house: KeyringHouse, scope: Scope): Promise<number[]> {
  const rows = await tx(house.db, scope, listRootKeys, { readOnly: true })
  const destroyed: number[] = []
  for (const { version } of rows.filter((row) => row.state === 'retired' && row.destroy_at)) {
    const needed = await house.neededOutside?.(version)
    if (needed) {
      house.log?.warn({ version, why: needed }, 'a version of the root key is not destroyed yet')
      continue
    }
    const done = await changeRing(house, scope, async (t, now) => {
      const row = find(now, version)
      if (row.state !== 'retired' || !row.destroy_at || row.destroy_at > t.now) return false
      await refuseWhileNeeded(t, version)
      await setDestroyed(t, version)
      await told(t, scope, 'keyring.destroyed', version, { fingerprint: row.fingerprint })
      return true
    })
    if (done) destroyed.push(version)
  }
  if (destroyed.length > 0) await house.ring.refresh()
  return destroyed
}
