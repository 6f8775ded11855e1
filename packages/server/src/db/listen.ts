// Wake-ups between processes: one LISTEN connection that comes back by itself, and a sweep each second that makes a lost line harmless.
// Carries topics, never data: whoever is woken reads the row again. A wake only shortens a wait.

import pg from 'pg'
import { backoffMs } from '../std/backoff.ts'
import type { Log } from '../std/log.ts'
import { type Connection, clientConfig, greetedBy } from './pool.ts'

export type Listen = {
  /** `fn` is called when the topic was woken, and once a second in any case; it must be cheap and must not throw. */
  subscribe(topic: string, fn: () => void): () => void
  /** Wakes this process at once and the others by NOTIFY. */
  publish(topics: readonly string[]): void
  /** Calls every subscriber once, as the clock does each second. */
  sweep(): void
  status(): 'listening' | 'degraded' | 'off'
  close(): Promise<void>
}

export type ListenOptions = {
  /** null: no connection; wakes stay in this process and the sweep finds the rest. */
  url: Connection | null
  notify(channel: string, payload: string): Promise<unknown>
  log?: Log
  sweepMs?: number
}

const CHANNEL = 'countersign_wake'
// NOTIFY refuses 8000 bytes and more.
const PAYLOAD_BYTES = 7_900
const SWEEP_MS = 1_000
const PROBE_MS = 5_000
const LONGEST_BACKOFF_MS = 2_000

export async function openListen(options: ListenOptions): Promise<Listen> {
  const { log, sweepMs = SWEEP_MS } = options
  const origin = crypto.randomUUID().slice(0, 8)
  const subscribers = new Map<string, Set<() => void>>()

  const call = (fn: () => void): void => {
    try {
      fn()
    } catch (error) {
      log?.error({ err: error }, 'a waiter failed when it was woken')
    }
  }
  const wake = (topic: string): void => {
    for (const fn of [...(subscribers.get(topic) ?? [])]) call(fn)
  }
  const sweep = (): void => {
    for (const fns of [...subscribers.values()]) for (const fn of [...fns]) call(fn)
  }

  const outbox = openOutbox(origin, options)
  const line = options.url === null ? null : openLine(options.url, { log, restored: sweep, heard })
  function heard(payload: string): void {
    const [from, ...topics] = payload.split(' ')
    if (from !== origin) for (const topic of topics) wake(topic)
  }
  await line?.first
  const timer = setInterval(sweep, sweepMs).unref()

  return {
    subscribe(topic, fn) {
      const own = () => fn() // the same function may subscribe twice
      const fns = subscribers.get(topic) ?? new Set()
      subscribers.set(topic, fns.add(own))
      return () => {
        fns.delete(own)
        if (fns.size === 0 && subscribers.get(topic) === fns) subscribers.delete(topic)
      }
    },
    publish(topics) {
      if (options.url !== null) outbox.send(topics)
      for (const topic of topics) wake(topic)
    },
    sweep,
    status: () => (line ? line.status() : 'off'),
    async close() {
      clearInterval(timer)
      await Promise.all([line?.close(), outbox.close()])
      subscribers.clear()
    },
  }
}

/** Sends at once when nothing is under way; what comes in meanwhile leaves together. */
function openOutbox(origin: string, { notify, log }: ListenOptions) {
  const waiting = new Set<string>()
  let sending: Promise<void> | undefined

  function nextPayload(): string {
    let payload = origin
    for (const topic of waiting) {
      if (payload.length + topic.length + 1 > PAYLOAD_BYTES) break
      payload += ` ${topic}`
      waiting.delete(topic)
    }
    return payload
  }
  async function drain(): Promise<void> {
    while (waiting.size > 0) {
      try {
        await notify(CHANNEL, nextPayload())
      } catch (error) {
        // Others find it in their sweep, within a second.
        log?.debug({ err: error }, 'a wake-up could not be sent')
      }
    }
    sending = undefined
  }
  return {
    send(topics: readonly string[]) {
      for (const topic of topics) {
        if (!/^[\x21-\x7e]{1,200}$/.test(topic)) throw new TypeError('A topic is up to 200 visible ASCII characters.')
        waiting.add(topic)
      }
      if (waiting.size > 0) sending ??= drain()
    },
    close: async () => {
      await sending
    },
  }
}

/** The connection itself: opens, listens, notices when it is cut or silent, and comes back. */
function openLine(url: Connection, on: { log?: Log; restored(): void; heard(payload: string): void }) {
  let client: pg.Client | undefined
  let state: 'listening' | 'degraded' = 'degraded'
  let closed = false
  let failures = 0
  let timer: NodeJS.Timeout | undefined
  let opening: Promise<void> | undefined

  async function open(): Promise<void> {
    const fresh = new pg.Client({ ...clientConfig(url), application_name: 'countersign-listen' })
    client = fresh
    fresh.on('error', (error) => lost(fresh, error))
    fresh.on('end', () => lost(fresh, null))
    fresh.on('notification', (message) => on.heard(message.payload ?? ''))
    try {
      await fresh.connect()
      await fresh.query(`listen ${CHANNEL}`)
      const { rows } = await fresh.query<{ pid: number }>('select pg_backend_pid() as pid')
      // A transaction pooler hands out a key of its own and passes no notification on.
      if (rows[0]?.pid !== greetedBy(fresh)) throw new Error('LISTEN needs a direct connection; this one is pooled.')
    } catch (error) {
      lost(fresh, error)
      return
    }
    if (client !== fresh) return
    failures = 0
    state = 'listening'
    timer = setInterval(() => probe(fresh), PROBE_MS).unref()
    on.restored()
  }

  // A peer that vanished without a FIN is noticed by a question that stays unanswered.
  function probe(current: pg.Client): void {
    const query = { text: 'select 1', query_timeout: PROBE_MS - 1_000 }
    current.query(query).catch((error: unknown) => lost(current, error))
  }

  function lost(current: pg.Client, error: unknown): void {
    if (client !== current) return
    client = undefined
    clearInterval(timer)
    current.end().catch(() => undefined)
    if (closed) return
    if (state === 'listening')
      on.log?.warn({ err: error }, 'the LISTEN connection is lost; waiters poll once a second until it is back')
    state = 'degraded'
    failures += 1
    timer = setTimeout(start, backoffMs(failures, { firstMs: 50, maxMs: LONGEST_BACKOFF_MS })).unref()
  }

  function start(): void {
    opening = open()
  }

  start()
  return {
    first: opening,
    status: () => state,
    async close() {
      closed = true
      clearInterval(timer)
      // The driver never settles a connect that is ended half-way, so an attempt that is under way is waited for first.
      await opening
      clearInterval(timer)
      const last = client
      client = undefined
      await last?.end().catch(() => undefined)
    },
  }
}
