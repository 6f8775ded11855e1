import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openProxy } from '#harness'
import { openDnsStub } from '../../egress/testing/dns-stub.ts'
import { makeCertificate, tlsFolder } from '../../http/testing/certificate.ts'
import { ConfigRefused, type Environment, readConfig } from '../config.ts'
import { checkSettings } from './settings.ts'
import { checkSurroundings } from './surroundings.ts'

const NOW = new Date('2026-11-22T12:00:00Z')

const check = (env: Environment) => {
  const config = readConfig({ COUNTERSIGN_PUBLIC_URL: 'https://cs.example.com', ...env }, { cwd: '/srv/app', isRoot: false })
  return Object.fromEntries(checkSettings(config, NOW).map((line) => [line.code, line]))
}

test('P153 P140 a public address needs TLS, in front or built in, and built-in TLS needs files that work', async () => {
  const everywhere = { COUNTERSIGN_HOST: '0.0.0.0' }
  expect(check({})['http.bind']).toMatchObject({ status: 'ok' })
  expect(check(everywhere)['http.bind']).toMatchObject({
    status: 'fail',
    mend: expect.stringContaining('COUNTERSIGN_TLS_CERT_FILE'),
  })
  expect(check({ ...everywhere, COUNTERSIGN_ENVIRONMENT: 'development' })['http.bind']).toMatchObject({ status: 'ok' })
  expect(check({ ...everywhere, COUNTERSIGN_TLS_TERMINATED: '1' })).toMatchObject({ 'http.bind': { status: 'ok' } })
  expect(check({ ...everywhere, COUNTERSIGN_TLS_TERMINATED: '1' })['http.tls']).toBeUndefined()

  const files = tlsFolder(await makeCertificate())
  const builtIn = {
    ...everywhere,
    COUNTERSIGN_TLS_CERT_FILE: files.certFile,
    COUNTERSIGN_TLS_KEY_FILE: files.keyFile,
  }
  expect(check(builtIn)).toMatchObject({ 'http.bind': { status: 'ok' }, 'http.tls': { status: 'ok' } })
  chmodSync(files.keyFile, 0o644)
  expect(check(builtIn)['http.tls']).toMatchObject({ status: 'fail', what: expect.stringContaining('others can reach it') })
})

test('P140 P154 one of the two TLS files without the other is refused by name', () => {
  for (const [given, missing] of [
    ['CERT', 'KEY'],
    ['KEY', 'CERT'],
  ])
    expect(() => check({ [`COUNTERSIGN_TLS_${given}_FILE`]: 'one.pem' })).toThrow(
      new ConfigRefused([`COUNTERSIGN_TLS_${given}_FILE is given without COUNTERSIGN_TLS_${missing}_FILE; give both, or none.`]),
    )
})

