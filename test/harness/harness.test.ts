import { expect, test } from 'vitest'
import { database, setup } from '#harness'

test('a house answers, knows its people, and stands alone', async () => {
  const house = await setup()

  expect((await house.nobody.get('/livez')).status).toBe(200)
  expect((await house.alice.get('/api/v1/me')).body).toMatchObject({ id: house.alice.id })
  expect((await house.nobody.get('/api/v1/me')).status).toBe(401)
  expect((await house.viewer.get('/api/v1/me')).body).toMatchObject({ id: (await house.viewer.person()).id })
  expect((await house.stranger.get(`/api/v1/agents/${house.agent.id}`)).status).toBe(404)
  expect(await house.eventTypes()).toEqual([])
})

test('what a person does is an event; what the harness did is not', async () => {
  const house = await setup()

  const made = await house.alice.post('/api/v1/agents', { name: 'second' })
  await house.member.get('/api/v1/me')

  expect(made.status).toBe(201)
  expect(await house.eventTypes()).toEqual(['agent.created'])
})

test('a second process serves the same people from the same database', async () => {
  const house = await setup()
  const second = await house.second()

  expect(second.url).not.toBe(house.url)
  expect((await house.alice.at(second.url).get('/api/v1/me')).body).toMatchObject({ id: house.alice.id })
})

test('a question of the agent is a task, and its jobs run when the test says so', async () => {
  const house = await setup()

  const { id } = await house.given.task({ timeout_seconds: 60 })
  expect((await house.alice.get(`/api/v1/tasks/${id}`)).body).toMatchObject({ id, status: 'open' })
  expect(await house.jobKinds()).not.toEqual([])

  await house.clock.advance('61s')
  await house.runJobs()
  expect((await house.alice.get(`/api/v1/tasks/${id}`)).body).toMatchObject({ id, status: 'timed_out' })
})

test('time moves for the database and the process together, and timers that fell due fire', async () => {
  const { admin, clock } = await database({ listen: false })
  const read = async () => (await admin.one<{ at: Date }>`select countersign.now() as at`).at.getTime()
  const before = await read()
  const fired: string[] = []
  clock.timer(59_000, () => fired.push('first'))
  clock.timer(3_000_000, () => fired.push('second'))
  clock.timer(7_200_000, () => fired.push('never'))

  await clock.advance('1h')

  expect(fired).toEqual(['first', 'second'])
  expect((await read()) - before).toBeGreaterThanOrEqual(3_600_000)
  expect(Math.abs((await read()) - clock.now().getTime())).toBeLessThan(5_000)
})

test('a house leaves no database behind', async () => {
  const house = await setup()
  const { name } = await house.admin.one<{ name: string }>`select current_database()::text as name`
  await house.close()

  const other = await database({ listen: false })
  expect(await other.admin.rows`select 1 from pg_database where datname = ${name}::name`).toEqual([])
})
