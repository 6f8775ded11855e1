// A rule of a grant as a person reads it and as it is typed in. Says what stands there, and nothing that the rule does not.
import type { GrantRule } from '@countersign/sdk'
import { t } from '../text/t.ts'

export type Condition = NonNullable<GrantRule['where']>[number]
export type Op = Condition['op']

export const OPS: Record<Op, string> = {
  eq: t('is'),
  ne: t('is not'),
  lt: t('is below'),
  le: t('is at most'),
  gt: t('is above'),
  ge: t('is at least'),
  in: t('is one of'),
  like: t('is like'),
}

export const EFFECTS: Record<GrantRule['effect'], string> = {
  allow: t('may'),
  ask: t('may, after a person has agreed each time'),
  deny: t('may never'),
}

const list = (values: readonly unknown[]): string => values.map(String).join(', ')

export function sentence({ effect, methods, hosts, paths, tools, where }: GrantRule): string {
  const what = tools
    ? t('call {tools}', { tools: list(tools) })
    : !methods || methods.includes('*')
      ? t('send anything')
      : t('send {methods}', { methods: list(methods) })
  const parts = [
    what,
    paths
      ? t('to {paths}', {
          paths: list(paths.map((path) => (path.startsWith('=') ? t('exactly {path}', { path: path.slice(1) }) : path))),
        })
      : null,
    hosts ? t('at {hosts}', { hosts: list(hosts) }) : null,
    where
      ? t('where {conditions}', {
          conditions: where
            .map(({ fact, op, value }) => `${fact} ${OPS[op]} ${Array.isArray(value) ? list(value) : String(value)}`)
            .join(t(' and ')),
        })
      : null,
  ].filter((part) => part !== null)
  const rest = parts.join(' ')
  if (effect === 'deny') return t('It may never {rest}.', { rest })
  return effect === 'ask' ? t('It may {rest}, after a person has agreed each time.', { rest }) : t('It may {rest}.', { rest })
}

/** A rule as its fields hold it: lists as text, one condition a line of its own. */
export type Typed = {
  key: number
  effect: GrantRule['effect']
  methods: string
  hosts: string
  paths: string
  tools: string
  where: { fact: string; op: Op; value: string }[]
}

let keys = 0

export const typedOf = (rule: GrantRule): Typed => ({
  key: ++keys,
  effect: rule.effect,
  methods: (rule.methods ?? []).join(', '),
  hosts: (rule.hosts ?? []).join(', '),
  paths: (rule.paths ?? []).join('\n'),
  tools: (rule.tools ?? []).join(', '),
  where: (rule.where ?? []).map(({ fact, op, value }) => ({
    fact,
    op,
    value: Array.isArray(value) ? value.join(', ') : String(value),
  })),
})

const words = (text: string): string[] =>
  text
    .split(/[\s,]+/)
    .map((word) => word.trim())
    .filter((word) => word !== '')

const some = <N extends string>(name: N, values: string[]): Partial<Record<N, string[]>> =>
  values.length === 0 ? {} : ({ [name]: values } as Partial<Record<N, string[]>>)

export const ruleOf = ({ effect, methods, hosts, paths, tools, where }: Typed): GrantRule => ({
  effect,
  ...some('methods', words(methods)),
  ...some('hosts', words(hosts)),
  ...some('paths', words(paths)),
  ...some('tools', words(tools)),
  ...(where.length === 0
    ? {}
    : {
        where: where.map(({ fact, op, value }) => ({
          fact: fact.trim(),
          op,
          value: op === 'in' ? value.split(',').map((one) => literal(one)) : literal(value),
        })),
      }),
})

/** A number is one that comes back the same; `true` and `false` are what they say; everything else is text. */
function literal(text: string): number | string | boolean {
  const trimmed = text.trim()
  if (trimmed === 'true' || trimmed === 'false') return trimmed === 'true'
  return trimmed !== '' && String(Number(trimmed)) === trimmed ? Number(trimmed) : trimmed
}
