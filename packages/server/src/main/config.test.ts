import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { BUCKETS } from '../http/bucket.ts'
import { ConfigRefused, describeConfig, type Environment, readConfig, renderConfigPage, SETTINGS } from './config.ts'

const place = { cwd: '/srv/app', isRoot: false }
const read = (env: Environment) => readConfig(env, place)

const refusal = (env: Environment): string[] => {
  try {
    read(env)
  } catch (error) {
    if (error instanceof ConfigRefused) return [...error.lines]
    throw error
  }
  throw new Error('it was accepted')
}

function file(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'config-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'value'), text)
  chmodSync(folder, 0o700)
  return join(folder, 'value')
}

test('P154 an empty environment gives the defaults, and an empty value is none', () => {
  const config = read({ PATH: '/bin', NODE_ENV: 'development', COUNTERSIGN_CORS_ORIGINS: '', COUNTERSIGN_PORT: '' })
  expect(config).toMatchObject({
    environment: 'production',
    home: '/srv/app/.countersign',
    rootKey: null,
    rootKeyAlso: [],
    roles: ['web', 'worker', 'maintenance', 'callbacks', 'relay'],
    databaseUrl: null,
    host: '127.0.0.1',
    port: 3001,
    publicUrl: null,
    cors: null,
    egressHttp: false,
    limits: BUCKETS,
  })
})

test('P154 each setting is read as its type', () => {
  const config = read({
    COUNTERSIGN_ENVIRONMENT: 'development',
    COUNTERSIGN_HOME: 'state',
    COUNTERSIGN_ROLES: 'worker, maintenance,worker',
    COUNTERSIGN_PORT: '0',
    COUNTERSIGN_PUBLIC_URL: 'https://cs.example.com/',
    COUNTERSIGN_TRUSTED_PROXIES: '10.0.0.0/8,::1',
    COUNTERSIGN_CORS_ORIGINS: 'http://localhost:5173,https://app.example.com',
    COUNTERSIGN_EGRESS_ALLOW: '127.0.0.1:4000,receiver.example:8443',
    COUNTERSIGN_EGRESS_DNS_SERVERS: '127.0.0.1:5353,9.9.9.9,[2620:fe::fe]:53',
    COUNTERSIGN_EGRESS_PORTS: '8443',
    COUNTERSIGN_EGRESS_HTTP: 'true',
    COUNTERSIGN_LIMITS: 'api.key=1200/1m+240,stream=40,login.address=5/5m',
  })
  expect(config).toMatchObject({
    home: '/srv/app/state',
    roles: ['worker', 'maintenance'],
    port: 0,
    egressAllow: [{ port: 4000 }, { host: 'receiver.example', port: 8443 }],
    egressDnsServers: [
      { address: '127.0.0.1', port: 5353 },
      { address: '9.9.9.9', port: 53 },
      { address: '2620:fe::fe', port: 53 },
    ],
    egressPorts: [8443],
    egressHttp: true,
  })
  expect(config.publicUrl?.origin).toBe('https://cs.example.com')
  expect(config.trustedProxies).toHaveLength(2)
  expect(config.cors?.credentials).toBe(false)
  expect(config.limits['api.key']).toEqual({ ...BUCKETS['api.key'], limit: 1200, per: 60, burst: 240 })
  expect(config.limits.stream).toMatchObject({ limit: 40 })
  expect(config.limits['login.address']).toMatchObject({ limit: 5, per: 300 })
})

test('P154 an unknown name is answered with the nearest one; those of the SDK and of `countersign run` are known', () => {
  expect(refusal({ COUNTERSIGN_DATABSE_URL: 'x' })).toEqual([
    'There is no setting COUNTERSIGN_DATABSE_URL; perhaps COUNTERSIGN_DATABASE_URL is meant.',
  ])
  expect(refusal({ COUNTERSIGN_SOMETHING_ELSE_ENTIRELY: 'x' })).toEqual([
    'There is no setting COUNTERSIGN_SOMETHING_ELSE_ENTIRELY.',
  ])
  expect(
    read({
      COUNTERSIGN_URL: 'http://localhost:3001',
      COUNTERSIGN_KEY: 'cs_x',
      COUNTERSIGN_RUN: 'r',
      COUNTERSIGN_PROXY: 'p',
      COUNTERSIGN_CA_FILE: 'c',
    }).port,
  ).toBe(3001)
})

