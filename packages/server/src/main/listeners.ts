// The listeners of a process beside that of the web (P19): callbacks, which has no page, no API and no CORS, and probes, which say that the process lives.
// Each serves its own routes and no others, and none takes a person's cookie or a key.
import { CALLBACK_PREFIX, type Queue, serveCallbacks } from '@countersign/queue'
import { makeKeyring } from '../crypto/keyring.ts'
import { randomBytes } from '../crypto/token.ts'
import type { Db } from '../db/tx.ts'
import { buildApp } from '../http/app.ts'
import type { Route } from '../http/route.ts'
import { isReceiver, openCallbackKeys } from '../jobs/receiver.ts'
import type { Log } from '../std/log.ts'
import type { Config } from './config.ts'

export type Listener = { name: 'callbacks' | 'probes'; url: string; close(): Promise<void> }

const CALLBACKS_PORT = 3_002
const PROBES = ['/livez', '/readyz', '/metrics']

/** Callbacks have a listener of their own unless one process does the web too and nobody named a port. */
export const hasOwnReceiver = ({ roles, callbacksPort }: Config): boolean =>
  roles.includes('callbacks') && (callbacksPort !== null || !roles.includes('web'))

/** A process that takes callbacks and does nothing else: it needs no root key, and its login no table. */
export const isReceiverOnly = ({ roles }: Config): boolean => roles.every((role) => role === 'callbacks')

/** A process that lets agents' calls out and does nothing else: it never sees a root key. */
export const isProxyOnly = ({ roles }: Config): boolean => roles.every((role) => role === 'proxy')

// What agents of other owners need and nothing else (relay.md R48): their own paths, the token endpoint, the key sets, and the documents that a refused credential is sent to.
const OF_RELAY = /^\/(?:(?:agents|threads|relay-tokens)\/|oauth\/token$)/
const OF_RELAY_ROOT = /^\/(?:agents\/|\.well-known\/(?:countersign\/relay-keys\.json$|oauth-))/
const OF_A2A = /^\/agents\/:slug\/a2a\//

/** The listener of the web, of the relay, or both on one address. */
export const hasListener = ({ roles }: Config): boolean => roles.includes('web') || roles.includes('relay')

/** What that listener serves of the rooms' routes. */
export const servedRoutes = (config: Config, routes: readonly Route[]): Route[] => {
  const { roles } = config
  if (!roles.includes('web')) return roles.includes('relay') ? routes.filter(({ path }) => OF_RELAY.test(path)) : []
  const takesCallbacks = roles.includes('callbacks') && !hasOwnReceiver(config)
  return routes.filter((one) => takesCallbacks || !isReceiver(one))
}

/** The same at the root of the address. Without either, probes alone answer. */
export const servedRootRoutes = ({ roles }: Config, routes: readonly Route[]): Route[] => {
  if (roles.includes('web')) return routes.filter(({ path }) => roles.includes('relay') || !OF_A2A.test(path))
  return routes.filter((one) => isProbe(one) || (roles.includes('relay') && OF_RELAY_ROOT.test(one.path)))
}

export const isProbe = (one: Route): boolean => one.method === 'GET' && PROBES.includes(one.path)

/** Whoever reaches a listener that serves nothing else needs no key for what it measures. */
const open = (one: Route): Route => ({ ...one, spec: { ...one.spec, auth: 'none', action: undefined, bucket: 'none' } })

/** Refuses to start without a key, or unsigned at an address that others reach. */
export async function listenForCallbacks(config: Config, queue: Queue, log: Log): Promise<Listener> {
  const { callbackKeysFile: file, callbackV1: acceptV1, callbacksUnsigned: allowUnsigned } = config
  const server = await serveCallbacks(queue, {
    ...(file === null ? {} : { keys: openCallbackKeys(file, log) }),
    acceptV1,
    allowUnsigned,
    prefixes: [CALLBACK_PREFIX, '/api/callbacks'],
    host: config.callbacksHost,
    port: config.callbacksPort ?? CALLBACKS_PORT,
    log,
  })
  return { name: 'callbacks', ...server }
}

export async function listenForProbes(
  config: Config,
  port: number,
  given: { db: Db; routes: readonly Route[]; log: Log },
): Promise<Listener> {
  const { db, log } = given
  const refuse = async () => null
  const app = buildApp({
    // Probes count nobody and store nothing, so what would be made with a key never is: one of this moment will do.
    house: { db, log, clock: db.clock, keyring: makeKeyring({ current: 1, versions: new Map([[1, randomBytes(32)]]) }) },
    routes: [],
    rootRoutes: given.routes.filter(isProbe).map(open),
    describes: false,
    sealing: {
      seal: () => Promise.reject(new Error('Nothing is stored here.')),
      open: () => Promise.reject(new Error('Nothing is stored here.')),
    },
    // Who scrapes calls it by whatever name or address it has.
    anyHost: true,
    authenticate: refuse,
    authorise: () => undefined,
  })
  const door = await app.listen(port, config.probesHost)
  return { name: 'probes', url: door.url, close: () => door.close() }
}
