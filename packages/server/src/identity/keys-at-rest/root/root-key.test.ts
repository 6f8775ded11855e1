import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createKeyFile } from '../../../crypto/keyring-file.ts'
import { memorySource } from '../../../crypto/keyring-memory.ts'
import { findRoots, type RootSource } from '../../../crypto/keyring-source.ts'
import { tx } from '../../../db/tx.ts'
import { openPasswords } from '../../password.ts'
import { workRewraps } from '../rewrap/run.ts'
import { startRewrap } from '../rewrap/start.ts'
import { signingKey, signingKeys, verifySignature } from '../signing-keys.ts'
import { installation, put, read } from '../testing/ring.ts'
import { destroyUserKey, userKey } from '../user-key.ts'
import { openRing } from './ring.ts'
import { addRootKey, destroyDueRootKeys, destroyRootKey, keepRootKey, promoteRootKey, retireRootKey } from './root-key.ts'
import { keyringStatus } from './status.ts'

async function keyFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ring-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  await chmod(folder, 0o700)
  await createKeyFile(join(folder, 'root.key'))
  return join(folder, 'root.key')
}
const fromFile = async (file: string): Promise<RootSource> =>
  (
    await findRoots({
      given: `file:${file}`,
      home: join(file, '..'),
      production: false,
      variable: () => undefined,
      mayCreate: () => false,
    })
  ).sources[0] as RootSource

test('P126 promote is refused until every live process says that it holds the version, and a dead one counts until its lease ends', async () => {
  const { pg, first, start, tenant } = await installation()
  const scope = await tenant()
  // Another machine, whose copy of the key file has not got the new line.
  const shown = await first.source.read()
  const stale = memorySource(shown?.versions.get(1))
  const other = await start(undefined, stale)
  expect(await addRootKey(first, scope)).toMatchObject({ version: 2, source: 'memory' })
  await other.ring.refresh()
  const refused = await promoteRootKey(first, scope, 2).catch((error: unknown) => error)
  expect(refused).toMatchObject({ code: 'state_conflict', members: { state: 'accepted', processes: [{ roles: ['web'] }] } })
  expect(first.keyring.current).toBe(1)

  await stale.add?.(2, (await first.source.read())?.versions.get(2) as Buffer)
  await other.ring.refresh()
  await promoteRootKey(first, scope, 2)
  await other.ring.refresh()
  expect([first.keyring.current, other.keyring.current]).toEqual([2, 2])

  await addRootKey(first, scope)
  await other.ring.close()
  await pg.admin.run`insert into keyring_leases (id, roles, versions, epoch, since, expires_at)
    values ('killed', '{worker}', '{1,2}', 1, now(), countersign.now() + interval '45 s')`
  await expect(promoteRootKey(first, scope, 3)).rejects.toMatchObject({ members: { processes: [{ id: 'killed' }] } })
  await pg.clock.advance('46s')
  await promoteRootKey(first, scope, 3)
  const types = await pg.admin.rows<{ type: string }>`select type from events where type like 'keyring.%' order by ord`
  expect(types.map(({ type }) => type)).toEqual(['keyring.added', 'keyring.promoted', 'keyring.added', 'keyring.promoted'])
})

test('P126 a process that started before a version came hears of it and opens what another seals under it', async () => {
  const { first, start, tenant } = await installation()
  const scope = await tenant()
  const older = await start()
  await addRootKey(first, scope)
  await older.ring.refresh()
  await promoteRootKey(first, scope, 2)
  const fresh = await tenant()
  await put(first, fresh, 1)
  expect(await read(older, fresh, 1)).toBe('text 1')
})

