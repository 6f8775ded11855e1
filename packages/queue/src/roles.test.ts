// Logins with the least rights (Q72–Q76, A28), each with one group role of its own and nothing else: what they may do on queues that did not exist before,
// and everything that they may not. The superuser makes and looks, never does.
import { readFileSync } from 'node:fs'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import { type Claim, claimer, put } from './testing/claimers.ts'

type Part = 'producer' | 'worker' | 'callback' | 'maintenance' | 'reader' | 'admin'
const PARTS: readonly Part[] = ['producer', 'worker', 'callback', 'maintenance', 'reader', 'admin']
const PATH = 'search_path=pg_catalog, pg_temp'

/** What each group may call (Q73): nothing else in the schema. */
const MAY: Record<Part, string> = {
  producer:
    'cancel_by_key cancel_job enqueue enqueue_many job job_result job_results now queue_settings register_kinds release_job reschedule_by_key reschedule_job',
  worker:
    'beat callback_create callback_get claim claim_packed finish finish_in_tx hand_back heartbeat leave_claim now oldest_runtime progress register_kinds register_worker release_worker settle_claims start',
  callback: 'callback_heartbeat callback_resolve now',
  maintenance:
    'doctor drop_lease due_schedules keep_lease maintenance_report now oldest_runtime reanchor schedule_fire schedule_upsert schedules_seen take_lease tick vitals',
  reader:
    'callback_get counts dead_letter dead_letter_depth doctor job job_result job_results list_callbacks list_dead_letters list_jobs list_keys list_kinds list_queues list_schedules list_workers maintenance_report now queue_settings ring_view schedule_fires stats stats_kinds stats_queues timeline timeseries transitions_since vitals',
  admin:
    'bury_job bury_jobs callback_get callback_settle cancel_job configure_queue doctor drain_queue free_key list_keys list_schedules maintenance_report now pause_queue purge_dead_letters queue_settings release_job reschedule_job resume_queue retry_dead_letters retry_job schedule_fires schedule_pause schedule_prune schedule_remove schedule_trigger schedule_upsert set_paused vitals',
}

/** Functions that work across tenants, each for its reason (Q76): a claim goes by queue, a fence names one attempt, maintenance sweeps. */
const ACROSS_TENANTS = [
  'beat',
  'callback_create',
  'claim',
  'claim_packed',
  'due_schedules',
  'finish',
  'finish_in_tx',
  'hand_back',
  'heartbeat',
  'leave_claim',
  'progress',
  'reanchor',
  'schedule_fire',
  'settle_claims',
  'start',
  'tick',
]

/** Functions that touch no tenant's rows: workers, kinds, settings and leases belong to the installation. */
const INSTALLATION = [
  'configure_queue',
  'doctor',
  'drop_lease',
  'keep_lease',
  'list_kinds',
  'list_workers',
  'maintenance_report',
  'oldest_runtime',
  'pause_queue',
  'queue_settings',
  'register_kinds',
  'register_worker',
  'release_worker',
  'resume_queue',
  'set_paused',
  'take_lease',
  'vitals',
]

type Login = pg.Client & {
  login: string
  ask<T>(call: string, values?: unknown[]): Promise<T>
  refused(text: string): Promise<string>
}

async function open() {
  const house = await database()
  const { admin } = house
  const login = async (...parts: Part[]): Promise<Login> => {
    const name = `login_${crypto.randomUUID().replaceAll('-', '').slice(0, 12)}`
    const password = crypto.randomUUID()
    await admin.query(`create role ${name} login password '${password}'`)
    for (const part of parts) await admin.query(`grant countersign_${part} to ${name}`)
    await admin.query(`grant connect on database ${house.name} to ${name}`)
    const url = new URL(house.runtimeUrl)
    url.username = name
    url.password = password
    const client = new pg.Client(url.href)
    await client.connect()
    onTestFinished(async () => {
      await client.end()
      await admin.query(`drop owned by ${name} cascade`)
      await admin.query(`drop role ${name}`)
    })
    return Object.assign(client, {
      login: name,
      ask: async (call: string, values: unknown[] = []) =>
        (await client.query(`select countersign_queue.${call} as answer`, values)).rows[0].answer,
      refused: (text: string) =>
        client.query(text).then(
          () => 'allowed',
          (error: { code?: string }) => error.code ?? String(error),
        ),
    }) as Login
  }
  return { ...house, login }
}

