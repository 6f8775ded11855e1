// Three real server processes over one database, and the same behind a transaction-mode pooler (T169): creates, waits, deliveries and deadlines are what they are with
// one. How fast they are, `npm run bench -- tasks` measures; here nothing is lost, nothing comes twice, and no wait sleeps through its answer.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { findPgBouncer, openPgBouncer } from '../chaos/pgbouncer.ts'
import { openPooler, type Pooler } from '../chaos/pooler.ts'
import { type Client, clientOf } from '../harness/client.ts'
import { openInstallation } from '../harness/installation.ts'

const TASK = {
  task: 'May it go on?',
  payload: { amount: 40 },
  response_schema: { type: 'object', properties: { approve: { type: 'boolean' } }, required: ['approve'] },
  timeout_seconds: 3_600,
}
const YES = { type: 'respond', response: { approve: true }, seen_revision: 1 }
const at = (id: unknown, act = '') => `/api/v1/tasks/${id}${act}`
/** Of server connections; each process has more clients than that. */
const POOL = 12
const EACH = 20

async function receiver() {
  const got: string[] = []
  const server = createServer(async (request, response) => {
    got.push(JSON.parse(Buffer.concat(await request.toArray()).toString()).task_id)
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  return { got, url: `http://127.0.0.1:${port}/`, port }
}

async function prove(through?: (url: string) => Promise<Pooler>): Promise<void> {
  const there = await receiver()
  const house = await openInstallation({
    servers: 3,
    env: { COUNTERSIGN_EGRESS_ALLOW: `127.0.0.1:${there.port}`, COUNTERSIGN_EGRESS_HTTP: '1' },
    ...(through
      ? {
          async through(url: string) {
            const pooler = await through(url)
            onTestFinished(() => pooler.close())
            return pooler.url
          },
        }
      : {}),
  })
  const bearer = await house.agentKey('trio')
  const agents = house.servers.map(({ url }) => clientOf(url, { bearer }))
  const [first] = house.servers
  const owner = await house.owner(first as (typeof house.servers)[number])
  const people = house.servers.map(({ url }) => clientOf(url, { cookie: owner.credential.cookie }))
  const of = (all: readonly Client[], i: number): Client => all[i % all.length] as Client

  // B1: each create is answered after its own commit, whichever process took it.
  const creates = await Promise.all(
    Array.from({ length: 3 * EACH }, (_, i) =>
      of(agents, i).post('/api/v1/tasks', { ...TASK, callback_url: there.url, callback_mode: 'awaithumans' }),
    ),
  )
  expect(creates.map(({ status }) => status).filter((status) => status !== 201)).toEqual([])
  const ids = creates.map(({ body }) => body.id as string)
  expect(new Set(ids).size).toBe(3 * EACH)

  // B5: deadlines of one moment, made at all three; each is acted upon once.
  const due = await Promise.all(
    Array.from({ length: 3 * EACH }, (_, i) =>
      of(agents, i).post('/api/v1/tasks', { ...TASK, timeout_seconds: 5, tags: ['due'] }),
    ),
  )
  expect(due.every(({ status }) => status === 201)).toBe(true)

  // B2, B3: a wait at one process hears of the answer that came to the next one.
  const waits = ids.map((id, i) => of(agents, i).get(at(id, '/poll?timeout=30')))
  const decided = await Promise.all(ids.map((id, i) => of(people, i + 1).post(at(id, '/decide'), YES)))
  expect(decided.map(({ status }) => status).filter((status) => status !== 200)).toEqual([])
  for (const { status, body } of await Promise.all(waits)) expect([status, body.status]).toEqual([200, 'completed'])

  // B4: one delivery each.
  await expect.poll(() => new Set(there.got).size, { timeout: 30_000 }).toBe(3 * EACH)
  const open = "select count(*)::int as n from tasks where 'due' = any (tags) and status = 'open'"
  await expect.poll(async () => (await house.look<{ n: number }>(open))[0]?.n, { timeout: 30_000, interval: 100 }).toBe(0)
  const ends = await house.look<{ type: string; n: number }>(`
    select type, count(*)::int as n from events where type in ('task.completed', 'task.timed_out') group by 1 order by 1`)
  expect(ends).toEqual([
    { type: 'task.completed', n: 3 * EACH },
    { type: 'task.timed_out', n: 3 * EACH },
  ])
  expect(there.got.sort()).toEqual([...ids].sort())
  for (const { died } of house.servers) expect(died).toBeNull()
}

test(
  'T169 with three server processes every create is kept, every wait hears, every delivery comes once and every deadline is acted upon once',
  {
    timeout: 180_000,
  },
  () => prove(),
)

const pgbouncer = findPgBouncer()
const pooler = pgbouncer ? 'PgBouncer' : 'a small pooler of ours, for there is no PgBouncer on this machine,'
test(`T169 behind ${pooler} in transaction mode the same holds with three server processes`, { timeout: 180_000 }, () =>
  prove((url) => (pgbouncer ? openPgBouncer(pgbouncer, url, POOL) : openPooler(url, POOL))),
)
