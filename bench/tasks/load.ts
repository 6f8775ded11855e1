// What the scenarios of tasks share: the question, its answer, and ways to send many.
import type { Figure } from '../figure.ts'
import type { Answer, Bench } from '../server.ts'

/** A run: its length, and where its figures go. */
export type Run = {
  bench: Bench
  quick: boolean
  /** Of the full length. */
  share: number
  say(figure: Omit<Figure, 'bench' | 'peer_name' | 'peer'> & { peer?: number }): void
}

/** So many in a full run, so many in a quick one; a share of the full number in between. */
export const many = ({ quick, share }: Run, full: number, short: number): number =>
  quick ? short : Math.max(short, Math.round(full * share))

export const QUESTION = {
  task: 'Refund order 1042?',
  response_schema: { type: 'object', properties: { approved: { type: 'boolean' } }, required: ['approved'] },
  timeout_seconds: 3600,
}
export const PAYLOAD = { order: 1042, note: 'x'.repeat(980) }
export const YES = { type: 'respond', response: { approved: true }, seen_revision: 1 }

export const expect = (status: number, answer: Answer): Answer => {
  if (answer.status !== status) throw new Error(`expected ${status}, got ${answer.status}: ${JSON.stringify(answer.body)}`)
  return answer
}

export const open = async ({ bench }: Run, more: object = {}): Promise<string> =>
  expect(201, await bench.agent('POST', '/tasks', { ...QUESTION, ...more })).body.id as string

export const decide = async ({ bench }: Run, id: string): Promise<void> => {
  expect(200, await bench.person('POST', `/tasks/${id}/decide`, YES))
}

/** `act` over and over on so many connections until it says that there is no more, or the time is over; the latency of each in ms. */
export async function hammer(
  connections: number,
  seconds: number,
  act: () => Promise<boolean>,
): Promise<{ perSecond: number; latencies: number[] }> {
  const latencies: number[] = []
  const started = performance.now()
  const until = started + seconds * 1000
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (performance.now() < until) {
        const at = performance.now()
        if (!(await act())) return
        latencies.push(performance.now() - at)
      }
    }),
  )
  return { perSecond: (latencies.length / (performance.now() - started)) * 1000, latencies }
}

export async function inBatches<T>(count: number, size: number, act: () => Promise<T>): Promise<T[]> {
  const all: T[] = []
  while (all.length < count) all.push(...(await Promise.all(Array.from({ length: Math.min(size, count - all.length) }, act))))
  return all
}
