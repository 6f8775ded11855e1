import { expect, test } from 'vitest'
import { database } from '#harness'
import { createQueue, defineKind, enqueue, enqueueMany, type Kind, QueueError } from './index.ts'

async function open(kinds: readonly Kind[] = []) {
  const house = await database()
  const queue = createQueue({ database: house.db.pool, kinds, listen: false })
  return { ...house, queue, pool: house.db.pool }
}

/** All SQLSTATEs or codes that a promise may fail with, as one word. */
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'fine',
    (error: unknown) => (error instanceof QueueError ? error.code : (error as { code?: string }).code),
  )

test('Q3 a job belongs to the transaction of its caller: rolled back it never was, committed it is there with the business row', async () => {
  const { pool, queue, admin } = await open()
  await admin.query(
    'create table public.orders (id int); grant usage on schema public to countersign_runtime; grant all on public.orders to countersign_runtime',
  )
  const client = await pool.connect()
  await client.query('begin; insert into public.orders values (1)')
  const lost = await enqueue(client, { kind: 'order.ship', payload: { id: 1 } })
  expect(await queue.job(lost)).toBeNull()
  await client.query('rollback')
  expect(await queue.job(lost)).toBeNull()

  await client.query('begin; insert into public.orders values (2); savepoint a')
  await enqueue(client, { kind: 'order.ship', payload: { id: 'undone' } })
  await client.query('rollback to savepoint a')
  const kept = await enqueue(client, { kind: 'order.ship', payload: { id: 2 } })
  await client.query('commit')
  client.release()
  expect((await queue.jobs()).data.map((job) => job.id)).toEqual([kept])
})

test('Q83 Q12 many jobs at once answer ids of the engine in input order, later ids behind earlier ones', async () => {
  const { pool, queue } = await open()
  const ids = await enqueueMany(
    pool,
    Array.from({ length: 2500 }, (_, n) => ({ kind: 'a', payload: { n } })),
  )
  expect(new Set(ids).size).toBe(2500)
  for (const id of ids.slice(0, 50))
    expect(id).toMatch(
      /^job_[0-7][0-9A-HJKMNP-TV-Z]{9}[EF][0-9A-HJKMNP-TV-Z]{2}[89ABCDEFGHJKMNPQRSTVWXYZ][0-9A-HJKMNP-TV-Z]{12}$/,
    )
  expect((await queue.job(ids[1234] as string))?.payload).toEqual({ n: 1234 })
  expect((ids[0] as string).slice(0, 14) <= (ids[2499] as string).slice(0, 14)).toBe(true)
})

