// What a program can do in one step: one call of one function, the same on both engines under each engine's own ids, and what its answer must have
// in common. A step knows the names of jobs and attempts; what it changes in the world comes true at the commit.
import type { Session, Told, Which } from '../harness.ts'
import { reconcileClaim } from './claims.ts'
import { type Attempt, type Callback, type Job, keyOf, type Line, newName, type Pair, pairOf, type World } from './world.ts'

export type Step = {
  says: string
  ask(session: Session, which: Which): Promise<Told>
  /** What of the two answers must be equal; the answer itself when there is nothing to say. */
  common?(answer: unknown, which: Which): unknown
  /** For answers that need not be equal: looks at both, and says by throwing what is wrong. */
  judge?(answers: Pair<unknown>, sessions: Pair<Session>): Promise<void>
  /** At once, inside the transaction. */
  now?(answers: Pair<unknown>): void
  after?(answers: Pair<unknown>): void
  /** A plain enqueue and a tick wait for nobody (Q30, Q60). */
  neverWaits?: string
  holds: boolean
  /** A transaction of its own, as maintenance has it. */
  isShort?: boolean
  /** Told which connection takes it. */
  on?(line: number): void
}

export const QUEUES = ['alpha', 'beta', 'gamma'] as const
export const WORKERS = ['w1', 'w2', 'w3'] as const
const BACKOFF = { base_ms: 900_000, factor: 1, jitter: 0 }
/** Every time a multiple of ten minutes and five: the clock moves by tens, so that nothing falls due between the calls to two engines. */
export const KINDS: Record<string, object> = {
  plain: { backoff: BACKOFF },
  mail: {
    backoff: BACKOFF,
    max_attempts: 3,
    follow_ups: [{ on: 'completed', kind: 'after', queue: 'beta', select: '$.job.payload' }],
  },
  frail: { backoff: BACKOFF, max_crashes: 2, max_attempts: 4 },
  slow: { backoff: BACKOFF, deadline_ms: 1_500_000, priority: 3 },
  silent: { backoff: BACKOFF, dead_letters: false, max_attempts: 1 },
  after: { backoff: BACKOFF },
  odd: { backoff: BACKOFF, queue: 'gamma' },
}
const MINUTES = [15, 35, 65, 125]

const json = JSON.stringify

type New = { key: string; body: Record<string, unknown> }

function newJob(world: World, isPlain: boolean): New {
  const { random } = world
  const kind = random.pick(Object.keys(KINDS))
  const k = newName(world, 'j')
  const body: Record<string, unknown> = { kind, payload: random.chance(0.1) ? { k, text: 'é'.repeat(random.below(600)) } : { k } }
  if (random.chance(0.8)) body.queue = random.pick(QUEUES)
  if (random.chance(0.3)) body.priority = 1 + random.below(4)
  if (random.chance(0.1)) body.max_attempts = 1 + random.below(3)
  if (random.chance(0.1)) body.metadata = { team: 'blue', n: random.below(9) }
  if (random.chance(0.1)) body.tags = ['red', 'green']
  if (random.chance(0.05)) body.deadline_ms = 2_100_000
  if (random.chance(0.05)) body.max_crashes = 1
  if (random.chance(0.05)) body.payload_version = 2
  if (random.chance(0.05)) body.trace = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }
  if (!isPlain)
    random.weighted<() => void>([
      [3, () => (body.delay_ms = random.pick(MINUTES) * 60_000)],
      [1, () => (body.hold = 'look first')],
      [4, () => (body.unique = uniqueRule(world))],
    ])()
  return { key: `${kind} ${k}`, body }
}

function uniqueRule({ random }: World): Record<string, unknown> {
  return {
    key: `u${random.below(3)}`,
    on_conflict: random.pick(['return', 'reject', 'replace']),
    ...(random.chance(0.3) ? { while: ['ready', 'scheduled', 'retrying', 'blocked'] } : {}),
    ...(random.chance(0.2) ? { preserve_run_at: true } : {}),
  }
}

type Enqueued = { id: string; conflict: boolean }[]

