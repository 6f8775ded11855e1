// What is wrong and what to do, in sentences (Q126). Looks and never mends; says nothing of payloads, and of other sessions only what pins the horizon.
import { type Health, PINNED_S } from './health.ts'
import {
  counts,
  examine,
  type Findings,
  listQueues,
  listWorkers,
  type MaintenanceReport,
  type Pin,
  readMaintenance,
} from './sql.ts'
import type { Queryable } from './store.ts'

export type Finding = {
  code:
    | 'database_away'
    | 'schema_stale'
    | 'schema_newer'
    | 'grants_missing'
    | 'listen_lost'
    | 'clock_distance'
    | 'leader_missing'
    | 'duty_failing'
    | 'duty_overruns'
    | 'claim_loop_stuck'
    | 'heartbeat_stuck'
    | 'horizon_pinned'
    | 'ring_blocked'
    | 'ring_pressure'
    | 'queue_without_worker'
    | 'queue_paused'
  /** What is wrong. */
  what: string
  /** What to do. */
  remedy: string
}

export type DoctorHouse = {
  store: Queryable
  /** What queues and their jobs are read through, when that is narrower than the store. */
  counted?: Queryable
  health(): Promise<Health>
  works: boolean
  maintains: boolean
  now(): number
}

/** What a process calls, by what it does. */
const PRODUCES = ['enqueue_many']
const WORKS = [
  'register_kinds',
  'register_worker',
  'release_worker',
  'beat',
  'claim_packed',
  'settle_claims',
  'finish',
  'start',
  'progress',
]
const MAINTAINS = ['tick', 'due_schedules', 'schedule_fire', 'schedule_upsert', 'schedules_seen', 'keep_lease', 'drop_lease']

const CLOCK_MS = 2_000
const FEW_SLOTS = 3

export async function examineQueue(house: DoctorHouse): Promise<Finding[]> {
  const health = await house.health()
  if (health.database === 'away')
    return [
      {
        code: 'database_away',
        what: 'The database does not answer.',
        remedy:
          'Check that PostgreSQL runs and that address, login and password are right. Workers go on by themselves once it is back.',
      },
    ]
  const found = [...ofSchema(health), ...ofProcess(health)]
  const needed = [...PRODUCES, ...(house.works ? WORKS : []), ...(house.maintains ? MAINTAINS : [])]
  const counted = house.counted ?? house.store
  // One after the other: it may be a transaction of the caller's, which is one connection.
  const counting = counts(counted)
  const listing = after(counting, () => listQueues(counted))
  // What this login may not ask is said by the first check that it may; an old schema lacks the question itself.
  const asked = await settled({
    facts: timed(house, () => examine(house.store, needed)),
    maintenance: readMaintenance(house.store),
    counts: counting,
    queues: listing,
    workers: after(listing, () => listWorkers(counted)),
  })
  if (asked.facts)
    found.push(...ofGrants(asked.facts.answer), ...ofClock(asked.facts), ...ofHorizon(health, asked.facts.answer.pins))
  else if (health.schema_version === health.expected_schema_version)
    found.push({
      code: 'grants_missing',
      what: 'This login may not call countersign_queue.doctor, so it cannot tell what else it may not call.',
      remedy: 'Compare the grants with `countersign db roles --check`, and grant what is missing.',
    })
  if (asked.maintenance) found.push(...ofDuties(asked.maintenance))
  found.push(...ofRing(health))
  if (asked.counts && asked.workers) found.push(...ofQueues(asked.counts.queues, asked.queues ?? [], asked.workers))
  return found
}

const after = <T>(before: Promise<unknown>, then: () => Promise<T>): Promise<T> => before.then(then, then)

type Timed<T> = { answer: T; askedAt: number; tookMs: number }

async function timed<T>({ now }: DoctorHouse, ask: () => Promise<T>): Promise<Timed<T>> {
  const askedAt = now()
  const answer = await ask()
  return { answer, askedAt, tookMs: now() - askedAt }
}

