import { expect, test } from 'vitest'
import { setup } from '#harness'
import { errorsOf, NOTHING, REFUND, remains } from './tasks.fixture.ts'

const path = '/api/v1/tasks'

test('T166 bad members of a create are refused with their path, and nothing remains', async () => {
  const house = await setup()
  const rows: [object, string[]][] = [
    [{ task: '' }, ['/task too_small']],
    [{ task: ' \n ' }, ['/task format']],
    [{ task: 'x'.repeat(4_001) }, ['/task too_large']],
    [{ payload: [1] }, ['/payload invalid']],
    [{ payload: 'text' }, ['/payload invalid']],
    [{ timeout_seconds: 4 }, ['/timeout_seconds too_small']],
    [{ timeout_seconds: 4.5 }, ['/timeout_seconds type']],
    [{ timeout_seconds: '60' }, ['/timeout_seconds type']],
    [{ timeout_seconds: 31_536_001 }, ['/timeout_seconds too_large']],
    [{ deadline_at: '2099-01-01T00:00:00.000Z' }, ['/timeout_seconds exactly_one']],
    [{ timeout_seconds: undefined }, ['/timeout_seconds exactly_one']],
    [{ timeout_seconds: undefined, deadline_at: '2020-01-01T00:00:00.000Z' }, ['/deadline_at out_of_range']],
    [{ timeout_seconds: undefined, deadline_at: 'tomorrow' }, ['/deadline_at format']],
    [{ idempotency_key: '' }, ['/idempotency_key format']],
    [{ idempotency_key: 'x'.repeat(513) }, ['/idempotency_key format']],
    [{ idempotency_key: 'a\tb' }, ['/idempotency_key format']],
    [{ items: [] }, ['/items unknown']],
    [{ verifier_config: 1 }, ['/verifier_config type']],
    [{ status: 'completed' }, ['/status unknown']],
    [{ completed_by_email: 'a@b.example' }, ['/completed_by_email unknown']],
    [{ tags: ['Upper'] }, ['/tags/0 format']],
    [{ metadata: { nested: { a: 1 } } }, ['/metadata/nested type']],
    [{ metadata: { big: 'x'.repeat(16_400) } }, ['/metadata too_large']],
    [{ risk: 'mortal' }, ['/risk not_offered']],
    [{ redact: 'all' }, ['/redact no_form_fits']],
    [{ redact: 'none', redact_payload: true }, ['/redact_payload contradiction']],
    [{ on_timeout: { escalate: {} } }, ['/on_timeout no_form_fits']],
    [{ verdict: { pointer: 'approved', approve: [true], deny: [false] } }, ['/verdict/pointer format']],
  ]
  for (const [bad, errors] of rows) {
    const { status, body } = await house.agent.post(path, { ...REFUND, ...bad })
    expect([status, body.code, errorsOf(body)], JSON.stringify(bad)).toEqual([422, 'validation_failed', errors])
  }
  expect(await remains(house)).toEqual(NOTHING)
})

test('T166 bad bodies, credentials and sizes are refused as on every route, and nothing remains', async () => {
  const house = await setup()
  const weak = await house.given.agent({ scopes: ['tasks:read'] })
  const deep = `${'{"a":'.repeat(65)}1${'}'.repeat(65)}`
  const text = JSON.stringify(REFUND)
  const codes = async (...asked: Promise<{ status: number; body: { code: string } }>[]) =>
    (await Promise.all(asked)).map(({ status, body }) => `${status} ${body.code}`)
  expect(
    await codes(
      house.nobody.post(path, REFUND),
      weak.post(path, REFUND),
      house.agent.post(path, '{'),
      house.agent.post(path, '[]'),
      house.agent.post(path, text.replace('{', '{"task":"x",')),
      house.agent.post(path, text.replace('"order":1042', `"order":${deep}`)),
      house.agent.post(path, text.replace('1042?', '\\u0000')),
      house.agent.post(path, text.replace('1042?', '\\ud800')),
      house.agent.post(path, text.replace('"order"', '"__proto__"')),
      house.agent.post(path, { ...REFUND, payload: { a: 'x'.repeat(6 * 1_048_576) } }),
    ),
  ).toEqual([
    '401 unauthenticated',
    '403 scope_missing',
    '400 json_invalid',
    '422 validation_failed',
    ...Array(5).fill('400 json_invalid'),
    '413 body_too_large',
  ])
  const large = await house.agent.post(path, { ...REFUND, payload: { a: 'x'.repeat(5 * 1_048_576) } })
  expect([large.status, errorsOf(large.body)]).toEqual([422, ['/payload too_large']])
  expect(await remains(house)).toEqual(NOTHING)
})

