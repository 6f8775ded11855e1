// The queue's faces through the door: what each route answers and records, what stays another's, and that a job reads the same by REST and in a terminal (A33).
import { createQueue, defineKind, discard, type Kind, park } from '@countersign/queue'
import { drain } from '@countersign/queue/testing'
import { expect, onTestFinished, test } from 'vitest'
import { type Client, type House, setup } from '#harness'
import { newId } from '../../packages/server/src/std/id.ts'

type Row = Record<string, unknown> & { id: string; state: string }

/** Kinds that somebody's worker declares: one that works, one that fails for good, one that waits for an answer. */
const KINDS = [
  defineKind('report.build', { run: (job) => ({ pages: Object.keys((job.payload ?? {}) as object).length }) }),
  defineKind('mail.send', { queue: 'mail', maxAttempts: 1, run: () => discard('no such mailbox') }),
  defineKind('bank.ask', { run: async (_, ctx) => park(await ctx.callback('bank')) }),
] as unknown as Kind[]

async function open() {
  const house = await setup()
  const engine = createQueue({ database: house.db.pool, listen: false, kinds: KINDS })
  onTestFinished(() => engine.close())
  await engine.register()
  const run = () => drain(engine, { queues: ['default', 'mail', 'slow'] })
  return { house, engine, run, ...callers(house.alice) }
}

const callers = (who: Client) => ({
  async made(path: string, body: object, status = 201): Promise<Row> {
    const answer = await who.post(`/api/v1${path}`, body)
    expect([path, answer.status, answer.body]).toEqual([path, status, expect.anything()])
    return answer.body
  },
  read: async (path: string): Promise<Row> => {
    const answer = await who.get(`/api/v1${path}`)
    expect([path, answer.status, answer.body]).toEqual([path, 200, expect.anything()])
    return answer.body
  },
  listed: async (path: string): Promise<Row[]> => {
    const answer = await who.get(`/api/v1${path}`)
    expect([path, answer.status, answer.body]).toEqual([path, 200, expect.anything()])
    return answer.body.data
  },
})

const lastEvent = async ({ alice }: House, type: string) => (await alice.get(`/api/v1/events?type=${type}&limit=1`)).body.data[0]

test('Q136 Q138 a job is enqueued, run and read: row, list, result and timeline say the same, and the record names who enqueued it', async () => {
  const { house, run, made, read, listed } = await open()
  const job = await made('/jobs', {
    kind: 'report.build',
    payload: { month: '2026-01', team: 'x' },
    tags: ['monthly'],
    metadata: { n: 1 },
  })
  expect(job).toMatchObject({
    state: 'ready',
    attempt: 0,
    tags: ['monthly'],
    owner_id: house.alice.id,
    agent_id: null,
    may: expect.arrayContaining(['cancel']),
  })
  await run()

  const done = await read(`/jobs/${job.id}`)
  expect(done).toMatchObject({
    state: 'completed',
    attempt: 1,
    payload: { month: '2026-01', team: 'x' },
    output: { pages: 2 },
    may: [],
  })
  expect(await listed('/jobs?kind=report.build&state=completed&tag=monthly')).toEqual([
    expect.objectContaining({ id: job.id, state: 'completed' }),
  ])
  expect((await listed('/jobs'))[0]).not.toHaveProperty('payload')
  expect(await read(`/jobs/${job.id}/result?wait=5`)).toMatchObject({
    state: 'completed',
    done: true,
    output: { pages: 2 },
    error: null,
  })
  const timeline = await listed(`/jobs/${job.id}/timeline`)
  expect(timeline.map(({ what, state }) => [what, state])).toEqual([
    ['enqueued', 'ready'],
    ['claimed', 'running'],
    ['completed', 'completed'],
  ])
  expect(timeline[0]?.actor).toEqual({ type: 'user', id: house.alice.id })
  expect(timeline[2]).toMatchObject({ attempt: 1, actor: { type: 'worker' }, duration_ms: expect.any(Number) })
  expect(await lastEvent(house, 'job.enqueued')).toMatchObject({
    actor: { type: 'user', id: house.alice.id },
    resource: { type: 'job', id: job.id },
    data: { kind: 'report.build', queue: 'default' },
    after: { state: 'ready' },
  })
})

