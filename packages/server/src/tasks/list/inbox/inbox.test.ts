// The views of an inbox against what they mean, over tasks at random; and what a page of them reads.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type House, setup } from '#harness'
import { systemScope } from '../../../db/scope.ts'
import type { Sql } from '../../../db/sql.ts'
import { type Tx, tx } from '../../../db/tx.ts'
import { EVERY } from '../../sql.ts'
import { REFUND } from '../../tasks.fixture.ts'
import { inboxPage } from './sql.ts'
import { viewOf } from './view.ts'

const WORDS = ['open', 'returned', 'revising', 'completed', 'cancelled']

/** The same row of numbers in every run. */
function dice(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((state / 2_147_483_648) * below)
  }
}

const NOBODY = `usr_${'0'.repeat(26)}`

type Row = {
  id: string
  status: string
  deadline_at: Date
  asked: string[]
  assigned_to_user_id: string | null
  assigned_to_email: string | null
}

const tenantOf = (house: House) =>
  house.admin.one<{ tenant_id: string }>`select tenant_id from roles where user_id = ${house.alice.id}`

/** One statement for all of them: `given` is what differs. */
const insert = (house: House, tenantId: string, given: object[]) =>
  house.admin.query(
    `insert into tasks (id, tenant_id, origin, created_by, asker, key_reuse, task, response_schema, deadline_at, asked, assigned_to_user_id,
       assigned_to_email, callback_mode, created_at, updated_at, opened_at, status, cancelled_at, completed_at, outcome, returned_at, revising_at)
     select 'task_' || lpad(g.n::text, 26, '0'), $1::uuid, 'agent', 'agt_x', 'agt_x', 'forever', 'One of many', '{}',
       now() + g.due * interval '1 minute', g.asked, g.holder, g.address, 'standard', now(), now(), now(), g.status,
       case when g.status = 'cancelled' then now() end, case when g.status = 'completed' then now() end,
       case when g.status = 'completed' then 'answered' end, now(), now()
     from json_to_recordset($2::json) as g (n integer, due integer, asked text[], holder text, address text, status text)`,
    [tenantId, JSON.stringify(given)],
  )

