// Every statement of the package: calls of the engine's functions, one TypeScript function each, and the library's own migration ledger.
// No table of the queue is named anywhere else; what a function promises and locks stands at its head in sql/.
import type { Queryable } from './store.ts'

async function ask<T>(db: Queryable, text: string, values: unknown[]): Promise<T> {
  const { rows } = await db.query(text, values)
  return (rows[0] as { answer: T }).answer
}

const json = (value: unknown): string => JSON.stringify(value ?? null)
const sql = (call: string): string => `select countersign_queue.${call} as answer`

// producers
export type Enqueued = { id: string; conflict: boolean; pressure?: number }
/** `jobs` is JSON text: the caller has checked and measured it. */
export const enqueueMany = (db: Queryable, jobs: string) => ask<Enqueued[]>(db, sql('enqueue_many($1::jsonb)'), [jobs])
export const cancelByKey = (
  db: Queryable,
  kind: string,
  rule: unknown,
  payload: unknown,
  queue: string | null,
  tenant: string | null,
  reason: string | null,
) =>
  ask<Changed | null>(db, sql('cancel_by_key($1::text, $2::jsonb, $3::jsonb, $4::text, $5::uuid, $6::text)'), [
    kind,
    json(rule),
    json(payload),
    queue,
    tenant,
    reason,
  ])
export const rescheduleByKey = (
  db: Queryable,
  kind: string,
  rule: unknown,
  runAt: Date,
  payload: unknown,
  queue: string | null,
  tenant: string | null,
) =>
  ask<Changed | null>(db, sql('reschedule_by_key($1::text, $2::jsonb, $3::timestamptz, $4::jsonb, $5::text, $6::uuid)'), [
    kind,
    json(rule),
    runAt,
    json(payload),
    queue,
    tenant,
  ])

// workers
export const registerKinds = (db: Queryable, kinds: Record<string, unknown>) =>
  ask<void>(db, sql('register_kinds($1::jsonb)'), [json(kinds)])
export const registerWorker = (
  db: Queryable,
  worker: { id: string; queues: string[]; kinds: string[]; host: string; pid: number; version: string; lostAfterMs: number },
) =>
  ask<void>(db, sql('register_worker($1::text, $2::text[], $3::text[], $4::text, $5::integer, $6::text, $7::integer)'), [
    worker.id,
    worker.queues,
    worker.kinds,
    worker.host,
    worker.pid,
    worker.version,
    worker.lostAfterMs,
  ])
export const reanchor = (db: Queryable) => ask<string>(db, sql('reanchor()::text'), [])
/** The last file that a runtime must know to work with this schema (Q144). */
export const oldestRuntime = (db: Queryable) => ask<number>(db, sql('oldest_runtime()'), [])
export const releaseWorker = (db: Queryable, worker: string) => ask<void>(db, sql('release_worker($1::text)'), [worker])

export type Beat = { lost: boolean; cancelled: string[]; gone: string[] }
/** As a text too, for the thread that vouches on a connection of its own. */
export const beatStatement = sql('beat($1::text, $2::jsonb)')
export const beat = (db: Queryable, worker: string, held: { id: string; lease: number }[]) =>
  ask<Beat>(db, beatStatement, [worker, json(held)])

export type HandedJob = {
  id: string
  tenant_id: string
  kind: string
  queue: string
  priority: number
  payload: unknown
  payload_version: number
  attempt: number
  max_attempts: number
  crashes: number
  lease: number
  run_at: string
  enqueued_at: string
  deadline_at: string | null
  deadline_in_ms: number | null
  metadata: Record<string, unknown>
  tags: string[]
  trace: unknown
  progress: { percent?: number; message?: string; data?: Record<string, unknown> } | null
}
/** `ahead`: how many of `n` may not start at once, for no permit is free for them yet. */
export type ClaimWant = { queue: string; n: number; of?: number; ahead?: number; kinds: readonly string[] }
export type Claimed = { lost: boolean; jobs: HandedJob[]; wait_ms: number | null }
export const claim = (db: Queryable, worker: string, token: string, wants: readonly ClaimWant[], sleepMs: number) =>
  ask<Claimed>(db, sql('claim($1::text, $2::uuid, $3::jsonb, $4::integer)'), [worker, token, json(wants), sleepMs])
