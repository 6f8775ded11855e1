import { expect, test } from 'vitest'
import { type Client, clientOf, type House, type Person, setup } from '#harness'
import { tenantWire } from '../../std/id.ts'
import { cookieName, startSession } from '../session.ts'

async function host(house: House, name: string): Promise<Person & { tenantId: string }> {
  const tenantId = await house.given.tenant(`Of ${name}`)
  const person = await house.given.user({ role: 'owner', tenantId, displayName: name })
  await house.admin.run`insert into hosts (user_id, since) values (${person.id}::text, countersign.now())`
  return Object.assign(person, { tenantId })
}
const REASON = 'Ticket 4711: refunds hang since noon.'
const ask = (house: House, harriet: Client, more: object = {}) =>
  harriet.post('/api/v1/break-glass', { tenant_id: tenantWire(house.tenantId), reason: REASON, ...more })
const answer = (person: Client, taskId: string, approve: boolean) =>
  person.post(`/api/v1/tasks/${taskId}/decide`, { type: 'respond', response: { approve }, seen_revision: 1 })
const events = async (house: House, type = 'break_glass.%') =>
  (
    await house.admin.rows<{ body: string }>`
      select body from events where tenant_id = ${house.tenantId}::uuid and type like ${type} order by ord`
  ).map(({ body }) => JSON.parse(body))

test('A42 P12 one host alone opens nothing; an owner’s answer opens thirty minutes of reading, each object on the tenant’s record', async () => {
  const house = await setup()
  const harriet = await host(house, 'Harriet')
  const task = await house.given.task()
  const main = tenantWire(house.tenantId)

  expect((await ask(house, harriet, { reason: 'too short' })).status).toBe(422)
  expect((await ask(house, house.alice)).status).toBe(403)
  const asked = await ask(house, harriet)
  expect([asked.status, asked.body.state]).toEqual([201, 'asked'])
  expect((await ask(house, harriet)).body.code).toBe('state_conflict')

  // Alone.
  expect((await harriet.post('/api/v1/me/tenant', { tenant_id: main })).body.code).toBe('not_found')
  expect((await answer(harriet, asked.body.task_id, true)).status).toBe(404)
  await house.clock.advance('16m')
  const fresh = await house.given.user({ role: 'owner' })
  expect((await harriet.get(`/api/v1/break-glass/${asked.body.id}`)).body.state).toBe('asked')
  expect(await inboxOf(harriet)).toEqual([])

  // The owner sees who asks and why, in the inbox, and answers like any task.
  const question = await fresh.get(`/api/v1/tasks/${asked.body.task_id}`)
  expect(question.body).toMatchObject({
    task: 'May Harriet look into this tenant for 30 minutes?',
    payload: { reason: REASON },
    risk: 'high',
  })
  // An owner who joined since was not asked and would have to say why.
  expect((await answer(fresh, asked.body.task_id, true)).status).toBe(422)
  expect((await answer(await again(house, house.alice.id), asked.body.task_id, true)).status).toBe(200)
  const open = (await harriet.get(`/api/v1/break-glass/${asked.body.id}`)).body
  expect(open).toMatchObject({ state: 'open', decided_by: house.alice.id, decided_as: 'owner' })
  expect(new Date(open.ends_at).getTime() - new Date(open.decided_at).getTime()).toBe(30 * 60_000)

  // In, to read.
  expect((await harriet.get('/api/v1/me/tenants')).body.data).toMatchObject([
    { name: 'Of Harriet' },
    { name: 'Main', role: null, break_glass_id: open.id },
  ])
  expect((await harriet.post('/api/v1/me/tenant', { tenant_id: main })).status).toBe(200)
  expect((await harriet.get('/api/v1/me')).body).toMatchObject({
    tenant_name: 'Main',
    role: 'viewer',
    break_glass: { id: open.id },
  })
  expect((await harriet.get(`/api/v1/tasks/${task.id}`)).body).toMatchObject({ id: task.id, payload: { amount: 40 } })
  expect((await harriet.get('/api/v1/agents')).status).toBe(200)
  for (const refused of [
    await harriet.post(`/api/v1/tasks/${task.id}/decide`, { type: 'respond', response: { approve: true }, seen_revision: 1 }),
    await harriet.post('/api/v1/agents', { name: 'mine' }),
    await harriet.patch('/api/v1/me', { display_name: 'x' }),
    await harriet.get('/api/v1/tasks/stream'),
    await harriet.get('/api/v1/tenants'),
    await harriet.post('/api/v1/break-glass', { tenant_id: main, reason: REASON }),
  ])
    expect([refused.status, refused.body.code]).toEqual([403, 'forbidden'])
  const reads = await events(house, 'break_glass.read')
  expect(reads.map((one) => [one.actor.id, one.data.route])).toEqual([
    [harriet.id, 'GET /tasks/:id'],
    [harriet.id, 'GET /agents'],
  ])
  expect(reads[0].data.objects).toEqual([task.id])
  expect(reads[1].data.objects).toEqual([house.agent.id])

  // Out, when the time is over.
  await house.clock.advance('30m')
  expect((await harriet.get(`/api/v1/tasks/${task.id}`)).body.code).toBe('session_ended')
  await house.runJobs()
  expect((await events(house)).map((one) => one.type.slice(12))).toEqual(['asked', 'opened', 'read', 'read', 'closed'])
  const [opened] = await events(house, 'break_glass.opened')
  expect(opened).toMatchObject({
    actor: { id: house.alice.id },
    data: { host_id: harriet.id, owners: expect.arrayContaining([house.alice.id]) },
  })
})