test('T158 T18 each view answers what it means, for every person, order and page, whatever became of the tasks since they were asked', {
  timeout: 120_000,
}, async () => {
  const house = await setup()
  const roll = dice(158)
  const { tenant_id } = await tenantOf(house)
  const reviewer = await house.reviewer.person()
  const pools = await Promise.all(
    [[house.bob.id], [house.bob.id, reviewer.id], [house.alice.id]].map(
      async (members, i) => (await house.alice.post('/api/v1/pools', { name: `Pool ${i}`, members })).body.id as string,
    ),
  )
  const people = [house.alice, house.bob, reviewer]
  const names = [
    ...people.flatMap(({ id, email }) => [id, email]),
    ...pools.map((id) => `pool:${id}`),
    'pool:default',
    'x@example.com',
  ]
  const some = () => [...new Set(Array.from({ length: 1 + roll(3) }, () => names[roll(names.length)] as string))]
  const holder = () => [null, null, null, house.alice.id, house.bob.id, reviewer.id, NOBODY][roll(7)]
  const address = () => [null, null, 'x@example.com'][roll(3)]
  const given = Array.from({ length: 300 }, (_, n) => ({
    ...{ n, due: 1 + roll(60), asked: some(), holder: holder(), address: address(), status: WORDS[roll(4) === 0 ? roll(5) : 0] },
  }))
  await insert(house, tenant_id, given)
  // What became of them: another holder, other people, a later deadline, back and forth, an end.
  for (let i = 0; i < 120; i++) {
    const set = [
      `assigned_to_user_id = ${['null', `'${house.bob.id}'`, `'${reviewer.id}'`][roll(3)]}`,
      `assigned_to_email = ${['null', `'x@example.com'`][roll(2)]}`,
      `asked = array['${some().join("', '")}']`,
      `deadline_at = deadline_at + interval '${roll(9)} minutes'`,
      `status = '${['open', 'returned', 'revising'][roll(3)]}', completed_at = null, cancelled_at = null, outcome = null`,
      `status = 'cancelled', cancelled_at = now(), completed_at = null, outcome = null`,
    ][roll(6)]
    await house.admin.query(`update tasks set ${set} where id = 'task_' || lpad('${roll(300)}', 26, '0')`)
  }

  const rows = (
    await house.admin.query('select id, status, deadline_at, asked, assigned_to_user_id, assigned_to_email from tasks')
  ).rows as Row[]
  const isOpen = ({ status }: Row) => status === 'open' || status === 'returned'
  const meant: Record<string, (row: Row, id: string, keys: string[]) => boolean> = {
    'status=open,returned&mine=true': (row, id, keys) =>
      isOpen(row) &&
      (row.assigned_to_user_id === id || (row.assigned_to_user_id === null && row.asked.some((key) => keys.includes(key)))),
    'status=returned&mine=true': (row, id, keys) =>
      row.status === 'returned' &&
      (row.assigned_to_user_id === id || (row.assigned_to_user_id === null && row.asked.some((key) => keys.includes(key)))),
    'claimable=true': (row, _, keys) =>
      isOpen(row) &&
      row.assigned_to_user_id === null &&
      row.assigned_to_email === null &&
      row.asked.some((key) => keys.includes(key)),
    'status=open,returned&team=true': (row, _, keys) =>
      isOpen(row) && row.asked.some((key) => key.startsWith('pool:') && keys.includes(key)),
    'status=open,returned&team=true&mine=true': (row, id, keys) =>
      isOpen(row) &&
      row.asked.some((key) => key.startsWith('pool:') && keys.includes(key)) &&
      (row.assigned_to_user_id === id || (row.assigned_to_user_id === null && row.asked.some((key) => keys.includes(key)))),
    'status=open,revising&team=true': (row, _, keys) =>
      ['open', 'revising'].includes(row.status) && row.asked.some((key) => key.startsWith('pool:') && keys.includes(key)),
  }
  const own = [
    [`pool:${pools[2]}`, 'pool:default'],
    [`pool:${pools[0]}`, `pool:${pools[1]}`, 'pool:default'],
    [`pool:${pools[1]}`],
  ]
  for (const [i, person] of people.entries()) {
    const keys = [person.id, person.email, ...(own[i] as string[])]
    for (const [query, holds] of Object.entries(meant)) {
      const expected = rows.filter((row) => holds(row, person.id, keys))
      const byDue = expected
        .sort((a, b) => a.deadline_at.getTime() - b.deadline_at.getTime() || (a.id < b.id ? -1 : 1))
        .map(({ id }) => id)
      expect(expected.length, query).toBeGreaterThan(0)
      expect(await pages(person, `${query}&sort=deadline`, 7), query).toEqual(byDue)
      expect(await pages(person, `${query}&sort=deadline&order=desc`, 40), query).toEqual(byDue.toReversed())
      expect(await pages(person, `${query}&sort=created`, 40), query).toEqual(byDue.toSorted().toReversed())
      expect((await pages(person, `${query}&sort=priority`, 40)).toSorted(), query).toEqual(byDue.toSorted())
    }
    const many = (query: string) => rows.filter((row) => meant[query]?.(row, person.id, keys)).length
    expect((await person.get('/api/v1/tasks/counts')).body).toMatchObject({
      mine: many('status=open,returned&mine=true'),
      claimable: many('claimable=true'),
      team: many('status=open,returned&team=true'),
    })
  }
  // The rows that the views are read from are those of what is open, and no others.
  const { left } = await house.admin.one<{ left: number }>`
    select count(*)::int as left from (
      (select asked_key, hold, due_at, task_id from task_inbox except
       select distinct k, hold_of(assigned_to_user_id, assigned_to_email), deadline_at, id from tasks, unnest(asked) k where status in ('open', 'returned'))
      union all
      (select distinct k, hold_of(assigned_to_user_id, assigned_to_email), deadline_at, id from tasks, unnest(asked) k where status in ('open', 'returned')
       except select asked_key, hold, due_at, task_id from task_inbox)) as differing`
  expect(left).toBe(0)
})

test('T158 T55 pages of a view follow one another without loss or repetition while tasks come, are claimed and end', async () => {
  const house = await setup()
  const made: string[] = []
  for (let i = 0; i < 12; i++) made.push((await house.given.task({ ...REFUND, timeout_seconds: 3_600 + i * 60 })).id)
  const query = 'claimable=true&sort=deadline'
  const first = (await house.alice.get(`/api/v1/tasks?${query}&limit=5`)).body
  expect(first.data.map(({ id }: { id: string }) => id)).toEqual(made.slice(0, 5))
  // Before the place of the page: nothing of it moves what follows. After it: gone, and come.
  await house.alice.post(`/api/v1/tasks/${made[1]}/claim`, {})
  await house.given.task({ ...REFUND, timeout_seconds: 600 })
  await house.bob.post(`/api/v1/tasks/${made[6]}/claim`, {})
  await house.agent.post(`/api/v1/tasks/${made[8]}/cancel`, {})
  const later = await house.given.task({ ...REFUND, timeout_seconds: 3_600 + 9 * 60 + 30 })
  const rest = await pages(house.alice, query, 5, first.next_cursor)
  expect(rest).toEqual([made[5], made[7], made[9], later.id, made[10], made[11]])
})

