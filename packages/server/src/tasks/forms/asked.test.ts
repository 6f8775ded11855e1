import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { setup } from '#harness'
import { answer, errorsOf, NOTHING, remains } from '../tasks.fixture.ts'

type Row = [Record<string, unknown>, unknown[], [unknown, string, string?][]]
const VECTORS = new URL('../../../../../test/vectors/forms.json', import.meta.url)
const { rows } = JSON.parse(readFileSync(VECTORS, 'utf8')) as { rows: Row[] }

const OPEN_SCHEMA = { type: 'object' }
const asked = (fields: object[], more: object = {}) => ({
  task: 'Shall we?',
  response_schema: OPEN_SCHEMA,
  form_definition: { version: 1, fields },
  timeout_seconds: 3_600,
  ...more,
})

test('T79 A19 every bound of every kind is held by the server, with the field’s name beside the path, and nothing settles', async () => {
  const house = await setup()
  for (const [members, good, bad] of rows) {
    const task = await house.given.task(asked([{ name: 'field', ...members }]))
    for (const [value, code, below = ''] of bad) {
      // A text that reads as what the schema asks for would be taken as that (T76); this schema asks for nothing.
      const refused = await house.alice.post(`/api/v1/tasks/${task.id}/decide`, answer({ field: value }))
      expect(refused.status, JSON.stringify([members, value])).toBe(422)
      expect(refused.body.code).toBe('response_invalid')
      expect(errorsOf(refused.body), JSON.stringify([members, value])).toContain(`/response/field${below} ${code}`)
      expect(refused.body.errors[0].field).toMatch(/^field/)
    }
    const missing = await house.alice.post(`/api/v1/tasks/${task.id}/decide`, answer({}))
    expect(errorsOf(missing.body)).toEqual(['/response/field required'])
    expect((await house.alice.get(`/api/v1/tasks/${task.id}`)).body.status).toBe('open')
    const taken = await house.alice.post(`/api/v1/tasks/${task.id}/decide`, answer({ field: good[0] }))
    expect(taken.status, JSON.stringify([members, good[0], taken.body])).toBe(200)
  }
}, 120_000)

test('T77 T166 a form that cannot be is refused natively with its path, and nothing of it remains', async () => {
  const house = await setup()
  const create = async (fields: object[], more: object = {}) => {
    const { status, body } = await house.agent.post('/api/v1/tasks', asked(fields, more))
    return [status, body.code, ...errorsOf(body)]
  }
  const at = '/form_definition/fields/0'
  const invalid = (...errors: string[]) => [422, 'form_invalid', ...errors]
  expect(await create([{ kind: 'hologram', name: 'a' }])).toEqual(invalid(`${at}/kind kind_unknown`))
  expect(await create([{ kind: 'slider', name: 'a', min: 3, max: 2 }])).toEqual(invalid(`${at}/max min_above_max`))
  expect(await create([{ kind: 'switch', name: 'a', visible_when: { op: 'filled' } }])).toEqual(
    invalid(`${at}/visible_when condition_unsupported`),
  )
  expect(await create([{ kind: 'file_upload', name: 'a' }])).toEqual(invalid(`${at}/kind files_unavailable`))
  expect(await create([{ kind: 'short_text', name: 'a', pattern: '^(a+)+$' }])).toEqual(invalid(`${at}/pattern pattern_unsafe`))
  expect(await create([{ kind: 'short_text', name: 'a', pattern: '^(a|a)+$' }])).toEqual(invalid(`${at}/pattern pattern_unsafe`))
  const closed = { response_schema: { type: 'object', properties: {}, additionalProperties: false } }
  expect(await create([{ kind: 'switch', name: 'a' }], closed)).toEqual(invalid(`${at}/path path_unknown`))
  const hinted = { response_schema: { type: 'object', properties: { a: { type: 'string', 'x-countersign-field': 'dial' } } } }
  const [status, code] = await create([], { ...hinted, form_definition: null })
  expect([status, code]).toEqual([422, 'schema_invalid'])
  expect(await remains(house)).toEqual(NOTHING)
})

