// Threads between agents while their servers and their database are killed at random points (relay.md R57, R58, §10, §12.7): what was acknowledged is there, once, under the ids that
// were told, and each message is settled once. Short here; FAULTS=long kills fifty times.
import { expect, test } from 'vitest'
import { type Client, clientOf } from '../harness/client.ts'
import { type Installation, openInstallation, type Process, postmasterOf, until } from '../harness/installation.ts'
import { breathe, insist } from './crowd.ts'

const IS_LONG = process.env.FAULTS === 'long'
const KILLS = IS_LONG ? 50 : 4
const CALLERS = 8
const WORKERS = 3
const GRACE_MS = IS_LONG ? 120_000 : 60_000

/** What was told to whom. */
type Ledger = {
  /** Idempotency-Key → what the 202 said. */
  accepted: Map<string, { thread: string; message: string }>
  /** Messages whose answer was acknowledged. */
  answered: Set<string>
  strange: string[]
}

test('R58 §12.7 kill -9 of servers and of PostgreSQL: every 202 resolves, no key makes two messages, each message is settled once', {
  timeout: IS_LONG ? 1_200_000 : 240_000,
}, async () => {
  const installation = await openInstallation({ servers: 2 })
  const { servers, database, home, look, owner } = installation
  const [first] = servers as [Process]
  const ada = await owner(first)
  const { token, agentKey } = await furnish(ada)
  const ledger: Ledger = { accepted: new Map(), answered: new Set(), strange: [] }
  const on = { calling: true, working: true }
  const at = (n: number, bearer: string): Client => clientOf((servers[n % servers.length] as Process).url, { bearer })

  const callers = Array.from({ length: CALLERS }, (_, n) => call(at(n, token), `caller-${n}`))
  const workers = Array.from({ length: WORKERS }, (_, n) => serve(at(n, agentKey), n))

  async function call(client: Client, who: string): Promise<void> {
    let thread: string | null = null
    for (let n = 1; on.calling; n++) {
      const key = `${who}-${n}`
      // Half of them open a thread, half go on with the one before.
      const path: string =
        thread === null || n % 2 === 1 ? '/api/v1/agents/echo-service/threads' : `/api/v1/threads/${thread}/messages`
      const { status, body } = await settled(() =>
        client.post(path, { text: key, operation_id: key }, { 'idempotency-key': key }),
      )
      if (status === 202) {
        ledger.accepted.set(key, { thread: body.thread_id, message: body.message_id })
        thread = body.thread_id
      } else if (body.code === 'thread_closed') thread = null
      else ledger.strange.push(JSON.stringify(body))
    }
  }

  async function serve(client: Client, n: number): Promise<void> {
    while (on.working) {
      const { status, body } = await insist(() =>
        client.post('/api/v1/agents/echo-service/inbox/claim', { limit: 5, lease_seconds: 15 }),
      )
      if (status !== 200) {
        ledger.strange.push(JSON.stringify(body))
        continue
      }
      if (body.data.length === 0) await breathe()
      for (const { message, claim_token } of body.data) {
        const [{ text }] = message.parts
        const answer = { text, claim_token, outcome: n % 2 === 0 ? 'reply' : 'completed' }
        const told = await insist(() => client.post(`/api/v1/threads/${message.thread_id}/responses`, answer))
        if (told.status === 200) ledger.answered.add(message.id)
        // A lease that was over, or a thread that somebody has ended meanwhile, is no fault.
        else if (!['lease_stale', 'thread_closed'].includes(told.body.code)) ledger.strange.push(JSON.stringify(told.body))
      }
    }
  }

  for (let n = 0; n < KILLS; n++) {
    const before = ledger.accepted.size
    await until(() => ledger.accepted.size > before + 15, servers)
    const victim = servers[n % servers.length] as Process
    if (n % 2 === 0) {
      await victim.kill()
      await victim.restart()
    } else {
      const pid = database.pid
      expect(postmasterOf(home)).toBe(pid)
      process.kill(pid, 'SIGKILL')
      await until(() => database.pid !== pid)
    }
  }
  await until(() => ledger.accepted.size > KILLS * 15 + 30, servers)
  on.calling = false
  await Promise.all(callers)
  // A lease of somebody who was killed is over after fifteen seconds.
  const waiting = () =>
    look<{ n: number }>(
      "select count(*)::integer as n from countersign.messages where side = 'caller' and state in ('queued', 'delivering')",
    )
  await expect.poll(async () => (await waiting())[0]?.n, { timeout: GRACE_MS, interval: 200 }).toBe(0)
  on.working = false
  await Promise.all(workers)

  expect(ledger.strange).toEqual([])
  await reckon(installation, ledger, at(0, agentKey))
})

