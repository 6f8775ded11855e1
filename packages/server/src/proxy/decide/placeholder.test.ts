// Placeholders (V59): no secret, one for each connection, and where one stands it says which connection is meant.
import { expect, test } from 'vitest'
import { newId } from '../../std/id.ts'
import { placeholderOf } from '../../vault/connections/choose.ts'
import { carries } from './choose.ts'
import { definition } from './testing/view.fixture.ts'

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
