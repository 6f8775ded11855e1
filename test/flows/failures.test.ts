// The table of failures of the platform (§21), where a row has no test of its own room: what happens, and that everything goes on afterwards.
import { expect, test } from 'vitest'
import { database, setup } from '#harness'
import { systemScope } from '../../packages/server/src/db/scope.ts'
import { tx } from '../../packages/server/src/db/tx.ts'
import { sealed } from '../../packages/server/src/events/audit/audit.fixture.ts'
import { sealStatus } from '../../packages/server/src/events/audit/status.ts'
import { openLimits } from '../../packages/server/src/http/limit.ts'
import { keyring, withOverrides } from '../../packages/server/src/http/testing/door.ts'
import { recordProbe } from '../../packages/server/src/status/probe.ts'
import { REFUND, remains } from '../../packages/server/src/tasks/tasks.fixture.ts'

test('§21 P154 disk full: a write is 503 and leaves no half state, reading goes on, and with room the same key does it once', async () => {
  const house = await setup()
  const known = await house.given.task()
  const before = await remains(house)
  // As PostgreSQL says it when it cannot extend a file, behind what the same transaction wrote before.
  await house.admin.query(`
    create function public.no_room() returns trigger language plpgsql as $$
    begin raise exception 'could not extend file' using errcode = 'disk_full'; end $$`)
  await house.admin.query(
    'create trigger no_room before insert on countersign.events for each row execute function public.no_room()',
  )
  const again = () => house.agent.post('/api/v1/tasks', REFUND, { 'idempotency-key': 'once' })
  const refused = await again()
  expect([refused.status, refused.body.code]).toEqual([503, 'store_unavailable'])
  expect(await remains(house)).toEqual(before)
  expect((await house.alice.get('/api/v1/tasks')).body.data).toMatchObject([{ id: known.id }])

  await house.admin.query('drop trigger no_room on countersign.events')
  const [first, second] = [await again(), await again()]
  expect([first.status, second.body.id]).toEqual([201, first.body.id])
  expect((await remains(house)).tasks).toBe((before.tasks ?? 0) + 1)
})

test('§21 P111 P115 no maintenance for an hour: events wait, the status tells their age as an outage, writers do not notice, and one step seals all', async () => {
  const house = await sealed()
  await house.seal()
  await house.given.task()
  await house.clock.advance('1h')
  await house.given.task()
  const scope = systemScope('test')
  const behind = await sealStatus({ db: house.db }, scope)
  expect(behind.lag_seconds).toBeGreaterThanOrEqual(3_600)
  const look = () => tx(house.db, scope, (t) => recordProbe.measure(t), { readOnly: true })
  expect(await look()).toMatchObject({ state: 'outage', measured: { waiting: behind.waiting } })
  expect((await house.agent.post('/api/v1/tasks', REFUND)).status).toBe(201)
  await house.seal()
  expect(await look()).toEqual({ state: 'ok', measured: { oldest_unsealed_s: null, waiting: 0 } })
  const { unsealed } = await house.admin.one<{ unsealed: number }>`
    select count(*)::int as unsealed from events e where not exists (
      select from seals s where s.tenant_id = e.tenant_id and s.event_id = e.id)`
  expect(unsealed).toBe(0)
})

test('§21 the clock of a process jumps: transactions and limits keep the time of the database', async () => {
  const house = await database()
  const jumped = { ...house.clock, now: () => new Date(house.clock.now().getTime() + 2 * 3_600_000) }
  const ahead = await house.open({ clock: jumped })
  const timeOf = (db: typeof house.db) => tx(db, systemScope('test'), async (t) => t.now.getTime(), { readOnly: true })
  const [from, there, to] = [await timeOf(house.db), await timeOf(ahead), await timeOf(house.db)]
  expect([from <= there, there <= to]).toEqual([true, true])

  const buckets = withOverrides({ 'key.bad': { limit: 3 } })
  const [right, wrong] = [house.db, ahead].map((db) => openLimits({ db, keyring, clock: db.clock, buckets }))
  for (let i = 0; i < 3; i++) await right?.take({ bucket: 'key.bad', key: 'one' })
  // Two hours later by its own clock the window would be empty.
  await expect(wrong?.take({ bucket: 'key.bad', key: 'one' })).rejects.toMatchObject({ code: 'rate_limited' })
})
