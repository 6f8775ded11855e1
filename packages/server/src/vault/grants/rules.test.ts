// Which rule speaks for a request: the order of V14 and the paths of V90, without a server.
import { expect, test } from 'vitest'
import { parsePathPattern, readPath } from './path.ts'
import { type Rule, type RuleTarget, type Winning, winning } from './rules.ts'

const GET = { host: 'api.example.com', method: 'GET', path: '/v1/refunds' }
const say = (found: Winning) => ('refusal' in found ? found.refusal : `${found.index} ${found.effect}`)
const ask = (rules: Rule[], target: Partial<RuleTarget> = {}) => say(winning(rules, { ...GET, ...target }))

test('V14 no rule, no grant; the reason names what the rules that came furthest lacked', () => {
  expect(ask([])).toBe('no_grant')
  expect(ask([{ effect: 'allow', methods: ['POST'] }])).toBe('method')
  expect(
    ask([
      { effect: 'allow', methods: ['POST'] },
      { effect: 'allow', hosts: ['other.example.com'] },
    ]),
  ).toBe('host')
  expect(ask([{ effect: 'allow', hosts: ['api.example.com'], paths: ['/v2'] }])).toBe('path')
  expect(ask([{ effect: 'allow', paths: ['/v1'], tools: ['read_*'] }], { tool: 'write_file' })).toBe('tool')
  expect(ask([{ effect: 'allow', tools: ['read_*'] }])).toBe('tool')
  expect(ask([{ effect: 'allow', where: [{ fact: 'amount', op: 'le', value: 5 }] }])).toBe('no_grant')
})

test('V14 the longest path wins, then the exact host, then the stricter effect', () => {
  const wide: Rule = { effect: 'deny', paths: ['/v1'] }
  const long: Rule = { effect: 'allow', paths: ['/v1/refunds'] }
  expect(ask([wide, long])).toBe('1 allow')
  expect(ask([long, wide])).toBe('0 allow')
  expect(ask([wide, long], { path: '/v1/charges' })).toBe('0 deny')
  expect(ask([{ effect: 'deny', paths: ['/v1/*'] }, long])).toBe('1 allow')
  expect(ask([long, { effect: 'ask', paths: ['=/v1/refunds'] }])).toBe('1 ask')
  expect(ask([long, { effect: 'ask', paths: ['=/v1/refunds'] }], { path: '/v1/refunds/7' })).toBe('0 allow')
  const any: Rule = { effect: 'deny', hosts: ['*.example.com'] }
  const one: Rule = { effect: 'allow', hosts: ['api.example.com'] }
  expect(ask([any, one])).toBe('1 allow')
  expect(ask([any, one], { host: 'www.example.com' })).toBe('0 deny')
  expect(ask([{ effect: 'allow' }, { effect: 'deny' }, { effect: 'ask' }])).toBe('1 deny')
  expect(ask([{ effect: 'allow' }, { effect: 'ask' }])).toBe('1 ask')
  // A longer path counts for more than an exacter host.
  expect(
    ask([
      { effect: 'deny', hosts: ['api.example.com'] },
      { effect: 'allow', hosts: ['*.example.com'], paths: ['/v1'] },
    ]),
  ).toBe('1 allow')
})

test('V14 methods are names or *, tools names or beginnings', () => {
  expect(ask([{ effect: 'allow', methods: ['*'] }], { method: 'PURGE' })).toBe('0 allow')
  expect(ask([{ effect: 'allow', methods: ['GET', 'HEAD'] }], { method: 'HEAD' })).toBe('0 allow')
  expect(ask([{ effect: 'allow', tools: ['read_*', 'list'] }], { tool: 'read_file' })).toBe('0 allow')
  expect(ask([{ effect: 'allow', tools: ['read_*', 'list'] }], { tool: 'lists' })).toBe('tool')
  expect(ask([{ effect: 'allow' }], { tool: 'anything' })).toBe('0 allow')
})