/** The same person, signed in anew. */
async function again(house: House, id: string, tenantId: string = house.tenantId) {
  const { token } = await startSession(house.server.identity, tenantId, { id, methods: ['given'] })
  const origin = house.server.identity.origin()
  return clientOf(house.url, { cookie: `${cookieName(origin)}=${token}`, origin })
}

/** What a host finds in the inbox of their own tenant. */
const inboxOf = async (person: Client) =>
  (await person.get('/api/v1/tasks?tag=break-glass')).body.data as { id: string; task: string; status: string }[]

test('P12 P63 once the owners had fifteen minutes every other host is asked by a task of their own; their answer opens, and the owners’ question is over', async () => {
  const house = await setup()
  const [harriet, hugo] = [await host(house, 'Harriet'), await host(house, 'Hugo')]
  const first = (await ask(house, harriet, { minutes: 5 })).body
  await house.clock.advance('14m')
  await harriet.get(`/api/v1/break-glass/${first.id}`)
  expect(await inboxOf(hugo)).toEqual([])
  await house.clock.advance('90s')
  await house.runJobs()
  // Once, to the other host alone, in words that tell nobody else in that tenant what this one's is called or why.
  expect(await inboxOf(harriet)).toEqual([])
  const [question, ...more] = await inboxOf(hugo)
  expect([question?.task, more]).toEqual(['May Harriet look into another tenant for 5 minutes?', []])
  const [seen] = (await hugo.get('/api/v1/tasks?tag=break-glass')).body.data
  expect(JSON.stringify(seen)).not.toContain(REASON)
  const here = await again(house, hugo.id, hugo.tenantId)
  expect((await here.post(`/api/v1/tasks/${question?.id}/reveal`, {})).body.payload).toMatchObject({
    request: first.id,
    tenant: 'Main',
    reason: REASON,
  })
  expect((await answer(here, question?.id as string, true)).status).toBe(200)
  const open = (await harriet.get(`/api/v1/break-glass/${first.id}`)).body
  expect(open).toMatchObject({ state: 'open', decided_as: 'host', decided_by: hugo.id })
  expect((await house.alice.get(`/api/v1/tasks/${first.task_id}`)).body.status).toBe('cancelled')
  await house.clock.advance('5m')
  expect((await hugo.get(`/api/v1/break-glass/${first.id}`)).body).toMatchObject({ state: 'closed', closed_reason: 'time' })
})

