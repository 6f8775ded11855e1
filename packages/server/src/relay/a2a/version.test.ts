import { ContentTypeNotSupportedError, ExtensionSupportRequiredError, VersionNotSupportedError } from '@a2a-js/sdk/errors'
import { expect, test } from 'vitest'
import { activate, activatedHeader, RELAY_EXTENSION, relayAskOf, withoutOurs } from './extension.ts'
import { answerTypeOf, refuseContentType } from './media.ts'
import { versionOf } from './version.ts'

test.each<[string | undefined, string, string | null]>([
  ['1.0', '', '1.0'],
  ['1.0.7', '', '1.0'],
  [undefined, 'A2A-Version=1.0', '1.0'],
  ['', 'A2A-Version=1.0.1', '1.0'],
  ['1.0', 'A2A-Version=99.0', '1.0'],
  [undefined, '', null],
  ['', '', null],
  ['0.3', '', null],
  ['0.3.0', 'A2A-Version=1.0', null],
  ['99.0', '', null],
  ['1', '', null],
  ['1.1', '', null],
  ['v1.0', '', null],
  ['1.0, 1.0', '', null],
])('R87 header %s with query "%s" speaks %s', (header, query, version) => {
  if (version === null) expect(() => versionOf(header, query)).toThrow(VersionNotSupportedError)
  else expect(versionOf(header, query)).toBe(version)
})

test.each<[string | undefined, string | undefined, boolean]>([
  ['application/json', undefined, true],
  ['application/a2a+json', undefined, true],
  ['Application/JSON; charset="UTF-8"', 'identity', true],
  [undefined, undefined, true],
  ['text/plain', undefined, false],
  ['application/json; charset=latin1', undefined, false],
  ['application/json', 'gzip', false],
  ['application/jsonp', undefined, false],
])('R105 a body of type %s with coding %s is taken: %s', (type, coding, taken) => {
  if (taken) refuseContentType(type, coding)
  else expect(() => refuseContentType(type, coding)).toThrow(ContentTypeNotSupportedError)
})

test.each([
  [undefined, undefined, 'application/json'],
  ['*/*', 'application/json', 'application/json'],
  ['application/a2a+json, application/json', 'application/json', 'application/a2a+json'],
  ['application/json', 'application/a2a+json; charset=utf-8', 'application/a2a+json'],
])('R105 Accept %s and Content-Type %s are answered in %s', (accept, type, answer) => {
  expect(answerTypeOf(accept, type)).toBe(answer)
})

test('R88 what was named and is declared is active and stands in one header', () => {
  const declared = [{ uri: RELAY_EXTENSION }, { uri: 'urn:other' }]
  const active = activate(`urn:unknown, ${RELAY_EXTENSION},urn:other, ${RELAY_EXTENSION}`, declared)
  expect(active).toEqual([RELAY_EXTENSION, 'urn:other'])
  expect(activatedHeader(active)).toEqual({ 'A2A-Extensions': `${RELAY_EXTENSION}, urn:other` })
  expect(activatedHeader(activate(undefined, declared))).toEqual({})
})

test('R88 an extension that is required and was not named refuses the call', () => {
  const declared = [{ uri: RELAY_EXTENSION, required: true }]
  expect(() => activate('urn:other', declared)).toThrow(ExtensionSupportRequiredError)
  expect(activate(RELAY_EXTENSION, declared)).toEqual([RELAY_EXTENSION])
})

test('R88 our key is read from the call, else from its message, and never handed on', () => {
  const ours = (operation_id: string) => ({ [RELAY_EXTENSION]: { operation_id } })
  expect(relayAskOf({ metadata: ours('a'), message: { metadata: ours('b') } })).toEqual({ operation_id: 'a' })
  expect(relayAskOf({ message: { metadata: ours('b') } })).toEqual({ operation_id: 'b' })
  expect(relayAskOf({})).toEqual({})
  expect(withoutOurs({ a: 1, ...ours('x') })).toEqual({ a: 1 })
  expect(withoutOurs(ours('x'))).toBeUndefined()
})
