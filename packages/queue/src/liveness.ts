// Vouching for workers from a thread and a connection of its own (Q55), so that a handler that blocks the event loop keeps its leases: one thread a
// process, however many workers it runs. The thread stops vouching when the main loop has not turned for a while, and says where it stands as far
// as Node lets it. Never decides that a worker is lost: that is the database's.
import { createRequire } from 'node:module'
import { isMainThread, Worker } from 'node:worker_threads'
import type pg from 'pg'
import type { Log } from './host.ts'
import { beatStatement } from './sql.ts'

export type Vouching = {
  /** The worker goes on under another name. */
  rename(id: string): void
  end(): void
}

export type Voucher = {
  id: string
  config: pg.ClientConfig
  everyMs: number
  /** How long the main loop may stand still. */
  stallMs: number
  log: Log
  /** The database does not know this worker any more. */
  onLost(id: string): void
}

const TURN_MS = 100
/** An idle thread stays a moment for whoever comes next. */
const LINGER_MS = 5_000

// What a thread can be handed: no functions, and of the rest only how to reach the database.
const REACH = ['connectionString', 'host', 'port', 'user', 'password', 'database', 'ssl', 'options', 'keepAlive'] as const

/**
 * Runs in the thread: nothing of ours is imported there, only the driver. `turns` is what the main loop counts up. A stall is measured in looks of
 * this thread, not by the clock, so that a process that was stopped and goes on is none.
 */
const THREAD = `
const { parentPort, workerData } = require('node:worker_threads')
const { writeSync } = require('node:fs')
const { Client } = require(workerData.driver)
const turns = new Int32Array(workerData.turns)
const workers = new Map()

let seen = -1
let stood = 0
let lookedAt = performance.now()
const look = () => {
  const now = performance.now()
  const turned = Atomics.load(turns, 0)
  stood = turned === seen ? stood + Math.min(now - lookedAt, 2 * workerData.turnMs) : 0
  seen = turned
  lookedAt = now
}
setInterval(look, workerData.turnMs)

const whereItStands = () => new Promise((resolve) => {
  if (!workerData.mainIsMain) return resolve(null)
  let session
  const end = (stack) => {
    clearTimeout(timer)
    try { session && session.disconnect() } catch (error) { stack = stack || String(error) }
    resolve(stack)
  }
  const timer = setTimeout(() => end(null), 1000)
  try {
    session = new (require('node:inspector').Session)()
    session.connectToMainThread()
    session.on('Debugger.paused', ({ params }) => {
      const stack = params.callFrames.slice(0, 30).map((one) =>
        '    at ' + (one.functionName || '<anonymous>') + ' (' + one.url + ':' + (one.location.lineNumber + 1) + ':' + (one.location.columnNumber + 1) + ')').join('\\n')
      session.post('Debugger.resume', () => end(stack))
    })
    session.post('Debugger.enable')
    session.post('Debugger.pause')
  } catch (error) {
    end(null)
  }
})

const stalled = async (one) => {
  const stack = await whereItStands()
  const said = { worker: one.id, stood_ms: Math.round(stood), stack }
  parentPort.postMessage({ stalled: said })
  // The log is the main loop's, and that stands: this line is what remains should it never turn again.
  writeSync(2, JSON.stringify({ level: 'error', msg: 'the event loop is blocked; this worker is no longer vouched for', ...said }) + '\\n')
}

async function vouch(one) {
  let client
  let failures = 0
  let told = false
  const wait = (ms) => new Promise((resume) => {
    const timer = setTimeout(resume, ms)
    one.rouse = () => { clearTimeout(timer); resume() }
  })
  while (!one.ended) {
    await wait(failures > 0 ? Math.min(one.everyMs, 5000, 50 * 2 ** Math.min(failures, 10)) * (0.5 + Math.random() / 2) : one.everyMs)
    if (one.ended) break
    if (stood >= one.stallMs) {
      if (!told) await stalled(one)
      told = true
      continue
    }
    told = false
    const id = one.id
    try {
      if (!client) {
        client = new Client({ ...one.config, application_name: 'countersign-queue-liveness', connectionTimeoutMillis: 5000, query_timeout: 5000 })
        client.on('error', () => { client = undefined })
        await client.connect()
      }
      const { rows } = await client.query(workerData.statement, [id, '[]'])
      if (failures > 0) parentPort.postMessage({ again: id })
      failures = 0
      if (rows[0].answer.lost) parentPort.postMessage({ lost: id })
    } catch (error) {
      failures++
      if (failures === 1) parentPort.postMessage({ failed: id, error: String(error) })
      const broken = client
      client = undefined
      if (broken) broken.end().catch((again) => parentPort.postMessage({ closed: id, error: String(again) }))
    }
  }
  if (client) await client.end().catch((error) => parentPort.postMessage({ closed: one.id, error: String(error) }))
}

parentPort.on('message', ({ key, start, rename, end }) => {
  if (start) {
    workers.set(key, start)
    void vouch(start)
  }
  const one = workers.get(key)
  if (!one) return
  if (rename) one.id = rename
  if (end) {
    one.ended = true
    workers.delete(key)
    if (one.rouse) one.rouse()
  }
})
`

