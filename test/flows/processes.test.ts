// Two real processes over one database behave as one, and one of them outlives its database. What a room promises of two processes is proved in the room; here
// stands what a person or an agent would notice.
import { Countersign } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { type Answer, type Client, clientOf } from '../harness/client.ts'
import { openInstallation, openWithOutage, type Process } from '../harness/installation.ts'

const TASK = {
  task: 'May it go on?',
  payload: { amount: 40 },
  response_schema: { type: 'object', properties: { approve: { type: 'boolean' } }, required: ['approve'] },
  timeout_seconds: 3_600,
}
const YES = { type: 'respond', response: { approve: true }, seen_revision: 1 }
const at = (id: unknown, act = '') => `/api/v1/tasks/${id}${act}`

/** What a stream says, and when it ended. */
async function follow(client: Client, path: string) {
  const response = await client.raw(path)
  expect(response.status).toBe(200)
  const heard = { text: '', isOver: false }
  const read = async () => {
    const decoder = new TextDecoder()
    for await (const chunk of response.body as ReadableStream<Uint8Array>) heard.text += decoder.decode(chunk, { stream: true })
  }
  // A connection that is cut is over too.
  read()
    .catch(() => undefined)
    .finally(() => {
      heard.isOver = true
    })
  return heard
}

const since = (begun: number) => Math.round(performance.now() - begun)
const soon = { timeout: 20_000, interval: 5 }
const statuses = (answers: Answer[]) =>
  Object.fromEntries(
    [...new Set(answers.map(({ status }) => status))]
      .sort()
      .map((status) => [status, answers.filter((one) => one.status === status).length]),
  )

test('T28 T35 P27 P71 P77 two processes behave as one: wake-ups, streams, deadlines, races, replays, limits, revocations', {
  timeout: 60_000,
}, async () => {
  const house = await openInstallation({ servers: 2, env: { COUNTERSIGN_LIMITS: 'invite.tenant=5,api.tenant=100000/1m+10000' } })
  const [first, second] = house.servers as [Process, Process]
  const bearer = await house.agentKey('twin')
  const agents = [clientOf(first.url, { bearer }), clientOf(second.url, { bearer })] as const
  const here = await house.owner(first)
  const there = clientOf(second.url, { cookie: here.credential.cookie })
  const [ask, wait] = agents
  const both = (n: number) => Array.from({ length: n }, (_, i) => (i % 2 ? there : here))

  // Deadlines run beside everything else.
  const due: string[] = []
  for (let n = 0; n < 40; n++)
    due.push((await agents[n % 2 ? 1 : 0].post('/api/v1/tasks', { ...TASK, timeout_seconds: 5, tags: ['due'] })).body.id)

  // A wait and a stream at one process hear of an answer given at the other.
  const { id } = (await ask.post('/api/v1/tasks', TASK)).body
  const stream = await follow(wait, at(id, '/stream'))
  const poll = wait.get(at(id, '/poll?timeout=25'))
  const settled = here.post(at(id, '/decide'), YES).then(() => performance.now())
  expect((await poll).body).toMatchObject({ status: 'completed', response: { approve: true } })
  const woken = Math.round(performance.now() - (await settled))
  await expect.poll(() => stream.text, soon).toContain('event: task.completed')
  expect(woken).toBeLessThan(1_000)

  // Of many who answer at once one decides; of equal creates one inserts; of equal calls one has the effect.
  const raced = (await ask.post('/api/v1/tasks', TASK)).body.id
  expect(statuses(await Promise.all(both(10).map((one) => one.post(at(raced, '/decide'), YES))))).toEqual({ 200: 1, 409: 9 })
  const same = await Promise.all(
    Array.from({ length: 20 }, (_, i) => agents[i % 2 ? 1 : 0].post('/api/v1/tasks', { ...TASK, idempotency_key: 'same' })),
  )
  expect(new Set(same.map(({ body }) => body.id)).size).toBe(1)
  expect(statuses(same)).toEqual({ 200: 19, 201: 1 })
  const keyed = await Promise.all(
    both(20).map((one) => one.post('/api/v1/agents', { name: 'once' }, { 'idempotency-key': 'once' })),
  )
  expect(new Set(keyed.filter(({ status }) => status === 201).map(({ body }) => body.id)).size).toBe(1)
  expect(keyed.filter(({ status, body }) => status !== 201 && body.code !== 'idempotency_in_flight')).toEqual([])
  const replayed = await there.post('/api/v1/agents', { name: 'once' }, { 'idempotency-key': 'once' })
  expect([replayed.status, replayed.headers.get('idempotency-replayed')]).toEqual([201, 'true'])

  // A limit is one limit.
  const invited = await Promise.all(
    both(16).map((one, i) => one.post('/api/v1/invitations', { email: `p${i}@example.com`, role: 'member' })),
  )
  expect(statuses(invited)).toEqual({ 201: 5, 429: 11 })

  // What ended at one is over at the other: a key and what it holds open, a session and its stream.
  const held = await follow(wait, '/api/v1/tasks/stream')
  const [key] = (await here.get('/api/v1/keys?kind=agt')).body.data.filter(
    (one: { last_used_at: string | null }) => one.last_used_at,
  )
  const other = await house.owner(second)
  const watching = await follow(there, '/api/v1/events/stream')
  expect((await other.post(`/api/v1/keys/${key.id}/revoke`)).status).toBe(204)
  let begun = performance.now()
  expect([(await ask.get('/api/v1/tasks')).body.code, (await wait.get('/api/v1/tasks')).body.code]).toEqual([
    'key_revoked',
    'key_revoked',
  ])
  await expect.poll(() => held.isOver, soon).toBe(true)
  const keyGone = since(begun)
  begun = performance.now()
  expect((await here.post('/api/v1/auth/logout')).status).toBe(204)
  expect((await there.get('/api/v1/me')).status).toBe(401)
  await expect.poll(() => watching.isOver, soon).toBe(true)
  const sessionGone = since(begun)
  expect(Math.max(keyGone, sessionGone)).toBeLessThan(2_000)

  // Each deadline was acted upon once, by whichever process.
  const open = "select count(*)::int as n from tasks where 'due' = any (tags) and status = 'open'"
  await expect.poll(async () => (await house.look<{ n: number }>(open))[0]?.n, { timeout: 20_000, interval: 50 }).toBe(0)
  const ends = await house.look<{ ms: number; n: number }>(`
      select (extract(epoch from timed_out_at - deadline_at) * 1000)::float8 as ms,
        (select count(*)::int from events e where e.resource_id = t.id and e.type = 'task.timed_out') as n
      from tasks t where 'due' = any (tags) order by ms`)
  expect(ends.map(({ n }) => n)).toEqual(due.map(() => 1))
  const late = { median: Math.round(ends[20]?.ms ?? Number.NaN), most: Math.round(ends.at(-1)?.ms ?? Number.NaN) }
  expect(ends[0]?.ms).toBeGreaterThanOrEqual(0)
  // The goal of 250 ms is measured by bench/; here two processes, a database and other tests share two cores.
  expect(late.most).toBeLessThan(2_000)
  process.stdout.write(
    `processes: woken ${woken} ms, key gone ${keyGone} ms, session gone ${sessionGone} ms, deadlines late ${late.median} ms (median), ${late.most} ms (most)\n`,
  )
})

