// The agent `sandbox` (relay.md R3, R4): there on every server, made once, answering by the first word of what it is told.
import { expect, test } from 'vitest'
import { clientOf, setup } from '#harness'
import { systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { homeTenant } from '../../identity/sql.ts'
import { listTenants } from '../../identity/tenants/sql.ts'
import { type Loose, relayAgent } from '../testing/relay.ts'
import { SANDBOX_TENANT } from './place.ts'
import { openSandbox } from './testing/sandbox.ts'

test('R3 the sandbox is there at the start, once, whatever number of processes start at the same time', async () => {
  const house = await setup({ sandbox: true })
  await Promise.all([house.second(), house.second(), house.second()])
  expect(await house.admin.rows`select slug, version, visibility, retention_days from cards`).toEqual([
    { slug: 'sandbox', version: 1, visibility: 'public', retention_days: 1 },
  ])
  const card = await house.nobody.get('/api/v1/agents/sandbox/card')
  expect([card.status, card.body.name, card.headers.get('countersign-card-version')]).toEqual([200, 'Sandbox', '1'])
  const a2a = await fetch(`${house.url}/agents/sandbox/.well-known/agent-card.json`)
  expect([a2a.status, ((await a2a.json()) as Loose).signatures.length]).toEqual([200, 1])
})

test('R3 what an older version said of the sandbox becomes a new version of its card', async () => {
  const house = await setup({ sandbox: true })
  await house.admin.run`
    update card_versions set content = jsonb_set(content::jsonb, '{summary}', '"Older"')::json, content_hash = decode(repeat('00', 32), 'hex')`
  await house.second()
  const card = await house.nobody.get('/api/v1/agents/sandbox/card')
  expect([card.body.summary, card.headers.get('countersign-card-version')]).toEqual([
    'Answers by the first word of what it is told, so that one person can try everything.',
    '2',
  ])
})

test('R3 the tenant of the sandbox is nobody’s: neither the first of the installation nor in any list, and its slug is taken', async () => {
  const house = await setup({ sandbox: true })
  const inside = async () =>
    tx(house.db, systemScope('test'), async (t) => ({
      home: (await homeTenant(t)).id,
      all: (await listTenants(t, { after: null, only: null, limit: 100 })).map(({ id }) => id),
      one: await listTenants(t, { after: null, only: SANDBOX_TENANT, limit: 1 }),
    }))
  expect(await inside()).toEqual({ home: house.tenantId, all: [house.tenantId], one: [] })
  expect(
    (await house.admin.one<{ n: number }>`select count(*)::int as n from tenants where id = ${SANDBOX_TENANT}::uuid`).n,
  ).toBe(1)
  expect((await house.alice.get('/api/v1/me/tenants')).body).not.toMatchObject({ data: [{}, {}] })
  expect(await house.admin.rows`select 1 from roles where tenant_id = ${SANDBOX_TENANT}::uuid`).toEqual([])
  const taken = await house.alice.post('/api/v1/cards', {
    ...{ slug: 'sandbox', name: 'Mine', summary: 'Mine.', accepted_inputs: ['text/plain'], expected_outputs: ['text/plain'] },
    skills: [{ id: 'x', name: 'X', description: 'X.', tags: ['x'] }],
  })
  expect([taken.status, taken.body.code]).toEqual([422, 'validation_failed'])
})

test('R3 one call gives a relay token of a day, commands that work as they are and the page of its threads; it reaches no other agent', async () => {
  const { house, tried, token, caller } = await openSandbox()
  expect(token).toMatch(/^cs_live_rly_/)
  expect(tried).toMatchObject({
    agent: 'sandbox',
    relay_grant: { side: 'caller', sandbox: true, state: 'active', asker: { label: 'visitor' } },
  })
  const day = new Date(tried.expires_at).getTime() - new Date(tried.relay_grant.created_at).getTime()
  expect(day).toBe(86_400_000)
  for (const text of Object.values(tried.commands)) expect(text).toContain(token)
  expect(tried.links.threads_page).toBe(`${house.url}/threads?side=caller&agent=sandbox`)
  const other = await house.alice.post('/api/v1/cards', {
    ...{ slug: 'other', name: 'Other', summary: 'Other.', accepted_inputs: ['text/plain'], expected_outputs: ['text/plain'] },
    skills: [{ id: 'x', name: 'X', description: 'X.', tags: ['x'] }],
  })
  expect(other.status).toBe(201)
  const strayed = await caller.post('/api/v1/agents/other/threads', { text: 'hello' })
  expect([strayed.status, strayed.body.code]).toEqual([403, 'approval_required'])
  await house.clock.advance('24h')
  const late = await caller.post('/api/v1/agents/sandbox/threads', { text: 'hello' })
  expect([late.status, late.body.code]).toEqual([401, 'key_expired'])
})

test('R3 a repeat answers the same live relay grant with another token, and never more than two that work; a stored reply shows none', async () => {
  const { house, tried, token } = await openSandbox()
  const again = async (headers: Record<string, string> = {}) =>
    (await house.alice.post('/api/v1/relay/sandbox', { from_agent_id: tried.relay_grant.asker.agent_id }, headers)).body
  const [second, third] = [await again(), await again({ 'Idempotency-Key': 'one' })]
  expect(new Set([tried, second, third].map((one) => one.relay_grant.id)).size).toBe(1)
  const works = async (one: string) =>
    (await clientOf(house.url, { bearer: one }).post('/api/v1/agents/sandbox/threads', { text: 'silent' })).status
  expect(await Promise.all([token, second.relay_token, third.relay_token].map(works))).toEqual([401, 202, 202])
  const replayed = await again({ 'Idempotency-Key': 'one' })
  expect(replayed).toMatchObject({ secret_shown: false, relay_grant: { id: tried.relay_grant.id } })
  expect(JSON.stringify(replayed)).not.toContain(third.relay_token)
  expect(JSON.stringify(await house.admin.rows`select * from events`)).not.toContain(token)
  expect(house.logs.join('\n')).not.toContain(token)
})

test('R3 in the last hour of a relay grant a repeat begins another day, and its threads end with it', async () => {
  const { house, tried, say } = await openSandbox()
  const own = await house.given.key({ kind: 'usr', name: 'alice', scopes: ['connection_requests:*'] })
  const again = async () =>
    (
      await clientOf(house.url, { bearer: own.secret }).post('/api/v1/relay/sandbox', {
        from_agent_id: tried.relay_grant.asker.agent_id,
      })
    ).body
  const { thread_id: id } = await say('echo still here')
  await house.clock.advance('22h')
  expect((await again()).relay_grant.id).toBe(tried.relay_grant.id)
  await house.clock.advance('61m')
  const next = await again()
  expect(next.relay_grant.id).not.toBe(tried.relay_grant.id)
  expect(new Date(next.expires_at).getTime() - new Date(next.relay_grant.created_at).getTime()).toBe(86_400_000)
  expect(await house.admin.one`select state, reason from threads where id = ${id}`).toEqual({
    state: 'revoked',
    reason: 'grant_expired',
  })
})

test('R3 ten calls of one person at once make one agent and one relay grant', async () => {
  const house = await setup({ sandbox: true })
  const all = await Promise.all(Array.from({ length: 10 }, () => house.alice.post('/api/v1/relay/sandbox', {})))
  expect(new Set(all.map(({ status }) => status))).toEqual(new Set([201]))
  expect(new Set(all.map(({ body }) => body.relay_grant.id)).size).toBe(1)
  expect(await house.admin.rows`select name from agents where name = 'Try-out'`).toEqual([{ name: 'Try-out' }])
})

test('R3 no agent tries itself in, nobody whose role starts nothing, and nobody for an agent of somebody else', async () => {
  const house = await setup({ sandbox: true })
  const agent = await (await relayAgent(house, house.alice, 'curious')).post('/api/v1/relay/sandbox', {})
  expect([agent.status, agent.body.code]).toEqual([403, 'forbidden'])
  expect((await house.viewer.post('/api/v1/relay/sandbox', {})).status).toBe(403)
  const foreign = await house.member.post('/api/v1/relay/sandbox', { from_agent_id: house.agent.id })
  expect([foreign.status, foreign.body.errors[0].path]).toEqual([422, '/from_agent_id'])
  expect((await house.member.post('/api/v1/relay/sandbox', {})).status).toBe(201)
})

test('R3 what policies at home forbid to ask others, they forbid here', async () => {
  const house = await setup({ sandbox: true })
  const { body } = await house.alice.get('/api/v1/policies/active')
  expect(body.text).toContain('relay-asks')
  const drafted = await house.alice.post('/api/v1/policies', {
    text: `${body.text}\n@id("alone") forbid (principal, action == Action::"connection_request.create", resource) when { context.direction == "out" };\n`,
  })
  expect(drafted.status).toBe(201)
  const active = await house.alice.post(`/api/v1/policies/${drafted.body.version}/activate`, {})
  expect(active.status).toBe(200)
  const refused = await house.alice.post('/api/v1/relay/sandbox', {})
  expect([refused.status, refused.body.code]).toEqual([403, 'policy_denied'])
  expect(await house.admin.rows`select id from relay_grants`).toEqual([])
})

const textOf = (one: Loose): string => one.response.parts[0].text

test('R4 `echo X` answers X, and so does everything that begins with no word of its own, data included', async () => {
  const { say, thread } = await openSandbox()
  const echoed = await say('echo good morning')
  expect([textOf(echoed), echoed.response.state, echoed.response.outcome]).toEqual(['good morning', 'responded', 'reply'])
  expect(textOf(await say('Good evening'))).toBe('Good evening')
  const data = await say('', { text: undefined, data: { order: 7 } })
  expect(data.response.parts).toEqual([{ data: { order: 7 } }])
  expect(await thread(data.thread_id)).toMatchObject({ state: 'responded', turn: 'caller' })
})

test('R4 `artifact` answers a text, data and a file, and `chunks 3` one artifact in three pieces', async () => {
  const { say, events } = await openSandbox()
  const made = await say('artifact')
  expect(made.response.state).toBe('closed')
  expect(made.response.artifacts.map(({ parts }: Loose) => Object.keys(parts[0]))).toEqual([
    ['text'],
    ['data'],
    ['raw', 'media_type', 'filename'],
  ])
  const { response, thread_id: id } = await say('chunks 3')
  expect([response.state, textOf({ response })]).toEqual(['responded', 'One artifact in 3 pieces.'])
  expect(response.artifacts).toMatchObject([
    {
      artifact_id: 'chunks',
      is_complete: true,
      parts: [{ text: 'piece 1 of 3\n' }, { text: 'piece 2 of 3\n' }, { text: 'piece 3 of 3\n' }],
    },
  ])
  const types = (await events(id)).map(({ type }: Loose) => type).filter((type: string) => type.startsWith('artifact'))
  expect(types).toEqual(['artifact.updated', 'artifact.updated', 'artifact.completed'])
})

test('R4 `ask` asks back, and the next message completes whatever it begins with', async () => {
  const { say, caller, thread } = await openSandbox()
  const asked = await say('ask')
  expect([asked.response.outcome, asked.response.state]).toEqual(['ask', 'waiting_caller'])
  const went = await caller.post(`/api/v1/threads/${asked.thread_id}/messages`, { text: 'fail', sync: { wait_ms: 10_000 } })
  expect([went.status, went.body.response.outcome, textOf(went.body)]).toEqual([200, 'completed', 'You said: fail'])
  expect(await thread(asked.thread_id)).toMatchObject({ state: 'closed', outcome: 'completed' })
})

test('R4 `approve` waits in the visitor’s own inbox, who decides it themselves; agreed, what stands behind it is done; refused, nothing reached the sandbox', async () => {
  const { house, say, thread } = await openSandbox()
  const decide = async (id: string, type: string) => {
    const { revision } = (await house.alice.get(`/api/v1/tasks/${id}`)).body
    return house.alice.post(`/api/v1/tasks/${id}/decide`, { type, seen_revision: revision })
  }
  const held = await say('approve echo signed', { sync: undefined })
  expect(held).toMatchObject({ state: 'awaiting_approval', approval: { side: 'caller' } })
  const open = (await house.alice.get('/api/v1/tasks?status=open')).body.data
  expect(open).toMatchObject([
    { id: held.approval.task_id, task: 'The message begins with “approve”, so the sandbox asks: may visitor send it?' },
  ])
  expect(await house.admin.rows`select id from threads`).toEqual([])
  expect((await decide(held.approval.task_id, 'accept')).status).toBe(200)
  await expect.poll(async () => (await thread(held.thread_id)).state).toBe('responded')
  expect((await house.admin.one<{ n: number }>`select count(*)::int as n from threads`).n).toBe(1)

  const refused = await say('approve', { sync: undefined })
  expect((await decide(refused.approval.task_id, 'deny')).status).toBe(200)
  expect(await thread(refused.thread_id)).toMatchObject({ state: 'rejected', reason: 'approval_denied' })
  expect((await house.admin.one<{ n: number }>`select count(*)::int as n from threads`).n).toBe(1)
  const more = await say('approve', { sync: undefined })
  expect((await decide(more.approval.task_id, 'accept')).status).toBe(200)
  await expect.poll(async () => (await thread(more.thread_id)).state).toBe('responded')
})

test('R4 nobody but the sandbox asks because of a word', async () => {
  const { house } = await openSandbox()
  const agent = await relayAgent(house, house.alice, 'server')
  const card = {
    ...{ slug: 'mine', name: 'Mine', summary: 'Mine.', accepted_inputs: ['text/plain'], expected_outputs: ['text/plain'] },
    skills: [{ id: 'x', name: 'X', description: 'X.', tags: ['x'] }],
  }
  expect((await house.alice.post('/api/v1/cards', { ...card, agent_id: agent.id })).status).toBe(201)
  const tried = await house.alice.post('/api/v1/relay/sandbox', { agent: 'mine' })
  const caller = clientOf(house.url, { bearer: tried.body.relay_token })
  const started = await caller.post('/api/v1/agents/mine/threads', { text: 'approve this' })
  expect([started.status, started.body.state]).toEqual([202, 'queued'])
})

test('R4 `message`, `fail` and `reject` are those ends, and `silent` is taken and never answered', async () => {
  const { house, say, thread } = await openSandbox()
  const direct = await say('message')
  expect([direct.response.outcome, direct.response.state]).toEqual(['message', 'closed'])
  const failed = await say('fail for once')
  expect(await thread(failed.thread_id)).toMatchObject({
    ...{ state: 'failed', reason: 'agent_error' },
    error: { code: 'sandbox_failed', message: 'for once' },
  })
  expect(await thread((await say('reject')).thread_id)).toMatchObject({ state: 'rejected', reason: 'agent_rejected' })
  const { thread_id: id } = await say('silent', { sync: undefined })
  await expect.poll(async () => (await thread(id)).state).toBe('waiting_owner')
  await house.clock.advance('1h')
  expect((await thread(id)).state).toBe('waiting_owner')
})

test('R4 `slow 5` works for five seconds and tells how far it is; a thread that is closed meanwhile stays closed', async () => {
  const { house, say, visitor, thread, messages } = await openSandbox()
  const { thread_id: id } = await say('slow 5', { sync: undefined })
  const said = async () =>
    (await messages(id)).filter(({ side }: Loose) => side === 'owner').map((one: Loose) => one.parts[0].text)
  for (let second = 1; second <= 4; second++) {
    await expect.poll(async () => (await thread(id)).state, { timeout: 5_000 }).toMatch(/delivering|waiting_owner/)
    await expect
      .poll(
        async () => {
          await house.clock.advance('1s')
          return (await said()).length
        },
        { timeout: 10_000, interval: 50 },
      )
      .toBeGreaterThanOrEqual(second)
  }
  await expect
    .poll(
      async () => {
        await house.clock.advance('1s')
        return (await thread(id)).state
      },
      { timeout: 10_000 },
    )
    .toBe('closed')
  expect(await said()).toEqual([
    '1 of 5 seconds',
    '2 of 5 seconds',
    '3 of 5 seconds',
    '4 of 5 seconds',
    'Done after 5 seconds.',
    'Done after 5 seconds.',
  ])
  const { thread_id: other } = await say('slow 30', { sync: undefined })
  await expect.poll(async () => (await thread(other)).state).toBe('delivering')
  expect((await visitor.post(`/api/v1/threads/${other}/close`, {})).body).toMatchObject({ state: 'closed', outcome: 'canceled' })
  await house.clock.advance('40s')
  expect(textOf(await say('echo next'))).toBe('next')
  expect(await thread(other)).toMatchObject({ state: 'closed', outcome: 'canceled' })
})

test('R3 a message that a process held when it stopped is answered by the next one', async () => {
  const { house, say, thread } = await openSandbox()
  const { thread_id: id } = await say('slow 3', { sync: undefined })
  await expect.poll(async () => (await thread(id)).state).toBe('delivering')
  await house.second()
  await house.server.close()
  // It was given back as that one ended, and waits for no lease.
  const state = async () => (await house.admin.one<{ state: string }>`select state from threads where id = ${id}`).state
  await expect
    .poll(
      async () => {
        await house.clock.advance('1s')
        return state()
      },
      { timeout: 20_000 },
    )
    .toBe('closed')
})
