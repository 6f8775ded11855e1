// Several places in one body (V56, V59): the placeholder says which of them is meant.
import { expect, test } from 'vitest'
import { filled } from '../testing/gatekeeper.ts'
import { inject } from './inject.ts'
import type { Outbound } from './outbound.ts'

const P = 'csph_conn_1'
const RULES = ['/token', '/auth/key'].map((name) => filled({ where: 'body', name, template: '{{t}}' }, `secret-for${name}`))
const FORM = ['token', 'key'].map((name) => filled({ where: 'body', name, template: '{{t}}' }, `secret-for-${name}`))

function sent(type: string, body: string, rules = RULES): string {
  const fields: Outbound['fields'] = [['content-type', type]]
  const out: Outbound = { path: '/', query: null, fields, body: Buffer.from(body), added: [], replaced: false }
  inject(out, rules, P)
  return String(out.body)
}

test('V59 a placeholder marks the place of a body injection, in JSON and in forms; without one every place gets the credential, and what stands elsewhere stays', () => {
  const json = 'application/json'
  expect(sent(json, `{"token":"own","auth":{"key":"${P}"}}`)).toBe('{"token":"own","auth":{"key":"secret-for/auth/key"}}')
  expect(sent(json, `{"token":"${P}","auth":{}}`)).toBe('{"token":"secret-for/token","auth":{}}')
  expect(sent(json, '{"auth":{}}')).toBe('{"auth":{"key":"secret-for/auth/key"},"token":"secret-for/token"}')
  // Where a definition does not put its credential nobody else puts it.
  expect(sent(json, `{"text":"${P}","auth":{}}`)).toBe(
    `{"text":"${P}","auth":{"key":"secret-for/auth/key"},"token":"secret-for/token"}`,
  )
  const form = 'application/x-www-form-urlencoded'
  expect(sent(form, `a=1&key=${P}&token=own`, FORM)).toBe('a=1&token=own&key=secret-for-key')
  expect(sent(form, 'a=1', FORM)).toBe('a=1&token=secret-for-token&key=secret-for-key')
})
