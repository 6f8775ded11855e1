// Q13 on both engines: a real job is brought into each of the nine states, in the ring where that is possible, and everything that anybody may do to
// a job is done to it there. What became of it is one of the pairs of the transition tables, and each of these pairs comes about.
import { expect, test } from 'vitest'
import { STATES, type State } from '../src/sql.ts'
import { claim, claimAll, enqueue, finish, type Held, job, json, lose, register, tick } from './acts.ts'
import { type Engine, openEngine, type Session, type Which } from './harness.ts'
import { violations } from './invariants.ts'

const ALLOWED = {
  scheduled: ['ready', 'failed', 'cancelled'],
  retrying: ['ready', 'scheduled', 'failed', 'cancelled'],
  blocked: ['ready', 'scheduled', 'cancelled', 'failed'],
  ready: ['running', 'scheduled', 'failed', 'cancelled'],
  running: ['completed', 'retrying', 'failed', 'scheduled', 'waiting', 'cancelled', 'ready'],
  waiting: ['ready', 'completed', 'failed', 'retrying', 'cancelled'],
  completed: [],
  failed: ['ready'],
  cancelled: ['ready'],
} satisfies Record<State, State[]>

type Case = { engine: Engine; s: Session; id: string; held: Held | null; callback: string | null }

async function make({ engine, s }: { engine: Engine; s: Session }, more: Record<string, unknown> = {}): Promise<Case> {
  const [id = ''] = await enqueue(s, ['it'], more)
  return { engine, s, id, held: null, callback: null }
}

async function run(at: { engine: Engine; s: Session }, more: Record<string, unknown> = {}): Promise<Case> {
  const made = await make(at, more)
  const [held = null] = await claimAll(at.s, 'w1')
  return { ...made, held }
}

async function ended(at: { engine: Engine; s: Session }, outcome: string): Promise<Case> {
  const one = await run(at)
  await finish(at.s, [one.held as Held], { outcome })
  return one
}

async function park(one: Case): Promise<Case> {
  const held = one.held as Held
  const { id } = await one.s.get<{ id: string }>("callback_create($1::text, $2::bigint, $3::uuid, 'bank', 60000, 'finish')", [
    held.id,
    held.lease,
    held.token,
  ])
  await finish(one.s, [held], { outcome: 'park', callback_id: id })
  return { ...one, callback: id }
}

const INTO: Record<State, ((at: { engine: Engine; s: Session }) => Promise<Case>)[]> = {
  scheduled: [(at) => make(at, { delay_ms: 900_000 })],
  retrying: [
    async (at) => {
      const one = await run(at)
      await finish(at.s, [one.held as Held], { outcome: 'retry', after_ms: 900_000 })
      return one
    },
  ],
  blocked: [(at) => make(at, { hold: 'look' }), (at) => make(at, { hold: 'look', delay_ms: 900_000 })],
  ready: [(at) => make(at), (at) => make(at, { unique: { key: 'u' } })],
  running: [(at) => run(at), (at) => run(at, { unique: { key: 'u' } }), (at) => run(at, { max_attempts: 1 })],
  waiting: [async (at) => park(await run(at)), async (at) => park(await run(at, { max_attempts: 1 }))],
  completed: [
    (at) => ended(at, 'completed'),
    async (at) => {
      const one = await run(at, { unique: { key: 'u' } })
      await finish(at.s, [one.held as Held])
      return one
    },
  ],
  failed: [(at) => ended(at, 'discard')],
  cancelled: [
    (at) => ended(at, 'cancel'),
    async (at) => {
      const one = await make(at)
      await at.s.get("drain_queue('alpha')")
      return one
    },
  ],
}

const end = (said: Record<string, unknown>) => (one: Case) =>
  finish(
    one.s,
    [one.held ?? { id: one.id, lease: 1, token: crypto.randomUUID(), attempt: 0, payload: { k: '' }, kind: '' }],
    said,
  )
const settle =
  (action: string, body: object = {}) =>
  (one: Case) =>
    one.s.get('callback_settle($1::text, $2::text, $3::jsonb)', [one.callback ?? 'cb_none', action, json(body)])

