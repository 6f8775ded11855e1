import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import { createQueue, defineKind, discard, type Kind } from './index.ts'
import { drain } from './testing.ts'

const bad = defineKind('bad', { run: (job) => discard(`no ${job.payload}`) })
const worse = defineKind('worse', {
  queue: 'mail',
  maxAttempts: 1,
  run: () => {
    throw new Error('broken')
  },
})
const fine = defineKind('fine', { run: () => undefined })

async function open(kinds: readonly Kind[] = [bad, worse, fine] as Kind[]) {
  const house = await database()
  const queue = createQueue({ database: { url: house.runtimeUrl }, kinds, clock: house.clock, listen: false })
  onTestFinished(() => queue.close({ grace: '1s' }))
  return { ...house, queue }
}

test('Q117 dead letters are listed by queue, kind and reason, got one by one, and counted in groups', async () => {
  const { queue } = await open()
  for (let n = 0; n < 3; n++) await queue.enqueue(bad, n)
  const id = await queue.enqueue(worse, null)
  const completed = await queue.enqueue(fine, null)
  await drain(queue)
  const listed = async (filter = {}) => (await queue.deadLetters.list(filter)).data.map((job) => job.kind)
  expect(await listed()).toEqual(['worse', 'bad', 'bad', 'bad'])
  expect(await listed({ queue: 'mail' })).toEqual(['worse'])
  expect(await listed({ kind: 'bad', reason: 'terminal_error' })).toEqual(['bad', 'bad', 'bad'])
  expect(await listed({ kind: 'bad', reason: 'max_attempts_exhausted' })).toEqual([])
  const page = await queue.deadLetters.list({}, { limit: 2 })
  const rest = await queue.deadLetters.list({}, { limit: 2, after: page.next_cursor as string })
  expect([...page.data, ...rest.data].map((job) => job.id)).toEqual((await queue.deadLetters.list()).data.map((job) => job.id))
  expect(await queue.deadLetters.get(id)).toMatchObject({
    id,
    state: 'failed',
    state_reason: 'max_attempts_exhausted',
    errors: [{ error: 'Error: broken' }],
  })
  expect(await queue.deadLetters.get(completed)).toBe(null)
  expect(await queue.deadLetters.depth()).toMatchObject({
    as_of: expect.any(String),
    total: 4,
    groups: [
      { queue: 'default', kind: 'bad', reason: 'terminal_error', n: 3, oldest_at: expect.any(String) },
      { queue: 'mail', kind: 'worse', reason: 'max_attempts_exhausted', n: 1 },
    ],
  })
})

test('Q117 retry and purge name ids, a filter or all: an empty filter is filter_required, and what else is wrong has its field', async () => {
  const { queue } = await open()
  const ids = await queue.enqueueMany([...Array(4)].map((_, n) => ({ kind: 'bad', payload: n })))
  const other = await queue.enqueue(worse, null)
  await drain(queue)
  for (const filter of [{}, { all: false }, { queue: undefined }]) {
    await expect(queue.deadLetters.retry(filter)).rejects.toMatchObject({ code: 'filter_required' })
    await expect(queue.deadLetters.purge(filter)).rejects.toMatchObject({ code: 'filter_required' })
  }
  const refused = async (filter: object, path: string) =>
    expect(queue.deadLetters.purge(filter)).rejects.toMatchObject({ code: 'validation_failed', members: { errors: [{ path }] } })
  await refused({ ids: Array.from({ length: 1_001 }, (_, n) => `job_${n}`) }, '/ids')
  await refused({ colour: 'red' }, '/colour')
  await refused({ all: true, kind: 'bad' }, '/all')

  const [first = '', second = '', third = ''] = ids
  expect(await queue.deadLetters.retry({ ids: [first, 'job_nobody'] }, { priority: 1, payload: 'new', queue: 'urgent' })).toEqual(
    {
      retried: [first],
      conflicts: [],
      next: null,
    },
  )
  expect(await queue.job(first)).toMatchObject({
    state: 'ready',
    attempt: 0,
    priority: 1,
    payload: 'new',
    queue: 'urgent',
    errors: [{}],
  })
  expect(await queue.deadLetters.purge({ ids: [second] })).toBe(1)
  expect(await queue.deadLetters.purge({ kind: 'bad', reason: 'terminal_error', ids: [third, other] })).toBe(1)
  expect((await queue.deadLetters.retry({ queue: 'mail' })).retried).toEqual([other])
  expect(await queue.deadLetters.purge({ all: true })).toBe(1)
  expect((await queue.deadLetters.depth()).total).toBe(0)
})