test('T73 T166 a schema that cannot be evaluated, or does not describe an object, is 422 schema_invalid and nothing remains', async () => {
  const house = await setup()
  const property = (node: object) => ({ type: 'object', properties: { a: node } })
  for (const schema of [
    property({ $ref: 'https://example.com/a.json' }),
    { $ref: '#' },
    property({ type: 'string', pattern: '^(a+)+$' }),
    property({ type: 'string', pattern: '^(a|a)+$' }),
    { type: 'array' },
    { description: 'x'.repeat(66_000) },
    [],
    'object',
    null,
  ]) {
    const { status, body } = await house.agent.post(path, { ...REFUND, response_schema: schema })
    expect([status, body.code], JSON.stringify(schema).slice(0, 80)).toEqual([422, 'schema_invalid'])
    expect(body.errors[0].path).toMatch(/^\/response_schema/)
  }
  expect((await house.agent.post(path, { ...REFUND, response_schema: undefined })).body.errors).toMatchObject([
    { path: '/response_schema', code: 'required' },
  ])
  expect(await remains(house)).toEqual(NOTHING)
})

test('T166 assign_to in a form that does not exist, or of somebody who does not, is 422 assign_to_invalid and nothing remains', async () => {
  const house = await setup()
  const elsewhere = await (await house.stranger.person()).id
  const rows: [unknown, string, string | undefined][] = [
    [{ mail: 'a@b.example' }, '/assign_to/mail assign_to_form', 'email'],
    [{ pool: 'finance' }, '/assign_to/pool pool_unknown', undefined],
    [{ email: 'a@b.example', user_id: house.alice.id }, '/assign_to assign_to_form', undefined],
    [{}, '/assign_to assign_to_form', undefined],
    [{ email: 'not an address' }, '/assign_to/email address_invalid', undefined],
    [{ emails: [] }, '/assign_to/emails count', undefined],
    [{ emails: Array.from({ length: 101 }, (_, i) => `u${i}@b.example`) }, '/assign_to/emails count', undefined],
    [{ emails: ['a@b.example', 'x'] }, '/assign_to/emails/1 address_invalid', undefined],
    [{ user_id: 'usr_00000000000000000000000000' }, '/assign_to/user_id user_unknown', undefined],
    [{ user_id: elsewhere }, '/assign_to/user_id user_unknown', undefined],
    [7, '/assign_to assign_to_form', undefined],
  ]
  for (const [assign_to, error, meant] of rows) {
    const { status, body } = await house.agent.post(path, { ...REFUND, assign_to })
    expect([status, body.code, errorsOf(body), body.did_you_mean], JSON.stringify(assign_to)).toEqual([
      422,
      'assign_to_invalid',
      [error],
      meant,
    ])
  }
  expect(await remains(house)).toEqual(NOTHING)
})

test('T91 snake and camel case are one spelling, a bare address and a list are forms of their own', async () => {
  const house = await setup()
  const assigned = async (assign_to: unknown) => (await house.agent.post(path, { ...REFUND, assign_to })).body
  expect(await assigned({ userId: house.bob.id })).toMatchObject({
    assign_to: { user_id: house.bob.id },
    assigned_to_user_id: house.bob.id,
    assigned_to_display_name: 'Bob',
  })
  expect(await assigned(house.bob.email.toUpperCase())).toMatchObject({
    assigned_to_user_id: house.bob.id,
    assigned_to_email: house.bob.email,
  })
  expect(await assigned(['x@b.example', 'X@B.example'])).toMatchObject({
    assign_to: { emails: ['x@b.example', 'X@B.example'] },
    assigned_to_user_id: null,
  })
  expect(await assigned({ email: 'outside@b.example' })).toMatchObject({
    assigned_to_user_id: null,
    assigned_to_email: 'outside@b.example',
    assigned_to_display_name: 'outside@b.example',
  })
  expect(await assigned(null)).toMatchObject({ assign_to: null, assigned_to_user_id: null, assigned_at: null })
})