test('§10.2 PostgreSQL away: the API answers 503 with Retry-After, alive and not ready; waits and streams stay; and all goes on without a restart within 5 s of its return', {
  timeout: 60_000,
}, async () => {
  const house = await openWithOutage({ servers: 1 })
  const [server] = house.servers as [Process]
  const bearer = await house.agentKey('patient')
  const agent = clientOf(server.url, { bearer })
  const owner = await house.owner(server)
  const nobody = clientOf(server.url)
  const status = async (path: string) => (await nobody.get(path)).status
  const { id } = (await agent.post('/api/v1/tasks', TASK)).body
  const stream = await follow(owner, at(id, '/stream'))
  const answered = new Countersign({ url: server.url, key: bearer }).tasks.poll(
    id,
    { timeout: 30 },
    { patience: () => Number.POSITIVE_INFINITY },
  )
  await expect.poll(() => status('/readyz'), soon).toBe(200)
  const { as_of } = (await nobody.get('/status.json')).body

  await house.outage.begin()
  for (const gone of [
    await owner.get('/api/v1/me'),
    await agent.get(at(id)),
    await agent.post('/api/v1/tasks', TASK, { 'idempotency-key': 'k' }),
    await owner.post(at(id, '/decide'), YES),
    await nobody.post('/api/v1/auth/login', { login: 'olga@example.com', password: 'x' }),
  ]) {
    expect([gone.status, gone.body.code, gone.headers.get('content-type')]).toEqual([
      503,
      'store_unavailable',
      'application/problem+json',
    ])
    expect(Number(gone.headers.get('retry-after'))).toBeGreaterThan(0)
  }
  await expect.poll(() => status('/readyz'), soon).toBe(503)
  expect(await status('/livez')).toBe(200)
  expect(stream.isOver).toBe(false)
  // A39: the page goes on telling, of before and of the outage.
  // What it told is kept for a second.
  await expect.poll(async () => (await nobody.get('/status.json')).body.status, soon).toBe('outage')
  const page = await nobody.get('/status.json')
  expect([page.status, page.body.away_since !== null]).toEqual([200, true])
  expect(Date.parse(page.body.as_of)).toBeGreaterThanOrEqual(Date.parse(as_of))
  expect([await status('/status'), await status('/health')]).toEqual([200, 503])

  await house.outage.end()
  const begun = performance.now()
  await expect.poll(async () => (await owner.get('/api/v1/me')).status, soon).toBe(200)
  const served = since(begun)
  await expect.poll(() => status('/readyz'), soon).toBe(200)
  const ready = since(begun)
  expect((await owner.post(at(id, '/decide'), YES)).status).toBe(200)
  expect(await answered).toMatchObject({ status: 'completed', response: { approve: true } })
  await expect.poll(() => stream.text, soon).toContain('event: task.completed')
  const told = since(begun)
  expect(server.died).toBeNull()
  expect(Math.max(served, ready)).toBeLessThan(5_000)
  process.stdout.write(`outage: served again after ${served} ms, ready after ${ready} ms, stream told after ${told} ms\n`)
})
