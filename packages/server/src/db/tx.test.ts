import { Problem } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { type Database, database } from '#harness'
import { newId, newTenantUuid } from '../std/id.ts'
import { type Scope, systemScope } from './scope.ts'
import { sql } from './sql.ts'
import { type Db, OutsideFirst, once, type Tx, tx } from './tx.ts'

async function givenTenant({ db }: Database, name = 'Acme'): Promise<Scope> {
  const scope = systemScope('test', newTenantUuid())
  await tx(db, scope, (t) => t.run`insert into tenants (id, name) values (${scope.tenantId}::uuid, ${name}::text)`)
  return scope
}

const names = (t: Tx) => t.rows<{ name: string }>`select name from tenants order by name`
const code = (error: unknown) => (error instanceof Problem ? error.code : error)

test('P3 the round trip that opens a transaction sets tenant, principal and limits, and nothing of it outlives the transaction', async () => {
  const { db } = await database({ max: 1 })
  const scope = systemScope('expire', newTenantUuid())
  const read = `select current_setting('countersign.tenant', true) as tenant, current_setting('countersign.principal', true) as principal,
    current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock,
    current_setting('idle_in_transaction_session_timeout') as idle, current_setting('search_path') as path`

  const { rows } = await tx(db, scope, (t) => t.query(read))

  expect(rows).toEqual([
    {
      tenant: scope.tenantId,
      principal: 'system:expire',
      statement: '15s',
      lock: '5s',
      idle: '30s',
      path: 'countersign, pg_temp',
    },
  ])
  const after = (await db.pool.query(read)).rows[0]
  expect([after.tenant || '', after.principal || '', after.statement, after.lock]).toEqual(['', '', '0', '0'])
})

test('R7 a transaction of a relay party names it to the database, and neither the next one nor the connection still does', async () => {
  const given = await database({ max: 1 })
  const acme = await givenTenant(given)
  const read = `select current_setting('countersign.relay_party', true) as party`
  const partyOf = async (scope: Scope) => (await tx(given.db, scope, (t) => t.query(read))).rows[0].party
  const party = newId('rgr')

  expect(await partyOf({ ...acme, relayParty: party, relaySide: 'caller' })).toBe(party)
  expect((await given.db.pool.query(read)).rows[0].party || '').toBe('')
  expect(await partyOf(acme)).toBe('')
  // Not even one that somebody set on the connection itself counts for a transaction without one.
  await given.db.pool.query('select set_config($1, $2, false)', ['countersign.relay_party', party])
  expect(await partyOf(acme)).toBe('')
})

test('P2 A2 without a tenant, with a wrong one and after COMMIT the runtime login reads nothing and writes nothing', async () => {
  const given = await database({ max: 1 })
  const acme = await givenTenant(given)
  const { pool } = given.db
  const rename = `update countersign.tenants set name = 'mine' returning id`
  const insert = 'insert into countersign.tenants (id, name) values (gen_random_uuid(), $1)'

  // after COMMIT, on the very connection that had the tenant set
  expect((await pool.query('select * from countersign.tenants')).rows).toEqual([])
  expect((await pool.query(rename)).rows).toEqual([])
  await expect(pool.query(insert, ['x'])).rejects.toMatchObject({ code: '42501' })

  const stranger = systemScope('test', newTenantUuid())
  expect(await tx(given.db, stranger, names)).toEqual([])
  expect(await tx(given.db, stranger, (t) => t.query(rename).then((answer) => answer.rows))).toEqual([])
  await expect(tx(given.db, stranger, (t) => t.query(insert, ['x']))).rejects.toMatchObject({ code: '42501' })

  const fresh = await given.open({ max: 1 })
  expect((await fresh.pool.query('select * from countersign.tenants')).rows).toEqual([])
  expect(await tx(given.db, acme, names)).toEqual([{ name: 'Acme' }])
})