test('T166 a callback address that may not be called is refused with its field, and nothing remains', async () => {
  const house = await setup()
  for (const [url, code] of [
    ['http://hooks.example.com/a', 'url_not_allowed'],
    ['https://127.0.0.1/a', 'url_not_allowed'],
    ['https://localhost/a', 'url_not_allowed'],
    ['https://user:secret@hooks.example.com/a', 'url_invalid'],
    ['https://hooks.example.com:22/a', 'url_not_allowed'],
    ['ftp://hooks.example.com/a', 'url_not_allowed'],
    ['nonsense', 'url_invalid'],
  ]) {
    const { status, body } = await house.agent.post(path, { ...REFUND, callback_url: url })
    expect([status, body.code, errorsOf(body)], url).toEqual([422, code, [`/callback_url ${code}`]])
  }
  expect(await remains(house)).toEqual(NOTHING)
})

test('T73 T76 a payload is held against its schema, and prefilled values field by field', async () => {
  const house = await setup()
  const payload_schema = { type: 'object', properties: { amount: { type: 'number', maximum: 100 } } }
  const wrong = await house.agent.post(path, { ...REFUND, payload_schema })
  expect([wrong.status, wrong.body.code, errorsOf(wrong.body)]).toEqual([422, 'payload_invalid', ['/payload/amount maximum']])
  const prefilled = await house.agent.post(path, { ...REFUND, initial_response: { note: 'as agreed' } })
  expect(prefilled.body.initial_response).toEqual({ note: 'as agreed' })
  const refused = await house.agent.post(path, { ...REFUND, initial_response: { approved: 'maybe', note: 'x'.repeat(501) } })
  expect([refused.body.code, errorsOf(refused.body)]).toEqual([
    'response_invalid',
    ['/initial_response/approved type', '/initial_response/note max_length'],
  ])
})

test('T33 T34 what the deadline answers is checked when the task is made', async () => {
  const house = await setup()
  const ask = async (more: object) => {
    const { status, body } = await house.agent.post(path, { ...REFUND, ...more })
    return status === 201 ? body.on_timeout : `${body.code} ${errorsOf(body)}`
  }
  expect(await ask({})).toBe('time_out')
  expect(await ask({ on_timeout: 'deny' })).toBe('deny')
  expect(await ask({ on_timeout: { default: { approved: 'false' } } })).toEqual({ default: { approved: false } })
  expect(await ask({ on_timeout: { default: { note: 'x' } } })).toBe('response_invalid /on_timeout/default/approved required')
  expect(await ask({ risk: 'high', on_timeout: { default: { approved: true } } })).toBe(
    'unsafe_default /on_timeout/default unsafe_default',
  )
  expect(await ask({ risk: 'high', on_timeout: { default: { approved: false } } })).toEqual({ default: { approved: false } })
  const pick = {
    type: 'object',
    properties: { choice: { enum: ['a', 'b'] }, why: { type: 'string' } },
    required: ['choice', 'why'],
  }
  expect(await ask({ response_schema: pick, on_timeout: 'deny' })).toBe('deny_response_required /on_timeout verdict_missing')
  const verdict = { pointer: '/choice', approve: ['a'], deny: ['b'] }
  expect(await ask({ response_schema: pick, verdict, on_timeout: 'deny' })).toBe(
    'deny_response_required /on_timeout/why required',
  )
  expect(await ask({ response_schema: pick, risk: 'high', on_timeout: { default: { choice: 'b', why: '' } } })).toMatch(
    /^unsafe_default/,
  )
})

test('T6 numbers that no double holds come back digit for digit, in the task and in what is stored', async () => {
  const house = await setup()
  const digits = '12345678901234567890.123456789012345678'
  const sent = JSON.stringify(REFUND).replace('1042,', `${digits},`)
  const response = await house.agent.raw(path, { method: 'POST', body: sent })
  const text = await response.text()
  expect(response.status).toBe(201)
  expect(text).toContain(`"order":${digits}`)
  const { id } = JSON.parse(text)
  expect(await (await house.alice.raw(`${path}/${id}`)).text()).toContain(`"order":${digits}`)
  const again = await house.agent.raw(path, { method: 'POST', body: sent.replace('{', '{"idempotency_key":"digits",') })
  const near = await house.agent.raw(path, {
    method: 'POST',
    body: sent.replace('{', '{"idempotency_key":"digits",').replace(digits, `${digits.slice(0, -1)}9`),
  })
  expect([again.status, near.status]).toEqual([201, 422])
})

