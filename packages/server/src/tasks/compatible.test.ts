import { expect, test } from 'vitest'
import { clientOf, setup } from '#harness'
import { answer, errorsOf, NOTHING, REFUND, remains } from './tasks.fixture.ts'

/** As the Python client serialises a create: every optional member present, null when empty. */
const SENT = {
  task: 'Refund order 1042?',
  payload: { order: 1042 },
  payload_schema: {
    properties: { order: { title: 'Order', type: 'integer' } },
    required: ['order'],
    title: 'Payload',
    type: 'object',
  },
  response_schema: {
    properties: {
      approved: { title: 'Approved', type: 'boolean' },
      note: { anyOf: [{ type: 'string' }, { type: 'null' }], default: null, title: 'Note' },
    },
    required: ['approved'],
    title: 'Answer',
    type: 'object',
  },
  form_definition: null,
  timeout_seconds: 900,
  idempotency_key: 'order-1042',
  assign_to: null,
  notify: null,
  verifier_config: null,
  redact_payload: false,
  callback_url: null,
  task_metadata: null,
}

const T60 = (
  'id idempotency_key task payload payload_schema response_schema form_definition status assign_to assigned_to_email assigned_to_user_id ' +
  'assigned_to_display_name assigned_to_slack_user_id response verifier_result verification_attempt timeout_seconds redact_payload created_at ' +
  'updated_at completed_at timed_out_at completed_by_email completed_by_user_id completed_by_display_name completed_by_slack_user_id completed_via_channel'
).split(' ')

test('T59 T60 T61 A16 what the published clients send is understood, and what they read is there', async () => {
  const house = await setup()
  const created = await house.agent.post('/api/tasks', SENT)
  expect(created.status).toBe(201)
  for (const member of T60) expect(created.body, member).toHaveProperty(member)
  expect(created.body).toMatchObject({
    status: 'created',
    metadata: {},
    task_metadata: {},
    callback_mode: 'awaithumans',
    version: 1,
    url: `${house.url}/tasks/${created.body.id}`,
  })
  const { id } = created.body
  const open = await house.agent.get(`/api/tasks/${id}/poll?timeout=1`)
  expect(open.body).toMatchObject({
    status: 'created',
    response: null,
    completed_at: null,
    timed_out_at: null,
    verification_attempt: 0,
  })
  const done = await house.alice.post(`/api/tasks/${id}/complete`, {
    response: { approved: true },
    completed_by_email: 'eve@example.com',
    completed_via_channel: 'slack',
  })
  expect(done.status).toBe(200)
  expect(done.headers.get('countersign-ignored')).toContain('completed_by_email')
  expect(done.body).toMatchObject({
    status: 'completed',
    response: { approved: true },
    completed_by_email: house.alice.email,
    completed_via_channel: 'dashboard',
  })
  expect((await house.agent.get(`/api/tasks/${id}/poll?timeout=25`)).body).toMatchObject({
    status: 'completed',
    response: { approved: true },
  })
  expect((await house.agent.get(`/api/tasks/${id}`)).body.status).toBe('completed')
  // Native routes answer under /api as well, and native words under /api/v1.
  expect((await house.agent.get(`/api/tasks/${id}/record`)).body.data).toHaveLength(2)
  expect((await house.agent.get(`/api/v1/tasks/${id}`)).body).not.toHaveProperty('task_metadata')
})

test('T62 keys come as bearer or X-Admin-Token, unknown tasks are 404, nothing redirects', async () => {
  const house = await setup()
  const { id } = (await house.agent.post('/api/tasks', SENT)).body
  const bare = clientOf(house.url)
  expect((await bare.get(`/api/tasks/${id}/poll`)).status).toBe(401)
  expect((await bare.get(`/api/tasks/${id}`, { 'X-Admin-Token': house.agent.key })).status).toBe(200)
  const unknown = await house.agent.get('/api/tasks/task_00000000000000000000000000/poll')
  expect(unknown.body).toMatchObject({ status: 404, code: 'not_found', error: 'TASK_NOT_FOUND' })
  expect(typeof unknown.body.message).toBe('string')
  expect((await house.agent.get('/api/tasks/')).status).toBe(404)
})