export function enqueue(world: World, line: Line): Step {
  const { random } = world
  const isPlain = random.chance(0.7)
  const jobs = Array.from({ length: random.chance(0.5) ? 1 : 2 + random.below(7) }, () =>
    newJob(world, isPlain || random.chance(0.5)),
  )
  const hasKey = jobs.some((job) => 'unique' in job.body)
  const list = (answer: unknown) => answer as Enqueued
  return {
    says: `enqueue ${jobs.map((job) => `${job.key}${json({ ...job.body, kind: undefined, payload: undefined })}`).join(', ')}`,
    ask: (s) => s.call('enqueue_many($1::jsonb)', [json(jobs.map((job) => job.body))]),
    now(answers) {
      jobs.forEach((job, n) => {
        const id = pairOf((which) => list(answers[which])[n]?.id ?? '')
        if (list(answers.ring)[n]?.conflict) return
        world.keys.ring.set(id.ring, job.key)
        world.keys.oracle.set(id.oracle, job.key)
        const made: Job = {
          key: job.key,
          id,
          kind: job.body.kind as string,
          lane: `${job.body.queue ?? (job.body.kind === 'odd' ? 'gamma' : 'default')} ${job.body.priority ?? (job.body.kind === 'slow' ? 3 : 2)}`,
          txn: line.txn,
          index: line.enqueued.length,
          drew: line.drew,
          committed: null,
          isPlain: line.readCommitted && !('unique' in job.body || 'hold' in job.body || 'delay_ms' in job.body),
          isGhost: false,
        }
        line.enqueued.push(made)
      })
    },
    common: (answer, which) => list(answer).map((one, n) => (one.conflict ? keyOf(world, which, one) : jobs[n]?.key)),
    ...(hasKey ? {} : { neverWaits: 'EnqueueNeverWaits' }),
    holds: hasKey,
  }
}

export function claim(world: World): Step {
  const { random } = world
  const worker = random.pick(WORKERS)
  const queues = random.some([...QUEUES, 'default'], 4)
  const kinds = random.chance(0.8) ? Object.keys(KINDS) : random.some(Object.keys(KINDS), 5)
  const wants = queues.map((queue) => ({ queue, n: 1 + random.below(random.chance(0.5) ? 3 : 12), kinds }))
  const isPacked = random.chance(0.5)
  return {
    says: `claim ${worker} ${isPacked ? 'packed ' : ''}${json(wants)}`,
    ...reconcileClaim(world, { worker, wants, isPacked }),
    holds: true,
  }
}

type Outcome = Record<string, unknown> & { outcome: string }

function outcomeOf(world: World, attempt: Attempt): Outcome {
  const { random } = world
  const callback = random.pick([null, ...world.callbacks.filter((one) => one.key === attempt.key)])
  if (callback) return { outcome: 'park', callback }
  return random.weighted<Outcome>([
    [8, { outcome: 'completed' }],
    [2, { outcome: 'completed', output: { sum: random.below(100) } }],
    [1, { outcome: 'completed', enqueue: [{ kind: 'plain', queue: 'alpha', payload: { k: newName(world, 'e') } }] }],
    [1, { outcome: 'completed', enqueue: [{ kind: 'plain', queue: 'NOT A QUEUE' }] }],
    [2, { outcome: 'failed', error: 'broken' }],
    [1, { outcome: 'failed', reason: 'output_invalid', error: 'circular' }],
    [1, { outcome: 'retry', after_ms: random.pick(MINUTES) * 60_000 }],
    [1, { outcome: 'snooze', after_ms: random.pick(MINUTES) * 60_000 }],
    [1, { outcome: 'discard', error: 'no account' }],
    [1, { outcome: 'cancel', reason: 'not needed' }],
    [2, { outcome: 'release' }],
  ])
}

function spokenOutcome(attempt: Attempt, said: Outcome, which: Which, token = attempt.token[which]): Record<string, unknown> {
  const { callback, ...rest } = said as Outcome & { callback?: Callback }
  return {
    id: attempt.id[which],
    lease: attempt.lease[which],
    token,
    ...rest,
    ...(callback ? { callback_id: callback.id[which] } : {}),
  }
}