/** A job of a claim from the ring: id, tenant, kind, payload, enqueued at (ms), deadline in (ms), maximum of attempts, options. */
export type PackedJob = [
  id: string,
  tenantId: string,
  kind: string,
  payload: unknown,
  enqueuedMs: number,
  deadlineInMs: number | null,
  maxAttempts: number,
  rest: PackedRest | null,
]
/** What was not left at its default when the job was made. */
export type PackedRest = {
  payload_version?: number
  metadata?: Record<string, unknown>
  tags?: string[]
  trace?: unknown
}
/** Jobs that were ready in the ring: the lease of the one at i is `lease` + i, its attempt the first. */
export type PackedClaim = { lease: number; queue: string; priority: number; jobs: PackedJob[] }
/** `paced`: queues of which a rate held back more. */
export type ClaimedPacked = Claimed & { claims: PackedClaim[]; paced?: string[] }
/** `relaxed`: this claim alone may be lost with a crash of the database, and is then claimed again (Q47). */
export const claimPacked = async (
  db: Queryable,
  worker: string,
  token: string,
  wants: readonly ClaimWant[],
  sleepMs: number,
  relaxed: boolean,
): Promise<ClaimedPacked> =>
  JSON.parse(
    await ask<string>(db, sql('claim_packed($1::text, $2::uuid, $3::jsonb, $4::integer, $5::boolean)'), [
      worker,
      token,
      json(wants),
      sleepMs,
      relaxed,
    ]),
  )
/** Gives back what a claim call got whose answer was lost; answers how many jobs. */
export const handBack = (db: Queryable, worker: string, token: string) =>
  ask<number>(db, sql('hand_back($1::text, $2::uuid)'), [worker, token])
/** Gives an attempt of a claim a row of its own, under the same fence; false: the fence is stale. */
export const leaveClaim = (db: Queryable, id: string, lease: number, token: string) =>
  ask<boolean>(db, sql('leave_claim($1::text, $2::bigint, $3::uuid)'), [id, lease, token])
/** Positions of one claim that completed with nothing to store; null: all of them. */
export type Settlement = { lease: number; token: string; done: number[] | null }
export type Unsettled = { i: number; verdict: 'already' | 'stale' | 'moved' }
export const settleClaims = (db: Queryable, list: readonly Settlement[]) =>
  ask<(Unsettled[] | null)[]>(db, sql('settle_claims($1::jsonb)'), [json(list)])
export const startIfHeld = (db: Queryable, id: string, lease: number, token: string) =>
  ask<boolean>(db, sql('start($1::text, $2::bigint, $3::uuid)'), [id, lease, token])

export type Result = { id: string; lease: number; token: string; outcome: string } & Record<string, unknown>
export type Verdict = 'settled' | 'already' | 'stale'
export const finishIfHeld = (db: Queryable, results: readonly Result[]) =>
  ask<Verdict[]>(db, sql('finish($1::jsonb)'), [json(results)])
/** For the caller's own transaction, wherever its connection is. */
export const finishInTxStatement = (result: Result) => ({ text: sql('finish_in_tx($1::jsonb)'), values: [json(result)] })
export const storeProgress = (db: Queryable, list: { id: string; lease: number; token: string; progress: unknown }[]) =>
  ask<string[]>(db, sql('progress($1::jsonb)'), [json(list)])

