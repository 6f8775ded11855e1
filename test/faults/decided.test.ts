// kill -9 of the server between the commit of a decision and its first delivery (A18): what was committed is told to the endpoint and to the task's own address, what
// was not is told to nobody. Short here; FAULTS=long kills a hundred times.
import { expect, test } from 'vitest'
import { openReceiver } from '../../packages/server/src/webhooks/testing/receiver.ts'
import { clientOf } from '../harness/client.ts'
import { openInstallation, type Process, until } from '../harness/installation.ts'

const IS_LONG = process.env.FAULTS === 'long'
const ROUNDS = IS_LONG ? 100 : 8
/** Decisions of a round, which are on their way at once. */
const AT_ONCE = 4

type Told = { path: string; delivery: string; task: string; type: string }
type State = { id: string; status: string; events: number; deliveries: number; delivered: number }

const soon = (ms: number) => new Promise((resume) => setTimeout(resume, Math.random() * ms))

test('T11 T167 A18 the server is killed at random points from the commit of a decision to its first delivery: each that was committed arrives, as one delivery, and none of another', {
  timeout: IS_LONG ? 3_600_000 : 300_000,
}, async () => {
  const receiver = await openReceiver()
  const installation = await openInstallation({
    servers: 1,
    env: { COUNTERSIGN_EGRESS_HTTP: '1', COUNTERSIGN_EGRESS_ALLOW: `127.0.0.1:${receiver.port}` },
  })
  const [server] = installation.servers as [Process]
  const owner = await installation.owner(server)
  const hook = await owner.post('/api/v1/endpoints', {
    ...{ url: `${receiver.origin}/hook`, events: ['task.completed'], verify: false, max_in_flight: 20 },
  })
  expect(hook.status, JSON.stringify(hook.body)).toBe(201)
  const agent = clientOf(server.url, { bearer: await installation.agentKey('asker') })
  const told = (): Told[] =>
    receiver.got.map(({ path, headers, body }) => {
      const { type, data } = JSON.parse(body) as { type: string; data: { task_id?: string; resource?: { id: string } } }
      return { path, type, delivery: String(headers['webhook-id']), task: String(data.resource?.id ?? data.task_id) }
    })

  const acknowledged: string[] = []
  const asked: string[] = []
  let early = 0
  for (let round = 0; round < ROUNDS; round++) {
    const made = await Promise.all(
      Array.from({ length: AT_ONCE }, () =>
        agent.post('/api/v1/tasks', {
          ...{ task: 'May it go on?', timeout_seconds: 86_400, callback_url: `${receiver.origin}/own` },
          response_schema: { type: 'object', properties: { approve: { type: 'boolean' } }, required: ['approve'] },
        }),
      ),
    )
    expect(made.map(({ status }) => status)).toEqual(made.map(() => 201))
    const ids = made.map(({ body }) => body.id as string)
    asked.push(...ids)
    let first: () => void = () => undefined
    const committed = new Promise<void>((resolve) => {
      first = resolve
    })
    const decided = ids.map(async (id) => {
      const sent = owner.post(`/api/v1/tasks/${id}/decide`, { type: 'respond', response: { approve: true }, seen_revision: 1 })
      // Nobody knows what became of an answer that was cut off.
      const { status } = await sent.catch(() => ({ status: 0 }))
      if (status === 200) acknowledged.push(id)
      first()
    })
    // Right after the first commit, some way to the first delivery, or at any point of the requests.
    if (round % 4 === 3) await soon(60)
    else await committed.then(() => (round % 4 === 0 ? undefined : soon(40)))
    const before = told().filter(({ task }) => ids.includes(task)).length
    await server.kill()
    if (before === 0) early += 1
    await Promise.all(decided)
    await server.restart()
  }

  const states = () =>
    installation.look<State>(
      `select t.id, t.status, (select count(*)::int from events e where e.resource_id = t.id and e.type = 'task.completed') as events,
           count(d.id)::int as deliveries, (count(*) filter (where d.state = 'succeeded'))::int as delivered
         from tasks t left join events e on e.resource_id = t.id and e.type = 'task.completed' and e.tenant_id = t.tenant_id
           left join deliveries d on d.event_id = e.id and d.tenant_id = t.tenant_id
         where t.id = any($1) group by t.tenant_id, t.id`,
      [asked],
    )
  const ended = (await states()).filter(({ status }) => status === 'completed').map(({ id }) => id)
  // Whatever worker held a job is believed lost after 20 seconds; what it held is then taken up.
  const arrived = (path: string) => new Set(told().flatMap((one) => (one.path === path ? [one.task] : [])))
  await until(() => ['/hook', '/own'].every((path) => ended.every((id) => arrived(path).has(id))), [server])

  expect(acknowledged.filter((id) => !ended.includes(id))).toEqual([])
  for (const path of ['/hook', '/own']) {
    const here = told().filter((one) => one.path === path)
    expect(here.filter(({ task }) => !ended.includes(task))).toEqual([])
    // Sent twice where nobody could know that it had arrived, it is one delivery all the same.
    expect(new Set(here.map(({ delivery }) => delivery)).size, path).toBe(ended.length)
  }
  const settled = (state: State) => ({ ...state, delivered: 0 })
  for (const state of (await states()).map(settled)) {
    const { id } = state
    const over = ended.includes(id)
    expect(state).toEqual(
      over
        ? { id, status: 'completed', events: 1, deliveries: 2, delivered: 0 }
        : { id, status: 'open', events: 0, deliveries: 0, delivered: 0 },
    )
  }
  process.stdout.write(
    `decisions: ${ROUNDS} kills, ${early} before anything was delivered; ${asked.length} asked, ${acknowledged.length} acknowledged, ${ended.length} committed, ${receiver.got.length} posts\n`,
  )
})
