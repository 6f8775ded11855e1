// From settings to a running server, and back: database, migrations, root key, the proof of P153, then the listener. Nothing listens before all of it holds.

import { join } from 'node:path'
import { createQueue, QueueError } from '@countersign/queue'
import { KeyRefused, type Keyring } from '../crypto/keyring.ts'
import { type Embedded, joinEmbedded, startEmbedded } from '../db/embedded/postgres.ts'
import { MigrationRefused, migrate } from '../db/migrate.ts'
import { type Db, openDb } from '../db/tx.ts'
import { loadPages } from '../http/static.ts'
import type { IdentityHouse } from '../identity/house.ts'
import { openRing, type Ring } from '../identity/keys-at-rest/root/ring.ts'
import { openPasswords } from '../identity/password.ts'
import { giveStartingSets } from '../identity/policies/doctor.ts'
import type { Log } from '../std/log.ts'
import { packageRoot } from '../std/package-root.ts'
import { prove } from './checks/prove.ts'
import type { Config } from './config.ts'
import type { Beside } from './dev/desk.ts'
import { listenForCallbacks } from './listeners.ts'
import { BootRefused } from './refused.ts'
import { rootsOf, sayRoots } from './roots.ts'
import { type Server, startServer } from './server.ts'
import { version } from './version.ts'

export type Running = {
  server: Server
  db: Db
  embedded: Embedded | null
  /** Comes when a migration by a newer version leaves this one behind (Q144), with the sentence that says so; else never. */
  outdated: Promise<string>
  close(): Promise<void>
}

export type Database = { embedded: Embedded | null; runtimeUrl: string; migratorUrl: string | null }

/** The database that the settings name, started when it is the embedded one, and brought up to date when the migrator's login is known. */
export async function openDatabase(config: Config, log: Log): Promise<Database> {
  const database = await findDatabase(config, log)
  if (database.migratorUrl)
    await migrate(database.migratorUrl, { log }).catch((error: unknown) => {
      throw error instanceof MigrationRefused ? new BootRefused([`db.schema: ${error.message}`]) : error
    })
  return database
}

async function findDatabase(config: Config, log: Log): Promise<Database> {
  if (config.databaseUrl)
    return { embedded: null, runtimeUrl: config.databaseUrl.reveal(), migratorUrl: config.migratorUrl?.reveal() ?? null }
  const embedded = await startEmbedded({ home: config.home, log })
  return { embedded, runtimeUrl: embedded.runtimeUrl, migratorUrl: embedded.migratorUrl }
}

/** For a command beside a server: the same database, joined where a server runs it and otherwise started for as long as the command needs it. */
export async function withDatabase<T>(
  config: Config,
  log: Log,
  work: (urls: { runtimeUrl: string; migratorUrl: string | null }) => Promise<T>,
  options: { migrates?: false } = {},
): Promise<T> {
  const joined = config.databaseUrl ? null : joinEmbedded(config.home)
  if (joined) return work(joined)
  const database = options.migrates === false ? await findDatabase(config, log) : await openDatabase(config, log)
  try {
    return await work(database)
  } finally {
    await database.embedded?.stop()
  }
}

/** `told` gets the keyring as soon as it is there: names of people in the log are made with it. `beside` is the desk of `countersign dev`, and nobody else's. */
export async function boot(
  config: Config,
  log: Log,
  told: (keyring: Keyring) => void = () => undefined,
  beside: Beside | null = null,
): Promise<Running> {
  const { embedded, runtimeUrl, migratorUrl } = await openDatabase(config, log)
  try {
    const clock = await beside?.clock({ migratorUrl, isOwn: embedded !== null })
    const db = await openDb({ url: runtimeUrl, listen: config.listenUrl?.reveal() ?? true, log, ...(clock ? { clock } : {}) })
    try {
      await prove(config, db, log)
      if (config.roles.includes('web') || config.roles.includes('worker') || config.roles.includes('relay'))
        await giveStartingSets(db)
      const ring = await openKeyring(config, db, log, config.roles)
      told(ring.keyring)
      let outdated: (error: unknown) => void = () => undefined
      const leftBehind = new Promise<string>((resolve) => {
        outdated = (error) => resolve(error instanceof Error ? error.message : String(error))
      })
      const server = await startServer({
        config,
        outdated,
        db,
        ring,
        log,
        version: version(),
        pages: loadPages(join(packageRoot(import.meta.url), 'public')),
        ...(beside ? { beside: beside.routes } : {}),
      }).catch(async (error: unknown) => {
        await ring.close()
        // A key file or a list of HTTP kinds that cannot be used is a setting, and says so.
        throw error instanceof QueueError ? new BootRefused([`jobs.files: ${error.message}`]) : error
      })
      const close = async () => {
        await server.close()
        await db.close()
        await embedded?.stop()
      }
      return { server, db, embedded, outdated: leftBehind, close }
    } catch (error) {
      await db.close()
      throw error
    }
  } catch (error) {
    await embedded?.stop()
    throw error
  }
}

/** A process that takes callbacks and nothing else (P19): a login that may do no more is enough, and it never sees a root key. */
export async function bootReceiver(config: Config, log: Log): Promise<{ url: string; close(): Promise<void> }> {
  if (!config.databaseUrl)
    throw new BootRefused([
      'db.reach: a receiver by itself needs COUNTERSIGN_DATABASE_URL, as the login countersign_run_callbacks.',
    ])
  const db = await openDb({ url: config.databaseUrl.reveal(), listen: false, log })
  const queue = createQueue({ database: db.pool, listen: false, clock: db.clock, log })
  const close = async () => {
    await queue.close()
    await db.close()
  }
  try {
    await prove(config, db, log)
    const listener = await listenForCallbacks(config, queue, log)
    return { url: listener.url, close: () => listener.close().then(close) }
  } catch (error) {
    await close()
    throw error instanceof QueueError ? new BootRefused([`http.bind: ${error.message}`]) : error
  }
}

/** The house of identity for a command that runs beside a server, or without one. */
export async function openIdentity(config: Config, db: Db, log: Log): Promise<IdentityHouse> {
  const { keyring } = await openKeyring(config, db, log, null)
  const origin = config.publicUrl?.origin ?? `http://localhost:${config.port}`
  return { db, keyring, passwords: openPasswords({ keyring }), origin: () => origin }
}

/** The key ring that the settings name; its root is made at the first start. Throws BootRefused with the rule that it breaks. A command takes no lease. */
export async function openKeyring(config: Config, db: Db, log: Log, roles: readonly string[] | null): Promise<Ring> {
  try {
    const roots = await rootsOf(config, db, log)
    const ring = await openRing({ db, roots, log, roles })
    sayRoots(ring, log)
    return ring
  } catch (error) {
    throw error instanceof KeyRefused ? new BootRefused([`key.root: ${error.message}`]) : error
  }
}
