// Q155: a random program of the readers' and the operators' functions, under random tenant scopes and with each login of Q74: nobody is told of a row of
// another tenant, and nobody changes one.
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import { type Claimer, claimer, put } from '../src/testing/claimers.ts'
import { randomOf } from './model/world.ts'

const SECONDS = Number(process.env.PROPERTY_SECONDS ?? 8)
// The suite runs one program that is the same on every machine; the long run searches by chance.
const SEED = process.env.PROPERTY_SEED ?? (process.env.PROPERTY_SECONDS === undefined ? '1' : undefined)
const QUEUES = ['mail', 'reports']
const PARTS = ['producer', 'worker', 'callback', 'maintenance', 'reader', 'admin'] as const

type Client = { part: string; client: pg.Client }
type Known = { jobs: string[]; callbacks: string[]; schedules: string[]; mark: string }

/** Calls that name something by its id, and calls that name nothing; `$1` is the id. */
const BY_JOB: Record<string, readonly string[]> = {
  producer: [
    'job($1)',
    'job_result($1)',
    'job_results(array[$1])',
    'cancel_job($1)',
    "reschedule_job($1, now() + interval '1 hour')",
    'release_job($1)',
  ],
  reader: ['job($1)', 'job_result($1)', 'job_results(array[$1])', 'timeline($1)', 'dead_letter($1)'],
  admin: [
    'cancel_job($1)',
    'retry_job($1)',
    'bury_job($1)',
    'bury_jobs(array[$1])',
    "reschedule_job($1, now() + interval '1 hour')",
    'release_job($1)',
  ],
}
const BY_CALLBACK: Record<string, readonly string[]> = {
  reader: ['callback_get($1)'],
  worker: ['callback_get($1)'],
  admin: ['callback_get($1)', `callback_settle($1, 'complete', '{}')`],
  callback: ['callback_heartbeat($1, 600)', `callback_resolve($1, 'complete', '{}')`],
}
const BY_SCHEDULE: Record<string, readonly string[]> = {
  reader: ['schedule_fires($1)'],
  admin: ['schedule_fires($1)', 'schedule_pause($1, true)', 'schedule_trigger($1)', 'schedule_remove($1)'],
}
const AT_LARGE: Record<string, readonly string[]> = {
  producer: [
    `cancel_by_key('a', '{"key": "u1"}', queue => 'mail')`,
    `reschedule_by_key('a', '{"key": "u1"}', now(), queue => 'mail')`,
  ],
  reader: [
    'list_jobs()',
    `list_jobs('{"queue": "mail"}')`,
    'counts()',
    'list_queues()',
    'stats()',
    'stats_kinds()',
    'stats_queues()',
    'list_dead_letters()',
    'dead_letter_depth()',
    'list_callbacks()',
    'list_schedules()',
    "list_keys('mail')",
    "transitions_since(null, '{}', 1000)",
    'ring_view()',
    "timeseries(now() - interval '1 hour', now() + interval '1 minute', 60, 'queue')",
  ],
  admin: [
    `drain_queue('mail')`,
    `retry_dead_letters('{"all": true}')`,
    `purge_dead_letters('{"all": true}')`,
    "free_key('mail', 'o1', 'cancel')",
    "list_keys('mail')",
    'list_schedules()',
    "schedule_prune('[]', 0, true)",
  ],
}

async function open() {
  const house = await database()
  const logins: Client[] = []
  for (const part of PARTS) {
    const name = `login_${crypto.randomUUID().replaceAll('-', '').slice(0, 12)}`
    const password = crypto.randomUUID()
    await house.admin.query(`create role ${name} login password '${password}'`)
    await house.admin.query(`grant countersign_${part} to ${name}`)
    await house.admin.query(`grant connect on database ${house.name} to ${name}`)
    const url = new URL(house.runtimeUrl)
    url.username = name
    url.password = password
    const client = new pg.Client(url.href)
    await client.connect()
    onTestFinished(async () => {
      await client.end()
      await house.admin.query(`drop owned by ${name} cascade`)
      await house.admin.query(`drop role ${name}`)
    })
    logins.push({ part, client })
  }
  return { ...house, logins }
}
type House = Awaited<ReturnType<typeof open>>