test('Q117 a thousand letters a call, and the next call goes on behind them, also past those that stay', async () => {
  const { queue, admin } = await open()
  const ids = await queue.enqueueMany(Array.from({ length: 1_005 }, (_, n) => ({ kind: 'bad', payload: n })))
  await drain(queue, { max: 1 })
  // As if all had failed the same way: what counts is how many there are.
  await queue.deadLetters.moveMany(ids.slice(1, 1_000))
  await queue.deadLetters.moveMany(ids.slice(1_000))
  expect((await queue.deadLetters.depth()).total).toBe(1_005)
  const first = await queue.deadLetters.retry({ kind: 'bad' })
  expect(first.retried).toHaveLength(1_000)
  const second = await queue.deadLetters.retry({ kind: 'bad', after: first.next as string })
  expect(second).toMatchObject({ next: null, conflicts: [] })
  expect(second.retried).toHaveLength(5)
  expect((await admin.one<{ n: number }>`select count(*)::int as n from countersign_queue.jobs where dead_letter`).n).toBe(0)
})

test('Q117 a unique conflict on retry leaves the letter and is reported with its holder', async () => {
  const { queue } = await open()
  const old = await queue.enqueue(bad, 1, { uniqueKey: 'k' })
  await drain(queue)
  const holder = await queue.enqueue(bad, 2, { uniqueKey: 'k', runAt: '1h' })
  expect(await queue.deadLetters.retry({ kind: 'bad' })).toEqual({
    retried: [],
    conflicts: [{ id: old, conflict: holder }],
    next: null,
  })
  expect(await queue.deadLetters.get(old)).toMatchObject({ id: old })
})

const LONG = process.env.FAULTS === 'long'

test('A32 Q117 of thousands of dead letters that are run again those whose key a newer job holds stay; all others run with attempt 0, and a call cut off half way changes nothing in the sums', {
  timeout: LONG ? 900_000 : 240_000,
}, async () => {
  const { queue, admin, db } = await open()
  const [total, taken] = LONG ? [10_000, 100] : [1_100, 11]
  const isTaken = (n: number) => n % (total / taken) === 0
  // Each hundredth has a key that a newer job will hold.
  const ids: string[] = []
  for (let from = 0; from < total; from += 550)
    ids.push(
      ...(await queue.enqueueMany(
        Array.from({ length: Math.min(550, total - from) }, (_, i) => ({
          kind: 'bad',
          runAt: '1h',
          ...(isTaken(from + i) ? { uniqueKey: `k${from + i}` } : {}),
        })),
      )),
    )
  for (let from = 0; from < total; from += 1_000) await queue.deadLetters.moveMany(ids.slice(from, from + 1_000))
  const holders = await queue.enqueueMany(
    Array.from({ length: taken }, (_, i) => ({ kind: 'bad', runAt: '1h', uniqueKey: `k${i * (total / taken)}` })),
  )
  expect((await queue.deadLetters.depth()).total).toBe(total)

  // Who drives it dies in its second call: that call never was, and the first one stands.
  const first = await queue.deadLetters.retry({ kind: 'bad' })
  const dying = await db.pool.connect()
  dying.on('error', () => undefined) // it is ended from outside
  await dying.query('begin')
  const { pid } = (await dying.query('select pg_backend_pid() as pid')).rows[0]
  await queue.deadLetters.retry({ kind: 'bad', after: first.next as string }, { tx: dying })
  await admin.query('select pg_terminate_backend($1)', [pid])
  dying.release(true)
  expect((await queue.deadLetters.depth()).total).toBe(total - first.retried.length)

  // Another begins from the start, and comes to the same.
  const [retried, conflicts] = [[...first.retried], new Map<string, string>()]
  let after: string | undefined
  do {
    const call = await queue.deadLetters.retry({ kind: 'bad', ...(after === undefined ? {} : { after }) })
    retried.push(...call.retried)
    for (const one of call.conflicts) conflicts.set(one.id, one.conflict)
    after = call.next ?? undefined
  } while (after !== undefined)
  expect(retried).toHaveLength(total - taken)
  expect(new Set(retried).size).toBe(total - taken)
  expect([...conflicts.keys()].toSorted()).toEqual(ids.filter((_, n) => isTaken(n)).toSorted())
  expect([...conflicts.values()].toSorted()).toEqual(holders.toSorted())
  expect((await queue.deadLetters.depth()).total).toBe(taken)
  expect(
    await admin.rows`select state, attempt, crashes, count(*)::int as n from countersign_queue.jobs
      where id = any (${retried}) group by 1, 2, 3`,
  ).toEqual([{ state: 'ready', attempt: 0, crashes: 0, n: total - taken }])
})