test('T63 the compatible surface mends what it can, and what the schema requires is asked for', async () => {
  const house = await setup()
  const { status, body } = await house.agent.post('/api/tasks', {
    task: 'Shall we?',
    payload: {},
    payload_schema: {},
    response_schema: {
      type: 'object',
      properties: { ok: { type: 'boolean' }, why: { type: 'string' } },
      required: ['ok', 'why'],
    },
    form_definition: { version: 1, title: null, fields: [{ kind: 'hologram', name: 'ok', label: null }] },
    timeout_seconds: 3_600,
    idempotency_key: 'k',
  })
  expect(status, JSON.stringify(body)).toBe(201)
  const wrong = await house.alice.post(`/api/v1/tasks/${body.id}/decide`, answer({ ok: 'perhaps' }))
  expect(errorsOf(wrong.body).sort()).toEqual(['/response/ok type', '/response/why required'])
  expect((await house.alice.post(`/api/v1/tasks/${body.id}/decide`, answer({ ok: 'true', why: 'Because' }))).status).toBe(200)
})

test('T76 a prefilled value is held to the bounds of its field, what is missing is not missed', async () => {
  const house = await setup()
  const fields = [
    { kind: 'slider', name: 'level', max: 5 },
    { kind: 'switch', name: 'ok' },
  ]
  const { status, body } = await house.agent.post('/api/v1/tasks', asked(fields, { initial_response: { level: 6 } }))
  expect([status, body.code, ...errorsOf(body)]).toEqual([422, 'response_invalid', '/initial_response/level maximum'])
  const task = await house.given.task(asked(fields, { initial_response: { level: 5 } }))
  expect((await house.alice.get(`/api/v1/tasks/${task.id}`)).body.initial_response).toEqual({ level: 5 })
})

test('T58 T77 an error is told by the field’s own name, wherever its value stands', async () => {
  const house = await setup()
  const task = await house.given.task(
    asked([{ kind: 'short_text', name: 'street', path: '/address/street', max_length: 3 }], {
      response_schema: {
        type: 'object',
        properties: { address: { type: 'object', properties: { street: { type: 'string' } } } },
      },
    }),
  )
  const decide = (response: object) => house.alice.post(`/api/v1/tasks/${task.id}/decide`, answer(response))
  expect((await decide({ address: { street: 'Main' } })).body.errors).toMatchObject([
    { path: '/response/address/street', field: 'street', code: 'max_length' },
  ])
  expect((await decide({ address: { street: 7 } })).body.errors).toMatchObject([{ field: 'street', code: 'type' }])
  expect((await decide({ address: { street: 'A' } })).status).toBe(200)
})

test('T33 T79 a default of the deadline is held to the form as well', async () => {
  const house = await setup()
  const fields = [{ kind: 'slider', name: 'level', max: 5 }]
  const { status, body } = await house.agent.post('/api/v1/tasks', asked(fields, { on_timeout: { default: { level: 9 } } }))
  expect([status, ...errorsOf(body)]).toEqual([422, '/on_timeout/default/level maximum'])
})

test('T78 T85 a preview shows what is asked, why it would be refused and where it can be answered, and stores nothing', async () => {
  const house = await setup()
  const preview = (more: object) => house.agent.post('/api/v1/forms/preview', { response_schema: OPEN_SCHEMA, ...more })
  const good = await preview({ response_schema: { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] } })
  expect(good.status, JSON.stringify(good.body)).toBe(200)
  expect(good.body.errors).toEqual([])
  expect(good.body.form.fields).toMatchObject([{ kind: 'switch', name: 'ok' }])
  expect(good.body.surfaces).toMatchObject({
    dashboard: { by: 'form' },
    mail: { by: 'buttons', buttons: [{ response: { ok: true } }, {}] },
  })
  const bad = await preview({ form_definition: { version: 1, fields: [{ kind: 'hologram', name: 'a' }] }, risk: 'high' })
  expect(errorsOf(bad.body)).toEqual(['/form_definition/fields/0/kind kind_unknown'])
  expect(bad.body.surfaces.mail).toMatchObject({ by: 'link', why: expect.stringContaining('signed in') })
  expect(await remains(house)).toEqual(NOTHING)
})