// callbacks
export type CallbackRow = {
  id: string
  tenant_id: string
  job_id: string
  /** Of its job, where one callback is read. */
  kind?: string
  name: string
  state: 'open' | 'completed' | 'failed' | 'expired' | 'cancelled'
  then: 'finish' | 'resume'
  payload: unknown
  error: { error?: string; retryable?: boolean } | null
  expressions: Record<string, string> | null
  created_at: string
  timeout_at: string
  resolved_at: string | null
}
export const createCallback = (
  db: Queryable,
  id: string,
  lease: number,
  token: string,
  name: string,
  timeoutMs: number,
  then: string,
  expressions: Record<string, string> | null = null,
) =>
  ask<CallbackRow>(db, sql('callback_create($1::text, $2::bigint, $3::uuid, $4::text, $5::bigint, $6::text, $7::jsonb)'), [
    id,
    lease,
    token,
    name,
    timeoutMs,
    then,
    expressions && json(expressions),
  ])
export const getCallback = (db: Queryable, id: string) => ask<CallbackRow | null>(db, sql('callback_get($1::text)'), [id])
/** `tag`: of its job. */
export type CallbackFilter = { state?: CallbackRow['state']; job_id?: string; kind?: string; queue?: string; tag?: string }
export const listCallbacks = (db: Queryable, filter: CallbackFilter, after: string | null, limit: number) =>
  ask<CallbackRow[]>(db, sql('list_callbacks($1::jsonb, $2::text, $3::integer)'), [json(filter), after, limit])

export type CallbackAnswer = {
  verdict: CallbackVerdict
  id: string
  job_id: string
  state: State
  timeout_at?: string
  /** What an expression failed of. */
  error?: string
}
export type CallbackVerdict =
  | 'done'
  | 'again'
  | 'ignored'
  | 'resolved'
  | 'expired'
  | 'replayed'
  | 'stale'
  | 'not_found'
  | 'not_waiting'
  | 'expression_failed'
  | 'unbounded'
  | 'signature_invalid'
  | 'signature_expired'
/** Signatures whose MAC was right; the database's clock judges their times. */
export type Proof = readonly { t?: number; tenant_id?: string; not_after?: string }[]
/** From outside: needs no right but countersign_callback. `body` is JSON text, so that every digit of it arrives. */
export const resolveCallback = (
  db: Queryable,
  id: string,
  action: 'complete' | 'fail',
  body: string,
  proof: Proof | null,
  timed: boolean,
) =>
  ask<CallbackAnswer>(db, sql('callback_resolve($1::text, $2::text, $3::jsonb, $4::jsonb, $5::boolean)'), [
    id,
    action,
    body,
    proof && json(proof),
    timed,
  ])
/** For the rest of the transaction: an expression of a callback may run for so long. */
export const limitStatements = "set local statement_timeout = '1s'"
/** Whether this database takes no writes: a replica, or one that was told so. */
export const isReadOnly = (db: Queryable) =>
  ask<boolean>(db, "select pg_is_in_recovery() or current_setting('transaction_read_only')::boolean as answer", [])
export const settleCallback = (db: Queryable, id: string, action: 'resume' | 'retry' | 'cancel', body: unknown) =>
  ask<CallbackAnswer>(db, sql('callback_settle($1::text, $2::text, $3::jsonb)'), [id, action, json(body)])
export const beatCallback = (
  db: Queryable,
  id: string,
  seconds: number,
  lease: string | null = null,
  proof: Proof | null = null,
) =>
  ask<CallbackAnswer>(db, sql('callback_heartbeat($1::text, $2::integer, $3::bigint, $4::jsonb)'), [
    id,
    seconds,
    lease,
    proof && json(proof),
  ])