const states = async (reader: Login, ids: readonly string[]) => {
  const seen: string[] = []
  for (const id of ids) seen.push((await reader.ask<{ state: string }>('job($1)', [id])).state)
  return seen
}

test('Q74 P15 A4 A28 two producers, two workers and one login for each other part do all their work on queues that the others made, without CREATE or TEMP', async () => {
  const house = await open()
  const [p1, p2, w1, w2] = [
    await house.login('producer'),
    await house.login('producer'),
    await house.login('worker'),
    await house.login('worker'),
  ]
  const [callback, maintenance, reader, admin] = [
    await house.login('callback'),
    await house.login('maintenance'),
    await house.login('reader'),
    await house.login('admin'),
  ]
  for (const one of [p1, p2, w1, w2, callback, maintenance, reader, admin]) {
    const { rows } = await one.query(`
      select has_database_privilege(current_database(), 'temp') or has_database_privilege(current_database(), 'create')
        or exists (select from pg_namespace n where has_schema_privilege(n.oid, 'create')) as may`)
    expect(rows).toEqual([{ may: false }])
  }

  const queues = ['first-new', 'second-new', 'third-new']
  const firsts = await put(p1, [{ queue: 'first-new' }, { queue: 'first-new' }, { queue: 'second-new', priority: 1 }])
  const seconds = await put(p2, [
    { queue: 'first-new' },
    { queue: 'second-new', priority: 1 },
    { queue: 'third-new', ordering_key: 'k' },
  ])
  const [keyed] = await put(p2, [{ queue: 'first-new', unique: { key: 'once' }, delay_ms: 3_600_000 }])
  expect(await p1.ask('cancel_by_key($1, $2)', ['a', '{"key": "once"}'])).toMatchObject({ id: keyed, state: 'cancelled' })

  const one = await claimer(w1, 'one', queues)
  const two = await claimer(w2, 'two', queues)
  const held = [...(await one.claim(2, 'first-new')), ...(await two.claim(1, 'first-new')), ...(await two.claim(2, 'second-new'))]
  expect(held.map((job) => job.id).sort()).toEqual([...firsts, ...seconds.slice(0, 2)].sort())
  const [a, b, c, d, e] = held as [Claim, Claim, Claim, Claim, Claim]
  // Each login ends what the other claimed; the fence decides, not who holds it.
  expect(await two.finish([a])).toEqual(['settled'])
  expect(await one.finish([c], { outcome: 'completed', output: { n: 1 } })).toEqual(['settled'])
  expect(await one.finish([d], { outcome: 'discard', error: 'no' })).toEqual(['settled'])
  expect(
    await w2.ask('progress($1)', [JSON.stringify([{ id: b.id, lease: b.lease, token: b.token, progress: { percent: 5 } }])]),
  ).toEqual([b.id])
  const made = await w1.ask<{ id: string }>('callback_create($1, $2, $3, $4, 60000, $5)', [
    e.id,
    e.lease,
    e.token,
    'bank',
    'finish',
  ])
  expect(
    await w2.ask('finish_in_tx($1)', [JSON.stringify({ id: b.id, lease: b.lease, token: b.token, outcome: 'completed' })]),
  ).toBe('settled')
  expect(await two.finish([e], { outcome: 'park', callback_id: made.id })).toEqual(['settled'])
  expect(await w2.ask('beat($1, $2)', ['two', '[]'])).toMatchObject({ lost: false })
  expect(await callback.ask('callback_heartbeat($1, 600)', [made.id])).toMatchObject({ verdict: 'done' })
  expect(await callback.ask('callback_resolve($1, $2, $3)', [made.id, 'complete', '{"payload": {"paid": true}}'])).toMatchObject({
    verdict: 'done',
  })
  expect(await states(reader, [a.id, b.id, c.id, d.id, e.id])).toEqual([
    'completed',
    'completed',
    'completed',
    'failed',
    'completed',
  ])

  const third = await one.claim(5, 'third-new')
  expect(await w2.ask('hand_back($1, $2)', ['one', third[0]?.token])).toBe(1)
  expect(await two.finish(await two.claim(5, 'third-new'))).toEqual(['settled'])

  await house.clock.advance('6s')
  expect(await maintenance.ask("tick('{rotate}')")).toMatchObject({ rotate: 1 })
  await house.clock.advance('61s')
  let pruned = 0
  for (let n = 1; n > 0; pruned += n) n = (await maintenance.ask<{ prune: number }>("tick('{prune}')")).prune
  expect(pruned).toBeGreaterThan(0)
  await maintenance.ask('tick()')
  expect(await maintenance.ask("take_lease('rota', 'me', 1000)")).toBe(true)

  expect(await admin.ask('retry_job($1)', [d.id])).toMatchObject({ changed: true, state: 'ready' })
  expect(await admin.ask("set_paused('queue', 'fourth-new', true)")).toMatchObject({ name: 'fourth-new' })
  const [ring] = await put(p1, [{ queue: 'fourth-new' }])
  expect(await admin.ask('cancel_job($1)', [ring])).toMatchObject({ state: 'cancelled', changed: true })
  expect(await admin.ask("configure_queue('fifth-new', '{\"max_running\": 1}')")).toEqual({ max_running: 1 })
  expect(await admin.ask("drain_queue('second-new')")).toEqual({ cancelled: { ready: 1 } })
  expect(await states(reader, [a.id, ring as string])).toEqual(['completed', 'cancelled'])
  for (const call of [
    'list_jobs()',
    'counts()',
    'list_queues()',
    'list_workers()',
    'stats()',
    'ring_view()',
    'vitals()',
    'list_dead_letters()',
  ])
    expect([call, typeof (await reader.ask(call))]).toEqual([call, 'object'])
  expect(await reader.ask('timeline($1)', [d.id])).not.toBeNull()
})