test('P4 a transaction has one time, the database clock to the millisecond', async () => {
  const { db, clock } = await database()
  const [first, again, inside] = await tx(db, systemScope('test'), async (t) => [
    t.now.getTime(),
    t.now.getTime(),
    (await t.one<{ at: Date }>`select ${t.now}::timestamptz as at`).at.getTime(),
  ])
  await clock.advance('1h')
  const later = await tx(db, systemScope('test'), async (t) => t.now.getTime())

  expect([again, inside]).toEqual([first, first])
  expect(later - (first as number)).toBeGreaterThanOrEqual(3_600_000)
  expect(later - (first as number)).toBeLessThan(3_660_000)
})

test('a transaction that throws leaves nothing behind, and one whose failed statement was swallowed is not reported as done', async () => {
  const given = await database()
  const acme = await givenTenant(given)

  await expect(
    tx(given.db, acme, async (t) => {
      await t.run`update tenants set name = 'Other'`
      throw new Problem('state_conflict')
    }),
  ).rejects.toMatchObject({ code: 'state_conflict' })
  await expect(
    tx(given.db, acme, async (t) => {
      await t.run`update tenants set name = 'Other'`
      await t.run`select 1 / 0`.catch(() => 'swallowed')
    }),
  ).rejects.toThrow('rolled back')

  expect(await tx(given.db, acme, names)).toEqual([{ name: 'Acme' }])
})

test('a transaction that is over takes no further statement', async () => {
  const { db } = await database()
  let kept: Tx | undefined
  await tx(db, systemScope('test'), async (t) => {
    kept = t
  })

  await expect(kept?.query('select 1')).rejects.toThrow('over')
})

test('one row means one row: none and two are bugs, maybe takes none', async () => {
  const { db } = await database()
  const run = <T>(fn: (t: Tx) => Promise<T>) => tx(db, systemScope('test'), fn)

  await expect(run((t) => t.one`select 1 where false`)).rejects.toThrow('Expected one row, got 0')
  await expect(run((t) => t.one`select generate_series(1, 2)`)).rejects.toThrow('got 2')
  await expect(run((t) => t.maybe`select generate_series(1, 2)`)).rejects.toThrow('at most one')
  expect(await run((t) => t.maybe`select 1 where false`)).toBeNull()
})

test('of two transactions that collide the loser runs again from the start and both effects stand', async () => {
  const given = await database()
  const acme = await givenTenant(given, '0')
  let runs = 0
  let bothRead = 0
  let release: () => void = () => undefined
  const met = new Promise<void>((resolve) => {
    release = resolve
  })
  const addOne = () =>
    tx(
      given.db,
      acme,
      async (t) => {
        runs += 1
        const { name } = await t.one<{ name: string }>`select name from tenants`
        bothRead += 1
        if (bothRead === 2) release()
        await met
        await t.run`update tenants set name = ${String(Number(name) + 1)}::text`
      },
      { isolation: 'repeatable read' },
    )

  await Promise.all([addOne(), addOne()])

  expect(await tx(given.db, acme, names)).toEqual([{ name: '2' }])
  expect(runs).toBe(3)
})

test('a transaction that keeps colliding gives up after three retries', async () => {
  const { db } = await database()
  let runs = 0
  const fail = tx(db, systemScope('test'), (t) => {
    runs += 1
    return t.run`do $$ begin raise exception 'again' using errcode = '40001'; end $$`
  })

  await expect(fail).rejects.toMatchObject({ code: '40001' })
  expect(runs).toBe(4)
})

test('P77 what must stand with the effect runs inside the same transaction, with its result, and only when it writes', async () => {
  const given = await database()
  const acme = await givenTenant(given)
  const seen: unknown[] = []
  const scope: Scope = {
    ...acme,
    beforeCommit: async (t, result) => {
      seen.push(result, (await t.one<{ xid: string }>`select pg_current_xact_id()::text as xid`).xid)
    },
  }
  const write = (t: Tx) => t.one<{ xid: string }>`update tenants set name = 'New' returning pg_current_xact_id()::text as xid`

  const result = await tx(given.db, scope, write)
  await tx(given.db, scope, names, { readOnly: true })
  expect(seen).toEqual([result, result.xid])

  const refusing: Scope = { ...acme, beforeCommit: () => Promise.reject(new Problem('state_conflict')) }
  await expect(tx(given.db, refusing, (t) => t.run`update tenants set name = 'Lost'`)).rejects.toMatchObject({
    code: 'state_conflict',
  })
  expect(await tx(given.db, acme, names)).toEqual([{ name: 'New' }])
})

