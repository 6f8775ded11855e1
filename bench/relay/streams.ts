// Open streams on one process: its memory, and how long an event takes to all of them.
import { Agent, request } from 'node:http'
import { percentile } from '../figure.ts'
import { inBatches } from '../tasks/load.ts'
import { expect, type Run, type Stage, stage, TEXT } from './rig.ts'

const GRANTS = 20

export async function streams(run: Run): Promise<void> {
  const { bench, quick } = run
  const count = quick ? 300 : 2_000
  const { slug, grants } = await stage(run, GRANTS)
  let turn = 0
  const started = await inBatches(count, 16, async () => {
    const { call } = grants[turn++ % GRANTS] as Stage['grants'][number]
    const { body } = expect(202, await call('POST', `/agents/${slug}/threads`, { text: TEXT, want_thread_token: true }))
    return { id: String(body.thread_id), token: String(body.thread_access_token) }
  })
  const agent = new Agent({ keepAlive: false, maxSockets: Number.POSITIVE_INFINITY })
  const { hostname, port } = new URL(bench.url)
  const sent = new Map<string, number>()
  const delays: number[] = []
  const open = ({ id, token }: { id: string; token: string }) =>
    new Promise<() => void>((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream', 'last-event-id': '2' }
      const asked = request({ hostname, port, path: `/api/v1/threads/${id}/events`, agent, headers }, (response) => {
        if (response.statusCode !== 200) return reject(new Error(`a stream answered ${response.statusCode}`))
        let isSeen = false
        response.on('data', (chunk: Buffer) => {
          const at = sent.get(id)
          if (isSeen || at === undefined || !chunk.includes('message.accepted')) return
          isSeen = true
          delays.push(performance.now() - at)
        })
        resolve(() => asked.destroy())
      })
      asked.on('error', () => undefined)
      asked.end()
    })
  const closers: (() => void)[] = []
  for (let n = 0; n < started.length; n += 50) closers.push(...(await Promise.all(started.slice(n, n + 50).map(open))))
  const memory = bench.memoryMb()
  let next = 0
  await inBatches(count, 8, async () => {
    const { id } = started[next++] as { id: string }
    sent.set(id, performance.now())
    expect(200, await bench.agent('POST', `/threads/${id}/responses`, { outcome: 'progress', text: 'on it' }))
  })
  const until = performance.now() + 10_000
  while (delays.length < count && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 20))
  for (const close of closers) close()
  agent.destroy()
  const p99 = percentile(delays, 0.99)
  run.say({ metric: `memory with ${count} open streams`, unit: 'MB', ours: memory, goal: '< 300', met: memory < 300 })
  run.say({ metric: `event → ${count} streams, each its own, p99`, unit: 'ms', ours: p99, goal: '<= 250', met: p99 <= 250 })
  run.say({
    metric: 'streams that missed it',
    unit: 'streams',
    ours: count - delays.length,
    goal: '= 0',
    met: delays.length === count,
  })
}
