// For the tests of this room: its own routes behind the real door on a real database. Knows no other room's routes.
import { onTestFinished } from 'vitest'
import { type Database, database } from '#harness'
import { makeKeyring } from '../../crypto/keyring.ts'
import { openText, sealText } from '../../crypto/seal.ts'
import { randomBytes } from '../../crypto/token.ts'
import type { Role } from '../../db/scope.ts'
import { systemScope } from '../../db/scope.ts'
import { parseTrustedProxies } from '../../http/address.ts'
import { buildApp } from '../../http/app.ts'
import { type Route, route } from '../../http/route.ts'
import { withOverrides } from '../../http/testing/door.ts'
import { tenantWire } from '../../std/id.ts'
import { openLog } from '../../std/log.ts'
import { authenticate } from '../authenticate.ts'
import type { IdentityHouse } from '../house.ts'
import { exposeKey } from '../key.ts'
import { tenantKey } from '../keys-at-rest/tenant-key.ts'
import { authorise } from '../matrix.ts'
import { openPasswords } from '../password.ts'
import { principalRoutes } from '../principal/routes.ts'
import { requireProof } from '../proof.ts'
import { identityRoutes } from '../routes.ts'
import { startSession } from '../session.ts'
import { createTenant, createUser } from '../user.ts'
import { openWatch } from '../watch.ts'

// biome-ignore lint/suspicious/noExplicitAny: a test reads whatever came back
export type Answer = { status: number; headers: Headers; body: any; cookie: string | null }
export type Client = {
  readonly cookie: string | null
  get(path: string, headers?: Record<string, string>): Promise<Answer>
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
  patch(path: string, body?: unknown): Promise<Answer>
  put(path: string, body?: unknown): Promise<Answer>
  delete(path: string): Promise<Answer>
  raw(path: string, init?: RequestInit): Promise<Response>
}

export const PASSWORD = 'tangerine-otter-7-lanterns'

/** Two hashes' worth of memory instead of 64 MiB: a suite signs in hundreds of times. */
export const CHEAP = { memoryKib: 64, passes: 1, lanes: 1 }

export type TestHouse = Awaited<ReturnType<typeof identityHouse>>

/** A stream that says one word and stays open, so that its end can be watched. */
const openStream = route(
  'GET /open-stream',
  { summary: 'Stays open', tag: 'Tests', auth: 'any', self: true, answers: { 200: 'stream' } },
  ({ stream }) =>
    stream(async (out) => {
      await out.send({ event: 'open', data: {} })
      await new Promise<void>((resolve) => out.signal.addEventListener('abort', () => resolve(), { once: true }))
    }),
)

