import { randomBytes } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { KeyRefused } from './keyring.ts'
import { createKeyFile } from './keyring-file.ts'
import { findRoots, type OsKeyring, type RootOptions } from './keyring-source.ts'
import { Secret } from './secret.ts'

async function home(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'roots-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  await chmod(path, 0o700)
  return path
}
const someKey = () => randomBytes(32).toString('base64')
const put = async (path: string, text: string) => {
  await mkdir(join(path, '..'), { recursive: true, mode: 0o700 })
  await writeFile(path, text, { mode: 0o600 })
}
const osKeyring = (passwords: Record<string, string>): (() => Promise<OsKeyring>) => {
  class Entry {
    readonly name: string
    constructor(service: string, account: string) {
      this.name = `${service}/${account}`
    }
    getPassword() {
      return passwords[this.name] ?? null
    }
  }
  return async () => ({ Entry })
}
const noKeyring = async (): Promise<OsKeyring> => {
  throw Object.assign(new Error('not found'), { code: 'ERR_MODULE_NOT_FOUND' })
}
const find = (at: string, more: Partial<RootOptions> = {}) =>
  findRoots({
    given: null,
    home: at,
    production: true,
    variable: () => undefined,
    mayCreate: () => false,
    osKeyring: noKeyring,
    ...more,
  })
const current = async (roots: Awaited<ReturnType<typeof find>>) => {
  const held = await roots.sources[0]?.read()
  return held?.versions.get(held.current)?.toString('base64')
}

test('V63 without ROOT_KEY: countersign.env, then the OS keyring, then the file; each passed over is told with its reason', async () => {
  const at = await home()
  const [one, file] = [someKey(), join(at, 'keys', 'root.key')]
  const first = await find(at, { mayCreate: () => true })
  expect([first.created, first.sources[0]?.name]).toEqual([true, `file:${file}`])
  expect(first.skipped.map(({ reason }) => reason)).toEqual([
    'there is no such file',
    'The keyring of the system needs the optional package @napi-rs/keyring, which is not installed.',
    'there is no such file',
  ])
  expect(first.skipped.some(({ isLoud }) => isLoud)).toBe(false)

  await put(file, one)
  const held = osKeyring({ 'countersign/root': one })
  const second = await find(at, { osKeyring: held })
  expect(second.sources[0]?.name).toBe('keyring:root')
  expect(second.skipped.at(-1)).toEqual({
    source: `file:${file}`,
    reason: 'it holds the same key as keyring:root',
    isLoud: false,
  })

  await put(join(at, 'countersign.env'), `OTHER=1\nexport ROOT_KEY="${one}"\n`)
  const third = await find(at, { osKeyring: held })
  expect(third.sources[0]?.name).toBe(`env-file:${join(at, 'countersign.env')}#ROOT_KEY`)
  expect(await current(third)).toBe(one)

  const explicit = await find(at, { given: `file:${file}`, osKeyring: held })
  expect(explicit.sources.map(({ name }) => name)).toEqual([`file:${file}`])
  expect(explicit.skipped.map(({ reason }) => reason)).toEqual(['ROOT_KEY names another source', 'ROOT_KEY names another source'])
})

test('V63 two local sources with different keys of one version refuse the start, by both names and fingerprints', async () => {
  const at = await home()
  const secret = someKey()
  await put(join(at, 'keys', 'root.key'), secret)
  await put(join(at, 'countersign.env'), `ROOT_KEY=${someKey()}\n`)
  const refusal = await find(at).catch((error: unknown) => error)
  expect(refusal).toBeInstanceOf(KeyRefused)
  expect(String(refusal)).toMatch(/env-file:.* and file:.* hold different keys of version 1 \([0-9a-f]{8} and [0-9a-f]{8}\)/)
  expect(String(refusal)).not.toContain(secret)
  const elsewhere = join(await home(), 'root.key')
  await createKeyFile(elsewhere)
  await expect(find(at, { given: `file:${elsewhere}` })).rejects.toThrow(/different keys of version 1/)
})