test('Q117 jobs are moved there by hand, out of the ring too; those that run or are over stay and are told', async () => {
  const { queue } = await open()
  const [ready = '', late = ''] = [await queue.enqueue(fine, null), await queue.enqueue(fine, null, { runAt: '1h' })]
  expect(await queue.deadLetters.move(ready, { reason: 'a mistake' })).toMatchObject({ state: 'failed', changed: true })
  expect(await queue.deadLetters.get(ready)).toMatchObject({
    state_reason: 'operator',
    errors: [{ error: 'a mistake', reason: 'operator' }],
  })
  await expect(queue.deadLetters.move(ready)).rejects.toMatchObject({ code: 'state_conflict', members: { state: 'failed' } })
  await expect(queue.deadLetters.move('job_nobody')).rejects.toMatchObject({ code: 'not_found' })
  expect(await queue.deadLetters.moveMany([ready, late, late, 'job_nobody'])).toEqual({
    moved: [late],
    skipped: [
      { id: ready, state: 'failed' },
      { id: 'job_nobody', state: null },
    ].sort((a, b) => (a.id < b.id ? -1 : 1)),
  })
  expect(await drain(queue)).toEqual([])
})

test('Q117 dead letters go after thirty days, or after what their kind, or behind it their queue, says', async () => {
  const brief = defineKind('brief', { queue: 'mail', keepDeadLetters: '2d', run: () => discard('no') })
  const { queue, clock } = await open([bad, worse, brief] as Kind[])
  await queue.configure('mail', { keepDeadLetters: '60d' })
  await queue.enqueueMany([{ kind: 'bad' }, { kind: 'worse' }, { kind: 'brief' }])
  await drain(queue)
  const kept = async () => {
    await queue.tick({ only: ['clean'] })
    return (await queue.deadLetters.list()).data.map((job) => job.kind).sort()
  }
  await clock.advance('36h')
  expect(await kept()).toEqual(['bad', 'brief', 'worse'])
  await clock.advance('1d')
  expect(await kept()).toEqual(['bad', 'worse'])
  await clock.advance('30d')
  expect(await kept()).toEqual(['worse'])
  await queue.configure('mail', { keepDeadLetters: null })
  expect(await kept()).toEqual([])
})

test('Q119 drain cancels all that neither runs nor is over, in the ring and in rows, and tells how many of which; other queues go on', async () => {
  const { queue } = await open()
  const other = await queue.enqueue(fine, null, { queue: 'other' })
  const ids = await queue.enqueueMany([
    ...Array.from({ length: 1_200 }, () => ({ kind: 'fine' })),
    ...Array.from({ length: 2 }, () => ({ kind: 'fine', runAt: '1h' as const })),
    { kind: 'fine', hold: 'not yet' },
    { kind: 'fine', uniqueKey: 'k' },
  ])
  expect(await queue.drain('default')).toEqual({ cancelled: { ready: 1_201, scheduled: 2, blocked: 1 } })
  expect(await drain(queue)).toEqual([{ id: other, kind: 'fine', outcome: 'completed' }])
  for (const id of [ids[0], ids[600], ids[1_199], ids[1_200], ids[1_203]])
    expect(await queue.job(id as string)).toMatchObject({ state: 'cancelled' })
  expect(await queue.drain('default')).toEqual({ cancelled: {} })
})

test('Q119 a paused queue, kind or schedule keeps what it has and takes more; resumed, it goes on', async () => {
  const { queue } = await open()
  await queue.pause({ queue: 'default' }, { actor: 'usr_1' })
  await queue.pause({ kind: 'fine' }, { actor: 'usr_1' })
  const ids = [await queue.enqueue(fine, null), await queue.enqueue(fine, null, { queue: 'mail' })]
  expect(await drain(queue)).toEqual([])
  expect((await queue.queues()).find((one) => one.name === 'default')).toMatchObject({ paused_by: 'usr_1' })
  await queue.resume({ queue: 'default' })
  expect(await drain(queue)).toEqual([])
  await queue.resume({ kind: 'fine' })
  expect((await drain(queue)).map((one) => one.id).sort()).toEqual([...ids].sort())
})
