// For tests of the readers: a worker that is nobody's process, so that a test says itself when a job is claimed and how it ends.
import { onTestFinished } from 'vitest'
import { database } from '#harness'
import { createQueue, type Kind } from '../index.ts'

export type Held = { id: string; lease: number; attempt: number; kind: string; payload: unknown; token: string }

export async function openByHand(kinds: readonly Kind[] = []) {
  const house = await database()
  const queue = createQueue({ database: { url: house.runtimeUrl }, kinds, clock: house.clock, listen: false })
  onTestFinished(() => queue.close({ grace: '1s' }))
  const ask = async <T>(call: string, values: unknown[] = []): Promise<T> =>
    ((await queue.house.store.query(`select countersign_queue.${call} as answer`, values)).rows[0] as { answer: T }).answer
  const known = ['a', 'b', 'c', ...kinds.map((kind) => kind.name)]
  await ask("register_worker('by-hand', '{default,mail}', $1, 'here', 1, 'test', 600000000)", [known])

  return {
    ...house,
    queue,
    ask,
    enqueue: (jobs: readonly object[]) =>
      ask<{ id: string }[]>('enqueue_many($1)', [JSON.stringify(jobs)]).then((made) => made.map((one) => one.id)),
    async claim(n: number, name = 'default'): Promise<Held[]> {
      const token = crypto.randomUUID()
      const { jobs } = await ask<{ jobs: Held[] }>('claim($1, $2, $3)', [
        'by-hand',
        token,
        JSON.stringify([{ queue: name, n, kinds: known }]),
      ])
      return jobs.map((job) => ({ ...job, token }))
    },
    finish: (jobs: readonly Held[], outcome: string, more: object = {}) =>
      ask<string[]>('finish($1)', [JSON.stringify(jobs.map(({ id, lease, token }) => ({ id, lease, token, outcome, ...more })))]),
    /** Turns the ring until what is over has left it. */
    async prune(): Promise<void> {
      await house.clock.advance('6s')
      await ask("tick('{rotate}')")
      await house.clock.advance('61s')
      for (let n = 1; n > 0; ) n = (await ask<{ prune: number }>("tick('{prune}')")).prune
    },
  }
}
