import { Problem } from '@countersign/sdk'
import { expect, test } from 'vitest'
import type { Scope } from '../db/scope.ts'
import { type Db, tx } from '../db/tx.ts'
import { apiPage } from './api-page.ts'
import { openApiDocument } from './openapi.ts'
import { Document, type Route, route, s } from './route.ts'
import { openDoor, withOverrides } from './testing/door.ts'

const PEOPLE = ['user', 'agent', 'relay', 'thread', 'nobody'] as const
const spec = { summary: 'S', tag: 'relay', self: true } as const

const ofKinds = (): Route[] => [
  route('POST /start', { ...spec, auth: 'any', credentials: ['key', 'relay'], answers: { 204: null } }, async () => undefined),
  route('GET /thread', { ...spec, auth: 'any', credentials: ['key', 'thread'], answers: { 204: null } }, async () => undefined),
  route('GET /own', { ...spec, auth: 'any', answers: { 204: null } }, async () => undefined),
  route('GET /people', { ...spec, auth: 'session', answers: { 204: null } }, async () => undefined),
  route(
    'GET /card',
    { ...spec, auth: 'none', bucket: 'none', credentials: ['key', 'relay'], answers: { 200: s.object({ by: s.text() }) } },
    async ({ scope }) => ({ by: scope.principal }),
  ),
]

test('R114 §12.6 a route takes exactly the kinds that it names; a good credential of another kind is wrong_token_kind and says which count', async () => {
  const house = await openDoor(ofKinds)
  const said = async (method: string, path: string) =>
    Promise.all(
      PEOPLE.map(async (as) => {
        const { status, body } = await house.call(`/api/v1${path}`, { method, as })
        return status === 204 ? as : `${as}: ${status} ${body.code}${body.accepted ? ` ${body.accepted}` : ''}`
      }),
    )
  const wrong = (who: string, accepted: string) => `${who}: 401 wrong_token_kind ${accepted}`
  expect(await said('POST', '/start')).toEqual([
    wrong('user', 'key,relay'),
    'agent',
    'relay',
    wrong('thread', 'key,relay'),
    'nobody: 401 unauthenticated',
  ])
  expect(await said('GET', '/thread')).toEqual([
    wrong('user', 'key,thread'),
    'agent',
    wrong('relay', 'key,thread'),
    'thread',
    'nobody: 401 unauthenticated',
  ])
  // A route that says nothing of kinds takes none of the relay.
  expect(await said('GET', '/own')).toEqual([
    'user',
    'agent',
    wrong('relay', 'session,key'),
    wrong('thread', 'session,key'),
    'nobody: 401 unauthenticated',
  ])
  expect((await said('GET', '/people'))[1]).toBe('agent: 403 forbidden')
})

test('R85 R114 where a credential is optional, one that is shown counts, a bad one is refused, and a cookie is ignored where sessions are not listed', async () => {
  const house = await openDoor(ofKinds)
  const get = (as: string, headers = {}) => house.call('/api/v1/card', { as, headers })
  expect((await get('nobody')).body).toEqual({ by: 'system:anonymous' })
  expect((await get('relay')).body).toEqual({ by: 'rgr_1' })
  expect((await get('bad')).body.code).toBe('key_invalid')
  expect((await get('thread')).body.code).toBe('wrong_token_kind')
  expect((await get('nobody', { cookie: 'cs_session=user' })).body).toEqual({ by: 'system:anonymous' })
})