test('T158 what was open before there were rows of inboxes has its rows once the migration has run, of every tenant', async () => {
  const house = await setup()
  const free = await house.given.task(REFUND)
  const held = await house.given.task(REFUND)
  await house.alice.post(`/api/v1/tasks/${held.id}/claim`, {})
  const over = await house.given.task(REFUND)
  await house.agent.post(`/api/v1/tasks/${over.id}/cancel`, {})
  const rows = async () =>
    (await house.admin.query('select * from task_inbox order by asked_key, tenant_id, hold, due_at, task_id')).rows
  const kept = await rows()
  expect(new Set(kept.map(({ task_id }) => task_id))).toEqual(new Set([free.id, held.id]))
  const [, backfill] =
    /(alter table countersign\.tasks no force.*?alter table countersign\.tasks force row level security;)/s.exec(
      readFileSync(new URL('../../../../migrations/0177_inbox.sql', import.meta.url), 'utf8'),
    ) ?? []
  if (backfill === undefined) throw new Error('The migration fills in what is open.')
  // As the owner of the tables, who is held to no tenant's rows for that one statement; `task_inbox` itself was not under that rule yet.
  await house.admin.query('delete from task_inbox')
  await house.admin.query(`begin; alter table task_inbox no force row level security; set local role countersign_owner; ${backfill} reset role;
    alter table task_inbox force row level security; commit`)
  expect(await rows()).toEqual(kept)
})

test('T165 T169 a page of each view reads as many rows as it shows, however many others have to do', async () => {
  const house = await setup()
  const { tenant_id } = await tenantOf(house)
  // 4,000 of others, of which half are asked of alice's pool and held; hers are the last of all.
  const others = Array.from({ length: 4_000 }, (_, n) => ({
    n,
    due: 1 + n,
    asked: n % 2 === 0 ? ['usr_other', 'o@example.com'] : ['pool:default', 'usr_other'],
    holder: n % 2 === 0 ? null : 'usr_other',
    address: null,
    status: 'open',
  }))
  const hers = Array.from({ length: 60 }, (_, n) => ({
    n: 5_000 + n,
    due: 6_000 + n,
    asked: ['pool:default', house.alice.id],
    holder: n % 3 === 0 ? house.alice.id : null,
    address: null,
    status: 'open',
  }))
  await insert(house, tenant_id, [...others, ...hers])
  await house.admin.query('analyze tasks, task_inbox')
  const scope = { ...systemScope('test', tenant_id), userId: house.alice.id }
  const asker = { id: house.alice.id, keys: [house.alice.id, house.alice.email, 'pool:default'] } as never
  for (const by of [{ mine: true }, { claimable: true }, { team: true }]) {
    const view = viewOf(scope, asker, { ...by, status: ['open', 'returned'] })
    if (view === null) throw new Error('This is a view of an inbox.')
    const read = await rowsRead(house, scope, inboxPage(scope, EVERY, view, { order: 'asc', after: null, limit: 21 }))
    // At most a page for each name and way of holding, and once more where the task itself is looked at.
    expect(read, JSON.stringify(by)).toBeLessThanOrEqual(21 * 2 * (view.keys.length * view.holds.length + 1))
    expect(read, JSON.stringify(by)).toBeGreaterThan(20)
  }
})

async function pages(
  person: { get(path: string): Promise<{ status: number; body: { data: { id: string }[]; next_cursor: string | null } }> },
  query: string,
  limit: number,
  from: string | null = null,
): Promise<string[]> {
  const ids: string[] = []
  let cursor = from
  do {
    const { status, body } = await person.get(`/api/v1/tasks?${query}&limit=${limit}${cursor ? `&cursor=${cursor}` : ''}`)
    expect(status).toBe(200)
    ids.push(...body.data.map(({ id }) => id))
    cursor = body.next_cursor
  } while (cursor && ids.length < 1_000)
  return ids
}

type Node = {
  'Relation Name'?: string
  'Actual Rows': number
  'Actual Loops': number
  'Rows Removed by Filter'?: number
  'Rows Removed by Index Recheck'?: number
  Plans?: Node[]
}

/** Of tables, also those that a filter threw away. */
async function rowsRead(house: House, scope: ReturnType<typeof systemScope>, { text, values }: Sql): Promise<number> {
  const explain = (t: Tx) => t.query(`explain (analyze, timing off, costs off, format json) ${text}`, [...values])
  const { rows } = await tx(house.db, scope, explain, { readOnly: true })
  const sum = (node: Node): number =>
    (node.Plans ?? []).reduce((all, child) => all + sum(child), 0) +
    (node['Relation Name'] === undefined
      ? 0
      : node['Actual Loops'] *
        (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0)))
  return sum(rows[0]['QUERY PLAN'][0].Plan as Node)
}
