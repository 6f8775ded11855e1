// Every two triggers of a thread that can meet, at the same instant over two processes (relay.md R30, §2.5): one comes first, the other answers by what it finds, and the thread is whole.
import { expect, test } from 'vitest'
import type { Client } from '#harness'
import { type Loose, openRelay, type RelayTest } from '../testing/relay.ts'

const ROUNDS = 5
const ENDED = ['closed', 'failed', 'rejected', 'revoked', 'expired']

/** One thread as it stands before the two meet, and what either needs to act. */
type Stand = {
  id: string
  messageId: string
  claim?: string
  taskId?: string
  grantId: string
  token: string
  threadToken: string
}
type Sides = { relay: RelayTest; at(client: Client): Client }
type Act = (sides: Sides, stand: Stand) => Promise<{ status: number; body: Loose }>

const settle =
  (action: string): Act =>
  async ({ relay, at }, { claim }) =>
    at(relay.server).post(`/api/v1/agents/${relay.card.slug}/inbox/settle`, [{ claim_token: claim, action, reason: 'x' }])
const respond =
  (outcome: string): Act =>
  ({ relay, at }, { id, claim }) =>
    at(relay.server).post(`/api/v1/threads/${id}/responses`, {
      outcome,
      text: 'answer',
      ...(claim ? { claim_token: claim } : {}),
    })
const claim: Act = ({ relay, at }) => at(relay.server).post(`/api/v1/agents/${relay.card.slug}/inbox/claim`, { limit: 1 })
const follow: Act = ({ relay, at }, { id, token }) =>
  at(relay.bearer(token) as Client).post(`/api/v1/threads/${id}/messages`, { text: 'more' })
const close: Act = ({ relay, at }, { id, threadToken }) =>
  at(relay.bearer(threadToken) as Client).post(`/api/v1/threads/${id}/close`, {})
const closeOwn: Act = ({ relay, at }, { id }) => at(relay.server).post(`/api/v1/threads/${id}/close`, {})
const withdraw: Act = ({ relay, at }, { id, messageId, token }) =>
  at(relay.bearer(token) as Client).post(`/api/v1/threads/${id}/messages/${messageId}/withdraw`, {})
const revoke: Act = ({ relay, at }, { grantId }) => at(relay.house.alice).post(`/api/v1/relay-grants/${grantId}/revoke`, {})
const decide =
  (type: string): Act =>
  ({ relay, at }, { taskId }) =>
    at(relay.house.bob).post(`/api/v1/tasks/${taskId}/decide`, { type, seen_revision: 1 })
/** Time is up: whatever is due ends. */
const sweep: Act = async ({ relay }) => {
  await relay.house.server.queue.enqueueMany([{ kind: 'relay.sweep' }])
  await relay.house.runJobs()
  return { status: 200, body: {} }
}

type From = 'queued' | 'delivering' | 'responded' | 'awaiting_approval'
const PAIRS: [string, From, Act, Act][] = [
  ['claim and close', 'queued', claim, close],
  ['claim and withdraw', 'queued', claim, withdraw],
  ['claim and claim', 'queued', claim, claim],
  ['close and withdraw', 'queued', close, withdraw],
  ['close and close of the other side', 'queued', close, closeOwn],
  ['follow-up and close', 'queued', follow, closeOwn],
  ['follow-up and revocation', 'queued', follow, revoke],
  ['ack and close', 'delivering', settle('ack'), close],
  ['ack and answer', 'delivering', settle('ack'), respond('reply')],
  ['release and answer', 'delivering', settle('release'), respond('reply')],
  ['failure and answer', 'delivering', settle('fail'), respond('completed')],
  ['answer and answer', 'delivering', respond('reply'), respond('completed')],
  ['answer and close', 'delivering', respond('completed'), close],
  ['answer and follow-up', 'delivering', respond('completed'), follow],
  ['progress and close', 'delivering', respond('progress'), close],
  ['answer and revocation', 'delivering', respond('reply'), revoke],
  ['follow-up and the end of an answered thread', 'responded', follow, sweep],
  ['close and the end of an answered thread', 'responded', close, sweep],
  ['agreement and close', 'awaiting_approval', decide('accept'), close],
  ['agreement and withdrawal', 'awaiting_approval', decide('accept'), withdraw],
  ['agreement and revocation', 'awaiting_approval', decide('accept'), revoke],
  ['agreement and refusal', 'awaiting_approval', decide('accept'), decide('deny')],
  ['refusal and follow-up', 'awaiting_approval', decide('deny'), follow],
]

