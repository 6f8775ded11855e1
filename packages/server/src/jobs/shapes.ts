// The shapes of jobs, queues, kinds, schedules, callbacks and figures on the wire. Form only; what it means is the verbs' part.
import { STATES } from '@countersign/queue'
import { s } from '../http/route.ts'

export const State = s.oneOf(...(STATES as unknown as [(typeof STATES)[number], ...(typeof STATES)[number][]]))
export const QueueName = s.pattern(
  /^[a-z0-9][a-z0-9_.:-]{0,199}$/,
  'Must be 1 to 200 of a-z, 0-9, _ . : - and begin with a letter or digit.',
)
export const KindName = s.pattern(/^[a-z][a-z0-9_.:-]{0,199}$/, 'Must be 1 to 200 of a-z, 0-9, _ . : - and begin with a letter.')
export const Key = s.pattern(/^[^\0]{1,512}$/, 'Must have 1 to 512 characters.')
export const ScheduleName = s.line({ max: 200 })
const Priority = s.int({ min: 1, max: 4 }).describe('1 is urgent, 4 can wait.')
const Masked = s.json().describe('`{"_redacted": true}` where the caller may not see it.')
const Depth = s.record(s.int({ min: 0 })).describe('How many jobs by state; a state without jobs may be left out.')

export const jobId = { id: s.id('job') }
export const queueName = { name: QueueName }
export const kindName = { name: KindName }
export const scheduleName = { name: ScheduleName }
export const callbackId = { id: s.id('cb') }

const JobError = s.object({
  at: s.time(),
  attempt: s.int({ min: 0 }),
  lease: s.maybe(s.int()),
  reason: s.text(),
  error: s.maybe(s.text()).describe('Null where the caller may not see it.'),
  stack: s.optional(s.text()),
  worker: s.optional(s.maybe(s.text())),
})

const row = {
  id: s.id('job'),
  kind: s.text(),
  queue: s.text(),
  priority: Priority,
  state: State,
  state_reason: s.maybe(s.text()),
  attempt: s.int({ min: 0 }),
  max_attempts: s.int({ min: 1 }),
  crashes: s.int({ min: 0 }),
  lease: s.int(),
  worker: s.maybe(s.text()),
  run_at: s.time(),
  enqueued_at: s.time(),
  claimed_at: s.maybe(s.time()),
  finished_at: s.maybe(s.time()),
  deadline_at: s.maybe(s.time()),
  cancel_requested_at: s.maybe(s.time()),
  progress: Masked,
  metadata: s.jsonObject(),
  tags: s.array(s.text()),
  unique_key: s.maybe(s.text()),
  ordering_key: s.maybe(s.text()),
  concurrency_key: s.maybe(s.text()),
  rate_key: s.maybe(s.text()),
  schedule: s.maybe(s.text()).describe('The schedule that made it.'),
  dead_letter: s.boolean(),
  agent_id: s.maybe(s.id('agt')).describe('The agent that enqueued it over the API.'),
  owner_id: s.maybe(s.id('usr')).describe('The user who enqueued it over the API, or whose agent did.'),
  last_error: s.maybe(JobError),
}

export const JobRowBody = s.named('JobRow', s.object(row), 'A job as lists show it, without its content.')

export const JobBody = s.named(
  'Job',
  s.object({
    ...row,
    payload: Masked,
    payload_version: s.int(),
    output: Masked,
    errors: s.array(JobError).describe('The newest 25 attempts that failed.'),
    trace: s.maybe(s.jsonObject()),
    may: s
      .array(s.oneOf('retry', 'cancel', 'reschedule', 'move'))
      .describe('What the caller may do with it now; only in answers of one job.'),
  }),
  'One piece of work and how it stands.',
)