/** A key that is in flight somewhere, or whose first attempt died, is asked about until it is settled. */
async function settled(post: () => ReturnType<Client['post']>): ReturnType<Client['post']> {
  for (;;) {
    const answer = await insist(post)
    if (answer.body?.code !== 'idempotency_in_flight') return answer
    await breathe()
  }
}

/** A card, a relay grant for somebody without an account, and the key of the agent that serves. */
async function furnish(ada: Client): Promise<{ token: string; agentKey: string }> {
  const agent = await ada.post('/api/v1/agents', { name: 'echo-service' })
  const card = await ada.post('/api/v1/cards', {
    ...{ slug: 'echo-service', name: 'Echo', summary: 'Says it again.', agent_id: agent.body.id },
    skills: [{ id: 'echo', name: 'Echo', description: 'Says it again.', tags: ['test'] }],
    ...{ accepted_inputs: ['text/plain'], expected_outputs: ['text/plain'], limits: { max_open_threads: 10_000 } },
  })
  expect([card.status, card.body.code]).toEqual([201, undefined])
  const grant = await ada.post('/api/v1/relay-grants', { agent: 'echo-service', label: 'Callers', purpose: 'to be killed' })
  expect([grant.status, grant.body.code]).toEqual([201, undefined])
  const key = await ada.post('/api/v1/keys', { kind: 'agt', agent_id: agent.body.id, scopes: ['threads:*'] })
  expect([key.status, key.body.code]).toEqual([201, undefined])
  return { token: grant.body.relay_token, agentKey: key.body.secret }
}

/** What was told against what is there. */
async function reckon({ look }: Pick<Installation, 'look'>, { accepted, answered }: Ledger, reader: Client): Promise<void> {
  const rows = await look<{ id: string; thread_id: string; operation_id: string; state: string }>(
    "select id, thread_id, operation_id, state from countersign.messages where side = 'caller'",
  )
  const byKey = new Map(rows.map((row) => [row.operation_id, row]))
  expect(byKey.size, 'no key made two messages').toBe(rows.length)
  const lost = [...accepted].filter(
    ([key, { message, thread }]) => byKey.get(key)?.id !== message || byKey.get(key)?.thread_id !== thread,
  )
  expect(lost, 'every acknowledged message is there, under its ids').toEqual([])
  const threads = [...new Set([...accepted.values()].map(({ thread }) => thread))]
  for (const thread of threads) expect((await reader.get(`/api/v1/threads/${thread}`)).status).toBe(200)
  const settled = await look<{ message: string; n: number }>(
    `select data ->> 'message_id' as message, count(*)::integer as n from countersign.thread_events
     where type in ('message.delivered', 'message.withdrawn') group by 1`,
  )
  expect(
    settled.filter(({ n }) => n !== 1),
    'each message is settled once',
  ).toEqual([])
  const delivered = new Set(settled.map(({ message }) => message))
  expect([...answered].filter((id) => !delivered.has(id))).toEqual([])
  const gaps = await look(
    'select thread_id from countersign.thread_events group by thread_id having count(*) <> max(sequence) or min(sequence) <> 1',
  )
  expect(gaps, 'one counter numbers everything').toEqual([])
}
