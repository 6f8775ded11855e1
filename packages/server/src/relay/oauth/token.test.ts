// Plain OAuth clients (relay.md §3, R102, R114; RFC 6749, RFC 8707): an agent's key gives a child key that opens one agent, natively and over A2A, and nothing else.
import { expect, test } from 'vitest'
import { type Loose, openRelay, type RelayTest } from '../testing/relay.ts'

const basic = (id: string, secret: string) =>
  `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`

async function token({ house }: RelayTest, form: Record<string, string> | [string, string][], authorization?: string) {
  const response = await fetch(`${house.url}/api/v1/oauth/token`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/x-www-form-urlencoded',
      ...(authorization === undefined ? {} : { Authorization: authorization }),
    },
    body: new URLSearchParams(form),
  })
  return { status: response.status, headers: response.headers, body: (await response.json()) as Loose }
}
const urlOf = ({ house }: RelayTest, slug: string) => `${house.server.publicUrl}/agents/${slug}/`
const asks = (relay: RelayTest) => ({ grant_type: 'client_credentials', resource: urlOf(relay, relay.card.slug) })

test('R102 R114 a child key works for its one agent, natively and over A2A, for an hour, with the scopes asked for', async () => {
  const relay = await openRelay()
  const { house, caller, card } = relay
  const got = await token(relay, { ...asks(relay), scope: 'threads:start threads:read' }, basic(caller.id, caller.key))
  expect([got.status, got.body]).toMatchObject([
    200,
    { token_type: 'Bearer', expires_in: 3600, scope: 'threads:read threads:start' },
  ])
  expect(got.headers.get('cache-control')).toBe('no-store')
  const child = relay.bearer(got.body.access_token)
  const started = await child.post(`/api/v1/agents/${card.slug}/threads`, { text: 'hello' })
  expect(started.status, JSON.stringify(started.body)).toBe(202)
  const id = started.body.thread_id
  expect((await child.get(`/api/v1/threads/${id}`)).body.id).toBe(id)
  const send = {
    message: { messageId: 'm1', role: 'ROLE_USER', parts: [{ text: 'hello' }] },
    configuration: { returnImmediately: true },
  }
  const rpc = (slug: string) =>
    child.post(
      `/agents/${slug}/a2a/jsonrpc`,
      { jsonrpc: '2.0', id: 1, method: 'SendMessage', params: send },
      { 'A2A-Version': '1.0' },
    )
  const over = await rpc(card.slug)
  expect([over.status, over.body.result?.task?.status?.state]).toEqual([200, 'TASK_STATE_SUBMITTED'])
  // Not asked for.
  expect([(await child.post(`/api/v1/threads/${id}/close`, {})).status]).toEqual([403])

  const other = await relay.makeCard()
  const grant = await relay.makeGrant({ card: other })
  const { thread_id: foreign } = (await relay.start({ text: 'hi' }, { card: other, token: grant.token })).body
  for (const answer of [
    await child.post(`/api/v1/agents/${other.slug}/threads`, { text: 'hello' }),
    await rpc(other.slug),
    await child.get('/api/v1/threads'),
    await child.get('/api/v1/tasks'),
    await child.get('/api/v1/cards'),
    await child.post('/mcp', { jsonrpc: '2.0', id: 1, method: 'tools/list' }),
  ])
    expect([answer.status, JSON.stringify(answer.body)]).toEqual([
      401,
      expect.stringMatching(/wrong_token_kind|UNAUTHENTICATED|WRONG_TOKEN_KIND/),
    ])
  expect((await child.get(`/api/v1/threads/${foreign}`)).status).toBe(404)
  expect((await caller.get(`/api/v1/threads/${foreign}`)).status).toBe(200)

  await house.clock.advance('61m')
  expect((await child.get(`/api/v1/threads/${id}`)).body.code).toBe('key_expired')
})

test('R102 a child key dies with its key, has no children, and is known by its hash alone', async () => {
  const relay = await openRelay()
  const { house, caller, bea } = relay
  const { body } = await token(relay, { ...asks(relay), client_id: caller.id, client_secret: caller.key })
  expect(body.scope.split(' ')).toEqual([
    'threads:close',
    'threads:read',
    'threads:respond',
    'threads:send',
    'threads:serve',
    'threads:start',
    'threads:subscribe',
  ])
  const again = await token(relay, { ...asks(relay), client_id: caller.id, client_secret: body.access_token })
  expect([again.status, again.body.error]).toEqual([401, 'invalid_client'])
  const stored = JSON.stringify(await house.admin.rows`select id, audience, scopes, encode(token_hash, 'hex') from child_keys`)
  expect(stored).not.toContain(body.access_token)
  const { key_id } = (await caller.get('/api/v1/principal')).body
  expect((await bea.post(`/api/v1/keys/${key_id}/revoke`, {})).status).toBeLessThan(300)
  const dead = await relay.bearer(body.access_token).post(`/api/v1/agents/${relay.card.slug}/threads`, { text: 'hello' })
  expect([dead.status, dead.body.code]).toEqual([401, 'key_revoked'])
})

test('R102 refusals are those of RFC 6749 and RFC 8707, and a wrong client learns nothing', async () => {
  const relay = await openRelay()
  const { caller, house } = relay
  const good = { ...asks(relay), client_id: caller.id, client_secret: caller.key }
  const { grant_type: _type, ...untyped } = good
  const { resource: _at, ...nowhere } = good
  const said = async (form: Record<string, string> | [string, string][], authorization?: string) => {
    const { status, body } = await token(relay, form, authorization)
    return [status, body.error]
  }
  expect(await said(untyped)).toEqual([400, 'invalid_request'])
  expect(await said({ ...good, grant_type: 'password' })).toEqual([400, 'unsupported_grant_type'])
  expect(await said({ ...good, grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange' })).toEqual([
    400,
    'unsupported_grant_type',
  ])
  expect(await said([...Object.entries(good), ['scope', 'a'], ['scope', 'b']])).toEqual([400, 'invalid_request'])
  expect(await said(nowhere)).toEqual([400, 'invalid_target'])
  expect(await said({ ...good, resource: urlOf(relay, 'nobody-here') })).toEqual([400, 'invalid_target'])
  expect(await said({ ...good, resource: `https://elsewhere.example/agents/${relay.card.slug}/` })).toEqual([
    400,
    'invalid_target',
  ])
  expect(await said({ ...good, scope: 'tasks:read' })).toEqual([400, 'invalid_scope'])
  expect(await said(good, basic(caller.id, caller.key))).toEqual([400, 'invalid_request'])
  const wrong = await token(relay, asks(relay), basic(caller.id, `${caller.key.slice(0, -1)}x`))
  expect([wrong.status, wrong.body.error, wrong.headers.get('www-authenticate')]).toEqual([
    401,
    'invalid_client',
    'Basic realm="countersign"',
  ])
  expect(await said({ ...good, client_id: relay.server.id })).toEqual([401, 'invalid_client'])
  expect(await said({ ...asks(relay) })).toEqual([401, 'invalid_client'])
  expect(await said({ ...good, client_secret: relay.grant.token })).toEqual([401, 'invalid_client'])
  const json = await fetch(`${house.url}/api/v1/oauth/token`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(good),
  })
  expect([json.status, ((await json.json()) as Loose).error]).toEqual([400, 'invalid_request'])
  const metadata = (await house.nobody.get('/.well-known/oauth-authorization-server')).body
  expect(metadata.token_endpoint).toBe(`${house.server.publicUrl}/api/v1/oauth/token`)
})
