// The key ring of one process (P126): reads the sources and the rows, keeps the keyring up to date while it is in use, and says on a lease what this
// process holds. Never lets the process start without every key that sealed rows need, never trusts a source that shows another key than before.
import { fingerprintOf, KeyRefused, type Keyring, type LiveKeyring, makeKeyring, type Root } from '../../../crypto/keyring.ts'
import type { Kms } from '../../../crypto/keyring-kms.ts'
import type { RootSource, Roots } from '../../../crypto/keyring-source.ts'
import { randomBytes, randomToken, sameBytes } from '../../../crypto/token.ts'
import { systemScope } from '../../../db/scope.ts'
import { type Db, once, tx } from '../../../db/tx.ts'
import type { Log } from '../../../std/log.ts'
import { hasSealedRows, missingRootKey, reloadTenantKeys } from '../tenant-key.ts'
import { ask, INSTALLATION, openKept, prove, publishKeys } from './prove.ts'
import {
  deleteLease,
  findEpoch,
  insertRootKeyIfNone,
  listKept,
  listRootKeys,
  type NewRootKey,
  putLease,
  type RootKeyRow,
  readEpoch,
} from './sql.ts'

export type Ring = {
  readonly keyring: Keyring
  readonly roots: Roots
  /** Versions that a source holds and no row names yet, with their fingerprints. */
  unnamed(): readonly { version: number; fingerprint: string; source: RootSource }[]
  /** Reads everything again; once it is done, this process knows all that was committed before it was called. */
  refresh(): Promise<void>
  close(): Promise<void>
}

export type RingOptions = {
  db: Db
  roots: Roots
  log?: Log
  /** What the lease says this process does; null takes no lease: a command that reads and goes. */
  roles: readonly string[] | null
}

const LEASE_MS = 45_000
const RENEW_MS = 10_000
/** Every change wakes it. */
export const KEYRING_TOPIC = 'keyring'
const scope = systemScope('keyring')

type Held = { secret: Buffer; source: RootSource }

