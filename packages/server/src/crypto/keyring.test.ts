import { randomBytes } from 'node:crypto'
import { chmod, chown, lstat, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { KeyRefused, loadRootKey, makeKeyring, type Purpose, parseKeyFile, pseudonymOf } from './keyring.ts'
import { EnvelopeError } from './seal.ts'

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'keyring-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}
const someKey = () => randomBytes(32).toString('base64')
async function keyFile(text: string, mode = 0o600): Promise<string> {
  const path = join(await folder(), 'root.key')
  await writeFile(path, text)
  await chmod(path, mode)
  return path
}
const load = (path: string, mayCreate = false) => loadRootKey(`file:${path}`, () => mayCreate)

test('P123 a missing key file is created 0600 in a folder of its own, and the second start reads the same key', async () => {
  const path = join(await folder(), 'keys', 'root.key')
  const first = await load(path, true)
  expect(first.created).toBe(true)
  expect((await lstat(path)).mode & 0o777).toBe(0o600)
  expect((await lstat(join(path, '..'))).mode & 0o777).toBe(0o700)
  const second = await load(path)
  expect(second.created).toBe(false)
  expect(second.keyring.fingerprint()).toBe(first.keyring.fingerprint())
  expect(first.keyring.fingerprint()).toMatch(/^[0-9a-f]{8}$/)
})

test('P123 of ten first starts at once one key wins and all hold it', async () => {
  const path = join(await folder(), 'keys', 'root.key')
  const all = await Promise.all(Array.from({ length: 10 }, () => load(path, true)))
  expect(new Set(all.map((one) => one.keyring.fingerprint())).size).toBe(1)
})

test('V66 a missing key file is never replaced where sealed rows need the first', async () => {
  const path = join(await folder(), 'keys', 'root.key')
  await expect(load(path, false)).rejects.toThrow(/database holds rows sealed under it/)
  await expect(lstat(path)).rejects.toThrow('ENOENT')
})

test('V65 a file that others can reach, in any bit, is refused and the sentence says how to mend it', async () => {
  for (const mode of [0o644, 0o640, 0o604, 0o610, 0o601, 0o660]) {
    await expect(load(await keyFile(someKey(), mode))).rejects.toThrow(/chmod 600/)
  }
  await expect(load(await keyFile(someKey(), 0o400))).resolves.toBeDefined()
})

test('V65 a link, a directory, a folder that others can write, and a file of another user are refused', async () => {
  const real = await keyFile(someKey())
  const linked = join(await folder(), 'linked')
  await symlink(real, linked)
  await expect(load(linked)).rejects.toThrow(/symbolic link/)
  const directory = join(await folder(), 'dir')
  await mkdir(directory, { mode: 0o700 })
  await expect(load(directory)).rejects.toThrow(/not a regular file/)
  const open = await keyFile(someKey())
  await chmod(join(open, '..'), 0o770)
  await expect(load(open)).rejects.toThrow(/chmod go-w/)
  await expect(loadRootKey('exec:/bin/kms', () => true)).rejects.toThrow(/file:<path>/)
})

test('V65 a file that belongs to another user is refused, one of root is not', async () => {
  const path = await keyFile(someKey())
  if (process.getuid?.() === 0) await chown(path, 65_534, 65_534)
  await expect(loadRootKey(`file:${path}`, () => false, 1)).rejects.toThrow(/another user/)
})

test('V65 wrong length, zero, repeated, readable and published keys are refused, and no sentence shows the key', async () => {
  const bad = [
    '',
    'changeme',
    randomBytes(31).toString('base64'),
    randomBytes(33).toString('base64'),
    Buffer.alloc(32).toString('base64'),
    Buffer.from('ab'.repeat(16)).toString('base64'),
    Buffer.from('0123456789abcdefghijklmnopqrstuv').toString('base64'),
    Buffer.from(Array.from({ length: 32 }, (_, i) => i)).toString('base64'),
    `1 current ${someKey()}\n2 current ${someKey()}`,
    `1 accepted ${someKey()}`,
    `1 current ${someKey()}\n1 accepted ${someKey()}`,
    `0 current ${someKey()}`,
  ]
  for (const text of bad) {
    const refusal = await load(await keyFile(text)).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(KeyRefused)
    const key = text.split(' ').at(-1) ?? ''
    if (key.length > 8) expect(String(refusal)).not.toContain(key)
  }
  const twice = someKey()
  expect(() => parseKeyFile(`1 accepted ${twice}\n2 current ${twice}`)).toThrow(/one key for two versions/)
})

test('P126 a file holds several versions: the current one wraps, each one opens', () => {
  const [one, two] = [someKey(), someKey()]
  const before = makeKeyring(parseKeyFile(one))
  const after = makeKeyring(parseKeyFile(`# rotated\n1 accepted ${one}\n2 current ${two}\n`))
  const key = randomBytes(32)
  expect(after.current).toBe(2)
  expect(after.unwrapTenantKey('ten_A', 1, before.wrapTenantKey('ten_A', 1, key)).equals(key)).toBe(true)
  const wrapped = after.wrapTenantKey('ten_A', 1, key)
  expect(after.unwrapTenantKey('ten_A', 1, wrapped).equals(key)).toBe(true)
  expect(() => before.unwrapTenantKey('ten_A', 1, wrapped)).toThrow(EnvelopeError)
  expect(() => after.unwrapTenantKey('ten_B', 1, wrapped)).toThrow(EnvelopeError)
  expect(after.fingerprint(1)).toBe(before.fingerprint())
})

test('P125 no key serves two purposes or two versions, and the same one comes out each time', () => {
  const keyring = makeKeyring(parseKeyFile(`1 accepted ${someKey()}\n2 current ${someKey()}`))
  const names: Purpose[] = [
    'cursor',
    'unsubscribe',
    'mail-link',
    'pepper',
    'bucket',
    'audit-sign',
    'webhook-ed25519',
    'receipt',
    'relay-sign',
    'reply',
    'backup',
    'form',
    'wrap',
  ]
  const all = names.flatMap((name) => [keyring.purpose(name, 1), keyring.purpose(name, 2)].map((key) => key.toString('hex')))
  expect(new Set(all).size).toBe(all.length)
  expect(keyring.purpose('cursor').equals(keyring.purpose('cursor', 2))).toBe(true)
  expect(() => keyring.purpose('cursor', 3)).toThrow(RangeError)
})

test('P123 the created file explains itself and holds 32 random bytes', async () => {
  const path = join(await folder(), 'keys', 'root.key')
  await load(path, true)
  const text = await readFile(path, 'utf8')
  expect(text).toMatch(/^# .+\n# .+\n1 current [A-Za-z0-9+/]{43}=\n$/)
})

test('P132 an e-mail has one pseudonym in an installation, whatever its case, and another elsewhere', () => {
  const [one, two] = [makeKeyring(parseKeyFile(someKey())), makeKeyring(parseKeyFile(someKey()))]
  expect(pseudonymOf(one)('Ann@example.com')).toMatch(/^u:[0-9a-f]{8}$/)
  expect(pseudonymOf(one)('Ann@example.com')).toBe(pseudonymOf(one)('ann@EXAMPLE.com'))
  expect(pseudonymOf(one)('ann@example.com')).not.toBe(pseudonymOf(two)('ann@example.com'))
})
