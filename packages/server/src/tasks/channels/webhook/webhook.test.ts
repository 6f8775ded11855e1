// Endpoints as a channel (T120): what is posted, in which form, and that only who holds the endpoint's secret answers.
import { expect, test } from 'vitest'
import { clientOf } from '#harness'
import { standardSignature } from '../../../crypto/signature.ts'
import { houseFor, openReceiver } from '../../../webhooks/testing/receiver.ts'
import { pageOf } from '../../links/links.fixture.ts'
import { remains } from '../../tasks.fixture.ts'
import { act, noticesAt, openProgram, tokenOf } from './testing/rig.ts'

const ASK = { assign_to: null, notify: ['webhook:ops'], description: 'Please look.', payload: { amount: 40, currency: 'EUR' } }

test('T120 a notice is posted to the endpoint, signed like any event, with who asks, the content, and a link for each answer', async () => {
  const program = await openProgram()
  const { house, receiver } = program
  const task = await house.given.task(ASK)
  await house.runJobs()
  const [post] = receiver.got
  const headers = post?.headers as Record<string, string>
  const right = standardSignature(
    [program.endpoint.secret],
    headers['webhook-id'] as string,
    Number(headers['webhook-timestamp']),
    post?.body as string,
  )
  expect(headers['webhook-signature']).toBe(right)
  const [notice] = noticesAt(receiver)
  expect(notice?.data).toMatchObject({
    task_id: task.id,
    revision: 1,
    task: 'Approve the refund?',
    asked_by: 'refund-bot',
    description: 'Please look.',
    payload: { amount: 40, currency: 'EUR' },
    update: false,
    url: `${house.url}/tasks/${task.id}`,
    actions: [
      { type: 'answer', label: 'Yes', expires_at: task.deadline_at },
      { type: 'answer', label: 'No' },
      { type: 'review', label: 'Open' },
    ],
  })
  // The links are those of T109: a person who has one answers on the page.
  const seen = await pageOf(house, tokenOf(notice as never, 'Yes')).look()
  expect(seen.body).toMatchObject({ state: 'open', choice: { label: 'Yes' }, reader: { display_name: 'ops' } })
})

test('T120 T21 a program answers by token and signature, for the place or for the person that it names', async () => {
  const program = await openProgram()
  const { house, receiver } = program
  const [first, second] = [await house.given.task(ASK), await house.given.task(ASK)]
  await house.runJobs()
  const noticeOf = (id: string) => noticesAt(receiver).find(({ data }) => data.task_id === id) as never
  const done = await act(program, { token: tokenOf(noticeOf(first.id), 'Yes') })
  expect(done.status, JSON.stringify(done.body)).toBe(200)
  expect((await house.agent.get(`/api/v1/tasks/${first.id}`)).body).toMatchObject({
    status: 'completed',
    completed_via_channel: 'webhook',
    completed_by_user_id: null,
    completed_by_display_name: 'ops',
    decisions: [{ assurance: 'link', channel: 'webhook' }],
  })
  const person = { email: 'Dora@Partner.example', display_name: 'Dora' }
  expect((await act(program, { token: tokenOf(noticeOf(second.id), 'No'), person })).status).toBe(200)
  expect((await house.agent.get(`/api/v1/tasks/${second.id}`)).body).toMatchObject({
    completed_by_user_id: null,
    completed_by_email: 'dora@partner.example',
    completed_by_display_name: 'Dora',
    response: { approve: false },
  })
  const again = await act(program, { token: tokenOf(noticeOf(second.id), 'Yes'), person })
  expect([again.status, again.body.code, again.body.by]).toEqual([410, 'link_used', 'Dora'])
})

test('T150 T166 A15 unsigned, old, altered, by another endpoint, by an agent’s key, or with a mail’s token: nothing changes', async () => {
  const program = await openProgram()
  const { house, receiver } = program
  const task = await house.given.task(ASK)
  await house.runJobs()
  const [notice] = noticesAt(receiver)
  const token = tokenOf(notice as never, 'Yes')
  const before = await remains(house)
  const other = await house.alice.post('/api/v1/endpoints', {
    url: `${receiver.origin}/other`,
    events: 'tenant.suspended',
    verify: false,
  })
  const body = { token }
  for (const sign of [{ at: -301 }, { at: 900 }, { over: '{}' }, { secret: other.body.secret as string }])
    expect((await act(program, body, sign)).body.code).toBe('signature_invalid')
  for (const caller of [clientOf(house.url), house.alice])
    expect((await caller.post('/api/v1/channels/webhook/actions', body)).body.code).toBe('signature_invalid')
  const asAgent = await house.agent.post('/api/v1/channels/webhook/actions', body)
  expect([asAgent.status, asAgent.body.code]).toEqual([403, 'agent_may_not_decide'])
  expect((await act(program, { token: 'A'.repeat(43) })).body.code).toBe('link_invalid')
  expect((await act(program, { token, answer: { type: 'shrug' } })).body.code).toBe('validation_failed')
  expect((await act(program, '{"token":')).body.code).toBe('json_invalid')
  expect((await act(program, { token, person: { email: 'nobody' } })).status).toBe(422)
  expect(await remains(house)).toMatchObject({ tasks: before.tasks, decisions: 0, jobs: before.jobs })
  expect((await house.agent.get(`/api/v1/tasks/${task.id}`)).body.status).toBe('open')
})

