// One process of the product: its rooms behind a listener, and the housekeeping that keeps its tables small. Holds no rule of the product.
import type { Db } from '../db/tx.ts'
import { webhookOperations } from '../events/schema.ts'
import { type App, buildApp } from '../http/app.ts'
import { openLimits } from '../http/limit.ts'
import type { Route } from '../http/route.ts'
import type { Pages } from '../http/static.ts'
import { authenticate, refuseGuestBearer } from '../identity/authenticate.ts'
import type { IdentityHouse } from '../identity/house.ts'
import { exposeKey } from '../identity/key.ts'
import type { Ring } from '../identity/keys-at-rest/root/ring.ts'
import { authorise } from '../identity/matrix.ts'
import type { PasswordCost } from '../identity/password.ts'
import { requireProof } from '../identity/proof.ts'
import { recordLook } from '../identity/tenants/break-glass.ts'
import { openWatch } from '../identity/watch.ts'
import { gateVerbs } from '../proxy/gate/verbs.ts'
import { isTokenScope } from '../relay/bearers.ts'
import { openLimitedNotes } from '../relay/requests/conduct.ts'
import { openTokenWatch } from '../relay/watch.ts'
import type { Log } from '../std/log.ts'
import { startSealing } from './audit.ts'
import { type Config, tlsFiles } from './config.ts'
import type { Inside } from './dev/desk.ts'
import { type Gate, openGate } from './gate.ts'
import {
  hasListener,
  hasOwnReceiver,
  type Listener,
  listenForCallbacks,
  listenForProbes,
  servedRootRoutes,
  servedRoutes,
} from './listeners.ts'
import { openRooms, type Rooms } from './rooms.ts'
import { replySealing } from './sealing.ts'

export type ServerOptions = {
  config: Config
  /** As the runtime login, on a database that `migrate` has brought up to date. The caller closes it after the server. */
  db: Db
  /** Closed with the server. */
  ring: Ring
  log: Log
  version: string
  /** The built dashboard; null serves none. */
  pages: Pages | null
  /** Cheaper hashes, for tests that sign many people in. */
  passwordCost?: PasswordCost
  /** Every answer is held against its schema, for tests. */
  checkAnswers?: boolean
  /** What `countersign dev` serves beside the routes of the rooms. */
  beside?: (inside: Inside) => Route[]
  /** false: without the agent `sandbox`, for tests that count what is there. */
  sandbox?: boolean
  /** Told once, when a migration made this version too old for its queue: its jobs have stopped, and so should the process. */
  outdated?: (error: unknown) => void
}

export type Server = {
  /** Where it listens. */
  url: string
  /** Where people reach it: PUBLIC_URL, or `url`. */
  publicUrl: string
  /** Beside `url`: callbacks and probes, where they have listeners of their own. */
  listeners: Partial<Record<Listener['name'], string>>
  identity: IdentityHouse
  queue: Rooms['queue']
  /** Where proxies call; null where this process takes no calls of theirs. */
  gate: Gate | null
  /** Where agents reach the proxy, once somebody knows: runs are told it. */
  tellProxy(url: string): void
  /** See `Rooms.tryAgent`. */
  tryAgent: Rooms['tryAgent']
  /** Ends waits and streams at once and lets running work finish. */
  close(): Promise<void>
}

const SWEEP_MS = 60_000

