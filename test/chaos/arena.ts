// A PostgreSQL, worker processes and a steady producer that somebody can hurt. Everything in it comes back by itself, or by what a supervisor would do; what
// ends although nobody killed it is said. Leaves nothing behind.
import { type ChildProcess, fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createQueue, enqueue, migrate, type Queue } from '@countersign/queue'
import pg from 'pg'
import { type Embedded, startEmbedded } from '../../packages/server/src/db/embedded/postgres.ts'
import { type Ledger, note, openLedger } from './ledger.ts'
import { createDatabase, createLogin } from './sql.ts'

const WORKER = fileURLToPath(new URL('./worker.mjs', import.meta.url))

export type ArenaOptions = {
  workers: number
  perSecond: number
  concurrency: number
  handlerMs: number
  heartbeat: string
  lostAfter: string
  deadline: string
  /** PostgreSQL settings. */
  settings?: Record<string, string>
  /** What lies between the workers and the database. */
  through?: (url: string) => Promise<{ url: string; listen: boolean | string }>
}

export type Health = Awaited<ReturnType<Queue['health']>>
export type Fighter = { readonly pid: number; health(): Promise<Health>; kill(): Promise<void>; stop(): Promise<number | null> }

export type Arena = {
  readonly ledger: Ledger
  readonly database: Embedded
  readonly fighters: Fighter[]
  url: string
  adminUrl: string
  queue: Queue
  /** Starts one more worker process. */
  spawn(): Promise<Fighter>
  /** As the superuser, on a connection that is made anew when it broke. */
  look<T>(text: string, values?: unknown[]): Promise<T[]>
  /** A connection of a stranger; the caller ends it. */
  connect(url?: string): Promise<pg.Client>
  /** What ended although nobody had killed it. */
  readonly died: string[]
  /** No more jobs; resolves when those under way are answered. */
  hush(): Promise<void>
  close(): Promise<void>
}

export async function openArena(options: ArenaOptions): Promise<Arena> {
  const home = mkdtempSync('/tmp/countersign-chaos-')
  chmodSync(home, 0o711)
  const closers: (() => Promise<unknown>)[] = [async () => rmSync(home, { recursive: true, force: true })]
  const close = async () => {
    for (const one of closers.reverse()) await one()
  }
  try {
    const database = await startEmbedded({ home: join(home, 'pg'), settings: { scram_iterations: '1', ...options.settings } })
    closers.push(() => database.stop())
    return { ...(await furnish(database, options, closers)), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function furnish(
  database: Embedded,
  options: ArenaOptions,
  closers: (() => Promise<unknown>)[],
): Promise<Omit<Arena, 'close'>> {
  const password = randomUUID()
  const urlAs = (user: string, secret: string, name: string): string => {
    const url = new URL(database.adminUrl)
    url.username = user
    url.password = secret
    url.pathname = `/${name}`
    return url.href
  }
  const url = urlAs('chaos', password, 'chaos')
  const adminUrl = Object.assign(new URL(database.adminUrl), { pathname: '/chaos' }).href
  const connect = async (to: string = adminUrl): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: to, application_name: 'stranger' })
    client.on('error', () => undefined) // it was made to be broken
    await client.connect()
    return client
  }
  const superuser = await connect(database.adminUrl)
  for (const name of ['chaos', 'stranger']) await superuser.query(createLogin(name, password))
  await superuser.query(createDatabase('chaos', 'chaos'))
  await superuser.end()
  await migrate(url)

  let looker: pg.Client | null = null
  const look = async <T>(text: string, values: unknown[] = []): Promise<T[]> => {
    for (let tries = 1; ; tries++) {
      try {
        looker ??= await connect()
        return (await looker.query(text, values)).rows as T[]
      } catch (error) {
        looker = null
        if (tries > 20 || (error as { code?: string }).code?.startsWith('42')) throw error
        await pause(100)
      }
    }
  }
  closers.push(async () => looker?.end())

  const door = options.through ? await options.through(url) : { url, listen: true }
  const ledger = openLedger()
  const died: string[] = []
  const fighters: Fighter[] = []
  const spawn = async () => {
    const fighter = await startFighter({ ...options, ...door }, ledger, died)
    fighters.push(fighter)
    return fighter
  }
  closers.push(() => Promise.all(fighters.map((fighter) => fighter.stop())))
  await Promise.all(Array.from({ length: options.workers }, spawn))

  const queue = createQueue({ database: { url, max: 4 }, listen: false })
  closers.push(() => queue.close())
  const producer = keepProducing(url, options.perSecond, ledger)
  closers.push(() => producer.hush())
  await until('the first job is settled', () => ledger.settledAt.length > 0)
  return { ledger, database, fighters, url, adminUrl, queue, spawn, look, connect, died, hush: producer.hush }
}