export const CreateJobBody = s.object({
  kind: KindName,
  payload: s.optional(s.json()),
  queue: s.optional(QueueName),
  priority: s.optional(Priority),
  run_at: s.optional(s.time().describe('Not before this time; now unless said.')),
  max_attempts: s.optional(s.int({ min: 1, max: 1_000 })),
  deadline_seconds: s.optional(s.int({ min: 0, max: 31_622_400 }).describe('How long one attempt may take; 0 for no deadline.')),
  unique_key: s.optional(Key.describe('One job at a time has this key; see `on_conflict`.')),
  on_conflict: s.optional(
    s
      .oneOf('reject', 'return', 'replace')
      .describe(
        '`reject` (default): 409 with `job_id`. `return`: that job, 200. `replace`: that job, not yet running, takes payload and time, 200.',
      ),
  ),
  ordering_key: s.optional(Key),
  order: s.optional(s.oneOf('shard', 'strict').describe('`strict`: of one `ordering_key` one job after the other.')),
  concurrency_key: s.optional(Key),
  rate_key: s.optional(Key),
  tags: s.optional(s.array(s.line({ max: 100 }), { max: 18 })),
  metadata: s.optional(s.jsonObject()),
})

export const listQuery = {
  state: s.optional(State),
  kind: s.optional(KindName),
  queue: s.optional(QueueName),
  tag: s.optional(s.line({ max: 100 })),
  schedule: s.optional(ScheduleName),
  unique_key: s.optional(Key),
  ordering_key: s.optional(Key),
  q: s.optional(s.line({ max: 200 }).describe('Part of an id, kind, queue, tag or key.')),
  since: s.optional(s.time().describe('Enqueued at or after this time.')),
  until: s.optional(s.time().describe('Enqueued before this time.')),
}

export const TimelineBody = s.named(
  'JobTransition',
  s.object({
    at: s.time(),
    what: s.text().describe('`enqueued`, `claimed`, `completed`, `retrying`, `rescued`, `retried` …'),
    state: s.maybe(State).describe('The state that the job then had.'),
    actor: s.maybe(s.object({ type: s.oneOf('user', 'agent', 'key', 'guest', 'system', 'worker'), id: s.text() })),
    attempt: s.maybe(s.int({ min: 0 })),
    lease: s.maybe(s.int()),
    worker: s.maybe(s.text()),
    outcome: s.maybe(s.text()),
    reason: s.maybe(s.text()),
    error: s.maybe(s.text()),
    duration_ms: s.maybe(s.int({ min: 0 })),
  }),
)

export const ResultBody = s.named(
  'JobResult',
  s.object({
    id: s.id('job'),
    state: State,
    done: s.boolean().describe('Whether the job is over.'),
    reason: s.maybe(s.text()),
    output: Masked,
    error: s.maybe(s.text()),
  }),
)

export const ids = s.array(s.id('job'), { min: 1, max: 1_000 })

export const BulkBody = s.named(
  'JobsChanged',
  s.object({
    changed: s.int({ min: 0 }),
    data: s.array(
      s.object({
        id: s.id('job'),
        changed: s.boolean(),
        state: s.maybe(State).describe('Null when there is no such job.'),
        code: s.maybe(
          s.oneOf('not_found', 'state_conflict', 'unique_conflict', 'approval_pending', 'policy_denied', 'human_denied'),
        ),
        job_id: s.optional(s.id('job')).describe('The job that holds the unique key.'),
      }),
    ),
  }),
  'What became of each job of a bulk call.',
)

const Rate = s.object({
  limit: s.int({ min: 1, max: 1_000_000 }),
  per_seconds: s.int({ min: 1, max: 86_400 }),
  burst: s.optional(s.int({ min: 1, max: 1_000_000 })),
})

const limits = {
  max_running: s.maybe(s.int({ min: 0, max: 1_000_000 })).describe('How many run at once, over all processes.'),
  max_running_per_key: s
    .maybe(s.either(s.int({ min: 0, max: 1_000_000 }), s.record(s.int({ min: 0, max: 1_000_000 }))))
    .describe('How many of one concurrency key run at once: for every key, or by the beginning of the key.'),
  rate: s.maybe(Rate),
  rate_per_key: s.maybe(s.either(Rate, s.record(Rate))).describe('For every rate key, or by the beginning of the key.'),
  max_depth: s.maybe(s.int({ min: 1, max: 1_000_000_000 })),
  on_full: s.oneOf('reject', 'signal'),
  fair_by: s.maybe(s.oneOf('tenant', 'concurrency_key')),
  weights: s.maybe(s.record(s.number({ min: 0.001, max: 1_000_000 }))).describe('Of groups of a fair queue; 1 unless said.'),
  aging_seconds: s.int({ min: 0, max: 86_400 }).describe('After how long a waiting job counts as one priority higher; 0: never.'),
  undeclared: s
    .maybe(s.boolean())
    .describe(
      'Whether it takes jobs of kinds that no worker declared; null: not over the API, but from SQL and from TypeScript, where a producer may be first.',
    ),
}