test('waiters of this process are woken after the commit and not after a rollback', async () => {
  const { db } = await database({ listen: false })
  const order: string[] = []
  db.listen.subscribe('task:1', () => order.push('woken'))

  await tx(db, systemScope('test'), async (t) => {
    t.wake('task:1')
    t.wake('task:1')
    t.afterCommit(() => order.push('after'))
    await t.run`select 1`
    order.push('inside')
  })
  await expect(
    tx(db, systemScope('test'), async (t) => {
      t.wake('task:1')
      t.afterCommit(() => order.push('never'))
      throw new Error('no')
    }),
  ).rejects.toThrow('no')

  expect(order).toEqual(['inside', 'woken', 'after'])
})

test('the store being away is a problem with advice, at the door and in the middle, and the next transaction works', async () => {
  const given = await database({ max: 1 })
  const nowhere = await given.open({ url: 'postgres://countersign_runtime:x@127.0.0.1:1/none', listen: false })
  const away = await tx(nowhere, systemScope('test'), names).catch((error: unknown) => error)
  expect(code(away)).toBe('store_unavailable')
  expect((away as Problem).members).toMatchObject({ retry_after: 1 })

  const cut = tx(given.db, systemScope('test'), async (t) => {
    const { pid } = await t.one<{ pid: number }>`select pg_backend_pid() as pid`
    await given.admin.run`select pg_terminate_backend(${pid}::int, 5000)`
    await t.run`select 1`
  })
  await expect(cut).rejects.toMatchObject({ code: 'store_unavailable' })
  expect(await tx(given.db, systemScope('test'), names)).toEqual([])
})

test('writing where only reading is possible is read_only', async () => {
  const given = await database()
  const acme = await givenTenant(given)

  const write = tx(given.db, acme, (t) => t.run`update tenants set name = 'x'`, { readOnly: true })

  await expect(write).rejects.toMatchObject({ code: 'read_only' })
})

test('a lock that is not given and a statement that runs too long are busy, and nothing is written', async () => {
  const given = await database()
  const acme = await givenTenant(given)
  const slow = await given.open({ listen: false, statementTimeoutMs: 50 })
  await given.admin.query('begin; lock table tenants')

  await expect(tx(slow, acme, (t) => t.run`update tenants set name = 'x'`)).rejects.toMatchObject({ code: 'busy' })
  await expect(tx(given.db, acme, (t) => t.run`lock table tenants nowait`)).rejects.toMatchObject({ code: 'busy' })
  await given.admin.query('rollback')
  expect(await tx(given.db, acme, names)).toEqual([{ name: 'Acme' }])
})

test('types arrive as they are meant: bigint as a safe number or not at all, dates as text, times as Date, numeric as text', async () => {
  const { db } = await database()
  const run = <T>(fn: (t: Tx) => Promise<T>) => tx(db, systemScope('test'), fn)

  expect(
    await run(
      (t) => t.one`select 9007199254740991::int8 as big, array[1, null]::int8[] as list, '2026-02-28'::date as day,
        '2026-02-28T12:00:00.123Z'::timestamptz as at, 1.10::numeric as money, '{"a":1}'::jsonb as json`,
    ),
  ).toEqual({
    big: 9007199254740991,
    list: [1, null],
    day: '2026-02-28',
    at: new Date('2026-02-28T12:00:00.123Z'),
    money: '1.10',
    json: { a: 1 },
  })
  await expect(run((t) => t.one`select 9007199254740992::int8`)).rejects.toThrow(RangeError)
})

test('a scope without a proper tenant is refused before anything is sent', async () => {
  const { db } = await database()

  await expect(tx(db, { ...systemScope('test'), tenantId: `'; drop schema countersign cascade; --` }, names)).rejects.toThrow(
    TypeError,
  )
})

