import { expect, test } from 'vitest'
import { type ReadPath, readPath } from '../../vault/grants/path.ts'
import { choose } from './choose.ts'
import { connection, definition, view } from './testing/view.fixture.ts'

const STRIPE = definition('stripe', [{ host: 'api.stripe.com' }])
const asked = (url: string, headers: [string, string][] = []) => {
  const { hostname, port, pathname, search } = new URL(url)
  return {
    host: hostname,
    port: Number(port || 443),
    path: pathname,
    query: search.slice(1),
    headers,
    read: readPath(pathname) as ReadPath,
  }
}
const ONE = connection('1', STRIPE)
const TWO = connection('2', STRIPE, { name: 'second' })

test('V92 the one connection whose host fits is chosen', () => {
  expect(choose(view([ONE]), asked('https://api.stripe.com/v1/refunds'))).toEqual({ connection: ONE })
})

test('V92 §10.1 §12.19 host look-alikes: none is the real host, and nobody’s credential fits it', () => {
  for (const host of [
    ...['api.stripe.com.evil.test', 'evilapi.stripe.com', 'stripe.com', 'xapi.stripe.com', 'api.stripe.com.', 'api-stripe.com'],
    ...['api\u00ad.stripe.com', 'api\uff0estripe.com', 'аpi.stripe.com', 'api.stripe.com@evil.test'],
  ])
    expect([host, choose(view([ONE]), { ...asked('https://api.stripe.com/'), host })]).toEqual([host, 'none'])
  expect(choose(view([ONE]), asked('https://api.stripe.com:8443/'))).toBe('none')
})

test('V92 an exact host comes before one label, that before many, and a longer path before a shorter', () => {
  const exact = connection('e', definition('exact', [{ host: 'a.example.com' }]))
  const one = connection('o', definition('one', [{ host: '*.example.com' }]))
  const many = connection('m', definition('many', [{ host: '**.example.com' }]))
  const deep = connection('d', definition('deep', [{ host: 'a.example.com', path: '/v1/files' }]))
  const all = view([many, one, exact, deep])
  expect(choose(all, asked('https://a.example.com/v1'))).toEqual({ connection: exact })
  expect(choose(all, asked('https://a.example.com/v1/files/7'))).toEqual({ connection: deep })
  expect(choose(all, asked('https://a.example.com/v1/filesystem'))).toEqual({ connection: exact })
  expect(choose(all, asked('https://b.example.com/'))).toEqual({ connection: one })
  expect(choose(all, asked('https://b.c.example.com/'))).toEqual({ connection: many })
})

test('V94 §12.20 two that fit equally are never guessed between, and both are named', () => {
  expect(choose(view([ONE, TWO]), asked('https://api.stripe.com/'))).toEqual({
    reason: 'ambiguous',
    choices: ['stripe:default', 'stripe:second'],
  })
})

test('V93 a header, a placeholder and the run’s choice each select', () => {
  const two = view([ONE, TWO])
  const at = (headers: [string, string][], query = '') => choose(two, asked(`https://api.stripe.com/v1${query}`, headers))
  expect(at([['countersign-connection', 'conn_2']])).toEqual({ connection: TWO })
  expect(at([['countersign-connection', 'stripe:second']])).toEqual({ connection: TWO })
  expect(at([['authorization', 'Bearer csph_conn_1']])).toEqual({ connection: ONE })
  expect(at([['authorization', `Basic ${btoa('csph_conn_2:')}`]])).toEqual({ connection: TWO })
  expect(at([], '?key=csph_conn_2')).toEqual({ connection: TWO })
  expect(choose(view([ONE, TWO], { chosen: { stripe: 'conn_2' } }), asked('https://api.stripe.com/'))).toEqual({
    connection: TWO,
  })
})

test('V93 a selector that names something else is no_grant, whatever else would fit; two that differ are ambiguous', () => {
  const two = view([ONE, TWO])
  const at = (headers: [string, string][]) => choose(two, asked('https://api.stripe.com/v1', headers))
  expect(at([['countersign-connection', 'conn_9']])).toEqual({ reason: 'no_grant' })
  expect(
    at([
      ['countersign-connection', 'conn_1'],
      ['authorization', 'Bearer csph_conn_2'],
    ]),
  ).toMatchObject({ reason: 'ambiguous' })
  expect(
    at([
      ['countersign-connection', 'conn_1'],
      ['countersign-connection', 'conn_1'],
    ]),
  ).toMatchObject({ reason: 'ambiguous' })
  expect(choose(view([ONE], { chosen: { stripe: 'conn_9' } }), asked('https://api.stripe.com/'))).toEqual({ reason: 'no_grant' })
  const other = connection('3', definition('other', [{ host: 'api.other.com' }]))
  expect(choose(view([ONE, other]), asked('https://api.stripe.com/', [['countersign-connection', 'conn_3']]))).toEqual({
    reason: 'no_grant',
  })
})

test('V95 a known provider without a connection, and one that must be signed in again, say so', () => {
  expect(choose(view([], {}, [STRIPE]), asked('https://api.stripe.com/'))).toEqual({
    reason: 'connection_missing',
    provider: 'stripe',
  })
  const lapsed = connection('l', STRIPE, { status: 'needs_reauth' })
  expect(choose(view([lapsed]), asked('https://api.stripe.com/'))).toEqual({ reason: 'needs_reauth', connection: lapsed })
  expect(choose(view([lapsed, TWO]), asked('https://api.stripe.com/'))).toEqual({ connection: TWO })
})

test('V95 a provider at an origin of one’s own is known at its usual one', () => {
  const gitlab = definition('gitlab', [{ host: '{base_url}' }], { params: { base_url: { default: 'https://gitlab.com' } } })
  expect(choose(view([], {}, [gitlab]), asked('https://gitlab.com/api/v4'))).toEqual({
    reason: 'connection_missing',
    provider: 'gitlab',
  })
  expect(choose(view([], {}, [gitlab]), asked('https://gitlab.example/api/v4'))).toBe('none')
})

test('V95 git hosts are named by segments', () => {
  const github = connection('g', definition('github', [{ host: 'github.com', path: '/*/*/info/refs' }]))
  expect(choose(view([github]), asked('https://github.com/a/b/info/refs?service=git-upload-pack'))).toEqual({
    connection: github,
  })
  expect(choose(view([github]), asked('https://github.com/a/info/refs'))).toBe('none')
  expect(choose(view([github]), asked('https://github.com/settings/tokens'))).toBe('none')
})