export const QueueBody = s.named(
  'Queue',
  s.object({
    name: s.text(),
    paused_at: s.maybe(s.time()),
    paused_by: s.maybe(s.text()),
    depth: Depth,
    estimated: s.boolean().describe('Whether some count above 10,000 is an estimate.'),
    as_of: s.time(),
    oldest_ready_ms: s.maybe(s.int({ min: 0 })),
    workers: s.int({ min: 0 }).describe('Live workers that serve it.'),
    ...limits,
  }),
)

export const QueueChange = s.object(limits).partial()

export const DrainedBody = s.object({ name: s.text(), cancelled: Depth })

export const BlockedKey = s.named(
  'QueueKey',
  s.object({
    ref: s.text().describe('What stands for the key in a path.'),
    key: s.text(),
    by: s.oneOf('ordering_key', 'concurrency_key', 'rate_key', 'kind'),
    waiting: s.int({ min: 0 }).describe('How many jobs wait for it; counted up to 1,000.'),
    running: s.int({ min: 0 }),
    until: s.maybe(s.time()).describe('When a rate key is looked at again.'),
    head: s
      .maybe(s.object({ id: s.id('job'), kind: s.text(), state: State, attempt: s.int({ min: 0 }), run_at: s.time() }))
      .describe('Of an ordering key the job that the others wait for; else who is next.'),
  }),
)

export const KindBody = s.named(
  'Kind',
  s.object({
    name: s.text(),
    paused_at: s.maybe(s.time()),
    paused_by: s.maybe(s.text()),
    seen_at: s.maybe(s.time()).describe('When a worker last declared it.'),
    stale: s.boolean().describe('Not declared for a day.'),
    workers: s.int({ min: 0 }).describe('Live workers that run it.'),
    queue: s.maybe(s.text()),
    priority: s.maybe(Priority),
    max_attempts: s.maybe(s.int()),
    max_crashes: s.maybe(s.int()),
    deadline_ms: s.maybe(s.int()),
    keep_output_ms: s.maybe(s.int()),
    dead_letters: s.boolean(),
    payload_version: s.maybe(s.int()),
  }),
)

export const ScheduleBody = s.named(
  'Schedule',
  s.object({
    id: s.id('sch'),
    name: s.text(),
    cron: s.text(),
    timezone: s.text(),
    kind: s.text(),
    queue: s.maybe(s.text()),
    priority: s.maybe(Priority),
    payload: Masked,
    missed: s.oneOf('coalesce', 'catch_up', 'skip'),
    overlap: s.oneOf('allow', 'skip', 'replace'),
    jitter_seconds: s.number({ min: 0 }),
    starts_at: s.maybe(s.time()),
    ends_at: s.maybe(s.time()),
    declared_in: s.oneOf('code', 'api'),
    seen_at: s.time(),
    paused_at: s.maybe(s.time()),
    paused_by: s.maybe(s.text()),
    last_fire: s.maybe(s.time()),
    next_fire: s.maybe(s.time()),
    last_job_id: s.maybe(s.id('job')),
  }),
)

const schedule = {
  cron: s.line({ max: 200 }).describe('Five or six fields, or @hourly and its like.'),
  timezone: s.optional(s.line({ max: 100 }).describe('IANA name; UTC unless said.')),
  kind: KindName,
  payload: s.optional(s.json()),
  queue: s.optional(QueueName),
  priority: s.optional(Priority),
  missed: s.optional(s.oneOf('coalesce', 'catch_up', 'skip')),
  overlap: s.optional(s.oneOf('allow', 'skip', 'replace')),
  jitter_seconds: s.optional(s.int({ min: 0, max: 86_400 })),
  starts_at: s.nullish(s.time()),
  ends_at: s.nullish(s.time()),
}
export const NewSchedule = s.object({ name: ScheduleName, ...schedule })
export const ScheduleChange = s.object({ ...schedule, cron: s.optional(schedule.cron), kind: s.optional(schedule.kind) })