// readers and operators
export const STATES = [
  'scheduled',
  'retrying',
  'blocked',
  'ready',
  'running',
  'waiting',
  'completed',
  'failed',
  'cancelled',
] as const
export type State = (typeof STATES)[number]
export type JobRow = {
  id: string
  tenant_id: string
  kind: string
  queue: string
  priority: number
  payload: unknown
  payload_version: number
  state: State
  state_reason: string | null
  attempt: number
  max_attempts: number
  crashes: number
  lease: number
  worker: string | null
  run_at: string
  enqueued_at: string
  claimed_at: string | null
  finished_at: string | null
  deadline_at: string | null
  cancel_requested_at: string | null
  errors: { attempt: number; lease: number; at: string; error: string; stack?: string; reason: string; worker?: string }[]
  /** `data` of a kind that seals it reads `[sealed]` where the codec is not. */
  progress: { percent?: number; message?: string; data?: Record<string, unknown> | '[sealed]' } | null
  output: unknown
  metadata: Record<string, unknown>
  tags: string[]
  unique_key: string | null
  ordering_key: string | null
  concurrency_key: string | null
  rate_key: string | null
  trace: unknown
  dead_letter: boolean
}
export type Changed = { id: string; state: State; changed: boolean; conflict?: string }
/** `after`: where an earlier call said to go on. */
export type DeadLetterFilter = { ids?: string[]; queue?: string; kind?: string; reason?: string; all?: boolean; after?: string }
export type JobResult = { kind: string; state: State; reason: string | null; output: unknown; error: string | null }

export const cancelJob = (db: Queryable, id: string, reason: string | null) =>
  ask<Changed | null>(db, sql('cancel_job($1::text, $2::text)'), [id, reason])
export const rescheduleJob = (db: Queryable, id: string, runAt: Date) =>
  ask<Changed | null>(db, sql('reschedule_job($1::text, $2::timestamptz)'), [id, runAt])
export const releaseJob = (db: Queryable, id: string) => ask<Changed | null>(db, sql('release_job($1::text)'), [id])
export const retryJob = (db: Queryable, id: string, overrides: unknown) =>
  ask<Changed | null>(db, sql('retry_job($1::text, $2::jsonb)'), [id, json(overrides)])
export const buryJob = (db: Queryable, id: string, reason: string | null) =>
  ask<Changed | null>(db, sql('bury_job($1::text, $2::text)'), [id, reason])
/** `next`: where to go on when there may be more. */
export type DeadLettersRetried = { retried: string[]; conflicts: { id: string; conflict: string }[]; next: string | null }
export const retryDeadLetters = (db: Queryable, filter: DeadLetterFilter, overrides: unknown) =>
  ask<DeadLettersRetried>(db, sql('retry_dead_letters($1::jsonb, $2::jsonb)'), [json(filter), json(overrides)])
export const purgeDeadLetters = (db: Queryable, filter: DeadLetterFilter) =>
  ask<number>(db, sql('purge_dead_letters($1::jsonb)'), [json(filter)])
export const setPaused = (db: Queryable, what: 'queue' | 'kind', name: string, paused: boolean, actor: string | null) =>
  ask<{ name: string; paused_at: string | null }>(db, sql('set_paused($1::text, $2::text, $3::boolean, $4::text)'), [
    what,
    name,
    paused,
    actor,
  ])
export const drainQueue = (db: Queryable, queue: string) =>
  ask<{ cancelled: Partial<Record<State, number>> }>(db, sql('drain_queue($1::text)'), [queue])

// maintenance and schedules
export type TickCounts = Partial<
  Record<'cron' | 'rescue' | 'callbacks' | 'promote' | 'rotate' | 'prune' | 'carry' | 'unknown' | 'clean', number>
>
export const tick = (db: Queryable, duties: readonly string[] | null) => ask<TickCounts>(db, sql('tick($1::text[])'), [duties])
export const dropLease = (db: Queryable, duty: string, holder: string) =>
  ask<void>(db, sql('drop_lease($1::text, $2::text)'), [duty, holder])
export const vitals = (db: Queryable) =>
  ask<{ schema_version: number; oldest_runtime: number; workers: number; leader: string | null; oldest_ready_ms: number | null }>(
    db,
    sql('vitals()'),
    [],
  )
/** The last file of sql/ that this code was made for. */
export const SCHEMA_VERSION = 19

