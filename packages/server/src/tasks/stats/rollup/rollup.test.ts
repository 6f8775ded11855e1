// Figures read from rollups are those of the rows (T161), whatever came between the folds; and the rows of days that have ended are not read again.
import { enqueue } from '@countersign/queue'
import { expect, test } from 'vitest'
import { type Client, type House, setup } from '#harness'
import { answer, REFUND } from '../../tasks.fixture.ts'

const ENDS = ['completed', 'timed_out', 'cancelled', 'verification_exhausted', 'outcome_reported', 'outcome_missing'].map(
  (end) => `task.${end}`,
)
const STATS = '/api/v1/tasks/stats'
const at = (id: unknown, act = '') => `/api/v1/tasks/${id}${act && `/${act}`}`
const ACTION = {
  task: 'Refund?',
  timeout_seconds: 86_400,
  reminders: [],
  action: { name: 'refund', args: { order: 7, amount: 240 }, allow: ['accept', 'edit', 'deny'], editable: ['/amount'] },
}

/** All that has ended: one fold goes as far as the oldest transaction that runs, and that may be another test's on the same PostgreSQL. */
async function fold(house: House): Promise<void> {
  for (let left = true; left; ) {
    await enqueue(house.db.pool, { kind: 'task.fold_rollups' })
    await house.runJobs()
    const ends = await house.admin.one<{ left: boolean }>`
      select exists (
        select from events e left join task_rollup_marks m on m.tenant_id = e.tenant_id
        where e.xid >= coalesce(m.xid, '0'::xid8) and e.type = any (${ENDS}::text[])) as left`
    left = ends.left
  }
}

const QUERIES = [
  '',
  '?days=1',
  '?days=365&time_zone=Asia/Kolkata',
  '?days=7&by=agent',
  '?days=90&by=person&time_zone=America/New_York',
  '?by=channel',
  '?channel=dashboard&by=agent',
  '?by=person&tag=money',
]

/** By rows alone: without a mark nothing is read from rollups. */
async function byRows(house: House, ask: (query: string) => Promise<unknown>, queries: readonly string[]): Promise<unknown[]> {
  const marks = await house.admin.rows<{
    xid: string | null
    tenant_id: string
  }>`select xid::text, tenant_id from task_rollup_marks`
  await house.admin.run`update task_rollup_marks set xid = null`
  const answers = await all(ask, queries)
  for (const { xid, tenant_id } of marks)
    await house.admin.run`update task_rollup_marks set xid = ${xid}::text::xid8 where tenant_id = ${tenant_id}::uuid`
  return answers
}

async function all(ask: (query: string) => Promise<unknown>, queries: readonly string[]): Promise<unknown[]> {
  const answers: unknown[] = []
  for (const query of queries) answers.push(await ask(query))
  return answers
}

const reader = (house: House) => house.given.user({ role: 'owner' })

const figures = (by: Client) => async (query: string) => {
  const { status, body } = await by.get(`${STATS}${query}`)
  expect(status, JSON.stringify(body)).toBe(200)
  return body
}

/** How long things have waited goes on between two looks. */
const still = (all: readonly unknown[]) =>
  (all as { backlog: { open: number } }[]).map((one) => ({ ...one, backlog: one.backlog.open }))

async function expectSame(house: House, queries: readonly string[] = QUERIES): Promise<void> {
  for (const by of [await reader(house), house.agent]) {
    const until = async () => ((await figures(by)('?days=1')) as { to: string }).to
    for (let before = await until(); ; before = await until()) {
      const rows = await byRows(house, figures(by), queries)
      const rollups = await all(figures(by), queries)
      // An hour that turned in between is another stretch of time: once more.
      if ((await until()) !== before) continue
      expect(still(rollups)).toEqual(still(rows))
      break
    }
  }
}