test('Q136 a wait for a result ends with the job, and at its time without one', async () => {
  const { run, made, read } = await open()
  const job = await made('/jobs', { kind: 'report.build' })
  expect(await read(`/jobs/${job.id}/result?wait=1`)).toMatchObject({ state: 'ready', done: false, output: null })
  const waiting = read(`/jobs/${job.id}/result?wait=30`)
  await run()
  expect(await waiting).toMatchObject({ state: 'completed', done: true })
})

test('Q137 what may not be enqueued says so by its code: an unknown kind, a kind of the server, reserved words, a payload too large or not exact', async () => {
  const { house } = await open()
  const refused = async (body: object) => {
    const { status, body: problem } = await house.alice.post('/api/v1/jobs', { kind: 'report.build', ...body })
    return [status, problem.code, problem.errors?.[0]?.path ?? null]
  }
  expect(await refused({ kind: 'report.burn' })).toEqual([422, 'kind_unknown', null])
  expect(await refused({ kind: 'task.expire' })).toEqual([422, 'validation_failed', '/kind'])
  expect(await refused({ tags: ['ok', 'countersign:owner:usr_x'] })).toEqual([422, 'validation_failed', '/tags/1'])
  expect(await refused({ metadata: { 'countersign:schedule': 'x' } })).toEqual([
    422,
    'validation_failed',
    '/metadata/countersign:schedule',
  ])
  expect(await refused({ payload: 'x'.repeat(1_048_576) })).toEqual([413, 'payload_too_large', null])
  const exact = await house.alice.raw('/api/v1/jobs', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"kind":"report.build","payload":{"a":[12345678901234567890]}}',
  })
  expect([exact.status, (await exact.json()).errors[0].path]).toEqual([422, '/payload/a/0'])
  expect(await refused({ queue: 'No' })).toEqual([422, 'validation_failed', '/queue'])
})

test('§8 Q137 the row "kind undeclared": a queue that takes such kinds takes them over the API, one that turns them away says kind_unknown', async () => {
  const { house, made, read } = await open()
  const job = { kind: 'from.elsewhere', queue: 'default', payload: { n: 1 } }
  const refused = async () => {
    const { status, body } = await house.alice.post('/api/v1/jobs', job)
    return [status, body.code]
  }
  await made('/jobs', { kind: 'report.build' }) // now there is a queue of that name
  expect(await read('/queues/default')).toMatchObject({ undeclared: null })
  expect(await refused()).toEqual([422, 'kind_unknown'])
  const set = (undeclared: boolean) => house.alice.patch('/api/v1/queues/default', { undeclared })
  expect((await set(true)).body).toMatchObject({ undeclared: true })
  expect(await made('/jobs', job)).toMatchObject({ kind: 'from.elsewhere', state: 'ready', payload: { n: 1 } })
  expect((await set(false)).status).toBe(200)
  expect(await refused()).toEqual([422, 'kind_unknown'])
})

test('§8 the row "bulk call": 1,001 ids are refused by their path, a thousand are judged one by one, and nothing was changed', async () => {
  const { house, made, read } = await open()
  const job = await made('/jobs', { kind: 'report.build' })
  const ids = [job.id, ...Array.from({ length: 1_000 }, () => newId('job'))]
  for (const act of ['/jobs/bulk-retry', '/jobs/bulk-cancel']) {
    const { status, body } = await house.alice.post(`/api/v1${act}`, { ids })
    expect([act, status, body.code, body.errors?.[0]?.path]).toEqual([act, 422, 'validation_failed', '/ids'])
  }
  for (const act of ['/dead-letters/bulk-retry', '/dead-letters/bulk-purge', '/dead-letters/bulk-move']) {
    const { status, body } = await house.alice.post(`/api/v1${act}`, { filter: { ids } })
    expect([act, status, body.code, body.errors?.[0]?.path]).toEqual([act, 422, 'validation_failed', '/filter/ids'])
  }
  expect(await read(`/jobs/${job.id}`)).toMatchObject({ state: 'ready' })
  const { body } = await house.alice.post('/api/v1/jobs/bulk-retry', { ids: ids.slice(0, 1_000) })
  expect([body.changed, body.data.length]).toEqual([0, 1_000])
})