type Said = { stalled?: { worker: string }; lost?: string; failed?: string; again?: string; closed?: string; error?: string }
type Thread = {
  post(message: object): void
  vouchers: Map<number, Voucher>
  turning: NodeJS.Timeout
  linger: NodeJS.Timeout | undefined
  worker: Worker
}

// One thread a process, for all workers of it: a process blocks as a whole.
let thread: Thread | undefined
let lastKey = 0

/** null: the connection cannot be made elsewhere (its settings hold functions); the main loop vouches alone. */
export function vouchFor(voucher: Voucher): Vouching | null {
  const config = reach(voucher.config)
  if (!config) {
    voucher.log.warn(
      {},
      'the liveness thread is off, for its connection is made by a function: a handler that blocks the loop loses its leases',
    )
    return null
  }
  const key = ++lastKey
  const start = () => {
    const own = openThread()
    own.vouchers.set(key, voucher)
    own.post({ key, start: { id: voucher.id, config, everyMs: voucher.everyMs, stallMs: voucher.stallMs } })
    return own
  }
  let own = start()
  return {
    rename(id) {
      voucher.id = id
      // A thread that died is made again here at the latest; until then the main loop's own beats count.
      if (thread !== own) own = start()
      own.post({ key, rename: id })
    },
    end() {
      own.vouchers.delete(key)
      if (thread !== own) return
      own.post({ key, end: true })
      if (own.vouchers.size > 0) return
      own.linger = setTimeout(() => void own.worker.terminate(), LINGER_MS).unref()
    },
  }
}

function openThread(): Thread {
  if (thread) {
    clearTimeout(thread.linger)
    return thread
  }
  const turns = new SharedArrayBuffer(4)
  const count = new Int32Array(turns)
  const worker = new Worker(THREAD, {
    eval: true,
    // Loaders of the host's are nothing to this thread, and cost it its start.
    execArgv: [],
    workerData: {
      driver: createRequire(import.meta.url).resolve('pg'),
      statement: beatStatement,
      turns,
      turnMs: TURN_MS,
      mainIsMain: isMainThread,
    },
  })
  const turning = setInterval(() => void Atomics.add(count, 0, 1), TURN_MS).unref()
  const own: Thread = { worker, turning, vouchers: new Map(), linger: undefined, post: (message) => worker.postMessage(message) }
  worker.on('message', (said: Said) => hear(own, said))
  worker.on('error', (error) => {
    for (const { log } of own.vouchers.values())
      log.error({ err: error }, 'the liveness thread broke; the main loop vouches alone')
  })
  worker.on('exit', () => {
    clearInterval(turning)
    if (thread === own) thread = undefined
  })
  // Last: whoever listens to a thread's messages holds the process for as long as the thread lingers.
  worker.unref()
  thread = own
  return own
}

function hear({ vouchers }: Thread, said: Said): void {
  const id = said.stalled?.worker ?? said.lost ?? said.failed ?? said.again ?? said.closed
  const voucher = [...vouchers.values()].find((one) => one.id === id)
  if (!voucher || !id) return
  const { log } = voucher
  if (said.stalled) log.error(said.stalled, 'the event loop was blocked; this worker was no longer vouched for')
  else if (said.lost) voucher.onLost(id)
  else if (said.failed) log.warn({ worker: id, error: said.error }, 'the liveness thread lost its connection; trying again')
  else if (said.again) log.info({ worker: id }, 'the liveness thread has its connection again')
  else log.debug({ worker: id, error: said.error }, 'the connection of the liveness thread was gone already')
}

function reach(config: pg.ClientConfig): Record<string, unknown> | null {
  const own = Object.fromEntries(REACH.flatMap((name) => (config[name] === undefined ? [] : [[name, config[name]]])))
  try {
    return structuredClone(own)
  } catch (error) {
    if (error instanceof DOMException) return null
    throw error
  }
}