export async function identityHouse(options: { origin?: string; limited?: boolean; routes?: Route[] } = {}) {
  const pg: Database = await database()
  const { db, admin, clock } = pg
  const keyring = makeKeyring({ current: 1, versions: new Map([[1, randomBytes(32)]]) })
  const passwords = openPasswords({ keyring, cost: CHEAP, atOnce: 4 })
  const open: { url: string } = { url: 'http://localhost' }
  const house: IdentityHouse = { db, keyring, passwords, origin: () => options.origin ?? open.url }
  const place = (tenantId: string, id: string) => ({ tenant: tenantWire(tenantId), table: 'replies', column: 'reply', row: id })
  const watch = openWatch(db)
  const lines: string[] = []
  const log = openLog({ level: 'debug', sink: (line: string) => void lines.push(line) })
  const app = buildApp({
    house: { db, log, clock, keyring },
    routes: [...identityRoutes(house), ...principalRoutes(house), openStream, ...(options.routes ?? [])],
    authenticate: (request) => authenticate(house, request),
    authorise,
    stepUp: (scope) => requireProof(scope, clock.now()),
    revoked: (scope, fn) => watch.watch(scope, fn),
    sealing: {
      seal: async (t, scope, id, text) => sealText(await tenantKey(house, t, scope), place(scope.tenantId, id), text),
      open: async (t, scope, id, sealed) => openText(await tenantKey(house, t, scope), place(scope.tenantId, id), sealed),
    },
    publicUrl: options.origin,
    allowedHosts: ['127.0.0.1'],
    trustedProxies: parseTrustedProxies('127.0.0.1/32'),
    buckets: options.limited
      ? undefined
      : withOverrides({
          'login.address': { limit: 100 },
          'api.user': { burst: 10_000 },
          'api.key': { burst: 10_000 },
          'api.tenant': { burst: 100_000 },
          'relay.request': { limit: 100 },
          'relay.request.day': { limit: 100 },
          'relay.start': { burst: 10_000 },
          'relay.send': { burst: 10_000 },
          'relay.token': { burst: 10_000 },
          'relay.serve': { burst: 10_000 },
        }),
    checkAnswers: true,
    keyExposed: (key) => exposeKey(house, key, 'url'),
  })
  const server = await app.listen(0)
  open.url = server.url
  onTestFinished(() => server.close())

  function client(credential: { cookie?: string | null; bearer?: string; from?: string } = {}): Client {
    const state = { cookie: credential.cookie ?? null }
    const raw = (path: string, init: RequestInit = {}) => {
      const { bearer, from } = credential
      const headers: Record<string, string> = {
        ...(state.cookie ? { cookie: state.cookie, origin: house.origin() } : {}),
        ...(bearer ? { authorization: `Bearer ${bearer}` } : {}),
        ...(from ? { 'x-forwarded-for': from } : {}),
        ...(init.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(init.headers as Record<string, string> | undefined),
      }
      return fetch(`${server.url}/api/v1${path}`, { ...init, headers })
    }
    const send = async (method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer> => {
      const answer = await raw(path, { method, body: body === undefined ? undefined : JSON.stringify(body), headers })
      const text = await answer.text()
      if (answer.status === 500)
        throw new Error(`500 from ${method} ${path}: ${lines.findLast((line) => line.includes('"internal"'))}`)
      const [pair] = (answer.headers.getSetCookie()[0] ?? '').split(';')
      if (pair) state.cookie = pair.endsWith('=') ? null : pair
      return { status: answer.status, headers: answer.headers, body: text === '' ? null : JSON.parse(text), cookie: pair || null }
    }
    return {
      get cookie() {
        return state.cookie
      },
      get: (path, headers) => send('GET', path, undefined, headers),
      post: (path, body = {}, headers) => send('POST', path, body, headers),
      patch: (path, body = {}) => send('PATCH', path, body),
      put: (path, body = {}) => send('PUT', path, body),
      delete: (path) => send('DELETE', path),
      raw,
    }
  }

  const tenantId = await createTenant(house, 'Test')
  const scopeOf = (tenant: string) => systemScope('test', tenant)
  let users = 0
  const user = async (role: Role, own: { tenantId?: string; password?: string; email?: string; username?: string } = {}) => {
    const name = `${role}${users++}`
    const given = {
      email: own.email ?? `${name}@example.com`,
      display_name: name,
      username: own.username ?? null,
      role,
      password: own.password,
    }
    return createUser(house, scopeOf(own.tenantId ?? tenantId), given)
  }
  const cookieOf = (token: string) => `${options.origin ? '__Host-countersign' : 'countersign_dev'}=${token}`
  const session = async (userId: string, tenant = tenantId) => {
    const { token, session_id } = await startSession(house, tenant, { id: userId })
    return Object.assign(client({ cookie: cookieOf(token) }), { session_id, token })
  }
  const as = async (role: Role, own: { tenantId?: string } = {}) => {
    const { id } = await user(role, own)
    return Object.assign(await session(id, own.tenantId ?? tenantId), { id })
  }
  const eventTypes = async () => (await admin.rows<{ type: string }>`select type from events order by ord`).map((row) => row.type)
  return {
    house,
    app,
    pg,
    db,
    admin,
    clock,
    url: server.url,
    tenantId,
    client,
    user,
    session,
    as,
    cookieOf,
    eventTypes,
    lines,
    scope: scopeOf(tenantId),
  }
}
