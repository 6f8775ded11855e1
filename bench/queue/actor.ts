// A process of a benchmark: produces jobs or works them, on request of the bench that forked it, and counts by number what it saw. A producer and a worker
// are processes of their own, as in production; nothing is counted twice and nothing is taken on trust.
import { setTimeout as pause } from 'node:timers/promises'
import {
  CONTENDERS,
  type Handle,
  type Payload,
  type Producing,
  QUEUE,
  type Send,
  type SystemName,
  type Working,
} from './contenders.ts'
import { type Calls, KEYS, type ProduceOrder, type Tally, type WorkOrder } from './orders.ts'
import { ceiling, wait } from './wait.ts'

const now = (): number => performance.timeOrigin + performance.now()

// working
let working: Working | null = null
let seen = new Uint8Array(1 << 20)
let handled = 0
let distinct = 0
let disorder = 0
const lastOf = new Int32Array(KEYS).fill(-1)
let latencies: number[] = []
let keepsLatencies = false

function count({ n }: Payload): void {
  handled++
  if (n >= seen.length) {
    const larger = new Uint8Array(Math.max(seen.length * 2, n + 1))
    larger.set(seen)
    seen = larger
  }
  if (seen[n] === 0) {
    distinct++
    const key = n % KEYS
    if ((lastOf[key] as number) > n) disorder++
    else lastOf[key] = n
  }
  seen[n] = Math.min(255, (seen[n] as number) + 1)
}

function handleOf(handler: WorkOrder['handler']): Handle {
  if (handler === 'noop')
    return (payload) => {
      if (keepsLatencies) latencies.push(now() - payload.at)
      count(payload)
    }
  return async (payload) => {
    if (keepsLatencies) latencies.push(now() - payload.at)
    await wait(handler, 1)
    count(payload)
  }
}

async function work({ system, url, plan, handler, tells }: WorkOrder): Promise<void> {
  working = await CONTENDERS[system].worker(url, plan, handleOf(handler))
  if (!tells) return
  let told = -1
  setInterval(() => {
    if (handled === told) return
    told = handled
    process.send?.({ progress: handled })
  }, 10).unref()
}

const tally = (): Tally => ({ handled, distinct, disorder, unacknowledged: working?.unacknowledged() ?? 0 })

// producing
let credit = 0
let next = 0
const roused = new Set<() => void>()

/** Queues take turns job by job, so that all of them have work however few wait. */
function made(count: number, { payloadBytes, delayMs, keyed, queues = [QUEUE] }: ProduceOrder): Send[] {
  const at = now()
  return Array.from({ length: count }, () => {
    const n = next++
    const queue = queues[n % queues.length] as string
    const key = `k${n % KEYS}`
    const options = keyed === 'strict' ? { orderingKey: key, order: 'strict' } : keyed ? { [keyed]: key } : {}
    return { queue, payload: payloadOf(n, at, payloadBytes), options, ...(delayMs === undefined ? {} : { delayMs }) }
  })
}

const fillers = new Map<number, string>()
function payloadOf(n: number, at: number, bytes: number): Payload {
  const bare = JSON.stringify({ n, at, x: '' }).length
  const missing = Math.max(0, bytes - bare)
  let x = fillers.get(missing)
  if (x === undefined) {
    x = 'x'.repeat(missing)
    fillers.set(missing, x)
  }
  return { n, at, x }
}

let producing: Producing | null = null

async function prepare({ system, url, connections }: { system: SystemName; url: string; connections: number }): Promise<void> {
  producing = await CONTENDERS[system].producer(url, connections)
}

/** Answers how many were accepted, and how long that took. */
async function produce(order: ProduceOrder): Promise<{ accepted: number; ms: number; first: number }> {
  const producer = producing as Producing
  const first = next
  const begun = performance.now()
  const until = order.ms === undefined ? Number.POSITIVE_INFINITY : begun + order.ms
  const last = order.count === undefined ? Number.POSITIVE_INFINITY : first + order.count
  if (order.perSecond === undefined) {
    const flood = async () => {
      while (performance.now() < until && next < last) {
        if (order.depth !== undefined && next + order.batch - credit > order.depth) {
          await Promise.race([new Promise<void>((resume) => roused.add(resume)), pause(20)])
          continue
        }
        const jobs = made(Math.min(order.batch, last - next), order)
        if (order.batch === 1) await producer.one(jobs[0] as Send)
        else await producer.many(jobs)
      }
    }
    await Promise.all(Array.from({ length: order.connections }, flood))
  } else {
    // Open loop: a slow answer delays no later job, so that waiting is not hidden.
    const underWay = new Set<Promise<void>>()
    for (let sent = 0; performance.now() < until && next < last; ) {
      const due = Math.floor(((performance.now() - begun) / 1000) * order.perSecond)
      for (; sent < due && next < last; sent += order.batch) {
        const jobs = made(order.batch, order)
        const one = order.batch === 1 ? producer.one(jobs[0] as Send) : producer.many(jobs)
        underWay.add(one)
        void one.finally(() => underWay.delete(one))
      }
      await pause(1)
    }
    await Promise.all(underWay)
  }
  return { accepted: next - first, ms: performance.now() - begun, first }
}

const calls: Calls = {
  work,
  tally: async () => tally(),
  latencies: async (keep) => {
    const answer = latencies
    latencies = []
    keepsLatencies = keep
    return answer
  },
  ceiling: async ({ way, slots, ms }) => ceiling(way, slots, ms),
  usage: async () => ({ cpu: process.cpuUsage(), rss: process.memoryUsage.rss(), uptimeMs: performance.now() }),
  prepare,
  produce,
  produced: async () => next,
  async stop() {
    await working?.stop()
    await producing?.close()
    // What a library still has open is no part of its stopping.
    setImmediate(() => process.exit(0))
  },
}

type Asked = { id: number; call: keyof Calls; args: unknown } | { credit: number }
process.on('message', (asked: Asked) => {
  if ('credit' in asked) {
    credit = asked.credit
    for (const resume of roused) resume()
    roused.clear()
    return
  }
  const answer = async () => (calls[asked.call] as (args: unknown) => Promise<unknown>)(asked.args)
  answer().then(
    (value) => process.send?.({ id: asked.id, value }),
    (error: unknown) =>
      process.send?.({ id: asked.id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  )
})
process.on('disconnect', () => process.exit(1))
process.send?.({ ready: true })