test('T59 the page that clients print leads to the task page', async () => {
  const house = await setup()
  const { id } = (await house.agent.post('/api/tasks', SENT)).body
  const page = await house.nobody.raw(`/task?id=${id}`)
  expect([page.status, page.headers.get('location')]).toEqual([302, `${house.url}/tasks/${id}`])
  expect((await house.nobody.raw('/task?id=nonsense')).status).toBe(422)
})

test('T63 an incomplete form is kept as it came, and prefilled values that do not fit are left out', async () => {
  const house = await setup()
  const form_definition = { version: 1, title: null, fields: [{ name: 'note', kind: 'unheard_of', label: null }] }
  const sent = { ...SENT, form_definition, initial_response: { approved: 'perhaps', note: 'kept' } }
  const { status, body } = await house.agent.post('/api/tasks', sent)
  expect(status).toBe(201)
  expect(body).toMatchObject({ form_definition, initial_response: { note: 'kept' } })
})

test('T59 T65 what cannot be done here is refused when it is asked, and ignored members are named', async () => {
  const house = await setup()
  const refused = async (more: object) => {
    const { status, body } = await house.agent.post('/api/tasks', { ...SENT, ...more })
    return [status, body.code, ...errorsOf(body)]
  }
  expect(await refused({ verifier_config: { provider: 'claude', instructions: 'x', max_attempts: 3 } })).toEqual([
    422,
    'verifier_not_configured',
    '/verifier_config verifier_not_configured',
  ])
  expect(await refused({ timeout_seconds: 59 })).toEqual([422, 'validation_failed', '/timeout_seconds too_small'])
  expect(await refused({ timeout_seconds: 2_592_001 })).toEqual([422, 'validation_failed', '/timeout_seconds too_large'])
  expect(await refused({ idempotency_key: '' })).toEqual([422, 'validation_failed', '/idempotency_key format'])
  expect(await refused({ idempotency_key: undefined })).toEqual([422, 'validation_failed', '/idempotency_key required'])
  expect(await refused({ assign_to: { marketplace: true } })).toEqual([
    422,
    'assign_to_invalid',
    '/assign_to/marketplace assign_to_form',
  ])
  expect(await remains(house)).toEqual(NOTHING)
  const { status, headers } = await house.agent.post('/api/tasks', { ...SENT, notify: ['slack:#ops'], future_member: 1 })
  expect([status, headers.get('countersign-ignored')]).toEqual([201, 'future_member'])
})

test('T66 A4 a repeat with other content returns the stored task with both headers and an event; natively it is refused', async () => {
  const house = await setup()
  const first = await house.agent.post('/api/tasks', SENT)
  const same = await house.agent.post('/api/tasks', SENT)
  expect([
    same.status,
    same.body.id,
    same.headers.get('idempotent-replayed'),
    same.headers.get('countersign-replay-mismatch'),
  ]).toEqual([201, first.body.id, 'true', null])
  const other = await house.agent.post('/api/tasks', { ...SENT, payload: { order: 7 } })
  expect([other.status, other.body.id]).toEqual([201, first.body.id])
  expect([
    other.headers.get('idempotent-replayed'),
    other.headers.get('idempotency-replayed'),
    other.headers.get('countersign-replay-mismatch'),
  ]).toEqual(['true', 'true', 'true'])
  expect(other.body.payload).toEqual(SENT.payload)
  expect((await house.alice.get(`/api/v1/tasks/${first.body.id}`)).body.replay_mismatch_at).not.toBeNull()
  const native = await house.agent.post('/api/v1/tasks', { ...REFUND, idempotency_key: SENT.idempotency_key })
  expect(native.body).toMatchObject({ status: 422, code: 'idempotency_mismatch', differs: ['payload'] })
  expect(await house.eventTypes()).toEqual(['task.created', 'task.replayed', 'task.replay_mismatch', 'task.viewed'])
})

