// Grants: what they may say, who makes and ends them, what agents propose (V12–V15, §10.1).
import { expect, test } from 'vitest'
import { newId } from '../../std/id.ts'
import { openVault } from '../testing/vault.ts'

const PATH = '/api/v1/grants'
const RULES = [{ effect: 'allow', methods: ['GET'], paths: ['/v1'] }]
const AT = { 'If-Match': '"1"' }

async function granted() {
  const vault = await openVault()
  const connection = await vault.connect()
  const input = { agent_id: vault.house.agent.id, connection_id: connection.id, rules: RULES }
  const told = async () => (await vault.house.eventTypes()).filter((type) => type.startsWith('grant.'))
  return { ...vault, connection, input, told }
}

test('V12 a person grants: defaults, who sees it, change under If-Match, suspend, confirm, revoke; each leaves its event', async () => {
  const { house, connection, input, told } = await granted()
  const made = await house.alice.post(PATH, { ...input, reason: 'Nightly report' })
  expect(made.status).toBe(201)
  expect(made.body).toMatchObject({
    ...{
      agent_id: house.agent.id,
      agent_label: null,
      connection_id: connection.id,
      rules: RULES,
      status: 'active',
      generation: 1,
    },
    ...{
      max_uses: null,
      uses: 0,
      minting: false,
      placeholder_required: false,
      record: 'auto',
      scan: true,
      reason: 'Nightly report',
    },
  })
  expect(Date.parse(made.body.expires_at) - Date.parse(made.body.starts_at)).toBe(30 * 86_400_000)
  const at = `${PATH}/${made.body.id}`
  expect((await house.agent.get(at)).body.id).toBe(made.body.id)
  expect((await house.agent.get('/api/v1/connections')).body.data).toHaveLength(1)
  expect((await house.agent.post(`${at}/approve`, {})).status).toBe(403)
  expect((await house.member.get(at)).status).toBe(404)
  expect((await house.stranger.get(at)).status).toBe(404)
  const changed = await house.bob.patch(at, { rules: [{ effect: 'ask', paths: ['/v1'] }], max_uses: 5 }, AT)
  expect(changed.body).toMatchObject({ generation: 2, max_uses: 5, rules: [{ effect: 'ask', paths: ['/v1'] }] })
  expect((await house.bob.patch(at, { max_uses: 6 }, AT)).body).toMatchObject({ code: 'version_conflict', version: 2 })
  expect((await house.bob.post(`${at}/reject`, {})).body.code).toBe('state_conflict')
  expect((await house.bob.post(`${at}/suspend`, { reason: 'odd' })).body).toMatchObject({
    status: 'suspended',
    status_cause: 'odd',
  })
  expect((await house.agent.get('/api/v1/connections')).body.data).toEqual([])
  expect((await house.bob.post(`${at}/approve`, {})).body).toMatchObject({ status: 'active', generation: 4 })
  expect((await house.bob.post(`${at}/revoke`, {})).body).toMatchObject({ status: 'revoked' })
  expect((await house.bob.post(`${at}/revoke`, {})).body.code).toBe('state_conflict')
  expect((await house.bob.patch(at, { max_uses: 1 })).body.code).toBe('state_conflict')
  expect(await told()).toEqual(['grant.created', 'grant.changed', 'grant.suspended', 'grant.confirmed', 'grant.revoked'])
})

