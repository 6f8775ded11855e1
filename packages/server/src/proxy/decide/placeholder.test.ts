// Placeholders (V59): no secret, one for each connection, and where one stands it says which connection is meant.
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { newId } from '../../std/id.ts'
import { placeholderOf } from '../../vault/connections/choose.ts'
import { type ReadPath, readPath } from '../../vault/grants/path.ts'
import type { AskedRequest } from '../gatekeeper.ts'
import { textsOf } from './body-texts.ts'
import { carries, choose } from './choose.ts'
import { connection, definition, view } from './testing/view.fixture.ts'

test('V59 a placeholder is made from the id by the definition’s template, and no two connections share one', () => {
  const plain = definition('plain', [{ host: 'api.example.com' }])
  const keyed = { ...plain, placeholder: 'sk-{id}-aaaaaaaaaaaaaaaaaaaa' }
  const ids = Array.from({ length: 100 }, (_, i) => newId('conn', i))
  const [first = ''] = ids
  expect(placeholderOf(plain, first)).toBe(`csph_${first}`)
  expect(placeholderOf(keyed, first)).toBe(`sk-${first}-aaaaaaaaaaaaaaaaaaaa`)
  for (const one of [plain, keyed]) expect(new Set(ids.map((id) => placeholderOf(one, id))).size).toBe(ids.length)
})

const P = 'csph_conn_1'
const basic = (text: string): [string, string] => ['authorization', `Basic ${Buffer.from(text).toString('base64')}`]
const PLACES: [string, Partial<{ path: string; query: string; headers: [string, string][] }>, boolean][] = [
  ['a header', { headers: [['x-api-key', P]] }, true],
  ['behind a scheme', { headers: [['authorization', `Bearer ${P}`]] }, true],
  ['the user of Basic', { headers: [basic(`${P}:`)] }, true],
  ['the password of Basic', { headers: [basic(`any:${P}`)] }, true],
  ['a query value', { query: `a=1&key=${P}` }, true],
  ['a segment of the path', { path: `/bot/${P}/send` }, true],
  ['nowhere', { path: '/bot/send', query: 'key=other', headers: [['x-api-key', 'sk-1'], basic('a:b')] }, false],
  ['the name of a parameter', { query: `${P}=1` }, false],
  ['a part of a segment', { path: `/bot${P}/send` }, false],
  ['a part of a value of Basic', { headers: [basic(`a:x${P}`)] }, false],
]

test('V59 it is found in a header, a query value, a segment of the path and either part of Basic, and nowhere by halves', () => {
  for (const [name, more, expected] of PLACES)
    expect([name, carries({ path: '/', query: '', headers: [], ...more }, P)]).toEqual([name, expected])
})

const BODY = definition('mail', [{ host: 'api.example.com' }], {
  inject: [{ where: 'body', name: '/key', template: '{{api_key}}' }],
})
const two = (of = BODY) => view([connection('1', of, { name: 'one' }), connection('2', of, { name: 'two' })])
const sending = (type: string, text: string | Buffer, coding?: string): AskedRequest => ({
  ...{
    id: 'req_1',
    scheme: 'https',
    host: 'api.example.com',
    port: 443,
    method: 'POST',
    path: '/send',
    query: '',
    protocol: 'h2',
  },
  headers: [['content-type', type], ...(coding ? [['content-encoding', coding] as const] : [])],
  clientAddress: '127.0.0.1',
  body: async (limit) => (Buffer.byteLength(text) > limit ? 'too_large' : Buffer.from(text)),
  signal: new AbortController().signal,
})
const chosen = async (request: AskedRequest, given = two()): Promise<string> => {
  const asked = { ...request, read: readPath(request.path) as ReadPath }
  const choice = choose(given, { ...asked, texts: await textsOf(given, asked, request) })
  return typeof choice === 'string' ? choice : 'reason' in choice ? choice.reason : choice.connection.id
}

test('V59 a placeholder in a string of a JSON body or a value of a form selects its connection; a part of one, a name, and what two readers read differently do not', async () => {
  const json = 'application/json; charset=utf-8'
  const form = 'application/x-www-form-urlencoded'
  expect(await chosen(sending(json, '{"key":"csph_conn_2"}'))).toBe('conn_2')
  expect(await chosen(sending('application/vnd.api+json', '{"a":[{"b":"csph_conn_1"}]}'))).toBe('conn_1')
  expect(await chosen(sending(json, '{"key":"csph\\u005fconn_2"}'))).toBe('conn_2')
  expect(await chosen(sending(form, 'a=1&key=csph_conn_1'))).toBe('conn_1')
  expect(await chosen(sending(json, gzipSync('{"key":"csph_conn_2"}'), 'gzip'))).toBe('conn_2')
  // By whichever place: it is the connection that is meant.
  const plain = definition('plain', [{ host: 'api.example.com' }])
  expect(await chosen(sending(json, '{"key":"csph_conn_2"}'), two(plain))).toBe('conn_2')
  for (const [type, text] of [
    [json, '{"key":"x"}'],
    [json, '{"key":"xcsph_conn_2"}'],
    [json, '{"csph_conn_2":1}'],
    [json, '{"key":"csph_conn_2","key":"x"}'],
    [json, '{"one":"csph_conn_1","two":"csph_conn_2"}'],
    [json, '{"key":"csph_conn_2"'],
    [form, 'csph_conn_2=1'],
    ['text/plain', '{"key":"csph_conn_2"}'],
    [json, `{"key":"csph_conn_2","long":"${'x'.repeat(1_048_576)}"}`],
  ] as const)
    expect([text.slice(0, 60), await chosen(sending(type, text))]).toEqual([text.slice(0, 60), 'ambiguous'])
})

test('V59 a body is read for a placeholder only where one could say something', async () => {
  const reads: number[] = []
  const body = async (limit: number) => {
    reads.push(limit)
    return Buffer.from('{}')
  }
  const request = { ...sending('application/json', '{}'), body }
  const asked = { ...request, read: readPath(request.path) as ReadPath }
  const plain = definition('plain', [{ host: 'api.example.com' }])
  await textsOf(view([connection('1', plain)]), asked, request)
  await textsOf(view([connection('1', BODY), connection('2', BODY, { grants: [] })]), { ...asked, host: 'other.test' }, request)
  expect(reads).toEqual([])
  await textsOf(view([connection('1', BODY)]), asked, request)
  expect(reads).toEqual([1_048_576])
})
