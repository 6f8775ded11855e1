// What a grant lets its agent do, as it was asked for and as it is stored (V12, V14): every fault with its pointer, and nothing that reads what is sealed (V13).
import { Problem } from '@countersign/sdk'
import ipaddr from 'ipaddr.js'
import type { FieldFault } from '../problem.ts'
import type { Definition } from '../providers/definition.ts'
import { DefinitionFault, matchHost, type Params, type Pattern, parsePattern } from '../providers/pattern.ts'
import { parsePathPattern } from './path.ts'
import type { Rule } from './rules.ts'
import type { GrantRow, Terms } from './sql.ts'

export type Wishes = {
  rules?: Rule[]
  starts_at?: Date
  expires_at?: Date
  max_uses?: number | null
  client_cidrs?: string[]
  placeholder_required?: boolean
  minting?: boolean
  narrow?: Narrow
  record?: 'auto' | 'before' | 'stream'
  scan?: boolean
}

/** Limits of what is minted for a run; what a member means is the provider's (V43). */
export type Narrow = {
  repositories?: string[]
  permissions?: Record<string, string>
  role?: string
  session_policy?: string
  regions?: string[]
  services?: string[]
}

const DAY_MS = 86_400_000
const DEFAULT_MS = 30 * DAY_MS

/** `present`: what is not named stays as it is there. */
export function readTerms(
  wishes: Wishes,
  {
    definition,
    params,
    now,
    mostMs,
    present,
  }: {
    definition: Definition
    params: Params
    now: Date
    mostMs: number
    present?: GrantRow
  },
): Terms {
  const startsAt = wishes.starts_at ?? present?.starts_at ?? now
  const expiresAt = wishes.expires_at ?? present?.expires_at ?? new Date(startsAt.getTime() + Math.min(DEFAULT_MS, mostMs))
  const rules = wishes.rules ?? present?.rules ?? []
  const errors = [
    ...timeFaults(wishes, { startsAt, expiresAt, now, mostMs }),
    ...(wishes.rules || !present ? ruleFaults(rules, definition, params) : []),
    ...(wishes.client_cidrs ?? []).flatMap((text, i) => (networkOf(text) ? [] : [noNetwork(i)])),
  ]
  if (errors.length > 0) throw new Problem('validation_failed', { errors })
  return {
    rules,
    starts_at: startsAt,
    expires_at: expiresAt,
    max_uses: wishes.max_uses === undefined ? (present?.max_uses ?? null) : wishes.max_uses,
    client_cidrs: wishes.client_cidrs?.map((text) => networkOf(text) as string) ?? present?.client_cidrs ?? [],
    placeholder_required: wishes.placeholder_required ?? present?.placeholder_required ?? false,
    minting: wishes.minting ?? present?.minting ?? false,
    narrow: wishes.narrow ?? present?.narrow ?? {},
    record: wishes.record ?? present?.record ?? 'auto',
    scan: wishes.scan ?? present?.scan ?? true,
  }
}

const noNetwork = (i: number): FieldFault => ({
  path: `/client_cidrs/${i}`,
  code: 'invalid_address',
  message: 'Must be an address or a network such as 203.0.113.0/24.',
})

/** Without what stands behind its prefix. Null: neither address nor network. */
function networkOf(text: string): string | null {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return `${text}/32`
  if (ipaddr.IPv6.isValid(text)) return `${ipaddr.IPv6.parse(text)}/128`
  if (!ipaddr.isValidCIDR(text)) return null
  const [address, bits] = ipaddr.parseCIDR(text)
  const family = address.kind() === 'ipv4' ? ipaddr.IPv4 : ipaddr.IPv6
  return `${family.networkAddressFromCIDR(text)}/${bits}`
}

function timeFaults(
  wishes: Wishes,
  { startsAt, expiresAt, now, mostMs }: { startsAt: Date; expiresAt: Date; now: Date; mostMs: number },
): FieldFault[] {
  const path = wishes.expires_at === undefined && wishes.starts_at !== undefined ? '/starts_at' : '/expires_at'
  if (expiresAt <= now) return [{ path, code: 'in_the_past', message: 'A grant ends in the future.' }]
  if (expiresAt <= startsAt) return [{ path, code: 'out_of_range', message: 'A grant ends after it starts.' }]
  const days = Math.floor(mostMs / DAY_MS)
  if (expiresAt.getTime() - Math.max(startsAt.getTime(), now.getTime()) > mostMs)
    return [{ path, code: 'out_of_range', message: `In this tenant a grant lasts at most ${days} days.` }]
  return []
}

