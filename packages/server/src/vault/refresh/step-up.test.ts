// What only a human gives (V38, V49), and what is kept alive without one (V47).
import { enqueue } from '@countersign/queue'
import { expect, test } from 'vitest'
import { type House, setup } from '#harness'
import { randomToken } from '../../crypto/token.ts'
import { systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { pageAt, start } from '../authorizations/testing/page.ts'
import { giveClient, giveProvider, oauthProvider, reaching } from '../authorizations/testing/provider.ts'
import { openVendor } from '../authorizations/testing/vendor.ts'
import { reauthorizeUrl } from '../connections/reauthorize.ts'
import { storeConnection } from '../connections/store.ts'
import type { Definition } from '../providers/definition.ts'
import { nextMoment } from './moment.ts'
import { scopesAsked, scopesAskedIn } from './step-up.ts'

const DAY = 86_400_000

async function connected(oauth: Partial<Definition['oauth']> = {}, fields: Record<string, string> = {}) {
  const vendor = await openVendor()
  const house = await setup(reaching(vendor))
  await giveProvider(house, oauthProvider(vendor, oauth))
  await giveClient(house, 'acme')
  const scope = systemScope('test', house.tenantId)
  const token = randomToken()
  const { id } = await tx(house.db, scope, async (t) =>
    storeConnection(house.server.identity, t, scope, {
      ...{ provider: 'acme', version: 1, belongs: { owner: house.alice.id }, method: 'code', scopes: ['read'] },
      material: { access_token: token, ...fields },
      refreshAt: nextMoment(t.now, { expiresAt: null, renews: false, idleDays: oauth.idle_days }),
    }),
  )
  // A session would be over by the time that some of these look.
  const read = () => house.admin.one<Record<string, unknown> & { refresh_at: Date }>`
    select status, status_cause, scopes, asked_scopes, generation::int as generation, refresh_at, last_error_code from connections where id = ${id}`
  return { vendor, house, scope, id, token, read }
}

const ofConnections = async (house: House) => (await house.eventTypes()).filter((type) => type.startsWith('connection.'))

test('V38 a 403 that asks for more scopes: the connection waits for its owner with what was asked, told once, and the next sign-in asks for all of it', async () => {
  const { vendor, house, scope, id, read } = await connected()
  expect(await reauthorizeUrl(house.server.identity, scope, id)).toBeNull()
  const header = 'Bearer realm="acme", error="insufficient_scope", scope="read write:issues"'
  const asked = scopesAskedIn(403, header) ?? []
  const both = await Promise.all([1, 2].map(() => scopesAsked(house, scope, id, asked, 1)))
  expect(both.sort()).toEqual([false, true])
  expect(await read()).toMatchObject({
    ...{ status: 'needs_reauth', status_cause: 'insufficient_scope', scopes: ['read'] },
    asked_scopes: ['read', 'write:issues'],
  })
  expect(await ofConnections(house)).toEqual(['connection.created', 'connection.needs_reauth'])
  // V49: where its owner goes on, without a token in the address.
  expect(await reauthorizeUrl(house.server.identity, scope, id)).toBe(`${house.url}/connections/${id}`)
  vendor.at('/token', () => ({ json: { access_token: randomToken(), token_type: 'bearer', scope: 'read write:issues' } }))
  const page = pageAt(house.url, (await start(house, { provider: 'acme', replace: true })).body.connect_url)
  const out = new URL((await page.submit()).body.redirect_to).searchParams
  expect(out.get('scope')).toBe('read write:issues')
  expect((await page.back({ code: 'c', state: out.get('state') ?? '' })).body).toMatchObject({
    connection_id: id,
    status: 'completed',
  })
  expect(await read()).toMatchObject({ status: 'connected', asked_scopes: [], scopes: ['read', 'write:issues'] })
})

test('V38 nothing changes for scopes that it has, for an older generation, and for what nobody signs in for', async () => {
  const { house, scope, id, read } = await connected()
  expect(await scopesAsked(house, scope, id, ['read'])).toBe(false)
  expect(await scopesAsked(house, scope, id, [])).toBe(false)
  expect(await scopesAsked(house, scope, id, ['"quoted"'])).toBe(false)
  expect(await scopesAsked(house, scope, id, ['write'], 7)).toBe(false)
  await house.admin.run`update connections set method = 'api_key' where id = ${id}`
  expect(await scopesAsked(house, scope, id, ['write'])).toBe(false)
  expect(await scopesAsked(house, scope, 'conn_01J9Z3K4M5N6P7Q8R9S0T1V2W4', ['write'])).toBe(false)
  expect(await read()).toMatchObject({ status: 'connected', asked_scopes: [] })
  const stranger = systemScope('test', await house.given.tenant())
  expect(await scopesAsked(house, stranger, id, ['write'])).toBe(false)
  await expect(reauthorizeUrl(house.server.identity, stranger, id)).rejects.toMatchObject({ code: 'not_found' })
})

// What stands in the field of an answer that nobody of ours wrote.
const HEADERS: [string | undefined, number, string[] | null][] = [
  ['Bearer error="insufficient_scope", scope="a b"', 403, ['a', 'b']],
  ['Basic realm="x", Bearer error=insufficient_scope, scope="a a"', 403, ['a']],
  ['bearer scope="a", error="insufficient_scope"', 403, ['a']],
  ['DPoP error="insufficient_scope"', 403, []],
  ['Bearer error="insufficient_scope", scope="a"', 401, null],
  ['Bearer error="invalid_token", scope="a"', 403, null],
  ['Bearer realm="error=insufficient_scope"', 403, null],
  ['Basic error="insufficient_scope"', 403, null],
  [`Bearer error="insufficient_scope", scope="${'x'.repeat(9_000)}"`, 403, null],
  [`Bearer error="insufficient_scope", scope="${'x'.repeat(300)} a\u0000b ok"`, 403, ['ok']],
  [undefined, 403, null],
]

test('V38 only a bearer challenge that says insufficient_scope asks for scopes', () => {
  for (const [header, status, expected] of HEADERS) expect([header, scopesAskedIn(status, header)]).toEqual([header, expected])
})

async function whenDue(house: House): Promise<void> {
  const scope = systemScope('test', house.tenantId)
  await tx(house.db, scope, (t) => enqueue(t, { kind: 'connection.refresh_due', payload: {} }))
  await house.runJobs()
}

test('V47 a token that expires unused and that nothing renews is used before the limit, again and again; refused, it needs its human', async () => {
  const vendor = { idle_days: 30 }
  const { house, token, read, vendor: at } = await connected(vendor)
  await house.admin.run`
    update definitions set definition = jsonb_set(definition, '{oauth,userinfo}', ${JSON.stringify({ url: `${at.origin}/me`, id: '/id', label: '/name' })}::jsonb)`
  at.at('/me', { json: { id: '1' } })
  const due = (await read()).refresh_at.getTime() - house.clock.now().getTime()
  expect(due).toBeGreaterThan(15 * DAY)
  expect(due).toBeLessThan(25 * DAY)
  await house.clock.advance('15d')
  await whenDue(house)
  expect(at.askedAt('/me')).toHaveLength(0)
  await house.clock.advance('10d')
  await whenDue(house)
  await whenDue(house)
  expect(at.askedAt('/me').map(({ headers }) => headers.authorization)).toEqual([`Bearer ${token}`])
  expect(await read()).toMatchObject({ status: 'connected', generation: 1 })
  at.at('/me', { status: 503 })
  await house.clock.advance('25d')
  await whenDue(house)
  expect(await read()).toMatchObject({ status: 'connected', last_error_code: 'keep_alive_failed' })
  at.at('/me', { status: 401 })
  await house.clock.advance('61m')
  await whenDue(house)
  expect(await read()).toMatchObject({ status: 'needs_reauth', status_cause: 'idle' })
})

test('V47 a token without a known end but with a refresh token is renewed before the limit', async () => {
  const { house, read, vendor } = await connected({ idle_days: 10 }, { refresh_token: randomToken() })
  vendor.at('/token', () => ({ json: { access_token: randomToken(), token_type: 'bearer' } }))
  await house.admin.run`update connections set client_id = (select id from clients)`
  await house.clock.advance('9d')
  await whenDue(house)
  const now = await read()
  expect(now).toMatchObject({ status: 'connected', generation: 2 })
  expect(now.refresh_at.getTime() - house.clock.now().getTime()).toBeGreaterThan(5 * DAY)
})
