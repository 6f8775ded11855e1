import { randomBytes } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { type Database, database } from '#harness'
import { chainOf, digestOf, FIRST_PREV } from '../../crypto/chain.ts'
import { makeKeyring } from '../../crypto/keyring.ts'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Db, tx } from '../../db/tx.ts'
import { newTenantUuid, tenantWire } from '../../std/id.ts'
import { openLog } from '../../std/log.ts'
import { record } from '../event.ts'
import type { HeadMemory } from './heads.ts'
import { openSealer, sealStep, shorterLogs, watchPlace } from './sealing.ts'
import { lead, sealEvents, sealLag } from './sql.ts'

async function given() {
  const data = await database({ max: 20 })
  const lines: string[] = []
  const log = openLog({ level: 'debug', sink: (line) => void lines.push(line) })
  const keyring = makeKeyring({ current: 1, versions: new Map([[1, randomBytes(32)]]) })
  const tenant = async () => {
    const id = newTenantUuid()
    await data.admin.run`insert into tenants (id, name) values (${id}::uuid, 'one')`
    return systemScope('test', id)
  }
  const house = { db: data.db, keyring, log, origin: () => 'https://countersign.example.com' }
  return { ...data, house, lines, tenant, scope: await tenant() }
}

const say = (db: Db, scope: Scope, n: number) => tx(db, scope, (t) => record(t, scope, 'task.created', { n }))

type Sealed = { seq: number; event_id: string; digest: Buffer; prev_hash: Buffer; hash: Buffer; body: string }
const sealsOf = ({ admin }: Pick<Database, 'admin'>, scope: Scope) => admin.rows<Sealed>`
  select s.seq::int as seq, s.event_id, s.digest, s.prev_hash, s.hash, e.body from seals s join events e on e.id = s.event_id
  where s.tenant_id = ${scope.tenantId}::uuid order by s.seq`

function expectSound(scope: Scope, seals: readonly Sealed[]) {
  const link = chainOf(scope.tenantId)
  let prev: Buffer = FIRST_PREV
  for (const [i, seal] of seals.entries()) {
    expect(seal.seq).toBe(i + 1)
    expect(seal.prev_hash.equals(prev)).toBe(true)
    expect(seal.digest.equals(digestOf(seal.body))).toBe(true)
    expect(seal.hash.equals(link(seal.seq, prev, seal.digest))).toBe(true)
    prev = seal.hash
  }
}

test('P112 P114 a step seals what committed, tenant by tenant, gapless and in order, and the database chains as the vectors do', async () => {
  const house = await given()
  const other = await house.tenant()
  for (let n = 1; n <= 5; n++) {
    await say(house.db, house.scope, n)
    if (n % 2) await say(house.db, other, n)
  }
  expect(await sealStep(house)).toBe(8)
  expect(await sealStep(house)).toBe(0)
  await say(house.db, house.scope, 6)
  expect(await sealStep(house)).toBe(1)
  for (const [scope, count] of [
    [house.scope, 6],
    [other, 3],
  ] as const) {
    const seals = await sealsOf(house, scope)
    expect(seals).toHaveLength(count)
    expectSound(scope, seals)
  }
})