test('Q72 Q73 every function belongs to the engine, runs under a fixed path, is nobody’s by default, and each group may call its own alone', async () => {
  const { admin } = await open()
  const functions = await admin.rows<{
    name: string
    definer: boolean
    owner: string
    path: boolean
    public: boolean
    may: string[]
  }>`
    select p.proname::text as name, p.prosecdef as definer, p.proowner::regrole::text as owner,
      coalesce(p.proconfig @> array[${PATH}::text], false) as path,
      exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.grantee = 0) as public,
      array(select r.rolname::text from pg_roles r where r.rolname = any (${PARTS.map((part) => `countersign_${part}`)}::text[])
        and has_function_privilege(r.oid, p.oid, 'execute') order by 1) as may
    from pg_proc p where p.pronamespace = 'countersign_queue'::regnamespace`
  expect(functions.filter((one) => one.public)).toEqual([])
  expect(functions.filter((one) => one.definer && (one.owner !== 'countersign_engine' || !one.path))).toEqual([])
  // Whoever is called from outside runs with the engine's rights; now() alone needs none.
  expect(functions.filter((one) => one.may.length > 0 && !one.definer).map((one) => one.name)).toEqual(['now'])
  for (const part of PARTS) {
    const may = functions.filter((one) => one.may.includes(`countersign_${part}`)).map((one) => one.name)
    expect([part, [...new Set(may)].sort()]).toEqual([part, MAY[part].split(' ')])
  }
  // The engine itself: no login, no power, nothing that it could make.
  expect(
    await admin.rows`select rolcanlogin or rolsuper or rolbypassrls or rolcreatedb or rolcreaterole or rolreplication
      or has_schema_privilege(oid, 'countersign_queue', 'create') or has_database_privilege(oid, current_database(), 'create') as mighty
      from pg_roles where rolname = 'countersign_engine'`,
  ).toEqual([{ mighty: false }])
  const owned = await admin.rows`select c.relname, c.relowner::regrole::text as owner from pg_class c
    where c.relnamespace = 'countersign_queue'::regnamespace and c.relowner <> 'countersign_owner'::regrole`
  expect(owned).toEqual([])
})

