import { expect, test } from 'vitest'
import { setup } from '#harness'
import { answer, errorsOf, REFUND } from '../tasks.fixture.ts'

const list = '/api/v1/tasks'

async function given() {
  const house = await setup()
  const other = await house.given.agent({ name: 'other-bot' })
  const ask = (more: object, by = house.agent) => house.given.task({ ...REFUND, ...more }, by)
  const one = await ask({
    task: 'Refund order 1042',
    tags: ['money'],
    priority: 'low',
    timeout_seconds: 300,
    idempotency_key: 'k-1',
  })
  await house.clock.advance('1s')
  const two = await ask({
    task: 'Ship the parcel',
    tags: ['ship', 'money'],
    priority: 'urgent',
    timeout_seconds: 100,
    assign_to: { user_id: house.bob.id },
  })
  await house.clock.advance('1s')
  const three = await ask({ task: 'Écrire à la cliente', priority: 'high', timeout_seconds: 200 }, other)
  await house.alice.post(`${list}/${one.id}/decide`, answer())
  const names = new Map([
    [one.id, 'one'],
    [two.id, 'two'],
    [three.id, 'three'],
  ])
  const seen = async (query: string, by: { get(path: string): Promise<{ body: { data: { id: string }[] } }> } = house.alice) =>
    (await by.get(`${list}?${query}`)).body.data.map((row) => names.get(row.id))
  return { house, other, one, two, three, seen }
}

test('T55 every filter narrows, and the sorts put first what needs doing first', async () => {
  const { house, other, seen, two } = await given()
  expect(await seen('')).toEqual(['three', 'two', 'one'])
  expect(await seen('order=asc')).toEqual(['one', 'two', 'three'])
  expect(await seen('sort=deadline')).toEqual(['two', 'three', 'one'])
  expect(await seen('sort=priority')).toEqual(['two', 'three', 'one'])
  expect(await seen('sort=updated')).toEqual(['one', 'three', 'two'])
  expect(await seen('status=open')).toEqual(['three', 'two'])
  expect(await seen('status=open,completed&outcome=answered')).toEqual(['one'])
  expect(await seen('status=open&status=completed')).toEqual(['three', 'two', 'one'])
  expect(await seen(`assigned_to=${house.bob.id}`)).toEqual(['two'])
  expect(await seen(`assigned_to=${house.bob.email.toUpperCase()}`)).toEqual(['two'])
  expect(await seen('assigned_to=bo')).toEqual(['two'])
  expect(await seen('assigned_to=b%25')).toEqual([])
  expect(await seen('unassigned=true')).toEqual(['three', 'one'])
  expect(await seen('unassigned=false')).toEqual(['two'])
  expect(await seen('mine=true', house.bob)).toEqual(['three', 'two', 'one'])
  expect(await seen('mine=true')).toEqual(['three', 'one'])
  expect(await seen(`agent_id=${other.id}`)).toEqual(['three'])
  expect(await seen('origin=user')).toEqual([])
  expect(await seen('tag=money')).toEqual(['two', 'one'])
  expect(await seen('priority=high')).toEqual(['three'])
  expect(await seen('idempotency_key=k-1')).toEqual(['one'])
  expect(await seen('q=ref+ord')).toEqual(['one'])
  expect(await seen('q=ecri')).toEqual([])
  expect(await seen(`q=${encodeURIComponent('écri')}`)).toEqual(['three'])
  expect(await seen(`q=${encodeURIComponent("a' & !b | :*")}`)).toEqual([])
  const created = (two as unknown as { created_at: string }).created_at
  expect(await seen(`created_after=${created}`)).toEqual(['three', 'two'])
  expect(await seen(`created_before=${created}`)).toEqual(['one'])
  expect(await seen(`deadline_before=${new Date(Date.parse(created) + 150_000).toISOString()}`)).toEqual(['two'])
})

