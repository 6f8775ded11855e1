// Agents and servers of MCP, the whole way: two proxies, the gate, people, and a server that offers tools (vault.md V99, V103, §12.30).
import { expect, test, vi } from 'vitest'
import { openWayOut, type Reached, type Run, type WayNode, type WayOut } from '../../packages/server/src/proxy/testing/way-out.ts'
import { ALPHA } from '../../packages/server/src/vault/testing/vault.ts'

// Each of these starts a server, its gate and one or two proxies.
vi.setConfig({ testTimeout: 120_000 })

const POLICY = `@id("tools") permit (principal is Agent, action in [Action::"proxy.request", Action::"proxy.tool"], resource);
@id("people") permit (principal is User, action, resource);`
const RULES = [
  { effect: 'allow', tools: ['read_file', 'search'] },
  { effect: 'ask', tools: ['refund'] },
]
const TOOLS = ['read_file', 'refund', 'search']
const NOTES = { 'content-type': 'application/json', 'mcp-session-id': 'of-the-server' }

type Message = { jsonrpc: '2.0'; id: number | string; method: string; params?: object }
type Scene = WayOut & { through: WayNode; going: Run; grantId: string; generation: number }
type Heard = {
  id: number | string
  result?: { tools?: { name: string }[] }
  error?: { code: number; data: Record<string, unknown> }
}

const list = (id: number | string): Message => ({ jsonrpc: '2.0', id, method: 'tools/list' })
const call = (id: number | string, name: string, given: object = {}): Message => ({
  ...{ jsonrpc: '2.0', id, method: 'tools/call' },
  params: { name, arguments: given },
})

/** A server of MCP with three tools. */
async function answer({ body }: Reached) {
  const said = JSON.parse(body || 'null') as Message | Message[] | null
  const one = ({ id, method }: Message) => ({
    ...{ jsonrpc: '2.0', id },
    result: method === 'tools/list' ? { tools: TOOLS.map((name) => ({ name, inputSchema: {} })) } : { content: [] },
  })
  return { status: 200, headers: NOTES, body: JSON.stringify(Array.isArray(said) ? said.map(one) : said && one(said)) }
}

async function opened(policy = POLICY): Promise<Scene> {
  const way = await openWayOut()
  const { house } = way
  await way.define({ ...ALPHA, mcp: { paths: ['/mcp'] }, facts: {} }, 2)
  const saved = await house.bob.post('/api/v1/policies', { text: policy })
  expect([saved.status, saved.body.errors]).toEqual([201, []])
  expect((await house.bob.post(`/api/v1/policies/${saved.body.version}/activate`, {})).status).toBe(200)
  const connection = await way.connect({ version: 2 })
  const grant = await house.alice.post('/api/v1/grants', {
    ...{ agent_id: house.agent.id, connection_id: connection.id, rules: RULES },
  })
  expect([grant.status, grant.body.code]).toEqual([201, undefined])
  way.upstream.answer = answer
  const [through, going] = [await way.node(), await way.run()]
  return { ...way, through, going, grantId: grant.body.id, generation: grant.body.generation }
}

const say = ({ send, through, going }: Scene, what: Message | Message[], more: { wait?: number; session?: string } = {}) =>
  send(through, going, {
    ...{ path: '/mcp', body: JSON.stringify(what), wait: more.wait ?? 0 },
    headers: more.session === undefined ? {} : { 'mcp-session-id': more.session },
  }).answer
const heard = (answered: { body: string }): Heard[] => [JSON.parse(answered.body) as Heard | Heard[]].flat()
const toolsIn = (answered: { body: string }) =>
  heard(answered).flatMap(({ result }) => result?.tools?.map(({ name }) => name) ?? [])

test('V99 §12.30 of three tools, two granted and one asking: the list shows what may run, a batch follows the strictest, and errors carry the same ids', async () => {
  const way = await opened()
  const { house, through, reached, grantId } = way
  // What would ask may run.
  const listed = await say(way, list('l'))
  expect([listed.status, toolsIn(listed)]).toEqual([200, TOOLS])
  const batch = [call(1, 'read_file'), call('two', 'refund'), call(3, 'search')]
  const pending = await say(way, batch)
  expect([pending.status, pending.headers['countersign-outcome']]).toEqual([200, 'ask'])
  expect(heard(pending).map(({ id, error }) => [id, error?.code, error?.data.code])).toEqual(
    batch.map(({ id }) => [id, -32_002, 'approval_pending']),
  )
  expect(heard(await say(way, [call(1, 'read_file'), call(2, 'search')])).map(({ id, result }) => [id, result])).toEqual([
    [1, { content: [] }],
    [2, { content: [] }],
  ])
  expect(reached).toHaveLength(2)

  const { headers } = await house.alice.get(`/api/v1/grants/${grantId}`)
  const rules = [RULES[0], { effect: 'deny', tools: ['refund'] }]
  const shrunk = await house.alice.patch(`/api/v1/grants/${grantId}`, { rules }, { 'If-Match': headers.get('etag') ?? '' })
  expect([shrunk.status, shrunk.body.code]).toEqual([200, undefined])
  await through.node.look()
  expect(toolsIn(await say(way, list(7)))).toEqual(['read_file', 'search'])
  expect(toolsIn(await say(way, [call(8, 'search'), list(9)]))).toEqual(['read_file', 'search'])
  const denied = await say(way, batch)
  expect([denied.status, denied.headers['countersign-outcome']]).toEqual([200, 'deny'])
  expect(heard(denied).map(({ id, error }) => [id, error?.code, error?.data.reason])).toEqual(
    batch.map(({ id }) => [id, -32_001, 'tool']),
  )
  expect(reached).toHaveLength(4)
})

