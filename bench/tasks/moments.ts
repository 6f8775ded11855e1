// B4 and B5: how soon the first delivery comes after a decision, and how late a deadline is acted upon.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { percentile } from '../figure.ts'
import { decide, inBatches, many, open, type Run } from './load.ts'

export type Receiver = { url: string; port: number; at: Map<string, number>; close(): void }

/** Answers every delivery at once, and knows when it came. */
export async function openReceiver(): Promise<Receiver> {
  const at = new Map<string, number>()
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const now = performance.now()
      const body = JSON.parse(Buffer.concat(chunks).toString()) as { task_id?: string; data?: { task_id?: string } }
      at.set((body.task_id ?? body.data?.task_id) as string, now)
      response.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = () => {
    server.close()
    server.closeAllConnections()
  }
  return { url: `http://127.0.0.1:${port}/`, port, at, close }
}

export async function deliveries(run: Run, { url, at }: Receiver): Promise<void> {
  const ids = await inBatches(many(run, 300, 25), 25, () => open(run, { callback_url: url }))
  const decided = new Map<string, number>()
  for (const id of ids) {
    await decide(run, id)
    decided.set(id, performance.now())
  }
  const until = performance.now() + 10_000
  const arrived = () => ids.every((id) => at.has(id))
  while (!arrived() && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 20))
  const took = ids.map((id) => Math.max(0, (at.get(id) ?? Number.POSITIVE_INFINITY) - (decided.get(id) as number)))
  const [p50, p99] = [percentile(took, 0.5), percentile(took, 0.99)]
  run.say({ metric: 'B4 first delivery p50', unit: 'ms', ours: p50, peer: 4600, goal: '<= 50', met: p50 <= 50 })
  run.say({ metric: 'B4 first delivery p99', unit: 'ms', ours: p99, goal: '<= 500', met: p99 <= 500 })
}

export async function deadlines(run: Run): Promise<void> {
  const count = many(run, 1_000, 100)
  // The shortest that a deadline may be, and time to make them.
  const due = Date.now() + 6_000 + count * 10
  const ids = await inBatches(count, 50, () =>
    open(run, { timeout_seconds: undefined, deadline_at: new Date(due + Math.floor(Math.random() * 1000)).toISOString() }),
  )
  await new Promise((resolve) => setTimeout(resolve, due + 2_500 - Date.now()))
  const late = await Promise.all(
    ids.map(async (id) => {
      const { body } = await run.bench.agent('GET', `/tasks/${id}`)
      return body.timed_out_at
        ? Date.parse(body.timed_out_at as string) - Date.parse(body.deadline_at as string)
        : Number.POSITIVE_INFINITY
    }),
  )
  const p99 = percentile(late, 0.99)
  run.say({
    ...{ metric: `B5 lateness p99, ${count} deadlines in one second`, unit: 'ms', ours: p99, peer: 2500 },
    ...{ goal: '<= 250', met: p99 <= 250 },
  })
}