const ACTS: Record<string, (one: Case) => Promise<unknown>> = {
  claim: (one) => claim(one.s, 'w2'),
  complete: end({ outcome: 'completed' }),
  output: end({ outcome: 'completed', output: 1 }),
  fail: end({ outcome: 'failed', error: 'broken' }),
  retry: end({ outcome: 'retry', after_ms: 900_000 }),
  snooze: end({ outcome: 'snooze', after_ms: 900_000 }),
  discard: end({ outcome: 'discard' }),
  cancelled: end({ outcome: 'cancel' }),
  release: end({ outcome: 'release' }),
  park: (one) => (one.held ? park(one) : Promise.resolve()),
  cancel: (one) => one.s.get('cancel_job($1::text)', [one.id]),
  reschedule: (one) => one.s.get("reschedule_job($1::text, clock_timestamp() + interval '9 days')", [one.id]),
  'let go': (one) => one.s.get('release_job($1::text)', [one.id]),
  'retry by hand': (one) => one.s.get('retry_job($1::text)', [one.id]),
  bury: (one) => one.s.get("bury_job($1::text, 'no')", [one.id]),
  drain: (one) => one.s.get("drain_queue('alpha')"),
  'own row': (one) => one.engine.look('select countersign_queue.own_job($1)', [one.id]),
  'time passes': async (one) => {
    await one.engine.advance(20)
    await tick(one.s, 'promote', 'callbacks', 'rescue')
  },
  'worker lost': async (one) => {
    await lose(one.engine, 'w1')
    await tick(one.s, 'rescue')
    await register(one.s, 'w1')
  },
  answered: settle('complete', { payload: 1 }),
  refused: settle('fail', { error: 'no' }),
  'refused for now': settle('fail', { error: 'busy', retryable: true }),
  resumed: settle('resume'),
  withdrawn: settle('cancel'),
  'retried while waiting': settle('retry'),
}

// Without a callback there is nothing to answer, without an attempt no end of it: one such call says what all would.
const NEEDS_CALLBACK = new Set(['refused', 'refused for now', 'resumed', 'withdrawn', 'retried while waiting'])
const NEEDS_ATTEMPT = new Set(['output', 'retry', 'snooze', 'discard', 'cancelled', 'release', 'park'])

const LONG = Number(process.env.PROPERTY_SECONDS ?? 0) > 30

const isVain = (from: State, act: string): boolean =>
  (NEEDS_CALLBACK.has(act) && from !== 'waiting') ||
  (NEEDS_ATTEMPT.has(act) && ['scheduled', 'blocked', 'ready'].includes(from)) ||
  (!LONG && act !== 'retry by hand' && ['completed', 'failed', 'cancelled'].includes(from) && NEEDS_ATTEMPT.has(act))

async function pairsOf(which: Which): Promise<string[]> {
  const engine = await openEngine(which, { sessions: 1 })
  const s = engine.session(0)
  const went = new Set<string>()
  for (const from of STATES)
    for (const into of INTO[from])
      for (const [act, does] of Object.entries(ACTS)) {
        if (isVain(from, act)) continue
        await engine.empty()
        await register(s, 'w1')
        await register(s, 'w2')
        const one = await into({ engine, s })
        expect((await job(s, one.id))?.state, `${which} into ${from}`).toBe(from)
        try {
          await does(one)
        } catch (error) {
          // An attempt that is over may not park.
          if ((error as { code?: string }).code !== 'QJ001') throw error
        }
        const to = (await job(s, one.id))?.state
        if (to !== from) went.add(`${from} ${to}`)
        if (LONG) expect(await violations(engine), `${which} ${from}, ${act}`).toEqual([])
      }
  expect(await violations(engine), which).toEqual([])
  return [...went].sort()
}

test('Q13 of all 81 pairs of states those of the transition tables come about, and no other, whatever anybody does, in the ring and in rows', async () => {
  const allowed = Object.entries(ALLOWED).flatMap(([from, list]) => list.map((to) => `${from} ${to}`))
  const [ring, oracle] = await Promise.all([pairsOf('ring'), pairsOf('oracle')])
  expect(ring).toEqual(allowed.sort())
  expect(oracle).toEqual(allowed)
  // Nine stay where they are, 29 are allowed, nobody can do the other 43.
  expect([STATES.length ** 2, allowed.length]).toEqual([81, 29])
}, 300_000)
