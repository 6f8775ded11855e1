import { expect, test } from 'vitest'
import { database } from '#harness'
import { createQueue, STATES } from './index.ts'

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
} satisfies Record<(typeof STATES)[number], string[]>

test('Q13 of all 81 pairs of states only those of the transition tables are possible, whoever tries', async () => {
  const { admin } = await database()
  // A delayed job is a row; what the ring holds is never updated at all.
  const { id } = await admin.one<{
    id: string
  }>`select countersign_queue.enqueue('default', 'a', '{}', '{"delay_ms": 60000}') as id`
  const refused: string[] = []
  const went: string[] = []
  for (const from of STATES) {
    for (const to of STATES) {
      await admin.run`alter table countersign_queue.jobs disable trigger user`
      await admin.run`update countersign_queue.jobs set state = ${from}::text where id = ${id}::text`
      await admin.run`alter table countersign_queue.jobs enable trigger user`
      try {
        await admin.run`update countersign_queue.jobs set state = ${to}::text where id = ${id}::text`
        if (from !== to) went.push(`${from} ${to}`)
      } catch (error) {
        expect(error).toMatchObject({ code: 'QJ000' })
        refused.push(`${from} ${to}`)
      }
    }
  }
  const allowed = Object.entries(ALLOWED).flatMap(([from, list]) => list.map((to) => `${from} ${to}`))
  expect(went.sort()).toEqual(allowed.sort())
  expect(went.length + refused.length).toBe(81 - 9)
})

test('Q72 Q73 a function that a role may call is the engine’s, SECURITY DEFINER with a fixed path; nobody may call the others or read a table', async () => {
  const { admin, db } = await database()
  const functions = await admin.rows<{
    name: string
    definer: boolean
    path: string | null
    owner: string
    open: boolean
    given: string[]
  }>`
    select p.proname::text as name, p.prosecdef as definer, array_to_string(p.proconfig, ',') as path, p.proowner::regrole::text as owner,
      exists (select from aclexplode(p.proacl) a where a.grantee = 0) or p.proacl is null as open,
      array(select a.grantee::regrole::text from aclexplode(p.proacl) a where a.grantee <> p.proowner and a.grantee <> 0) as given
    from pg_proc p where p.pronamespace = 'countersign_queue'::regnamespace`
  const groups = /^countersign_(producer|worker|callback|maintenance|reader|admin)$/
  for (const one of functions) {
    expect(one.open, one.name).toBe(false)
    if (one.name === 'now' || !one.given.some((role) => groups.test(role))) continue
    expect(one, one.name).toMatchObject({ definer: true, owner: 'countersign_engine' })
    expect(one.path, one.name).toContain('search_path=pg_catalog, pg_temp')
  }
  expect(functions.filter((one) => one.given.some((role) => !groups.test(role) && !/_(owner|engine)$/.test(role)))).toEqual([])
  for (const text of [
    'select from countersign_queue.jobs',
    'delete from countersign_queue.leases',
    "select countersign_queue.put('j', 'failed', null, null, now())",
  ])
    await expect(db.pool.query(text), text).rejects.toMatchObject({ code: '42501' })
})

test('Q73 each group can do its own part and is denied the others', async () => {
  const { admin } = await database()
  const may = async (role: string, name: string) => {
    const { allowed } = await admin.one<{ allowed: boolean }>`
      select bool_or(has_function_privilege(${role}::text, oid, 'execute')) as allowed from pg_proc
      where pronamespace = 'countersign_queue'::regnamespace and proname = ${name}::text`
    return allowed
  }
  const own = {
    producer: 'enqueue_many',
    worker: 'claim',
    callback: 'callback_resolve',
    maintenance: 'tick',
    reader: 'list_jobs',
    admin: 'retry_job',
  }
  for (const role of Object.keys(own))
    for (const [other, name] of Object.entries(own))
      expect(await may(`countersign_${role}`, name), `${role} ${name}`).toBe(role === other)
})