async function settled<T extends Record<string, Promise<unknown>>>(asked: T): Promise<{ [K in keyof T]: Awaited<T[K]> | null }> {
  const answers = await Promise.all(
    Object.entries(asked).map(async ([key, answer]) => [key, await answer.catch(() => null)] as const),
  )
  return Object.fromEntries(answers) as { [K in keyof T]: Awaited<T[K]> | null }
}

function ofSchema({ schema_version: has, expected_schema_version: wants, degraded }: Health): Finding[] {
  if (has === null && degraded.includes('schema'))
    return [
      {
        code: 'schema_stale',
        what: 'The queue is not installed in this database.',
        remedy: 'Run `countersign queue migrate`, or migrate() of the library, as the login that is to own the schema.',
      },
    ]
  if (has === null || has === wants) return []
  if (has < wants)
    return [
      {
        code: 'schema_stale',
        what: `The schema is at ${has}, this version needs ${wants}.`,
        remedy: 'Run `countersign queue migrate`, or migrate() of the library, as the login that owns the schema.',
      },
    ]
  return [
    {
      code: 'schema_newer',
      what: `The schema is at ${has}, this version knows ${wants}.`,
      remedy: 'Start the newer version of the program here: a schema never goes back.',
    },
  ]
}

function ofProcess(health: Health): Finding[] {
  const found: Finding[] = []
  if (health.listen === 'degraded')
    found.push({
      code: 'listen_lost',
      what: 'Wake-ups do not arrive: the connection that listens is down. Jobs still start, by polling.',
      remedy:
        'Give `listen` a direct address: a pooler in transaction mode cannot carry LISTEN. If it has one, look whether it is reachable.',
    })
  const stuck = (code: 'claim_loop_stuck' | 'heartbeat_stuck', name: string, ms: number | null) => {
    if ((ms ?? 0) > 60_000)
      found.push({
        code,
        what: `The ${name} of this process has not turned for ${seconds(ms ?? 0)}.`,
        remedy: 'A handler may block the event loop: give its kind `isolate`, or end this process; others take over.',
      })
  }
  stuck('claim_loop_stuck', 'claim loop', health.claim_loop_age_ms)
  stuck('heartbeat_stuck', 'heartbeat', health.heartbeat_age_ms)
  if (health.leader === null)
    found.push({
      code: 'leader_missing',
      what: 'Nobody leads maintenance: no lost job is rescued, no schedule fires, the ring does not turn.',
      remedy: 'Start a process with the role `maintenance`, or call tick() from a cron job.',
    })
  return found
}

const ofGrants = ({ login, denied }: Findings): Finding[] =>
  denied.length === 0
    ? []
    : [
        {
          code: 'grants_missing',
          what: `The login ${login} may not call ${denied.join(', ')}.`,
          remedy:
            'Make it a member of the group role whose work it does (countersign_producer, countersign_worker, countersign_maintenance); `countersign db roles --print` has the statements.',
        },
      ]

function ofClock({ answer, askedAt, tookMs }: Timed<Findings>): Finding[] {
  // The database looked at its clock at some moment of the call: no more than that is certain.
  const distance = askedAt + tookMs / 2 - Date.parse(answer.clock_at)
  if (Math.abs(distance) - tookMs / 2 < CLOCK_MS) return []
  return [
    {
      code: 'clock_distance',
      what: `The clock of this machine is ${seconds(Math.abs(distance))} ${distance > 0 ? 'ahead of' : 'behind'} the database's.`,
      remedy:
        'Let both follow the same time service. Jobs are not affected, for the database decides every time; logs and signatures are.',
    },
  ]
}

