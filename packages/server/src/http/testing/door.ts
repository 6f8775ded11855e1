// A door for the tests of this room: the whole server edge on a real port over a real database, with routes of our own and a principal per bearer word.
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import { Problem } from '@countersign/sdk'
import { onTestFinished } from 'vitest'
import { type Database, database } from '#harness'
import { makeKeyring } from '../../crypto/keyring.ts'
import { openText, sealText } from '../../crypto/seal.ts'
import type { Scope } from '../../db/scope.ts'
import type { Db, DbOptions } from '../../db/tx.ts'
import { newTenantUuid, tenantWire } from '../../std/id.ts'
import { openLog } from '../../std/log.ts'
import { type App, type AppOptions, buildApp } from '../app.ts'
import { BUCKETS, type BucketName, type Buckets } from '../bucket.ts'
import type { Route } from '../route.ts'

export const keyring = makeKeyring({ current: 1, versions: new Map([[1, Buffer.from('0123456789abcdef0123456789abcdef')]]) })
const wrapping = { current: 1, versions: new Map([[1, keyring.purpose('reply')]]) }
const placeOf = (scope: Scope, id: string) => ({ tenant: tenantWire(scope.tenantId), table: 'replies', column: 'reply', row: id })

// biome-ignore lint/suspicious/noExplicitAny: a test reads any body
export type Answered = { status: number; headers: IncomingHttpHeaders; body: any; text: string }
/** The table of limits with members changed. */
export const withOverrides = (changes: Partial<Record<BucketName, Record<string, number>>>): Buckets => {
  const changed = Object.entries(changes).map(([name, members]) => [name, { ...BUCKETS[name as BucketName], ...members }])
  return { ...BUCKETS, ...Object.fromEntries(changed) }
}

export type Sent = {
  method?: string
  headers?: Record<string, string | string[]>
  body?: unknown
  raw?: string | Buffer
  as?: string
}

export type Door = Database & {
  app: App
  port: number
  url: string
  tenants: { a: string; b: string }
  logs: string[]
  close(graceMs?: number): Promise<void>
  call(path: string, sent?: Sent): Promise<Answered>
  /** Another server process on the same database. */
  second(options?: Partial<DbOptions>): Promise<{ call(path: string, sent?: Sent): Promise<Answered>; app: App }>
}

const scopeOf = (tenantId: string, principal: string, scopes: string[] | null): Scope => ({
  tenantId,
  principal,
  actor: { type: principal.startsWith('usr_') ? 'user' : 'agent', id: principal },
  role: scopes === null ? 'owner' : null,
  isHost: false,
  scopes,
  agentId: scopes === null ? null : principal,
  userId: scopes === null ? principal : null,
  displayName: principal,
  requestId: null,
  stepUpAt: null,
})

/** `as` names who calls: agent (default), twin (same tenant), user (session), stranger (other tenant), relay and thread (tokens of a grant of the other tenant), nobody (no credential), bad (a refused key). */
export async function openDoor(routesOf: (db: Db) => Route[], options: Partial<AppOptions> = {}): Promise<Door> {
  const house = await database()
  const tenants = { a: newTenantUuid(), b: newTenantUuid() }
  await house.admin.run`insert into tenants (id, name) values (${tenants.a}, 'a'), (${tenants.b}, 'b')`
  const logs: string[] = []
  const people: Record<string, Scope> = {
    agent: scopeOf(tenants.a, 'agt_1', ['tasks:*']),
    twin: scopeOf(tenants.a, 'agt_2', ['tasks:*']),
    user: scopeOf(tenants.a, 'usr_1', null),
    stranger: scopeOf(tenants.b, 'agt_1', ['tasks:*']),
    relay: { ...scopeOf(tenants.b, 'rgr_1', []), relayParty: 'rgr_1', relaySide: 'caller', relayScopes: ['threads:start'] },
    thread: { ...scopeOf(tenants.b, 'ttk_1', []), relayParty: 'rgr_1', relaySide: 'caller', relayThread: 'thr_1' },
  }
  const start = async (db: Db) => {
    const app = buildApp({
      house: { db, keyring, clock: house.clock, log: openLog({ level: 'debug', sink: (line) => logs.push(line) }) },
      routes: routesOf(db),
      authenticate: async (request) => {
        const word = /^Bearer (\w+)$/i.exec(request.header('authorization') ?? '')?.[1] ?? request.cookie('cs_session')
        if (word === undefined) return null
        const scope = people[word]
        if (!scope) throw new Problem('key_invalid')
        return scope
      },
      authorise: (_, action) => {
        if (action === 'forbidden') throw new Problem('forbidden')
      },
      stepUp: () => {
        throw new Problem('step_up_required')
      },
      sealing: {
        seal: async (_, scope, id, text) => sealText(wrapping, placeOf(scope, id), text),
        open: async (_, scope, id, sealed) => openText(wrapping, placeOf(scope, id), sealed),
      },
      checkAnswers: true,
      ...options,
    })
    const server = await app.listen(0)
    onTestFinished(() => server.close({ graceMs: 0 }))
    return { app, server }
  }
  const { app, server } = await start(house.db)
  return {
    ...house,
    app,
    port: server.port,
    url: server.url,
    tenants,
    logs,
    close: (graceMs?: number) => server.close({ graceMs: graceMs ?? 1_000 }),
    call: (path, sent) => call(server.port, path, sent),
    async second(own) {
      const other = await start(await house.open(own))
      return { app: other.app, call: (path, sent) => call(other.server.port, path, sent) }
    },
  }
}

/** One request over a connection of its own, its target and headers exactly as given. */
export function call(
  port: number,
  path: string,
  { method, headers = {}, body, raw, as = 'agent' }: Sent = {},
): Promise<Answered> {
  const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body))
  const sent: Record<string, string | string[]> = { ...headers }
  if (as !== 'nobody' && !('authorization' in sent)) sent.authorization = `Bearer ${as}`
  if (body !== undefined && !('content-type' in sent)) sent['content-type'] = 'application/json'
  // Node frames no body of a DELETE by itself.
  if (payload !== undefined && !('transfer-encoding' in sent)) sent['content-length'] = String(Buffer.byteLength(payload))
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { port, path, method: method ?? (payload === undefined ? 'GET' : 'POST'), headers: sent, agent: false },
      (answer) => {
        const chunks: Buffer[] = []
        answer.on('data', (chunk: Buffer) => chunks.push(chunk))
        answer.on('error', reject)
        answer.on('end', () => {
          const text = Buffer.concat(chunks).toString()
          const isJson = answer.headers['content-type']?.includes('json') && text !== ''
          resolve({ status: answer.statusCode as number, headers: answer.headers, body: isJson ? JSON.parse(text) : text, text })
        })
      },
    )
    request.on('error', reject)
    request.end(payload)
  })
}

/** Bytes on a socket, and everything that comes back until it closes: for what no HTTP client would send. */
export function rawCall(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk.toString()
    })
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' || error.code === 'EPIPE' ? resolve(answer) : reject(error),
    )
    socket.on('close', () => resolve(answer))
    socket.write(text)
  })
}