// What is refused leaves nothing, so one house serves the whole table.
const wrong: [object, string][] = [
  [{ rules: [] }, '/rules'],
  [{ rules: Array.from({ length: 501 }, () => RULES[0]) }, '/rules'],
  [{ rules: [{ effect: 'allow', methods: ['get'] }] }, '/rules/0/methods/0'],
  [{ rules: [{ effect: 'allow' }, { effect: 'allow', paths: ['/v1', 'v1'] }] }, '/rules/1/paths/1'],
  [{ rules: [{ effect: 'allow', paths: ['/v1/../x'] }] }, '/rules/0/paths/0'],
  [{ rules: [{ effect: 'allow', hosts: ['api.example.com', 'evil.test'] }] }, '/rules/0/hosts/1'],
  [{ rules: [{ effect: 'allow', hosts: ['*.example.com'] }] }, '/rules/0/hosts/0'],
  [{ rules: [{ effect: 'allow', hosts: ['*.com'] }] }, '/rules/0/hosts/0'],
  [{ rules: [{ effect: 'allow', hosts: [] }] }, '/rules/0/hosts'],
  [{ rules: [{ effect: 'allow', tools: ['a*b'] }] }, '/rules/0/tools/0'],
  [{ rules: [{ effect: 'allow', where: [{ fact: 'price', op: 'eq', value: 1 }] }] }, '/rules/0/where/0'],
  [{ rules: [{ effect: 'allow', where: [{ fact: 'amount', op: 'le', value: '1' }] }] }, '/rules/0/where/0'],
  [{ rules: [{ effect: 'allow', where: [{ fact: 'amount', op: 'in', value: 1 }] }] }, '/rules/0/where/0'],
  [{ rules: [{ effect: 'permit' }] }, '/rules/0/effect'],
  [{ expires_at: '2020-01-01T00:00:00.000Z' }, '/expires_at'],
  [{ expires_at: '2090-01-01T00:00:00.000Z' }, '/expires_at'],
  [{ max_uses: -1 }, '/max_uses'],
  [{ client_cidrs: ['300.1.2.3/33'] }, '/client_cidrs/0'],
  [{ agent_id: newId('agt') }, '/agent_id'],
  [{ agent_label: 'prod' }, '/agent_id'],
  [{ connection_id: newId('conn') }, '/connection_id'],
  [{ provider: 'alpha' }, '/provider'],
  [{ read: true }, '/read'],
  [{ rights: ['connection.reveal'] }, '/rights'],
]

test('V13 V14 §10.1 what a grant may not say is refused with its pointer, and nothing is stored', async () => {
  const { house, input } = await granted()
  for (const [own, path] of wrong) {
    const answer = await house.alice.post(PATH, { ...input, ...own })
    const said = JSON.stringify(own).slice(0, 80)
    expect([said, answer.status, answer.body.code, answer.body.errors?.[0]?.path]).toEqual([said, 422, 'validation_failed', path])
  }
  expect((await house.alice.get(PATH)).body.data).toEqual([])
})

test('V14 hosts within the definition’s: the same, an exact one below a wildcard', async () => {
  const { house, input } = await granted()
  const hosts = ['api.example.com', 'a.eu.example.com', '*.eu.example.com']
  expect((await house.alice.post(PATH, { ...input, rules: [{ effect: 'allow', hosts }] })).status).toBe(201)
})

test('V13 no scope of a key reads a credential', async () => {
  const { house } = await granted()
  for (const scope of ['connections:reveal', 'connections:material'])
    expect((await house.alice.post('/api/v1/keys', { kind: 'agt', agent_id: house.agent.id, scopes: [scope] })).body.code).toBe(
      'validation_failed',
    )
})

test('V12 members grant their own connections to their own agents; a label takes the reach of an operator, and every agent that has it', async () => {
  const { house, connect, connection, input } = await granted()
  const member = await house.given.user({ role: 'member' })
  const theirs = await connect({ owner: member })
  const bot = await house.given.agent({ owner: member, name: 'theirs' })
  expect((await member.post(PATH, { ...input, connection_id: connection.id })).body.errors).toMatchObject([
    { path: '/connection_id' },
  ])
  expect((await member.post(PATH, { ...input, connection_id: theirs.id })).body.errors).toMatchObject([{ path: '/agent_id' }])
  expect((await member.post(PATH, { ...input, connection_id: theirs.id, agent_id: bot.id })).status).toBe(201)
  const label = { agent_label: 'prod', connection_id: connection.id, rules: RULES }
  expect((await member.post(PATH, { ...label, connection_id: theirs.id })).body.errors).toMatchObject([{ path: '/agent_label' }])
  expect((await house.bob.post(PATH, label)).status).toBe(201)
  const seen = async () => (await bot.get('/api/v1/connections')).body.data.map((one: { id: string }) => one.id)
  expect(await seen()).toEqual([theirs.id])
  expect((await house.alice.patch(`/api/v1/agents/${bot.id}`, { labels: ['prod'] })).body.labels).toEqual(['prod'])
  expect((await seen()).sort()).toEqual([connection.id, theirs.id].sort())
})