type FighterOptions = ArenaOptions & { url: string; listen: boolean | string }

async function startFighter(options: FighterOptions, ledger: Ledger, died: string[]): Promise<Fighter> {
  const { url, listen, concurrency, heartbeat, lostAfter, handlerMs, deadline } = options
  const settings = JSON.stringify({ url, listen, concurrency, heartbeat, lostAfter, handlerMs, deadline })
  const child: ChildProcess = fork(WORKER, [], {
    execArgv: [],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, NODE_OPTIONS: '', CHAOS_WORKER: settings },
  })
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    said = (said + chunk).slice(-4_000)
  })
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => note(ledger, line))
  let isKilled = false
  const ended = new Promise<number | null>((resolve) =>
    child.on('close', (code, signal) => {
      if (!isKilled) died.push(`worker ${child.pid} ended with ${code ?? signal}\n${said}`)
      resolve(code)
    }),
  )
  const asked = new Map<number, (health: Health) => void>()
  await new Promise<void>((resolve, reject) => {
    child.on('message', (told: { ready?: true; id: number; health: Health }) => {
      if (told.ready) resolve()
      else asked.get(told.id)?.(told.health)
    })
    void ended.then((code) => reject(new Error(`a worker ended with ${code} before it was ready\n${said}`)))
  })
  const end = async (signal: NodeJS.Signals) => {
    isKilled = true
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    const late = setTimeout(() => child.kill('SIGKILL'), 10_000)
    const code = await ended
    clearTimeout(late)
    return code
  }
  return {
    pid: child.pid as number,
    health: () =>
      new Promise((resolve) => {
        const id = asked.size + 1
        asked.set(id, resolve)
        child.send({ ask: 'health', id })
      }),
    kill: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
  }
}

/** So many jobs a second, one by one, whatever becomes of each: one that is refused was never accepted, and is tried no second time. */
function keepProducing(url: string, perSecond: number, ledger: Ledger): { hush(): Promise<void> } {
  const pool = new pg.Pool({ connectionString: url, max: 4, connectionTimeoutMillis: 2_000, application_name: 'producer' })
  pool.on('error', () => undefined) // each call says so itself
  let isOn = true
  const underWay = new Set<Promise<void>>()
  const one = async () => {
    try {
      const id = await enqueue(pool, { kind: 'chaos', queue: 'chaos', payload: {} })
      ledger.accepted.set(id, performance.now())
    } catch {
      ledger.unknown++ // the connection broke: before or after the commit, nobody knows
    }
  }
  const producing = (async () => {
    const begun = performance.now()
    for (let sent = 0; isOn; await pause(5)) {
      const due = Math.floor(((performance.now() - begun) / 1000) * perSecond)
      for (; sent < due; sent++) {
        if (underWay.size > perSecond) continue // a second behind: those are not made up for
        const job = one()
        underWay.add(job)
        void job.finally(() => underWay.delete(job))
      }
    }
  })()
  let hushed: Promise<void> | undefined
  return {
    hush() {
      isOn = false
      hushed ??= producing.then(() => Promise.all(underWay)).then(() => pool.end())
      return hushed
    },
  }
}

/** Looks again until it is so; names what is not so in time. */
export async function until(what: string, fact: () => boolean | Promise<boolean>, patienceMs = 60_000): Promise<number> {
  const begun = performance.now()
  while (!(await fact())) {
    if (performance.now() - begun > patienceMs) throw new Error(`not so after ${patienceMs} ms: ${what}`)
    await pause(20)
  }
  return performance.now() - begun
}

/** How long until every job is settled that was accepted before now. */
export async function recovered(arena: Arena, patienceMs = 60_000): Promise<number> {
  const { accepted, settled, ended } = arena.ledger
  let left = [...accepted.keys()]
  const look = () => Promise.all(left.slice(0, 200).map((id) => arena.queue.job(id).catch(() => null)))
  const isSo = async () => {
    left = left.filter((id) => !settled.has(id))
    if (left.length === 0) return true
    // A worker that was killed could not tell of its last settlements: ask for what ran to its end.
    if (left.length > 200 || !left.every((id) => ended.has(id))) return false
    return (await look()).every((job) => job === null || job.state === 'completed')
  }
  try {
    return await until('all accepted before are settled', isSo, patienceMs)
  } catch (cause) {
    const states = (await look()).map(
      (job, n) => `${left[n]} ${job?.state ?? 'gone'} ${ended.has(left[n] as string) ? 'ended' : ''}`,
    )
    throw new Error(`${left.length} are not settled: ${states.slice(0, 5).join(', ')}; ${arena.died.join()}`, { cause })
  }
}
