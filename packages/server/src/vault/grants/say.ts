// Rules as sentences, for people who are asked about them. Says what stands there, and nothing that a rule does not.
import type { Rule } from './rules.ts'

const VERBS = { allow: 'May', ask: 'May, after a person has agreed each time,', deny: 'May never' } as const
const OPS = {
  eq: 'is',
  ne: 'is not',
  lt: 'is below',
  le: 'is at most',
  gt: 'is above',
  ge: 'is at least',
  in: 'is one of',
  like: 'is like',
} as const

const list = (values: readonly unknown[]): string => values.map(String).join(', ')

export const sayRules = (rules: readonly Rule[]): string[] => rules.map(sayRule)

export function sayRule({ effect, methods, hosts, paths, tools, where }: Rule): string {
  const sends = !methods || methods.includes('*') ? 'send anything' : `send ${list(methods)}`
  const parts = [
    `${VERBS[effect]} ${tools ? `call ${list(tools)}` : sends}`,
    paths ? `to ${list(paths.map((path) => (path.startsWith('=') ? `exactly ${path.slice(1)}` : path)))}` : null,
    hosts ? `at ${list(hosts)}` : null,
    where
      ? `where ${where.map(({ fact, op, value }) => `${fact} ${OPS[op]} ${Array.isArray(value) ? list(value) : value}`).join(' and ')}`
      : null,
  ]
  return `${parts.filter((part) => part !== null).join(' ')}.`
}
