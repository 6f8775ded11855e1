import { formOf } from '@countersign/sdk/form'
import { expect, test } from 'vitest'
import type { Task } from '../../wire.ts'
import { atMost, clip, cut, LIMITS, plainMarkup } from './limits.ts'
import { blockIdOf, errorsOn, modalOf, optionsFor } from './modal.ts'
import { isFresh, isSignedBy, readSigned, signatureOf } from './signature.ts'

test('T116 a text is cut to its limit, with how much is missing, and never within a character', () => {
  for (const [text, max] of [
    ['short', 10],
    ['x'.repeat(3_000), 3_000],
    ['x'.repeat(3_001), 3_000],
    ['x'.repeat(99_999), 3_000],
    [`${'x'.repeat(2_970)}${'😀'.repeat(50)}`, 3_000],
  ] as const) {
    const out = cut(text, max)
    expect(out.length).toBeLessThanOrEqual(max)
    if (text.length <= max) expect(out).toBe(text)
    else {
      const [, kept = '', missing] = /^([^…]*) … \((\d+) more characters\)$/s.exec(out) ?? []
      expect(text.startsWith(kept)).toBe(true)
      expect(Math.abs(kept.length + Number(missing) - text.length)).toBeLessThanOrEqual(1)
    }
    expect(out).not.toMatch(/\p{Surrogate}/u)
  }
  expect(clip('abcdef', 4)).toBe('abc…')
  expect(clip(`ab😀def`, 4)).toBe('ab…')
  expect(atMost([1, 2, 3], 3, () => 0)).toEqual([1, 2, 3])
  expect(atMost([1, 2, 3, 4], 3, (count) => -count)).toEqual([1, 2, -2])
  expect(plainMarkup('<!channel> & <@U1>')).toBe('&lt;!channel&gt; &amp; &lt;@U1&gt;')
})

test('§12.36 what turns or ends a line of text is shown as what it is, in texts and in names', () => {
  expect(cut('a\u202eb\u001b[31m\tc\n👨‍👩‍👧', 100)).toBe('a[U+202E]b[U+001B][31m\tc\n👨‍👩‍👧')
  expect(clip('\u2066\u0000x', 100)).toBe('[U+2066][U+0000]x')
  expect(cut('\u202e'.repeat(1_000), 100).length).toBeLessThanOrEqual(100)
})

test('T115 the signature of the published example holds, over the raw body and for five minutes', () => {
  const body = Buffer.from(
    'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c',
  )
  const secret = '8f742231b10e8888abcd99yyyzzz85a5'
  const signature = 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503'
  expect(signatureOf(secret, '1531420618', body)).toBe(signature)
  const headers: Record<string, string> = { 'x-slack-request-timestamp': '1531420618', 'x-slack-signature': signature }
  const signed = readSigned((name) => headers[name], body)
  if (!signed) throw new Error('not read')
  expect(isSignedBy(secret, signed)).toBe(true)
  expect(isSignedBy(`${secret}x`, signed)).toBe(false)
  expect(isSignedBy(secret, { ...signed, body: Buffer.concat([body, Buffer.from(' ')]) })).toBe(false)
  expect([0, 300, 301, -300, -301].map((s) => isFresh(signed, new Date((1_531_420_618 + s) * 1_000)))).toEqual([
    true,
    true,
    false,
    true,
    false,
  ])
  for (const [name, bad] of [
    ['x-slack-signature', 'v1=aa'],
    ['x-slack-signature', signature.toUpperCase()],
    ['x-slack-request-timestamp', '1531420618.5'],
    ['x-slack-request-timestamp', ''],
  ] as const)
    expect(readSigned((one) => (one === name ? bad : headers[one]), body)).toBeNull()
})

const TASK = { task: 'Which?', description: 'd'.repeat(9_000), payload: { a: 'b' }, initial_response: null } as unknown as Task
const memory = { n: 'ntc_1', t: 'task_1', r: 1 }

test('T117 block ids come from field names, and errors stand on blocks of that very view: on the first where no field is meant', () => {
  const name = 'n'.repeat(400)
  const form = formOf(
    { type: 'object', properties: { first: { type: 'string' }, [name]: { type: 'string' } }, required: ['first'] },
    null,
  )
  const ids = form.fields.map(blockIdOf)
  expect(ids[0]).toBe('f-first')
  expect(ids[1]?.length).toBeLessThanOrEqual(LIMITS.blockId)
  const view = modalOf({ task: TASK, form, memory, url: 'https://example.com' })
  const shown = view.blocks.flatMap((block) => (block.type === 'input' ? [block.block_id] : []))
  expect(shown).toEqual(ids)
  const error = (path: string) => ({ path, code: 'x', message: `about ${path || 'nothing'}` })
  expect(errorsOn(form, [error(`/response/${name}`), error(''), error('/reason')])).toEqual({
    [ids[1] as string]: `${`about /response/${name}`.slice(0, 299)}…`,
    'f-first': 'about nothing about /reason',
  })
})

test('T116 a modal of many fields keeps within its blocks; a list above a hundred options is loaded, not sent', () => {
  const properties = Object.fromEntries(Array.from({ length: 98 }, (_, i) => [`f${i}`, { type: 'boolean', title: `Field ${i}` }]))
  const form = formOf({ type: 'object', properties }, null)
  const view = modalOf({ task: TASK, form, memory, url: 'https://example.com', note: 'Read this.' })
  expect(view.blocks.length).toBeLessThanOrEqual(LIMITS.modalBlocks)
  expect(view.blocks.filter(({ type }) => type === 'input')).toHaveLength(98)
  const many = formOf(
    { type: 'object', properties: { country: { enum: Array.from({ length: 150 }, (_, i) => `Country ${i}`) } } },
    null,
  )
  const [input] = modalOf({ task: TASK, form: many, memory, url: 'https://example.com' }).blocks.filter(
    ({ type }) => type === 'input',
  )
  expect(input).toMatchObject({ element: { type: 'external_select', min_query_length: 0 } })
  expect(optionsFor(many, 'f-country', '')).toHaveLength(100)
  expect(optionsFor(many, 'f-country', 'RY 149')).toEqual([
    { text: { type: 'plain_text', text: 'Country 149', emoji: false }, value: '149' },
  ])
  expect(optionsFor(many, 'f-other', 'x')).toEqual([])
})
