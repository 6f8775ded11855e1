import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import { cancel, createQueue, defineKind, enqueue, type Kind, type Watched, type WatchFilter } from './index.ts'
import { drain } from './testing.ts'

const plain = defineKind('plain', { run: () => undefined })
const shaky = defineKind('shaky', {
  backoff: { base: '1s', factor: 1, jitter: 0 },
  run: (job) => {
    if (job.attempt === 1) throw new Error('not yet')
  },
})
const unwanted = defineKind('unwanted', { run: () => cancel('no') })

async function open(kinds: readonly Kind[] = [plain, shaky, unwanted]) {
  const house = await database()
  const queue = createQueue({ database: { url: house.runtimeUrl }, kinds, clock: house.clock, listen: false })
  onTestFinished(() => queue.close({ grace: '1s' }))
  await queue.register()
  return { ...house, queue }
}

/** Looks until it is so. */
const within = <T>(fn: () => T) => expect.poll(fn, { timeout: 20_000, interval: 20 })

type Looker = { seen: Watched[]; states(id: string): string[]; stop(): Promise<void> }

function follow(queue: Awaited<ReturnType<typeof open>>['queue'], filter: WatchFilter = {}, after?: string): Looker {
  const stopping = new AbortController()
  const seen: Watched[] = []
  const looking = (async () => {
    for await (const one of queue.watch(filter, { after, signal: stopping.signal })) seen.push(one)
  })()
  const stop = async () => {
    stopping.abort()
    await looking
  }
  onTestFinished(stop)
  return { seen, states: (id) => seen.filter((one) => one.id === id).map((one) => one.state), stop }
}

/** The first look has been taken: what comes now is told. */
const began = async (queue: Awaited<ReturnType<typeof open>>['queue'], looker: Looker) => {
  const id = await enqueue(queue.house.store, { kind: 'nobody.runs', queue: 'aside' })
  await within(async () => {
    if (looker.states(id).length === 0) await enqueue(queue.house.store, { kind: 'nobody.runs', queue: 'aside' })
    return looker.seen.length > 0
  }).toBe(true)
}

test('Q111 watch tells every state that a job passed through, also those between two looks, in the ring and in rows', async () => {
  const { queue, clock } = await open()
  const looker = follow(queue)
  await began(queue, looker)
  const ring = await queue.enqueue(plain, null)
  const row = await queue.enqueue(plain, null, { uniqueKey: 'k' })
  const late = await queue.enqueue(plain, null, { runAt: '1h' })
  const again = await queue.enqueue(shaky, null)
  const gone = await queue.enqueue(unwanted, null)
  await drain(queue)
  await clock.advance('2h')
  await drain(queue)
  await within(() => looker.states(late)).toEqual(['scheduled', 'ready', 'running', 'completed'])
  await within(() => looker.states(ring)).toEqual(['ready', 'running', 'completed'])
  await within(() => looker.states(row)).toEqual(['ready', 'running', 'completed'])
  await within(() => looker.states(again)).toEqual(['ready', 'running', 'retrying', 'ready', 'running', 'completed'])
  await within(() => looker.states(gone)).toEqual(['ready', 'running', 'cancelled'])
  expect(looker.seen.find((one) => one.id === gone && one.state === 'cancelled')).toMatchObject({
    kind: 'unwanted',
    queue: 'default',
    attempt: 1,
    reason: 'no',
    cursor: expect.any(String),
  })
})

test('Q111 a watch goes on from its cursor after a break, misses nothing in between, and tells nothing that was told', async () => {
  const { queue } = await open()
  const first = follow(queue, { kind: 'plain' })
  await within(async () => {
    await queue.enqueue(plain, null)
    return first.seen.length
  }).toBeGreaterThan(0)
  await first.stop()
  const { cursor, id } = first.seen.at(-1) as Watched
  const missed = await queue.enqueue(plain, null)
  await drain(queue)
  const second = follow(queue, { kind: 'plain' }, cursor)
  await within(() => second.states(missed)).toEqual(['ready', 'running', 'completed'])
  expect(second.seen.filter((one) => one.id === id && one.state === 'ready')).toEqual([])
  await expect(queue.watch({}, { after: 'rubbish' }).next()).rejects.toMatchObject({
    code: 'validation_failed',
    members: { errors: [{ path: '/after' }] },
  })
})

test('Q111 a job of a transaction that was open at the cursor is told when it commits, and one of another tenant is not', async () => {
  const { queue, runtimeUrl } = await open()
  const holder = new pg.Client(runtimeUrl)
  await holder.connect()
  onTestFinished(() => holder.end())
  await holder.query('begin')
  const held = await enqueue(holder, { kind: 'plain' })
  const looker = follow(queue)
  await began(queue, looker)
  expect(looker.states(held)).toEqual([])
  await holder.query('commit')
  await within(() => looker.states(held)).toEqual(['ready'])
  const { rows } = await holder.query(
    `select set_config('countersign.tenant', '01920000-0000-7000-8000-000000000001', false), countersign_queue.transitions_since($1::jsonb, '{}', 10) as answer`,
    [JSON.stringify({ lo: '3:3:', at: 9e15, since: 0, mark_x: 3, mark_at: 0 })],
  )
  expect(rows[0].answer).toMatchObject({ transitions: [], more: false })
})

test('Q111 more transitions than one look takes are told in pages, each once, in order of time; filters name kind, queue, ids and states', async () => {
  const { queue } = await open()
  const [all, some] = [follow(queue, { queue: 'default' }), follow(queue, { kind: 'plain', states: ['completed'] })]
  await began(queue, follow(queue))
  const ids = await queue.enqueueMany(Array.from({ length: 1_500 }, () => ({ kind: 'plain' })))
  await within(() => all.seen.length).toBe(1_500)
  expect(new Set(all.seen.map((one) => one.id))).toEqual(new Set(ids))
  await drain(queue, { max: 3 })
  await within(() => some.seen.map((one) => one.state)).toEqual(['completed', 'completed', 'completed'])
  const times = all.seen.map((one) => one.at)
  expect(times).toEqual([...times].sort())
})

test('Q111 a cursor that the ring has left behind is refused with its field', async () => {
  const { queue, clock, admin } = await open()
  const looker = follow(queue)
  await began(queue, looker)
  await looker.stop()
  const { cursor } = looker.seen.at(-1) as Watched
  await queue.enqueue(plain, null)
  await drain(queue)
  await clock.advance('1h')
  await admin.query(`with newest as (select max(generation) as g from countersign_queue.generations),
    opened as (insert into countersign_queue.generations select g + 1, countersign_queue.now() from newest)
    insert into countersign_queue.prunings select g, countersign_queue.now() from newest`)
  await expect(queue.watch({}, { after: cursor }).next()).rejects.toMatchObject({
    code: 'validation_failed',
    members: { errors: [{ path: '/after', code: 'too_old' }] },
  })
})