test('P126 retire is refused while a key is wrapped under the version, destroy unless it is retired, and it takes seven days', async () => {
  const { pg, first, tenant } = await installation()
  const scope = await tenant()
  await put(first, scope, 1)
  await addRootKey(first, scope)
  await expect(retireRootKey(first, scope, 1)).rejects.toMatchObject({ members: { state: 'current' } })
  await promoteRootKey(first, scope, 2)
  await expect(retireRootKey(first, scope, 1)).rejects.toMatchObject({ members: { left: 1 } })
  await expect(destroyRootKey(first, scope, 1)).rejects.toMatchObject({ members: { state: 'accepted' } })
  await startRewrap(first, scope, { renew: false })
  await workRewraps(first)
  await retireRootKey(first, scope, 1)

  const needed = { ...first, neededOutside: async () => 'A backup of yesterday needs it.' }
  await expect(destroyRootKey(needed, scope, 1)).rejects.toMatchObject({ members: { detail: 'A backup of yesterday needs it.' } })
  await destroyRootKey(first, scope, 1)
  await keepRootKey(first, scope, 1)
  await destroyRootKey(first, scope, 1)
  await pg.clock.advance('6d')
  expect(await destroyDueRootKeys(first, scope)).toEqual([])
  await pg.clock.advance('25h')
  expect(await destroyDueRootKeys(needed, scope)).toEqual([])
  expect(await destroyDueRootKeys(first, scope)).toEqual([1])
  expect(first.keyring.versions).toEqual([2])
  expect([...((await first.source.read())?.versions.keys() ?? [])]).toEqual([2])
  expect(await read(first, scope, 1)).toBe('text 1')
  expect(await destroyDueRootKeys(first, scope)).toEqual([])
})

test('P127 the pepper of a destroyed version is kept: who comes back signs in, and is hashed anew', async () => {
  const { pg, first, start, tenant } = await installation()
  const scope = await tenant()
  const cheap = { memoryKib: 64, passes: 1, lanes: 1 }
  const stored = await openPasswords({ keyring: first.keyring, cost: cheap }).hash('a password of some length')
  await pg.admin.run`insert into users (id, display_name, created_at) values ('usr_1', 'One', now())`
  await pg.admin.run`insert into passwords (user_id, hash, pepper_version, changed_at) values ('usr_1', ${stored.hash}, 1, now())`
  await put(first, scope, 1)
  await addRootKey(first, scope)
  await promoteRootKey(first, scope, 2)
  await expect(retireRootKey(first, scope, 1)).rejects.toThrow()
  await startRewrap(first, scope, {})
  await workRewraps(first)
  await retireRootKey(first, scope, 1)
  await destroyRootKey(first, scope, 1)
  await pg.clock.advance('8d')
  await destroyDueRootKeys(first, scope)
  for (const keyring of [first.keyring, (await start()).keyring]) {
    expect(keyring.versions).toEqual([2])
    const passwords = openPasswords({ keyring, cost: cheap })
    expect(await passwords.verify('a password of some length', stored)).toBe('outdated')
    expect(await passwords.verify('another password of length', stored)).toBe('wrong')
    expect((await passwords.hash('x'.repeat(20))).pepper_version).toBe(2)
  }
})

test('P126 what a signing key of an older version signed verifies for ever, and it is published for thirty days', async () => {
  const { pg, first, tenant } = await installation()
  const scope = await tenant()
  const bytes = Buffer.from('a checkpoint')
  const key = signingKey(first.keyring, 'receipt')
  const signed = { id: key.id, bytes, signature: key.sign(bytes) }
  await addRootKey(first, scope)
  const states = async () => (await signingKeys(first, 'receipt')).map(({ version, state }) => [version, state])
  expect(await states()).toEqual([
    [2, 'next'],
    [1, 'current'],
  ])
  await promoteRootKey(first, scope, 2)
  expect(signingKey(first.keyring, 'receipt').id).toBe('receipt/v2')
  expect(await states()).toEqual([
    [2, 'current'],
    [1, 'published'],
  ])
  await retireRootKey(first, scope, 1).catch(() => startRewrap(first, scope, {}).then(() => workRewraps(first)))
  await pg.clock.advance('31d')
  expect(await states()).toEqual([
    [2, 'current'],
    [1, 'kept'],
  ])
  expect(await verifySignature(first, 'receipt', signed)).toBe(true)
  expect(await verifySignature(first, 'receipt', { ...signed, bytes: Buffer.from('another') })).toBe(false)
  expect(await verifySignature(first, 'audit-sign', signed)).toBe(false)
  expect(await verifySignature(first, 'receipt', { ...signed, id: 'receipt/v9' })).toBe(false)
})