test('T59 §3.4 the list is a page, and with offset a bare array, newest first, in their words', async () => {
  const house = await setup()
  for (const i of [1, 2, 3])
    await house.agent.post('/api/tasks', {
      ...SENT,
      idempotency_key: `k-${i}`,
      payload: { order: i, pad: 'x'.repeat(i === 3 ? 9_000 : 1) },
    })
  const page = await house.agent.get('/api/tasks?limit=2')
  expect([page.body.data.length, typeof page.body.next_cursor, page.body.data[0].status]).toEqual([2, 'string', 'created'])
  const bare = await house.agent.get('/api/tasks?offset=0&limit=2')
  expect(bare.body.map((task: { idempotency_key: string; payload: unknown }) => [task.idempotency_key, task.payload])).toEqual([
    ['k-3', { _truncated: true }],
    ['k-2', { order: 2, pad: 'x' }],
  ])
  expect((await house.agent.get('/api/tasks?offset=2')).body).toHaveLength(1)
  await house.agent.post(`/api/tasks/${bare.body[0].id}/cancel`, {})
  const keys = async (query: string) =>
    (await house.agent.get(`/api/tasks?offset=0&${query}`)).body.map((task: { idempotency_key: string }) => task.idempotency_key)
  expect(await keys('terminal=true')).toEqual(['k-3'])
  expect(await keys('terminal=false&limit=1')).toEqual(['k-2'])
  expect(await keys('status=created')).toEqual(['k-2', 'k-1'])
  expect((await house.agent.get('/api/tasks?status=open')).status).toBe(422)
})

test('T59 the audit is a list in their words, oldest first; problems carry their code', async () => {
  const house = await setup()
  const { id } = (await house.agent.post('/api/tasks', SENT)).body
  await house.alice.post(`/api/tasks/${id}/claim`)
  await house.bob
    .post(`/api/tasks/${id}/claim`)
    .then(({ status, body }) => expect([status, body.error]).toEqual([409, 'TASK_ALREADY_CLAIMED']))
  await house.alice.post(`/api/tasks/${id}/complete`, { response: { approved: false } })
  const late = await house.alice.post(`/api/tasks/${id}/complete`, { response: { approved: true } })
  expect([late.status, late.body.error]).toEqual([409, 'TASK_ALREADY_TERMINAL'])
  const audit = (await house.agent.get(`/api/tasks/${id}/audit`)).body
  expect(
    audit.map((one: { action: string; from_status: string | null; to_status: string | null; actor_type: string }) => [
      one.action,
      one.from_status,
      one.to_status,
      one.actor_type,
    ]),
  ).toEqual([
    ['created', null, 'created', 'agent'],
    ['claimed', null, null, 'user'],
    ['completed', 'created', 'completed', 'user'],
  ])
})

test('T68 one story told in both dialects leaves the same rows and events', async () => {
  const house = await setup()
  const native = (
    await house.agent.post('/api/v1/tasks', { ...REFUND, idempotency_key: 'n', metadata: { a: 1 }, callback_mode: 'awaithumans' })
  ).body.id
  const compatible = (await house.agent.post('/api/tasks', { ...REFUND, idempotency_key: 'c', task_metadata: { a: 1 } })).body.id
  await house.alice.post(`/api/v1/tasks/${native}/decide`, answer())
  await house.alice.post(`/api/tasks/${compatible}/complete`, { response: { approved: true } })
  const row = (id: string) => house.admin.one`
    select to_jsonb(t) - array['id', 'idempotency_key', 'payload', 'response', 'created_at', 'updated_at', 'opened_at', 'deadline_at', 'completed_at'] as row,
      (select array_agg(e.type || ' ' || (e.body::jsonb -> 'data' ->> 'to') order by e.ord) from events e where e.resource_id = t.id) as events
    from tasks t where t.id = ${id}`
  expect(await row(native)).toEqual(await row(compatible))
})
