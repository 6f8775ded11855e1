// The asking side of a connection request (relay.md C5, R24, R25, §12.5): takes it back, lets it run out, and fetches the token once.
import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { agentOf, openTwo, type Two } from '../testing/two.ts'

const at = (id: string, act = '') => `/api/v1/connection-requests/${id}${act && `/${act}`}`

async function asked(two: Two, own: object = {}): Promise<{ id: string; task: string }> {
  const { status, body } = await two.ask(own)
  expect(status).toBe(201)
  return { id: body.id, task: `/api/v1/tasks/${body.task_url.split('/').at(-1)}` }
}
const toCollect = async (two: Two): Promise<string> => {
  const { id } = await asked(two)
  expect((await two.house.bob.post(at(id, 'approve'), { issue: 'on_collect' })).status).toBe(200)
  return id
}

test('C5 who asked takes it back, its task closes with it, and nobody can agree to it any more', async () => {
  const two = await openTwo()
  const { house, caller, bea, askerTenant, events } = two
  const { id, task } = await asked(two)
  expect((await house.bob.post(at(id, 'withdraw'))).body.code).toBe('not_participant')
  expect((await house.stranger.post(at(id, 'withdraw'))).status).toBe(404)
  const other = await agentOf(house, bea, ['connection_requests:*'], 'other-bot')
  expect((await other.post(at(id, 'withdraw'))).status).toBe(404)
  const withdrawn = await caller.post(at(id, 'withdraw'), undefined, { 'idempotency-key': 'w-1' })
  expect([withdrawn.status, withdrawn.body.state, withdrawn.body.side]).toEqual([200, 'withdrawn', 'caller'])
  expect((await house.bob.get(task)).body.status).toBe('cancelled')
  expect((await caller.post(at(id, 'withdraw'))).body.state).toBe('withdrawn')
  const late = await house.bob.post(at(id, 'approve'), {})
  expect([late.status, late.body.code, late.body.state]).toEqual([409, 'request_already_decided', 'withdrawn'])
  for (const tenant of [house.tenantId, askerTenant])
    expect((await events(tenant, 'connection_request.withdrawn')).map(({ body }) => body)).toMatchObject([
      { actor: { id: caller.id } },
    ])
  expect((await two.ask()).status).toBe(201)
})

test('C5 time passes: the request and its task are over together, and the next one is asked anew', async () => {
  const two = await openTwo()
  const { house, caller } = two
  const { id, task } = await asked(two)
  await house.clock.advance('24h')
  await house.runJobs()
  // Sessions are over by then, too.
  const later = await house.given.user({ role: 'admin' })
  expect((await later.get(task)).body).toMatchObject({ status: 'completed', outcome: 'denied' })
  expect((await caller.get(at(id))).body.state).toBe('expired')
  const late = await later.post(at(id, 'approve'), {})
  expect([late.body.code, late.body.state]).toEqual(['request_already_decided', 'expired'])
  expect((await two.ask()).status).toBe(201)
})

test('C5 a job that is late lets nobody in: what is over is not agreed to, and stands in nobody’s way', async () => {
  const two = await openTwo()
  const { house } = two
  const { id } = await asked(two)
  await house.clock.advance('24h')
  const later = await house.given.user({ role: 'admin' })
  expect((await later.post(at(id, 'approve'), {})).body).toMatchObject({ code: 'request_already_decided', state: 'expired' })
  const next = await two.ask()
  expect([next.status, next.body.state]).toEqual([201, 'pending'])
  expect((await later.get(at(id))).body.state).toBe('expired')
})

test('C3 C5 an approval and a withdrawal that meet: one of them counts', async () => {
  const two = await openTwo()
  const { house, caller } = two
  for (let round = 0; round < 4; round++) {
    const { id } = await asked(two)
    const [yes, back] = await Promise.all([house.bob.post(at(id, 'approve'), {}), caller.post(at(id, 'withdraw'))])
    expect([yes.status, back.status].sort()).toEqual([200, 409])
    const lost = yes.status === 409 ? yes : back
    expect([lost.body.code, lost.body.state]).toEqual(['request_already_decided', yes.status === 200 ? 'approved' : 'withdrawn'])
    const { n } = await house.admin.one<{ n: number }>`select count(*)::integer as n from relay_grants where state = 'active'`
    expect(n).toBe(yes.status === 200 ? 1 : 0)
    if (yes.status === 200) await house.bob.post(`/api/v1/relay-grants/${yes.body.relay_grant.id}/revoke`, {})
  }
})

test('C5 a question that the owner’s people take back is answered by no', async () => {
  const two = await openTwo()
  const { house, caller } = two
  const { id, task } = await asked(two)
  expect((await house.bob.post(`${task}/cancel`, { reason: 'Not now.' })).status).toBe(200)
  expect((await caller.get(at(id))).body.state).toBe('denied')
})