/** Everything that belongs to a tenant as the tables have it. A drain of a queue sets ready jobs of the ring aside, whosesoever they are: of what is ready
    and was never claimed its place is not looked at. */
async function content(house: House, of: string): Promise<string> {
  const { rows } = await house.admin.query(
    `with mine as (select id from countersign_queue.jobs where tenant_id = $1)
     select concat_ws(chr(10),
       (select string_agg(to_jsonb(j)::text, chr(10) order by j.id) from countersign_queue.jobs j where j.tenant_id = $1 and not (j.state = 'ready' and j.attempt = 0)),
       (select string_agg(to_jsonb(c)::text, chr(10) order by c.id) from countersign_queue.callbacks c where c.job_id in (select id from mine)),
       (select string_agg(to_jsonb(s)::text, chr(10) order by s.id) from countersign_queue.schedules s where s.tenant_id = $1),
       (select string_agg(concat_ws(' ', r.id, r.kind, r.payload), chr(10) order by r.id) from (
         select r.id, r.kind, r.payload from countersign_queue.ring r where r.tenant_id = $1 and not exists (select from countersign_queue.jobs j where j.id = r.id)
         union all
         select j.id, j.kind, j.payload from countersign_queue.jobs j where j.tenant_id = $1 and j.state = 'ready' and j.attempt = 0) r)) as all`,
    [of],
  )
  return (rows[0]?.all as string | undefined) ?? ''
}

/** Jobs of every state, with keys, callbacks and a schedule; every text of theirs that a reader could show holds the tenant's mark. */
async function fill(house: House, hand: Claimer, tenant: string, known: Known): Promise<void> {
  const { mark } = known
  const base = { tenant_id: tenant, payload: { n: 0, mark } }
  const jobs = [
    ...QUEUES.flatMap((queue) => [
      { ...base, queue },
      { ...base, queue },
    ]),
    { ...base, queue: 'mail', delay_ms: 3_600_000, metadata: { mark }, tags: [mark] },
    { ...base, queue: 'mail', hold: mark },
    { ...base, queue: 'mail', unique: { key: 'u1', on_conflict: 'return' }, delay_ms: 3_600_000 },
    { ...base, queue: 'mail', ordering_key: 'o1', order: 'strict' },
    { ...base, queue: 'mail', ordering_key: 'o1', order: 'strict' },
  ]
  known.jobs.push(...(await put(house.db.pool, jobs)))
  const held = (await hand.claim(20, `own-${mark}`)).slice(0, 0)
  const own = await put(
    house.db.pool,
    Array.from({ length: 4 }, () => ({ ...base, queue: `own-${mark}` })),
  )
  known.jobs.push(...own)
  held.push(...(await hand.claim(4, `own-${mark}`)))
  const ask = async <T>(text: string, values: unknown[]) =>
    ((await house.admin.query(`select countersign_queue.${text} as answer`, values)).rows[0] as { answer: T }).answer
  await hand.finish(held.slice(0, 1), { outcome: 'completed', output: { mark } })
  await hand.finish(held.slice(1, 2), { outcome: 'discard', error: mark })
  const [parked] = held.slice(2, 3)
  if (parked) {
    const made = await ask<{ id: string }>("callback_create($1, $2, $3, $4, 3600000, 'finish')", [
      parked.id,
      parked.lease,
      parked.token,
      `bank-${mark}`,
    ])
    await hand.finish([parked], { outcome: 'park', callback_id: made.id })
    known.callbacks.push(made.id)
  }
  const schedule = await ask<{ id: string }>('schedule_upsert($1)', [
    JSON.stringify({
      tenant_id: tenant,
      name: `nightly-${mark}`,
      cron: '0 0 1 1 *',
      timezone: 'UTC',
      job: { kind: 'a', queue: 'mail', payload: { mark } },
    }),
  ])
  known.schedules.push(schedule.id)
}

