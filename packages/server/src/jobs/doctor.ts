// What is wrong with an engine, in sentences, and what to do about it (Q126). Reads only; sees the whole installation, so it is for whoever holds the
// database, never for a tenant.
import type { Queue } from '@countersign/queue'
import { readersFor } from './engine.ts'

export type Finding = { status: 'ok' | 'warn' | 'fail'; code: string; what: string; mend: string | null }

const ok = (code: string, what: string): Finding => ({ status: 'ok', code, what, mend: null })
const warn = (code: string, what: string, mend: string): Finding => ({ status: 'warn', code, what, mend })
const fail = (code: string, what: string, mend: string): Finding => ({ status: 'fail', code, what, mend })

/** Beyond this the times in logs and in rows tell two stories. */
const CLOCK_MS = 2_000
const OLD_MS = 300_000
const HORIZON_S = 300

/** `now` is this machine's time, in milliseconds. */
export async function diagnose(queue: Queue, now: number): Promise<Finding[]> {
  const health = await queue.health()
  if (health.database === 'away')
    return [fail('database', 'The database does not answer.', 'Check that it runs and that the address and password are right.')]
  if (health.schema_version !== health.expected_schema_version)
    return [
      fail(
        'schema',
        `The schema is of version ${health.schema_version}; this command needs ${health.expected_schema_version}.`,
        'Bring it up to date: countersign migrate, or countersign queue migrate --database for a database of the library alone.',
      ),
    ]
  const [counts, queues, workers] = await Promise.all([queue.counts(), queue.queues(), queue.workers()])
  return [
    ok('schema', `version ${health.schema_version}`),
    judgeClock(Date.parse(counts.as_of), now),
    health.leader === null
      ? fail(
          'maintenance',
          'Nobody leads maintenance: nothing is promoted, rescued or fired.',
          'Start a process with the role maintenance.',
        )
      : ok('maintenance', `led by ${health.leader}`),
    ...judgeWorkers(workers, counts.queues, new Set(queues.filter(({ paused_at }) => paused_at).map(({ name }) => name))),
    judgeAge(health.oldest_ready_ms),
    ...judgeRing(await readersFor(queue).ring()),
  ]
}

function judgeClock(there: number, here: number): Finding {
  const apart = Math.abs(there - here)
  if (apart < CLOCK_MS) return ok('clock', 'this machine and the database agree')
  return warn(
    'clock',
    `This machine's clock is ${Math.round(apart / 1000)} s from the database's.`,
    'Jobs go by the database; correct the clock so that logs make sense.',
  )
}

type Workers = Awaited<ReturnType<Queue['workers']>>
type Counts = Awaited<ReturnType<Queue['counts']>>['queues']

function judgeWorkers(workers: Workers, counts: Counts, paused: ReadonlySet<string>): Finding[] {
  const live = workers.filter(({ alive }) => alive)
  const waiting = Object.entries(counts).filter(([, states]) => (states.ready ?? 0) > 0)
  const unserved = waiting.filter(([name]) => !paused.has(name) && !live.some(({ queues }) => queues.includes(name)))
  return [
    live.length === 0
      ? fail('workers', 'No worker runs.', 'Start a process with the role worker.')
      : ok('workers', `${live.length} alive`),
    ...unserved.map(([name, { ready }]) =>
      fail('queue', `${ready} jobs are ready in ${name}, which no worker serves.`, `Start a worker that serves ${name}.`),
    ),
    ...waiting
      .filter(([name]) => paused.has(name))
      .map(([name, { ready }]) =>
        warn('queue', `${name} is paused with ${ready} jobs ready.`, `countersign queues resume ${name}`),
      ),
  ]
}

function judgeAge(oldest: number | null): Finding {
  if (oldest === null) return ok('backlog', 'nothing waits')
  if (oldest < OLD_MS) return ok('backlog', `the oldest ready job waits ${Math.ceil(oldest / 1000)} s`)
  return warn(
    'backlog',
    `The oldest ready job waits ${Math.ceil(oldest / 60_000)} min.`,
    'Add workers or concurrency, or look for a paused kind or a key that is held up.',
  )
}

function judgeRing(ring: Awaited<ReturnType<ReturnType<typeof readersFor>['ring']>>): Finding[] {
  const { blocked, horizon_age_seconds } = ring
  return [
    blocked === null
      ? ok('ring', `${ring.free_slots} of ${ring.slots.length} slots free`)
      : fail('ring', `No slot can be freed: ${blocked}`, 'End what holds it; the space is back within a minute.'),
    ...(horizon_age_seconds !== null && horizon_age_seconds > HORIZON_S
      ? [
          warn(
            'horizon',
            `A transaction has been open for ${Math.round(horizon_age_seconds)} s${ring.horizon_pid ? ` in the process ${ring.horizon_pid}` : ''}.`,
            'End it: nothing older than it can be cleaned up.',
          ),
        ]
      : []),
  ]
}
