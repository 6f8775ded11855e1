// Holds at their edges: what ends them beside an answer, what may be edited, who is told, and what a failure leaves (vault.md §6.5, §10.2).

import { Problem } from '@countersign/sdk'
import { expect, test, vi } from 'vitest'
import { clientOf } from '#harness'
import { sha256Hex } from '../../crypto/token.ts'
import { newId, tenantWire } from '../../std/id.ts'
import type { AskParams, AskResult } from '../gate/wire.ts'
import { type Line, openWayOut, type Run, type WayNode, type WayOut } from '../testing/way-out.ts'
import { tellEvents } from './tell.ts'

const PEOPLE = '@id("people") permit (principal is User, action, resource);'
const ASKS = (more = '') =>
  `@id("asks") @ask("May {agent} send {method}?") @expires("10m") ${more} permit (principal is Agent, action, resource);\n${PEOPLE}`
const PATIENT = { timeout: 60_000, interval: 50 }
// Each of these starts a server, its gate and a proxy.
vi.setConfig({ testTimeout: 120_000 })

type Scene = WayOut & { through: WayNode; going: Run; grantId: string; connectionId: string }

async function activate({ house }: Pick<WayOut, 'house'>, text: string): Promise<void> {
  const saved = await house.bob.post('/api/v1/policies', { text })
  expect([saved.status, saved.body.errors]).toEqual([201, []])
  expect((await house.bob.post(`/api/v1/policies/${saved.body.version}/activate`, {})).status).toBe(200)
}

async function opened(policy = ASKS(), settings: Record<string, string> = {}): Promise<Scene> {
  const way = await openWayOut(settings)
  const { house } = way
  await activate(way, policy)
  const connection = await way.connect()
  const rules = [{ effect: 'allow' }]
  const grant = await house.alice.post('/api/v1/grants', { agent_id: house.agent.id, connection_id: connection.id, rules })
  expect(grant.status).toBe(201)
  const [through, going] = [await way.node(), await way.run()]
  return { ...way, through, going, grantId: grant.body.id, connectionId: connection.id }
}

const BODY = JSON.stringify({ amount: 400, note: 'as agreed' })
const post = ({ send, through, going }: Scene, body = BODY, more: object = {}) => send(through, going, { body, ...more }).answer
const task = async ({ house }: WayOut, id: unknown) => (await house.bob.get(`/api/v1/tasks/${id}`)).body
const decide = ({ house }: WayOut, id: unknown, body: object, by = house.bob) =>
  by.post(`/api/v1/tasks/${id}/decide`, { seen_revision: 1, ...body })
const states = async ({ house }: WayOut) =>
  (await house.admin.rows<{ state: string }>`select state from proxy_holds order by opened_at, id`).map(({ state }) => state)
const run = async ({ house }: WayOut, kind: string) => {
  await house.server.queue.enqueueMany([{ kind }])
  await house.runJobs()
}
const asked = (way: WayOut): Promise<string> =>
  vi.waitFor(async () => {
    const [row] = await way.house.admin.rows<{ task_id: string }>`select task_id from proxy_holds where state = 'open'`
    expect(row).toBeDefined()
    return (row as { task_id: string }).task_id
  }, PATIENT)

test('§10.2 the client vanishes: what it asked for stays, nothing is sent without it, and the same request later uses the approval', async () => {
  const way = await opened()
  const { send, through, going, reached } = way
  const gone = send(through, going, { body: BODY, wait: 50 })
  const id = await asked(way)
  gone.destroy()
  await decide(way, id, { type: 'accept' })
  expect(await states(way)).toEqual(['agreed'])
  expect(reached).toEqual([])
  // It was first, and its turn passes.
  await way.house.clock.advance('61s')
  expect((await post(way)).status).toBe(200)
  expect([reached.length, await states(way)]).toEqual([1, [expect.stringMatching(/^(spent|sent)$/)]])
})