/** Ends some attempts, among them ones that are over, said once more or otherwise, and ones under a token that nobody was given. */
export function finish(world: World): Step | null {
  const { random } = world
  const fresh = random
    .some(world.held, 5)
    .map((attempt) => ({ attempt, said: outcomeOf(world, attempt), token: undefined as string | undefined }))
  const again = random
    .some(world.over, 2)
    .filter(() => random.chance(0.5))
    .map((attempt) => ({
      attempt,
      said: random.chance(0.5) ? (attempt.said as Outcome) : outcomeOf(world, attempt),
      token: undefined as string | undefined,
    }))
  const wrong = random
    .some(world.held, 1)
    .filter(() => random.chance(0.2))
    .map((attempt) => ({ attempt, said: outcomeOf(world, attempt), token: crypto.randomUUID() as string | undefined }))
  const all = [...wrong, ...fresh, ...again]
  if (all.length === 0) return null
  const verdicts = (answer: unknown) => answer as string[]
  return {
    says: `finish ${all.map((one) => `${one.attempt.key} of ${one.attempt.worker}: ${json({ ...one.said, callback: undefined })}${one.token ? ' (wrong token)' : ''}`).join(', ')}`,
    ask: (s, which) =>
      s.call('finish($1::jsonb)', [json(all.map((one) => spokenOutcome(one.attempt, one.said, which, one.token)))]),
    common: (answer) => verdicts(answer).map((verdict, n) => forgiven(world, all[n], verdict)),
    after() {
      for (const { attempt, said } of fresh) endAttempt(world, attempt, said)
    },
    holds: true,
  }
}

/**
 * Nothing changes, and two words may say so: once the slot of a completed job is truncated the ring cannot know whose repetition this is; and
 * "completed" said again with another output is a repetition to the one, and stale to the other.
 */
function forgiven(world: World, one: { attempt: Attempt; said: Outcome } | undefined, verdict: string): string {
  if (!one || !world.over.includes(one.attempt)) return verdict
  const isSame = one.said === one.attempt.said
  return ['already', 'stale'].includes(verdict) && (!isSame || !world.ids.has(one.attempt.key)) ? 'over' : verdict
}

function endAttempt(world: World, attempt: Attempt, said: Outcome): void {
  attempt.said = said
  world.held = world.held.filter((one) => one !== attempt)
  world.over = [...world.over.filter((one) => one !== attempt), attempt].slice(-30)
}

type Left = { i: number; verdict: string }[] | null

/** The fast finish: whole claims or some of their jobs, completed without extras; an attempt that has a row of its own is finished there (Q49). */
export function settleClaims(world: World): Step | null {
  const mine = world.random.some(
    world.held.filter((one) => one.isPacked),
    12,
  )
  if (mine.length === 0) return null
  const ask = async (s: Session, which: Which): Promise<Told> => {
    const claims = new Map<string, Attempt[]>()
    const rows: Attempt[] = []
    for (const one of mine)
      if (which === 'oracle') rows.push(one)
      else claims.set(`${one.lease.ring >> 10}`, [...(claims.get(`${one.lease.ring >> 10}`) ?? []), one])
    const verdicts = new Map<Attempt, string>()
    const list = [...claims.values()]
    if (list.length > 0) {
      const spoken = list.map((of) => ({
        lease: Math.floor((of[0]?.lease.ring ?? 0) / 1024) * 1024,
        token: of[0]?.token.ring,
        done: of.map((one) => one.lease.ring % 1024),
      }))
      const told = await s.call('settle_claims($1::jsonb)', [json(spoken)])
      if (told.code !== null) return told
      list.forEach((of, n) => {
        const left = (told.answer as Left[])[n] ?? []
        for (const one of of) verdicts.set(one, left.find(({ i }) => i === one.lease.ring % 1024)?.verdict ?? 'settled')
      })
    }
    for (const [one, verdict] of verdicts) if (verdict === 'moved') rows.push(one)
    if (rows.length > 0) {
      const told = await s.call('finish($1::jsonb)', [
        json(rows.map((one) => spokenOutcome(one, { outcome: 'completed' }, which))),
      ])
      if (told.code !== null) return told
      rows.forEach((one, n) => {
        verdicts.set(one, (told.answer as string[])[n] ?? '')
      })
    }
    return { answer: mine.map((one) => verdicts.get(one)), code: null }
  }
  return {
    says: `settle ${mine.map((one) => one.key).join(', ')}`,
    ask,
    after() {
      for (const attempt of mine) endAttempt(world, attempt, { outcome: 'completed' })
    },
    holds: true,
  }
}

export function finishInTx(world: World): Step | null {
  if (world.held.length === 0) return null
  const attempt = world.random.pick(world.held)
  const said = outcomeOf(world, attempt)
  return {
    says: `finish_in_tx ${attempt.key} ${json({ ...said, callback: undefined })}`,
    ask: (s, which) => s.call('finish_in_tx($1::jsonb)', [json(spokenOutcome(attempt, said, which))]),
    after: () => endAttempt(world, attempt, said),
    holds: true,
  }
}

