// Whose token it is (relay.md R26, R38, R114, R120, §10, §12.6; platform.md P11, P52, P59): what a tenant takes from an agent, a person or itself it takes from their tokens too, and
// a token that stood in a URL is over. On both faces.
import { expect, test } from 'vitest'
import { BINDINGS, message, raw, rawResponse, readFrames } from './a2a/testing/agent.ts'
import { type Loose, openRelay, type RelayTest } from './testing/relay.ts'

const told = (answer: { status: number; body: Loose }) => [answer.status, answer.body.code]
const agentOf = ({ house, card, grant }: RelayTest) => ({ house, slug: card.slug, grant })
const setState = ({ house }: RelayTest, table: string, id: string, state: string) =>
  house.admin.query(`update countersign.${table} set state = $1 where id = $2`, [state, id])
const now = { configuration: { returnImmediately: true } }

test('R26 R38 an agent that its tenant has paused or revoked does nothing by the tokens it holds, on either face', async () => {
  const relay = await openRelay()
  const { body } = await relay.start({ text: 'hello', want_thread_token: true })
  const at = `/api/v1/threads/${body.thread_id}`
  const caller = relay.bearer(body.thread_access_token)
  const owner = relay.bearer((await relay.server.post(`${at}/access-tokens`, {})).body.thread_access_token)
  const holder = relay.bearer(relay.grant.token)
  const byCaller = async () => [
    told(await relay.start({ text: 'again' })),
    told(await holder.post(`${at}/messages`, { text: 'more' })),
    told(await holder.post('/api/v1/relay-tokens/introspect', {})),
    told(await caller.get(at)),
    told(await caller.post(`${at}/access-tokens`, {})),
    told(await caller.post(`${at}/close`, {})),
  ]
  const byOwner = async () => [
    told(await owner.get(at)),
    told(await owner.post(`${at}/responses`, { text: 'x' })),
    told(await owner.post(`${at}/access-tokens`, {})),
  ]
  const overA2a = () =>
    Promise.all(
      BINDINGS.flatMap((binding) =>
        ['SendMessage', 'ListTasks'].map(
          async (method) =>
            (
              await raw(agentOf(relay), binding, {
                method,
                params: method === 'SendMessage' ? { message: message(), ...now } : {},
              })
            ).status,
        ),
      ),
    )
  for (const [state, refusal] of [
    ['paused', [403, 'forbidden']],
    ['revoked', [401, 'key_revoked']],
  ] as const) {
    await setState(relay, 'agents', relay.caller.id, state)
    expect([state, await byCaller()]).toEqual([state, Array(6).fill(refusal)])
    expect([state, await overA2a()]).toEqual([state, Array(4).fill(refusal[0])])
    await setState(relay, 'agents', relay.caller.id, 'active')
    await setState(relay, 'agents', relay.server.id, state)
    expect([state, await byOwner()]).toEqual([state, Array(3).fill(refusal)])
    await setState(relay, 'agents', relay.server.id, 'active')
  }
  expect((await relay.house.admin.one<Loose>`select count(*)::integer as n from messages`).n).toBe(1)
  // What was taken can be given back, and then they count as before.
  expect((await caller.get(at)).body.state).toBe('queued')
  expect((await owner.post(`${at}/responses`, { text: 'x' })).status).toBe(200)
})

test('R26 R120 from a suspended tenant nothing is written by any token, and all is read', async () => {
  const relay = await openRelay()
  const { body } = await relay.start({ text: 'hello', want_thread_token: true })
  const at = `/api/v1/threads/${body.thread_id}`
  const caller = relay.bearer(body.thread_access_token)
  const holder = relay.bearer(relay.grant.token)
  await setState(relay, 'tenants', relay.callerTenant, 'suspended')
  for (const answer of [
    await relay.start({ text: 'again' }),
    await holder.post(`${at}/messages`, { text: 'more' }),
    await caller.post(`${at}/close`, {}),
  ])
    expect(told(answer)).toEqual([403, 'tenant_suspended'])
  for (const binding of BINDINGS) {
    const send = await raw(agentOf(relay), binding, { method: 'SendMessage', params: { message: message(), ...now } })
    expect([binding, send.error?.reason]).toEqual([binding, 'TENANT_SUSPENDED'])
    expect((await raw(agentOf(relay), binding, { params: { id: body.thread_id } })).status).toBe(200)
  }
  expect((await caller.get(at)).body.state).toBe('queued')
  // The owner's side is nobody's but its own.
  expect((await relay.respond(body.thread_id, { outcome: 'progress', text: 'x' })).status).toBe(200)
  await setState(relay, 'tenants', relay.callerTenant, 'active')
  expect((await relay.start({ text: 'again' })).status).toBe(202)
})