const METHOD = /^[A-Z][A-Z0-9!#$%&'*+.^_`|~-]{0,31}$/
const TOOL = /^[^\s*\p{Cc}]{0,200}\*?$/u
const ORDERED: readonly string[] = ['lt', 'le', 'gt', 'ge']

function ruleFaults(rules: readonly Rule[], definition: Definition, params: Params): FieldFault[] {
  if (rules.length === 0)
    return [{ path: '/rules', code: 'required', message: 'Without a rule nothing is granted: name at least one.' }]
  return rules.flatMap((rule, i) => {
    const at = `/rules/${i}`
    return [
      ...each(rule.hosts, `${at}/hosts`, (host) => hostFault(host, definition, params)),
      ...each(rule.methods, `${at}/methods`, (method) =>
        method === '*' || METHOD.test(method) ? null : ['method', 'A method is * or a name in upper case.'],
      ),
      ...each(rule.paths, `${at}/paths`, (path) =>
        parsePathPattern(path)
          ? null
          : ['path', 'A path begins with / (or =/ for exactly this one); * is a segment, ** at the end the rest.'],
      ),
      ...each(rule.tools, `${at}/tools`, (tool) =>
        tool !== '' && TOOL.test(tool) ? null : ['tool', 'A tool is a name, or the beginning of one and *.'],
      ),
      ...each(rule.where, `${at}/where`, (where) => whereFault(where, definition)),
    ]
  })
}

type Fault = readonly [code: string, message: string] | null

function each<T>(values: readonly T[] | undefined, path: string, check: (value: T) => Fault): FieldFault[] {
  if (values?.length === 0) return [{ path, code: 'empty', message: 'Leave it out for all, or name at least one.' }]
  return (values ?? []).flatMap((value, i) => {
    const fault = check(value)
    return fault ? [{ path: `${path}/${i}`, code: fault[0], message: fault[1] }] : []
  })
}

function whereFault({ fact, op, value }: NonNullable<Rule['where']>[number], { facts = {} }: Definition): Fault {
  const known = Object.hasOwn(facts, fact) ? facts[fact] : undefined
  if (!known || known.in === 'response') return ['fact', 'The provider’s definition names no such fact of a request.']
  const wanted = { long: 'number', string: 'string', bool: 'boolean' }[known.type]
  if ((op === 'in') !== Array.isArray(value)) return ['value', 'A list belongs to `in`, and to nothing else.']
  const values = Array.isArray(value) ? value : [value]
  if (values.some((one) => typeof one !== wanted)) return ['value', `This fact is a ${known.type}.`]
  if (ORDERED.includes(op) && known.type !== 'long') return ['op', 'Only numbers have an order.']
  if (op === 'like' && known.type !== 'string') return ['op', 'Only text is like a pattern.']
  return null
}

function hostFault(host: string, { hosts }: Definition, params: Params): Fault {
  try {
    const pattern = parsePattern(host)
    const fits = hosts.some((one) => isWithin(pattern, parsePattern(one.host), params))
    return fits ? null : ['host', 'The provider’s definition does not reach this host.']
  } catch (error) {
    if (error instanceof DefinitionFault) return ['host', error.message]
    throw error
  }
}

/** Whether every host that fits the one fits the other. */
function isWithin(inner: Pattern, outer: Pattern, params: Params): boolean {
  if (inner.text === outer.text) return true
  if (inner.ofBaseUrl) return false
  // A wildcard stands for any label: two that no host has in common by chance are tried.
  const spoken = (label: string, many: string) => inner.text.replace(/^\*\*/, many).replaceAll('*', label)
  const tried = inner.text.includes('*') ? [spoken('x0-any', 'x0-any'), spoken('y1-any', 'y1-any.z2-any')] : [inner.text]
  return inner.params.length === 0 && tried.every((one) => matchHost(outer, one, params) !== null)
}