export function progress(world: World): Step | null {
  const mine = world.random.some([...world.held, ...world.over], 3)
  if (mine.length === 0) return null
  const percent = world.random.below(101)
  return {
    says: `progress ${percent} of ${mine.map((one) => one.key).join(', ')}`,
    ask: (s, which) =>
      s.call('progress($1::jsonb)', [
        json(mine.map((one) => ({ id: one.id[which], lease: one.lease[which], token: one.token[which], progress: { percent } }))),
      ]),
    common: (answer, which) => (answer as string[]).map((id) => keyOf(world, which, { id })).sort(),
    holds: true,
  }
}

export function start(world: World): Step | null {
  const all = [...world.held, ...world.over]
  if (all.length === 0) return null
  const one = world.random.pick(all)
  return {
    says: `start ${one.key}`,
    ask: (s, which) => s.call('start($1::text, $2::bigint, $3::uuid)', [one.id[which], one.lease[which], one.token[which]]),
    holds: true,
  }
}

/** In the ring an attempt gets a row of its own; in the oracle it has one. */
export function leaveClaim(world: World): Step | null {
  if (world.held.length === 0) return null
  const one = world.random.pick(world.held)
  return {
    says: `leave_claim ${one.key}`,
    ask: (s, which) =>
      which === 'ring'
        ? s.call('leave_claim($1::text, $2::bigint, $3::uuid)', [one.id.ring, one.lease.ring, one.token.ring])
        : s.call('now()'),
    common: () => null,
    holds: true,
  }
}

export function ownJob(world: World): Step | null {
  const at = someJob(world)
  if (!at) return null
  return {
    says: `own_job ${at.key}`,
    ask: (s, which) => (which === 'ring' ? s.call('own_job($1::text)', [at.id.ring]) : s.call('now()')),
    common: () => null,
    now: () => unplain(world, at.key),
    holds: true,
  }
}

export function beat(world: World): Step {
  const worker = world.random.pick(WORKERS)
  const held = [...world.held, ...world.over].filter((one) => one.worker === worker)
  return {
    says: `beat ${worker}`,
    ask: (s, which) =>
      s.call('beat($1::text, $2::jsonb)', [worker, json(held.map((one) => ({ id: one.id[which], lease: one.lease[which] })))]),
    common(answer, which) {
      const told = answer as { lost: boolean; cancelled: string[]; gone: string[] }
      const keys = (ids: string[]) => [...new Set(ids.map((id) => keyOf(world, which, { id })))].sort()
      return { lost: told.lost, cancelled: keys(told.cancelled), gone: keys(told.gone) }
    },
    holds: true,
  }
}

export function callbackCreate(world: World): Step | null {
  if (world.held.length === 0) return null
  const { random } = world
  const attempt = random.pick(world.held)
  const name = random.pick(['bank', 'post'])
  const then = random.pick(['finish', 'resume'])
  const ms = random.pick(MINUTES) * 60_000
  return {
    says: `callback_create ${attempt.key} ${name} ${then}`,
    ask: (s, which) =>
      s.call('callback_create($1::text, $2::bigint, $3::uuid, $4::text, $5::bigint, $6::text)', [
        attempt.id[which],
        attempt.lease[which],
        attempt.token[which],
        name,
        ms,
        then,
      ]),
    common: (answer) => only(answer, ['name', 'state', 'then', 'payload', 'error']),
    after(answers) {
      const id = pairOf((which) => (answers[which] as { id: string }).id)
      if (!world.callbacks.some((one) => one.id.oracle === id.oracle))
        world.callbacks.push({ name: newName(world, 'c'), key: attempt.key, id })
    },
    holds: true,
  }
}

export function callbackSettle(world: World): Step | null {
  if (world.callbacks.length === 0) return null
  const { random } = world
  const callback = random.pick(world.callbacks.slice(-8))
  const [action, body] = random.weighted<readonly [string, object]>([
    [4, ['complete', { payload: { paid: random.below(3) } }]],
    [1, ['fail', { error: 'refused' }]],
    [1, ['fail', { error: 'busy', retryable: true }]],
    [1, ['resume', { payload: 1 }]],
    [1, ['retry', {}]],
    [1, ['cancel', {}]],
    [1, ['heartbeat', {}]],
  ])
  return {
    says: `callback ${callback.name} of ${callback.key} ${action}`,
    ask: (s, which) =>
      action === 'heartbeat'
        ? s.call('callback_heartbeat($1::text, $2::integer)', [callback.id[which], 3900])
        : s.call('callback_settle($1::text, $2::text, $3::jsonb)', [callback.id[which], action, json(body)]),
    common: (answer) => only(answer, ['verdict', 'state']),
    now: () => unplain(world, callback.key),
    holds: true,
  }
}

