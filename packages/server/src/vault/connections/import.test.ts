// Credentials that a human brings, and how they end (V45, V50).
import { enqueue } from '@countersign/queue'
import { expect, test } from 'vitest'
import type { House } from '#harness'
import { systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { openMaterial } from '../material/material.ts'
import { readCookieLine } from '../providers/cookies.ts'
import type { Definition } from '../providers/definition.ts'
import { keepCookies } from '../refresh/capture.ts'
import { stepAt } from '../refresh/remind.ts'
import { canary, formsOf, openVault, tablesAsText } from '../testing/vault.ts'
import { definitionOf } from './definition.ts'
import { findSealed } from './sql.ts'

const path = '/api/v1/connections/import'
const SITE: Definition = {
  schema: 1,
  name: 'site',
  kind: 'cookies',
  display_name: 'Site',
  hosts: [{ host: 'www.site.example.com' }, { host: 'api.site.example.com' }],
  methods: ['cookies'],
  api_key: {
    fields: [
      { name: 'session', label: 'Session', secret: true },
      { name: 'ct0', label: 'ct0', secret: true },
    ],
  },
  inject: [
    { where: 'cookie', name: 'auth_token', template: '{{session}}' },
    { where: 'cookie', name: 'CT-0', template: '{{ct0}}' },
    { where: 'header', name: 'x-csrf-token', template: '{{ct0}}' },
  ],
  capture: { cookies: ['CT-0'] },
}

const readMaterial = (house: House, id: string) => {
  const scope = systemScope('test', house.tenantId)
  return tx(house.db, scope, async (t) => {
    const row = await findSealed(t, scope, id)
    if (!row || !(await definitionOf(t, scope, row))) throw new Error('not there')
    return { material: await openMaterial(house, t, scope, row), generation: row.generation }
  })
}

test('V45 a human brings the cookies of a session: by name or as a line, for the provider’s own hosts, for a day unless said otherwise', async () => {
  const { house, define } = await openVault()
  await define(SITE)
  const [one, two] = [canary(), canary()]
  const line = `Cookie: auth_token=${one}; theme=dark; CT-0=${two}; auth_token=later`
  const done = await house.alice.post(path, {
    items: [
      { provider: 'site', cookies: line, hosts: ['WWW.Site.Example.com.'] },
      { provider: 'site', name: 'week', cookies: { auth_token: one, 'CT-0': two }, lifetime_seconds: 604_800 },
      { provider: 'site', name: 'other', cookies: line, hosts: ['www.elsewhere.example.com'] },
      { provider: 'site', cookies: line },
      { provider: 'site', name: 'half', cookies: { auth_token: one } },
      { provider: 'nowhere', cookies: line },
      { provider: 'alpha', fields: { api_key: one }, params: { region: 'eu' } },
      { provider: 'alpha', method: 'cookies', cookies: line },
      { provider: 'site', name: 'past', cookies: line, expires_at: '2020-01-01T00:00:00Z' },
      { provider: 'site', cookies: line, replace: true },
    ],
  })
  expect(done.status, JSON.stringify(done.body)).toBe(200)
  const results: {
    status: string
    code: string | null
    connection_id: string
    expires_at: string
    ignored: string[]
    message: string
  }[] = done.body.data
  expect(results.map(({ status, code }) => code ?? status)).toEqual([
    ...['imported', 'imported', 'validation_failed', 'connection_exists', 'validation_failed', 'not_found', 'imported'],
    ...['validation_failed', 'validation_failed', 'replaced'],
  ])
  expect(results[0]?.ignored).toEqual(['theme'])
  expect(results[2]?.message).toMatch(/^\/hosts\/0: /)
  expect(results[4]?.message).toBe('/fields/ct0: ct0 is needed.')
  const now = house.clock.now().getTime()
  const lives = results.slice(0, 2).map(({ expires_at }) => Math.round((Date.parse(expires_at) - now) / 3_600_000))
  expect(lives).toEqual([24, 168])
  expect((await readMaterial(house, results[0]?.connection_id ?? '')).material).toEqual({ session: one, ct0: two })
  expect((await house.eventTypes()).filter((type) => type.startsWith('connection.'))).toEqual([
    ...['connection.imported', 'connection.imported', 'connection.imported', 'connection.replaced'],
  ])
  const everywhere = `${await tablesAsText(house)}${JSON.stringify(done.body)}${house.logs.join('\n')}`
  for (const form of [one, two].flatMap(formsOf)) expect(everywhere).not.toContain(form)
})

test('V45 only a person imports, at most 200 at once, and a member nothing for the whole tenant', async () => {
  const { house, define } = await openVault()
  await define(SITE)
  const item = { provider: 'alpha', fields: { api_key: canary() } }
  expect((await house.agent.post(path, { items: [item] })).status).toBe(403)
  expect((await house.nobody.post(path, { items: [item] })).status).toBe(401)
  expect((await house.alice.post(path, { items: Array.from({ length: 201 }, () => item) })).status).toBe(422)
  expect((await house.alice.post(path, { items: [] })).status).toBe(422)
  const member = await house.member.person()
  const mine = await member.post(path, { items: [item, { ...item, name: 'all', shared: true }] })
  expect(mine.body.data).toMatchObject([{ status: 'imported' }, { status: 'failed', code: 'forbidden' }])
  expect((await house.stranger.post(path, { items: [item] })).body.data).toMatchObject([{ status: 'failed', code: 'not_found' }])
})

test('V45 a cookie that the site renews is stored sealed in place of the old one, if the definition captures it and nobody wrote meanwhile', async () => {
  const { house, define } = await openVault()
  await define(SITE)
  const [one, two, three] = [canary(), canary(), canary()]
  const done = await house.alice.post(path, { items: [{ provider: 'site', cookies: { auth_token: one, 'CT-0': two } }] })
  const id = done.body.data[0].connection_id
  const scope = systemScope('test', house.tenantId)
  expect(await keepCookies(house, scope, id, 1, { auth_token: three, theme: 'light' })).toBe(false)
  expect(await keepCookies(house, scope, id, 1, { 'CT-0': 'a b' })).toBe(false)
  expect(await keepCookies(house, scope, id, 1, { 'CT-0': two })).toBe(false)
  expect(await keepCookies(house, scope, id, 1, { 'CT-0': three })).toBe(true)
  expect(await keepCookies(house, scope, id, 1, { 'CT-0': canary() })).toBe(false)
  expect(await readMaterial(house, id)).toEqual({ material: { session: one, ct0: three }, generation: 2 })
  const everywhere = await tablesAsText(house)
  for (const form of formsOf(three)) expect(everywhere).not.toContain(form)
})

test('V45 a line of cookies as browsers send it', () => {
  expect(readCookieLine('a=1; b="x=y"; a=2;;c ; =d; e=')).toEqual({ a: '1', b: '"x=y"', e: '' })
  expect(readCookieLine('COOKIE :z=1')).toEqual({ z: '1' })
})

async function remind(house: House): Promise<void> {
  const scope = systemScope('test', house.tenantId)
  await tx(house.db, scope, (t) => enqueue(t, { kind: 'connection.remind', payload: {} }))
  await house.runJobs()
}

test('V50 a key with an end: told 30, 7 and 1 days before, each once, and then it needs its human', async () => {
  const { house, connect } = await openVault()
  const { id } = await connect()
  const ends = new Date(house.clock.now().getTime() + 40 * 86_400_000)
  const patched = await house.alice.patch(`/api/v1/connections/${id}`, { expires_at: ends.toISOString() })
  expect(patched.body, JSON.stringify(patched.body)).toMatchObject({ expires_at: ends.toISOString() })
  expect(await house.alice.patch(`/api/v1/connections/${id}`, { expires_at: '2020-01-01T00:00:00Z' })).toMatchObject({
    status: 422,
  })
  const told = async () =>
    (
      await house.admin.rows<{ days: number | null }>`
        select (body::jsonb -> 'data' ->> 'days')::int as days from events where type in ('connection.expiring', 'connection.needs_reauth') order by ord`
    ).map(({ days }) => days)
  await remind(house)
  expect(await told()).toEqual([])
  for (const [pause, expected] of [
    ['11d', [30]],
    ['23d', [30, 7]],
    ['5d', [30, 7, 1]],
    ['1d', [30, 7, 1, null]],
  ] as const) {
    await house.clock.advance(pause)
    await remind(house)
    await remind(house)
    expect(await told()).toEqual(expected)
  }
  const row = await house.admin.one`select status, status_cause from connections where id = ${id}`
  expect(row).toEqual({ status: 'needs_reauth', status_cause: 'expired' })
})

test('V50 what ends soon when it comes is told of once, by the nearest reminder; another end begins anew', () => {
  const now = new Date('2026-01-01T00:00:00Z')
  const at = (days: number) => stepAt(now, new Date(now.getTime() + days * 86_400_000))
  expect([31, 30, 29, 7.1, 7, 1.5, 1, 0.01, 0, -3].map(at)).toEqual([null, 30, 30, 30, 7, 7, 1, 1, 0, 0])
})