export type ScheduleRow = {
  id: string
  tenant_id: string
  name: string
  cron: string
  timezone: string
  job: { kind: string; payload?: unknown; queue?: string; priority?: number }
  missed: 'coalesce' | 'catch_up' | 'skip'
  overlap: 'allow' | 'skip' | 'replace'
  jitter_ms: number
  starts_at: string | null
  ends_at: string | null
  declared_in: 'code' | 'api'
  seen_at: string
  paused_at: string | null
  paused_by: string | null
  last_fire: string
  next_fire: string | null
  caught_up: number
  last_job_id: string | null
  /** The newest ten, newest first. */
  recent: Omit<ScheduleFire, 'state'>[]
}
/** `skipped`: `overlap` (the job before still lives), `error` (its job can never be enqueued) or `outage` (`fires` of them were not made up for). */
export type ScheduleFire = {
  fire_time: string
  at: string
  job_id: string | null
  state: State | null
  skipped?: 'overlap' | 'error' | 'outage'
  error?: string
  fires?: number
}
export const databaseNow = (db: Queryable) => ask<Date>(db, sql('now()'), [])
export const upsertSchedule = (db: Queryable, schedule: unknown) =>
  ask<ScheduleRow>(db, sql('schedule_upsert($1::jsonb)'), [json(schedule)])
export const listSchedules = (db: Queryable, name: string | null) =>
  ask<ScheduleRow[]>(db, sql('list_schedules($1::text)'), [name])
export const dueSchedules = (db: Queryable) =>
  ask<{ now: string; due: ScheduleRow[]; wait_ms: number | null }>(db, sql('due_schedules()'), [])
export const removeSchedule = (db: Queryable, id: string) => ask<boolean>(db, sql('schedule_remove($1::text)'), [id])
export const pauseSchedule = (db: Queryable, id: string, paused: boolean, actor: string | null) =>
  ask<ScheduleRow | null>(db, sql('schedule_pause($1::text, $2::boolean, $3::text)'), [id, paused, actor])
export const triggerSchedule = (db: Queryable, id: string) => ask<string | null>(db, sql('schedule_trigger($1::text)'), [id])
/** The ids of the jobs, null when somebody else fired first, or it was paused. */
export const fireIfUnchanged = (
  db: Queryable,
  schedule: ScheduleRow,
  fire: { fires: Date[]; reached: Date; next: Date | null; caughtUp: number; dropped: number },
) =>
  ask<string[] | null>(
    db,
    sql(
      'schedule_fire($1::text, $2::timestamptz, $3::timestamptz[], $4::timestamptz, $5::timestamptz, $6::integer, $7::integer)',
    ),
    [schedule.id, schedule.last_fire, fire.fires, fire.reached, fire.next, fire.caughtUp, fire.dropped],
  )

// the session of a role whose transactions begin in another isolation level
export const readCommitted = 'begin isolation level read committed'
export const endReadCommitted = 'commit'

// wake-ups
export const listen = 'listen countersign_queue'
export const stillThere = 'select 1'
export const backendPid = 'select pg_backend_pid() as pid'

// the library's own migrations; the server runs the same files from its own ledger
export const beginMigration = `begin isolation level read committed; select pg_advisory_xact_lock(x'636f756e'::int, 2)`
export const ledger = `
  create schema if not exists countersign_queue;
  create table if not exists countersign_queue.migrations (
    name text primary key, checksum text not null, applied_at timestamptz(3) not null default clock_timestamp())`
/** Whether somebody else's things lie under our name: what we made has our ledger. */
export const isForeign = `
  select exists (
    select from pg_namespace n
    where n.nspname = 'countersign_queue'
      and not exists (
        select from pg_class c join pg_attribute a on a.attrelid = c.oid
        where c.relnamespace = n.oid and c.relname = 'migrations' and a.attname = 'checksum')
      and (exists (select from pg_class c where c.relnamespace = n.oid) or exists (select from pg_proc p where p.pronamespace = n.oid))
  ) as answer`