function ofHorizon({ horizon_age_s: age }: Health, pins: readonly Pin[]): Finding[] {
  const oldest = pins.find((pin) => (pin.age_s ?? age ?? 0) > PINNED_S)
  if (!oldest) return []
  const { what, pid, name, transactions } = oldest
  const since = oldest.age_s ?? age
  const remedy = {
    session: `End that transaction, or its session: select pg_terminate_backend(${pid}). idle_in_transaction_session_timeout keeps it from coming back.`,
    'prepared transaction': `Commit it or roll it back: rollback prepared '${name}'.`,
    'replication slot': `Let its reader catch up, or drop it: select pg_drop_replication_slot('${name}').`,
  }[what]
  return [
    {
      code: 'horizon_pinned',
      what: `A ${what} (${[name, pid === null ? null : `pid ${pid}`].filter(Boolean).join(', ')}) has held the horizon for ${
        since === null ? `${transactions} transactions` : `${since} s`
      }: nothing dead is cleaned away.`,
      remedy: remedy ?? 'Find out what it is for, and end it.',
    },
  ]
}

function ofRing({ ring }: Health): Finding[] {
  if (!ring) return []
  if (ring.blocked)
    return [
      {
        code: 'ring_blocked',
        what: `The ring cannot turn: ${ring.blocked}${ring.blocked_pid === null ? '' : ` (pid ${ring.blocked_pid})`}. The current slot grows; jobs go on.`,
        remedy: 'Let what blocks it end, or end it; within a minute the space is back.',
      },
    ]
  if (ring.free_slots >= FEW_SLOTS) return []
  return [
    {
      code: 'ring_pressure',
      what: `Only ${ring.free_slots} slots of the ring are free.`,
      remedy:
        'Look at the ring for slots with unfinished jobs: a queue without workers, a paused queue or jobs that run for hours hold them until they are carried.',
    },
  ]
}

function ofDuties({ duties }: MaintenanceReport): Finding[] {
  const failing = duties
    .filter(({ error }) => error !== null)
    .map(
      ({ duty, error }): Finding => ({
        code: 'duty_failing',
        what: `The maintenance duty ${duty} fails: ${error}.`,
        remedy: 'It is tried again by itself. The log of the leader has the whole error.',
      }),
    )
  const slow = duties
    .filter(({ last_ms, budget_ms }) => last_ms > budget_ms)
    .map(
      ({ duty, last_ms, budget_ms, rests_ms }): Finding => ({
        code: 'duty_overruns',
        what: `The maintenance duty ${duty} took ${last_ms} ms of ${budget_ms}, and rests ${rests_ms} ms for it.`,
        remedy:
          'After an outage this passes by itself. If it stays, look at the load of the database and at the size of what the duty cares for.',
      }),
    )
  return [...failing, ...slow]
}

function ofQueues(
  queues: Record<string, Partial<Record<string, number>>>,
  known: { name: string; paused_at: string | null }[],
  workers: { queues: string[]; alive: boolean }[],
): Finding[] {
  const served = new Set(workers.filter(({ alive }) => alive).flatMap((worker) => worker.queues))
  const paused = new Map(known.map(({ name, paused_at }) => [name, paused_at]))
  return Object.entries(queues).flatMap(([queue, { ready = 0, scheduled = 0, retrying = 0 }]): Finding[] => {
    const since = paused.get(queue)
    const waiting = ready + scheduled + retrying
    if (waiting === 0) return []
    if (since)
      return [
        {
          code: 'queue_paused',
          what: `The queue ${queue} has been paused since ${since}; ${waiting} jobs wait in it.`,
          remedy: 'Resume it when it may go on.',
        },
      ]
    if (served.has(queue)) return []
    return [
      {
        code: 'queue_without_worker',
        what: `The queue ${queue} holds ${waiting} jobs, ${ready} of them ready, and no live worker serves it.`,
        remedy: `Start a worker with the queue ${queue}, or drain it.`,
      },
    ]
  })
}

const seconds = (ms: number): string => `${Math.round(ms / 100) / 10} s`
