// One process of the product: its rooms behind a listener, and the housekeeping that keeps its tables small. Holds no rule of the product.
import type { Db } from '../db/tx.ts'
import { type App, buildApp } from '../http/app.ts'
import { openLimits } from '../http/limit.ts'
import { loadPages } from '../http/static.ts'
import { authenticate } from '../identity/authenticate.ts'
import type { IdentityHouse } from '../identity/house.ts'
import { exposeKey } from '../identity/key.ts'
import type { Ring } from '../identity/keys-at-rest/root/ring.ts'
import { authorise } from '../identity/matrix.ts'
import type { PasswordCost } from '../identity/password.ts'
import { requireProof } from '../identity/proof.ts'
import { recordLook } from '../identity/tenants/break-glass.ts'
import { openWatch } from '../identity/watch.ts'
import type { Log } from '../std/log.ts'
import { type Config, tlsFiles } from './config.ts'
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
  /** The folder of the built dashboard; null serves none. */
  pages: string | null
  /** Cheaper hashes, for tests that sign many people in. */
  passwordCost?: PasswordCost
  /** Every answer is held against its schema, for tests. */
  checkAnswers?: boolean
}

export type Server = {
  /** Where it listens. */
  url: string
  /** Where people reach it: PUBLIC_URL, or `url`. */
  publicUrl: string
  identity: IdentityHouse
  queue: Rooms['queue']
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
  const rooms = openRooms({ config, db, keyring, ring, limits, log, version, origin, passwordCost: options.passwordCost })
  const { identity } = rooms
  const serves = config.roles.includes('web')
  const app: App = buildApp({
    house: { db, log, clock, keyring },
    // Workers and maintenance answer probes and nothing else (P19).
    routes: serves ? rooms.routes : [],
    rootRoutes: serves ? rooms.rootRoutes : rooms.rootRoutes.filter((one) => one.spec.tag === 'status'),
    sealing: replySealing(identity),
    publicUrl: config.publicUrl?.origin,
    installation: keyring.installation,
    allowedHosts: config.allowedHosts,
    hstsPreload: config.hstsPreload,
    tls: tlsFiles(config),
    trustedProxies: config.trustedProxies,
    cors: config.cors,
    buckets: config.limits,
    pages: serves && options.pages !== null ? loadPages(options.pages) : undefined,
    accessLog: true,
    checkAnswers: options.checkAnswers,
    version,
    authenticate: (request, route) => authenticate(identity, request, route),
    looked: (scope, route, params, result) => recordLook(identity, scope, route, params, result),
    authorise,
    stepUp: (scope) => requireProof(scope, clock.now()),
    revoked: openWatch(db).watch,
    keyExposed: (key) => exposeKey(identity, key, 'url'),
  })
  const door = await app.listen(config.port, config.host).catch(async (error: unknown) => {
    await rooms.close()
    await ring.close()
    throw error
  })
  const stopSweeping = config.roles.includes('maintenance') ? sweepEveryMinute(app, db, log) : () => undefined
  return {
    url: door.url,
    publicUrl: app.origin(),
    identity,
    queue: rooms.queue,
    async close() {
      stopSweeping()
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