test('R25 §12.5 with on_collect nothing exists before the first collect, and the token is in that one answer', async () => {
  const two = await openTwo()
  const { house, caller, bea } = two
  const { id } = await asked(two)
  expect((await caller.post(at(id, 'collect'))).body).toMatchObject({ code: 'state_conflict', state: 'pending' })
  const agreed = await house.bob.post(at(id, 'approve'), { issue: 'on_collect' })
  expect(agreed.body).not.toHaveProperty('relay_token')
  const tokens = () => house.admin.rows<{ id: string }>`select id from relay_tokens`
  expect(await tokens()).toEqual([])
  expect((await house.bob.post(at(id, 'collect'))).body.code).toBe('not_participant')

  const key = { 'idempotency-key': randomUUID() }
  const first = await caller.post(at(id, 'collect'), undefined, key)
  expect([first.status, first.body.relay_grant_id]).toEqual([200, agreed.body.relay_grant.id])
  const token: string = first.body.relay_token
  const replay = await caller.post(at(id, 'collect'), undefined, key)
  expect(replay.body).toEqual({
    relay_grant_id: first.body.relay_grant_id,
    expires_at: first.body.expires_at,
    secret_shown: false,
  })
  for (const by of [caller, bea]) {
    const again = await by.post(at(id, 'collect'))
    expect([again.status, again.body.code]).toEqual([409, 'token_already_issued'])
  }
  expect(await tokens()).toHaveLength(1)

  // Nowhere else: no list, no introspection, no table, no log.
  const shown = [
    await caller.get(`/api/v1/relay-grants/${first.body.relay_grant_id}`),
    await house.bob.get('/api/v1/relay-grants'),
    await caller.get('/api/v1/connection-requests'),
    await caller.post('/api/v1/relay-tokens/introspect', { token }),
    await house.bob.get('/api/v1/events'),
  ].map(({ body }) => JSON.stringify(body))
  expect(shown.join('\n')).not.toContain(token)
  expect(shown[0]).toContain(token.slice(-4))
  expect(house.logs.join('\n')).not.toContain(token)
  expect(await dumped(two, token)).toEqual([])
})

/** The tables that hold this text anywhere. */
async function dumped({ house }: Two, text: string): Promise<string[]> {
  const tables = await house.admin.rows<{ name: string }>`
    select format('%I.%I', table_schema, table_name) as name from information_schema.tables
    where table_schema in ('countersign', 'countersign_queue') and table_type = 'BASE TABLE'`
  const found: string[] = []
  for (const { name } of tables) {
    const { rows } = await house.admin.query(`select 1 from ${name} as r where strpos(r::text, $1) > 0 limit 1`, [text])
    const hex = Buffer.from(text).toString('hex')
    const raw = await house.admin.query(`select 1 from ${name} as r where strpos(r::text, $1) > 0 limit 1`, [hex])
    if (rows.length + raw.rows.length > 0) found.push(name)
  }
  return found
}

test('R25 two who collect at the same moment get one token', async () => {
  const two = await openTwo()
  const { house, caller } = two
  const id = await toCollect(two)
  const elsewhere = caller.at((await house.second()).url)
  const answers = await Promise.all([caller, elsewhere, caller, elsewhere].map((by) => by.post(at(id, 'collect'))))
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409])
  expect(answers.filter(({ status }) => status === 409).map(({ body }) => body.code)).toEqual(
    Array(3).fill('token_already_issued'),
  )
  const { n } = await house.admin.one<{ n: number }>`select count(*)::integer as n from relay_tokens`
  expect(n).toBe(1)
})

test('R25 collecting and revoking that meet: no token works afterwards', async () => {
  const two = await openTwo()
  const { house, caller, as } = two
  for (let round = 0; round < 3; round++) {
    const id = await toCollect(two)
    const grant = (await house.bob.get(at(id))).body.relay_grant_id
    const [collected, revoked] = await Promise.all([
      caller.post(at(id, 'collect')),
      house.bob.post(`/api/v1/relay-grants/${grant}/revoke`, {}),
    ])
    expect(revoked.status).toBe(200)
    expect([200, 409]).toContain(collected.status)
    if (collected.status === 409) expect(collected.body.code).toBe('grant_ended')
    else expect((await as(collected.body.relay_token).post('/api/v1/relay-tokens/introspect', {})).body.code).toBe('key_revoked')
  }
})

test('R24 R115 both sides read and list it, each as it is theirs; everybody else finds nothing', async () => {
  const two = await openTwo()
  const { house, caller, bea, askerTenant } = two
  const first = await asked(two)
  await house.bob.post(at(first.id, 'deny'), { note: 'Between us.' })
  const second = await asked(two)
  const ids = async (by: typeof bea, query = '') => {
    const { body } = await by.get(`/api/v1/connection-requests${query}`)
    return body.data.map(({ id, side }: { id: string; side: string }) => [id, side])
  }
  expect(await ids(house.bob)).toEqual([second.id, first.id].map((id) => [id, 'owner']))
  expect(await ids(bea)).toEqual([second.id, first.id].map((id) => [id, 'caller']))
  expect(await ids(caller as never, '?state=denied')).toEqual([[first.id, 'caller']])
  expect(await ids(bea, '?side=owner')).toEqual([])
  expect(await ids(house.bob, '?side=caller')).toEqual([])
  // A page at a time, over both places.
  const page = await bea.get('/api/v1/connection-requests?limit=1')
  const next = await bea.get(`/api/v1/connection-requests?limit=1&cursor=${encodeURIComponent(page.body.next_cursor)}`)
  expect([page.body.data[0].id, next.body.data[0].id, next.body.next_cursor]).toEqual([second.id, first.id, null])
  // Members see what their agents asked for, and no more.
  const member = await house.given.user({ role: 'member', tenantId: askerTenant })
  expect(await ids(member)).toEqual([])
  expect((await member.get(at(first.id))).status).toBe(404)
  expect(await ids(await house.member.person())).toEqual([])
  const foreign = await house.stranger.get(at(first.id))
  const nowhere = await house.stranger.get(at(`${first.id.slice(0, -8)}0000000Z`))
  expect([foreign.status, { ...foreign.body, request_id: '' }]).toEqual([404, { ...nowhere.body, request_id: '' }])
  expect(await ids(await house.stranger.person())).toEqual([])
  expect(JSON.stringify((await bea.get(at(first.id))).body)).not.toContain('Between us.')
})