function someJob(world: World): { key: string; id: Pair<string> } | null {
  if (world.ids.size === 0) return null
  const live = [...world.ids].filter(([key]) => !['completed', 'cancelled'].includes(world.views.get(key)?.state ?? ''))
  const [key, id] = world.random.pick(live.length > 0 && world.random.chance(0.8) ? live : [...world.ids])
  return { key, id }
}

/** Somebody moved it: its place in the lane is promised no longer. */
function unplain(world: World, key: string): void {
  const job = world.jobs.get(key)
  if (job) job.isPlain = false
}

export function operate(world: World): Step | null {
  const at = someJob(world)
  if (!at) return null
  const { random } = world
  const due = new Date(Date.now() + (world.minutes + random.pick(MINUTES)) * 60_000)
  const [call, ...values] = random.weighted<readonly [string, ...unknown[]]>([
    [3, ['cancel_job($1::text, $2::text)', 'changed our mind']],
    [2, ['reschedule_job($1::text, $2::timestamptz)', due]],
    [2, ['release_job($1::text)']],
    [4, ['retry_job($1::text)']],
    [1, ['retry_job($1::text, $2::jsonb)', json({ queue: 'alpha', priority: 1 })]],
    [1, ['bury_job($1::text, $2::text)', 'operator said so']],
  ])
  return {
    says: `${call.slice(0, call.indexOf('('))} ${at.key}`,
    ask: (s, which) => s.call(call, [at.id[which], ...values]),
    common(answer, which) {
      const told = answer as { state: string; changed: boolean; conflict?: string } | null
      return (
        told && {
          state: told.state,
          changed: told.changed,
          conflict: told.conflict && keyOf(world, which, { id: told.conflict }),
        }
      )
    },
    now: () => unplain(world, at.key),
    holds: true,
  }
}

export function byKey(world: World): Step {
  const { random } = world
  const kind = random.pick(Object.keys(KINDS))
  const rule = json({ key: `u${random.below(3)}` })
  const isCancel = random.chance(0.5)
  const due = new Date(Date.now() + (world.minutes + random.pick(MINUTES)) * 60_000)
  const queue = random.pick(QUEUES)
  return {
    says: `${isCancel ? 'cancel' : 'reschedule'}_by_key ${kind} ${rule}`,
    ask: (s) =>
      isCancel
        ? s.call('cancel_by_key($1::text, $2::jsonb, $3::jsonb, $4::text)', [kind, rule, 'null', queue])
        : s.call('reschedule_by_key($1::text, $2::jsonb, $3::timestamptz, $4::jsonb, $5::text)', [
            kind,
            rule,
            due,
            'null',
            queue,
          ]),
    common: (answer) => only(answer, ['state', 'changed']),
    holds: true,
  }
}

export function deadLetters(world: World): Step {
  const { random } = world
  const isRetry = random.chance(0.7)
  const filter = json({ queue: random.pick(QUEUES) })
  return {
    says: `${isRetry ? 'retry' : 'purge'}_dead_letters ${filter}`,
    ask: (s) => (isRetry ? s.call('retry_dead_letters($1::jsonb)', [filter]) : s.call('purge_dead_letters($1::jsonb)', [filter])),
    common(answer, which) {
      if (!isRetry) return answer
      const told = answer as { retried: string[]; conflicts: { id: string }[] }
      // Of several letters with one key the first one wins; ids of one millisecond have no order.
      return told.retried.length + told.conflicts.length > 0 && told.conflicts.length === 0
        ? told.retried.map((id) => keyOf(world, which, { id })).sort()
        : told.retried.length
    },
    holds: true,
  }
}

export function pause(world: World): Step {
  const { random } = world
  const what = random.pick(['queue', 'kind'])
  const name = random.pick(what === 'queue' ? QUEUES : Object.keys(KINDS))
  const paused = random.chance(0.4)
  return {
    says: `${paused ? 'pause' : 'resume'} ${what} ${name}`,
    ask: (s) => s.call('set_paused($1::text, $2::text, $3::boolean, $4::text)', [what, name, paused, 'olga']),
    common: (answer) => only(answer, ['name']),
    after() {
      if (what === 'kind' && paused) world.paused.add(name)
      else world.paused.delete(name)
    },
    holds: true,
  }
}

export function drain(world: World): Step {
  const queue = world.random.pick(QUEUES)
  return {
    says: `drain ${queue}`,
    ask: (s) => s.call('drain_queue($1::text)', [queue]),
    now() {
      for (const job of world.jobs.values()) if (job.lane.startsWith(queue)) job.isPlain = false
    },
    holds: true,
  }
}