test('V23 §10.2 an approval that comes as the run ends is not sent: its holds end with it, and people read why', async () => {
  const way = await opened()
  const { house, going, reached } = way
  const open = (await post(way)).json.task_id
  const agreed = (await post(way, JSON.stringify({ amount: 1 }))).json.task_id
  await decide(way, agreed, { type: 'accept' })
  expect((await house.agent.post(`/api/v1/runs/${going.id}/end`, { reason: 'done' })).status).toBe(200)
  expect(await states(way)).toEqual(['expired', 'expired'])
  expect(await task(way, open)).toMatchObject({
    status: 'cancelled',
    cancel_reason: expect.stringContaining('The run that asked for it has ended'),
  })
  expect(await task(way, agreed)).toMatchObject({ status: 'completed', outcome: 'accepted' })
  expect((await decide(way, open, { type: 'accept' })).body.code).toBe('task_not_open')
  expect(reached).toEqual([])
})

test('V23 a run whose time is over takes its holds with it, also when nobody ended it', async () => {
  const way = await opened()
  const { house } = way
  const { task_id } = (await post(way)).json
  await house.admin.run`update runs set expires_at = countersign.now()`
  await run(way, 'run.sweep')
  expect([await states(way), (await task(way, task_id)).status]).toEqual([['expired'], 'cancelled'])
})

test('V106 §10.2 a node that was killed between the use and the sending leaves it unknown; the next like it is asked anew and says so', async () => {
  const way = await opened()
  const { house, through, reached } = way
  const { task_id } = (await post(way)).json
  await decide(way, task_id, { type: 'accept' })
  // As the node had it when it died: spent, and not a byte of it out.
  await house.admin.run`update proxy_holds set state = 'spent', state_since = countersign.now(), spent_at = countersign.now(),
    spent_by = ${through.id}::text, spent_request = ${newId('req')}::text`
  expect((await post(way)).json.code).toBe('hold_spent')
  await run(way, 'proxy.hold_sweep')
  expect(await states(way)).toEqual(['spent'])
  await house.clock.advance('16m')
  await run(way, 'proxy.hold_sweep')
  expect(await states(way)).toEqual(['unknown'])
  const again = await post(way)
  expect([again.status, again.json.code]).toEqual([428, 'approval_pending'])
  const shown = await task(way, again.json.task_id)
  expect(shown.payload.earlier_attempt).toBe('unknown')
  expect(shown.description).toContain('it may have been done')
  expect(reached).toEqual([])
})

test('V106 an approved request that stopped before anything was dialled is told apart: it is not sent again by itself, and nobody reads that it may have been done', async () => {
  const way = await opened()
  const { upstream, reached } = way
  await decide(way, (await post(way)).json.task_id, { type: 'accept' })
  upstream.isAway = true
  expect((await post(way)).json.code).toBe('unreachable')
  await vi.waitFor(async () => expect(await states(way)).toEqual(['not_sent']), PATIENT)
  upstream.isAway = false
  const again = await post(way)
  expect([again.status, again.json.code]).toEqual([428, 'approval_pending'])
  const shown = await task(way, again.json.task_id)
  expect(shown.payload.earlier_attempt).toBeUndefined()
  expect(shown.payload.asked_before).toMatchObject([{ what: 'approved and not sent: it stopped before anything went out' }])
  expect(reached).toEqual([])
})

test('V106 an approved request whose credential cannot be had is not sent, and its one event tells why', async () => {
  const way = await opened()
  const { house, reached } = way
  const { json } = await post(way)
  await decide(way, json.task_id, { type: 'accept' })
  // It opens with no key of this house: found as the credential is asked for, after the approval was used.
  await house.admin.query('update connections set material = set_byte(material, 0, 9)')
  expect((await post(way)).status).toBeGreaterThanOrEqual(500)
  await vi.waitFor(async () => expect(await states(way)).toEqual(['not_sent']), PATIENT)
  expect(reached).toEqual([])
})

test('V106 what an expelled node had in its hands is unknown at once', async () => {
  const way = await opened()
  const { house, through } = way
  await decide(way, (await post(way)).json.task_id, { type: 'accept' })
  await house.admin
    .run`update proxy_holds set state = 'spent', state_since = countersign.now(), spent_at = countersign.now(), spent_by = ${through.id}::text`
  await house.admin.run`update proxy_nodes set expelled_at = countersign.now(), expelled_by = 'test'`
  await run(way, 'proxy.hold_sweep')
  expect(await states(way)).toEqual(['unknown'])
})