test('P154 all that is wrong is said at once, one sentence a line', () => {
  const lines = refusal({
    COUNTERSIGN_PORT: '70000',
    COUNTERSIGN_EGRESS_HTTP: 'maybe',
    COUNTERSIGN_ROLES: 'web,proxi',
    COUNTERSIGN_PORTS: '1',
  })
  expect(lines).toHaveLength(4)
  expect(lines).toContain('COUNTERSIGN_PORT must be a port, 0 to 65535.')
  expect(lines).toContain('COUNTERSIGN_EGRESS_HTTP must be 0 or 1.')
  for (const line of lines) expect(line).toMatch(/^(COUNTERSIGN_[A-Z_]+|There is no setting) .*\.$/)
})

test.each([
  ['ENVIRONMENT', 'staging'],
  ['PORT', '1.5'],
  ['PORT', '-1'],
  ['DATABASE_URL', 'mysql://a/b'],
  ['PUBLIC_URL', 'https://a.example/path'],
  ['PUBLIC_URL', 'https://user@a.example'],
  ['PUBLIC_URL', 'ftp://a.example'],
  ['TRUSTED_PROXIES', '0.0.0.0/0'],
  ['TRUSTED_PROXIES', '::/0'],
  ['TRUSTED_PROXIES', 'proxy'],
  ['ALLOWED_HOSTS', 'a b'],
  ['CORS_ORIGINS', '*,https://a.example'],
  ['CORS_ORIGINS', 'http://a.example'],
  ['CORS_ORIGINS', 'http://localhost:3000'], // production
  ['CORS_ORIGINS', 'https://a.example/x'],
  ['SETUP_TOKEN', 'short'],
  ['EGRESS_ALLOW', '169.254.169.254:80'],
  ['EGRESS_ALLOW', '*.example:443'],
  ['EGRESS_DNS_SERVERS', 'dns.example'],
  ['EGRESS_PORTS', '0'],
  ['EGRESS_NAT64_PREFIX', '64:ff9b::/64'],
  ['LIMITS', 'api.keys=1/1m'],
  ['LIMITS', 'login.address=11/5m'],
  ['LIMITS', 'login.address=10/1m'],
  ['LIMITS', 'login.pair=1/1m'],
  ['LIMITS', 'invite.tenant=101/1d'],
  ['LIMITS', 'api.key=0/1m'],
  ['LIMITS', 'relay.starts=0'],
])('P136 P153 P154 %s = %s is refused in a sentence that names it', (name, value) => {
  const lines = refusal({ [`COUNTERSIGN_${name}`]: value })
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatch(new RegExp(`^COUNTERSIGN_${name}\\b.*\\.$`))
})

test('R112 a limit of the relay is switched off by 0, and by nothing else', () => {
  const config = read({ COUNTERSIGN_LIMITS: 'relay.start=0,relay.request=0,relay.wait=0,relay.send=5/1m+1' })
  for (const name of ['relay.start', 'relay.request'] as const)
    expect([name, config.limits[name]]).toMatchObject([name, { kind: 'gcra', limit: 1e8, burst: 1e7 }])
  expect(config.limits['relay.wait'].kind).toBe('concurrency')
  expect(config.limits['relay.send']).toMatchObject({ limit: 5, burst: 1 })
  expect(config.limits['relay.serve']).toEqual(BUCKETS['relay.serve'])
})

test('P136 credentials with any origin are refused', () => {
  expect(refusal({ COUNTERSIGN_CORS_ORIGINS: '*', COUNTERSIGN_CORS_CREDENTIALS: '1' })[0]).toContain('COUNTERSIGN_CORS')
})

test('P154 DATABASE_URL is read as well, and ours wins; a second URL without the first is refused', () => {
  expect(read({ DATABASE_URL: 'postgresql://a/x' }).databaseUrl?.reveal()).toBe('postgresql://a/x')
  expect(read({ DATABASE_URL: 'postgresql://a/x', COUNTERSIGN_DATABASE_URL: 'postgres://b/x' }).databaseUrl?.reveal()).toBe(
    'postgres://b/x',
  )
  expect(refusal({ COUNTERSIGN_MIGRATOR_URL: 'postgres://b/x' })[0]).toContain('without COUNTERSIGN_DATABASE_URL')
})