test('Q83 Q11 jobs that are due later come to the same in one call as one by one, and a wrong one among them is named by its index', async () => {
  const { queue, pool, admin } = await open([
    defineKind('told', { run: () => undefined, queue: 'late', priority: 1, maxAttempts: 7 }),
  ])
  await queue.register()
  const at = new Date(Date.now() + 3_600_000)
  const rest = {
    metadata: { a: 1 },
    tags: ['x', 'y'],
    maxAttempts: 3,
    maxCrashes: 2,
    deadline: '5m',
    keepOutput: '1d',
    payloadVersion: 4,
  } as const
  const jobs = [
    { kind: 'told', payload: { n: 1 }, runAt: at },
    { kind: 'told', payload: { n: 2 }, runAt: '2h', ...rest },
    { kind: 'other', payload: null, runAt: new Date(Date.now() - 60_000), priority: 4, queue: 'q' },
    { kind: 'other', payload: 'ü'.repeat(900), runAt: '1s', tenantId: '018f3a5e-0000-7000-8000-000000000001' },
  ] as const
  const together = await enqueueMany(pool, jobs)
  const singly: string[] = []
  for (const job of jobs) singly.push(await enqueue(pool, job))
  const seen = async (ids: readonly string[]) =>
    (
      await admin.query(
        `select kind, queue, priority, state, state_reason, payload, payload_bytes, payload_version, max_attempts, max_attempts_own, max_crashes, deadline_ms,
          keep_output_ms, metadata, tags, trace, tenant_id, fair_group, ordered, date_trunc('minute', run_at - enqueued_at + interval '30 s') as delay
         from countersign_queue.jobs where id = any ($1) order by array_position($1, id)`,
        [ids],
      )
    ).rows
  expect(await seen(together)).toHaveLength(4)
  expect(await seen(together)).toEqual(await seen(singly))
  expect(new Set(together).size).toBe(4)

  const call = (list: unknown) =>
    admin
      .query('select countersign_queue.enqueue_many($1::jsonb)', [JSON.stringify(list)])
      .catch((error: { code: string; detail: string }) => error)
  const fine = { kind: 'other', payload: {}, delay_ms: 1000 }
  const wrong: [string, object][] = [
    ['/run_at', { kind: 'other', run_at: '2026-13-01T00:00:00Z' }],
    ['/run_at', { kind: 'other', run_at: 'soon' }],
    ['/delay_ms', { ...fine, delay_ms: -1 }],
    ['/delay_ms', { ...fine, delay_ms: 999_999_999_999 }],
    ['/delay_ms', { ...fine, delay_ms: '5' }],
    ['/kind', { ...fine, kind: 'No' }],
    ['/queue', { ...fine, queue: 'No' }],
    ['/priority', { ...fine, priority: 9 }],
    ['/tenant_id', { ...fine, tenant_id: 'me' }],
    ['/max_attempts', { ...fine, max_attempts: 0 }],
    ['/tags', { ...fine, tags: 'x' }],
    ['/payload', { ...fine, payload: 'x'.repeat(1_100_000) }],
    ['/surprise', { ...fine, surprise: 1 }],
  ]
  for (const [path, job] of wrong) {
    const refused = await call([fine, fine, job, fine])
    expect(refused, path).toMatchObject({ code: 'QJ005' })
    expect(JSON.parse((refused as { detail: string }).detail)).toEqual({ path, index: 2 })
  }
  expect((await admin.query("select 1 from countersign_queue.jobs where kind = 'other'")).rowCount).toBe(4)
})

test('Q11 every bound holds in TypeScript and, for other languages, in SQL, with the path of the field', async () => {
  const { pool, admin, queue } = await open()
  const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)])
  const bad: [string, Record<string, unknown>][] = [
    ['/kind', { kind: 'Bad' }],
    ['/kind', {}],
    ['/queue', { kind: 'a', queue: 'No Space' }],
    ['/priority', { kind: 'a', priority: 0 }],
    ['/priority', { kind: 'a', priority: 5 }],
    ['/max_attempts', { kind: 'a', max_attempts: 0 }],
    ['/max_attempts', { kind: 'a', max_attempts: 1001 }],
    ['/max_attempts', { kind: 'a', max_attempts: 1.5 }],
    ['/delay_ms', { kind: 'a', delay_ms: -1 }],
    ['/run_at', { kind: 'a', run_at: 'tomorrow' }],
    ['/run_at', { kind: 'a', run_at: '2026-13-01T00:00:00Z' }],
    ['/payload', { kind: 'a', payload: 'x'.repeat(1_048_576) }],
    ['/payload', { kind: 'a', payload: deep(65) }],
    ['/metadata/countersign:x', { kind: 'a', metadata: { 'countersign:x': 1 } }],
    ['/metadata', { kind: 'a', metadata: { x: 'x'.repeat(17_000) } }],
    ['/tags', { kind: 'a', tags: Array(21).fill('t') }],
    ['/tags', { kind: 'a', tags: ['t'.repeat(101)] }],
    ['/unique/key', { kind: 'a', unique: { key: 'k'.repeat(513) } }],
    ['/unique/while', { kind: 'a', unique: { key: 'k', while: [] } }],
    ['/unique/while', { kind: 'a', unique: { key: 'k', while: ['completed', 'running'] } }],
    ['/unique/on_conflict', { kind: 'a', unique: { key: 'k', on_conflict: 'explode' } }],
    ['/tenant_id', { kind: 'a', tenant_id: 'ten_x' }],
    ['/surprise', { kind: 'a', surprise: 1 }],
  ]
  for (const [path, job] of bad) {
    const refused = await admin
      .query('select countersign_queue.enqueue_many($1)', [JSON.stringify([{ kind: 'fine' }, job])])
      .catch((error: unknown) => error)
    expect(refused, path).toMatchObject({ code: 'QJ005' })
    expect(JSON.parse((refused as { detail: string }).detail), path).toEqual({ path, index: 1 })
  }
  const refusals = [
    { payload: { text: 'a\0b' } },
    { payload: { text: '\ud800' } },
    { payload: deep(65) },
    { payload: { n: Number.NaN } },
    { payload: 'x'.repeat(1_048_577) },
    { runAt: new Date('+012026-01-01T00:00:00Z') },
    { runAt: Number.POSITIVE_INFINITY },
    { priority: 7 as 1 },
  ]
  for (const more of refusals)
    expect(await codeOf(enqueue(pool, { kind: 'a', ...more })), JSON.stringify(more)).toBe('validation_failed')
  await expect(enqueue(pool, { kind: 'a', payload: { list: [{ 'a/b': 'x\0' }] } })).rejects.toMatchObject({
    members: { errors: [{ path: '/payload/list/0/a~1b' }] },
  })
  expect(await enqueue(pool, { kind: 'a', payload: deep(64) })).toMatch(/^job_/)
  expect((await queue.jobs()).data).toHaveLength(1) // nothing is half written
})