test('V99 a tool that policy forbids, by its name, is in no list; a grant of tools opens what a client says before it calls one, and nothing else', async () => {
  const way = await opened(`${POLICY}
@id("no-search") forbid (principal is Agent, action == Action::"proxy.tool", resource) when { context.tool == "search" };`)
  const { send, through, going } = way
  expect(toolsIn(await say(way, list(1)))).toEqual(['read_file', 'refund'])
  for (const method of ['initialize', 'ping', 'notifications/initialized'])
    expect([method, (await say(way, { jsonrpc: '2.0', id: 1, method })).headers['countersign-outcome']]).toEqual([
      method,
      'allow',
    ])
  for (const method of ['resources/read', 'prompts/get', 'toString'])
    expect([method, heard(await say(way, { jsonrpc: '2.0', id: 1, method }))[0]?.error?.data.reason]).toEqual([method, 'tool'])
  const listens = await send(through, going, { path: '/mcp', method: 'GET', headers: { accept: 'text/event-stream' } }).answer
  expect(listens.status).toBe(200)
  expect((await send(through, going, { path: '/mcp', method: 'GET' }).answer).json.reason).toBe('tool')
})

test('V99 a session is its run’s on every proxy, and nobody else’s: another run’s, a bare one and a changed one do not leave', async () => {
  const way = await opened()
  const begun = await say(way, { jsonrpc: '2.0', id: 0, method: 'initialize' })
  const session = String(begun.headers['mcp-session-id'])
  expect([session === 'of-the-server', session.startsWith('of-the-server.')]).toEqual([false, true])
  // Neither of the two proxies remembers it.
  const second = { ...way, through: await way.node() }
  for (const one of [way, second]) expect(toolsIn(await say(one, list(1), { session }))).toEqual(TOOLS)
  expect(way.reached.map((one) => one.session)).toEqual([undefined, 'of-the-server', 'of-the-server'])
  const other = { ...second, going: await way.run() }
  for (const [one, shown] of [
    [other, session],
    [way, 'of-the-server'],
    [second, `x${session}`],
  ] as const) {
    const [refused] = heard(await say(one, list(4), { session: shown }))
    expect(refused).toMatchObject({ id: 4, error: { code: -32_001, data: { code: 'proxy_denied', reason: 'no_grant' } } })
  }
  const ends = { path: '/mcp', method: 'DELETE', headers: { 'mcp-session-id': session } }
  expect((await way.send(way.through, other.going, ends).answer).json.reason).toBe('no_grant')
  expect(way.reached).toHaveLength(3)
  expect((await way.send(way.through, way.going, ends).answer).status).toBe(200)
})

test('V103 V99 the arguments of a tool call are edited, judged again, sent in its place under the same id, and the answer says so', async () => {
  const way = await opened(`${POLICY}
@id("cap") forbid (principal is Agent, action == Action::"proxy.tool", resource) when { context has content && context.content like "*900*" };`)
  const { house, reached } = way
  const waiting = say(way, call('r', 'refund', { amount: 400, charge: 'ch_1' }), { wait: 50 })
  const id = await vi.waitFor(
    async () => {
      const [row] = await house.admin.rows<{ task_id: string }>`select task_id from proxy_holds where state = 'open'`
      return (row as { task_id: string }).task_id
    },
    { timeout: 60_000, interval: 50 },
  )
  const { action } = (await house.bob.get(`/api/v1/tasks/${id}`)).body
  expect(action).toMatchObject({
    name: 'proxy.tool',
    allow: ['accept', 'edit', 'deny'],
    editable: ['/arguments'],
    args: { tool: 'refund', arguments: { amount: 400, charge: 'ch_1' } },
  })
  const edit = (args: object) =>
    house.bob.post(`/api/v1/tasks/${id}/decide`, { seen_revision: 1, type: 'edit', args: { ...action.args, ...args } })
  const denied = await edit({ arguments: { amount: 900, charge: 'ch_1' } })
  expect([denied.status, denied.body.code]).toEqual([422, 'edited_action_denied'])
  expect((await edit({ tool: 'search' })).body.code).toBe('args_invalid')
  expect((await edit({ arguments: { amount: 250, charge: 'ch_1' } })).status).toBe(200)
  const answered = await waiting
  expect([answered.status, answered.headers['countersign-edited'], heard(answered)[0]?.id]).toEqual([200, '1', 'r'])
  expect(reached.map(({ body }) => JSON.parse(body))).toEqual([call('r', 'refund', { amount: 250, charge: 'ch_1' })])
  const { digest, edited_digest } = await house.admin.one<
    Record<'digest' | 'edited_digest', Buffer>
  >`select digest, edited_digest from proxy_holds`
  expect([edited_digest.length, edited_digest.equals(digest)]).toEqual([32, false])
})