test('Q137 a unique key is refused with its holder, answered with it, or replaced, as the caller says', async () => {
  const { house, made, read } = await open()
  const unique = { kind: 'report.build', unique_key: 'january', run_at: '2999-01-01T00:00:00.000Z' }
  const first = await made('/jobs', { ...unique, payload: 1 })
  const second = await house.alice.post('/api/v1/jobs', unique)
  expect([second.status, second.body.code, second.body.job_id]).toEqual([409, 'unique_conflict', first.id])
  expect(await made('/jobs', { ...unique, on_conflict: 'return', payload: 2 }, 200)).toMatchObject({ id: first.id, payload: 1 })
  expect(await made('/jobs', { ...unique, on_conflict: 'replace', payload: 3 }, 200)).toMatchObject({ id: first.id, payload: 3 })
  expect(await made('/jobs', { ...unique, unique_key: 'february', on_conflict: 'return' })).not.toMatchObject({ id: first.id })
  expect(await read(`/jobs/${first.id}`)).toMatchObject({ unique_key: 'january', state: 'scheduled' })
})

test('decisions §5 an Idempotency-Key makes one job of two calls', async () => {
  const { house, listed } = await open()
  const call = () =>
    house.alice.raw('/api/v1/jobs', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': 'k1' },
      body: JSON.stringify({ kind: 'report.build' }),
    })
  const [first, again] = [await call(), await call()]
  expect([first.status, again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 201, 'true'])
  expect((await first.json()).id).toBe((await again.json()).id)
  expect(await listed('/jobs?kind=report.build')).toHaveLength(1)
})

test('Q136 A33 retry, cancel and reschedule tell before and after, and refuse what the state forbids', async () => {
  const { house, run, made, read, listed } = await open()
  const job = await made('/jobs', { kind: 'report.build', run_at: '2999-01-01T00:00:00.000Z' })
  const moved = await made(`/jobs/${job.id}/reschedule`, { run_at: '2998-01-01T00:00:00.000Z' }, 200)
  expect(moved).toMatchObject({ state: 'scheduled', run_at: '2998-01-01T00:00:00.000Z' })
  expect(await lastEvent(house, 'job.rescheduled')).toMatchObject({
    before: { state: 'scheduled', run_at: '2999-01-01T00:00:00.000Z' },
    after: { run_at: '2998-01-01T00:00:00.000Z' },
  })
  expect(await made(`/jobs/${job.id}/cancel`, { reason: 'not needed' }, 200)).toMatchObject({
    state: 'cancelled',
    may: ['retry'],
  })
  const again = await house.alice.post(`/api/v1/jobs/${job.id}/cancel`, {})
  expect([again.status, again.body.code, again.body.state]).toEqual([409, 'state_conflict', 'cancelled'])
  expect(await made(`/jobs/${job.id}/retry`, { priority: 1 }, 200)).toMatchObject({ state: 'ready', priority: 1, attempt: 0 })
  expect(await lastEvent(house, 'job.retried')).toMatchObject({
    before: { state: 'cancelled' },
    after: { state: 'ready', priority: 1 },
  })
  await run()
  expect(await read(`/jobs/${job.id}`)).toMatchObject({ state: 'completed' })
  const whats = (await listed(`/jobs/${job.id}/timeline`)).map(({ what, actor }) => [
    what,
    (actor as { type: string } | null)?.type ?? null,
  ])
  expect(whats).toEqual([
    ['enqueued', 'user'],
    ['rescheduled', 'user'],
    ['cancelled', 'user'],
    ['restarted', 'user'],
    ['claimed', 'worker'],
    ['completed', 'worker'],
  ])
})

test('§6.1 a bulk act changes what it can, says what became of each, and is one event a job', async () => {
  const { house, made } = await open()
  const jobs = await Promise.all([1, 2, 3].map(() => made('/jobs', { kind: 'report.build', run_at: '2999-01-01T00:00:00.000Z' })))
  const [a, b, c] = jobs.map(({ id }) => id) as [string, string, string]
  await made(`/jobs/${c}/cancel`, {}, 200)
  const nobody = newId('job')
  const done = await made('/jobs/bulk-cancel', { ids: [a, b, c, nobody] }, 200)
  expect(done.changed).toBe(2)
  expect(new Map((done.data as { id: string; code: string | null }[]).map(({ id, code }) => [id, code]))).toEqual(
    new Map([
      [a, null],
      [b, null],
      [c, 'state_conflict'],
      [nobody, 'not_found'],
    ]),
  )
  expect((await made('/jobs/bulk-retry', { ids: [a, b, c] }, 200)).changed).toBe(3)
  const events = (await house.alice.get('/api/v1/events?type=job.*&limit=200')).body.data.map(
    ({ type }: { type: string }) => type,
  )
  expect(events.filter((type: string) => type === 'job.cancelled')).toHaveLength(3)
  expect(events.filter((type: string) => type === 'job.retried')).toHaveLength(3)
})