test('Q82 a payload that its kind’s schema refuses is not enqueued, and says where it is wrong', async () => {
  const kind = defineKind<{ email: string }>('mail', {
    schema: {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value) =>
          typeof (value as { email?: unknown }).email === 'string'
            ? { value: value as { email: string } }
            : { issues: [{ message: 'is a text', path: ['email'] }] },
      },
    },
    run: () => undefined,
  })
  const { queue } = await open([kind as Kind])
  await expect(queue.enqueue(kind, {} as { email: string })).rejects.toMatchObject({
    code: 'validation_failed',
    members: { errors: [{ path: '/payload/email', code: 'schema', message: 'is a text' }] },
  })
  expect(() =>
    createQueue({ database: { url: 'postgres://localhost/none' }, listen: false, kinds: [kind as Kind, kind as Kind] }),
  ).toThrow('two declarations')
})

test('Q86 of 50 producers with one key one makes the job, and every other gets its id', async () => {
  const { runtimeUrl } = await open()
  const wide = createQueue({ database: { url: runtimeUrl, max: 25 }, listen: false })
  const ids = await Promise.all(
    Array.from({ length: 50 }, (_, n) =>
      wide.enqueueMany([{ kind: 'once', payload: { n }, uniqueKey: 'the one' }]).then(([id]) => id),
    ),
  )
  expect(new Set(ids).size).toBe(1)
  const rejected = await Promise.all(
    Array.from({ length: 50 }, (_, n) =>
      wide.enqueueMany([{ kind: 'twice', payload: { n }, unique: { key: 'k', onConflict: 'reject' } }]).then(
        () => 'made',
        (e) => e.code,
      ),
    ),
  )
  expect(rejected.filter((one) => one === 'made')).toHaveLength(1)
  expect(rejected.filter((one) => one === 'unique_conflict')).toHaveLength(49)
  await wide.close()
})

test('Q85 a key is made of kind, tenant and the chosen parts, is free again after the end, and replaces when told', async () => {
  const { queue, pool } = await open()
  const by = (payload: object, onConflict: 'replace' | 'return' | 'reject' = 'return') =>
    enqueue(pool, { kind: 'sync', payload, unique: { by: ['account.id'], onConflict } })
  const first = await by({ account: { id: 1 }, v: 1 })
  expect(await by({ account: { id: 1 }, v: 2 })).toBe(first)
  expect(await by({ account: { id: 2 }, v: 1 })).not.toBe(first)
  expect(await enqueue(pool, { kind: 'other', payload: { account: { id: 1 } }, unique: { by: ['account.id'] } })).not.toBe(first)
  expect((await queue.job(first))?.payload).toMatchObject({ v: 1 })
  expect(await by({ account: { id: 1 }, v: 3 }, 'replace')).toBe(first)
  expect(await queue.job(first)).toMatchObject({ payload: { v: 3 }, state: 'scheduled' })
  await expect(by({ account: { id: 1 }, v: 4 }, 'reject')).rejects.toMatchObject({
    code: 'unique_conflict',
    members: { job_id: first },
  })
  await queue.cancel(first)
  expect(await by({ account: { id: 1 }, v: 5 })).not.toBe(first)
})