test('Q74 A28 each login is denied every function, table, sequence and role that is not its own, and what its own functions are made of', async () => {
  const house = await open()
  const functions = await house.admin.rows<{ call: string; name: string }>`
    select p.proname::text as name, format('select %s(%s)', p.oid::regproc, (
      select string_agg('null::' || format_type(a.type, null), ', ' order by a.n) from unnest(p.proargtypes) with ordinality a (type, n))) as call
    from pg_proc p where p.pronamespace = 'countersign_queue'::regnamespace and p.prokind = 'f'`
  const relations = await house.admin.rows<{ name: string; sequence: boolean }>`
    select c.oid::regclass::text as name, c.relkind = 'S' as sequence from pg_class c
    where c.relnamespace = 'countersign_queue'::regnamespace and c.relkind in ('r', 'p', 'S', 'v')`
  expect(relations.length).toBeGreaterThan(60)
  for (const part of PARTS) {
    const login = await house.login(part)
    const own = MAY[part].split(' ')
    const reached: string[] = []
    for (const { name, call } of functions) {
      if (!own.includes(name) && (await login.refused(call)) !== '42501') reached.push(call)
    }
    for (const { name, sequence } of relations) {
      const attempts = sequence
        ? [`select nextval('${name}')`, `select setval('${name}', 1)`, `select last_value from ${name}`]
        : [`select from ${name}`, `insert into ${name} default values`, `delete from ${name}`, `truncate ${name}`]
      for (const attempt of attempts) if ((await login.refused(attempt)) !== '42501') reached.push(attempt)
    }
    for (const other of ['owner', 'engine', 'migrator', 'runtime', ...PARTS.filter((one) => one !== part)])
      for (const change of ['role', 'session authorization'])
        if ((await login.refused(`set ${change} countersign_${other}`)) !== '42501') reached.push(`set ${change} ${other}`)
    for (const attempt of [
      'create table countersign_queue.mine (id int)',
      'create table public.mine (id int)',
      'create temp table mine (id int)',
      'create schema mine',
      `create function countersign_queue.job(int) returns int language sql return 1`,
      'alter table countersign_queue.jobs disable row level security',
      'drop function countersign_queue.job(text)',
      'grant countersign_admin to current_user',
      'copy countersign_queue.jobs to stdout',
    ])
      if ((await login.refused(attempt)) !== '42501') reached.push(attempt)
    expect([part, reached]).toEqual([part, []])
    // Its own group gives it no more than it has.
    await login.query(`set role countersign_${part}`)
    expect(await login.refused('select from countersign_queue.jobs')).toBe('42501')
  }
  // Without inheritance a login has nothing until it takes the role.
  const plain = await house.login()
  await house.admin.query(`alter role ${plain.login} noinherit; grant countersign_reader to ${plain.login}`)
  expect(await plain.refused('select countersign_queue.counts()')).toBe('42501')
  expect(await plain.refused('set role countersign_reader; select countersign_queue.counts()')).toBe('allowed')
})

test('Q72 Q74 A28 a hostile search_path and shadows in public, in a schema of one’s own and in pg_temp are never looked at', async () => {
  const house = await open()
  const login = await house.login('producer', 'worker', 'reader', 'admin', 'maintenance', 'callback')
  await house.admin.query(`
    create schema evil authorization ${login.login};
    grant create, usage on schema public to ${login.login};
    grant temp on database ${house.name} to ${login.login}`)
  const names = await house.admin.rows<{ name: string }>`
    select c.relname::text as name from pg_class c where c.relnamespace = 'countersign_queue'::regnamespace and c.relkind in ('r', 'p')
      and c.relname !~ '_\\d\\d$'`
  const shadow = `language plpgsql as $$ begin raise exception 'a shadow was called'; end $$`
  for (const schema of ['evil', 'public', 'pg_temp']) {
    for (const { name } of names) await login.query(`create table ${schema}.${name} (id int)`)
    for (const signature of [
      'jsonb_typeof(jsonb) returns text',
      'octet_length(text) returns int',
      'current_setting(text, boolean) returns text',
      'jsonb_array_elements(jsonb) returns setof jsonb',
      'jsonb_build_object() returns jsonb',
      'pg_notify(text, text) returns void',
      'hashtext(text) returns int',
      'now() returns timestamptz',
      'clock_timestamp() returns timestamptz',
      'same(text, text) returns boolean',
      'principal() returns int',
      'insert_job(jsonb, timestamptz, boolean) returns jsonb',
    ])
      await login.query(`create function ${schema}.${signature} ${shadow}`)
    if (schema !== 'pg_temp')
      for (const operator of ['=', '<>', '~', '!~', '~*', '||'])
        await login.query(`create operator ${schema}.${operator} (leftarg = text, rightarg = text, function = ${schema}.same)`)
  }
  await login.query('set search_path = evil, public, pg_temp, pg_catalog')
  await expect(login.query("select now(), 'a'::text = 'b'::text")).rejects.toThrow('a shadow was called')

  const ids = await put(login, [
    { queue: 'shadowed' },
    { queue: 'shadowed', unique: { key: 'k' } },
    { queue: 'shadowed', delay_ms: 60_000 },
  ])
  const worker = await claimer(login, 'shadowed', ['shadowed'])
  const held = await worker.claim(2)
  expect(held.map((job) => job.id).sort()).toEqual(ids.slice(0, 2).sort())
  expect(await worker.finish(held)).toEqual(['settled', 'settled'])
  expect(await login.ask('cancel_job($1)', [ids[2]])).toMatchObject({ state: 'cancelled' })
  expect(await login.ask('retry_job($1)', [ids[2]])).toMatchObject({ state: 'ready' })
  await login.ask('tick()')
  expect(await states(login, ids)).toEqual(['completed', 'completed', 'ready'])
  expect((await login.ask<{ data: unknown[] }>('list_jobs()')).data.length).toBe(3)
  await login.ask('counts()')
  const { rows } = await login.query('select count(*)::int as n from pg_temp.jobs')
  expect(rows).toEqual([{ n: 0 }])
})

