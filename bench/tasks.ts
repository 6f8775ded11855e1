// The figures of tasks.md §14 that exist: creates and decisions per second, wake-up, memory of waits, first delivery, lateness of a deadline.
// Server, PostgreSQL and load share the machine's cores here, so the figures are a floor. The peer's are its recorded ones: it cannot be installed from npm.
// With --check it ends with 1 when a figure is more than 20 % worse than the last published one (T169), which --accept writes.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { cpus } from 'node:os'
import { type Figure, percentile, report as print } from './figure.ts'
import { type Bench, startBench } from './server.ts'
import { accept, check, type Length, PUBLISHED } from './tasks/regression.ts'

const quick = process.argv.includes('--quick')
const length: Length = quick ? 'quick' : 'full'
const told: Figure[] = []
const report = (figure: Figure): void => {
  told.push(figure)
  print(figure)
}
const SECONDS = quick ? 6 : 60
const PEER = 'awaithumans 0.1.4 (recorded)'
const QUESTION = {
  task: 'Refund order 1042?',
  response_schema: { type: 'object', properties: { approved: { type: 'boolean' } }, required: ['approved'] },
  timeout_seconds: 3600,
}
const PAYLOAD = { order: 1042, note: 'x'.repeat(980) }
const YES = { type: 'respond', response: { approved: true }, seen_revision: 1 }

const expect = (status: number, answer: { status: number; body: unknown }) => {
  if (answer.status !== status) throw new Error(`expected ${status}, got ${answer.status}: ${JSON.stringify(answer.body)}`)
}

/** `act` over and over on so many connections for so long; the latency of each in ms. */
async function hammer(
  connections: number,
  seconds: number,
  act: () => Promise<void>,
): Promise<{ perSecond: number; latencies: number[] }> {
  const latencies: number[] = []
  const started = performance.now()
  const until = started + seconds * 1000
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (performance.now() < until) {
        const at = performance.now()
        await act()
        latencies.push(performance.now() - at)
      }
    }),
  )
  return { perSecond: (latencies.length / (performance.now() - started)) * 1000, latencies }
}

async function creates(bench: Bench): Promise<void> {
  const create = async () => expect(201, await bench.agent('POST', '/tasks', { ...QUESTION, payload: PAYLOAD }))
  await hammer(64, 1, create)
  const { perSecond, latencies } = await hammer(64, SECONDS, create)
  report({
    bench: 'tasks',
    metric: 'B1 creates, 64 connections',
    unit: '1/s',
    ours: perSecond,
    peer_name: PEER,
    peer: 66,
    goal: '>= 1500',
    met: perSecond >= 1500,
  })
  const p99 = percentile(latencies, 0.99)
  report({
    bench: 'tasks',
    metric: 'B1 create p99',
    unit: 'ms',
    ours: p99,
    peer_name: null,
    peer: null,
    goal: '<= 150',
    met: p99 <= 150,
  })
}

const open = async (bench: Bench, more: object = {}): Promise<string> => {
  const made = await bench.agent('POST', '/tasks', { ...QUESTION, ...more })
  expect(201, made)
  return made.body.id as string
}

/** From the answer's 200 to the waiting poll's return; negative differences (the poll was faster) count as zero. */
async function wakeUps(bench: Bench, waits: number): Promise<number[]> {
  const ids = await inBatches(waits, 50, () => open(bench))
  const before = bench.memoryMb()
  const returned = new Map<string, number>()
  const polls = ids.map(async (id) => {
    let status = 'open'
    while (status === 'open') status = (await bench.agent('GET', `/tasks/${id}/poll?timeout=30`)).body.status as string
    returned.set(id, performance.now())
  })
  await new Promise((resolve) => setTimeout(resolve, 1500))
  if (waits >= 1000) {
    const held = bench.memoryMb()
    report({
      bench: 'tasks',
      metric: `B3 resident memory with ${waits} waits (${Math.round(held - before)} of it for them)`,
      unit: 'MB',
      ours: held,
      peer_name: null,
      peer: null,
      goal: '< 300',
      met: held < 300,
    })
  }
  const decided = new Map<string, number>()
  for (const id of ids) {
    expect(200, await bench.person('POST', `/tasks/${id}/decide`, YES))
    decided.set(id, performance.now())
  }
  await Promise.all(polls)
  return ids.map((id) => Math.max(0, (returned.get(id) as number) - (decided.get(id) as number)))
}

async function inBatches<T>(count: number, size: number, act: () => Promise<T>): Promise<T[]> {
  const all: T[] = []
  while (all.length < count) all.push(...(await Promise.all(Array.from({ length: Math.min(size, count - all.length) }, act))))
  return all
}

async function waiting(bench: Bench): Promise<void> {
  const some = await wakeUps(bench, 200)
  const [p50, p99] = [percentile(some, 0.5), percentile(some, 0.99)]
  report({
    bench: 'tasks',
    metric: 'B2 wake-up p50, 200 waits',
    unit: 'ms',
    ours: p50,
    peer_name: PEER,
    peer: 650,
    goal: '<= 10',
    met: p50 <= 10,
  })
  report({
    bench: 'tasks',
    metric: 'B2 wake-up p99, 200 waits',
    unit: 'ms',
    ours: p99,
    peer_name: null,
    peer: null,
    goal: '<= 50',
    met: p99 <= 50,
  })
  const many = quick ? 1000 : 5000
  const late = percentile(await wakeUps(bench, many), 0.99)
  report({
    bench: 'tasks',
    metric: `B3 wake-up p99, ${many} waits`,
    unit: 'ms',
    ours: late,
    peer_name: null,
    peer: null,
    goal: '<= 250',
    met: late <= 250,
  })
}