export function tick(world: World): Step {
  // What another transaction holds is skipped by the duties that move jobs, and the two engines hold by different locks.
  const isQuiet = !world.lines.some((one) => one.holds)
  const duties = world.random.pick(
    isQuiet
      ? [null, ['rescue'], ['rotate', 'prune'], ['promote'], ['callbacks'], ['rotate'], ['prune'], ['carry']]
      : [['rotate'], ['prune'], ['carry']],
  )
  return {
    says: `tick ${duties ?? 'all'}`,
    ask: (s) => s.call('tick($1::text[])', [duties]),
    // How many turns and truncations there were is the ring's own business; how many outputs and old jobs were cleaned as well.
    common: (answer) => only(answer, ['rescue', 'callbacks', 'promote', 'unknown']),
    neverWaits: 'PruneNeverWaits',
    isShort: true,
    holds: true,
  }
}

export function schedule(world: World): Step {
  const { random } = world
  const name = random.pick(['nightly', 'hourly'])
  const known = world.schedules.get(name)
  const overlap = random.pick(['allow', 'skip', 'replace'])
  const given = json({
    name,
    cron: '0 0 1 1 *',
    timezone: 'UTC',
    overlap,
    job: { kind: 'plain', queue: 'alpha', payload: { k: name } },
  })
  if (!known)
    return {
      says: `schedule_upsert ${name}`,
      ask: (s) => s.call('schedule_upsert($1::jsonb)', [given]),
      common: (answer) => only(answer, ['name', 'cron', 'overlap', 'paused_by']),
      after: (answers) =>
        void world.schedules.set(
          name,
          pairOf((which) => (answers[which] as { id: string }).id),
        ),
      holds: true,
    }
  if (random.chance(0.2)) {
    const paused = random.chance(0.5)
    return {
      says: `schedule_pause ${name} ${paused}`,
      ask: (s, which) => s.call('schedule_pause($1::text, $2::boolean, $3::text)', [known[which], paused, 'olga']),
      common: (answer) => only(answer, ['name', 'paused_by']),
      holds: true,
    }
  }
  const stale = random.chance(0.3)
  const at = Date.UTC(2031, 0, 1) + 60_000 * ++world.fires
  const fires = [new Date(at), ...(random.chance(0.3) ? [new Date(at + 1_000)] : [])]
  return {
    says: `schedule_fire ${name} ${fires.length}${stale ? ' (stale)' : ''}`,
    async ask(s, which) {
      const listed = await s.call('list_schedules($1::text)', [name])
      if (listed.code !== null) return listed
      const [row] = listed.answer as { last_fire: string }[]
      const expected = stale ? new Date(0) : new Date(row?.last_fire ?? 0)
      return s.call(
        'schedule_fire($1::text, $2::timestamptz, $3::timestamptz[], $4::timestamptz, $5::timestamptz, $6::integer)',
        [known[which], expected, fires, fires.at(-1), null, 0],
      )
    },
    common: (answer) => answer && (answer as string[]).length,
    holds: true,
  }
}

/** The other readers, each on its own; the jobs themselves are read after every step. */
export function read(world: World): Step {
  const { random } = world
  const some = random.some([...world.ids], 10)
  return random.weighted<Step>([
    [
      1,
      {
        says: 'list_queues',
        ask: (s) => s.call('list_queues()'),
        common: (answer) => (answer as object[]).map((one) => only(one, ['name', 'paused_by'])),
        holds: false,
      },
    ],
    [
      1,
      {
        says: `job_results of ${some.length}`,
        ask: (s, which) => s.call('job_results($1::text[])', [some.map(([, id]) => id[which])]),
        common: (answer, which) =>
          Object.entries(answer as Record<string, { state: string; reason: string | null }>)
            // The ring keeps no word with what was drained there.
            .map(
              ([id, one]) =>
                [
                  keyOf(world, which, { id }),
                  one.state === 'cancelled' ? { ...one, reason: one.reason ?? 'drained' } : one,
                ] as const,
            )
            .sort(([a], [b]) => (a < b ? -1 : 1)),
        holds: true,
      },
    ],
  ])
}

function only(value: unknown, members: readonly string[]): Record<string, unknown> | null {
  if (value === null || typeof value !== 'object') return null
  return Object.fromEntries(
    members.filter((name) => name in value).map((name) => [name, (value as Record<string, unknown>)[name]]),
  )
}