test('P124 P128 a user’s key stands under the root, moves with it, and is made anew for nobody once it was destroyed', async () => {
  const { pg, first, tenant } = await installation()
  const scope = await tenant()
  await pg.admin.run`insert into users (id, display_name, created_at) values ('usr_1', 'One', now())`
  const key = () => tx(first.db, scope, (t) => userKey(first, t, 'usr_1'))
  const before = (await key()).versions.get(1)
  await addRootKey(first, scope)
  await promoteRootKey(first, scope, 2)
  await startRewrap(first, scope, {})
  await workRewraps(first)
  expect(await pg.admin.rows`select root_version, root_fingerprint from user_keys`).toEqual([
    { root_version: 2, root_fingerprint: first.keyring.fingerprint(2) },
  ])
  expect((await key()).versions.get(1)).toEqual(before)

  const destroy = () => tx(first.db, scope, (t) => destroyUserKey(t, scope, 'usr_1'))
  expect([await destroy(), await destroy()]).toEqual([true, false])
  await expect(key()).rejects.toMatchObject({ code: 'content_erased' })
})

test('P126 with a key file the version is a line in it, which other processes read while they run', async () => {
  const file = await keyFile()
  const { first, start, tenant } = await installation(await fromFile(file))
  const scope = await tenant()
  const second = await start(undefined, await fromFile(file))
  await addRootKey(first, scope)
  expect(await readFile(file, 'utf8')).toMatch(/\n1 current .{44}\n2 accepted .{44}\n$/)
  await second.ring.refresh()
  expect(second.keyring.versions).toEqual([1, 2])
  await promoteRootKey(second, scope, 2)
  expect(second.keyring.current).toBe(2)
  // A fresh start believes the database, not the word in the file.
  expect((await start(undefined, await fromFile(file))).keyring.current).toBe(2)
})

test('V64 a key file that is taken away seals the installation after five minutes at most, and opens it again when it is back', async () => {
  const file = await keyFile()
  const { pg, first, tenant } = await installation(await fromFile(file))
  const scope = await tenant()
  await put(first, scope, 1)
  await rename(file, `${file}.away`)
  await first.ring.refresh()
  expect(await read(first, scope, 1)).toBe('text 1')
  await pg.clock.advance('240s')
  await first.ring.refresh()
  expect(await read(first, scope, 1)).toBe('text 1')
  await pg.clock.advance('61s')
  await first.ring.refresh()
  await expect(read(first, scope, 1)).rejects.toMatchObject({ code: 'vault_sealed', status: 503 })
  expect(first.keyring.purpose('cursor')).toHaveLength(32)
  await rename(`${file}.away`, file)
  await first.ring.refresh()
  expect(await read(first, scope, 1)).toBe('text 1')
})

test('V66 a start with another key, or without the current version, is refused by the fingerprint that is missing', async () => {
  const { pg, first, tenant } = await installation()
  await put(first, await tenant(), 1)
  const boot = (source: RootSource) =>
    openRing({ db: pg.db, roots: { sources: [source], skipped: [], warnings: [], created: false }, roles: null })
  await expect(boot(memorySource())).rejects.toThrow(first.keyring.fingerprint())
  const elsewhere: RootSource = {
    ...memorySource(),
    read: async () => ({ current: 5, versions: new Map([[5, randomBytes(32)]]) }),
  }
  await expect(boot(elsewhere)).rejects.toThrow(/current version 1 of the root key, fingerprint [0-9a-f]{8}, is not here/)
})

test('P127 the status shows fingerprints, what hangs on each version and how old it is, and warns over 365 days', async () => {
  const { pg, first, tenant } = await installation()
  const scope = await tenant()
  await put(first, scope, 1)
  await addRootKey(first, scope)
  const status = await keyringStatus(first)
  expect(status).toMatchObject({ source: 'memory', tenant_keys: { tenants: 1, versions: 1, retired: 0 }, warnings: [] })
  expect(status.versions).toMatchObject([
    { version: 1, state: 'current', wraps: 1, missing_in: 0, fingerprint: first.keyring.fingerprint(1) },
    { version: 2, state: 'accepted', wraps: 0 },
  ])
  expect(JSON.stringify(status)).not.toMatch(/[A-Za-z0-9+/]{43}=/)
  await pg.clock.advance('365d')
  expect((await keyringStatus(first)).warnings).toEqual([])
  await pg.clock.advance('1d')
  expect((await keyringStatus(first)).warnings).toEqual([
    'The root key is 366 days old; rotate it (docs/keys.md).',
    'The oldest tenant key is 366 days old; rotate it (docs/keys.md).',
  ])
})