test('P12 P63 of a second host’s question nobody else’s answer counts, and it is over when an owner answers or the request is taken back', async () => {
  const house = await setup()
  const [harriet, hugo] = [await host(house, 'Harriet'), await host(house, 'Hugo')]
  const late = async () => {
    const made = (await ask(house, await again(house, harriet.id, harriet.tenantId))).body
    await house.clock.advance('16m')
    await harriet.get(`/api/v1/break-glass/${made.id}`)
    return made
  }
  const stateOf = async (id: string) => (await harriet.get(`/api/v1/break-glass/${id}`)).body
  const statuses = async () => (await inboxOf(hugo)).map(({ status }) => status)

  // Somebody who runs the work of Hugo's tenant steps in.
  const first = await late()
  const other = await house.given.user({ role: 'admin', tenantId: hugo.tenantId })
  const [question] = await inboxOf(hugo)
  const stepped = await other.post(`/api/v1/tasks/${question?.id}/decide`, {
    ...{ type: 'respond', response: { approve: true }, reason: 'I step in.', seen_revision: 1 },
  })
  expect(stepped.status).toBe(200)
  expect(await stateOf(first.id)).toMatchObject({ state: 'refused', decided_as: null })

  const second = await late()
  expect((await answer(await again(house, house.alice.id), second.task_id, false)).status).toBe(200)
  expect(await stateOf(second.id)).toMatchObject({ state: 'refused', decided_as: 'owner' })
  const third = await late()
  const back = await again(house, harriet.id, harriet.tenantId)
  expect((await back.post(`/api/v1/break-glass/${third.id}/close`)).body.state).toBe('withdrawn')
  expect((await statuses()).sort()).toEqual(['cancelled', 'cancelled', 'completed'])

  // An owner of the tenant who is a host too is asked once, as an owner.
  await house.admin.run`insert into hosts (user_id, since) values (${house.alice.id}::text, countersign.now())`
  const fourth = await late()
  expect((await inboxOf(house.alice)).filter(({ task }) => task.includes('another tenant'))).toEqual([])

  // And a no of the second host is a no.
  const [last] = (await inboxOf(hugo)).filter(({ status }) => status === 'open')
  expect((await answer(await again(house, hugo.id, hugo.tenantId), last?.id as string, false)).status).toBe(200)
  expect(await stateOf(fourth.id)).toMatchObject({ state: 'refused', decided_as: 'host', decided_by: hugo.id })
})

test('P12 an answer of somebody in the tenant who is no owner lets nobody in', async () => {
  const house = await setup()
  const harriet = await host(house, 'Harriet')
  const asked = (await ask(house, harriet)).body
  const operator = await house.given.user({ role: 'operator' })
  const stepped = await operator.post(`/api/v1/tasks/${asked.task_id}/decide`, {
    ...{ type: 'respond', response: { approve: true }, reason: 'I step in.', seen_revision: 1 },
  })
  expect(stepped.status).toBe(200)
  expect((await harriet.get(`/api/v1/break-glass/${asked.id}`)).body).toMatchObject({ state: 'refused', decided_as: null })
  expect((await harriet.post('/api/v1/me/tenant', { tenant_id: tenantWire(house.tenantId) })).body.code).toBe('not_found')
})

test('P12 an owner refuses, or ends at once what was opened; the host takes a request back, or leaves', async () => {
  const house = await setup()
  const harriet = await host(house, 'Harriet')
  const refused = (await ask(house, harriet)).body
  expect((await answer(house.alice, refused.task_id, false)).status).toBe(200)
  expect((await harriet.get(`/api/v1/break-glass/${refused.id}`)).body).toMatchObject({
    state: 'refused',
    decided_as: 'owner',
    ends_at: null,
  })

  const back = (await ask(house, harriet)).body
  expect((await harriet.post(`/api/v1/break-glass/${back.id}/close`)).body.state).toBe('withdrawn')
  expect((await house.alice.get(`/api/v1/tasks/${back.task_id}`)).body.status).toBe('cancelled')

  const open = (await ask(house, harriet)).body
  await answer(house.alice, open.task_id, true)
  await house.runJobs()
  expect((await harriet.post('/api/v1/me/tenant', { tenant_id: tenantWire(house.tenantId) })).status).toBe(200)
  expect((await house.alice.get('/api/v1/tenant/break-glass')).body.data.map((one: { state: string }) => one.state)).toEqual([
    'open',
    'withdrawn',
    'refused',
  ])
  expect((await house.operator.post(`/api/v1/tenant/break-glass/${open.id}/end`)).status).toBe(403)
  expect((await house.bob.post(`/api/v1/tenant/break-glass/${open.id}/end`)).body).toMatchObject({
    state: 'closed',
    closed_reason: 'ended_by_owner',
  })
  expect((await harriet.get('/api/v1/me')).body.code).toBe('session_ended')
})

test('P12 whoever belongs to a tenant needs no glass, and who is no host any more is not let in', async () => {
  const house = await setup()
  await house.admin.run`insert into hosts (user_id, since) values (${house.alice.id}::text, countersign.now())`
  expect((await ask(house, house.alice)).body.code).toBe('state_conflict')
  const harriet = await host(house, 'Harriet')
  const open = (await ask(house, harriet)).body
  await answer(house.alice, open.task_id, true)
  await harriet.get(`/api/v1/break-glass/${open.id}`)
  expect((await harriet.post('/api/v1/me/tenant', { tenant_id: tenantWire(house.tenantId) })).status).toBe(200)
  await house.admin.run`delete from hosts where user_id = ${harriet.id}::text`
  expect((await harriet.get('/api/v1/tasks')).body.code).toBe('session_ended')
})