/** What a file does that began with `--! breaking`, in its transaction. */
export const breakWith = (db: Queryable, file: number) => ask<void>(db, sql('break_with($1::integer)'), [file])
export const listApplied = 'select name, checksum from countersign_queue.migrations order by name'
export const insertApplied = 'insert into countersign_queue.migrations (name, checksum) values ($1::text, $2::text)'
export const commitMigration = 'commit'
export const rollbackMigration = 'rollback'
/** Every job a row: the plain engine that tests hold the ring against (Q79). Only ever installed by asking for it. */
export const installWithoutRing =
  'create or replace function countersign_queue.ring_on() returns boolean language sql immutable return false'
/** A clock that tests can move: only ever installed by asking for it. */
export const installTestClock = `
  create table if not exists countersign_queue.test_clock (offset_ms bigint not null);
  insert into countersign_queue.test_clock select 0 where not exists (select from countersign_queue.test_clock);
  grant select on countersign_queue.test_clock to public;
  create or replace function countersign_queue.now() returns timestamptz language sql volatile parallel safe
  return date_trunc('milliseconds', clock_timestamp()) + (select offset_ms * interval '1 millisecond' from countersign_queue.test_clock);
  create or replace function countersign_queue.set_test_offset(ms bigint) returns void language sql volatile security invoker
  begin atomic
    update countersign_queue.test_clock set offset_ms = ms;
    select pg_notify('countersign_queue', 'clock');
  end;
  revoke execute on function countersign_queue.set_test_offset(bigint) from public`
export const moveTestClock = (db: Queryable, ms: number) =>
  ask<void>(db, sql('set_test_offset((select offset_ms + $1::bigint from countersign_queue.test_clock))'), [ms])

// operating: schedules, maintenance, dead letters, what a doctor sees
type DeclaredSchedule = { name: string; tenant_id: string | null }
export const scheduleFires = (db: Queryable, id: string) =>
  ask<{ schedule: ScheduleRow; now: string; past: ScheduleFire[] } | null>(db, sql('schedule_fires($1::text)'), [id])
export const schedulesSeen = (db: Queryable, declared: readonly DeclaredSchedule[]) =>
  ask<void>(db, sql('schedules_seen($1::jsonb)'), [json(declared)])
export const pruneSchedules = (db: Queryable, declared: readonly DeclaredSchedule[], unseenMs: number, remove: boolean) =>
  ask<ScheduleRow[]>(db, sql('schedule_prune($1::jsonb, $2::bigint, $3::boolean)'), [json(declared), unseenMs, remove])
/** How one duty of the leader goes: what it did, how long the last turn took, and how long it rests. */
export type DutyReport = {
  duty: string
  every_ms: number
  budget_ms: number
  runs: number
  done: number
  overruns: number
  last_ms: number
  rests_ms: number
  error: string | null
}
export const keepLease = (db: Queryable, duty: string, holder: string, ttlMs: number, report: readonly DutyReport[]) =>
  ask<boolean>(db, sql('keep_lease($1::text, $2::text, $3::integer, $4::jsonb)'), [duty, holder, ttlMs, json(report)])
export type MaintenanceReport = { leader: string | null; until: string | null; duties: DutyReport[] }
export const readMaintenance = (db: Queryable) => ask<MaintenanceReport>(db, sql('maintenance_report()'), [])

export const listDeadLetters = (db: Queryable, filter: DeadLetterSearch, after: string | null, limit: number) =>
  ask<JobRow[]>(db, sql('list_dead_letters($1::jsonb, $2::text, $3::integer)'), [json(filter), after, limit])
export type DeadLetterSearch = { queue?: string; kind?: string; reason?: string }
export const findDeadLetter = (db: Queryable, id: string) => ask<JobRow | null>(db, sql('dead_letter($1::text)'), [id])
export type DeadLetterDepth = {
  as_of: string
  total: number
  oldest_at: string | null
  groups: { queue: string; kind: string; reason: string; n: number; oldest_at: string; newest_at: string }[]
}
export const deadLetterDepth = (db: Queryable) => ask<DeadLetterDepth>(db, sql('dead_letter_depth()'), [])
export type Buried = { moved: string[]; skipped: { id: string; state: State | null }[] }
export const buryJobs = (db: Queryable, ids: readonly string[], reason: string | null) =>
  ask<Buried>(db, sql('bury_jobs($1::text[], $2::text)'), [ids, reason])