test('Q117 dead letters are listed, counted, run again, deleted and moved in; nothing is meant by an empty filter', async () => {
  const { house, run, made, read, listed } = await open()
  const failed = await made('/jobs', { kind: 'mail.send', payload: { to: 'x' } })
  const other = await made('/jobs', { kind: 'mail.send' })
  await run()
  expect((await listed('/dead-letters')).map(({ id }) => id)).toEqual([other.id, failed.id])
  expect(await listed('/dead-letters?reason=operator')).toEqual([])
  expect(await read('/dead-letters/depth')).toMatchObject({
    total: 2,
    groups: [{ kind: 'mail.send', queue: 'mail', reason: 'terminal_error', n: 2 }],
  })
  expect(await read(`/dead-letters/${failed.id}`)).toMatchObject({ state: 'failed', errors: [{ error: 'no such mailbox' }] })
  for (const act of ['retry', 'purge', 'move']) {
    const { status, body } = await house.alice.post(`/api/v1/dead-letters/bulk-${act}`, { filter: {} })
    expect([act, status, body.code]).toEqual([act, 422, 'filter_required'])
  }
  expect(await made(`/dead-letters/${failed.id}/retry`, {}, 200)).toMatchObject({ state: 'ready', dead_letter: false })
  expect((await house.alice.get(`/api/v1/dead-letters/${failed.id}`)).status).toBe(404)
  expect(await made('/dead-letters/bulk-move', { filter: { ids: [failed.id] }, reason: 'by hand' }, 200)).toMatchObject({
    changed: 1,
  })
  expect(await read(`/dead-letters/${failed.id}`)).toMatchObject({ state_reason: 'operator' })
  expect(await made('/dead-letters/bulk-retry', { filter: { kind: 'mail.send' } }, 200)).toMatchObject({
    retried: 2,
    conflicts: [],
    next: null,
  })
  expect(await lastEvent(house, 'dead_letter.retried')).toMatchObject({ data: { filter: { kind: 'mail.send' }, retried: 2 } })
  await run()
  expect((await house.alice.delete(`/api/v1/dead-letters/${other.id}`)).status).toBe(204)
  expect(await made('/dead-letters/bulk-purge', { filter: { all: true } }, 200)).toEqual({ purged: 1, more: false })
  expect(await read('/dead-letters/depth')).toMatchObject({ total: 0, groups: [] })
})

test('Q119 Q136 a paused queue or kind gives out nothing until it is resumed; drain cancels what waits; each is an event with before and after', async () => {
  const { house, run, made, read, listed } = await open()
  const job = await made('/jobs', { kind: 'report.build', queue: 'slow' })
  expect(await made('/queues/slow/pause', {}, 200)).toMatchObject({
    paused_at: expect.any(String),
    paused_by: house.alice.id,
    depth: { ready: 1 },
  })
  await run()
  expect(await read(`/jobs/${job.id}`)).toMatchObject({ state: 'ready' })
  expect(await lastEvent(house, 'queue.paused')).toMatchObject({ before: { paused_at: null }, after: { paused: true } })
  await made('/queues/slow/resume', {}, 200)
  await made('/kinds/report.build/pause', {}, 200)
  await run()
  expect(await read(`/jobs/${job.id}`)).toMatchObject({ state: 'ready' })
  expect(await made('/kinds/report.build/resume', {}, 200)).toMatchObject({ paused_at: null })
  expect(await made('/queues/slow/drain', {}, 200)).toEqual({ name: 'slow', cancelled: { ready: 1 } })
  expect(await read(`/jobs/${job.id}`)).toMatchObject({ state: 'cancelled' })
  expect((await listed('/queues')).map(({ name }) => name)).toEqual(expect.arrayContaining(['default', 'mail', 'slow']))
  expect((await house.alice.get('/api/v1/queues/nobody')).status).toBe(404)
  expect((await listed('/kinds')).map(({ name }) => name)).toEqual(expect.arrayContaining(['report.build', 'mail.send']))
})