test('V12 the longest life is the tenant’s setting; a grant that is over says so once and was over before', async () => {
  const { house, input, told } = await granted()
  expect((await house.alice.patch('/api/v1/tenant', { grant_max_seconds: 3_600 })).body.grant_max_seconds).toBe(3_600)
  const { body } = await house.alice.post(PATH, input)
  expect(Date.parse(body.expires_at) - Date.parse(body.starts_at)).toBe(3_600_000)
  await house.clock.advance('61m')
  expect((await house.agent.get('/api/v1/connections')).body.data).toEqual([])
  for (let again = 0; again < 2; again++) {
    await house.server.queue.enqueueMany([{ kind: 'grant.expire' }])
    await house.runJobs()
  }
  expect(await told()).toEqual(['grant.created', 'grant.expired'])
})

test('V15 an agent proposes: people are asked once, the same joins, 20 are the most; a yes by who may grant makes it hold', async () => {
  const { house, connection, told } = await granted()
  const propose = (own: object = {}) => house.agent.post(PATH, { provider: 'alpha', rules: RULES, reason: 'To read', ...own })
  expect((await propose({ connection: 'none' })).body.code).toBe('connection_missing')
  expect((await house.alice.post(`/api/v1/connections/${connection.id}/default`, {})).status).toBe(200)
  const first = await propose()
  expect([first.status, first.body.status, first.body.agent_id]).toEqual([201, 'proposed', house.agent.id])
  const again = await propose()
  expect([again.status, again.body.id]).toEqual([200, first.body.id])
  expect((await house.agent.get('/api/v1/connections')).body.data).toEqual([])
  expect((await house.agent.post(PATH, { agent_label: 'x', provider: 'alpha', rules: RULES })).status).toBe(422)
  for (let n = 1; n < 20; n++) expect((await propose({ max_uses: n })).status).toBe(201)
  expect((await propose({ max_uses: 20 })).body.code).toBe('too_many_open')

  await house.runJobs()
  const { task_id } = (await house.alice.get(`${PATH}/${first.body.id}`)).body
  const task = (await house.alice.get(`/api/v1/tasks/${task_id}`)).body
  expect(task.task).toBe('May refund-bot use alpha (default)?')
  expect(task.description).toContain('- May send GET to /v1.')
  const decided = await house.alice.post(`/api/v1/tasks/${task_id}/decide`, {
    ...{ type: 'respond', response: { approve: true }, seen_revision: task.revision ?? 1 },
  })
  expect(decided.status).toBe(200)
  await house.clock.advance('3s')
  await house.runJobs()
  expect((await house.agent.get(`${PATH}/${first.body.id}`)).body).toMatchObject({ status: 'active' })
  expect((await house.agent.get('/api/v1/connections')).body.data).toHaveLength(1)
  expect((await told()).at(-1)).toBe('grant.created')
})

test('V15 a person narrows a proposal and accepts it, or rejects it, and the question goes away; after seven days nobody is asked', async () => {
  const { house, connection, told } = await granted()
  await house.alice.patch(`/api/v1/connections/${connection.id}`, { shared: true })
  const propose = async (n: number) =>
    (await house.agent.post(PATH, { connection_id: connection.id, rules: RULES, max_uses: n })).body.id
  const [one, two, three] = [await propose(1), await propose(2), await propose(3)]
  await house.runJobs()
  const narrowed = [{ effect: 'ask', methods: ['GET'], paths: ['/v1/reports'] }]
  expect((await house.bob.post(`${PATH}/${one}/approve`, { rules: narrowed })).body).toMatchObject({
    status: 'active',
    rules: narrowed,
  })
  expect((await house.bob.post(`${PATH}/${two}/reject`, { reason: 'no need' })).body).toMatchObject({ status: 'rejected' })
  const taskOf = async (id: string) =>
    (await house.alice.get(`/api/v1/tasks/${(await house.alice.get(`${PATH}/${id}`)).body.task_id}`)).body
  expect([(await taskOf(one)).status, (await taskOf(two)).status]).toEqual(['cancelled', 'cancelled'])
  await house.clock.advance('169h')
  await house.runJobs()
  expect(await house.admin.one`select status, status_cause from grants where id = ${three}`).toEqual({
    ...{ status: 'rejected', status_cause: 'expired' },
  })
  expect((await told()).filter((type) => type !== 'grant.proposed')).toEqual([
    'grant.created',
    'grant.rejected',
    'grant.rejected',
  ])
})