test('T18 filters never widen: an agent sees its own tasks, a reviewer those they were asked, whatever is sent', async () => {
  const { house, other, seen, two } = await given()
  expect(await seen('', other)).toEqual(['three'])
  expect(await seen(`agent_id=${house.agent.id}`, other)).toEqual([])
  expect(await seen(`assigned_to=${house.bob.id}`, house.reviewer)).toEqual([])
  expect(await seen('unassigned=true&status=open', house.reviewer)).toEqual([])
  const reviewer = await house.reviewer.person()
  const asked = await house.given.task({ ...REFUND, assign_to: { emails: [reviewer.email, house.bob.email] } })
  expect((await house.reviewer.get(list)).body.data.map((row: { id: string }) => row.id)).toEqual([asked.id])
  expect(await seen('', house.auditor)).toEqual([undefined, 'three', 'two', 'one'])
  expect((await house.stranger.get(list)).body.data).toEqual([])
  // A member's list: what their own agents asked.
  const owner = await house.member.person()
  const bot = await house.given.agent({ owner })
  const own = await house.given.task(REFUND, bot)
  expect((await owner.get(list)).body.data.map((row: { id: string }) => row.id)).toEqual([own.id])
  expect((await owner.get(`${list}/${own.id}`)).body.may).toEqual(['decide', 'claim', 'comment', 'send_back', 'cancel', 'update'])
  expect(two.id).toMatch(/^task_/)
})

test('T55 pages follow one another without loss or repetition in every sort, also while tasks come in', async () => {
  const house = await setup()
  for (let i = 0; i < 12; i++)
    await house.given.task({ ...REFUND, priority: ['low', 'high'][i % 2], timeout_seconds: 100 + (i % 3) })
  for (const sort of ['created', 'deadline', 'priority', 'updated']) {
    const ids: string[] = []
    let cursor: string | null = null
    const before = (await house.alice.get(`${list}?sort=${sort}&limit=200`)).body.data.map((row: { id: string }) => row.id)
    do {
      const { body } = await house.alice.get(`${list}?sort=${sort}&limit=5${cursor ? `&cursor=${cursor}` : ''}`)
      ids.push(...body.data.map((row: { id: string }) => row.id))
      cursor = body.next_cursor
      await house.given.task({ ...REFUND, priority: 'low', timeout_seconds: 400 })
    } while (cursor && ids.length < 60)
    expect(new Set(ids).size).toBe(ids.length)
    expect(before.filter((id: string) => !ids.includes(id))).toEqual([])
  }
})

test('T166 a cursor that is tampered with, of another filter, caller or route is 400; bad filters are 422', async () => {
  const { house, other } = await given()
  const { next_cursor } = (await house.alice.get(`${list}?limit=1`)).body
  const code = async (query: string, by = house.alice as { get: typeof house.alice.get }) => {
    const { status, body } = await by.get(`${list}?${query}`)
    return `${status} ${body.code} ${errorsOf(body)}`.trim()
  }
  expect(await code(`limit=1&cursor=${next_cursor.slice(0, -2)}AA`)).toBe('400 cursor_invalid')
  expect(await code(`limit=1&status=open&cursor=${next_cursor}`)).toBe('400 cursor_invalid')
  expect(await code(`limit=1&cursor=${next_cursor}`, house.bob)).toBe('400 cursor_invalid')
  expect(await code(`limit=1&cursor=${next_cursor}`, other)).toBe('400 cursor_invalid')
  expect(await code('limit=0')).toBe('422 validation_failed limit too_small')
  expect(await code('limit=201')).toBe('422 validation_failed limit too_large')
  expect(await code('status=created')).toBe('422 validation_failed status not_offered')
  expect(await code('sort=size')).toBe('422 validation_failed sort not_offered')
  expect(await code('created_after=yesterday')).toBe('422 validation_failed created_after format')
  expect(await code('unknown=1')).toBe('422 validation_failed unknown unknown')
})
