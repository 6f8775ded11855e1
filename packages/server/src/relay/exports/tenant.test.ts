// A tenant takes out all that it has (platform.md P145, relay.md R110): whole, proven with no server, with no secret and nothing that is another tenant's; what is erased is erased there too.
import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { TABLES } from '../../db/tables.ts'
import { tenantWire } from '../../std/id.ts'
import { askBeforeLeaving, exported, seal, verifySideText } from '../testing/leaving.ts'
import { type Loose, openRelay } from '../testing/relay.ts'
import { LEFT_OUT, ROWS, TOLD } from './tables.ts'

const linesIn = (text: string): Loose[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
const whole = (tenantId: string) => ({ subject: 'tenant', id: tenantWire(tenantId) })
const word = () => `cnry${randomBytes(8).toString('hex')}`

test('P145 every table with rows of tenants is written, told or left out, each once', () => {
  const tables = Object.keys(TABLES).filter((name) => TABLES[name]?.kind === 'tenant')
  const named = [ROWS, TOLD, LEFT_OUT].flatMap((list) => Object.keys(list)).filter((name) => name !== 'jobs')
  expect(named.toSorted()).toEqual(tables.toSorted())
})

test('P145 R110 an owner exports the whole tenant: record, rows, tasks, receipts and both sides of the relay; it verifies with no server and holds no secret', async () => {
  const relay = await openRelay({ settings: { EGRESS_ALLOW: '127.0.0.1:9' } })
  const { house } = relay
  const [asked, said] = [word(), word()]
  const { id: task } = await house.given.task({ description: asked })
  const decided = await house.alice.post(`/api/v1/tasks/${task}/decide`, {
    type: 'respond',
    response: { approve: true },
    seen_revision: 1,
  })
  expect(decided.status).toBe(200)
  const callback = { url: 'http://127.0.0.1:9/told', generate_secret: true }
  const { thread_id: id } = (await relay.start({ text: said, callback })).body
  await relay.respond(id, { text: 'the answer', outcome: 'completed' })
  await house.runJobs()
  expect(await house.admin.rows`select 1 from delivery_attempts`).not.toEqual([])
  const endpoint = await house.alice.post('/api/v1/endpoints', {
    url: 'http://127.0.0.1:9/hook',
    label: 'ops',
    events: 'task.completed',
    verify: false,
  })
  expect(endpoint.status, JSON.stringify(endpoint.body)).toBe(201)
  await house.admin.run`
    insert into absences (id, tenant_id, user_id, starts_at, ends_at)
    select ${`abs_${'0'.repeat(22)}`} || lpad(n::text, 4, '0'), ${house.tenantId}::uuid, ${house.alice.id}, countersign.now(), countersign.now() + interval '1 day'
    from generate_series(1, 250) n`
  const text = await exported(house, house.alice, whole(house.tenantId))
  const lines = linesIn(text)
  const of = (kind: string) => lines.filter((line) => kind in line).map((line) => line[kind])

  expect(lines[0].export).toMatchObject({ subject: 'tenant', subject_id: tenantWire(house.tenantId), side: 'both' })
  const { rows, without, tasks, record, left_out } = of('manifest')[0]
  expect(
    of('sealed')
      .slice(0, record.to_seq)
      .map(({ seq }) => seq),
  ).toEqual(Array.from({ length: record.to_seq }, (_, i) => i + 1))
  const inTable = (table: string) =>
    of('row')
      .filter((row) => row.table === table)
      .map((row) => row.values)
  for (const table of Object.keys(ROWS)) expect([table, rows[table]]).toEqual([table, inTable(table).length])
  expect(new Set(inTable('absences').map((row) => row.id)).size).toBe(250)
  expect(inTable('tenants')).toMatchObject([{ id: house.tenantId }])
  expect(inTable('users').map((user) => user.id)).toContain(house.alice.id)
  expect(inTable('agents').map((agent) => agent.id)).toContain(relay.server.id)
  expect(inTable('endpoints').map((one) => one.url)).toEqual(['http://127.0.0.1:9/hook'])
  expect(inTable('cards')).toMatchObject([{ id: relay.card.id }])
  expect(left_out).toEqual(LEFT_OUT)
  expect(without).toMatchObject({ connections: ['material'], revisions: ['content', 'note'], card_domains: ['token'] })
  for (const { table, values } of of('row')) for (const name of without[table] ?? []) expect(values).not.toHaveProperty(name)

  expect(tasks).toBe(1)
  expect(of('task')).toMatchObject([{ task_id: task, proposed: { description: asked }, decisions: [{ state: 'counted' }] }])
  expect(of('receipt')).toMatchObject([{ task_id: task }])
  expect(of('card_version')).toHaveLength(1)
  expect(of('relay_grant')).toMatchObject([{ id: relay.grant.id, side: 'owner' }])
  expect(of('message').map((one) => [one.thread_id, one.side])).toEqual([
    [id, 'caller'],
    [id, 'owner'],
    [id, 'owner'],
  ])
  expect(text).toContain(said)
  const verdict = await verifySideText(text)
  expect(verdict).toMatchObject({ verdict: 'sound', threads: 1, messages: 3, receipts: 1, tasks: 1, rows: of('row').length })
  expect(verdict.says).toContain('the export of the tenant')
  const altered = text.replace('"label":"ops"', '"label":"opz"')
  expect(altered).not.toBe(text)
  expect(await verifySideText(altered)).toMatchObject({ verdict: 'altered' })

  const secrets = [relay.grant.token, endpoint.body.secret, relay.server.key, house.agent.key].filter(Boolean)
  expect(secrets.length).toBeGreaterThan(1)
  for (const secret of secrets) expect(text).not.toContain(secret)
  expect(JSON.stringify(of('row'))).not.toMatch(/"\\\\x[0-9a-f]{8}/)
  // Nothing of the tenant that called, and not where it is told.
  for (const theirs of [relay.bea.id, '/told']) expect(text).not.toContain(theirs)
  expect(inTable('delivery_attempts')).toEqual([])
})

test('P145 R110 R70 a caller’s export holds its own side of the threads that lie with others, and a stranger’s holds none', async () => {
  const relay = await openRelay()
  const { house, bea } = relay
  const { thread_id: id } = (await relay.start({ text: 'hello' })).body
  await relay.respond(id, { text: 'the answer', outcome: 'completed' })
  const text = await exported(house, bea, whole(relay.callerTenant))
  const lines = linesIn(text)
  const of = (kind: string) => lines.filter((line) => kind in line).map((line) => line[kind])
  expect(of('relay_grant')).toMatchObject([{ id: relay.grant.id, side: 'caller', created_by: null }])
  expect(of('thread').map((one) => one.id)).toEqual([id])
  expect(of('message')).toHaveLength(3)
  for (const theirs of [house.alice.id, relay.server.id, relay.grant.token]) expect(text).not.toContain(theirs)
  expect(await verifySideText(text)).toMatchObject({ verdict: 'sound', threads: 1, messages: 3 })

  const others = await house.given.tenant('Others')
  const stranger = await house.given.user({ role: 'owner', tenantId: others })
  const nothing = linesIn(await exported(house, stranger, whole(others)))
  expect(nothing.filter((line) => 'thread' in line || 'relay_grant' in line || 'task' in line)).toEqual([])
})

test('P145 R110 what a caller’s own side holds back and what it asked for is in its export; the owner’s has the request alone', async () => {
  const relay = await openRelay()
  const { house, bea, caller } = relay
  const { slug } = await relay.makeCard()
  const request = await caller.post(`/api/v1/agents/${slug}/connection-requests`, { purpose: 'to know' })
  expect(request.status, JSON.stringify(request.body)).toBeLessThan(300)
  await askBeforeLeaving(bea)
  const held = word()
  const { thread_id: id } = (await relay.start({ text: held })).body
  const of = (text: string, kind: string) =>
    linesIn(text)
      .filter((line) => kind in line)
      .map((line) => line[kind])
  const mine = await exported(house, bea, whole(relay.callerTenant))
  expect(of(mine, 'message')).toMatchObject([{ thread_id: id, parts: [{ text: held }] }])
  expect(of(mine, 'connection_request')).toMatchObject([{ side: 'caller', purpose: 'to know' }])
  expect(await verifySideText(mine)).toMatchObject({ verdict: 'sound', threads: 1, messages: 1 })
  const theirs = await exported(house, house.alice, whole(house.tenantId))
  expect(theirs).not.toContain(held)
  expect(of(theirs, 'connection_request')).toMatchObject([{ side: 'owner', purpose: 'to know' }])
})

test('P145 only an owner or admin takes out a tenant, only its own, one at a time, and not with a key', async () => {
  const relay = await openRelay()
  const { house, bea } = relay
  const body = whole(house.tenantId)
  expect((await bea.post('/api/v1/exports', body)).status).toBe(404)
  expect((await house.alice.post('/api/v1/exports', { ...body, id: relay.card.id })).status).toBe(422)
  for (const by of [house.member, house.operator, house.auditor])
    expect((await by.post('/api/v1/exports', body)).status).toBe(403)
  expect((await relay.server.post('/api/v1/exports', body)).status).toBeGreaterThanOrEqual(401)
  expect((await house.alice.post('/api/v1/exports', body)).body).toMatchObject({ state: 'running', side: 'both' })
  expect((await house.alice.post('/api/v1/exports', body)).body.code).toBe('export_running')
})

test('P145 R109 what an owner erases is gone from its own export of the tenant and from the caller’s, and waits for one that is being written', async () => {
  const relay = await openRelay()
  const { house, bea } = relay
  const { thread_id: id } = (await relay.start({ text: word() })).body
  await relay.respond(id, { outcome: 'completed', text: 'x' })
  await exported(house, house.alice, whole(house.tenantId))
  await exported(house, bea, whole(relay.callerTenant))
  const others = await house.given.tenant('Others')
  await exported(house, await house.given.user({ role: 'owner', tenantId: others }), whole(others))
  const running = (await bea.post('/api/v1/exports', whole(relay.callerTenant))).body.id
  const planned = (await house.alice.post('/api/v1/erasures', { subject: 'thread', id })).body
  expect(planned.plan.exports).toBe(1)
  await house.alice.post(`/api/v1/erasures/${planned.id}/confirm`, {})
  const runs = async () => {
    await house.clock.advance('6s')
    await house.admin.run`update exports set event_id = 'evt_none' where id = ${running}`
    await house.runJobs()
    return (await house.alice.get(`/api/v1/erasures/${planned.id}`)).body.state
  }
  expect(await runs()).toBe('running')
  await house.admin.run`update exports set state = 'failed', finished_at = countersign.now() where id = ${running}`
  expect(await runs()).toBe('done')
  const left = await house.admin.rows<{ tenant_id: string }>`
    select tenant_id from export_chunks union select tenant_id from subject_keys where subject like 'export:%' and wrapped is not null`
  expect(left).toEqual([{ tenant_id: others }])
})

test('P145 T57 a task that is erased is gone from exports of the tenant, and one that is being written ends', async () => {
  const relay = await openRelay()
  const { house } = relay
  const [first, second] = [await house.given.task({ description: word() }), await house.given.task({ description: word() })]
  await exported(house, house.alice, whole(house.tenantId))
  expect((await house.alice.delete(`/api/v1/tasks/${first.id}`)).status).toBe(204)
  expect(await house.admin.rows`select 1 from export_chunks`).toEqual([])
  const running = (await house.alice.post('/api/v1/exports', whole(house.tenantId))).body.id
  expect((await house.alice.delete(`/api/v1/tasks/${second.id}`)).status).toBe(204)
  await seal(house)
  await house.runJobs()
  expect((await house.alice.get(`/api/v1/exports/${running}`)).body).toMatchObject({
    state: 'failed',
    error: expect.stringContaining('erased'),
  })
  expect(await house.admin.rows`select 1 from export_chunks`).toEqual([])
  expect(await house.admin.rows`select 1 from subject_keys where subject like 'export:%' and wrapped is not null`).toEqual([])
  const again = await exported(house, house.alice, whole(house.tenantId))
  expect(
    linesIn(again)
      .filter((line) => line.task)
      .map((line) => line.task.task),
  ).toEqual(['[erased]', '[erased]'])
})