test('Q106 Q120 limits of a queue are changed by an admin, one by one, and null takes one away', async () => {
  const { house, made, read } = await open()
  await made('/jobs', { kind: 'report.build', queue: 'slow' })
  const patch = async (body: object, who: Client = house.alice) => {
    const answer = await who.patch('/api/v1/queues/slow', body)
    return [answer.status, answer.body.code ?? answer.body] as const
  }
  const rate = { limit: 10, per_seconds: 60, burst: 5 }
  const limits = {
    max_running: 2,
    rate,
    rate_per_key: { eu: rate },
    max_depth: 100,
    on_full: 'signal',
    fair_by: 'tenant',
    weights: { a: 2 },
    aging_seconds: 5,
    undeclared: true,
  }
  expect(await patch(limits)).toEqual([200, expect.objectContaining(limits)])
  expect(await patch({ max_running: null })).toEqual([200, expect.objectContaining({ ...limits, max_running: null })])
  expect(await lastEvent(house, 'queue.changed')).toMatchObject({
    data: { fields: ['max_running'] },
    before: { max_running: 2 },
    after: { max_running: null },
  })
  expect(await patch({})).toEqual([422, 'validation_failed'])
  expect(await patch({ max_running: 1 }, house.operator)).toEqual([403, 'forbidden'])
  expect(await read('/queues/slow')).toMatchObject({ max_running: null, max_depth: 100 })
})

test('Q105 keys that hold up jobs are listed with their head, and skip and retry let the next go', async () => {
  const { run, made, read, listed } = await open()
  const ordered = { kind: 'mail.send', queue: 'slow', ordering_key: 'a/b', order: 'strict', run_at: '2999-01-01T00:00:00.000Z' }
  const first = await made('/jobs', ordered)
  const second = await made('/jobs', { ...ordered, run_at: undefined })
  await run()
  const keys = await listed('/queues/slow/keys')
  const ref = keys[0]?.ref
  expect(keys).toEqual([
    expect.objectContaining({
      key: 'a/b',
      by: 'ordering_key',
      waiting: expect.any(Number),
      head: expect.objectContaining({ id: first.id }),
    }),
  ])
  expect(await made(`/queues/slow/keys/${ref}/skip`, {}, 200)).toMatchObject({ key: 'a/b', job_id: first.id })
  expect(await read(`/jobs/${first.id}`)).toMatchObject({ state: 'failed' })
  expect(await read(`/jobs/${second.id}`)).toMatchObject({ state: 'ready' })
})

test('Q114 Q116 a schedule is made, changed, paused, fired by hand and removed over the API, and refused when it never fires', async () => {
  const { house, run, made, read, listed } = await open()
  const body = { name: 'Nightly report', cron: '30 2 * * *', timezone: 'Europe/Berlin', kind: 'report.build', payload: { a: 1 } }
  expect(await made('/schedules', body)).toMatchObject({ ...body, declared_in: 'api', next_fire: expect.any(String) })
  const at = '/schedules/Nightly%20report'
  expect((await house.alice.post('/api/v1/schedules', body)).body.code).toBe('state_conflict')
  for (const [wrong, path] of [
    [{ cron: '61 * * * *' }, '/cron'],
    [{ timezone: 'Europe/Nowhere' }, '/timezone'],
    [{ kind: 'task.expire' }, '/kind'],
  ] as const) {
    const { status, body: problem } = await house.alice.post('/api/v1/schedules', { ...body, name: 'x', ...wrong })
    expect([status, problem.errors[0].path]).toEqual([422, path])
  }
  const changed = await house.alice.patch(`/api/v1${at}`, { overlap: 'skip' })
  expect(changed.body).toMatchObject({ ...body, overlap: 'skip' })
  expect(await made(`${at}/pause`, {}, 200)).toMatchObject({ paused_by: house.alice.id })
  expect(await read(`${at}/fires`)).toEqual({ past: [], next: [] })
  const { job_id } = await made(`${at}/trigger`, {})
  await run()
  expect(await read(`/jobs/${job_id}`)).toMatchObject({ state: 'completed', schedule: 'Nightly report' })
  expect((await listed('/jobs?schedule=Nightly%20report')).map(({ id }) => id)).toEqual([job_id])
  await made(`${at}/resume`, {}, 200)
  expect((await read(`${at}/fires`)).next).toHaveLength(10)
  expect(await listed('/schedules')).toHaveLength(1)
  expect((await house.alice.delete(`/api/v1${at}`)).status).toBe(204)
  expect(await listed('/schedules')).toEqual([])
  const types = (await house.alice.get('/api/v1/events?type=schedule.*&limit=50')).body.data.map(
    ({ type }: { type: string }) => type,
  )
  expect(types.toReversed()).toEqual(
    ['created', 'changed', 'paused', 'triggered', 'resumed', 'removed'].map((what) => `schedule.${what}`),
  )
})