export type Pin = { what: string; pid: number | null; name: string | null; transactions: number; age_s: number | null }
export type Findings = { clock_at: string; login: string; denied: string[]; pins: Pin[] }
export const examine = (db: Queryable, needed: readonly string[]) => ask<Findings>(db, sql('doctor($1::text[])'), [needed])

// limits: settings of queues, and keys that keep jobs waiting
export type Settings = Record<string, unknown>
export const configureQueue = (db: Queryable, queue: string, settings: Settings) =>
  ask<Settings>(db, sql('configure_queue($1::text, $2::jsonb)'), [queue, json(settings)])
export const queueSettings = (db: Queryable, queue: string) => ask<Settings>(db, sql('queue_settings($1::text)'), [queue])
export type KeyRow = {
  what: 'order' | 'concurrency' | 'rate' | 'kind'
  key: string
  tenant_id: string | null
  /** Counted up to 1,000. */
  waiting: number
  running: number
  /** When a rate key is looked at again. */
  until: string | null
  head: { id: string; kind: string; state: State; attempt: number; run_at: string } | null
}
export const listKeys = (db: Queryable, queue: string, after: { what: string; key: string } | null, limit: number) =>
  ask<KeyRow[]>(db, sql('list_keys($1::text, $2::jsonb, $3::integer)'), [queue, after && json(after), limit])
export const freeKey = (
  db: Queryable,
  queue: string,
  key: string,
  action: string,
  tenant: string | null,
  reason: string | null,
) =>
  ask<Changed | null>(db, sql('free_key($1::text, $2::text, $3::text, $4::uuid, $5::text)'), [queue, key, action, tenant, reason])

// readers: one job, lists, counts, timelines, figures
/** `q`: part of an id, kind or key, or a tag. `since` and `until` are RFC 3339 times of the enqueue. */
export type JobFilter = {
  state?: State | undefined
  kind?: string | undefined
  queue?: string | undefined
  tag?: string | undefined
  schedule?: string | undefined
  unique_key?: string | undefined
  ordering_key?: string | undefined
  q?: string | undefined
  since?: string | undefined
  until?: string | undefined
  dead_letter?: boolean | undefined
}
export type JobPage = { data: JobRow[]; next_cursor: string | null }
export const findJob = (db: Queryable, id: string) => ask<JobRow | null>(db, sql('job($1::text)'), [id])
export const listJobs = (db: Queryable, filter: JobFilter, after: string | null, limit: number) =>
  ask<JobPage>(db, sql('list_jobs($1::jsonb, $2::text, $3::integer)'), [json(filter), after, limit])
export const jobResults = (db: Queryable, ids: string[]) =>
  ask<Record<string, JobResult>>(db, sql('job_results($1::text[])'), [ids])

export type Depth = Partial<Record<State, number>>
/** `estimated`: queues in which a state has more than 10,000 jobs and was not counted one by one. */
export type Counts = { as_of: string; queues: Record<string, Depth>; estimated: string[] }
export const counts = (db: Queryable) => ask<Counts>(db, sql('counts()'), [])
export type QueueRow = {
  name: string
  paused_at: string | null
  paused_by: string | null
  settings: Record<string, unknown>
  as_of: string
  depth: Depth
  estimated: boolean
  oldest_ready_ms: number | null
  workers: number
}
export const listQueues = (db: Queryable) => ask<QueueRow[]>(db, sql('list_queues()'), [])
/** `stale`: no worker has announced it for a day. */
export type KindRow = {
  name: string
  settings: Record<string, unknown>
  paused_at: string | null
  paused_by: string | null
  seen_at: string | null
  stale: boolean
  workers: number
}
export const listKinds = (db: Queryable) => ask<KindRow[]>(db, sql('list_kinds()'), [])
export type WorkerRow = {
  id: string
  host: string
  pid: number
  version: string
  queues: string[]
  kinds: string[]
  started_at: string
  beat_at: string
  alive: boolean
  running: number
}
export const listWorkers = (db: Queryable) => ask<WorkerRow[]>(db, sql('list_workers()'), [])