test('V14 V98 facts are compared by type; one that is absent or of another type lets nothing through', () => {
  const upTo: Rule = { effect: 'allow', where: [{ fact: 'amount', op: 'le', value: 100 }] }
  const above: Rule = { effect: 'deny', where: [{ fact: 'amount', op: 'gt', value: 100 }] }
  expect(ask([upTo, above], { facts: { amount: 100 } })).toBe('0 allow')
  expect(ask([upTo, above], { facts: { amount: 101 } })).toBe('1 deny')
  expect(ask([upTo, above])).toBe('1 deny')
  expect(ask([upTo, above], { facts: { amount: '40' } })).toBe('1 deny')
  expect(ask([{ effect: 'allow' }, above])).toBe('1 deny')
  const where = (op: 'eq' | 'ne' | 'in' | 'like', value: string | string[], currency: string) =>
    ask([{ effect: 'allow', where: [{ fact: 'currency', op, value }] }], { facts: { currency } })
  expect(where('eq', 'eur', 'eur')).toBe('0 allow')
  expect(where('ne', 'eur', 'eur')).toBe('no_grant')
  expect(where('in', ['eur', 'usd'], 'usd')).toBe('0 allow')
  expect(where('in', ['eur', 'usd'], 'chf')).toBe('no_grant')
  expect(where('like', 'e*r', 'eur')).toBe('0 allow')
  expect(where('like', 'e*u*r', 'er')).toBe('no_grant')
  expect(where('like', '*', '')).toBe('0 allow')
  expect(where('like', 'a*a', 'a')).toBe('no_grant')
  expect(ask([{ effect: 'allow', where: [{ fact: '__proto__', op: 'ne', value: 1 }] }], { facts: {} })).toBe('no_grant')
})

test.each([
  ['/v1/../admin', null],
  ['/v1/%2e%2e/x', null],
  ['/v1/%252e%252e/x', null],
  ['/v1/%25252e%25252e/x', null],
  ['/v1/%2525252e/x', null],
  ['/v1/..%2fx', null],
  ['/v1/a%2f..%2fx', null],
  ['/v1\\x', null],
  ['/v1/%5cx', null],
  ['/v1/%00', null],
  ['/v1/%0d%0a', null],
  ['/v1/%zz', null],
  ['v1', null],
  ['', null],
  ['/v1/a%2Fb', ['v1', 'a/b']],
  ['/v1/%41bc', ['v1', 'Abc']],
  ['//v1', ['', 'v1']],
  ['/v1;x=1/', ['v1;x=1', '']],
] as const)('V90 the path %s is read as %s', (path, segments) => {
  expect(readPath(path)?.decoded ?? null).toEqual(segments)
})

test.each([
  ['/v10', ['/v1'], 'path'],
  ['/v1', ['/v1'], '0 allow'],
  ['/v1/', ['/v1'], '0 allow'],
  ['/v1/x/y', ['/v1/'], '0 allow'],
  ['//v1', ['/v1'], 'path'],
  ['/v1;x/y', ['/v1'], 'path'],
  ['/v1//y', ['/v1/*'], 'path'],
  ['/v1//y', ['/v1/**'], '0 allow'],
  ['/v1', ['/v1/**'], 'path'],
  ['/v1/x', ['=/v1'], 'path'],
  ['/a/7/b', ['/a/*/b'], '0 allow'],
  ['/%76%31/x', ['/v1'], '0 allow'],
  ['/v1/x%2Fy', ['=/v1/*'], '0 allow'],
  ['/V1', ['/v1'], 'path'],
  ['/', ['/'], '0 allow'],
  ['/v1/../admin', ['/'], 'path_ambiguous'],
  // Once decoded it is another path than as it was sent: nobody knows which of them upstream will read.
  ['/a%3Bb', ['=/a;b'], 'path_ambiguous'],
] as const)('V90 %s under the rule %s: %s', (path, paths, outcome) => {
  expect(ask([{ effect: 'allow', paths }], { path })).toBe(outcome)
})

test.each(['v1', '/a*', '=/a/**', '/a?b', '/a/../b', '/a/**/b', ''])('V14 %s is no path of a rule', (path) => {
  expect(parsePathPattern(path)).toBeNull()
})
