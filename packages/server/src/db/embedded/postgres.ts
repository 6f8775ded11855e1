// The embedded database: real PostgreSQL from npm's binaries, in a state folder of its own, reachable on 127.0.0.1 only and by generated passwords.
// Loses no acknowledged write whoever is killed. Reads no environment, and is not for many machines.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { randomInt } from '../../crypto/token.ts'
import type { Log } from '../../std/log.ts'
import { bootstrapRolesSql } from '../roles.ts'
import { findPackage, layOut } from './binaries.ts'
import { checkVersion, dataFolder, initialise, SUPERUSER } from './cluster.ts'
import { openHome } from './home.ts'
import { isOwned, takeOwnership } from './owner.ts'
import { loadPasswords, type Passwords } from './passwords.ts'
import { Postmaster, stopLeftover } from './postmaster.ts'
import { createDatabaseIfMissing, DATABASE } from './sql.ts'

export type Embedded = {
  /** The bootstrap superuser, on the database `postgres`. */
  adminUrl: string
  migratorUrl: string
  runtimeUrl: string
  /** Of the role `proxy`, whose login reads no table. */
  proxyUrl: string
  port: number
  /** Of the postmaster; another one after it was killed and came back. */
  readonly pid: number
  /** True when this start made the database. */
  wasInitialised: boolean
  /** Ends every session and PostgreSQL itself; call it after draining. Safe to call twice. */
  stop(): Promise<void>
}

export type EmbeddedOptions = {
  /** The state folder; made when it is not there. */
  home: string
  log?: Pick<Log, 'info' | 'warn'>
  /** Off only where a crash of the machine may lose everything: tests. */
  fsync?: boolean
  /** PostgreSQL settings over ours. */
  settings?: Record<string, string>
}

// For one small box. Messages below LOG and every detail stay out of the log file: they would repeat values of rows.
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '100',
  shared_buffers: '128MB',
  io_method: 'sync',
  // Tables that were empty a moment ago are planned as though they still were until somebody counts them: a claim of fifty messages took 0.5 s where it takes 5 ms.
  autovacuum_naptime: '5s',
  max_logical_replication_workers: '0',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_checkpoints: 'off',
  // After a kill -9: one call for the file system took 0.2 s where one per file took 2.5 s.
  ...(process.platform === 'linux' ? { recovery_init_sync_method: 'syncfs' } : {}),
}
const UNSAFE = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }

// Below every system's range for outgoing connections (Linux 32768, others 49152): while PostgreSQL is away, a client that retries could otherwise
// be given this very port as its own and connect to itself.
const PORTS = { from: 20_000, to: 32_000 }

export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const found = findPackage()
  const { home, account } = openHome(options.home)
  const data = dataFolder(home)
  const owner = await takeOwnership(home)
  let postmaster: Postmaster | null = null
  try {
    if (existsSync(data) && (await stopLeftover(data)))
      options.log?.warn({}, 'stopped the PostgreSQL that a killed process had left behind')
    const binaries = layOut(home, found)
    const isNew = !existsSync(data)
    const passwords = loadPasswords(home, { isNew })
    const fsync = options.fsync ?? true
    if (isNew) await initialise({ home, binaries, account, password: passwords.superuser, fsync })
    else checkVersion(data, binaries)
    const settings = { ...SETTINGS, ...(fsync ? {} : UNSAFE), ...options.settings }
    postmaster = await Postmaster.start({
      home,
      data,
      postgres: binaries.postgres,
      account,
      settings,
      pickPort,
      log: options.log,
    })
    const running = postmaster
    await prepare(running.port, passwords)
    return {
      adminUrl: url(running.port, SUPERUSER, passwords.superuser, 'postgres'),
      migratorUrl: url(running.port, 'countersign_migrator', passwords.migrator, DATABASE),
      runtimeUrl: url(running.port, 'countersign_runtime', passwords.runtime, DATABASE),
      proxyUrl: url(running.port, 'countersign_run_proxy', passwords.proxy, DATABASE),
      port: running.port,
      get pid() {
        return running.pid
      },
      wasInitialised: isNew,
      stop: async () => {
        await running.stop()
        owner.release()
      },
    }
  } catch (error) {
    await postmaster?.stop()
    owner.release()
    throw error
  }
}

/** The logins of an embedded database that another process is running, for commands beside a server; null when nobody runs it. Starts and stops nothing. */
export function joinEmbedded(home: string): Pick<Embedded, 'migratorUrl' | 'runtimeUrl'> | null {
  const pidFile = join(dataFolder(home), 'postmaster.pid')
  if (!existsSync(pidFile) || !isOwned(home)) return null
  // The fourth line is the port; a postmaster that is still starting has not written it yet.
  const port = Number(readFileSync(pidFile, 'utf8').split('\n')[3])
  if (!Number.isInteger(port) || port === 0) return null
  const passwords = loadPasswords(home, { isNew: false })
  return {
    migratorUrl: url(port, 'countersign_migrator', passwords.migrator, DATABASE),
    runtimeUrl: url(port, 'countersign_runtime', passwords.runtime, DATABASE),
  }
}

// Repeated at each start: it costs milliseconds and mends a role or password that somebody changed.
async function prepare(port: number, passwords: Passwords): Promise<void> {
  const inDatabase = async (database: string, run: (client: pg.Client) => Promise<unknown>): Promise<void> => {
    const client = new pg.Client({ connectionString: url(port, SUPERUSER, passwords.superuser, database) })
    await client.connect()
    try {
      await run(client)
    } finally {
      await client.end()
    }
  }
  await inDatabase('postgres', createDatabaseIfMissing)
  const roles = bootstrapRolesSql({
    database: DATABASE,
    migratorPassword: passwords.migrator,
    runtimePassword: passwords.runtime,
    proxyPassword: passwords.proxy,
  })
  await inDatabase(DATABASE, (client) => client.query(roles))
}

const pickPort = (): number => PORTS.from + randomInt(PORTS.to - PORTS.from)

const url = (port: number, user: string, password: string, database: string): string =>
  `postgresql://${user}:${password}@127.0.0.1:${port}/${database}`
