// Content of tasks while keys are rotated under load, and rows that somebody moved (T154): no call fails, everything opens afterwards under the new keys, and an
// envelope in another row opens nowhere.
import { expect, test } from 'vitest'
import { type House, type Person, setup } from '#harness'
import { elsewhere } from '../../packages/server/src/tasks/tasks.fixture.ts'

const QUESTION = {
  task: 'May it go on?',
  description: 'before',
  response_schema: { type: 'object', properties: { approve: { type: 'boolean' } }, required: ['approve'] },
  timeout_seconds: 3_600,
}
const YES = { type: 'respond', response: { approve: true }, comment: 'said', seen_revision: 1 }
const at = (id: unknown, act = '') => `/api/v1/tasks/${id}${act}`

async function hostOf(house: House): Promise<Person> {
  const host = await house.given.user({ role: 'owner', displayName: 'Hanna Host' })
  await house.admin.run`insert into hosts (user_id, since) values (${host.id}, now())`
  return host
}

test('T154 content follows root and tenant keys to their next versions while tasks are asked, read and answered: no call fails and all of it opens', {
  timeout: 90_000,
}, async () => {
  const house = await setup({
    settings: { LIMITS: 'api.key=1000000/1m+100000,api.user=1000000/1m+100000,api.tenant=1000000/1m+100000' },
  })
  const host = await hostOf(house)
  const second = await house.second()
  const everyone = () => Promise.all(house.rings.map((ring) => ring.refresh()))
  const odd: string[] = []
  const told = new Map<string, number>()
  const load = { isOver: false }
  const note = (what: string, wanted: number, answer: { status: number; body: { code?: string } }) => {
    if (answer.status !== wanted) odd.push(`${what}: ${answer.status} ${answer.body?.code ?? ''}`)
  }
  // Some at each process, each with its own content, read back at the other one.
  const rounds = [house.url, second.url].flatMap((url, side) =>
    [0, 1].map(async (n) => {
      const [agent, person] = [house.agent.at(url), elsewhere(house.alice, side === 0 ? second : house)]
      for (let i = 0; !load.isOver; i++) {
        const number = i * 4 + side * 2 + n
        const made = await agent.post('/api/v1/tasks', { ...QUESTION, payload: { number } })
        note('create', 201, made)
        const { id } = made.body
        const seen = await person.get(at(id))
        note('read', 200, seen)
        if (seen.body.payload?.number !== number) odd.push(`payload of ${id}: ${JSON.stringify(seen.body.payload)}`)
        note('decide', 200, await person.post(at(id, '/decide'), YES))
        note('comment', 201, await person.post(at(id, '/comments'), { body: `about ${number}` }))
        told.set(id, number)
      }
    }),
  )
  const enough = (n: number) => expect.poll(() => told.size + odd.length, { timeout: 60_000 }).toBeGreaterThanOrEqual(n)
  await enough(8)
  expect((await host.post('/api/v1/keyring/versions')).status).toBe(201)
  await everyone()
  expect((await host.post('/api/v1/keyring/versions/2/promote')).status).toBe(204)
  await everyone()
  const run = await host.post('/api/v1/keyring/rewraps', {})
  expect([run.status, run.body.state]).toEqual([202, 'waiting'])
  await house.runJobs()
  const before = told.size
  await enough(before + 8)
  load.isOver = true
  await Promise.all(rounds)
  // What was sealed while the first pass ran has its turn in a second one.
  await host.post('/api/v1/keyring/rewraps', {})
  await house.runJobs()
  expect(odd).toEqual([])
  const { failed, state } = (await host.get(`/api/v1/keyring/rewraps/${run.body.id}`)).body
  expect({ failed, state }).toEqual({ failed: 0, state: 'finished' })
  for (const [id, number] of told) {
    const { body } = await house.alice.get(at(id))
    expect([body.payload, body.response, body.decisions[0].comment]).toEqual([{ number }, { approve: true }, 'said'])
    expect((await house.alice.get(at(id, '/comments'))).body.data[0].body).toBe(`about ${number}`)
  }
  const versions = await house.admin.rows<{
    root_version: number
  }>`select distinct root_version from tenant_keys where wrapped is not null`
  expect(versions.every(({ root_version }) => root_version === 2)).toBe(true)
})

test('T154 T7 T167 an envelope that was copied to another column, task or tenant does not open; that task says so and the others are well', async () => {
  const house = await setup()
  const make = async (number: number) => (await house.agent.post('/api/v1/tasks', { ...QUESTION, payload: { number } })).body.id
  const [one, two, three] = [await make(1), await make(2), await make(3)]
  const stranger = await house.stranger.person()
  const foreign = await stranger.post('/api/v1/tasks', { ...QUESTION, payload: { number: 5 } })
  expect(foreign.status).toBe(201)
  const move = (from: string, to: string) =>
    house.admin.run`update tasks set payload = (select payload from tasks where id = ${from}::text) where id = ${to}::text`
  await move(one, two)
  await move(one, foreign.body.id)
  await house.admin.run`update tasks set payload = description where id = ${three}::text`
  const UNREADABLE = { _unreadable: true }
  const seen = async (id: string, by = house.alice) => (await by.get(at(id))).body.payload
  expect(await seen(one)).toEqual({ number: 1 })
  expect([await seen(two), await seen(three)]).toEqual([UNREADABLE, UNREADABLE])
  expect(await seen(foreign.body.id, stranger)).toEqual(UNREADABLE)
  const list = await house.alice.get('/api/v1/tasks?include=payload')
  expect(list.status).toBe(200)
  expect(list.body.data.find((task: { id: string }) => task.id === one).payload).toEqual({ number: 1 })
})