const NOBODY = 'job_01920000000070008000000000'

test('Q76 each function stays inside the caller’s tenant, but those that are listed here: a foreign job, in the ring or a row, is as if absent', async () => {
  const house = await open()
  const definers = await house.admin.rows<{ name: string }>`
    select distinct p.proname::text as name from pg_proc p where p.pronamespace = 'countersign_queue'::regnamespace and p.prosecdef`
  const ours = crypto.randomUUID()
  const theirs = crypto.randomUUID()
  const all = await house.login(...PARTS)
  const tenant_id = theirs
  const base = { kind: 'alien.kind', queue: 'alien-queue', tenant_id, payload: 'alien' }
  const [ready, running, done, scheduled, held, buried, parked, first] = (await put(all, [
    base,
    { ...base, queue: 'alien-run' },
    { ...base, queue: 'alien-done' },
    { ...base, delay_ms: 3_600_000, unique: { key: 'alien' } },
    { ...base, hold: 'alien' },
    { ...base, queue: 'alien-bury' },
    { ...base, queue: 'alien-park' },
    { ...base, order: 'strict', ordering_key: 'alien-key' },
    { ...base, order: 'strict', ordering_key: 'alien-key' },
  ])) as [string, string, string, string, string, string, string, string]
  const worker = await claimer(all, 'w', ['alien-queue'], ['alien.kind'])
  await worker.claim(1, 'alien-run')
  await worker.finish(await worker.claim(1, 'alien-done'))
  await worker.finish(await worker.claim(1, 'alien-bury'), { outcome: 'discard', error: 'alien' })
  const [wait] = (await worker.claim(1, 'alien-park')) as [Claim]
  const made = await all.ask<{ id: string }>('callback_create($1, $2, $3, $4, 60000, $5)', [
    wait.id,
    wait.lease,
    wait.token,
    'alien',
    'finish',
  ])
  await worker.finish([wait], { outcome: 'park', callback_id: made.id })
  const schedule = await all.ask<{ id: string }>('schedule_upsert($1)', [
    JSON.stringify({
      tenant_id,
      name: 'alien',
      cron: '* * * * *',
      timezone: 'UTC',
      job: { kind: 'alien.kind' },
      next_fire: '2099-01-01T00:00:00Z',
    }),
  ])
  const jobs = { ready, running, done, scheduled, held, buried, parked, first }
  const content = () =>
    house.admin.rows`select (select jsonb_agg(j order by j.id) from countersign_queue.jobs j) as jobs,
      (select jsonb_agg(c order by c.id) from countersign_queue.callbacks c) as callbacks,
      (select jsonb_agg(s order by s.id) from countersign_queue.schedules s) as schedules,
      (select jsonb_agg(r order by r.id) from countersign_queue.ring r) as ring, (select count(*) from countersign_queue.claims) as claims,
      (select count(*) from countersign_queue.closures) as closures, (select count(*) from countersign_queue.tombstones) as tombstones`
  const before = await content()
  await all.query(`set countersign.tenant = '${ours}'`)

  const tried = new Set<string>()
  const told = async (call: string, values: unknown[] = []) => {
    tried.add(call.slice(0, call.indexOf('(')))
    return all.ask<unknown>(call, values).catch((error: { code?: string }) => error.code)
  }
  const byId = [
    'job($1)',
    'timeline($1)',
    'job_results(array[$1])',
    'job_result($1)',
    'cancel_job($1)',
    'release_job($1)',
    "reschedule_job($1, '2099-01-01')",
    'retry_job($1)',
    'bury_job($1)',
    'bury_jobs(array[$1])',
    'dead_letter($1)',
    "retry_dead_letters(jsonb_build_object('ids', jsonb_build_array($1::text)))",
    "purge_dead_letters(jsonb_build_object('ids', jsonb_build_array($1::text)))",
  ]
  for (const [state, id] of Object.entries(jobs))
    for (const call of byId) {
      const answer = JSON.stringify(await told(call, [id])).replaceAll(id, NOBODY)
      expect([state, call, answer]).toEqual([state, call, JSON.stringify(await told(call, [NOBODY]))])
    }
  for (const call of [
    'callback_get($1)',
    "callback_settle($1, 'complete', '{}')",
    "callback_resolve($1, 'complete')",
    'callback_heartbeat($1)',
  ])
    expect([call, JSON.stringify(await told(call, [made.id]))]).toEqual([
      call,
      JSON.stringify(await told(call, ['cb_01920000000070008000000000'])),
    ])
  for (const call of ['schedule_fires($1)', 'schedule_pause($1, true)', 'schedule_remove($1)', 'schedule_trigger($1)'])
    expect([call, JSON.stringify(await told(call, [schedule.id]))]).toEqual([
      call,
      JSON.stringify(await told(call, ['sch_01920000000070008000000000'])),
    ])
  for (const call of [
    `enqueue_many('[{"kind": "a", "tenant_id": "${theirs}"}]')`,
    `enqueue('q', 'a', 'null', '{"tenant_id": "${theirs}"}')`,
    `cancel_by_key('alien.kind', '{"key": "alien"}', tenant => '${theirs}')`,
    `reschedule_by_key('alien.kind', '{"key": "alien"}', '2099-01-01', tenant => '${theirs}')`,
    `free_key('alien-queue', 'alien-key', 'cancel', '${theirs}')`,
    `schedule_upsert('{"tenant_id": "${theirs}", "name": "alien", "cron": "* * * * *", "timezone": "UTC", "job": {"kind": "a"}}')`,
  ])
    expect([call, await told(call)]).toEqual([call, 'QJ007'])
  expect(await told(`schedules_seen('[{"tenant_id": "${theirs}", "name": "alien"}]')`)).toBe('')
  expect(await told(`cancel_by_key('alien.kind', '{"key": "alien"}', queue => 'alien-queue')`)).toBeNull()
  expect(await told("free_key('alien-queue', 'alien-key', 'cancel')")).toBeNull()
  expect(await told("schedule_prune('[]', 0, true)")).toEqual([])
  // What lists and adds up says nothing of the others: neither a name of theirs nor a number.
  for (const call of [
    'list_jobs()',
    'counts()',
    'list_queues()',
    'stats()',
    'stats_kinds()',
    'stats_queues()',
    "timeseries(now() - interval '1 hour', now() + interval '1 minute', 60, 'kind')",
    'list_dead_letters()',
    'dead_letter_depth()',
    'list_callbacks()',
    'list_schedules()',
    "list_keys('alien-queue')",
    "transitions_since(null, '{}', 100)",
    'ring_view()',
  ]) {
    const answer = JSON.stringify(await told(call))
    expect([call, /alien|^"(QJ|42)/.exec(answer)?.[0] ?? null, Object.values(jobs).filter((id) => answer.includes(id))]).toEqual([
      call,
      null,
      [],
    ])
  }
  expect(await content()).toEqual(before)
  // A drain sets ready jobs of the ring aside, whosesoever they are; those of others stay ready.
  expect(await told("drain_queue('alien-queue')")).toEqual({ cancelled: {} })
  await all.query('reset countersign.tenant')
  expect(await states(all, [ready, scheduled, held, first])).toEqual(['ready', 'scheduled', 'blocked', 'ready'])
  expect([...tried, ...ACROSS_TENANTS, ...INSTALLATION].sort()).toEqual(definers.map((one) => one.name).sort())
})

