import { chmodSync } from 'node:fs'
import { expect, test } from 'vitest'
import { makeCertificate, tlsFolder } from '../../http/testing/certificate.ts'
import { ConfigRefused, type Environment, readConfig } from '../config.ts'
import { checkSettings } from './settings.ts'

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
