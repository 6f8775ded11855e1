import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { Problem } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../../../test/harness/process.ts'
import { configPage, describeConfig, readConfig, SETTINGS } from './config.ts'

const refusal = (environment: Record<string, string>): string => {
  try {
    readConfig(environment)
  } catch (error) {
    if (error instanceof Problem && error.code === 'settings_invalid') return error.members.detail as string
    throw error
  }
  throw new Error('it was accepted')
}

test('an empty environment gives the defaults', () => {
  expect(readConfig({ PATH: '/bin' })).toMatchObject({
    port: 3001,
    host: '127.0.0.1',
    environment: 'production',
    database_url: null,
    roles: ['web', 'worker', 'maintenance'],
  })
})

test('P154 an unknown setting is answered with the nearest name, and those of the SDK are known', () => {
  expect(refusal({ COUNTERSIGN_DATABSE_URL: 'x' })).toBe(
    'COUNTERSIGN_DATABSE_URL is not a setting. Did you mean COUNTERSIGN_DATABASE_URL?',
  )
  expect(readConfig({ COUNTERSIGN_URL: 'http://localhost:3001', COUNTERSIGN_KEY: 'cs_x' }).port).toBe(3001)
})

test('all that is wrong is said at once, in sentences', () => {
  expect(
    refusal({ COUNTERSIGN_PORT: '70000', COUNTERSIGN_EGRESS_HTTP: 'yes', COUNTERSIGN_ROLES: 'web,proxi' }).split('\n'),
  ).toEqual([
    'COUNTERSIGN_PORT is a whole number from 0 to 65535.',
    'COUNTERSIGN_ROLES is one of web, worker, maintenance.',
    'COUNTERSIGN_EGRESS_HTTP is 0 or 1.',
  ])
})

test('DATABASE_URL is read as well, and ours wins', () => {
  expect(readConfig({ DATABASE_URL: 'postgresql://a' }).database_url?.reveal()).toBe('postgresql://a')
  expect(readConfig({ DATABASE_URL: 'postgresql://a', COUNTERSIGN_DATABASE_URL: 'postgresql://b' }).database_url?.reveal()).toBe(
    'postgresql://b',
  )
})

test('each setting may stand in a file, not in both places, and a missing file is said', () => {
  const file = join(temporaryFolder(), 'url')
  writeFileSync(file, 'postgresql://from-file\n')
  expect(readConfig({ COUNTERSIGN_DATABASE_URL_FILE: file }).database_url?.reveal()).toBe('postgresql://from-file')
  expect(refusal({ COUNTERSIGN_DATABASE_URL_FILE: file, COUNTERSIGN_DATABASE_URL: 'x' })).toContain('both set')
  expect(refusal({ COUNTERSIGN_SETUP_TOKEN_FILE: '/nowhere/at/all' })).toContain('ENOENT')
})

test('P131 what is secret is printed nowhere', () => {
  const config = readConfig({ DATABASE_URL: 'postgresql://u:hunter2@host/db', COUNTERSIGN_SETUP_TOKEN: 'hunter2' })
  const printed = JSON.stringify(describeConfig(config)) + inspect(config, { depth: 9 }) + JSON.stringify(config)
  expect(printed).not.toContain('hunter2')
  expect(describeConfig(config).find((line) => line.name === 'COUNTERSIGN_DATABASE_URL')).toMatchObject({
    value: '[secret]',
    secret: true,
  })
})

test('the page of settings names each one', () => {
  for (const name of Object.keys(SETTINGS)) expect(configPage()).toContain(`\`COUNTERSIGN_${name.toUpperCase()}\``)
})
