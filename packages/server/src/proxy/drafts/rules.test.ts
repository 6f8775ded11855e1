// Rules of a draft: what they name, what people are asked about, and what is left out.
import { expect, test } from 'vitest'
import { winning } from '../../vault/grants/rules.ts'
import { connection, definition } from '../decide/testing/view.fixture.ts'
import { foldLearned } from './learned.ts'
import { passPolicy } from './policy.ts'
import { rulesFor } from './rules.ts'
import type { LearnedRow } from './sql.ts'

const row = (method: string, path: string, own: Partial<LearnedRow> = {}): LearnedRow => ({
  ...{ scheme: 'https', host: 'api.example.com', port: 443, method, path, requests: 1 },
  ...own,
})
const at = (own: object = {}) => {
  const { definition: made, params } = connection('1', definition('alpha', [{ host: 'api.example.com' }], own))
  return { definition: made, params }
}

test('V96 what was learned is folded by host, method and shape, the most wanted first', () => {
  const rows = [
    row('GET', '/a/1'),
    row('GET', '/a/2', { requests: 3 }),
    row('POST', '/a/1', { requests: 2 }),
    row('GET', '/a/..'),
  ]
  expect(foldLearned(rows).map(({ method, path, requests }) => [method, path, requests])).toEqual([
    ['GET', '/a/*', 4],
    ['POST', '/a/*', 2],
  ])
})

test('V96 V14 rules name the host, the methods and exactly the shapes; paths with the same methods share one', () => {
  const rows = [row('GET', '/a/1'), row('POST', '/a/1'), row('GET', '/b'), row('POST', '/b'), row('GET', '/c/x/')]
  const { rules, leftOut } = rulesFor(at(), foldLearned(rows))
  expect([rules, leftOut]).toEqual([
    [
      { effect: 'allow', hosts: ['api.example.com'], methods: ['GET', 'POST'], paths: ['=/a/*', '=/b'] },
      { effect: 'allow', hosts: ['api.example.com'], methods: ['GET'], paths: ['=/c/x/'] },
    ],
    [],
  ])
  const says = (method: string, path: string, host = 'api.example.com') => winning(rules, { method, path, host })
  for (const { method, path } of rows) expect([path, 'effect' in says(method, path)]).toEqual([path, true])
  for (const [method, path] of [
    ['PUT', '/b'],
    ['GET', '/b/more'],
    ['GET', '/a/1/2'],
    ['POST', '/c/x/'],
  ] as const)
    expect([method, path, 'effect' in says(method, path)]).toEqual([method, path, false])
  expect('effect' in says('GET', '/b', 'eu.example.com')).toBe(false)
})

test('V96 V14 a rule holds as many paths as a grant takes, and the next one the rest', () => {
  const rows = Array.from({ length: 230 }, (_, i) =>
    row('GET', `/p/name-${String.fromCharCode(97 + (i % 26))}${'x'.repeat(i / 26)}`),
  )
  const { rules } = rulesFor(at(), foldLearned(rows))
  expect(rules.map(({ paths }) => paths?.length)).toEqual([100, 100, 30])
})

test('V96 what a grant alone would not let out is left out and told: no TLS, the provider’s own endpoints, minting', () => {
  const rows = [
    ...[row('GET', '/plain', { scheme: 'http', port: 80 }), row('POST', '/token'), row('POST', '/keys')],
    ...[row('GET', '/keys'), row('M'.repeat(40), '/x')],
  ]
  const own = {
    oauth: { token_url: 'https://api.example.com/token', flows: ['code'], pkce: 'S256' },
    minting: [{ methods: ['POST'], paths: ['/keys'] }],
  }
  const { rules, leftOut } = rulesFor(at(own), foldLearned(rows))
  expect(rules).toEqual([{ effect: 'allow', hosts: ['api.example.com'], methods: ['GET'], paths: ['=/keys'] }])
  expect(leftOut.map(({ path, why }) => [path, why])).toEqual([
    ['/plain', 'plaintext'],
    ['/token', 'token_endpoint'],
    ['/keys', 'minting'],
    ['/x', 'unnamed'],
  ])
  const { leftOut: none } = rulesFor(at({ allow_plaintext: true }), foldLearned([row('GET', '/plain', { scheme: 'http' })]))
  expect(none).toEqual([])
})

test('V96 calls of tools are asked about: which they were is in no record', () => {
  const { rules } = rulesFor(at({ mcp: { paths: ['/mcp'] } }), foldLearned([row('POST', '/mcp'), row('GET', '/mcp')]))
  expect(rules.map(({ effect, methods, tools }) => [effect, methods, tools])).toEqual([
    ['ask', ['POST'], ['*']],
    ['allow', ['GET'], undefined],
  ])
})

test('V95 a policy to pass a host names its agent and its host, and only where each request is seen', () => {
  const { id, text } = passPolicy('agt_1', 'docs.example')
  expect(text).toContain('principal == Agent::"agt_1", action == Action::"proxy.pass", resource == Host::"docs.example"')
  expect(text).toContain('when { context.intercepted };')
  expect([id, passPolicy('agt_1', 'docs.example').id]).toEqual([expect.stringMatching(/^pass-[0-9a-f]{20}$/), id])
  expect(passPolicy('agt_2', 'docs.example').id).not.toBe(id)
})
