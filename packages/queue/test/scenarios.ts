// Races and crashes told step by step, each with the interleaving that a fault would need. They hold on both engines; each mutant breaks one of them.
import {
  claim,
  claimAll,
  enqueue,
  equal,
  finish,
  type Held,
  job,
  json,
  lose,
  must,
  names,
  register,
  sound,
  tick,
  turn,
} from './acts.ts'
import type { Engine, Session } from './harness.ts'
import { bounded, openWalker } from './locks.ts'

export type Scenario = { says: string; play(engine: Engine): Promise<void> }

async function open(engine: Engine) {
  const [a, b, c] = [engine.session(0), engine.session(1), engine.session(2)]
  await register(a, 'w1')
  await register(a, 'w2')
  return { a, b, c }
}

export const SCENARIOS = {
  lateCommitter: {
    says: 'Q34 Q35 a transaction that commits after later ones were claimed is claimed next, also two windows later and beside other lanes',
    async play(engine) {
      const { a, b, c } = await open(engine)
      await enqueue(a, ['other'], { priority: 4 })
      await enqueue(a, ['first'])
      await b.run('begin')
      await enqueue(b, ['late1', 'late2'])
      await enqueue(c, ['early'])
      equal(names(await claimAll(a, 'w1')), 'first early other', 'NoLostJob')
      await enqueue(c, ['later'])
      equal(names(await claimAll(a, 'w1')), 'later', 'NoLostJob')
      await b.run('commit')
      equal(names(await claimAll(a, 'w1')), 'late1 late2', 'NoLostJob')
      await sound(engine)
    },
  },
  lateInWindow: {
    says: 'Q34 a transaction that commits while its window is half walked is claimed in the next one, once',
    async play(engine) {
      const { a, b, c } = await open(engine)
      await enqueue(a, ['zero'])
      await b.run('begin')
      await enqueue(b, ['late'])
      await enqueue(c, ['x', 'y', 'z'])
      equal(names(await claim(a, 'w1', { n: 2 })), 'zero x', 'LaneOrder')
      await b.run('commit')
      const rest = names(await claimAll(a, 'w1', { n: 2 })).split(' ')
      equal(rest.sort().join(' '), 'late y z', 'EachRowOneWindow')
      await sound(engine)
    },
  },
  lateInOldSlot: {
    says: 'Q31 Q60 a transaction that stays open over turns of the ring keeps its slot, and its jobs are claimed after its commit',
    async play(engine) {
      const { a, b, c } = await open(engine)
      await enqueue(a, ['zero'])
      await finish(a, await claimAll(a, 'w1'))
      await b.run('begin')
      await enqueue(b, ['late'])
      for (const k of ['one', 'two', 'three']) {
        await turn(engine, a)
        await enqueue(c, [k])
        await finish(a, await claimAll(a, 'w1'))
      }
      await turn(engine, a, 2)
      await enqueue(c, ['four'])
      await finish(a, await claimAll(a, 'w1'))
      await b.run('commit')
      equal(names(await claimAll(a, 'w1')), 'late', 'NoLostJob')
      await sound(engine)
    },
  },
  twoClaimers: {
    says: 'Q36 two claims at once never give one job twice, nor does one that follows',
    async play(engine) {
      const { a, b } = await open(engine)
      await enqueue(a, ['1', '2', '3', '4'])
      await a.run('begin')
      const mine = await claim(a, 'w1', { n: 2 })
      const theirs = await claim(b, 'w2', { n: 2 })
      await a.run('commit')
      const rest = await claimAll(b, 'w2')
      equal(
        names([...mine, ...theirs, ...rest])
          .split(' ')
          .sort()
          .join(''),
        '1234',
        'NoDuplicateClaim',
      )
      await sound(engine)
    },
  },
  claimRolledBack: {
    says: 'Q1 a claim whose transaction ends otherwise gave nothing away',
    async play(engine) {
      const { a, b } = await open(engine)
      await enqueue(a, ['1', '2'])
      await a.run('begin')
      await claim(a, 'w1', { n: 1 })
      await engine.kill(0)
      equal(names(await claimAll(b, 'w2')), '1 2', 'NoLostJob')
      await sound(engine)
    },
  },
  ownTransaction: {
    says: 'Q35 what a transaction enqueues before and after its own claims is claimed after its commit',
    async play(engine) {
      const { a, b, c } = await open(engine)
      await enqueue(a, ['zero'])
      await a.run('begin')
      await enqueue(a, ['mine1'])
      await enqueue(b, ['theirs'])
      const first = names(await claimAll(a, 'w1'))
      await enqueue(a, ['mine2'])
      await a.run('commit')
      const then = names(await claimAll(c, 'w2'))
      equal(`${first} ${then}`.split(' ').sort().join(' '), 'mine1 mine2 theirs zero', 'NoLostJob')
      await sound(engine)
    },
  },
  laneOrder: {
    says: 'Q32 jobs of one transaction run in the order of their insertion, and after those of one that committed before',
    async play(engine) {
      const { a, b } = await open(engine)
      await enqueue(a, ['1', '2', '3'])
      await enqueue(b, ['4', '5', '6', '7'])
      const all = [
        ...(await claim(a, 'w1', { n: 2 })),
        ...(await claim(b, 'w2', { n: 3 })),
        ...(await claimAll(a, 'w1', { n: 2 })),
      ]
      equal(names(all), '1 2 3 4 5 6 7', 'LaneOrder')
    },
  },
  fence: {
    says: 'Q2 Q15 whoever has another token, another lease or a position beside the claim ends nothing',
    async play(engine) {
      const { a, b } = await open(engine)
      await enqueue(a, ['1', '2', '3', '4'])
      const [one, two, three, four] = await claimAll(a, 'w1')
      if (!one || !two || !three || !four) throw new Error('nothing was claimed')
      const token = crypto.randomUUID()
      const wrong = [
        { ...one, token },
        { ...one, lease: one.lease + 1 },
        { ...one, lease: one.lease + 16_384 },
        // Rows have leases of their own, which may be alike; those of the ring never are.
        { ...one, id: two.id, lease: one.lease === two.lease ? 99 : one.lease },
      ]
      for (const said of [
        { outcome: 'completed' },
        { outcome: 'completed', output: 1 },
        { outcome: 'failed', error: 'broken' },
        { outcome: 'snooze', after_ms: 900_000 },
        { outcome: 'release' },
      ])
        equal(await finish(b, wrong, said), ['stale', 'stale', 'stale', 'stale'], 'StaleOwnerChangesNothing')
      const settle = await b.call('settle_claims($1::jsonb)', [json([{ lease: one.lease, token, done: [0] }])])
      equal(settle.answer, [[{ i: 0, verdict: 'stale' }]], 'StaleOwnerChangesNothing')
      equal(
        await b.get('progress($1::jsonb)', [json([{ ...wrong[0], progress: { percent: 1 } }])]),
        [],
        'StaleOwnerChangesNothing',
      )
      const callback = await b.call("callback_create($1::text, $2::bigint, $3::uuid, 'bank', 60000, 'finish')", [
        one.id,
        one.lease,
        token,
      ])
      equal(callback.code, 'QJ001', 'StaleOwnerChangesNothing')
      for (const held of [one, two, three, four]) equal((await job(b, held.id))?.state, 'running', 'StaleOwnerChangesNothing')
      // The same for attempts that have a row of their own.
      equal(await finish(a, [two], { outcome: 'release' }), ['settled'], 'AtMostOneSettlement')
      const again = (await claimAll(a, 'w1')).find((held) => held.id === two.id)
      must(again !== undefined, 'HandBackFree', 'what was handed back is claimed again')
      equal(await finish(b, [two], { outcome: 'failed' }), ['stale'], 'StaleOwnerChangesNothing')
      if (again) equal(await finish(b, [{ ...again, token }], { outcome: 'failed' }), ['stale'], 'StaleOwnerChangesNothing')
      equal(
        await b.get('progress($1::jsonb)', [json([{ id: two.id, lease: again?.lease, token, progress: { percent: 1 } }])]),
        [],
        'StaleOwnerChangesNothing',
      )
      equal([(await job(b, two.id))?.state, (await job(b, two.id))?.attempt], ['running', 1], 'HandBackFree')
      equal(await finish(a, [one, three, four]), ['settled', 'settled', 'settled'], 'AtMostOneSettlement')
      await sound(engine)
    },
  },
  partOfAClaim: {
    says: 'Q49 Q50 some of a claim end, the others stay open; each position ends once, however it is said again',
    async play(engine) {
      const { a } = await open(engine)
      await enqueue(a, ['1', '2', '3', '4'])
      const held = await claimAll(a, 'w1')
      const [one, two, three, four] = held
      if (!one || !two || !three || !four) throw new Error('nothing was claimed')
      equal(await finish(a, [two]), ['settled'], 'AtMostOneSettlement')
      equal((await job(a, one.id))?.state, 'running', 'ClosureOnce')
      equal(await finish(a, [two]), ['already'], 'AtMostOneSettlement')
      equal(await finish(a, [two], { outcome: 'failed' }), ['stale'], 'AtMostOneSettlement')
      equal(await finish(a, [three], { outcome: 'failed', error: 'broken' }), ['settled'], 'AtMostOneSettlement')
      equal(await finish(a, held), ['settled', 'already', 'stale', 'settled'], 'AtMostOneSettlement')
      const states = await Promise.all(held.map(async ({ id }) => (await job(a, id))?.state))
      equal(states, ['completed', 'completed', 'retrying', 'completed'], 'AtMostOneSettlement')
      await sound(engine)
    },
  },
  finishTwiceAtOnce: {
    says: 'Q2 Q50 of two that end one attempt at the same moment one wins and the other hears so, in the ring as in a row',
    async play(engine) {
      const { a } = await open(engine)
      const patient = await engine.open({ patienceMs: 5_000 })
      for (const said of [{ outcome: 'completed' }, { outcome: 'completed', output: 1 }]) {
        await enqueue(a, ['1'])
        const held = await claimAll(a, 'w1')
        await a.run('begin')
        equal(await finish(a, held, said), ['settled'], 'AtMostOneSettlement')
        const other = finish(patient, held, said)
        await waits(engine, patient.pid, other)
        await a.run('commit')
        equal(await other, ['already'], 'AtMostOneSettlement')
        await sound(engine)
      }
    },
  },
  lostWorker: {
    says: 'Q17 Q19 Q57 what a lost worker held is ready again, counted; a dead letter when attempts or crashes are spent; its old owner is stale',
    async play(engine) {
      const { a, b } = await open(engine)
      const [twice = '', once = '', fragile = ''] = [
        ...(await enqueue(a, ['twice'])),
        ...(await enqueue(a, ['once'], { max_attempts: 1 })),
        ...(await enqueue(a, ['fragile'], { max_crashes: 1 })),
      ]
      const held = await claimAll(a, 'w1')
      equal(held.length, 3, 'NoLostJob')
      await lose(engine, 'w1')
      await tick(b, 'rescue')
      const told = async (id: string) => {
        const seen = await job(b, id)
        return [seen?.state, seen?.state_reason, seen?.attempt, seen?.errors.map((one) => one.reason).join()]
      }
      equal(await told(twice), ['ready', 'worker_lost', 1, 'worker_lost'], 'AttemptBounded')
      equal(await told(once), ['failed', 'max_attempts_exhausted', 1, 'worker_lost'], 'AttemptBounded')
      equal(await told(fragile), ['failed', 'crashed_too_often', 1, 'worker_lost'], 'CrashesBounded')
      equal(await finish(a, held), ['stale', 'stale', 'stale'], 'StaleOwnerChangesNothing')
      const again = await claimAll(b, 'w2')
      equal(
        again.map((one) => [one.id, one.attempt, one.lease > (held.find((old) => old.id === one.id)?.lease ?? 0)]),
        [[twice, 2, true]],
        'LeaseStrictlyGrows',
      )
      equal(await finish(b, again), ['settled'], 'AtMostOneSettlement')
      await sound(engine)
    },
  },
  deadline: {
    says: 'Q56 an attempt past its deadline has failed, and its owner is told so; the others of its claim go on',
    async play(engine) {
      const { a } = await open(engine)
      await enqueue(a, ['short'], { deadline_ms: 60_000 })
      await enqueue(a, ['long'], { deadline_ms: 3_600_000 })
      const held = await claimAll(a, 'w1')
      await engine.advance(5)
      await tick(a, 'rescue')
      equal(
        (await job(a, held[0]?.id))?.errors.map((one) => one.reason),
        ['deadline_expired'],
        'AttemptBounded',
      )
      equal(await finish(a, held), ['stale', 'settled'], 'StaleOwnerChangesNothing')
      await sound(engine)
    },
  },
  suspects: {
    says: 'Q18 jobs lost with their worker are given alone, one at a time',
    async play(engine) {
      const { a, b } = await open(engine)
      await enqueue(a, ['1', '2', '3'])
      await claimAll(a, 'w1')
      await lose(engine, 'w1')
      await tick(b, 'rescue')
      const first = await claimAll(b, 'w2')
      equal(first.length, 1, 'NoDuplicateClaim')
      equal((await claimAll(b, 'w2')).length, 0, 'NoDuplicateClaim')
      await finish(b, first)
      equal((await claimAll(b, 'w2')).length, 1, 'NoLostJob')
    },
  },
  setAside: {
    says: 'Q14 a ready job that an operator changed is where he put it, and not in its lane as well',
    async play(engine) {
      const { a, b } = await open(engine)
      const [one, , three] = await enqueue(a, ['1', '2', '3', '4'])
      await b.get('cancel_job($1::text)', [one])
      await b.get("reschedule_job($1::text, clock_timestamp() + interval '1 hour')", [three])
      equal(names(await claimAll(a, 'w1')), '2 4', 'TombstonesAhead')
      await engine.advance(90)
      equal(names(await claimAll(a, 'w1')), '3', 'NoLostJob')
      await sound(engine)
    },
  },
  kinds: {
    says: 'Q20 a worker is given no kind that it does not name; who names it gets it, in order',
    async play(engine) {
      const { a, b } = await open(engine)
      await enqueue(a, ['m1', 'm2'], { kind: 'mail' })
      await enqueue(a, ['p1', 'p2'])
      equal(names(await claimAll(a, 'w1', { kinds: ['plain'] })), 'p1 p2', 'NoLostJob')
      equal(names(await claimAll(b, 'w2')), 'm1 m2', 'CarryKeepsOrder')
      await sound(engine)
    },
  },
  pause: {
    says: 'Q48 Q119 nothing of a paused queue or kind is claimed by a claim that begins after; resumed, all of it is',
    async play(engine) {
      const { a } = await open(engine)
      await enqueue(a, ['1', '2'])
      await enqueue(a, ['row'], { unique: { key: 'u' } })
      for (const [what, name] of [
        ['queue', 'alpha'],
        ['kind', 'plain'],
      ]) {
        await a.get('set_paused($1::text, $2::text, true)', [what, name])
        equal(names(await claimAll(a, 'w1')), '', 'NoClaimAfterPauseCommitted')
        await a.get('set_paused($1::text, $2::text, false)', [what, name])
      }
      equal(
        names(await claimAll(a, 'w1'))
          .split(' ')
          .sort(),
        ['1', '2', 'row'],
        'NoLostJob',
      )
    },
  },
  bulk: {
    says: 'Q45 a claim stops near 8 MiB of payload, however well it compresses, and gives at least one job',
    async play(engine) {
      const { a } = await open(engine)
      const text = 'é'.repeat(450_000)
      for (let n = 0; n < 12; n++)
        await a.get('enqueue_many($1::jsonb)', [json([{ kind: 'plain', queue: 'alpha', payload: { k: `${n}`, text } }])])
      const first = await claim(a, 'w1')
      must(first.length >= 1 && first.length <= 10, 'BatchBounded', `${first.length} jobs of 900 kB in one claim`)
      equal([...first, ...(await claimAll(a, 'w1'))].length, 12, 'NoLostJob')
    },
  },
  slotOfARunningJob: {
    says: 'Q60 a slot is not truncated while an attempt of it is open, and is when it has ended',
    async play(engine) {
      const { a, b } = await open(engine)
      await enqueue(a, ['1', '2'])
      const held = await claimAll(a, 'w1')
      await finish(a, held.slice(1))
      await turn(engine, b, 4)
      equal((await job(b, held[0]?.id))?.state, 'running', 'PrunedSlotsEmpty')
      equal(await finish(a, held.slice(0, 1)), ['settled'], 'NoPendingDropped')
      await sound(engine)
    },
  },
  slotOfAReadyJob: {
    says: 'Q60 Q61 a slot with ready jobs is not truncated; they are claimed in their order whenever somebody comes',
    async play(engine) {
      const { a, b } = await open(engine)
      await enqueue(a, ['1', '2'])
      for (let n = 0; n < 4; n++) {
        await enqueue(b, [`b${n}`], { queue: 'beta' })
        await finish(b, await claimAll(b, 'w2', { queue: 'beta' }))
        await turn(engine, b)
      }
      await enqueue(a, ['3'])
      equal(names(await claimAll(a, 'w1')), '1 2 3', 'NoPendingDropped')
      await sound(engine)
    },
  },
  carried: {
    says: 'Q53 Q61 what outlives the turns of the ring is carried: attempts stay open under their fence, ready jobs keep their order',
    async play(engine) {
      const { a, b } = await open(engine)
      await enqueue(a, ['1', '2', '3'])
      const held = await claim(a, 'w1', { n: 1 })
      for (let n = 0; n < 18; n++) {
        await enqueue(b, [`b${n}`], { queue: 'beta' })
        await finish(b, await claimAll(b, 'w2', { queue: 'beta' }))
        await turn(engine, b)
        await tick(b, 'carry')
      }
      await sound(engine)
      equal(names(await claimAll(a, 'w1')), '2 3', 'CarryKeepsOrder')
      equal(await finish(a, held), ['settled'], 'NoPendingDropped')
      if (engine.which === 'ring') {
        const { n } = await engine.lookOne<{ n: number }>('select count(*)::integer as n from countersign_queue.prunings')
        must(n >= 10, 'Liveness', `${n} slots were truncated in 18 turns`)
      }
    },
  },
  idleLane: {
    says: 'Q41 the cursor of an idle lane outlives the truncation of its slot: nothing is claimed twice, nothing is missed',
    async play(engine) {
      const { a, b } = await open(engine)
      await enqueue(a, ['1', '2'])
      await finish(a, await claimAll(a, 'w1'))
      for (let n = 0; n < 4; n++) {
        await enqueue(b, [`b${n}`], { queue: 'beta' })
        await finish(b, await claimAll(b, 'w2', { queue: 'beta' }))
        if (n === 1) await enqueue(a, ['meanwhile'])
        await turn(engine, b)
      }
      await sound(engine)
      await enqueue(a, ['3'])
      equal(names(await claimAll(a, 'w1')), 'meanwhile 3', 'CursorReadable')
      await sound(engine)
    },
  },
  handBack: {
    says: 'Q13 a job handed back before it began has its attempt back; a snoozed one too; one that failed has not',
    async play(engine) {
      const { a } = await open(engine)
      await enqueue(a, ['back', 'nap', 'fail'])
      const [back, nap, fail] = await claimAll(a, 'w1')
      if (!back || !nap || !fail) throw new Error('nothing was claimed')
      await finish(a, [back], { outcome: 'release' })
      await finish(a, [nap], { outcome: 'snooze', after_ms: 900_000 })
      await finish(a, [fail], { outcome: 'failed', error: 'broken' })
      const told = await Promise.all(
        [back, nap, fail].map(async ({ id }) => [(await job(a, id))?.state, (await job(a, id))?.attempt]),
      )
      equal(
        told,
        [
          ['ready', 0],
          ['scheduled', 0],
          ['retrying', 1],
        ],
        'HandBackFree',
      )
      await sound(engine)
    },
  },
  due: {
    says: 'Q64 a job with a time is claimed when it has come and not before',
    async play(engine) {
      const { a } = await open(engine)
      await enqueue(a, ['later'], { delay_ms: 900_000 })
      await tick(a, 'promote')
      equal(names(await claimAll(a, 'w1')), '', 'DueNotBefore')
      await engine.advance(20)
      await tick(a, 'promote')
      equal(names(await claimAll(a, 'w1')), 'later', 'NoLostJob')
    },
  },
  drained: {
    says: 'Q119 a drained queue gives nothing, and tells what became of each',
    async play(engine) {
      const { a } = await open(engine)
      const ids = await enqueue(a, ['1', '2', '3'])
      const held = await claim(a, 'w1', { n: 1 })
      equal(await a.get("drain_queue('alpha')"), { cancelled: { ready: 2 } }, 'CountsAddUp')
      equal(names(await claimAll(a, 'w1')), '', 'OneStatePerJob')
      const states = await Promise.all(ids.map(async (id) => (await job(a, id))?.state))
      equal(states, ['running', 'cancelled', 'cancelled'], 'OneStatePerJob')
      equal(await finish(a, held), ['settled'], 'AtMostOneSettlement')
      await sound(engine)
    },
  },
  rolledBack: {
    says: 'Q3 what was rolled back, whole or to a savepoint, never ran and never stood in a list',
    async play(engine) {
      const { a, b } = await open(engine)
      await a.run('begin')
      await enqueue(a, ['kept'])
      await a.run('savepoint s')
      await enqueue(a, ['undone'])
      await a.run('rollback to savepoint s')
      await enqueue(a, ['kept too'])
      await a.run('commit')
      await b.run('begin')
      await enqueue(b, ['gone'])
      await b.run('rollback')
      equal(names(await claimAll(a, 'w1')), 'kept kept too', 'RolledBackLeavesNothing')
      await sound(engine)
    },
  },
  lockOrder: {
    says: 'Q154 what waits, waits for stripes ascending and then for rows by id, in whatever order it was told of them',
    async play(engine) {
      const { a, b } = await open(engine)
      const held: Held[] = []
      for (let n = 0; n < 4; n++) {
        await enqueue(a, [`${n}a`, `${n}b`])
        held.push(...(await claim(a, 'w1')))
      }
      const spoken = (jobs: Held[]) =>
        jobs.map(({ id, lease, token }) => ({ id, lease, token, outcome: 'completed', output: 1, progress: {} }))
      await a.get('progress($1::jsonb)', [json(spoken(held.slice(0, 3)))])
      const mixed = [...held].reverse()
      const whole = mixed.slice(0, 4).filter((_, n) => n % 2 === 1)
      const claims = json(whole.map(({ lease, token }) => ({ lease: Math.floor(lease / 1024) * 1024, token, done: null })))
      const walker = await openWalker(engine)
      try {
        const walked = async (says: string, call: string, value: string) =>
          must(
            (await walker.walk(says, b, (s: Session) => s.call(call, [value]))) !== null,
            'AscendingOrder',
            `${says} was refused`,
          )
        for (const jobs of [held, mixed]) await walked('finish', 'finish($1::jsonb)', json(spoken(jobs)))
        await walked('progress', 'progress($1::jsonb)', json(spoken(mixed)))
        if (engine.which === 'ring') await walked('settle', 'settle_claims($1::jsonb)', claims)
      } finally {
        await walker.close()
      }
    },
  },
  fewLocks: {
    says: 'Q154 no transaction holds more than 64 advisory locks, however many queues it fills or asks and however many workers were lost',
    async play(engine) {
      const { a } = await open(engine)
      const queues = Array.from({ length: 80 }, (_, n) => `q${n}`)
      const holding = async <T>(says: string, call: string, values: unknown[]): Promise<T> => {
        await a.run('begin')
        const answer = await a.get<T>(call, values)
        await bounded(engine, a.pid, says)
        await a.run('commit')
        return answer
      }
      const jobs = json(queues.map((queue) => ({ kind: 'plain', queue, payload: { k: queue } })))
      await holding('enqueue', 'enqueue_many($1::jsonb)', [jobs])
      await holding('enqueue', 'enqueue_many($1::jsonb)', [jobs])
      await register(a, 'w1', queues)
      const wants = json(queues.map((queue) => ({ queue, n: 5, kinds: ['plain'] })))
      let got = 0
      for (let more = -1; more !== 0; got += more)
        more = (
          await holding<{ jobs: Held[] }>('claim', 'claim($1::text, $2::uuid, $3::jsonb)', ['w1', crypto.randomUUID(), wants])
        ).jobs.length
      equal(got, 160, 'NoLostJob')
      for (let n = 0; n < 70; n++) {
        await register(a, `lost${n}`)
        await lose(engine, `lost${n}`)
      }
      await holding('rescue', "tick('{rescue}')", [])
      for (let n = 0; n < 12; n++) await tick(a, 'rescue')
      const { left } = await engine.lookOne<{ left: number }>(
        "select count(*)::integer as left from countersign_queue.workers where id like 'lost%'",
      )
      equal(left, 0, 'Liveness')
    },
  },
  limits: {
    says: 'Q106 Q151 a key, a kind and a rate give what they may and no more, and what ends lets the next one go',
    async play(engine) {
      const { a } = await open(engine)
      await a.get('register_kinds($1::jsonb)', [json({ mail: { max_running: 2 } })])
      await a.get("configure_queue('alpha', '{\"max_running_per_key\": 2}')")
      await enqueue(a, ['1', '2', '3'], { concurrency_key: 'k' })
      const first = await claimAll(a, 'w1')
      equal(names(first), '1 2', 'RunningPerKeyBound')
      await finish(a, first.slice(0, 1))
      equal(names(await claimAll(a, 'w1')), '3', 'RunningPerKeyBound')
      await enqueue(a, ['m1', 'm2', 'm3'], { kind: 'mail', queue: 'beta' })
      const mails = await claimAll(a, 'w1', { queue: 'beta' })
      equal(names(mails), 'm1 m2', 'RunningPerKeyBound')
      await finish(a, mails.slice(0, 1))
      equal(names(await claimAll(a, 'w1', { queue: 'beta' })), 'm3', 'RunningPerKeyBound')
      const rule = { rate_per_key: { limit: 1, per_ms: 600_000, burst: 2 } }
      await a.get("configure_queue('gamma', $1::jsonb)", [json(rule)])
      await enqueue(a, ['r1', 'r2', 'r3'], { queue: 'gamma', rate_key: 'r' })
      equal(names(await claimAll(a, 'w1', { queue: 'gamma' })), 'r1 r2', 'RateBound')
      await engine.advance(5)
      equal(names(await claimAll(a, 'w1', { queue: 'gamma' })), '', 'RateBound')
      await engine.advance(6)
      equal(names(await claimAll(a, 'w1', { queue: 'gamma' })), 'r3', 'Liveness')
    },
  },
  strictKeys: {
    says: 'Q105 Q151 of a strict key one runs at a time, in order; the end of each frees the next, a failure that comes again does not',
    async play(engine) {
      const { a } = await open(engine)
      await enqueue(a, ['1', '2', '3'], { ordering_key: 'o', order: 'strict' })
      const [one] = await claimAll(a, 'w1')
      equal(one?.payload.k, '1', 'StrictKeyOrder')
      equal(names(await claimAll(a, 'w1')), '', 'StrictKeyOrder')
      if (!one) return
      await finish(a, [one], { outcome: 'retry', after_ms: 900_000 })
      equal(names(await claimAll(a, 'w1')), '', 'StrictKeyOrder')
      await engine.advance(20)
      const again = await claimAll(a, 'w1')
      equal(names(again), '1', 'StrictKeyOrder')
      await finish(a, again)
      const second = await claimAll(a, 'w1')
      equal(names(second), '2', 'NoBlockedWithoutBlocker')
      await finish(a, second)
      equal(names(await claimAll(a, 'w1')), '3', 'NoBlockedWithoutBlocker')
    },
  },
  tenants: {
    says: 'Q76 Q155 in a transaction of one tenant the jobs of another are as if absent: neither told of nor changed',
    async play(engine) {
      const { a } = await open(engine)
      const [mine, theirs] = [crypto.randomUUID(), crypto.randomUUID()]
      await enqueue(a, ['mine'], { tenant_id: mine })
      const [ring = ''] = await enqueue(a, ['theirs'], { tenant_id: theirs })
      const [row = ''] = await enqueue(a, ['theirs'], { tenant_id: theirs, delay_ms: 900_000 })
      const scoped = async <T>(call: string, values: unknown[] = []): Promise<T> => {
        await a.run('begin')
        await a.run(`set local countersign.tenant = '${mine}'`)
        const answer = await a.get<T>(call, values)
        await a.run('commit')
        return answer
      }
      const told = await scoped<{ data: { payload: { k: string } }[] }>('list_jobs()')
      equal(
        told.data.map((one) => one.payload.k),
        ['mine'],
        'Tenants',
      )
      equal((await scoped<{ queues: object }>('counts()')).queues, { alpha: { ready: 1 } }, 'Tenants')
      for (const id of [ring, row])
        for (const call of ['job($1::text)', 'timeline($1::text)', 'cancel_job($1::text)', 'bury_job($1::text)'])
          equal(await scoped(call, [id]), null, 'Tenants')
      equal([(await job(a, ring))?.state, (await job(a, row))?.state], ['ready', 'scheduled'], 'Tenants')
    },
  },
} satisfies Record<string, Scenario>

/** Until a session waits for another one, or its call has ended. */
async function waits(engine: Engine, pid: number, call: Promise<unknown>): Promise<void> {
  let over = false
  const ended = call.then(() => {
    over = true
  })
  while (!over) {
    const { n } = await engine.lookOne<{ n: number }>('select cardinality(pg_blocking_pids($1)) as n', [pid])
    if (n > 0) return
  }
  await ended
}