test('P154 a secret may stand in a file, not in both places, and a missing file is named', () => {
  expect(read({ COUNTERSIGN_DATABASE_URL_FILE: file('postgres://from-file/x\n') }).databaseUrl?.reveal()).toBe(
    'postgres://from-file/x',
  )
  expect(
    refusal({ COUNTERSIGN_DATABASE_URL_FILE: file('postgres://a/x'), COUNTERSIGN_DATABASE_URL: 'postgres://a/x' })[0],
  ).toContain('both set')
  expect(refusal({ COUNTERSIGN_SETUP_TOKEN_FILE: '/nowhere/at/all' })[0]).toContain('ENOENT')
  expect(refusal({ COUNTERSIGN_PORT_FILE: 'x' })[0]).toContain('no setting')
})

test('P131 what is secret is printed nowhere, not when shown and not when refused', () => {
  const env = {
    DATABASE_URL: 'postgresql://u:hunter2@host/db',
    COUNTERSIGN_SETUP_TOKEN: 'hunter2_hunter2_hunter2_hunter2_hunter2',
  }
  const config = read(env)
  const rows = describeConfig(config, env)
  expect(JSON.stringify(rows) + inspect(config, { depth: 9 }) + JSON.stringify(config)).not.toContain('hunter2')
  expect(rows.find((row) => row.name === 'COUNTERSIGN_DATABASE_URL')).toEqual({
    name: 'COUNTERSIGN_DATABASE_URL',
    value: '[secret]',
    secret: true,
    source: 'DATABASE_URL',
  })
  expect(refusal({ DATABASE_URL: 'mysql://u:hunter2@host/db', COUNTERSIGN_SETUP_TOKEN: 'hunter2' }).join()).not.toContain(
    'hunter2',
  )
})

test('P154 what is shown can be read again', () => {
  const env = {
    COUNTERSIGN_EGRESS_ALLOW: '127.0.0.1:4000,[::1]:4000,10.1.0.0/16:443,receiver.example:8443',
    COUNTERSIGN_TRUSTED_PROXIES: '10.0.0.0/8',
    COUNTERSIGN_EGRESS_DNS_SERVERS: '9.9.9.9:53',
    COUNTERSIGN_LIMITS: 'api.key=1200/60s+240',
    COUNTERSIGN_ROLES: 'web',
  }
  const shown = Object.fromEntries(
    describeConfig(read(env), env)
      .filter((row) => row.source !== 'default')
      .map((row) => [row.name, row.value]),
  )
  expect(shown).toEqual(env)
})

test('P154 the page names each setting, its file form where it is secret, and one sentence', () => {
  const page = renderConfigPage()
  for (const one of Object.values(SETTINGS)) {
    expect(page).toContain(`\`${one.name}\``)
    expect(one.says).toMatch(/^[A-Z].*\.$/)
  }
  expect(page).toContain('`COUNTERSIGN_SETUP_TOKEN_FILE`')
})

test('P123 only the variables that ROOT_KEY names are read, and they print as secrets', () => {
  const config = read({
    COUNTERSIGN_ROOT_KEY: 'env:MY_KEY',
    COUNTERSIGN_ROOT_KEY_ALSO: 'env:OLD_KEY,file:/k',
    MY_KEY: 'a',
    OTHER: 'b',
  })
  expect(Object.keys(config.rootKeyValues)).toEqual(['MY_KEY'])
  expect(inspect(config.rootKeyValues)).not.toContain("'a'")
  expect(config.rootKeyAlso).toEqual(['env:OLD_KEY', 'file:/k'])
})

test('P123 a root key pasted in place of its source is not printed', () => {
  const shown = (value: string) => {
    const env = { COUNTERSIGN_ROOT_KEY: value }
    return describeConfig(read(env), env).find(({ name }) => name === 'COUNTERSIGN_ROOT_KEY')?.value
  }
  expect(shown('q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=')).toBe('[secret]')
  expect(shown('file:/srv/root.key')).toBe('file:/srv/root.key')
})