test(
  'Q155 under random tenant scopes no function of a reader, producer, operator or callback login tells of a row of another tenant or changes one',
  async () => {
    const seed = SEED === undefined ? (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) : Number(SEED)
    process.stdout.write(`tenants PROPERTY_SEED=${seed}\n`)
    const random = randomOf(seed)
    const house = await open()
    const tenants = Array.from({ length: 3 }, () => crypto.randomUUID())
    const known = new Map<string, Known>(
      tenants.map((tenant, n) => [tenant, { jobs: [], callbacks: [], schedules: [], mark: `alien${n}` }]),
    )
    const of = (tenant: string) => known.get(tenant) as Known
    const hand = await claimer(
      house.db.pool,
      'hand',
      tenants.map((tenant) => `own-${of(tenant).mark}`),
    )
    for (const tenant of tenants) await fill(house, hand, tenant, of(tenant))
    const began = performance.now()
    const done: Record<string, number> = {}
    let changed = 0
    for (let step = 1; step <= 40 || (SEED === undefined && performance.now() - began < SECONDS * 1_000); step++) {
      const scope = random.pick(tenants)
      const mine = of(scope)
      const { part, client } = random.pick(house.logins)
      // Half of the time something of his own, so that what is allowed is seen to work.
      const target = of(random.chance(0.5) ? scope : random.pick(tenants))
      const [calls, ids] = random.pick([
        [BY_JOB, target.jobs],
        [BY_CALLBACK, target.callbacks],
        [BY_SCHEDULE, target.schedules],
        [AT_LARGE, null],
      ] as const)
      const list = calls[part]
      if (!list) continue
      const call = random.pick(list)
      const before = await Promise.all(tenants.map((tenant) => content(house, tenant)))
      await client.query('begin')
      await client.query('select set_config($1, $2, true)', ['countersign.tenant', scope])
      const id = ids ? random.pick(ids) : null
      const asked = client.query(`select countersign_queue.${call} as answer`, id === null ? [] : [id])
      const { answer, code } = await asked.then(
        ({ rows }) => ({ answer: JSON.stringify(rows), code: null }),
        (error: { code?: string }) => ({ answer: '', code: error.code ?? String(error) }),
      )
      await client.query(code === null ? 'commit' : 'rollback')
      const told = [`seed ${seed}, step ${step}`, part, call, id]
      // It may be refused for what the job is, never for a right that is missing or a fault inside.
      expect([...told, code === null || code.startsWith('QJ') ? 'fine' : code]).toEqual([...told, 'fine'])
      for (const [n, tenant] of tenants.entries()) {
        if (tenant === scope) continue
        const others = of(tenant)
        // An id that the caller gave may come back in a refusal; what it stands for may not.
        const leaks = [others.mark, tenant, ...others.jobs, ...others.callbacks, ...others.schedules].filter(
          (one) => one !== id && answer.includes(one),
        )
        expect([...told, 'leaks', leaks]).toEqual([...told, 'leaks', []])
        expect([...told, 'of others', await content(house, tenant)]).toEqual([...told, 'of others', before[n]])
      }
      if ((await content(house, scope)) !== before[tenants.indexOf(scope)]) changed++
      done[part] = (done[part] ?? 0) + 1
      // What was purged or removed is not there to be asked for: a fresh lot now and then.
      if (random.chance(0.05)) await fill(house, hand, scope, mine)
    }
    process.stdout.write(`tenants: ${JSON.stringify(done)}, ${changed} of them changed something of their own\n`)
    for (const part of ['producer', 'reader', 'admin']) expect(done[part]).toBeGreaterThan(0)
    expect(changed).toBeGreaterThan(0)
  },
  (SECONDS + 120) * 1_000,
)

test('Q155 the program would see a leak and a change: a function that forgets the tenant is found', async () => {
  const house = await open()
  const [mine, theirs] = [crypto.randomUUID(), crypto.randomUUID()]
  const [id] = await put(house.db.pool, [{ tenant_id: theirs, queue: 'mail', delay_ms: 3_600_000, payload: { mark: 'alien' } }])
  await house.admin.query(`create or replace function countersign_queue.reaches(of_tenant uuid, of_queue text, of_kind text) returns boolean
    language sql stable return true`)
  const admin = house.logins.find((one) => one.part === 'admin')?.client as pg.Client
  const before = await content(house, theirs)
  await admin.query('begin')
  await admin.query('select set_config($1, $2, true)', ['countersign.tenant', mine])
  await admin.query('select countersign_queue.cancel_job($1)', [id])
  await admin.query('commit')
  expect(await content(house, theirs)).not.toBe(before)
})