test('V63 a keyring that cannot be reached falls back to the file, loudly; named explicitly it refuses', async () => {
  const at = await home()
  await createKeyFile(join(at, 'keys', 'root.key'))
  const broken = async (): Promise<OsKeyring> => ({
    Entry: class {
      getPassword(): string | null {
        throw new Error('no D-Bus session')
      }
    },
  })
  const roots = await find(at, { osKeyring: broken })
  expect(roots.sources[0]?.kind).toBe('file')
  expect(roots.skipped).toContainEqual({
    source: 'keyring:root',
    reason: 'The keyring of the system cannot be reached (no D-Bus session).',
    isLoud: true,
  })
  await expect(find(at, { given: 'keyring:root', osKeyring: broken })).rejects.toThrow(/cannot be reached/)
  await expect(find(at, { given: 'keyring:root' })).rejects.toThrow(/optional package @napi-rs\/keyring/)
  await expect(find(at, { given: 'keyring:other', osKeyring: osKeyring({}) })).rejects.toThrow(/no key stands there/)
})

test('P123 env: is for development; in production it needs ROOT_KEY_ENV_ACCEPTED and warns at each start', async () => {
  const at = await home()
  const [one, two] = [someKey(), someKey()]
  const value = (name: string) => (name === 'MY_KEY' ? `1 accepted ${one};2 current ${two}` : undefined)
  await expect(find(at, { given: 'env:MY_KEY', variable: value })).rejects.toThrow(/ROOT_KEY_ENV_ACCEPTED=1/)
  for (const more of [{ production: false }, { envAccepted: true }]) {
    const roots = await find(at, { given: 'env:MY_KEY', variable: value, ...more })
    expect(await current(roots)).toBe(two)
    expect(roots.warnings).toEqual([expect.stringMatching(/environment variable MY_KEY/)])
    expect(roots.sources[0]?.add).toBeUndefined()
  }
  await expect(find(at, { given: 'env:NONE', variable: value, production: false })).rejects.toThrow(/is empty/)
})

test('V65 an env-file stands under the same rules as a key file', async () => {
  const at = await home()
  const file = join(at, 'settings.env')
  await put(file, `A=1\nMY_KEY='${someKey()}'\n`)
  expect(await current(await find(at, { given: `env-file:${file}#MY_KEY` }))).toHaveLength(44)
  await expect(find(at, { given: `env-file:${file}#OTHER` })).rejects.toThrow(/no key stands there/)
  await expect(find(at, { given: `env-file:${file}` })).rejects.toThrow(/env-file:<path>#<NAME>/)
  await chmod(file, 0o640)
  await expect(find(at, { given: `env-file:${file}#MY_KEY` })).rejects.toThrow(/chmod 600/)
})

test('V66 a missing key file is never replaced where sealed rows need the first', async () => {
  const at = await home()
  const file = join(at, 'root.key')
  await expect(find(at, { given: `file:${file}` })).rejects.toThrow(/database holds rows sealed under it/)
  await expect(find(at)).rejects.toThrow(/database holds rows sealed under it/)
  await expect(readFile(file)).rejects.toThrow('ENOENT')
  expect((await find(at, { given: `file:${file}`, mayCreate: () => true })).created).toBe(true)
})

test('V65 one key does not serve two purposes: the root key may not be another secret of the settings', async () => {
  const at = await home()
  const key = randomBytes(32)
  await put(join(at, 'keys', 'root.key'), key.toString('base64'))
  for (const text of [key.toString('base64'), key.toString('base64url'), key.toString('hex')]) {
    const otherSecrets = [{ name: 'setupToken', value: new Secret(text) }]
    await expect(find(at, { otherSecrets })).rejects.toThrow(/the same key as the setting setupToken/)
  }
})

test('P123 a key pasted in place of its source is refused without being repeated, and so are forms that are none', async () => {
  const at = await home()
  const key = someKey()
  for (const given of [
    key,
    `raw:${key}`,
    'file',
    'env:my key',
    'vault-transit:https://u:p@v.example/transit/k',
    'vault-transit:nowhere',
  ]) {
    const refusal = await find(at, { given, production: false }).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(KeyRefused)
    expect(String(refusal)).not.toContain(key)
  }
  await expect(find(at, { given: 'vault-transit:https://v.example/transit/k' })).rejects.toThrow(/ROOT_KEY_VAULT_TOKEN/)
})

test('V63 a leftover file that breaks a rule is passed over loudly where ROOT_KEY names another source', async () => {
  const at = await home()
  const [given, leftover] = [join(await home(), 'root.key'), join(at, 'keys', 'root.key')]
  await createKeyFile(given)
  await createKeyFile(leftover)
  await chmod(leftover, 0o644)
  const roots = await find(at, { given: `file:${given}` })
  expect(roots.skipped).toContainEqual({ source: `file:${leftover}`, reason: expect.stringContaining('chmod 600'), isLoud: true })
  await expect(find(at)).rejects.toThrow(/chmod 600/)
})