async function deliveries(bench: Bench, receiver: { url: string; at: Map<string, number> }): Promise<void> {
  const ids = await inBatches(quick ? 50 : 300, 25, () => open(bench, { callback_url: receiver.url }))
  const decided = new Map<string, number>()
  for (const id of ids) {
    expect(200, await bench.person('POST', `/tasks/${id}/decide`, YES))
    decided.set(id, performance.now())
  }
  const until = performance.now() + 10_000
  while (receiver.at.size < ids.length && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 20))
  const took = ids.map((id) => Math.max(0, (receiver.at.get(id) ?? Number.POSITIVE_INFINITY) - (decided.get(id) as number)))
  const [p50, p99] = [percentile(took, 0.5), percentile(took, 0.99)]
  report({
    bench: 'tasks',
    metric: 'B4 first delivery p50',
    unit: 'ms',
    ours: p50,
    peer_name: PEER,
    peer: 4600,
    goal: '<= 50',
    met: p50 <= 50,
  })
  report({
    bench: 'tasks',
    metric: 'B4 first delivery p99',
    unit: 'ms',
    ours: p99,
    peer_name: null,
    peer: null,
    goal: '<= 500',
    met: p99 <= 500,
  })
}

async function deadlines(bench: Bench): Promise<void> {
  const due = Date.now() + 8_000
  const count = quick ? 300 : 1000
  const ids = await inBatches(count, 50, () =>
    open(bench, { timeout_seconds: undefined, deadline_at: new Date(due + Math.floor(Math.random() * 1000)).toISOString() }),
  )
  await new Promise((resolve) => setTimeout(resolve, due + 2_500 - Date.now()))
  const late = await Promise.all(
    ids.map(async (id) => {
      const { body } = await bench.agent('GET', `/tasks/${id}`)
      return body.timed_out_at
        ? Date.parse(body.timed_out_at as string) - Date.parse(body.deadline_at as string)
        : Number.POSITIVE_INFINITY
    }),
  )
  const p99 = percentile(late, 0.99)
  report({
    bench: 'tasks',
    metric: `B5 lateness p99, ${count} deadlines in one second`,
    unit: 'ms',
    ours: p99,
    peer_name: PEER,
    peer: 2500,
    goal: '<= 250',
    met: p99 <= 250,
  })
}

async function decisions(bench: Bench): Promise<void> {
  const ids = await inBatches(quick ? 2000 : 12_000, 64, () => open(bench))
  const started = performance.now()
  const latencies: number[] = []
  await Promise.all(
    Array.from({ length: 32 }, async () => {
      for (let id = ids.pop(); id !== undefined; id = ids.pop()) {
        const at = performance.now()
        expect(200, await bench.person('POST', `/tasks/${id}/decide`, YES))
        latencies.push(performance.now() - at)
      }
    }),
  )
  const perSecond = (latencies.length / (performance.now() - started)) * 1000
  const p99 = percentile(latencies, 0.99)
  report({
    bench: 'tasks',
    metric: 'B7 decisions, 32 connections',
    unit: '1/s',
    ours: perSecond,
    peer_name: null,
    peer: null,
    goal: '>= 800',
    met: perSecond >= 800,
  })
  report({
    bench: 'tasks',
    metric: 'B7 decision p99',
    unit: 'ms',
    ours: p99,
    peer_name: null,
    peer: null,
    goal: '<= 150',
    met: p99 <= 150,
  })
}

const at = new Map<string, number>()
const receiver = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const now = performance.now()
    const body = JSON.parse(Buffer.concat(chunks).toString()) as { task_id?: string; data?: { task_id?: string } }
    at.set((body.task_id ?? body.data?.task_id) as string, now)
    response.end()
  })
})
await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
const { port } = receiver.address() as AddressInfo
const bench = await startBench({
  COUNTERSIGN_EGRESS_ALLOW: `127.0.0.1:${port}`,
  COUNTERSIGN_EGRESS_HTTP: '1',
  COUNTERSIGN_EGRESS_LITERALS: '1',
})
try {
  await waiting(bench)
  await deliveries(bench, { url: `http://127.0.0.1:${port}/`, at })
  await deadlines(bench)
  await creates(bench)
  await decisions(bench)
} finally {
  await bench.stop()
  receiver.close()
  receiver.closeAllConnections()
}
if (process.argv.includes('--check')) {
  const faults = check(PUBLISHED, length, told)
  for (const fault of faults) process.stderr.write(`WORSE: ${fault}\n`)
  if (faults.length > 0) process.exitCode = 1
}
if (process.argv.includes('--accept'))
  accept(PUBLISHED, length, { at: new Date().toISOString(), node: process.version, cpus: cpus().length }, told)
