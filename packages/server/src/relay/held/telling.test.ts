// Whoever wants to be told of a thread that its own side's people never let begin is told how it ended (relay.md R71, R100, T3, T13–T15, §12.20).
import { expect, test } from 'vitest'
import { openReceiver } from '../../webhooks/testing/receiver.ts'
import { type Loose, openRelay } from '../testing/relay.ts'

const LEAVING = `@id("leaves") @ask("May {agent} write to {connection}?") @expires("10m")
permit (principal is Agent, action in [Action::"thread.start", Action::"thread.send"], resource) when { context.direction == "out" };
@id("rest") permit (principal is Agent, action, resource) unless { context has direction && context.direction == "out" };
@id("told") permit (principal is Agent, action == Action::"thread.subscribe", resource);
@id("people") permit (principal is User, action, resource);`

async function given() {
  const there = await openReceiver()
  const relay = await openRelay({ settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${there.port}` } })
  const saved = await relay.bea.post('/api/v1/policies', { text: LEAVING })
  expect([saved.status, saved.body.errors]).toEqual([201, []])
  await relay.bea.post(`/api/v1/policies/${saved.body.version}/activate`, {})
  const callback = { url: `${there.origin}/told`, generate_secret: true }
  const { body: held } = await relay.start({ text: 'hello', callback })
  expect([held.state, held.approval.side]).toEqual(['awaiting_approval', 'caller'])
  return { there, relay, held, house: relay.house }
}
type Given = Awaited<ReturnType<typeof given>>
const decide = ({ relay, held }: Given, type: 'accept' | 'deny') =>
  relay.bea.post(`/api/v1/tasks/${held.approval.task_id}/decide`, { type, seen_revision: 1, reason: 'no' })
const told = ({ there }: Given): Loose[] => there.got.map(({ body }) => JSON.parse(body))
const live = ({ house, held }: Given) =>
  house.admin.rows`select id from endpoints where bound_to = ${held.thread_id} and state <> 'deleted'`
const there = ({ house }: Given): Promise<Loose[]> => house.admin.rows<Loose>`
  select state from threads where tenant_id = ${house.tenantId}::uuid
  union all select state from messages where tenant_id = ${house.tenantId}::uuid
  union all select type from events where tenant_id = ${house.tenantId}::uuid and type ~ '^(thread|message|approval|endpoint)[.]'`

test.each([
  ['a refusal', 'rejected', 'approval_denied', (at: Given) => decide(at, 'deny')],
  ['silence', 'rejected', 'approval_timeout', ({ house }: Given) => house.clock.advance('601s')],
  [
    'its caller',
    'closed',
    'closed_by_caller',
    ({ relay, held }: Given) => relay.caller.post(`/api/v1/threads/${held.thread_id}/close`, {}),
  ],
  [
    'the end of its relay grant',
    'revoked',
    'grant_revoked',
    ({ relay, house }: Given) => house.alice.post(`/api/v1/relay-grants/${relay.grant.id}/revoke`, {}),
  ],
] as const)(
  'R71 R100 ended by %s, a thread that never began tells so at the callback that came with it',
  async (_, state, reason, end) => {
    const at = await given()
    await end(at)
    await at.house.runJobs()
    await at.house.runJobs()
    expect(told(at)).toMatchObject([
      {
        type: `thread.${state}`,
        data: {
          agent: at.relay.card.slug,
          thread: { id: at.held.thread_id, state, reason, caller: { agent_id: at.relay.caller.id } },
        },
      },
    ])
    // §12.20: nothing of it is with the owner, and what was told is not theirs to see.
    expect(await there(at)).toEqual([])
    expect((await at.house.alice.get('/api/v1/deliveries')).body.data).toEqual([])
    expect((await at.relay.bea.get('/api/v1/deliveries')).body.data).toMatchObject([
      { event_type: `thread.${state}`, state: 'succeeded' },
    ])
  },
)

test('R71 let go, it tells as any other thread, and only once', async () => {
  const at = await given()
  expect((await decide(at, 'accept')).status).toBe(200)
  await at.relay.respond(at.held.thread_id, { outcome: 'completed', text: 'done' })
  await at.house.runJobs()
  expect(told(at).map(({ type }) => type)).toEqual(['artifact.completed', 'thread.closed'])
})

test('R100 thirty days after its end no endpoint of it is left', async () => {
  const at = await given()
  await decide(at, 'deny')
  await at.house.runJobs()
  const retain = async () => {
    await at.house.server.queue.enqueueMany([{ kind: 'relay.retain' }])
    await at.house.runJobs()
  }
  await at.house.clock.advance('29d')
  await retain()
  expect(await live(at)).toHaveLength(1)
  await at.house.clock.advance('2d')
  await retain()
  expect(await live(at)).toEqual([])
})
