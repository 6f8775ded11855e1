// Half of a hundred endpoints hang (platform.md P93, §23): how long after its event the first attempt reaches an endpoint that does not.
// The peer is one pool of as many sockets, served in order, with the same timeout.
import { tx } from '../../packages/server/src/db/tx.ts'
import { record } from '../../packages/server/src/events/event.ts'
import { EVENT_TYPES, type EventType } from '../../packages/server/src/events/types.ts'
import { createEndpoint } from '../../packages/server/src/webhooks/endpoints/endpoint.ts'
import { SOCKETS } from '../../packages/server/src/webhooks/sending/deliver.ts'
import { type Figure, percentile } from '../figure.ts'
import { openRig, type Rig } from '../webhooks/rig.ts'

const ENDPOINTS = 100
const EVENTS = 1_000
/** The thousand come over so long. */
const SPREAD_MS = 10_000
const TIMEOUT_MS = 15_000

// Each endpoint has a type of its own, so that one event is one delivery.
const TYPES = (Object.keys(EVENT_TYPES) as EventType[]).filter((type) => !type.startsWith('endpoint.')).slice(0, ENDPOINTS)

export async function measure({ quick }: { quick: boolean }): Promise<Figure[]> {
  const rig = await openRig()
  try {
    const p99 = await isolated(rig)
    const peer = await shared(rig.origin, quick ? TIMEOUT_MS : 4 * TIMEOUT_MS)
    return [
      {
        ...{
          bench: 'webhooks_hang',
          metric: 'first attempt to healthy endpoints, p99, 50 of 100 hang',
          unit: 's',
          ours: p99 / 1000,
        },
        ...{ peer_name: 'shared pool without isolation', peer: peer / 1000, goal: '< 1', met: p99 < 1_000 },
      },
    ]
  } finally {
    await rig.close()
  }
}

const pathOf = (n: number) => (n % 2 === 0 ? `/ok/${n}` : `/hang/${n}`)
const now = () => performance.timeOrigin + performance.now()
const pause = (ms: number) => new Promise((resume) => setTimeout(resume, ms))

async function isolated(rig: Rig): Promise<number> {
  const { db, house, scope, origin } = rig
  for (const [n, type] of TYPES.entries())
    await createEndpoint(house, scope, { url: origin + pathOf(n), events: [type], verify: false })
  rig.work()
  const written = new Map<string, number>()
  const from = now()
  for (let n = 0; n < EVENTS; n++) {
    const late = from + (n * SPREAD_MS) / EVENTS - now()
    if (late > 1) await pause(late)
    const id = await tx(db, scope, (t) => record(t, scope, TYPES[n % TYPES.length] as EventType, { n }))
    if ((n % TYPES.length) % 2 === 0) written.set(id, now())
  }
  const first = new Map<string, number>()
  // Whatever has not arrived by then counts as that late.
  for (const until = now() + TIMEOUT_MS; first.size < written.size && now() < until; await pause(100))
    for (const [, id, at] of await rig.arrivals()) if (written.has(id) && !first.has(id)) first.set(id, at)
  return percentile(
    [...written].map(([id, at]) => Math.max(0, (first.get(id) ?? now()) - at)),
    0.99,
  )
}

/** One line, one pool: whoever is next takes the next socket. */
async function shared(origin: string, patienceMs: number): Promise<number> {
  const latencies: number[] = []
  const line: { path: string; at: number }[] = []
  const ends = now() + SPREAD_MS + patienceMs
  let isOver = false
  const serve = async () => {
    while (!isOver) {
      const next = line.shift()
      if (!next) {
        await pause(5)
        continue
      }
      if (next.path.startsWith('/ok')) latencies.push(now() - next.at)
      const signal = AbortSignal.timeout(Math.round(Math.min(TIMEOUT_MS, Math.max(1, ends - now()))))
      await fetch(origin + next.path, { method: 'POST', body: '{}', signal }).catch((error: Error) => {
        if (error.name !== 'TimeoutError') throw error
      })
    }
  }
  const pool = Promise.all(Array.from({ length: SOCKETS }, serve))
  const from = now()
  for (let n = 0; n < EVENTS; n++) {
    const late = from + (n * SPREAD_MS) / EVENTS - now()
    if (late > 1) await pause(late)
    line.push({ path: pathOf(n % ENDPOINTS), at: now() })
  }
  while (latencies.length < EVENTS / 2 && now() < ends) await pause(50)
  isOver = true
  await pool
  for (const { path, at } of line) if (path.startsWith('/ok')) latencies.push(now() - at)
  return percentile(latencies, 0.99)
}