export const FiresBody = s.named(
  'ScheduleFires',
  s.object({
    past: s.array(
      s.object({
        fire_time: s.time(),
        at: s.time(),
        job_id: s.maybe(s.id('job')),
        state: s.maybe(State).describe('How its job stands; null when it is no longer kept.'),
        skipped: s.maybe(s.oneOf('overlap', 'outage', 'error')).describe('Why there is no job.'),
        error: s.maybe(s.text()),
        fires: s.maybe(s.int({ min: 1 })).describe('How many fires of an outage nobody makes up for.'),
      }),
    ),
    next: s.array(s.time()),
  }),
  'What a schedule has fired, newest first, and the next ten times.',
)

export const FindingsBody = s.named(
  'QueueFindings',
  s.object({
    healthy: s.boolean(),
    findings: s.array(
      s.object({
        code: s.text().describe('`queue_without_worker`, `queue_paused`, `leader_missing`, `listen_lost`, `ring_pressure` …'),
        what: s.text().describe('What is wrong.'),
        remedy: s.text().describe('What to do.'),
      }),
    ),
  }),
  'What is wrong with the queue and what to do about it; empty when nothing is.',
)

export const DeadLetterFilter = s.object({
  ids: s.optional(ids),
  kind: s.optional(KindName),
  queue: s.optional(QueueName),
  reason: s.optional(s.line({ max: 100 })),
  all: s.optional(s.literal(true).describe('Everything, when no filter is meant.')),
  after: s.optional(s.id('job').describe('The `next` of the call before.')),
})
export const overrides = {
  queue: s.optional(QueueName),
  priority: s.optional(Priority),
  run_at: s.optional(s.time()),
  payload: s.optional(s.json()),
}

export const DeadLetterDepth = s.named(
  'DeadLetterDepth',
  s.object({
    as_of: s.time(),
    total: s.int({ min: 0 }),
    oldest_at: s.maybe(s.time()),
    groups: s.array(
      s.object({
        kind: s.text(),
        queue: s.text(),
        reason: s.text(),
        n: s.int({ min: 0 }),
        oldest_at: s.time(),
        newest_at: s.time(),
      }),
    ),
  }),
)

export const RetriedBody = s.object({
  retried: s.int({ min: 0 }),
  conflicts: s
    .array(s.object({ id: s.id('job'), job_id: s.id('job') }))
    .describe('Letters that stayed: another job has their unique key.'),
  next: s.maybe(s.id('job')).describe('Where to go on when letters are left: call again with it as `after` in the filter.'),
})
export const PurgedBody = s.object({ purged: s.int({ min: 0 }), more: s.boolean() })

export const WorkerBody = s.named(
  'Worker',
  s.object({
    id: s.text(),
    host: s.maybe(s.text()).describe('Null for callers who may not see the machines.'),
    pid: s.maybe(s.int()),
    version: s.text(),
    queues: s.array(s.text()).describe('Those that the tenant knows.'),
    kinds: s.array(s.text()),
    started_at: s.time(),
    beat_at: s.time(),
    alive: s.boolean(),
    running: s.int({ min: 0 }).describe('How many jobs of this tenant it runs.'),
  }),
)

export const RingBody = s.named(
  'Ring',
  s.object({
    as_of: s.time(),
    generation: s.int({ min: 0 }),
    free_slots: s.int({ min: 0 }),
    ring_blocked: s.boolean(),
    blocked_reason: s.maybe(s.text()).describe('Why no slot can be freed, when that is so.'),
    oldest_age_ms: s.maybe(s.int({ min: 0 })),
    horizon_age_s: s.maybe(s.number({ min: 0 })).describe('How long the oldest snapshot of the database is held.'),
    slots: s.array(
      s.object({
        slot: s.int({ min: 0 }),
        state: s.oneOf('current', 'sealed', 'free'),
        generation: s.maybe(s.int({ min: 0 })),
        opened_at: s.maybe(s.time()),
        age_ms: s.maybe(s.int({ min: 0 })),
        held_by: s.maybe(s.text()).describe('What keeps a sealed slot from being emptied.'),
      }),
    ),
  }),
  'The ring of slots, of all tenants together: states, no counts.',
)

