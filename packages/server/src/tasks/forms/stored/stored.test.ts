import { expect, test } from 'vitest'
import { setup } from '#harness'
import { answer, errorsOf } from '../../tasks.fixture.ts'

const schema = (name: string) => ({ type: 'object', properties: { [name]: { type: 'boolean' } }, required: [name] })
const form = (name: string) => ({ version: 1, fields: [{ kind: 'switch', name, label: `Is it ${name}?` }] })
const ask = (form: string, more: object = {}) => ({ task: 'Shall we?', form, timeout_seconds: 3_600, ...more })

test('T82 a stored form is named instead of sent, and a task keeps the version that it was made with', async () => {
  const house = await setup()
  const made = await house.alice.post('/api/v1/forms', {
    name: 'refund',
    response_schema: schema('ok'),
    form_definition: form('ok'),
  })
  expect(made.status, JSON.stringify(made.body)).toBe(201)
  expect(made.body).toMatchObject({ form: 'refund@1', version: 1, form_definition: form('ok') })
  const task = (await house.agent.post('/api/v1/tasks', ask('refund@1'))).body
  expect(task).toMatchObject({ form: 'refund@1', response_schema: schema('ok'), form_definition: form('ok') })

  const next = await house.alice.put('/api/v1/forms/refund', { title: 'Two', response_schema: schema('fine') })
  expect(next.body).toMatchObject({ form: 'refund@2', title: 'Two', form_definition: null })
  expect((await house.agent.get('/api/v1/forms/refund')).body.version).toBe(2)
  expect((await house.agent.get('/api/v1/forms/refund?version=1')).body.form_definition).toEqual(form('ok'))
  expect((await house.agent.get('/api/v1/forms')).body.data).toMatchObject([{ form: 'refund@2' }])
  expect((await house.agent.post('/api/v1/tasks', ask('refund@2'))).body.response_schema).toEqual(schema('fine'))

  expect((await house.alice.delete('/api/v1/forms/refund')).status).toBe(204)
  expect((await house.agent.get('/api/v1/forms')).body.data).toEqual([])
  expect((await house.alice.put('/api/v1/forms/refund', { response_schema: schema('x') })).status).toBe(404)
  const refused = await house.agent.post('/api/v1/tasks', ask('refund@2'))
  expect([refused.status, refused.body.code, ...errorsOf(refused.body)]).toEqual([422, 'form_invalid', '/form form_unknown'])
  expect((await house.alice.post(`/api/v1/tasks/${task.id}/decide`, answer({ ok: true }))).status).toBe(200)
  expect((await house.alice.post('/api/v1/forms', { name: 'refund', response_schema: schema('again') })).body.version).toBe(3)
  const types = (await house.alice.get('/api/v1/events')).body.data.map((event: { type: string }) => event.type)
  expect(types.filter((type: string) => type.startsWith('form.'))).toEqual([
    'form.stored',
    'form.retired',
    'form.stored',
    'form.stored',
  ])
})

test('T82 what a task would be refused for is not stored, a name is taken once, and what a named form brings is not sent beside it', async () => {
  const house = await setup()
  const post = (body: object) => house.alice.post('/api/v1/forms', { name: 'a', response_schema: schema('ok'), ...body })
  expect((await post({ name: 'A B' })).status).toBe(422)
  expect((await post({ response_schema: { type: 'string' } })).body.code).toBe('schema_invalid')
  const bad = await post({ form_definition: { version: 1, fields: [{ kind: 'nope', name: 'ok' }] } })
  expect([bad.status, bad.body.code, ...errorsOf(bad.body)]).toEqual([
    422,
    'form_invalid',
    '/form_definition/fields/0/kind kind_unknown',
  ])
  const both = await Promise.all([post({}), post({})])
  expect(both.map(({ status }) => status).sort()).toEqual([201, 409])
  for (const name of ['a', 'a@2', 'b@1', 'a@0', '@1', 'a@1@1']) {
    const { status, body } = await house.agent.post('/api/v1/tasks', ask(name))
    expect([status, body.code], name).toEqual([422, 'form_invalid'])
  }
  const beside = await house.agent.post('/api/v1/tasks', ask('a@1', { response_schema: schema('ok') }))
  expect([beside.status, beside.body.code, ...errorsOf(beside.body)]).toEqual([
    422,
    'validation_failed',
    '/response_schema exactly_one',
  ])
  const stranger = await house.given.user({ role: 'reviewer' })
  expect((await stranger.post('/api/v1/forms', { name: 'b', response_schema: schema('ok') })).status).toBe(403)
})