test('Q86 the holder of a key is cancelled or rescheduled by it, inside the caller’s transaction', async () => {
  const { queue, pool } = await open()
  const id = await enqueue(pool, { kind: 'remind', uniqueKey: 'u1', runAt: '1h' })
  const by = { kind: 'remind', unique: { key: 'u1' } }
  const later = new Date(Date.now() + 7_200_000)
  expect(await queue.rescheduleByKey(by, later)).toMatchObject({ id, changed: true, state: 'scheduled' })
  expect((await queue.job(id))?.run_at).toBe(later.toISOString())
  const client = await pool.connect()
  await client.query('begin')
  expect(await queue.cancelByKey(by, { tx: client })).toMatchObject({ id, state: 'cancelled' })
  await client.query('rollback')
  client.release()
  expect((await queue.job(id))?.state).toBe('scheduled')
  expect(await queue.cancelByKey(by)).toMatchObject({ id, state: 'cancelled' })
  expect(await queue.cancelByKey(by)).toBeNull()
})

test('Q23 a held job is blocked until it is released or cancelled', async () => {
  const { queue, pool } = await open()
  const id = await enqueue(pool, { kind: 'a', hold: 'asks a person' })
  expect(await queue.job(id)).toMatchObject({
    state: 'blocked',
    state_reason: 'held',
    metadata: { 'countersign:hold': 'asks a person' },
  })
  expect(await queue.release(id)).toMatchObject({ state: 'ready' })
  await expect(queue.release(id)).rejects.toMatchObject({ code: 'state_conflict' })
  const other = await enqueue(pool, { kind: 'a', hold: 'no', runAt: '1h' })
  expect(await queue.cancel(other)).toMatchObject({ state: 'cancelled' })
})

test('Q143 the SQL function enqueues from any language, also inside the server’s search_path', async () => {
  const { pool, queue } = await open()
  const client = await pool.connect()
  await client.query('begin; set local search_path = countersign, pg_temp')
  const { rows } = await client.query(
    `select countersign_queue.enqueue('mail', 'mail.send', '{"to": "a"}', '{"priority": 1}') as id`,
  )
  await client.query('commit')
  client.release()
  expect(await queue.job(rows[0].id)).toMatchObject({
    queue: 'mail',
    kind: 'mail.send',
    payload: { to: 'a' },
    priority: 1,
    max_attempts: 25,
  })
})

test('Q9 metadata that begins with countersign: is the engine’s, and setting it is refused in every language and on every way in', async () => {
  const { pool, queue, admin } = await open()
  const mine = { 'countersign:follows': 'job_x', note: 'fine' }
  const refused = { code: 'validation_failed', members: { errors: [{ path: '/metadata/countersign:follows' }] } }
  await expect(enqueue(pool, { kind: 'a', metadata: mine })).rejects.toMatchObject(refused)
  await expect(enqueueMany(pool, [{ kind: 'a' }, { kind: 'a', metadata: mine }])).rejects.toMatchObject({
    ...refused,
    members: { ...refused.members, index: 1 },
  })
  const said = { code: 'QJ005', detail: expect.stringContaining('/metadata/countersign:') }
  for (const call of [
    `enqueue('default', 'a', '{}', '{"metadata": {"countersign:hold": "x"}}')`,
    `enqueue_many('[{"kind": "a", "metadata": {"countersign:": 1}}]')`,
    `schedule_upsert('{"name": "s", "cron": "@daily", "timezone": "UTC", "job": {"kind": "a", "metadata": {"countersign:x": 1}}}')`,
  ])
    await expect(admin.query(`select countersign_queue.${call}`), call).rejects.toMatchObject(said)
  expect((await queue.jobs()).data).toEqual([])
  expect(await queue.schedules.list()).toEqual([])

  const held = await enqueue(pool, { kind: 'a', hold: 'a person looks', metadata: { note: 'fine', Countersign: 1 } })
  expect((await queue.job(held))?.metadata).toEqual({ note: 'fine', Countersign: 1, 'countersign:hold': 'a person looks' })
})