test('P153 the settings that open more than one means are a line each, and security.txt is watched', () => {
  const said = check({
    COUNTERSIGN_CORS_ORIGINS: 'https://a.example',
    COUNTERSIGN_EGRESS_ALLOW: '10.1.0.0/16:443',
    COUNTERSIGN_TLS_TERMINATED: '1',
  })
  expect(said['http.cors']).toMatchObject({ status: 'ok', what: 'https://a.example may call the API, without cookies.' })
  expect(said['egress.allow']).toMatchObject({ status: 'ok', what: 'For every tenant: 10.1.0.0/16:443' })
  // Everybody would share one address, and its limits.
  expect(said['http.proxies']).toMatchObject({ status: 'warn', mend: expect.stringContaining('COUNTERSIGN_TRUSTED_PROXIES') })
  expect(said.security_txt).toMatchObject({ status: 'warn', mend: expect.stringContaining('COUNTERSIGN_SECURITY_TXT_FILE') })

  const folder = mkdtempSync(join(tmpdir(), 'countersign-checks-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'security.txt')
  const expires = (days: number) => {
    const at = new Date(NOW.getTime() + days * 86_400_000).toISOString()
    writeFileSync(file, `Contact: mailto:security@example.com\nExpires: ${at}\n`)
    return check({ COUNTERSIGN_SECURITY_TXT_FILE: file }).security_txt
  }
  expect([expires(31)?.status, expires(29)?.status, expires(-1)?.what]).toEqual(['ok', 'warn', 'security.txt has expired.'])
  writeFileSync(file, 'Contact: nobody\n')
  expect(check({ COUNTERSIGN_SECURITY_TXT_FILE: file }).security_txt).toMatchObject({ status: 'fail' })
})

test('P153 name servers, disk and folders: what only a machine of one’s own can do without warns in development and refuses in production', async () => {
  const home = mkdtempSync(join(tmpdir(), 'countersign-checks-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  const dns = await openDnsStub(() => ({ rcode: 3 }))
  onTestFinished(() => dns.close())
  const look = async (env: Environment) => {
    const given = { COUNTERSIGN_PUBLIC_URL: 'https://cs.example.com', COUNTERSIGN_HOME: home, ...env }
    return Object.fromEntries(
      (await checkSurroundings(readConfig(given, { cwd: home, isRoot: false }))).map((line) => [line.code, line]),
    )
  }
  const answers = { COUNTERSIGN_EGRESS_DNS_SERVERS: `127.0.0.1:${dns.port}` }
  expect((await look(answers))['egress.dns']).toMatchObject({ status: 'ok', what: `127.0.0.1:${dns.port} answers` })
  const silent = { COUNTERSIGN_EGRESS_DNS_SERVERS: '127.0.0.1:1' }
  expect((await look(silent))['egress.dns']).toMatchObject({ status: 'fail', what: expect.stringContaining('127.0.0.1:1') })
  expect((await look({ ...silent, COUNTERSIGN_ENVIRONMENT: 'development' }))['egress.dns']).toMatchObject({ status: 'warn' })
  expect((await look({ ...silent, COUNTERSIGN_ROLES: 'callbacks' }))['egress.dns']).toMatchObject({ status: 'ok' })

  mkdirSync(join(home, 'keys'), { mode: 0o700 })
  expect((await look(answers)).files).toMatchObject({ status: 'ok' })
  chmodSync(join(home, 'keys'), 0o755)
  expect((await look(answers)).files).toMatchObject({
    status: 'fail',
    what: expect.stringContaining(join(home, 'keys')),
    mend: `chmod 700 ${join(home, 'keys')}`,
  })
})

test('P101 P153 a forward proxy is a line of its own: it answers, refuses us, or is away; without one there is no line', async () => {
  const home = mkdtempSync(join(tmpdir(), 'countersign-checks-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  const dns = await openDnsStub(() => ({ rcode: 3 }))
  onTestFinished(() => dns.close())
  const look = async (env: Environment) => {
    const given = {
      COUNTERSIGN_PUBLIC_URL: 'https://cs.example.com',
      COUNTERSIGN_HOME: home,
      COUNTERSIGN_EGRESS_DNS_SERVERS: `127.0.0.1:${dns.port}`,
      ...env,
    }
    const found = await checkSurroundings(readConfig(given, { cwd: home, isRoot: false }))
    return found.find(({ code }) => code === 'egress.proxy')
  }
  const proxy = await openProxy({ leadsTo: () => null, credentials: 'ann:secret' })
  const url = (who: string) => ({ COUNTERSIGN_EGRESS_PROXY: `http://${who}127.0.0.1:${proxy.port}` })
  expect(await look({})).toBeUndefined()
  expect(await look(url('ann:secret@'))).toMatchObject({ status: 'ok', what: `http://127.0.0.1:${proxy.port} answers` })
  expect(await look(url(''))).toMatchObject({ status: 'fail', what: expect.stringContaining('refuses our credentials') })
  expect(await look({ ...url(''), COUNTERSIGN_ENVIRONMENT: 'development' })).toMatchObject({ status: 'warn' })
  expect(await look({ ...url(''), COUNTERSIGN_ROLES: 'callbacks' })).toBeUndefined()
  const file = join(home, 'ca.pem')
  expect(await look({ ...url(''), COUNTERSIGN_EGRESS_PROXY_CA_FILE: file })).toMatchObject({
    status: 'fail',
    what: `${file} cannot be read (ENOENT).`,
  })
  writeFileSync(file, 'no certificate')
  expect(await look({ ...url(''), COUNTERSIGN_EGRESS_PROXY_CA_FILE: file })).toMatchObject({ status: 'fail' })
  await proxy.stop()
  expect(await look(url('ann:secret@'))).toMatchObject({ status: 'warn', what: expect.stringContaining('does not answer') })
})

test('P101 P154 what belongs to a proxy is refused without one, and a text that is no proxy by its name', () => {
  for (const [name, value, says] of [
    ['EGRESS_PROXY_EXCEPT', 'vault.corp.example:8200', 'is given without COUNTERSIGN_EGRESS_PROXY.'],
    ['EGRESS_PROXY_CA_FILE', 'ca.pem', 'is given without COUNTERSIGN_EGRESS_PROXY.'],
    ['EGRESS_PROXY', 'socks5://proxy:1080', 'must be a URL such as'],
  ] as const)
    expect(() => check({ [`COUNTERSIGN_${name}`]: value }), name).toThrow(`COUNTERSIGN_${name} ${says}`)
})