test('V107 a policy that forbids what waits closes it, tells its people, and records it; what stands is left as it is', async () => {
  const way = await opened()
  const { house } = way
  const large = (await post(way)).json.task_id
  const small = (await post(way, JSON.stringify({ amount: 5 }))).json.task_id
  const cap =
    '@id("cap") forbid (principal is Agent, action == Action::"proxy.request", resource) when { context.facts has amount && context.facts.amount > 100 };'
  await activate(way, `${ASKS()}\n${cap}`)
  await run(way, 'proxy.hold_rejudge')
  expect(await states(way)).toEqual(['closed', 'open'])
  expect(await task(way, large)).toMatchObject({
    status: 'cancelled',
    cancel_reason: expect.stringContaining('A policy, the grant or the connection has changed'),
  })
  expect((await task(way, small)).status).toBe('open')
  const [told] = (await house.bob.get('/api/v1/events?type=proxy.hold_rejudged')).body.data
  expect(told).toMatchObject({ data: { task_id: large, cause: 'rejudged' } })
  // Judged once for each change.
  await run(way, 'proxy.hold_rejudge')
  expect(await states(way)).toEqual(['closed', 'open'])
})

test('V106 V107 what people agreed to before a harmless change is still used once, under what counts now', async () => {
  const way = await opened()
  const { through, reached } = way
  const { task_id } = (await post(way)).json
  await decide(way, task_id, { type: 'accept' })
  await activate(way, ASKS('@note("the same")'))
  await run(way, 'proxy.hold_rejudge')
  await through.node.look()
  expect((await post(way)).status).toBe(200)
  expect(reached).toHaveLength(1)
})

test('V107 one who waits hears of the change at once where a worker watches, and more people than were asked are asked anew', async () => {
  const way = await opened()
  const { house, send, through, going } = way
  await house.second({ settings: { ROLES: 'worker' } })
  const waiting = send(through, going, { body: BODY, wait: 50 })
  const first = await asked(way)
  await activate(way, ASKS('@quorum("2")'))
  await vi.waitFor(async () => expect(await states(way)).toEqual(['closed', 'open']), PATIENT)
  expect((await task(way, first)).status).toBe('cancelled')
  const second = await asked(way)
  expect((await task(way, second)).votes_needed).toBe(2)
  await decide(way, second, { type: 'deny', reason: 'no' })
  expect((await waiting.answer).json).toMatchObject({ code: 'human_denied', task_id: second })
})

test('V103 an edited body is judged again, sealed, sent in place of the original, and the answer says so', async () => {
  const cap =
    '@id("cap") forbid (principal is Agent, action == Action::"proxy.request", resource) when { context.facts has amount && context.facts.amount > 500 };'
  const way = await opened(`${ASKS()}\n${cap}`)
  const { house, send, through, going, reached } = way
  const waiting = send(through, going, { body: BODY, wait: 50 })
  const id = await asked(way)
  const { action } = await task(way, id)
  expect(action).toMatchObject({
    allow: ['accept', 'edit', 'deny'],
    editable: ['/body'],
    args: { body: { amount: 400, note: 'as agreed' } },
  })
  const edit = (body: object, more: object = {}) => decide(way, id, { type: 'edit', args: { ...action.args, ...more, body } })
  const denied = await edit({ amount: 600, note: 'as agreed' })
  expect([denied.status, denied.body.code]).toEqual([422, 'edited_action_denied'])
  expect((await edit({ amount: 400 }, { method: 'DELETE' })).body.code).toBe('args_invalid')
  expect((await edit({ amount: 250, note: 'as agreed' })).status).toBe(200)
  const answer = await waiting.answer
  expect([answer.status, answer.headers['countersign-edited']]).toEqual([200, '1'])
  expect(reached.map(({ body }) => body)).toEqual(['{"amount":250,"note":"as agreed"}'])
  const { digest, edited_digest } = await house.admin.one<
    Record<'digest' | 'edited_digest', Buffer>
  >`select digest, edited_digest from proxy_holds`
  expect(edited_digest).toHaveLength(32)
  expect(edited_digest.equals(digest)).toBe(false)
})