test('a statement is planned once a connection, and none is kept behind a pooler or when that is switched off', async () => {
  const { db, open } = await database({ max: 1 })
  const kept = (over: Db) =>
    tx(over, systemScope('test'), (t) => t.query('select name from pg_prepared_statements').then((answer) => answer.rows.length))
  const read = (over: Db) =>
    tx(over, systemScope('test'), async (t) => {
      for (let i = 0; i < 3; i++) await t.rows`select ${i}::int as i, ${sql`now()`}`
    })

  await read(db)
  expect(await kept(db)).toBe(1)

  const pooled = await open({ max: 1 })
  pooled.statements.see(1, 2)
  const off = await open({ max: 1, prepare: 'off' })
  for (const other of [pooled, off]) {
    await read(other)
    expect(await kept(other)).toBe(0)
  }
})

test('statements without end do not fill a connection', async () => {
  const { db } = await database({ max: 1 })
  const count = await tx(db, systemScope('test'), async (t) => {
    for (let i = 1; i <= 520; i++) await t.rows`select ${sql([`1 as a${i}`])}`
    return t.one<{ count: number }>`select count(*)::int as count from pg_prepared_statements`
  })

  expect(count.count).toBe(500)
})

test('a table that is changed under a kept plan makes the transaction run again, and the caller notices nothing', async () => {
  const given = await database({ max: 1 })
  const acme = await givenTenant(given)
  const all = () => tx(given.db, acme, (t) => t.rows<{ name: string; note?: string }>`select * from tenants`)
  expect((await all())[0]?.note).toBeUndefined()

  await given.admin.query(`alter table tenants add column note text default 'new'`)

  expect((await all())[0]?.note).toBe('new')
})

test('P3 where it is looked at, a transaction inside another is refused before it takes a connection; after one, and beside one, it is not', async () => {
  const { db } = await database({ strict: true })
  const scope = systemScope('test')
  const name = (t: Tx) => t.one<{ name: string }>`select 'inner' as name`
  await expect(tx(db, scope, () => tx(db, scope, name))).rejects.toThrow('A transaction inside another')
  await expect(tx(db, scope, () => once(db, sql`select 1 as one`))).rejects.toThrow('A transaction inside another')
  const later: Promise<unknown>[] = []
  await tx(db, scope, async (t) => t.afterCommit(() => void later.push(tx(db, scope, name))))
  expect(await Promise.all([...later, tx(db, scope, name)])).toEqual([{ name: 'inner' }, { name: 'inner' }])
})

test('work that needs a connection of its own is done while none is open, by as many callers at once as there are connections', async () => {
  const { db } = await database({ max: 2 })
  const scope = systemScope('test')
  let done = false
  const outside = async () => {
    await tx(db, scope, (t) => t.rows`select 1`)
    done = true
  }
  const call = () =>
    tx(db, scope, async (t) => {
      await t.rows`select 1`
      if (!done) throw new OutsideFirst(outside)
      return 'ok'
    })
  expect(await Promise.all(Array.from({ length: 8 }, call))).toEqual(Array(8).fill('ok'))
})

test('R30 locks that a transaction is opened with are held as it reads: it finds what whoever had them before has written', async () => {
  const given = await database({ max: 3 })
  const acme = await givenTenant(given)
  const holds = [sql`select from tenants where id = ${acme.tenantId}::uuid for update`]
  let waits: Promise<{ name: string }[]> | undefined
  await tx(
    given.db,
    acme,
    async (t) => {
      waits = tx(given.db, acme, names, { holds })
      await t.run`update tenants set name = 'Renamed' where id = ${acme.tenantId}::uuid`
    },
    { holds },
  )
  expect(await waits).toEqual([{ name: 'Renamed' }])
  const quoted = sql`select pg_advisory_xact_lock_shared(hashtextextended(${"it's \\ $1"}::text, 0))`
  expect(await tx(given.db, acme, names, { holds: [quoted] })).toEqual([{ name: 'Renamed' }])
  await expect(tx(given.db, acme, names, { holds: [sql`select ${1}`] })).rejects.toThrow('texts alone')
})