export const MaintenanceBody = s.named(
  'Maintenance',
  s.object({
    leads: s.boolean().describe('Whether some process leads maintenance.'),
    leader: s.maybe(s.text()).describe('Null for callers who may not see the machines.'),
    workers: s.int({ min: 0 }).describe('Live workers.'),
    schema_version: s.maybe(s.int()),
    expected_schema_version: s.int(),
    degraded: s
      .array(s.text())
      .describe('What goes on, but worse than it could: listen, maintenance, schema, ring_blocked, horizon …'),
    duties: s.array(
      s.object({
        duty: s.text(),
        every_ms: s.int({ min: 0 }),
        budget_ms: s.int({ min: 0 }),
        runs: s.int({ min: 0 }),
        overruns: s.int({ min: 0 }),
        last_ms: s.number({ min: 0 }),
        rests_ms: s.number({ min: 0 }).describe('How long it rests for having overrun.'),
        failing: s.boolean(),
      }),
    ),
  }),
)

export const TickBody = s.named(
  'Tick',
  s.object({ duties: s.array(s.text()).describe('The duties that were looked at.'), took_ms: s.number({ min: 0 }) }),
)

export const CapabilitiesBody = s.named(
  'Capabilities',
  s.object({
    version: s.text(),
    read_only: s.boolean().describe('The database takes no writes now; mutations answer 503 `read_only`.'),
    schema_version: s.maybe(s.int()),
    expected_schema_version: s.int(),
    features: s.array(s.text()),
  }),
)

const counted = {
  completed: s.int({ min: 0 }),
  failed: s.int({ min: 0 }),
  cancelled: s.int({ min: 0 }),
  retried: s.int({ min: 0 }),
  rescued: s.int({ min: 0 }),
  p50_ms: s.maybe(s.number({ min: 0 })).describe('How long an attempt took that completed, in the middle.'),
  p95_ms: s.maybe(s.number({ min: 0 })),
  wait_p50_ms: s.maybe(s.number({ min: 0 })).describe('How long such a job waited before it.'),
  wait_p95_ms: s.maybe(s.number({ min: 0 })),
}

export const StatsBody = s.named(
  'QueueStats',
  s.object({
    as_of: s.time(),
    depth: Depth,
    oldest_ready_ms: s.maybe(s.int({ min: 0 })),
    dead_letters: s.int({ min: 0 }),
    workers: s.int({ min: 0 }),
    last_minute: s.object({ enqueued: s.maybe(s.int({ min: 0 })), ...counted }),
  }),
)

export const SeriesBody = s.named(
  'QueueSeries',
  s.object({
    from: s.time(),
    to: s.time(),
    step_seconds: s.int({ min: 1 }),
    series: s.array(
      s.object({
        key: s.maybe(s.text()).describe('The kind, queue or outcome; null without `by`.'),
        points: s.array(s.object({ at: s.time(), ...counted })),
      }),
    ),
  }),
)

export const KindStats = s.named(
  'KindStats',
  s.object({ kind: s.text(), ...counted, reasons: s.record(s.int({ min: 0 })).describe('Failures by reason.') }),
)
export const QueueStatsRow = s.named(
  'QueueStatsRow',
  s.object({ queue: s.text(), ...counted, depth: Depth, oldest_ready_ms: s.maybe(s.int({ min: 0 })) }),
)

export const CallbackBody = s.named(
  'Callback',
  s.object({
    id: s.id('cb'),
    job_id: s.id('job'),
    name: s.text(),
    state: s.oneOf('open', 'completed', 'failed', 'expired', 'cancelled'),
    // biome-ignore lint/suspicious/noThenProperty: the word of the wire; a schema is never awaited
    then: s.oneOf('finish', 'resume'),
    payload: Masked,
    error: s.maybe(s.jsonObject()),
    expressions: s.maybe(s.jsonObject()).describe('How answers are judged: jsonpath by name.'),
    created_at: s.time(),
    timeout_at: s.time(),
    resolved_at: s.maybe(s.time()),
  }),
  'A job that waits for the outside.',
)
export const SettledBody = s.object({ id: s.id('cb'), job_id: s.id('job'), state: State })
export const keyName = {
  name: QueueName,
  key: s.pattern(/^[^\0/]{1,700}$/, 'Must be the `ref` of a key.'),
}
export const FreedKey = s.object({ key: s.text(), job_id: s.id('job'), state: s.maybe(State) })