test('Q75 a bound login acts inside its tenant, queues and kinds alone; a setting narrows that and never widens it, and SET ROLE changes nothing', async () => {
  const house = await open()
  const [ours, theirs] = [crypto.randomUUID(), crypto.randomUUID()]
  const free = await house.login('producer', 'worker', 'reader', 'admin')
  const [bound, filed, hand] = [
    await house.login('producer', 'reader', 'admin'),
    await house.login('producer', 'reader', 'admin'),
    await house.login('worker'),
  ]
  const bind = (login: Login, tenant: string | null, queues: string[] | null, kinds: string[] | null) =>
    house.admin.query('select countersign_queue.bind_login($1, $2, $3, $4)', [login.login, tenant, queues, kinds])
  await bind(bound, ours, null, null)
  await bind(filed, null, ['mail'], ['mail.send'])
  await bind(hand, ours, ['mail', 'other'], ['mail.send'])

  // Nobody binds or unbinds himself, and who could undo it or sweeps across tenants cannot be bound.
  for (const login of [free, bound])
    for (const call of ['bind_login(session_user)', 'unbind_login(session_user)', "bind_login('x', null, '{a}')"])
      expect(await login.refused(`select countersign_queue.${call}`)).toBe('42501')
  const sweeper = await house.login('maintenance')
  for (const login of [sweeper.login, 'countersign_migrator'])
    await expect(house.admin.query("select countersign_queue.bind_login($1, null, '{a}')", [login])).rejects.toMatchObject({
      code: 'QJ005',
    })

  // A tenant: made for it, and nothing of the others, whatever the settings and the role say.
  const [own] = await put(bound, [{ queue: 'mail' }])
  const [foreign] = await put(free, [{ queue: 'mail', tenant_id: theirs }])
  expect(await free.ask('job($1)', [own])).toMatchObject({ tenant_id: ours })
  await expect(put(bound, [{ tenant_id: theirs }])).rejects.toMatchObject({ code: 'QJ007' })
  await bound.query('set role countersign_producer')
  await expect(put(bound, [{ tenant_id: theirs }])).rejects.toMatchObject({ code: 'QJ007' })
  await bound.query('reset role')
  for (const call of ['job($1)', 'cancel_job($1)', 'retry_job($1)', 'timeline($1)'])
    expect(await bound.ask(call, [foreign])).toBeNull()
  expect((await bound.ask<{ data: { id: string }[] }>('list_jobs()')).data.map((job) => job.id)).toEqual([own])
  await bound.query(`set countersign.tenant = '${theirs}'`)
  for (const call of ['list_jobs()', 'counts()', `job('${foreign}')`, "enqueue('mail', 'a', '1')"])
    await expect(bound.ask(call)).rejects.toMatchObject({ code: 'QJ007' })
  await bound.query(`set countersign.tenant = '00000000-0000-0000-0000-000000000000'`)
  expect(await bound.ask('job($1)', [foreign])).toBeNull()
  await bound.query('reset countersign.tenant')
  for (const call of [
    "set_paused('queue', 'mail', true)",
    "configure_queue('mail', '{\"max_running\": 1}')",
    'register_kinds(\'{"a": {"priority": 1}}\')',
  ])
    await expect(bound.ask(call)).rejects.toMatchObject({ code: 'QJ007' })

  // Queues and kinds: by name refused, by id as if absent; what looks across them is refused.
  const [inside] = await put(filed, [{ kind: 'mail.send', queue: 'mail' }])
  for (const job of [
    { kind: 'mail.send' },
    { kind: 'a', queue: 'mail' },
    { kind: 'mail.send', queue: 'slow' },
    { kind: 'mail.send', queue: 'slow', delay_ms: 5 },
  ])
    await expect(put(filed, [{ kind: 'mail.send', queue: 'mail' }, job])).rejects.toMatchObject({ code: 'QJ007' })
  await expect(filed.ask("enqueue('slow', 'mail.send', '1')")).rejects.toMatchObject({
    code: 'QJ007',
    detail: '{"path": "/queue"}',
  })
  const others = await put(free, [
    { kind: 'a', queue: 'mail' },
    { kind: 'mail.send', queue: 'slow' },
    { kind: 'mail.send', queue: 'slow', delay_ms: 60_000, unique: { key: 'k' } },
  ])
  expect(await filed.ask('job($1)', [inside])).toMatchObject({ state: 'ready' })
  for (const id of others) {
    for (const call of [
      'job($1)',
      'timeline($1)',
      'cancel_job($1)',
      'retry_job($1)',
      'bury_job($1)',
      "reschedule_job($1, '2099-01-01')",
    ])
      expect([call, await filed.ask(call, [id])]).toEqual([call, null])
    expect(await filed.ask('job_results(array[$1])', [id])).toEqual({})
  }
  expect(await filed.ask('cancel_by_key($1, $2, queue => $3)', ['mail.send', '{"key": "k"}', 'slow'])).toBeNull()
  const [letter] = await put(free, [{}])
  await free.ask('bury_job($1)', [letter])
  expect(await states(free, others)).toEqual(['ready', 'ready', 'scheduled'])
  for (const call of [
    'list_jobs()',
    'counts()',
    'stats()',
    'list_dead_letters()',
    'purge_dead_letters(\'{"all": true}\')',
    "drain_queue('mail')",
    "drain_queue('slow')",
  ])
    await expect(filed.ask(call).then(() => call)).rejects.toMatchObject({ code: 'QJ007' })
  await expect(filed.ask("set_paused('queue', 'slow', true)")).rejects.toMatchObject({ code: 'QJ007' })
  expect(await filed.ask("set_paused('queue', 'mail', true)")).toMatchObject({ name: 'mail' })
  await filed.ask("set_paused('queue', 'mail', false)")
  expect(await filed.ask('cancel_job($1)', [inside])).toMatchObject({ changed: true })
  await expect(filed.ask('retry_job($1, \'{"queue": "slow"}\')', [inside])).rejects.toMatchObject({ code: 'QJ007' })
  expect(await filed.ask('retry_job($1)', [inside])).toMatchObject({ changed: true })
  const schedule = { name: 's', cron: '* * * * *', timezone: 'UTC', next_fire: '2099-01-01T00:00:00Z' }
  for (const job of [{ kind: 'mail.send' }, { kind: 'a', queue: 'mail' }])
    await expect(filed.ask('schedule_upsert($1)', [JSON.stringify({ ...schedule, job })])).rejects.toMatchObject({
      code: 'QJ007',
    })
  expect(
    await filed.ask('schedule_upsert($1)', [JSON.stringify({ ...schedule, job: { kind: 'mail.send', queue: 'mail' } })]),
  ).toMatchObject({ name: 's' })

  // A worker: announces and claims what it is bound to, and gives back a claim that met another tenant's job.
  for (const [queues, kinds] of [
    [['mail', 'slow'], ['mail.send']],
    [['mail'], ['mail.send', 'a']],
  ] as const)
    await expect(claimer(hand, 'hand', queues, kinds)).rejects.toMatchObject({ code: 'QJ007' })
  const worker = await claimer(hand, 'hand', ['mail', 'other'], ['mail.send'])
  await expect(worker.claim(1, 'slow')).rejects.toMatchObject({ code: 'QJ007' })
  await expect(worker.claim(1, 'mail', ['a'])).rejects.toMatchObject({ code: 'QJ007' })
  await expect(worker.claim(9, 'mail')).rejects.toMatchObject({ code: 'QJ007' })
  expect(await states(free, [inside as string])).toEqual(['ready'])
  const [mine] = await put(free, [{ kind: 'mail.send', queue: 'other', tenant_id: ours }])
  const held = await worker.claim(9, 'other')
  expect(held.map((job) => job.id)).toEqual([mine])
  expect(await worker.finish(held)).toEqual(['settled'])

  expect((await house.admin.query('select countersign_queue.unbind_login($1) as gone', [filed.login])).rows).toEqual([
    { gone: true },
  ])
  expect(await filed.ask('job($1)', [others[0]])).toMatchObject({ state: 'ready' })
})

test('Q143 the page of SQL functions names each under the group that may call it, with arguments that exist', async () => {
  const { admin } = await open()
  const page = readFileSync(new URL('../../../docs/queue/sql.md', import.meta.url), 'utf8')
  const wrong: string[] = []
  for (const part of PARTS) {
    const section = page.split(`\`countersign_${part}\`\n`)[1]?.split('\n## ')[0] ?? ''
    const named = [...section.matchAll(/^\| `([a-z_]+)\(([a-z_, ]*)\)`/gm)]
    expect(named.length).toBeGreaterThan(1)
    for (const [, name = '', list = ''] of named) {
      const wanted = list === '' ? [] : list.split(', ')
      const found = await admin.rows<{ names: string[] | null }>`
        select p.proargnames as names from pg_proc p where p.pronamespace = 'countersign_queue'::regnamespace and p.proname = ${name}::text
          and has_function_privilege(${`countersign_${part}`}::text, p.oid, 'execute')`
      const fits = found.some(({ names }) => wanted.every((one, n) => (names ?? [])[n] === one))
      if (!fits || !MAY[part].split(' ').includes(name)) wrong.push(`${part}: ${name}(${list})`)
    }
  }
  expect(wrong).toEqual([])
})
