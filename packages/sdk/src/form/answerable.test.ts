import { expect, test } from 'vitest'
import { type AnswerableOptions, answerable, formOf, readForm, type Surface } from './form.ts'

const form = (...fields: object[]) =>
  readForm({}, { version: 1, fields: fields.map((field, i) => ({ name: `f${i}`, ...field })) }).form
const YES_NO = form({ kind: 'switch' })
const how = (of: ReturnType<typeof form>, options: AnswerableOptions = {}) =>
  Object.fromEntries(
    (['dashboard', 'embed', 'slack', 'mail', 'push'] as Surface[]).map((surface) => [
      surface,
      answerable(of, surface, options).by,
    ]),
  )
const everywhere = { dashboard: 'form', embed: 'form', slack: 'form', mail: 'buttons', push: 'link' }

test('T85 one required choice of few can be answered everywhere; mail knows the answer of each button', () => {
  expect(how(YES_NO)).toEqual(everywhere)
  expect(answerable(YES_NO, 'mail').buttons).toEqual([
    { label: 'Yes', response: { f0: true } },
    { label: 'No', response: { f0: false } },
  ])
  expect(how(form({ kind: 'star_rating' }))).toEqual(everywhere)
  const six = Array.from({ length: 6 }, (_, i) => ({ value: i }))
  expect(how(form({ kind: 'single_select', options: six }))).toEqual(everywhere)
  expect(how(form({ kind: 'single_select', options: [...six, { value: 6 }] })).mail).toBe('link')
  expect(how(form({ kind: 'opinion_scale' })).mail).toBe('link')
  expect(how(form({ kind: 'opinion_scale', max: 6 })).mail).toBe('buttons')
  expect(how(form({ kind: 'switch' }, { kind: 'short_text' })).mail).toBe('link')
  const optional = answerable(
    form({ kind: 'switch' }, { kind: 'table', required: false, columns: [{ name: 'a', kind: 'date' }] }),
    'mail',
  )
  expect(optional).toMatchObject({ by: 'buttons', left_out: ['f1'] })
})

test('T85 a button of a nested field brings the objects that the schema wants', () => {
  const nested = formOf(
    {
      type: 'object',
      required: ['a', 'b'],
      properties: {
        a: { type: 'object', required: ['ok'], properties: { ok: { type: 'boolean' } } },
        b: { type: 'object', properties: { c: { type: 'string' } } },
      },
    },
    null,
  )
  expect(answerable(nested, 'mail').buttons[0]?.response).toEqual({ a: { ok: true }, b: {} })
})

test('T85 kinds that Slack has no block for rule it out when they are required, and are left out when they are not', () => {
  const kinds = [
    { kind: 'rich_text' },
    { kind: 'ranking', options: [{ value: 1 }] },
    { kind: 'date_range' },
    { kind: 'section_collapse', title: 's', fields: [{ kind: 'switch', name: 'x' }] },
    { kind: 'table', columns: [{ name: 'a', kind: 'date' }] },
    { kind: 'subform', fields: [{ kind: 'switch', name: 'x' }] },
  ]
  for (const field of kinds) {
    const required = answerable(form(field), 'slack')
    expect(required.by, field.kind).toBe('link')
    expect(required.why).toMatch(/cannot be asked for in Slack/)
    if (field.kind === 'section_collapse') continue
    expect(answerable(form({ kind: 'switch' }, { ...field, required: false }), 'slack')).toMatchObject({
      by: 'form',
      left_out: ['f1'],
    })
  }
  const video = form({ kind: 'switch' }, { kind: 'video', url: 'https://example.com/v.mp4' })
  expect(answerable(video, 'slack')).toMatchObject({ by: 'form', left_out: ['f1'] })
  expect(answerable(video, 'slack', { risk: 'high', assurance: 'link' }).by).toBe('link')
  expect(how(form(...Array.from({ length: 91 }, () => ({ kind: 'switch' })))).slack).toBe('link')
})

test('T85 T87 needed proof, redaction, risk and shortened content send people to the page, with the reason', () => {
  const away = { dashboard: 'form', embed: 'link', slack: 'link', mail: 'link', push: 'link' }
  expect(how(YES_NO, { risk: 'high' })).toEqual(away)
  expect(how(YES_NO, { risk: 'critical' })).toEqual(away)
  expect(how(YES_NO, { assurance: 'channel' })).toEqual({ ...everywhere, embed: 'link', mail: 'link' })
  // A task that asks for little is still as risky as it is.
  expect(how(YES_NO, { assurance: 'link', risk: 'high' })).toEqual(how(YES_NO, { risk: 'high' }))
  expect(how(YES_NO, { redact: 'notify' })).toEqual({ ...away, embed: 'form' })
  expect(how(YES_NO, { redact: 'strict' })).toEqual(away)
  expect(how(YES_NO, { shortened: true })).toEqual(everywhere)
  expect(how(YES_NO, { shortened: true, risk: 'high', assurance: 'link' })).toEqual(away)
  expect(how(YES_NO, { action: { allow: ['accept', 'edit', 'deny'] } })).toEqual({ ...everywhere, push: 'buttons' })
  expect(how(YES_NO, { action: { allow: ['edit'] } })).toMatchObject({ mail: 'link', push: 'link' })
  for (const surface of ['embed', 'slack', 'mail', 'push'] as Surface[])
    expect(answerable(YES_NO, surface, { risk: 'high' }).why).toMatch(/\.$/)
})