test('R7 R72 a route that enters acts in the tenant where the thing lies from there on: matrix, limits, reply and verb see the party', async () => {
  const seen: Scope[] = []
  const asked: Record<string, string>[] = []
  const place: { tenant?: string } = {}
  const routes = (db: Db): Route[] => [
    route(
      'POST /agents/:slug/threads',
      {
        summary: 'Start',
        tag: 'relay',
        auth: 'any',
        credentials: ['key', 'relay'],
        action: 'thread.start',
        bucket: 'relay.start',
        params: { slug: s.text() },
        answers: { 202: s.object({ tenant: s.text(), party: s.text(), request: s.text() }) },
        async enter(scope, params) {
          asked.push({ ...params })
          if (params.slug === 'gone') throw new Problem('not_found')
          return { ...scope, tenantId: place.tenant as string, relayParty: 'rgr_7', relaySide: 'caller', requestId: null }
        },
      },
      ({ scope }) =>
        tx(db, scope, async (t) => {
          const { party } = await t.one<{ party: string }>`select current_setting('countersign.relay_party') as party`
          return { tenant: scope.tenantId, party, request: scope.requestId ?? '' }
        }),
    ),
  ]
  const house = await openDoor(routes, {
    authorise: (scope) => void seen.push(scope),
    buckets: withOverrides({ 'relay.start': { limit: 1, burst: 2 } }),
  })
  place.tenant = house.tenants.b
  const start = (as: string, slug = 'echo', key = crypto.randomUUID()) =>
    house.call(`/api/v1/agents/${slug}/threads`, {
      method: 'POST',
      as,
      headers: { 'x-request-id': 'request-0001', 'idempotency-key': key },
    })

  const key = crypto.randomUUID()
  const first = await start('agent', 'echo', key)
  expect([first.status, first.body]).toEqual([202, { tenant: house.tenants.b, party: 'rgr_7', request: 'request-0001' }])
  expect((await start('agent', 'echo', key)).body).toEqual(first.body)
  expect(asked[0]).toEqual({ slug: 'echo' })
  // Asked at home first, so that nothing is said of the thing to whoever may not ask for it, and then where it lies.
  expect(seen[0]?.relayParty).toBeUndefined()
  expect(seen[1]).toMatchObject({ tenantId: house.tenants.b, relayParty: 'rgr_7', principal: 'agt_1' })
  // The reply is kept where the act was, under whoever asked.
  const kept = await house.admin.rows<{ tenant_id: string; principal: string }>`select tenant_id, principal from replies`
  expect(kept).toEqual([{ tenant_id: house.tenants.b, principal: 'agt_1' }])

  expect((await start('agent', 'gone')).body.code).toBe('not_found')
  // All who came through one relay grant share what it has: the two calls took both that it had.
  expect((await start('twin')).body).toMatchObject({ code: 'rate_limited', bucket: 'relay.start' })
  // Who is refused for their kind enters nothing.
  const before = asked.length
  expect((await start('user')).body.code).toBe('wrong_token_kind')
  expect((await start('nobody')).body.code).toBe('unauthenticated')
  expect(asked).toHaveLength(before)
})

test('R13 JSON that was stored is sent byte for byte as the type that it is', async () => {
  const text = '{"b":1, "a":"ü"}'
  const of = (type: 'application/json' | 'application/a2a+json' | 'application/jwk-set+json') => new Document(type, text)
  const open = { summary: 'D', tag: 'relay', auth: 'none', bucket: 'none' } as const
  const house = await openDoor(() => [
    route('GET /plain', { ...open, answers: { 200: 'page' } }, async () => of('application/json')),
    route('GET /a2a', { ...open, answers: { 200: 'page' } }, async () => of('application/a2a+json')),
    route('GET /keys', { ...open, answers: { 200: s.jsonObject() } }, async () => of('application/jwk-set+json')),
    route('GET /base/', { ...open, answers: { 204: null } }, async () => undefined),
  ])
  for (const [path, type] of [
    ['plain', 'application/json'],
    ['a2a', 'application/a2a+json'],
    ['keys', 'application/jwk-set+json'],
  ]) {
    const { headers, text: sent } = await house.call(`/api/v1/${path}`, { as: 'nobody' })
    expect([path, headers['content-type'], sent]).toEqual([path, type, text])
  }
  expect((await house.call('/api/v1/a2a', { as: 'nobody', headers: { accept: 'application/a2a+json' } })).status).toBe(200)
  expect((await house.call('/api/v1/base/', { as: 'nobody' })).status).toBe(204)
  expect((await house.call('/api/v1/base', { as: 'nobody' })).status).toBe(404)
})

test('R49 the description and the page name every kind that a route takes, and the schemes of the relay only where one does', () => {
  const routes = ofKinds()
  // biome-ignore lint/suspicious/noExplicitAny: a description is read as it is
  const document = openApiDocument(routes, { version: '0' }) as any
  expect(document.paths['/api/v1/start'].post.security).toEqual([{ key: [] }, { relay: [] }])
  expect(document.paths['/api/v1/card'].get.security).toEqual([{}, { key: [] }, { relay: [] }])
  expect(document.paths['/api/v1/start'].post.responses['401'].description).toContain('wrong_token_kind')
  expect(document.paths['/api/v1/own'].get.security).toEqual([{ key: [] }, { session: [] }])
  expect(Object.keys(document.components.securitySchemes)).toEqual(['key', 'session', 'relay', 'thread'])
  // biome-ignore lint/suspicious/noExplicitAny: as above
  const without = openApiDocument(routes.slice(2, 4), { version: '0' }) as any
  expect(Object.keys(without.components.securitySchemes)).toEqual(['key', 'session'])
  expect(apiPage(routes)).toContain('| S | key or relay token |')
  expect(apiPage(routes)).toContain('| S | anybody, or key or relay token |')
})