test('Q100 §6.1 callbacks are listed and read, and resumed, retried or withdrawn from inside', async () => {
  const { house, run, made, read, listed } = await open()
  const jobs = await Promise.all([1, 2, 3].map(() => made('/jobs', { kind: 'bank.ask' })))
  await run()
  const open_ = await listed('/callbacks?state=open')
  expect(open_.map(({ job_id }) => job_id).toSorted()).toEqual(jobs.map(({ id }) => id).toSorted())
  const [resumed, retried, cancelled] = open_.map(({ id }) => id) as [string, string, string]
  expect(await read(`/callbacks/${resumed}`)).toMatchObject({ name: 'bank', state: 'open' })
  expect(await made(`/callbacks/${resumed}/resume`, { payload: { ok: true } }, 200)).toMatchObject({
    id: resumed,
    state: 'ready',
  })
  const twice = await house.alice.post(`/api/v1/callbacks/${resumed}/resume`, {})
  expect([twice.status, twice.body.code]).toEqual([409, 'callback_resolved'])
  expect(await made(`/callbacks/${retried}/retry`, {}, 200)).toMatchObject({ state: 'ready' })
  expect(await made(`/callbacks/${cancelled}/cancel`, {}, 200)).toMatchObject({ state: 'ready' })
  expect(await lastEvent(house, 'callback.settled')).toMatchObject({
    data: { how: 'cancel' },
    before: { state: 'open' },
    after: { job_state: 'ready' },
  })
  expect((await house.member.get(`/api/v1/callbacks/${resumed}`)).status).toBe(404)
})

test('§6.1 workers, ring, maintenance, capabilities and figures answer, and tell of machines only to hosts', async () => {
  const { house, run, made, read, listed } = await open()
  await made('/jobs', { kind: 'report.build' })
  await run()
  expect(await read('/ring')).toMatchObject({ slots: expect.any(Array), free_slots: expect.any(Number) })
  expect(await read('/maintenance')).toMatchObject({ leads: false, leader: null, workers: 0 })
  expect(await made('/maintenance/tick', {}, 200)).toMatchObject({ duties: expect.arrayContaining(['rescue']) })
  expect(await read('/capabilities')).toMatchObject({ read_only: false, features: expect.arrayContaining(['dead_letters']) })
  expect(await read('/stats')).toMatchObject({ depth: expect.any(Object), dead_letters: 0 })
  expect(await read('/stats/timeseries?by=kind&step=60')).toMatchObject({ step_seconds: 60, series: expect.any(Array) })
  expect((await listed('/stats/kinds')).map(({ kind }) => kind)).toContain('report.build')
  expect((await listed('/stats/queues')).map(({ queue }) => queue)).toContain('default')
  const wide = await house.alice.get('/api/v1/stats/timeseries?from=2020-01-01T00:00:00Z&to=2026-01-01T00:00:00Z&step=60')
  expect([wide.status, wide.body.errors[0].path]).toEqual([422, 'step'])
  const engine = createQueue({ database: house.db.pool, listen: false, kinds: KINDS })
  const worker = engine.work({ maintenance: false, queues: ['default', 'secret-of-another'] })
  await expect.poll(async () => (await listed('/workers')).length).toBe(1)
  const [seen] = await listed('/workers')
  expect(seen).toMatchObject({ host: null, pid: null, queues: ['default'], alive: true })
  expect(await read(`/workers/${seen?.id}`)).toMatchObject({ id: seen?.id })
  await worker.stop()
  await engine.close()
})

