import { randomBytes } from 'node:crypto'
import { chmod, chown, lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { KeyRefused } from './keyring.ts'
import { addToKeyFile, createKeyFile, parseKeyText, readKeyFile, removeFromKeyFile } from './keyring-file.ts'

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
const load = async (path: string, uid?: number) => parseKeyText(await readKeyFile(path, uid), path)

test('P123 a created key file is 0600 in a folder of its own, explains itself and holds 32 random bytes', async () => {
  const path = join(await folder(), 'keys', 'root.key')
  await createKeyFile(path)
  expect((await lstat(path)).mode & 0o777).toBe(0o600)
  expect((await lstat(join(path, '..'))).mode & 0o777).toBe(0o700)
  expect(await readFile(path, 'utf8')).toMatch(/^# .+\n# .+\n1 current [A-Za-z0-9+/]{43}=\n$/)
})

test('P123 of ten first starts at once one key wins and all hold it', async () => {
  const path = join(await folder(), 'keys', 'root.key')
  const all = await Promise.all(
    Array.from({ length: 10 }, async () => {
      await createKeyFile(path)
      return (await load(path)).versions.get(1)?.toString('hex')
    }),
  )
  expect(new Set(all).size).toBe(1)
})

test('V65 a file that others can reach, in any bit, is refused and the sentence says how to mend it', async () => {
  for (const mode of [0o644, 0o640, 0o604, 0o610, 0o601, 0o660, 0o602, 0o620]) {
    await expect(load(await keyFile(someKey(), mode))).rejects.toThrow(/chmod 600/)
  }
  await expect(load(await keyFile(someKey(), 0o400))).resolves.toBeDefined()
})

test('V65 a link, a directory, and a folder that others can write are refused', async () => {
  const real = await keyFile(someKey())
  const linked = join(await folder(), 'linked')
  await symlink(real, linked)
  await expect(load(linked)).rejects.toThrow(/symbolic link/)
  const directory = join(await folder(), 'dir')
  await mkdir(directory, { mode: 0o700 })
  await expect(load(directory)).rejects.toThrow(/not a regular file/)
  for (const mode of [0o770, 0o702]) {
    const open = await keyFile(someKey())
    await chmod(join(open, '..'), mode)
    await expect(load(open)).rejects.toThrow(/chmod go-w/)
  }
})

test('V65 a file that belongs to another user is refused, one of root is not', async () => {
  const path = await keyFile(someKey())
  if (process.getuid?.() === 0) {
    await expect(load(path, 1)).resolves.toBeDefined()
    await chown(path, 65_534, 65_534)
  }
  await expect(load(path, 1)).rejects.toThrow(/another user/)
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
  expect(() => parseKeyText(`1 accepted ${twice}\n2 current ${twice}`, 'a test')).toThrow(/one key for two versions/)
})

test('P126 a version is added beside the others and taken out again, the file stays 0600 and no draft is left', async () => {
  const first = someKey()
  const path = await keyFile(`# ours\n${first}\n`)
  const second = randomBytes(32)
  await addToKeyFile(path, 2, second)
  const text = await readFile(path, 'utf8')
  expect(text).toBe(`# ours\n1 current ${first}\n2 accepted ${second.toString('base64')}\n`)
  expect((await lstat(path)).mode & 0o777).toBe(0o600)
  await expect(addToKeyFile(path, 2, randomBytes(32))).rejects.toThrow(/version 2 twice/)
  await removeFromKeyFile(path, 1)
  expect(await load(path)).toEqual({ current: 2, versions: new Map([[2, second]]) })
  expect(await readdir(join(path, '..'))).toEqual(['root.key'])
})