export async function openRing({ db, roots, log, roles }: RingOptions): Promise<Ring> {
  const { sources } = roots
  const id = randomToken(9)
  const held = new Map<number, Held>()
  const away = new Set<number>()
  const published = new Set<number>()
  const silent = new Set<string>()
  let keyring: LiveKeyring | undefined
  let known = 0
  let unnamed: { version: number; fingerprint: string; source: RootSource }[] = []

  /** What lies in local sources now. A source that cannot be read any more keeps its secrets and is away. */
  async function look(): Promise<void> {
    for (const source of sources) {
      if (source.kms) continue
      try {
        const found = await source.read()
        for (const [version, one] of held)
          if (one.source === source && !found?.versions.has(version))
            throw new KeyRefused(`${source.name} no longer holds version ${version}.`)
        for (const [version, secret] of found?.versions ?? []) {
          const before = held.get(version)
          if (before && !sameBytes(before.secret, secret))
            throw new KeyRefused(`${source.name} shows another key of version ${version} than before.`)
          held.set(version, before ?? { secret, source })
          if (before?.source === source && away.delete(version))
            log?.info({ source: source.name, version }, 'the root key is back')
        }
      } catch (error) {
        if (!keyring) throw error
        for (const [version, one] of held)
          if (one.source === source && !away.has(version)) {
            away.add(version)
            log?.error({ err: error, source: source.name, version }, 'the source of the root key is away')
          }
      }
    }
  }

  async function unwrapRow(row: RootKeyRow): Promise<void> {
    if (held.has(row.version) || !row.wrapped) return
    const reasons: string[] = []
    for (const source of sources.filter((one) => one.kms && one.kind === row.source)) {
      try {
        const secret = await (source.kms as Kms).unwrap(row.wrapped, { tenant: INSTALLATION, version: row.version })
        if (fingerprintOf(secret) === row.fingerprint) held.set(row.version, { secret, source })
        else reasons.push(`${source.name} answered another key`)
      } catch (error) {
        reasons.push(error instanceof Error ? error.message : String(error))
      }
      if (held.has(row.version)) return
    }
    const why = reasons.length > 0 ? reasons.join(' ') : `no source of kind ${row.source} is named in ROOT_KEY or ROOT_KEY_ALSO.`
    if (!keyring && row.state === 'current')
      throw new KeyRefused(`Version ${row.version} of the root key (fingerprint ${row.fingerprint}) does not open: ${why}`)
    log?.warn({ version: row.version, fingerprint: row.fingerprint, why }, 'a version of the root key does not open here')
  }

  const readRows = () =>
    tx(db, scope, async (t) => ({ rows: await listRootKeys(t), epoch: await readEpoch(t), kept: await listKept(t) }), {
      readOnly: true,
      isolation: 'repeatable read',
    })

  /** The first start of an installation names what its sources hold; one whose root is a KMS makes its secret. */
  async function nameFirst(): Promise<void> {
    const first: NewRootKey[] = []
    const [primary] = sources
    const local = sources.find((source) => [...held.values()].some((one) => one.source === source))
    const current = (await local?.read())?.current
    for (const [version, { secret, source }] of held)
      first.push({
        version,
        fingerprint: fingerprintOf(secret),
        source: source.kind,
        wrapped: null,
        state: version === current ? 'current' : 'accepted',
      })
    if (first.length === 0 && primary?.kms) {
      if (await hasSealedRows(db))
        throw new KeyRefused(
          `Rows are sealed under a root key that ${primary.name} does not hold. Name its source in ROOT_KEY_ALSO, and move by keyring add, promote and rewrap.`,
        )
      const secret = randomBytes(32)
      const wrapped = await ask(primary, () => (primary.kms as Kms).wrap(secret, { tenant: INSTALLATION, version: 1 }))
      first.push({ version: 1, fingerprint: fingerprintOf(secret), source: primary.kind, wrapped, state: 'current' })
    }
    await tx(db, scope, async (t) => {
      for (const row of first) await insertRootKeyIfNone(t, scope.principal, row)
    })
  }

  async function refreshOnce(): Promise<void> {
    await look()
    let state = await readRows()
    if (state.rows.length === 0) {
      await nameFirst()
      state = await readRows()
    }
    const { rows, epoch, kept } = state
    for (const row of rows) if (row.state !== 'destroyed') await unwrapRow(row)
    await forget(rows)
    const root = rootOf(rows)
    if (keyring) keyring.put(root)
    else keyring = makeKeyring(root)
    const keptKeys = await openKept(keyring, kept, root, log)
    if (keptKeys.size > 0) keyring.put({ ...root, kept: keptKeys })
    unnamed = [...held]
      .filter(([version]) => !rows.some((row) => row.version === version))
      .map(([version, { secret, source }]) => ({ version, fingerprint: fingerprintOf(secret), source }))
    // What this process holds of tenants before it says that it knows: only then may somebody seal under what is new.
    if (epoch !== known && known !== 0) await reloadTenantKeys({ db, keyring })
    known = epoch
    if (!roles) return
    const versions = [...root.versions.keys()].filter((version) => rows.some((row) => row.version === version))
    await tx(db, scope, async (t) => {
      await putLease(t, { id, roles, versions, epoch }, LEASE_MS)
      const fresh = versions.filter((version) => !published.has(version))
      await publishKeys(t, keyring as Keyring, fresh)
      t.afterCommit(() => {
        for (const version of fresh) published.add(version)
      })
    })
  }

  /** Says the first time that it does not answer, and that it does again (V64); who asked hears the rest. */
  function watched(name: string, kms: Kms): Kms {
    const heard = async (answer: Promise<Buffer>): Promise<Buffer> => {
      try {
        const bytes = await answer
        if (silent.delete(name)) log?.info({ source: name }, 'the source of the root key is back')
        return bytes
      } catch (error) {
        if (!silent.has(name)) log?.error({ err: error, source: name }, 'the source of the root key is away')
        silent.add(name)
        throw error
      }
    }
    return {
      id: () => kms.id(),
      check: () => kms.check(),
      wrap: (key, context) => heard(kms.wrap(key, context)),
      unwrap: (bytes, context) => heard(kms.unwrap(bytes, context)),
    }
  }

  /** What was destroyed leaves memory, and the local source where that can be written. */
  async function forget(rows: readonly RootKeyRow[]): Promise<void> {
    for (const { version, state } of rows) {
      const one = held.get(version)
      if (state !== 'destroyed' || !one) continue
      held.delete(version)
      one.secret.fill(0)
      await one.source.remove?.(version).catch((error: unknown) => {
        log?.warn(
          { err: error, source: one.source.name, version },
          'a destroyed version still lies in its source; take it out there',
        )
      })
    }
  }

  function rootOf(rows: readonly RootKeyRow[]): Root {
    const versions = new Map<number, Buffer>()
    const kms = new Map<number, Kms>()
    for (const [version, { secret, source }] of held) {
      const row = rows.find((one) => one.version === version)
      const fingerprint = fingerprintOf(secret)
      if (row && row.fingerprint !== fingerprint) {
        const sentence = `${source.name} holds version ${version} with fingerprint ${fingerprint}, but the database was sealed under ${row.fingerprint}. Put the right key back.`
        if (!keyring) throw new KeyRefused(sentence)
        log?.error({ version, source: source.name }, sentence)
        continue
      }
      versions.set(version, secret)
      if (source.kms) kms.set(version, watched(source.name, source.kms))
    }
    const row = rows.find((one) => one.state === 'current')
    if (row && !versions.has(row.version)) {
      const sentence = `The current version ${row.version} of the root key, fingerprint ${row.fingerprint}, is not here. Put its source into ROOT_KEY.`
      if (!keyring) throw new KeyRefused(sentence)
      log?.error({ version: row.version }, sentence)
    }
    const current = row && versions.has(row.version) ? row.version : (keyring?.current ?? Math.max(...versions.keys()))
    return { current, versions, kms, away: new Set(away), installation: rows[0]?.fingerprint }
  }

  // One at a time; who asks during one is served by the next, which begins after they asked.
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined
  const refresh = (): Promise<void> => {
    next ??= (running ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => {
        running = next
        next = undefined
        return refreshOnce()
      })
    return next
  }

  await refresh()
  const opened = keyring as unknown as LiveKeyring
  await prove(opened)
  const missing = await missingRootKey(db, opened)
  if (missing) throw new KeyRefused(missing)

  let closed = false
  const quietly = () => {
    if (!closed) refresh().catch((error: unknown) => log?.warn({ err: error }, 'the key ring could not be read again'))
  }
  let cancel: () => void = () => undefined
  const renew = () => {
    cancel = db.clock.timer(RENEW_MS, () => {
      quietly()
      renew()
    })
  }
  let looking: Promise<void> | undefined
  const stopListening = db.listen.subscribe(KEYRING_TOPIC, () => {
    looking ??= lookAtEpoch().finally(() => {
      looking = undefined
    })
  })
  async function lookAtEpoch(): Promise<void> {
    try {
      const [row] = await once<{ epoch: number }>(db, findEpoch())
      if (row && row.epoch !== known && !closed) await refresh()
    } catch (error) {
      log?.debug({ err: error }, 'the key ring could not be looked at; the next look is in a second')
    }
  }
  if (roles) renew()

  return {
    keyring: opened,
    roots,
    unnamed: () => unnamed,
    refresh,
    async close() {
      if (closed) return
      closed = true
      cancel()
      stopListening()
      await looking
      await (next ?? running)?.catch(() => undefined)
      if (roles)
        await tx(db, scope, (t) => deleteLease(t, id)).catch((error: unknown) =>
          log?.debug({ err: error }, 'the lease of the key ring ends by itself'),
        )
    },
  }
}