/** A bit of everything that figures tell apart. */
async function happen(house: House): Promise<void> {
  const { agent } = house
  // Sessions end sooner than these tests do.
  const [alice, bob] = [await house.given.user({ role: 'owner' }), await house.given.user({ role: 'admin' })]
  const make = async (more: object = {}) =>
    (await house.given.task({ ...REFUND, timeout_seconds: 86_400, tags: ['money'], ...more })).id
  const [yes, no, twice] = [
    await make(),
    await make({ tags: [] }),
    await make({ assign_to: { emails: [alice.email, bob.email] }, quorum: 2 }),
  ]
  await alice.get(at(yes))
  await house.clock.advance('7m')
  await alice.post(at(yes, 'decide'), answer())
  await bob.post(at(no, 'decide'), answer({ approved: false }))
  for (const one of [alice, bob]) expect((await one.post(at(twice, 'decide'), answer())).status).toBe(200)
  await agent.post(at(yes, 'outcome'), { status: 'succeeded' })
  const edited = (await house.given.task(ACTION)).id
  await alice.post(at(edited, 'decide'), { type: 'edit', args: { order: 7, amount: 200 }, seen_revision: 1 })
  const accepted = (await house.given.task(ACTION)).id
  await bob.post(at(accepted, 'decide'), { type: 'accept', seen_revision: 1 })
  await alice.post(at(await make(), 'cancel'), {})
  await make({ expect_outcome_seconds: 60 })
  const silent = await make({ expect_outcome_seconds: 60 })
  await alice.post(at(silent, 'decide'), answer())
  await make({ timeout_seconds: 600, escalation: [{ after_seconds: 60, assign_to: null }] })
}

test('T161 figures are the same from rollups and from rows: with nothing folded, all of it, and more that came since', {
  timeout: 120_000,
}, async () => {
  const house = await setup()
  await happen(house)
  await house.clock.advance('26h')
  await house.runJobs()
  await happen(house)
  await expectSame(house)
  await fold(house)
  const marks = await house.admin.one<{ n: number }>`select count(*)::int as n from task_rollup_marks where xid is not null`
  expect(marks.n).toBe(1)
  await expectSame(house)
  // Late: what was folded as open ends, what became of an answer is told after its time, somebody looks at what is over, and content is erased.
  const alice = await reader(house)
  const { data } = (await alice.get('/api/v1/tasks?limit=200')).body
  const of = (status: string) => data.filter((task: { status: string }) => task.status === status)
  for (const { id } of of('open').slice(0, 2)) await alice.post(at(id, 'decide'), answer())
  for (const { id } of of('completed')) {
    await alice.get(at(id))
    await house.agent.post(at(id, 'outcome'), { status: 'failed' })
  }
  await expectSame(house)
  await fold(house)
  expect((await alice.delete(at(of('completed')[0].id))).status).toBe(204)
  await house.clock.advance('49h')
  await house.runJobs()
  await happen(house)
  await expectSame(house)
  await fold(house)
  await fold(house)
  await expectSame(house)
})

test('T161 T18 days that have ended are counted once: their rows are not read again, and each caller counts what they reach', async () => {
  const house = await setup()
  const other = await house.given.agent({ name: 'other' })
  const ids: string[] = []
  for (const by of [house.agent, house.agent, other]) {
    const { id } = await house.given.task({ ...REFUND, timeout_seconds: 3_600, reminders: [] }, by)
    await house.alice.post(at(id, 'decide'), answer())
    ids.push(id)
  }
  await house.clock.advance('3d')
  await fold(house)
  const alice = await reader(house)
  const wanted = await figures(alice)('?by=agent')
  // The rows as nobody would have counted them: whoever reads them now sees something else.
  await house.admin
    .run`update tasks set outcome = 'denied', created_at = created_at - interval '700 days' where id = any(${ids}::text[])`
  const now = await figures(alice)('?by=agent')
  expect({ ...now, backlog: null }).toEqual({ ...wanted, backlog: null })
  expect(now.totals).toMatchObject({ created: 3, answered: 3 })
  expect((await figures(house.agent)('')).totals.created).toBe(2)
  expect((await figures(other)('?by=agent')).groups).toMatchObject([{ key: other.id, tasks: 1 }])
  expect((await figures(house.viewer)('')).totals.created).toBe(3)
  expect((await figures(house.stranger)('')).totals.created).toBe(0)
})

test('T161 two processes that fold at once count nothing twice; rollups of another cluster are made anew', async () => {
  const house = await setup()
  for (let i = 0; i < 5; i++) {
    const { id } = await house.given.task(REFUND)
    await house.alice.post(at(id, 'decide'), answer())
  }
  await Promise.all([fold(house), fold(house), fold(house)])
  const sums = () => house.admin.one<{ n: number }>`
    select coalesce(sum(answered), 0)::int as n from task_rollups where span = 'hour' and facet = 'all'`
  expect((await sums()).n).toBe(5)
  await house.admin.run`update task_rollup_marks set xid = '9000000000000000000'::xid8`
  expect((await figures(house.alice)('')).totals.answered).toBe(5)
  await fold(house)
  expect((await sums()).n).toBe(5)
  const { ahead } = await house.admin.one<{ ahead: boolean }>`
    select bool_or(xid > pg_snapshot_xmin(pg_current_snapshot())) as ahead from task_rollup_marks`
  expect(ahead).toBe(false)
})
