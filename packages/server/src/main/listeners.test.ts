// What each listener serves (P19, relay.md R48).
import { expect, test } from 'vitest'
import { setup } from '#harness'
import type { Config, ProcessRole } from './config.ts'
import { servedRootRoutes, servedRoutes } from './listeners.ts'
import { describeRoutes } from './rooms.ts'

const all = describeRoutes()
const served = (...roles: ProcessRole[]) => {
  const config = { roles, callbacksPort: null } as unknown as Config
  return { api: servedRoutes(config, all.routes).map(said), root: servedRootRoutes(config, all.rootRoutes).map(said) }
}
const said = ({ method, path }: { method: string; path: string }) => `${method} ${path}`

test('R48 the relay’s listener serves its list and nothing else', () => {
  const { api, root } = served('relay')
  for (const line of api) expect(line).toMatch(/^[A-Z]+ \/(?:agents\/|threads\/|relay-tokens\/|oauth\/token$)/)
  for (const line of root)
    expect(line).toMatch(/^[A-Z]+ \/(?:agents\/|\.well-known\/(?:countersign\/relay-keys\.json|oauth-)|livez$|readyz$|metrics$)/)
  expect(api).toEqual(
    expect.arrayContaining([
      ...['POST /agents/:slug/threads', 'POST /agents/:slug/invoke', 'POST /agents/:slug/inbox/claim', 'GET /agents/:slug/card'],
      ...['POST /threads/:id/messages', 'GET /threads/:id/events', 'POST /relay-tokens/introspect', 'POST /oauth/token'],
    ]),
  )
  expect(root).toEqual(
    expect.arrayContaining([
      ...['POST /agents/:slug/a2a/*', 'GET /agents/:slug/.well-known/jwks.json', 'GET /.well-known/countersign/relay-keys.json'],
    ]),
  )
  for (const never of [
    'GET /threads',
    'POST /relay-grants',
    'POST /connection-requests/:id/approve',
    'GET /tasks',
    'POST /exports',
  ])
    expect(api).not.toContain(never)
})

test('R48 the web’s listener serves all of the relay but A2A, and both together serve everything', () => {
  const [web, both] = [served('web'), served('web', 'relay', 'callbacks')]
  expect(web.root.filter((line) => line.includes('/a2a/'))).toEqual([])
  expect(web.api).toEqual(expect.arrayContaining(served('relay').api))
  expect(web.api).toEqual(expect.arrayContaining(['POST /relay-grants', 'GET /threads', 'POST /connection-requests/:id/approve']))
  expect(both).toEqual({ api: all.routes.map(said), root: all.rootRoutes.map(said) })
  expect(served('worker')).toEqual({
    api: [],
    root: ['GET /livez', 'GET /readyz', 'GET /metrics'].filter((line) => all.rootRoutes.map(said).includes(line)),
  })
})

test('R48 a process of the role relay answers agents without CORS, and has no page, no sign-in and no API of people', async () => {
  const house = await setup({ settings: { CORS_ORIGINS: 'https://app.example' } })
  const relay = await house.second({ settings: { ROLES: 'relay', CORS_ORIGINS: 'https://app.example' } })
  const ask = (base: string, path: string) => fetch(`${base}${path}`, { headers: { Origin: 'https://app.example' } })
  const keys = await ask(relay.url, '/.well-known/countersign/relay-keys.json')
  expect([keys.status, keys.headers.get('access-control-allow-origin')]).toEqual([200, null])
  const card = await ask(relay.url, '/api/v1/agents/nobody-here/card')
  expect([card.status, card.headers.get('access-control-allow-origin')]).toEqual([404, null])
  expect((await ask(house.url, '/api/v1/agents/nobody-here/card')).headers.get('access-control-allow-origin')).toBe(
    'https://app.example',
  )
  for (const path of [
    '/',
    '/api/v1/tasks',
    '/api/v1/listing',
    '/api/v1/relay-grants',
    '/api/v1/threads',
    '/status',
    '/api/v1/openapi.json',
  ])
    expect([path, (await ask(relay.url, path)).status]).toEqual([path, 404])
  expect((await ask(relay.url, '/livez')).status).toBe(200)
  const web = await house.second({ settings: { ROLES: 'web' } })
  expect(
    (await fetch(`${web.url}/agents/nobody-here/a2a/jsonrpc`, { method: 'POST', body: '{}' })).headers.get('content-type'),
  ).not.toMatch(/a2a|^application\/json/)
})