test('T162 T120 a test notice comes in the endpoint’s form or in another, is of no task and can decide nothing; what it answers is said', async () => {
  const program = await openProgram()
  const { house, receiver, endpoint } = program
  const trial = '/api/v1/channels/webhook/test'
  const before = await remains(house)
  expect((await house.alice.post(trial, { endpoint: endpoint.id })).body).toEqual({ sent: true, status: 204, reason: null })
  const post = receiver.got.at(-1)
  const headers = post?.headers as Record<string, string>
  expect(headers['webhook-signature']).toBe(
    standardSignature(
      [endpoint.secret],
      headers['webhook-id'] as string,
      Number(headers['webhook-timestamp']),
      post?.body as string,
    ),
  )
  const { type, data } = JSON.parse(post?.body as string)
  expect([type, data.test, data.actions.map((one: { label: string }) => one.label)]).toEqual(['task.notice', true, ['Open']])
  expect(post?.body).not.toContain('/answer#')
  expect((await house.alice.get(`/api/v1/tasks/${data.task_id}`)).status).toBe(404)

  await house.alice.post(trial, { endpoint: endpoint.id, template: 'teams' })
  expect(receiver.got.at(-1)?.body).toContain('AdaptiveCard')
  receiver.otherwise = 500
  expect((await house.alice.post(trial, { endpoint: endpoint.id })).body).toEqual({
    ...{ sent: false, status: 500, reason: 'The endpoint answered 500.' },
  })
  expect((await house.alice.post(trial, { endpoint: 'whe_01ARZ3NDEKTSV4RRFFQ69G5FAV' })).status).toBe(404)
  expect((await house.alice.post(trial, { endpoint: endpoint.id, template: 'fax' })).status).toBe(422)
  expect((await house.operator.post(trial, { endpoint: endpoint.id })).status).toBe(403)
  expect((await house.agent.post(trial, { endpoint: endpoint.id })).status).toBe(403)
  expect(await remains(house)).toEqual(before)
})

test('T120 T86 a chat gets the form of its own, with buttons or links, no mention of anybody, and an end when it is settled', async () => {
  const receiver = await openReceiver()
  const house = await houseFor([receiver])
  for (const label of ['teams', 'discord', 'google_chat']) {
    const made = await house.alice.post('/api/v1/endpoints', {
      url: `${receiver.origin}/${label}`,
      events: 'tenant.suspended',
      verify: false,
      label,
    })
    const chosen = await house.alice.put(`/api/v1/channels/webhook/templates/${made.body.id}`, { template: label })
    expect([chosen.status, chosen.body.template]).toEqual([200, label])
  }
  expect((await house.alice.get('/api/v1/channels/webhook/templates')).body.data).toHaveLength(3)
  const task = await house.given.task({
    ...ASK,
    task: 'Ask **@everyone** <b>now</b>?',
    notify: ['webhook:teams', 'webhook:discord', 'webhook:google_chat'],
  })
  await house.runJobs()
  const at = (path: string) => receiver.got.filter((one) => one.path === path).map(({ body }) => JSON.parse(body))
  expect(at('/teams')[0].attachments[0].content).toMatchObject({
    type: 'AdaptiveCard',
    actions: [
      { type: 'Action.OpenUrl', title: 'Yes', url: expect.stringContaining('/answer#') },
      { title: 'No' },
      { title: 'Open' },
    ],
  })
  expect(at('/discord')[0]).toMatchObject({
    allowed_mentions: { parse: [] },
    embeds: [{ title: expect.not.stringContaining('**@') }],
  })
  expect(at('/discord')[0].embeds[0].description).toContain('[Yes](')
  expect(JSON.stringify(at('/google_chat')[0])).toContain('"openLink":{"url":"http')
  expect(JSON.stringify(at('/google_chat')[0].cardsV2[0].card.sections)).not.toContain('<b>')
  const decision = { type: 'respond', response: { approve: true }, seen_revision: 1, reason: 'They asked me.' }
  expect((await house.alice.post(`/api/v1/tasks/${task.id}/decide`, decision)).status).toBe(200)
  await house.runJobs()
  for (const path of ['/teams', '/discord', '/google_chat']) {
    expect(at(path)).toHaveLength(2)
    expect(JSON.stringify(at(path)[1])).toContain('Settled by Alice.')
    expect(JSON.stringify(at(path)[1])).not.toContain('/answer#')
  }
})