test('R38 the token of a person of the caller’s opens nothing once they have left, nor does what it was renewed to', async () => {
  const relay = await openRelay()
  const { thread_id: id } = (await relay.start()).body
  const at = `/api/v1/threads/${id}`
  const first: string = (await relay.bea.post(`${at}/access-tokens`, {})).body.thread_access_token
  const renewed: string = (await relay.bearer(first).post(`${at}/access-tokens`, {})).body.thread_access_token
  for (const token of [first, renewed]) expect((await relay.bearer(token).get(at)).status).toBe(200)
  await relay.house.admin.run`update roles set deactivated_at = countersign.now() where user_id = ${relay.bea.id}`
  for (const token of [first, renewed])
    for (const answer of [
      await relay.bearer(token).get(at),
      await relay.bearer(token).post(`${at}/access-tokens`, {}),
      await relay.bearer(token).post(`${at}/close`, {}),
    ])
      expect(told(answer)).toEqual([401, 'key_revoked'])
  expect(await relay.thread(id)).toMatchObject({ state: 'queued' })
})

test('R114 §10 a thread token in a URL is refused and its whole line is over; its side’s record says so, and no other token suffers', async () => {
  const relay = await openRelay()
  const { house } = relay
  const { body } = await relay.start({ text: 'hello', want_thread_token: true })
  const at = `/api/v1/threads/${body.thread_id}`
  const token: string = body.thread_access_token
  const renewed: string = (await relay.bearer(token).post(`${at}/access-tokens`, {})).body.thread_access_token
  await house.clock.advance('1s')
  const other: string = (await relay.caller.post(`${at}/access-tokens`, {})).body.thread_access_token
  const leaked = await house.nobody.get(`${at}?access_token=${token}`)
  expect(told(leaked)).toEqual([400, 'credential_in_url'])
  for (const one of [token, renewed]) expect((await relay.bearer(one).get(at)).status).toBe(401)
  expect((await relay.bearer(other).get(at)).status).toBe(200)
  const exposed = async (tenant: string) =>
    (
      await house.admin.rows<{ body: string }>`
      select body from events where tenant_id = ${tenant}::uuid and type in ('key.exposed', 'relay_grant.updated') order by ord`
    ).map((one) => JSON.parse(one.body).data)
  expect(await exposed(relay.callerTenant)).toMatchObject([{ thread_id: body.thread_id, reason: 'exposed' }])
  expect(await exposed(house.tenantId)).toEqual([])

  const own: string = (await relay.server.post(`${at}/access-tokens`, {})).body.thread_access_token
  expect(told(await house.nobody.get(`/api/v1/tasks?q=${encodeURIComponent(own)}`))).toEqual([400, 'credential_in_url'])
  expect((await relay.bearer(own).get(at)).status).toBe(401)
  expect(await exposed(house.tenantId)).toMatchObject([{ thread_id: body.thread_id, where: 'url' }])
  expect(await exposed(relay.callerTenant)).toHaveLength(1)
  expect(house.logs.join('\n')).not.toContain(token)
})

test.each(BINDINGS)('R114 §10 over A2A as well a token in the URL is refused, and revoked: %s', async (binding) => {
  const relay = await openRelay()
  const grant = await relay.makeGrant({ agent: null })
  const leaked = await raw(agentOf(relay), binding, { method: 'ListTasks', token: null, query: `?token=${grant.token}` })
  expect(leaked.status).toBe(400)
  const after = await raw(agentOf(relay), binding, { method: 'ListTasks', token: grant.token })
  expect([after.status, after.error?.reason]).toEqual([401, 'UNAUTHENTICATED'])
  for (const wrong of [relay.grant.token.slice(0, -1), relay.grant.token.repeat(2), `${relay.grant.token.slice(0, -1)}-`])
    expect((await raw(agentOf(relay), binding, { method: 'ListTasks', token: wrong })).status).toBe(401)
})

test.each(BINDINGS)('R96 a stream ends with the agent whose token opened it: %s', async (binding) => {
  const relay = await openRelay()
  const { thread_id: id } = (await relay.start()).body
  const response = await rawResponse(agentOf(relay), binding, { method: 'SubscribeToTask', params: { id } })
  const log = readFrames(response, binding)
  await expect.poll(() => log.frames.length).toBe(1)
  await setState(relay, 'agents', relay.caller.id, 'revoked')
  const from = performance.now()
  await log.ended
  expect(performance.now() - from).toBeLessThan(5_000)
})