test('P112 a step of more rows than one transaction takes goes on where it stopped, and what commits meanwhile waits for the next', async () => {
  const house = await given()
  for (let n = 1; n <= 7; n++) await say(house.db, house.scope, n)
  const part = () => tx(house.db, systemScope('seal'), (t) => sealEvents(t, 3), { isolation: 'repeatable read' })
  expect(await part()).toEqual({ sealed: 3, more: true })
  await say(house.db, house.scope, 8)
  expect(await part()).toEqual({ sealed: 3, more: true })
  // The step is over, and what committed while it went on is another.
  expect(await part()).toEqual({ sealed: 1, more: true })
  expect(await part()).toEqual({ sealed: 1, more: false })
  const seals = await sealsOf(house, house.scope)
  expect(seals.map(({ body }) => JSON.parse(body).data.n)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  expectSound(house.scope, seals)
})

test('P112 outside of REPEATABLE READ nothing is sealed', async () => {
  const { db } = await given()
  await expect(tx(db, systemScope('seal'), (t) => sealEvents(t, 3))).rejects.toMatchObject({ code: '25000' })
})

test('P112 P113 a transaction that stays open delays its own events only, and two sealers at once make no fork', async () => {
  const house = await given()
  let commit = (): void => undefined
  const held = new Promise<void>((resolve) => {
    commit = resolve
  })
  let wrote = (): void => undefined
  const written = new Promise<void>((resolve) => {
    wrote = resolve
  })
  const slow = tx(house.db, house.scope, async (t) => {
    await record(t, house.scope, 'task.created', { n: 1 })
    wrote()
    await held
  })
  await written
  await say(house.db, house.scope, 2)
  expect(await sealStep(house)).toBe(1)
  const [lag] = (await house.db.pool.query(house.db.statements.query(sealLag(null)))).rows
  expect(lag).toMatchObject({ waiting: 0, holding_pid: expect.any(Number) })
  commit()
  await slow
  await say(house.db, house.scope, 3)
  const second = { ...house.house, db: await house.open() }
  const counts = await Promise.all([sealStep(house.house), sealStep(second), sealStep(house.house), sealStep(second)])
  expect(counts.reduce((a, b) => a + b)).toBe(2)
  const seals = await sealsOf(house, house.scope)
  expect(seals.map(({ body }) => JSON.parse(body).data.n)).toEqual([2, 1, 3])
  expectSound(house.scope, seals)
})

test('P111 P113 A32 with 8 writers, slow, rolled back and waiting for each other, every committed event is sealed once, without a gap, after whatever it had seen', async () => {
  const house = await given()
  const { admin, db, scope } = house
  await admin.query('create table countersign.effects (n serial, event text not null)')
  await admin.query('create table countersign.waits (id int primary key, n int not null)')
  await admin.query('insert into countersign.waits select i, 0 from generate_series(1, 2) i')
  await admin.query('grant select, insert on countersign.effects to countersign_runtime')
  await admin.query('grant select, update on countersign.waits to countersign_runtime')
  await admin.query('grant usage on sequence countersign.effects_n_seq to countersign_runtime')

  const turns = async (n: number) => {
    for (let i = 0; i < n; i++) await setImmediate()
  }
  const committed: string[] = []
  let writing = 8
  const write = async (writer: number) => {
    for (let n = 0; n < 30; n++) {
      const attempt = tx(db, scope, async (t) => {
        if (writer % 3 === 0) await t.query('update countersign.waits set n = n + 1 where id = $1', [1 + (n % 2)])
        const { rows } = await t.query('select event from countersign.effects order by n desc limit 1')
        const saw = (rows[0]?.event as string | undefined) ?? null
        const id = await record(t, scope, 'task.created', { saw })
        if (writer % 2) await turns(Math.floor(Math.random() * 200))
        await t.query('insert into countersign.effects (event) values ($1)', [id])
        if (writer % 4 === 1 && n % 3 === 0) throw new Error('changed my mind')
        return id
      })
      const id = await attempt.catch((error: Error) => {
        if (error.message !== 'changed my mind') throw error
        return null
      })
      if (id) committed.push(id)
      if (writer === 7) await turns(300)
    }
    writing -= 1
  }
  const seal = async (own: Db) => {
    while (writing > 0) {
      await sealStep({ db: own })
      await turns(20)
    }
  }
  const second = await house.open()
  await Promise.all([...Array.from({ length: 8 }, (_, i) => write(i)), seal(db), seal(second)])
  await sealStep({ db })

  const seals = await sealsOf(house, scope)
  expectSound(scope, seals)
  expect(seals.map((one) => one.event_id).sort()).toEqual(committed.toSorted())
  const place = new Map(seals.map((one) => [one.event_id, one.seq]))
  for (const { event_id, body } of seals) {
    const { saw } = JSON.parse(body).data
    if (saw) expect(place.get(event_id)).toBeGreaterThan(place.get(saw) as number)
  }
}, 60_000)

test('P115 P116 the loop seals by itself, signs checkpoints, and of two processes one leads until it leaves', async () => {
  const house = await given()
  const sealed = async () => (await house.admin.one<{ n: number }>`select count(*)::int as n from seals`).n
  const signed = async () => (await house.admin.one<{ n: number }>`select count(*)::int as n from checkpoints`).n
  await say(house.db, house.scope, 1)
  const first = openSealer(house.house)
  onTestFinished(() => first.close())
  await expect.poll(sealed, { timeout: 20_000 }).toBe(1)
  // The very first has nothing to wait for; the next comes a minute later.
  await expect.poll(signed, { timeout: 20_000 }).toBe(1)
  const second = openSealer({ ...house.house, db: await house.open() })
  onTestFinished(() => second.close())
  await say(house.db, house.scope, 2)
  await expect.poll(sealed, { timeout: 20_000 }).toBe(2)
  expect(await tx(house.db, systemScope('x'), (t) => lead(t, 'seal', 'me', 1_000))).toEqual({ held: null })
  await first.close()
  await say(house.db, house.scope, 3)
  await expect.poll(sealed, { timeout: 20_000 }).toBe(3)
  await house.clock.advance('61s')
  await expect.poll(signed, { timeout: 20_000 }).toBe(2)
  expectSound(house.scope, await sealsOf(house, house.scope))
}, 60_000)

test('P117 in another cluster everything without a seal is one step in its own order, and every record says so first', async () => {
  const house = await given()
  const { admin, db, scope } = house
  expect(await watchPlace(house.house)).toBeNull()
  await say(db, scope, 1)
  await sealStep(house)
  await say(db, scope, 2)
  await say(db, scope, 3)
  // As a dump that is loaded elsewhere: numbers of transactions that this cluster has not reached yet.
  await admin.query('alter table events disable trigger append_only')
  await admin.query(`update events set xid = (xid::text::bigint + 1000000)::text::xid8 where body like '%"n":2%'`)
  await admin.query('alter table events enable trigger append_only')
  await admin.query(`update seal_state set cluster = '1'`)
  expect(await watchPlace(house.house)).toBe('cluster')
  expect(await watchPlace(house.house)).toBeNull()
  await say(db, scope, 4)
  expect(await sealStep(house)).toBe(4)
  const seals = await sealsOf(house, scope)
  expect(seals.map(({ body }) => JSON.parse(body).data.n ?? JSON.parse(body).type)).toEqual([1, 2, 3, 'audit.restored', 4])
  expectSound(scope, seals)
  const restored = JSON.parse(seals[3]?.body as string)
  expect(restored).toMatchObject({ tenant_id: tenantWire(scope.tenantId), data: { reason: 'cluster', new_head: { size: 1 } } })
  // Numbers may come again in this cluster: what has a seal gets no second one.
  await admin.query('alter table events disable trigger append_only')
  await admin.query(`update events set xid = pg_current_xact_id() where body like '%"n":2%'`)
  await admin.query('alter table events enable trigger append_only')
  await say(db, scope, 5)
  expect(await sealStep(house)).toBe(1)
  expectSound(scope, await sealsOf(house, scope))
})

test('P117 a log that is shorter than it was seen from here is an alarm, told once in the record', async () => {
  const house = await given()
  const { db, scope } = house
  await say(db, scope, 1)
  await sealStep(house)
  let heads: Awaited<ReturnType<HeadMemory['read']>> = { [scope.tenantId]: { size: 9, hash: 'aa' } }
  const memory: HeadMemory = {
    read: async () => heads,
    remember: async (ends) => {
      heads = Object.fromEntries(ends.map((end) => [end.tenant_id, { size: end.size, hash: end.hash.toString('hex') }]))
    },
  }
  expect(await shorterLogs(house.house, memory)).toEqual([tenantWire(scope.tenantId)])
  expect(await watchPlace(house.house, memory)).toBe('shorter')
  await expect.poll(() => shorterLogs(house.house, memory)).toEqual([])
  expect(await watchPlace(house.house, memory)).toBeNull()
  await sealStep(house)
  const last = JSON.parse((await sealsOf(house, scope)).at(-1)?.body as string)
  expect(last).toMatchObject({ type: 'audit.restored', data: { old_head: { size: 9 }, new_head: { size: 1 } } })
  expect(house.lines.join()).toContain('the log is shorter')
})

test('P7 P18 a login that only keeps the house seals and signs, and reads neither events nor seals', async () => {
  const house = await given()
  const { scope } = house
  const keeper = await house.open({ url: house.urlOf('countersign_run_maintenance') })
  await say(house.db, scope, 1)
  const sealer = openSealer({ ...house.house, db: keeper })
  onTestFinished(() => sealer.close())
  const signed = async () => (await house.admin.one<{ n: number }>`select count(*)::int as n from checkpoints`).n
  await expect.poll(signed, { timeout: 20_000 }).toBe(1)
  expectSound(scope, await sealsOf(house, scope))
  for (const table of ['events', 'seals', 'checkpoints', 'seal_state'])
    await expect(tx(keeper, scope, (t) => t.query(`select from countersign.${table}`))).rejects.toMatchObject({ code: '42501' })
  const web = await house.open({ url: house.urlOf('countersign_run_web') })
  expect(await tx(web, scope, (t) => t.query('select from countersign.seals'))).toMatchObject({ rowCount: 1 })
})