test('P9 Q136 a tenant sees and touches nothing of another tenant: no job, letter, schedule, callback, queue or count of it', async () => {
  const { house, run, made } = await open()
  const job = await made('/jobs', { kind: 'report.build', queue: 'slow', run_at: '2999-01-01T00:00:00.000Z' })
  const letter = await made('/jobs', { kind: 'mail.send' })
  await made('/jobs', { kind: 'bank.ask' })
  await made('/schedules', { name: 'mine', cron: '@hourly', kind: 'report.build' })
  await made('/queues/mail/pause', {}, 200)
  await made('/queues/mail/resume', {}, 200)
  await run()
  await made('/queues/default/pause', {}, 200)
  const theirs = callers(house.stranger)
  for (const path of ['/jobs', '/dead-letters', '/schedules', '/callbacks', '/jobs?q=report'])
    expect([path, await theirs.listed(path)]).toEqual([path, []])
  expect(await theirs.read('/dead-letters/depth')).toMatchObject({ total: 0 })
  expect(await theirs.read('/stats')).toMatchObject({ dead_letters: 0 })
  expect((await theirs.listed('/queues')).map(({ name }) => name)).not.toContain('slow')
  expect((await theirs.listed('/queues')).find(({ name }) => name === 'default')).toMatchObject({ paused_by: null })
  for (const path of [
    `/jobs/${job.id}/cancel`,
    `/jobs/${job.id}/retry`,
    `/dead-letters/${letter.id}/retry`,
    '/schedules/mine/pause',
    '/queues/slow/drain',
  ])
    expect([path, (await house.stranger.post(`/api/v1${path}`, {})).status]).toEqual([path, 404])
  expect((await house.stranger.post('/api/v1/dead-letters/bulk-purge', { filter: { all: true } })).body).toEqual({
    purged: 0,
    more: false,
  })
  expect((await house.stranger.post('/api/v1/jobs/bulk-cancel', { ids: [job.id] })).body).toMatchObject({ changed: 0 })
  // What all tenants share is not for the owner of one of them to stop.
  for (const path of ['/queues/default/pause', '/queues/default/resume', '/kinds/report.build/pause'])
    expect([path, (await house.stranger.post(`/api/v1${path}`, {})).body.code]).toEqual([path, 'forbidden'])
  expect((await house.stranger.patch('/api/v1/queues/default', { max_running: 0 })).body.code).toBe('forbidden')
})

test('P61 a member and an agent see and touch their own jobs alone, whatever they ask for; auditors and viewers see no content', async () => {
  const { house, run, made, listed } = await open()
  const others = await made('/jobs', { kind: 'report.build', payload: { secret: 1 }, tags: ['x'] })
  const key = await house.given.key({ kind: 'agt', agent_id: house.agent.id, scopes: ['jobs:*'] })
  const agent = (path: string, body?: object) =>
    house.nobody.raw(`/api/v1${path}`, {
      method: body ? 'POST' : 'GET',
      body: body && JSON.stringify(body),
      headers: { authorization: `Bearer ${key.secret}`, 'content-type': 'application/json' },
    })
  // A job of an agent waits for a person (P70); the same request makes it afterwards.
  const held = (await (await agent('/jobs', { kind: 'report.build', tags: ['x'] })).json()) as { task_id: string }
  const yes = { type: 'respond', response: { approve: true }, seen_revision: 1 }
  expect((await house.alice.post(`/api/v1/tasks/${held.task_id}/decide`, yes)).status).toBe(200)
  const own = (await (await agent('/jobs', { kind: 'report.build', tags: ['x'] })).json()) as Row
  expect(own).toMatchObject({ agent_id: house.agent.id, owner_id: house.alice.id, tags: ['x'] })
  expect((await (await agent('/jobs')).json()).data.map(({ id }: Row) => id)).toEqual([own.id])
  expect((await (await agent('/jobs?tag=x')).json()).data.map(({ id }: Row) => id)).toEqual([own.id])
  expect((await agent(`/jobs/${others.id}`)).status).toBe(404)
  expect((await agent(`/jobs/${others.id}/cancel`, {})).status).toBe(404)
  expect((await (await agent('/jobs/bulk-cancel', { ids: [others.id] })).json()).changed).toBe(0)
  expect((await house.member.get('/api/v1/jobs')).body.data).toEqual([])
  const mine = (await house.member.post('/api/v1/jobs', { kind: 'report.build', payload: 7 })).body
  expect((await house.member.get('/api/v1/jobs')).body.data.map(({ id }: Row) => id)).toEqual([mine.id])
  expect((await house.member.get(`/api/v1/jobs/${mine.id}`)).body.payload).toBe(7)
  await run()
  for (const reader of [house.auditor, house.viewer]) {
    const { body } = await reader.get(`/api/v1/jobs/${others.id}`)
    expect(body).toMatchObject({ state: 'completed', payload: { _redacted: true }, output: { _redacted: true }, may: [] })
  }
  expect(await listed('/jobs?kind=report.build')).toHaveLength(3)
})