export async function startServer(options: ServerOptions): Promise<Server> {
  const { config, db, ring, log, version } = options
  const { keyring } = ring
  const { clock } = db
  const limits = openLimits({ db, keyring, clock, buckets: config.limits })
  const origin = (): string => app.origin()
  const serves = config.roles.includes('web')
  const pages = serves && options.pages !== null ? options.pages : undefined
  const embedPage = pages?.get('/embed.html')?.plain.toString() ?? null
  const rooms = openRooms({
    config,
    db,
    keyring,
    ring,
    limits,
    log,
    version,
    origin,
    embedPage,
    openApi: async () => (await app.fetch(new Request(`${origin()}/openapi.json`))).text(),
    passwordCost: options.passwordCost,
    loopback: options.beside !== undefined,
    outdated: options.outdated ?? (() => undefined),
  })
  const { identity, channels, webhooks } = rooms
  identity.hasDesk = options.beside !== undefined
  const inside: Inside = { identity, channels, webhooks, db, knock: (request) => app.fetch(request), origin }
  const ended = { key: openWatch(db).watch, token: openTokenWatch(db, log) }
  const app: App = buildApp({
    house: { db, log, clock, keyring },
    // Each listener has its own routes and no others; a process without the web answers probes alone (P19).
    routes: [...servedRoutes(config, rooms.routes), ...(options.beside?.(inside) ?? [])],
    rootRoutes: servedRootRoutes(config, rooms.rootRoutes),
    describes: serves,
    sealing: replySealing(identity),
    publicUrl: config.publicUrl?.origin,
    installation: keyring.installation,
    allowedHosts: config.allowedHosts,
    hstsPreload: config.hstsPreload,
    tls: tlsFiles(config),
    trustedProxies: config.trustedProxies,
    // Agents are no pages: where only they are served no page of elsewhere reads anything.
    cors: serves ? config.cors : null,
    buckets: config.limits,
    pages,
    accessLog: true,
    observe: rooms.status.observe,
    checkAnswers: options.checkAnswers,
    version,
    webhooks: webhookOperations(),
    authenticate: (request, route) => authenticate(identity, request, route),
    refuseGuest: (request) => refuseGuestBearer(identity, request),
    looked: (scope, route, params, result) => recordLook(identity, scope, route, params, result),
    compat: (scope) => rooms.compat(scope),
    authorise,
    stepUp: (scope) => requireProof(scope, clock.now()),
    revoked: (scope, fn) => (isTokenScope(scope) ? ended.token(scope, fn) : ended.key(scope, fn)),
    keyExposed: (key) => exposeKey(identity, key, 'url'),
    limited: openLimitedNotes(db, log),
  })
  const beside: Listener[] = []
  let gate: Gate | null = null
  const listen = async () => {
    // Nothing of a process listens before all of it can.
    if (hasOwnReceiver(config)) beside.push(await listenForCallbacks(config, rooms.queue, log))
    if (config.probesPort !== null)
      beside.push(await listenForProbes(config, config.probesPort, { db, routes: rooms.rootRoutes, log }))
    gate = await openGate(config, { db, log, verbsOf: (node) => gateVerbs(rooms.gate, node) })
    // Cards say where this server is: they are right before anybody can ask for one, or as soon as it is known (relay.md R17).
    if (hasListener(config) && config.publicUrl) await rooms.republishCards()
    const opened = await app.listen(config.port, config.host)
    if (hasListener(config) && !config.publicUrl) await rooms.republishCards()
    if (options.sandbox !== false) await rooms.openSandbox()
    return opened
  }
  const door = await listen().catch(async (error: unknown) => {
    for (const one of beside) await one.close()
    await gate?.close()
    await rooms.close()
    await ring.close()
    throw error
  })
  const sealer = startSealing(options, rooms.audit)
  const monitor = rooms.status.start()
  const stopSweeping = config.roles.includes('maintenance') ? sweepEveryMinute(app, db, log) : () => undefined
  return {
    url: door.url,
    publicUrl: app.origin(),
    listeners: Object.fromEntries(beside.map(({ name, url }) => [name, url])),
    identity,
    queue: rooms.queue,
    gate,
    tryAgent: rooms.tryAgent,
    tellProxy(url) {
      rooms.gate.vault.proxyUrl = url
    },
    async close() {
      stopSweeping()
      await monitor?.close()
      await sealer?.close()
      for (const one of beside) await one.close()
      await gate?.close()
      await door.close()
      await rooms.close()
      await ring.close()
    },
  }
}

/** Rows that nobody will read again. Several processes may do it at once; a failure waits for the next minute. */
function sweepEveryMinute({ limits, replies }: App, { clock }: Db, log: Log): () => void {
  let stop: () => void
  const sweep = () => {
    Promise.all([limits.sweep(), replies.sweep()]).catch((error: unknown) => log.warn({ err: error }, 'the sweep failed'))
    stop = clock.timer(SWEEP_MS, sweep)
  }
  stop = clock.timer(SWEEP_MS, sweep)
  return () => stop()
}
