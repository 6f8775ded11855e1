// For tests on a real database: run what is due here and now, move time, and ask what was enqueued. Never for production.
import { isDeepStrictEqual } from 'node:util'
import { runAlone } from './alone.ts'
import { announce, newWorkerId } from './announce.ts'
import { showJob } from './codec.ts'
import { type Duration, milliseconds } from './duration.ts'
import { newestJobs } from './job.ts'
import type { Queue } from './queue.ts'
import { claim, finishIfHeld, type HandedJob, type JobRow, moveTestClock, releaseWorker } from './sql.ts'
import { shapeOf } from './worker-plan.ts'

export type Ran = { id: string; kind: string; outcome: string; error?: string }

/**
 * Runs everything that is due, one job after another, schedules and maintenance included, until nothing is. Answers what ran, in order.
 * @example expect((await drain(queue)).map((one) => one.kind)).toEqual(['task.notify'])
 */
export async function drain(queue: Queue, options: { queues?: readonly string[]; max?: number } = {}): Promise<Ran[]> {
  const { house } = queue
  const { store, kinds } = house
  const own = Object.keys(shapeOf(kinds, { queues: options.queues }).shares)
  const id = newWorkerId()
  const ran: Ran[] = []
  await queue.register()
  await announce(store, { id, queues: own, kinds, lostAfterMs: 60_000, version: 'drain' })
  try {
    for (;;) {
      await queue.tick()
      const before = ran.length
      // Everything is also what was put into a queue that no kind names.
      const others = options.queues ? [] : Object.keys((await queue.counts()).queues)
      for (const name of new Set([...own, ...others])) {
        for (let job = await next(name); job; job = await next(name)) {
          ran.push(await runOne(queue, job.handed, job.token))
          if (ran.length >= (options.max ?? 10_000)) return ran
        }
      }
      if (ran.length === before) return ran
    }
  } finally {
    await releaseWorker(store, id)
  }

  async function next(name: string): Promise<{ handed: HandedJob; token: string } | null> {
    const token = crypto.randomUUID()
    const { jobs } = await claim(store, id, token, [{ queue: name, n: 1, kinds: [...kinds.keys()] }], 0)
    return jobs[0] ? { handed: jobs[0], token } : null
  }
}

async function runOne(queue: Queue, job: HandedJob, token: string): Promise<Ran> {
  const { house } = queue
  const kind = house.kinds.get(job.kind)
  if (!kind) throw new Error(`no kind ${job.kind}`)
  const result = await runAlone({ ...house, beat: async () => undefined }, kind, job, token)
  if (!result) return { id: job.id, kind: job.kind, outcome: 'lost' }
  await finishIfHeld(house.store, [result])
  return {
    id: job.id,
    kind: job.kind,
    outcome: result.outcome,
    ...(typeof result.error === 'string' ? { error: result.error } : {}),
  }
}

/** Moves the clock of a database that was migrated with `testClock`. Inside a server its own harness does that. */
export async function advance(queue: Queue, by: Duration): Promise<void> {
  await moveTestClock(queue.house.store, milliseconds(by, '/by'))
}

/** The jobs of a kind whose payload has these members; throws when there is none. */
export async function expectEnqueued(queue: Queue, kind: string, match: Record<string, unknown> = {}): Promise<JobRow[]> {
  const { store, kinds } = queue.house
  const jobs = await Promise.all((await newestJobs(store, { kind }, 1_000)).map((job) => showJob(kinds, job)))
  const found = jobs.filter((job) =>
    Object.entries(match).every(([key, value]) =>
      isDeepStrictEqual((job.payload as Record<string, unknown> | null)?.[key], value),
    ),
  )
  if (found.length === 0)
    throw new Error(
      `No ${kind} with ${JSON.stringify(match)} was enqueued; there are ${JSON.stringify(jobs.map((job) => job.payload))}.`,
    )
  return found
}
