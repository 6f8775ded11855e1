// Reading a signed card at 500 requests a second: whole, and 304.
import { Agent, request } from 'node:http'
import { percentile } from '../figure.ts'
import { publish, type Run } from './rig.ts'

const PER_SECOND = 500

export async function card(run: Run): Promise<void> {
  const { slug } = await publish(run)
  const path = `/api/v1/agents/${slug}/card`
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  const { hostname, port } = new URL(run.bench.url)
  const get = (headers: Record<string, string>) =>
    new Promise<{ status: number; etag: string }>((resolve, reject) => {
      request({ hostname, port, path, agent, headers }, (response) => {
        response.resume()
        response.on('end', () => resolve({ status: response.statusCode ?? 0, etag: String(response.headers.etag) }))
      })
        .on('error', reject)
        .end()
    })
  const { etag } = await get({})
  for (const [name, headers, status] of [
    ['signed card GET', {}, 200],
    ['signed card GET, 304', { 'if-none-match': etag }, 304],
  ] as const) {
    const latencies: number[] = []
    const one = async () => {
      const at = performance.now()
      const answer = await get(headers)
      if (answer.status !== status) throw new Error(`expected ${status}, got ${answer.status}`)
      latencies.push(performance.now() - at)
    }
    await paced(run.quick ? 2 : 20, one)
    const p99 = percentile(latencies, 0.99)
    run.say({ metric: `${name} p99 at 500/s`, unit: 'ms', ours: p99, goal: '<= 10', met: p99 <= 10 })
  }
  agent.destroy()
}

/** So many a second, whatever becomes of those before. */
async function paced(seconds: number, act: () => Promise<void>): Promise<void> {
  const all: Promise<void>[] = []
  const started = performance.now()
  const total = seconds * PER_SECOND
  while (all.length < total) {
    const due = Math.min(total, ((performance.now() - started) / 1000) * PER_SECOND)
    while (all.length < due) all.push(act())
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await Promise.all(all)
}
