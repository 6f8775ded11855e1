// The one place that wires: rooms receive here what they need, and nowhere else. Holds no rule of the product.
import { createQueue, type Queue } from '@countersign/queue'
import type { Keyring } from '../crypto/keyring.ts'
import { openText, type Place, sealText } from '../crypto/seal.ts'
import type { Scope } from '../db/scope.ts'
import type { Db } from '../db/tx.ts'
import { type Door, openDoor } from '../egress/fetch.ts'
import { checkUrl, openGuard } from '../egress/guard.ts'
import { postOrProblem } from '../egress/post.ts'
import { eventRoutes } from '../events/routes.ts'
import { buildApp } from '../http/app.ts'
import type { ReplySealing } from '../http/reply.ts'
import type { Route } from '../http/route.ts'
import { loadPages } from '../http/static.ts'
import { authenticate } from '../identity/authenticate.ts'
import type { IdentityHouse } from '../identity/house.ts'
import { exposeKey } from '../identity/key.ts'
import { tenantKey } from '../identity/keys-at-rest/tenant-key.ts'
import { authorise } from '../identity/matrix.ts'
import { openPasswords, type PasswordCost } from '../identity/password.ts'
import { requireProof } from '../identity/proof.ts'
import { identityRoutes } from '../identity/routes.ts'
import { openWatch } from '../identity/watch.ts'
import { type StatusHouse, statusRoutes } from '../status/routes.ts'
import { tenantWire } from '../std/id.ts'
import type { Log } from '../std/log.ts'
import { taskRedirect } from '../tasks/compatible.ts'
import { openForms } from '../tasks/forms/answer.ts'
import type { TasksHouse } from '../tasks/house.ts'
import { taskJobs } from '../tasks/jobs.ts'
import { taskRoutes } from '../tasks/routes.ts'
import { openWaits } from '../tasks/wait.ts'
import { openWaitSlots } from '../tasks/wait-slots.ts'
import type { Config } from './config.ts'

export type ServerOptions = {
  config: Config
  /** As the runtime login, on a database that `migrate` has brought up to date. The caller closes it after the server. */
  db: Db
  keyring: Keyring
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
  tasks: TasksHouse
  /** The jobs of this process: `queue.work()` runs them, where the role says so. */
  queue: Queue
  /** Ends waits and streams at once and lets running work finish. */
  close(): Promise<void>
}

export async function startServer(options: ServerOptions): Promise<Server> {
  const { config, db, keyring, log } = options
  const { clock } = db
  const identity: IdentityHouse = {
    db,
    keyring,
    passwords: openPasswords({ keyring, cost: options.passwordCost }),
    // Known once it listens, when the port was free to choose.
    origin: () => app.origin(),
  }
  const watch = openWatch(db)
  const door = openEgress(options)
  const forms = openForms()
  const tasks: TasksHouse = {
    db,
    keyring,
    log,
    forms,
    waits: openWaits(db, log),
    // Known once the app is there, which the routes need first.
    get slots() {
      return slots
    },
    origin: () => app.origin(),
    checkUrl: (url, path) => checkUrl(door.guard, url, path),
    post: (post) => postOrProblem(door, post),
  }
  const queue = createQueue({ database: db.pool, kinds: taskJobs(tasks), clock, log })
  const app = buildApp({
    house: { db, log, clock, keyring },
    routes: listRoutes(identity, tasks),
    rootRoutes: [...statusRoutes({ db, version: options.version }), taskRedirect(tasks)],
    sealing: replySealing(identity),
    publicUrl: config.publicUrl?.origin,
    allowedHosts: config.allowedHosts,
    hstsPreload: config.hstsPreload,
    trustedProxies: config.trustedProxies,
    cors: config.cors,
    buckets: config.limits,
    pages: options.pages === null ? undefined : loadPages(options.pages),
    accessLog: true,
    checkAnswers: options.checkAnswers,
    version: options.version,
    authenticate: (request) => authenticate(identity, request),
    authorise,
    stepUp: (scope) => requireProof(scope, clock.now()),
    revoked: watch.watch,
    keyExposed: (key) => exposeKey(identity, key, 'url'),
  })
  const slots = openWaitSlots(app.limits, clock)
  const listener = await app.listen(config.port, config.host)
  return {
    url: listener.url,
    publicUrl: app.origin(),
    identity,
    tasks,
    queue,
    async close() {
      await listener.close()
      await queue.close()
      await Promise.all([slots.close(), forms.close(), door.close()])
    },
  }
}

/** The one door out, with the exceptions of this installation. */
function openEgress({ config, keyring, log, version }: ServerOptions): Door {
  const guard = openGuard({
    http: config.egressHttp,
    ports: config.egressPorts,
    literals: config.egressLiterals,
    allowed: config.egressAllow,
    ownHosts: config.publicUrl ? [config.publicUrl.hostname] : [],
    nameServers: config.egressDnsServers,
    nat64Prefix: config.egressNat64Prefix,
  })
  return openDoor({ guard, installation: keyring.fingerprint(), version, log })
}

/** Every route of the product but those at the root. */
const listRoutes = (identity: IdentityHouse, tasks: TasksHouse): Route[] => [
  ...identityRoutes(identity),
  ...eventRoutes(identity),
  ...taskRoutes(tasks),
]

/** The contract table without a server behind it: for documents and types. Its handlers must not be called. */
export function describeRoutes(): { routes: Route[]; rootRoutes: Route[] } {
  const nobody = {} as IdentityHouse & StatusHouse & TasksHouse
  return { routes: listRoutes(nobody, nobody), rootRoutes: [...statusRoutes(nobody), taskRedirect(nobody)] }
}

/** Stored replies are sealed under the tenant's key, with their own id bound in. */
function replySealing(house: IdentityHouse): ReplySealing {
  const place = (scope: Scope, id: string): Place => ({
    tenant: tenantWire(scope.tenantId),
    table: 'replies',
    column: 'reply',
    row: id,
  })
  return {
    seal: async (t, scope, id, text) => sealText(await tenantKey(house, t, scope), place(scope, id), text),
    open: async (t, scope, id, sealed) => openText(await tenantKey(house, t, scope), place(scope, id), sealed),
  }
}