async function stand(relay: RelayTest, from: From): Promise<Stand> {
  const card = relay.card
  const grant = await relay.makeGrant({ card, agent: null })
  const { body } = await relay.start({ text: 'hello', want_thread_token: true }, { token: grant.token })
  if (!body.thread_id) throw new Error(JSON.stringify(body))
  const own: Stand = {
    id: body.thread_id,
    messageId: body.message_id,
    grantId: grant.id,
    token: grant.token,
    threadToken: body.thread_access_token,
  }
  if (from === 'awaiting_approval') return { ...own, taskId: body.approval.task_id }
  if (from === 'queued') return own
  const [taken] = await relay.claim()
  if (from === 'delivering') return { ...own, claim: taken.claim_token }
  await relay.respond(own.id, { text: 'answer', claim_token: taken.claim_token })
  await relay.house.clock.advance('1d')
  return own
}

const asking =
  '@id("asks") @ask("May {agent} write to us?") permit (principal is Agent, action in [Action::"thread.start", Action::"thread.send"], resource);\n' +
  '@id("people") permit (principal is User, action, resource);\n@id("server") permit (principal is Agent, action in [Action::"thread.respond", Action::"thread.serve", Action::"thread.read"], resource);'

/** What must hold of a thread whoever came first. */
async function isWhole({ house }: RelayTest, id: string): Promise<void> {
  const thread = await house.admin.one<Loose>`
    select state, sequence::integer as sequence, ended_at is not null as ended, approval from threads where id = ${id}`
  const events = await house.admin.rows<{ sequence: number; type: string }>`
    select (body::jsonb -> 'data' ->> 'sequence')::integer as sequence, type from events
    where tenant_id = ${house.tenantId}::uuid and body::jsonb -> 'data' ->> 'thread_id' = ${id} and body::jsonb -> 'data' ? 'sequence' order by 1`
  expect(events.map((one) => one.sequence)).toEqual(Array.from({ length: thread.sequence }, (_, i) => i + 1))
  expect(thread.ended).toBe(ENDED.includes(thread.state))
  const ends = events.filter(({ type }) => ENDED.some((state) => type === `thread.${state}`))
  expect(ends.map(({ type }) => type)).toEqual(thread.ended ? [`thread.${thread.state}`] : [])
  const open = await house.admin.rows<{ state: string }>`
    select state from messages where thread_id = ${id} and state in ('queued', 'delivering', 'held') order by sequence`
  if (thread.ended) expect([thread.approval, open]).toEqual([null, []])
  if (thread.state === 'queued') expect(open[0]?.state).toBe('queued')
}

test.each(PAIRS)('R30 %s', { timeout: 60_000 }, async (_, from, one, other) => {
  const relay = await openRelay()
  const { house } = relay
  const second = (await house.second()).url
  if (from === 'awaiting_approval') {
    const saved = await house.bob.post('/api/v1/policies', { text: asking })
    expect((await house.bob.post(`/api/v1/policies/${saved.body.version}/activate`, {})).status).toBe(200)
  }
  for (let round = 0; round < ROUNDS; round++) {
    const own = await stand(relay, from)
    const here: Sides = { relay, at: (client) => client }
    const there: Sides = { relay, at: (client) => client.at(second) }
    const [first, last] = round % 2 === 0 ? [one, other] : [other, one]
    const answers = await Promise.all([first(here, own), last(there, own)])
    for (const { status, body } of answers) expect([200, 202, 401, 403, 409], JSON.stringify(body)).toContain(status)
    await isWhole(relay, own.id)
    await house.admin
      .run`update threads set state = 'closed', outcome = 'canceled', ended_at = countersign.now() where ended_at is null`
    await house.admin.run`update messages set state = 'withdrawn' where state in ('queued', 'delivering', 'held')`
  }
})