test('Q76 Q155 no reader, operator or callback function shows or changes a job of another tenant', async () => {
  const { db, admin } = await database()
  const mine = '01920000-0000-7000-8000-000000000001'
  const theirs = '01920000-0000-7000-8000-000000000002'
  const { id } = await admin.one<{ id: string }>`
    select countersign_queue.enqueue('default', 'a', '{"n": 1}', jsonb_build_object('tenant_id', ${theirs}::text)) as id`
  const { rows } = await admin.query("select countersign_queue.register_worker('w', '{default}', '{a}', 'h', 1, 'v', 15000)")
  expect(rows).toHaveLength(1)
  const token = '00000000-0000-4000-8000-000000000001'
  const { lease } = await admin.one<{ lease: number }>`
    select (countersign_queue.claim('w', ${token}::uuid, '[{"queue": "default", "n": 1, "kinds": ["a"]}]') #>> '{jobs,0,lease}')::bigint as lease`
  const callback = await admin.one<{ id: string }>`
    select countersign_queue.callback_create(${id}::text, ${lease}::bigint, ${token}::uuid, 'bank', 60000, 'finish') ->> 'id' as id`

  const client = await db.pool.connect()
  try {
    await client.query(`begin; set local countersign.tenant = '${mine}'`)
    const ask = async (call: string) =>
      (await client.query<{ answer: unknown }>(`select countersign_queue.${call} as answer`)).rows[0]?.answer
    expect(await ask(`job('${id}')`)).toBeNull()
    expect(await ask('list_jobs()')).toEqual({ data: [], next_cursor: null })
    expect(await ask('counts()')).toMatchObject({ queues: {} })
    expect(await ask(`job_results('{${id}}')`)).toEqual({})
    for (const call of [
      `cancel_job('${id}')`,
      `retry_job('${id}')`,
      `release_job('${id}')`,
      `bury_job('${id}')`,
      `callback_get('${callback.id}')`,
    ])
      expect(await ask(call), call).toBeNull()
    expect(await ask(`drain_queue('default')`)).toEqual({ cancelled: {} })
    expect(await ask(`callback_resolve('${callback.id}', 'complete')`)).toEqual({ verdict: 'not_found' })
    await expect(ask(`enqueue('default', 'a', '{}', '{"tenant_id": "${theirs}"}')`)).rejects.toMatchObject({ code: 'QJ007' })
    await client.query('rollback')
  } finally {
    client.release()
  }
})

const REASONS = [
  'terminal_error',
  'max_attempts_exhausted',
  'crashed_too_often',
  'deadline_expired',
  'callback_timeout',
  'unknown_kind',
  'payload_invalid',
  'output_invalid',
  'dependency_failed',
  'operator',
]

test('Q24 a dead letter has one of ten reasons: no worker can say another, and no statement can write one', async () => {
  const { admin, db } = await database()
  const queue = createQueue({ database: db.pool, listen: false })
  const token = crypto.randomUUID()
  await admin.query("select countersign_queue.register_worker('w', '{default}', '{a}', 'h', 1, 'v', 15000)")
  const finish = async (outcome: object) => {
    const { id } = await admin.one<{
      id: string
    }>`select countersign_queue.enqueue('default', 'a', '{}', '{"max_attempts": 1}') as id`
    const { lease } = await admin.one<{ lease: number }>`
      select (countersign_queue.claim('w', ${token}::uuid, '[{"queue": "default", "n": 1, "kinds": ["a"]}]') #>> '{jobs,0,lease}')::bigint as lease`
    await admin.query('select countersign_queue.finish($1)', [JSON.stringify([{ id, lease, token, ...outcome }])])
    return await queue.job(id)
  }
  const words: [object, string][] = [
    [{ outcome: 'discard', reason: 'a reason of my own', error: 'no account' }, 'terminal_error'],
    [{ outcome: 'discard', reason: 'payload_invalid', error: 'wrong' }, 'payload_invalid'],
    [{ outcome: 'discard' }, 'terminal_error'],
    [{ outcome: 'failed', reason: 'because', error: 'broken' }, 'max_attempts_exhausted'],
    [{ outcome: 'failed', reason: 'deadline_expired' }, 'deadline_expired'],
    [{ outcome: 'failed', reason: 'output_invalid' }, 'output_invalid'],
    [{ outcome: 'retry', reason: 'operator' }, 'max_attempts_exhausted'],
  ]
  for (const [outcome, reason] of words)
    expect(await finish(outcome), JSON.stringify(outcome)).toMatchObject({
      state: 'failed',
      state_reason: reason,
      dead_letter: true,
    })

  const { id } = await admin.one<{ id: string }>`select countersign_queue.enqueue('default', 'b', '{}') as id`
  await queue.deadLetters.move(id)
  for (const reason of REASONS)
    expect(await admin.run`update countersign_queue.jobs set state_reason = ${reason}::text where id = ${id}::text`).toBe(1)
  for (const reason of ['because', '', 'OPERATOR', null])
    await expect(
      admin.query('update countersign_queue.jobs set state_reason = $1 where id = $2', [reason, id]),
      String(reason),
    ).rejects.toMatchObject({ code: '23514', constraint: 'jobs_reason' })
})