test('T7 content stands in envelopes under a key of the task’s own; question, tags and metadata are plain', async () => {
  const house = await setup()
  const canary = 'canary-7f3a'
  const { body } = await house.agent.post(path, {
    ...REFUND,
    tags: ['plain-tag'],
    metadata: { plain: 'meta' },
    description: `${canary} d`,
    payload: { secret: `${canary} p` },
    initial_response: { note: `${canary} i` },
    on_timeout: { default: { approved: false, note: `${canary} t` } },
  })
  const { id } = body
  await house.alice.post(`${path}/${id}/decide`, {
    type: 'respond',
    response: { approved: true, note: `${canary} r` },
    reason: `${canary} why`,
    comment: `${canary} c`,
    seen_revision: 1,
  })
  const other = await house.given.task({ description: `${canary} x` })
  await house.agent.post(`${path}/${other.id}/cancel`, { reason: `${canary} k` })

  const { rows } = await house.admin.query(`
    select (select string_agg(t::text, ' ') from countersign.tasks t) || (select string_agg(d::text, ' ') from countersign.decisions d)
      || (select string_agg(body, ' ') from countersign.events) || (select string_agg(j::text, ' ') from countersign_queue.jobs j) as everything`)
  const everything = rows[0].everything as string
  expect(everything).toContain('plain-tag')
  expect(everything).not.toContain(canary)
  expect(everything).not.toContain(Buffer.from(canary).toString('hex'))
  expect(house.logs.join('\n')).not.toContain(canary)

  // Copied to another task, an envelope does not open: that content reads as unreadable, everything else as before.
  await house.admin.run`update tasks set description = (select description from tasks where id = ${id}) where id = ${other.id}`
  const moved = await house.alice.get(`${path}/${other.id}`)
  expect(moved.body).toMatchObject({ description: { _unreadable: true }, task: 'Approve the refund?' })
  expect((await house.alice.get(path)).body.data).toHaveLength(2)
})

test('T5 only priority, tags, metadata and a later deadline change; a deadline is never shortened', async () => {
  const house = await setup()
  const { id, deadline_at } = (await house.given.task({ tags: ['a'] })) as { id: string; deadline_at: string }
  const later = new Date(Date.parse(deadline_at) + 60_000).toISOString()
  const changed = await house.agent.patch(`${path}/${id}`, {
    priority: 'urgent',
    tags: ['b', 'b'],
    metadata: { a: 1 },
    deadline_at: later,
  })
  expect(changed.body).toMatchObject({ priority: 'urgent', tags: ['b'], metadata: { a: 1 }, deadline_at: later, version: 2 })
  expect(changed.headers.get('etag')).toBe('"2"')
  const codes = async (body: object, headers: Record<string, string> = {}) => {
    const refused = await house.agent.patch(`${path}/${id}`, body, headers)
    return `${refused.status} ${refused.body.code} ${errorsOf(refused.body)}`
  }
  expect(await codes({ deadline_at })).toBe('422 validation_failed /deadline_at shortened')
  expect(await codes({ task: 'Something else?' })).toBe('422 validation_failed /task unknown')
  expect(await codes({})).toBe('422 validation_failed  nothing_to_change')
  expect(await codes({ priority: 'low' }, { 'If-Match': '"1"' })).toBe('409 version_conflict ')
  expect(await codes({ priority: 'low' }, { 'If-Match': 'nonsense' })).toBe('400 request_invalid ')
  expect((await house.agent.patch(`${path}/${id}`, { priority: 'low' }, { 'If-Match': '"2"' })).status).toBe(200)
  expect((await house.alice.patch(`${path}/${id}`, { priority: 'high' })).status).toBe(200)
  await house.agent.post(`${path}/${id}/cancel`, {})
  expect(await codes({ priority: 'low' })).toBe('409 task_not_open ')
  expect(await house.eventTypes()).toEqual(['task.created', 'task.updated', 'task.updated', 'task.updated', 'task.cancelled'])
})