test('P10 lists go on by cursors that are of their route, filter and caller alone', async () => {
  const { house, made, listed } = await open()
  for (let n = 0; n < 5; n++) await made('/jobs', { kind: 'report.build', tags: [`n${n}`] })
  const seen: unknown[] = []
  let cursor = ''
  do {
    const { body } = await house.alice.get(`/api/v1/jobs?limit=2&kind=report.build${cursor && `&cursor=${cursor}`}`)
    seen.push(...body.data.map(({ id }: Row) => id))
    cursor = body.next_cursor ?? ''
    if (cursor)
      for (const path of [`/jobs?kind=mail.send&cursor=${cursor}`, `/dead-letters?cursor=${cursor}`])
        expect((await house.alice.get(`/api/v1${path}`)).body.code).toBe('cursor_invalid')
  } while (cursor)
  expect(seen).toEqual((await listed('/jobs?kind=report.build')).map(({ id }) => id))
  expect(new Set(seen).size).toBe(5)
})

test('§6.1 the stream tells each state of a job, and goes on after a broken one', async () => {
  const { house, run, made } = await open()
  const follow = async (from?: string) => {
    const cut = new AbortController()
    const answer = await house.alice.raw('/api/v1/jobs/stream?kind=report.build', {
      headers: { accept: 'text/event-stream', ...(from ? { 'last-event-id': from } : {}) },
      signal: cut.signal,
    })
    expect(answer.headers.get('content-type')).toMatch(/^text\/event-stream/)
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader()
    const decoder = new TextDecoder()
    let text = ''
    return {
      async until(state: string): Promise<{ id: string; job: Row }> {
        for (;;) {
          for (const frame of text.split('\n\n')) {
            const data = /^data: (.*)$/m.exec(frame)?.[1]
            const id = /^id: (.*)$/m.exec(frame)?.[1]
            if (data && id && (JSON.parse(data) as Row).state === state) return { id, job: JSON.parse(data) as Row }
          }
          const { value, done } = await reader.read()
          if (done) throw new Error(`the stream ended before ${state}: ${text}`)
          text += decoder.decode(value, { stream: true })
        }
      },
      end: () => cut.abort(),
    }
  }
  const stream = await follow()
  const job = await made('/jobs', { kind: 'report.build', run_at: '2999-01-01T00:00:00.000Z' })
  expect((await stream.until('scheduled')).job).toMatchObject({ id: job.id, kind: 'report.build', queue: 'default', attempt: 0 })
  await made(`/jobs/${job.id}/retry`, {}, 200)
  const ready = await stream.until('ready')
  expect(Object.keys(ready.job).sort()).toEqual(['at', 'attempt', 'id', 'kind', 'queue', 'reason', 'state', 'worker'])
  stream.end()
  await run()
  const resumed = await follow(ready.id)
  expect((await resumed.until('completed')).job).toMatchObject({ id: job.id, attempt: 1 })
  expect((await resumed.until('running')).job).toMatchObject({ id: job.id })
  resumed.end()
  const wrong = await house.alice.raw('/api/v1/jobs/stream', {
    headers: { accept: 'text/event-stream', 'last-event-id': ready.id },
  })
  expect([wrong.status, (await wrong.json()).code]).toEqual([400, 'cursor_invalid'])
  const theirs = await house.stranger.raw('/api/v1/jobs/stream?kind=report.build', {
    headers: { accept: 'text/event-stream', 'last-event-id': ready.id },
  })
  expect(theirs.status).toBe(400)
})

test('Q136 no route of the queue answers without a credential', async () => {
  const { house } = await open()
  for (const path of [
    '/jobs',
    '/queues',
    '/kinds',
    '/schedules',
    '/dead-letters',
    '/workers',
    '/ring',
    '/maintenance',
    '/stats',
    '/callbacks',
    '/capabilities',
  ])
    expect([path, (await house.nobody.get(`/api/v1${path}`)).status]).toEqual([path, 401])
})