test('V103 a form may be edited by its fields; a body with what looks like a secret, or that is cut, may not', async () => {
  const way = await opened()
  const form = 'application/x-www-form-urlencoded'
  const { task_id } = (await post(way, 'amount=400&note=as+agreed', { headers: { 'content-type': form } })).json
  const { action } = await task(way, task_id)
  expect(action.args.body).toEqual({ amount: '400', note: 'as agreed' })
  await decide(way, task_id, { type: 'edit', args: { ...action.args, body: { amount: '300', note: 'a & b' } } })
  expect((await post(way, 'amount=400&note=as+agreed', { headers: { 'content-type': form } })).status).toBe(200)
  expect(way.reached.map(({ body }) => body)).toEqual(['amount=300&note=a+%26+b'])
  for (const body of [
    { amount: 1, password: 'hunter22' },
    { amount: 1, note: 'x'.repeat(20_000) },
  ]) {
    const { json } = await post(way, JSON.stringify(body))
    const shown = await task(way, json.task_id)
    expect(shown.action.allow).toEqual(['accept', 'deny'])
    expect(JSON.stringify(shown)).not.toContain('hunter22')
    expect(shown.payload.body.length).toBeLessThanOrEqual(16_384)
  }
})

test('T66 P66 what nobody answers is asked a second time where the policy says so, and then it is denied', async () => {
  const way = await opened(ASKS('@on_timeout("escalate")'))
  const { house } = way
  const { task_id } = (await post(way)).json
  await house.clock.advance('601s')
  await house.runJobs()
  expect([await states(way), (await task(way, task_id)).status]).toEqual([['open'], 'open'])
  await house.clock.advance('601s')
  await house.runJobs()
  expect([await states(way), (await task(way, task_id)).outcome]).toEqual([['expired'], 'denied'])
})

test('V105 a person of two that have to agree is not enough', async () => {
  const way = await opened(ASKS('@quorum("2")'))
  const { house, reached } = way
  const { task_id } = (await post(way)).json
  await decide(way, task_id, { type: 'accept' })
  expect((await post(way)).json.code).toBe('approval_pending')
  await decide(way, task_id, { type: 'accept' }, await house.operator.person())
  expect((await post(way)).status).toBe(200)
  expect(reached).toHaveLength(1)
})

test('V105 twenty requests of a run wait at once; the next is refused until one is answered', async () => {
  const way = await opened()
  const { task_id } = (await post(way)).json
  for (let amount = 1; amount < 20; amount++) expect((await post(way, JSON.stringify({ amount }))).status).toBe(428)
  const refused = await post(way, JSON.stringify({ amount: 700 }))
  expect([refused.status, refused.json.code, refused.json.limit]).toEqual([429, 'too_many_open', 20])
  expect((await post(way)).json.task_id).toBe(task_id)
  await decide(way, task_id, { type: 'deny' })
  expect((await post(way, JSON.stringify({ amount: 700 }))).json.code).toBe('approval_pending')
})

test('V104 a run asks with its token what people say, and waits for it; another run’s hold is not there', async () => {
  const way = await opened()
  const { house, going } = way
  const self = clientOf(house.url, { bearer: going.token })
  const { task_id } = (await post(way)).json
  const at = `/api/v1/runs/self/holds/${task_id}`
  expect((await self.get(at)).body).toMatchObject({ task_id, state: 'pending', comment: null })
  const waiting = self.get(`${at}?wait=60`)
  await decide(way, task_id, { type: 'deny', reason: 'not now' })
  expect((await waiting).body).toMatchObject({ state: 'denied', comment: 'not now' })
  const other = clientOf(house.url, { bearer: (await way.run()).token })
  for (const path of [at, `/api/v1/runs/self/holds/${newId('task')}`]) expect((await other.get(path)).status).toBe(404)
  expect((await house.agent.get(at)).status).toBe(403)
  expect((await self.get(`${at}?wait=61`)).status).toBe(422)
})

/** A question of a node as it travels, for this run. */
const asks = (
  { house, going, connectionId }: Scene,
  more: Partial<AskParams['request']> = {},
  rest: Partial<AskParams> & { policy?: object } = {},
) => ({
  ...{ run_id: going.id, connection_id: connectionId, request_id: newId('req'), waited_ms: 0, wait_ms: 0 },
  body: Buffer.from(BODY).toString('base64'),
  seen: { client_address: '127.0.0.1', protocol: 'http/1.1', carries_placeholder: false },
  request: {
    ...{ tenant_id: tenantWire(house.tenantId), agent_id: house.agent.id, run_id: going.id, connection_id: connectionId },
    ...{ scheme: 'https', host: 'api.example.com', port: 443, method: 'POST', path: '/v1/refunds', query: '' },
    ...{ bound_headers: { 'content-type': 'application/json' }, body_bytes: BODY.length, body_sha256: sha256Hex(BODY) },
    ...more,
  },
  ...rest,
})