export type Transition = {
  at: string
  /** enqueued, claimed, completed, failed, cancelled, retried, rescued, snoozed, handed_back, parked, resumed, restarted, released, due, rescheduled … */
  what: string
  state: State | null
  actor: string | null
  worker: string | null
  attempt: number | null
  lease: number | null
  outcome: string | null
  reason: string | null
  error: string | null
  duration_ms: number | null
}
export const readTimeline = (db: Queryable, id: string) => ask<Transition[] | null>(db, sql('timeline($1::text)'), [id])

export type RingView = {
  as_of: string
  generation: number
  free_slots: number
  ring_blocked: boolean
  blocked_reason: string | null
  blocked_pid: number | null
  /** Both in one text. */
  blocked: string | null
  oldest_age_ms: number | null
  /** Null when the oldest snapshot belongs to a login of which this one may see nothing; its age in transactions everybody sees. */
  horizon_age_s: number | null
  horizon_age_seconds: number | null
  horizon_age_xids: number
  horizon_pid: number | null
  slots: {
    slot: number
    state: 'current' | 'sealed' | 'free'
    generation: number | null
    opened_at: string | null
    age_ms: number | null
    held_by: string | null
    /** An estimate, of all tenants together: null inside one tenant. */
    jobs: number | null
    bytes: number
  }[]
}
export const ringView = (db: Queryable) => ask<RingView>(db, sql('ring_view()'), [])

/** Times are of what completed: p50 and p95 of the attempt, and of the wait before it; right to 9 %. */
export type Figures = {
  completed: number
  failed: number
  cancelled: number
  retried: number
  rescued: number
  p50_ms: number | null
  p95_ms: number | null
  wait_p50_ms: number | null
  wait_p95_ms: number | null
}
export type Stats = {
  as_of: string
  depth: Depth
  oldest_ready_ms: number | null
  dead_letters: number
  workers: number
  last_minute: Figures & { enqueued: number | null }
}
export const readStats = (db: Queryable) => ask<Stats>(db, sql('stats()'), [])
export type Timeseries = {
  from: string
  to: string
  step_seconds: number
  series: { key: string | null; points: (Figures & { at: string })[] }[]
}
export const readTimeseries = (db: Queryable, from: Date, to: Date, step: number, by: string | null) =>
  ask<Timeseries>(db, sql('timeseries($1::timestamptz, $2::timestamptz, $3::integer, $4::text)'), [from, to, step, by])
export const readStatsByKind = (db: Queryable) =>
  ask<(Figures & { kind: string; reasons: Record<string, number> })[]>(db, sql('stats_kinds()'), [])
export const readStatsByQueue = (db: Queryable) =>
  ask<(Figures & { queue: string; depth: Depth; oldest_ready_ms: number | null })[]>(db, sql('stats_queues()'), [])

// waiting: transitions behind a cursor
export type WatchFilter = { ids?: readonly string[]; kind?: string; queue?: string; states?: readonly State[] }
export type Passed = {
  id: string
  tenant_id: string
  kind: string
  queue: string
  state: State
  reason: string | null
  attempt: number
  worker: string | null
  at: string
}
export type Passage = { lost: true } | { lost?: undefined; transitions: Passed[]; more: boolean; cursor: unknown }
export const transitionsSince = (db: Queryable, cursor: unknown, filter: WatchFilter, limit: number) =>
  ask<Passage>(db, sql('transitions_since($1::jsonb, $2::jsonb, $3::integer)'), [json(cursor), json(filter), limit])
