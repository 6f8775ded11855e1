import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type Database, database } from '#harness'
import { createKeyFile } from '../crypto/keyring-file.ts'
import { layKms } from '../crypto/testing/kms.ts'
import { startTransit } from '../crypto/testing/transit.ts'
import { systemScope } from '../db/scope.ts'
import { tx } from '../db/tx.ts'
import { workRewraps } from '../identity/keys-at-rest/rewrap/run.ts'
import { startRewrap } from '../identity/keys-at-rest/rewrap/start.ts'
import {
  addRootKey,
  destroyDueRootKeys,
  destroyRootKey,
  promoteRootKey,
  retireRootKey,
} from '../identity/keys-at-rest/root/root-key.ts'
import { keyringStatus } from '../identity/keys-at-rest/root/status.ts'
import { tenantKey } from '../identity/keys-at-rest/tenant-key.ts'
import { put, read } from '../identity/keys-at-rest/testing/ring.ts'
import { newTenantUuid, tenantWire } from '../std/id.ts'
import { openLog } from '../std/log.ts'
import { openKeyring } from './boot.ts'
import { readConfig } from './config.ts'
import { BootRefused } from './refused.ts'

function home(): string {
  const folder = mkdtempSync(join(tmpdir(), 'boot-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  chmodSync(folder, 0o700)
  return folder
}

async function given(pg?: Database) {
  const house = pg ?? (await database())
  const lines: string[] = []
  const log = openLog({ level: 'info', sink: (line) => void lines.push(line) })
  const boot = async (at: string, settings: Record<string, string>, env: Record<string, string> = {}) => {
    const names = Object.entries({ ENVIRONMENT: 'production', HOME: at, ...settings }).map(([name, value]) => [
      `COUNTERSIGN_${name}`,
      value,
    ])
    const config = readConfig({ ...env, ...Object.fromEntries(names) }, { cwd: at, isRoot: false })
    const db = await house.open()
    const ring = await openKeyring(config, db, log, ['web'])
    onTestFinished(() => ring.close())
    return { db, ring, keyring: ring.keyring }
  }
  const tenant = async () => {
    const id = newTenantUuid()
    await house.admin.run`insert into tenants (id, name) values (${id}::uuid, 'one')`
    return systemScope('test', id)
  }
  return { house, boot, tenant, lines }
}

test('P123 V63 boot makes the key where nothing is sealed, and one line tells source, fingerprint and what was passed over', async () => {
  const { boot, lines } = await given()
  const at = home()
  const one = await boot(at, {})
  const line = JSON.parse(lines.find((text) => text.includes('"root key"')) as string)
  expect(line).toMatchObject({
    source: `file:${at}/keys/root.key`,
    created: true,
    version: 1,
    fingerprint: one.keyring.fingerprint(),
  })
  expect(line.skipped).toHaveLength(3)
  expect(line.skipped[0]).toBe(`env-file:${at}/countersign.env#ROOT_KEY (there is no such file)`)
  expect((await boot(at, {})).keyring.fingerprint()).toBe(one.keyring.fingerprint())
})

test('V65 V66 what boot refuses ends in key.root with the rule', async () => {
  const { boot, tenant } = await given()
  const at = home()
  const process = await boot(at, {})
  const scope = await tenant()
  await tx(process.db, scope, (t) => tenantKey(process, t, scope))
  const refusal = async (where: string, settings: Record<string, string>, env?: Record<string, string>) => {
    const error = await boot(where, settings, env).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(BootRefused)
    return (error as BootRefused).lines.join()
  }
  expect(await refusal(home(), {})).toMatch(/^key.root: .*database holds rows sealed under it/)
  const other = home()
  await createKeyFile(join(other, 'keys', 'root.key'))
  expect(await refusal(other, {})).toContain(process.keyring.fingerprint())
  expect(await refusal(at, { ROOT_KEY: 'env:KEY' }, { KEY: randomBytes(32).toString('base64') })).toContain(
    'ROOT_KEY_ENV_ACCEPTED',
  )
  expect(await refusal(at, { ROOT_KEY: 'changeme' })).toMatch(/^key.root: ROOT_KEY names where the key is/)
  expect(await refusal(at, { ROOT_KEY: `exec:${join(other, 'nothing')}` })).toMatch(/^key.root: /)
  chmodSync(join(at, 'keys', 'root.key'), 0o604)
  expect(await refusal(at, {})).toMatch(/^key.root: .*mode 604/)
})

test('P123 V64 §10.2 KMS away: a KMS behind a program wraps each tenant’s key; while it is away, held keys serve five minutes and then answers are 503, with an alarm at the first failure', async () => {
  const { house, boot, tenant, lines } = await given()
  const kms = layKms()
  const settings = { ROOT_KEY: `exec:${kms.program}` }
  const process = await boot(home(), settings)
  const scope = await tenant()
  await put(process, scope, 1)
  expect(kms.asked()).toContainEqual({ v: 1, op: 'wrap', context: { tenant: tenantWire(scope.tenantId), version: 1 } })
  const [row] = await house.admin.rows<{ wrapped: Buffer }>`select wrapped from tenant_keys`
  expect(row?.wrapped[0]).toBe(2)

  // Another machine with the same KMS opens what the first sealed.
  const second = await boot(home(), settings)
  expect(second.keyring.fingerprint()).toBe(process.keyring.fingerprint())
  expect(await read(second, scope, 1)).toBe('text 1')

  kms.setAway(true)
  expect(await keyringStatus(second)).toMatchObject({
    sources: [{ answers: false }],
    warnings: [expect.stringContaining('does not answer')],
  })
  await house.clock.advance('240s')
  expect(await read(second, scope, 1)).toBe('text 1')
  await house.clock.advance('61s')
  const alarms = () => lines.filter((line) => line.includes('the source of the root key is away')).length
  expect(alarms()).toBe(0)
  for (let again = 0; again < 2; again++)
    await expect(read(second, scope, 1)).rejects.toMatchObject({ code: 'vault_sealed', status: 503 })
  // At the first failure, and not at each.
  expect(alarms()).toBe(1)
  expect(second.keyring.purpose('cursor')).toHaveLength(32)
  await expect(boot(home(), settings)).rejects.toThrow(/key.root: /)
  kms.setAway(false)
  expect(await read(second, scope, 1)).toBe('text 1')
  expect(lines.join('')).toContain('the source of the root key is back')
}, 60_000)

test('P123 vault-transit wraps through the one door out, with its host allowed and no other, and survives a rotation in Vault', async () => {
  const { house, boot, tenant, lines } = await given()
  const vault = await startTransit()
  const at = home()
  const tokenFile = join(at, 'token')
  writeFileSync(tokenFile, `${vault.token}\n`, { mode: 0o600 })
  const settings = { ROOT_KEY: `vault-transit:${vault.url}/transit/countersign`, ROOT_KEY_VAULT_TOKEN_FILE: tokenFile }
  const process = await boot(at, settings)
  const scope = await tenant()
  await put(process, scope, 1)
  const contexts = vault.asked.map(({ body }) => JSON.parse(Buffer.from(body.associated_data ?? '', 'base64').toString()))
  expect(contexts).toContainEqual({ tenant: tenantWire(scope.tenantId), version: 1 })
  vault.rotate()
  await put(process, await tenant(), 1)
  await house.clock.advance('301s')
  expect(await read(process, scope, 1)).toBe('text 1')
  vault.setAway(true)
  await house.clock.advance('301s')
  await expect(read(process, scope, 1)).rejects.toMatchObject({ code: 'vault_sealed' })
  expect(lines.join('')).not.toContain(vault.token)
  vault.setAway(false)
  writeFileSync(tokenFile, 'hvs.another\n')
  await expect(boot(home(), settings)).rejects.toThrow(/status 403/)
}, 60_000)

test('V73 moving from the file to a KMS is add, promote, rewrap, retire, destroy, and nothing stops meanwhile', async () => {
  const { house, boot, tenant } = await given()
  const at = home()
  const old = await boot(at, {})
  const scope = await tenant()
  await put(old, scope, 1)
  const kms = layKms()
  await expect(boot(home(), { ROOT_KEY: `exec:${kms.program}` })).rejects.toThrow(/is not here|ROOT_KEY_ALSO/)
  const both = { ROOT_KEY: `exec:${kms.program}`, ROOT_KEY_ALSO: `file:${at}/keys/root.key` }
  const moving = await boot(home(), both)
  const added = await addRootKey(moving, scope)
  expect(added).toMatchObject({ version: 2, source: `exec:${kms.program}` })
  await expect(promoteRootKey(moving, scope, 2)).rejects.toMatchObject({ code: 'state_conflict' })
  await old.ring.close()
  await promoteRootKey(moving, scope, 2)
  await startRewrap(moving, scope, {})
  await workRewraps(moving)
  await retireRootKey(moving, scope, 1)
  await destroyRootKey(moving, scope, 1)
  await house.clock.advance('8d')
  expect(await destroyDueRootKeys(moving, scope)).toEqual([1])
  expect(await read(moving, scope, 1)).toBe('text 1')
  await moving.ring.close()
  const alone = await boot(home(), { ROOT_KEY: `exec:${kms.program}` })
  expect(alone.keyring.versions).toEqual([2])
  expect(await read(alone, scope, 1)).toBe('text 1')
}, 60_000)
