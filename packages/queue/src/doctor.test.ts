import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import { examineQueue } from './doctor.ts'
import { createQueue, defineKind, enqueue, type QueueOptions } from './index.ts'

async function open(options: Partial<QueueOptions> = {}) {
  const house = await database()
  const kinds = [defineKind('a', { run: () => undefined })]
  const queue = createQueue({ database: { url: house.runtimeUrl }, kinds, clock: house.clock, ...options })
  onTestFinished(() => queue.close({ grace: '1s' }))
  const found = async () => Object.fromEntries((await queue.doctor()).map((one) => [one.code, one]))
  return { ...house, queue, found }
}

test('Q126 the doctor finds nothing where nothing is wrong, and every finding is a sentence with what to do', async () => {
  const { queue, found } = await open()
  await expect.poll(async () => (await queue.health()).listen).toBe('listening')
  expect(Object.keys(await found())).toEqual(['leader_missing'])
  queue.work()
  await expect.poll(async () => Object.keys(await found()), { timeout: 10_000 }).toEqual([])
  await enqueue(queue.house.store, { kind: 'a', queue: 'mail' })
  await queue.pause({ queue: 'slow' })
  await enqueue(queue.house.store, { kind: 'a', queue: 'slow' })
  const findings = await found()
  expect(findings.queue_without_worker).toEqual({
    code: 'queue_without_worker',
    what: 'The queue mail holds 1 jobs, 1 of them ready, and no live worker serves it.',
    remedy: 'Start a worker with the queue mail, or drain it.',
  })
  expect(findings.queue_paused?.what).toMatch(/^The queue slow has been paused since 20.*; 1 jobs wait in it\.$/)
  for (const { what, remedy } of Object.values(findings)) for (const text of [what, remedy]) expect(text).toMatch(/^[A-Z].*\.$/)
})

test('Q126 the doctor names missing grants with the login, and a schema that is older or newer with what to do', async () => {
  const { queue, found, admin } = await open({ listen: false })
  queue.work()
  const functions = await admin.rows<{ f: string }>`
    select p.oid::regprocedure::text as f from pg_proc p where p.pronamespace = 'countersign_queue'::regnamespace and p.proname in ('finish', 'claim_packed')`
  for (const { f } of functions)
    await admin.query(
      `revoke execute on function ${f} from countersign_worker, countersign_admin, countersign_producer, countersign_maintenance, countersign_runtime`,
    )
  const { grants_missing } = await found()
  expect(grants_missing?.what).toMatch(/^The login countersign_runtime may not call claim_packed, finish\.$/)
  expect(grants_missing?.remedy).toContain('countersign_worker')
  for (const [version, code] of [
    [1, 'schema_stale'],
    [9_999, 'schema_newer'],
  ] as const) {
    await admin.query(`create or replace function countersign_queue.vitals() returns jsonb language sql volatile security definer
      set search_path = pg_catalog, pg_temp return '{"schema_version": ${version}, "workers": 0, "leader": "x", "oldest_ready_ms": null}'::jsonb`)
    expect((await found())[code]?.what).toContain(`at ${version},`)
  }
  await admin.query(
    'revoke execute on function countersign_queue.vitals() from countersign_maintenance, countersign_admin, countersign_reader',
  )
  expect(await queue.health()).toMatchObject({ ready: true, database: 'ok', schema_version: null, degraded: [] })
  await admin.query('drop function countersign_queue.vitals()')
  expect(await queue.health()).toMatchObject({ ready: false, database: 'ok', degraded: ['schema'] })
  expect((await found()).schema_stale?.what).toBe('The queue is not installed in this database.')
})

test('Q126 the doctor names the session that pins the horizon, with its pid and how to end it', async () => {
  const { queue, runtimeUrl, adminUrl } = await open({ listen: false })
  const idle = new pg.Client({ connectionString: adminUrl, application_name: 'forgotten' })
  await idle.connect()
  onTestFinished(() => idle.end())
  await idle.query('begin isolation level repeatable read')
  const pid = (await idle.query('select pg_backend_pid() as pid')).rows[0].pid
  const health = { ...(await queue.health()), horizon_age_s: 900 }
  const house = { store: queue.house.store, health: async () => health, works: false, maintains: false, now: () => Date.now() }
  const pinned = (await examineQueue(house)).find((one) => one.code === 'horizon_pinned')
  expect(pinned?.what).toContain(`forgotten, pid ${pid}`)
  expect(pinned?.remedy).toContain(`pg_terminate_backend(${pid})`)
  expect(runtimeUrl).not.toBe(adminUrl)
})

test('Q126 the doctor tells clocks that are apart, a lost LISTEN, a ring under pressure or blocked, slow and failing duties, and a database that is away', async () => {
  const { queue, admin } = await open({ listen: 'postgres://nobody@127.0.0.1:1/none' })
  const health = await queue.health()
  const house = { store: queue.house.store, health: async () => health, works: false, maintains: false, now: () => Date.now() }
  const told = async (more: Partial<typeof house> = {}, other: Partial<typeof health> = {}) =>
    Object.fromEntries(
      (await examineQueue({ ...house, ...more, health: async () => ({ ...health, ...other }) })).map(({ code, what }) => [
        code,
        what,
      ]),
    )
  expect(await told()).toHaveProperty('listen_lost')
  expect((await told({ now: () => Date.now() + 172_800_000 })).clock_distance).toMatch(
    /^The clock of this machine is 17279\d\d?.* s ahead of|^The clock of this machine is 172[78]\d\d/,
  )
  expect((await told({ now: () => Date.now() - 60_000 })).clock_distance).toContain('behind')
  const ring = { generation: 20, free_slots: 1, oldest_age_ms: 1, blocked: null, blocked_pid: null }
  expect(await told({}, { ring })).toMatchObject({ ring_pressure: 'Only 1 slots of the ring are free.' })
  expect((await told({}, { ring: { ...ring, free_slots: 0, blocked: 'lock', blocked_pid: 7 } })).ring_blocked).toContain(
    'lock (pid 7)',
  )
  expect(await told({}, { claim_loop_age_ms: 61_000, heartbeat_age_ms: 61_000 })).toMatchObject({
    claim_loop_stuck: expect.stringContaining('61 s'),
    heartbeat_stuck: expect.stringContaining('61 s'),
  })
  const duty = {
    duty: 'prune',
    every_ms: 1000,
    budget_ms: 500,
    runs: 1,
    done: 0,
    overruns: 1,
    last_ms: 900,
    rests_ms: 1800,
    error: 'no',
  }
  await admin.run`insert into countersign_queue.leases values ('maintenance', 'x', clock_timestamp() + interval '1 minute', ${JSON.stringify([duty])}::jsonb)`
  expect(await told()).toMatchObject({
    duty_failing: 'The maintenance duty prune fails: no.',
    duty_overruns: 'The maintenance duty prune took 900 ms of 500, and rests 1800 ms for it.',
  })
  const away = createQueue({ database: { url: 'postgres://nobody@127.0.0.1:1/none' }, listen: false })
  onTestFinished(() => away.close())
  expect(await away.doctor()).toMatchObject([{ code: 'database_away' }])
})