test('T22 T23 a repeat answers the task that is there, whatever its state; other content is 422 naming what differs', async () => {
  const house = await setup()
  const asked = { ...REFUND, idempotency_key: 'order-1042' }
  const first = await house.agent.post(path, asked)
  const again = await house.agent.post(path, { ...asked, response_schema: { type: 'object' }, timeout_seconds: 60 })
  expect([first.status, again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 200, 'true'])
  expect(again.body.id).toBe(first.body.id)
  const other = await house.agent.post(path, { ...asked, payload: { order: 1042, amount: 241 }, risk: 'low' })
  expect(other.body).toMatchObject({
    status: 422,
    code: 'idempotency_mismatch',
    task_id: first.body.id,
    differs: ['payload', 'risk'],
  })
  await house.alice.post(`${path}/${first.body.id}/decide`, { type: 'respond', response: { approved: false }, seen_revision: 1 })
  const later = await house.agent.post(path, asked)
  expect(later.body).toMatchObject({ id: first.body.id, status: 'completed', response: { approved: false } })
  expect(await remains(house)).toMatchObject({ tasks: 1, keys: 1, jobs: 1, events: 4 })
  const told = ['task.created', 'task.replayed', 'task.completed', 'task.replayed']
  expect(await house.eventTypes()).toEqual(told)

  // Keys are never shared between agents, nor with a person (T25).
  const twin = await (await house.given.agent()).post(path, asked)
  const person = await house.alice.post(path, asked)
  expect(new Set([first.body.id, twin.body.id, person.body.id]).size).toBe(3)
})

test('T22 A3 of 50 creates at once with one key over two processes one inserts, and all get one id', async () => {
  const house = await setup()
  const second = await house.second()
  const callers = [house.agent, house.agent.at(second.url)]
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) =>
      (callers[i % 2] as typeof house.agent).post(path, { ...REFUND, idempotency_key: 'same' }),
    ),
  )
  expect(new Set(answers.map((one) => one.body.id)).size).toBe(1)
  expect(answers.filter((one) => one.status === 201)).toHaveLength(1)
  // One was made, and the others were told so.
  expect(await remains(house)).toEqual({ ...NOTHING, tasks: 1, events: 50, jobs: 1, keys: 1 })
  expect((await house.eventTypes()).filter((type) => type === 'task.created')).toHaveLength(1)
})

test('T24 A5 under until_collected the key is free once the asking agent has read the end; a chosen key keeps its answer for ever', async () => {
  const house = await setup()
  const auto = { ...REFUND, idempotency_key: 'auto:1', key_reuse: 'until_collected' }
  const decide = (id: string) =>
    house.alice.post(`${path}/${id}/decide`, { type: 'respond', response: { approved: true }, seen_revision: 1 })
  const first = await house.agent.post(path, auto)
  await decide(first.body.id)
  // A person's look collects nothing.
  await house.alice.get(`${path}/${first.body.id}`)
  const resumed = await house.agent.post(path, auto)
  expect(resumed.body).toMatchObject({ id: first.body.id, response: { approved: true } })
  const next = await house.agent.post(path, auto)
  expect([next.status, next.body.status]).toEqual([201, 'open'])
  expect(next.body.id).not.toBe(first.body.id)

  const chosen = { ...REFUND, idempotency_key: 'mine' }
  const kept = await house.agent.post(path, chosen)
  await decide(kept.body.id)
  for (let i = 0; i < 3; i++)
    expect((await house.agent.post(path, chosen)).body).toMatchObject({ id: kept.body.id, status: 'completed' })
  expect((await house.agent.get(`${path}/${kept.body.id}`)).body.collected_at).not.toBeNull()
})

test('T25 the header Idempotency-Key replays the first answer and is not the key of the task', async () => {
  const house = await setup()
  const header = { 'Idempotency-Key': 'h-1' }
  const first = await house.agent.post(path, REFUND, header)
  const again = await house.agent.post(path, REFUND, header)
  expect([first.status, again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 201, 'true'])
  expect(again.body).toEqual(first.body)
  expect(first.body.idempotency_key).toBeNull()
  expect(await remains(house)).toMatchObject({ tasks: 1, events: 1 })
})

test('T73 a response schema keeps the order of its members, as a form shows them', async () => {
  const house = await setup()
  const schema = { type: 'object', properties: { z: { type: 'string' }, a: { type: 'string' }, m: { type: 'string' } } }
  const { id } = await house.given.task({ response_schema: schema })
  const { body } = await house.alice.get(`${path}/${id}`)
  expect(Object.keys(body.response_schema.properties)).toEqual(['z', 'a', 'm'])
})