async function lineOf(way: Scene): Promise<Line> {
  const line = await way.dial()
  await line.client.call('open', { token_hash: sha256Hex(way.going.token), client_address: '127.0.0.1' })
  return line
}

test('V81 V101 the gate takes no other body, run or policy from a node than what it judges by itself', async () => {
  const way = await opened()
  const line = await lineOf(way)
  const codeOf = (...sent: [Partial<AskParams['request']>]) => codeFrom(line, asks(way, ...sent))
  expect(await codeOf({ body_bytes: 1 })).toBe('request_invalid')
  expect(await codeOf({ body_sha256: sha256Hex('another') })).toBe('request_invalid')
  expect(await codeOf({ run_id: newId('run') })).toBe('request_invalid')
  expect(await codeOf({ agent_id: newId('agt') })).toBe('forbidden')
  expect(await codeOf({ tenant_id: newId('usr') })).toBe('forbidden')
  // A word about the policy is not even read.
  const found = (await line.client.call('ask', asks(way, {}, { policy: { quorum: 0, texts: ['Fine?'] } }))) as AskResult
  expect((await task(way, found.task_id)).task).toBe('May refund-bot send POST?')
  expect(await codeOf({ host: 'api.elsewhere.com' })).toBe('proxy_denied')
  expect(await states(way)).toEqual(['open'])
})

test('V105 of two that wait for the same the one that came first is told first that people have agreed', async () => {
  const way = await opened()
  const { house } = way
  const line = await lineOf(way)
  const waits = (n: number) =>
    vi.waitFor(async () => {
      const { all } = await house.admin.one<{ all: number }>`select count(*)::integer as all from proxy_hold_waiters`
      expect(all).toBe(n)
    }, PATIENT)
  const order: string[] = []
  const ask = async (name: string) => {
    const found = (await line.client.call('ask', asks(way, {}, { wait_ms: 25_000 }))) as AskResult
    order.push(name)
    return found
  }
  const first = ask('first')
  await waits(1)
  const second = ask('second')
  await waits(2)
  await decide(way, await asked(way), { type: 'accept' })
  expect((await first).state).toBe('agreed')
  await house.admin.run`update proxy_holds set state = 'spent', spent_at = countersign.now(), spent_request = 'req_first'`
  await second
  expect(order).toEqual(['first', 'second'])
})

async function codeFrom(line: Line, sent: object): Promise<string> {
  try {
    await line.client.call('ask', sent)
    return 'none'
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return error.code
  }
}

test('V141 events of the proxy reach an endpoint once each, however many workers hand them on', async () => {
  const way = await opened(ASKS(), { EGRESS_HTTP: '1', EGRESS_ALLOW: '127.0.0.1:9' })
  const { house, through } = way
  const made = await house.alice.post('/api/v1/endpoints', { url: 'http://127.0.0.1:9/', events: 'proxy.*', verify: false })
  expect([made.status, made.body.errors]).toEqual([201, undefined])
  await post(way)
  await post(way, JSON.stringify({ amount: 1 }))
  const untold = () => house.admin.one<{ n: number }>`select count(*)::integer as n from untold_events`
  await vi.waitFor(async () => expect((await untold()).n).toBe(2), PATIENT)
  const other = await house.second()
  const told = await Promise.all([
    tellEvents({ db: house.db }),
    tellEvents({ db: other.identity.db }),
    tellEvents({ db: house.db }),
  ])
  expect(told.reduce((sum, one) => sum + one, 0)).toBe(2)
  const rows = await house.admin
    .rows`select event_type, count(*)::integer as n from deliveries where event_type like 'proxy.%' group by event_id, event_type`
  expect(rows).toEqual([
    { event_type: 'proxy.asked', n: 1 },
    { event_type: 'proxy.asked', n: 1 },
  ])
  expect(through.id).toMatch(/^nod_/)
})
