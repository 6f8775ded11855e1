// What one side wants and the other gives (relay.md R24, R26): skills, scopes, time, limits, and what a token is bound to. What is given may be less than what was asked for,
// never more. Reads no row.
import { type FieldError, Problem } from '@countersign/sdk'
import ipaddr from 'ipaddr.js'
import type { Limits } from '../cards/input.ts'
import { RELAY_SCOPES, type RelayScope } from '../party.ts'

const HOUR = 3_600
const DAY = 86_400
export const LIFE = { min: HOUR, max: 365 * DAY, usual: 90 * DAY }
export const MOST_ADDRESSES = 20

export type Bind = { addresses: string[] | null; dpop_jkt: string | null }
export type Terms = {
  /** Ids of the card's; null: all of them. */
  skills: string[] | null
  scopes: RelayScope[]
  expires_in_seconds: number
  limits: Partial<Limits>
  bind: Bind
  /** End-to-end encryption is not offered. */
  encryption: 'off'
}

/** As they come over the wire: what is left out is the usual, or what was asked for. */
export type TermsIn = {
  skills?: string[] | null
  scopes?: RelayScope[]
  expires_in_seconds?: number
  limits?: Partial<Limits>
  bind?: { addresses?: string[] | null; dpop_jkt?: string | null } | null
  encryption?: 'off'
}

export const usualTerms = (given: TermsIn): Terms =>
  narrowed(
    { skills: null, scopes: [...RELAY_SCOPES], expires_in_seconds: LIFE.usual, limits: {}, bind: FREE, encryption: 'off' },
    given,
  )
const FREE: Bind = { addresses: null, dpop_jkt: null }

/** What was asked for, with what the owner puts in its place. */
export const narrowed = (asked: Terms, given: TermsIn): Terms => ({
  skills: given.skills === undefined ? asked.skills : unique(given.skills),
  scopes: given.scopes === undefined ? asked.scopes : RELAY_SCOPES.filter((one) => given.scopes?.includes(one)),
  expires_in_seconds: given.expires_in_seconds ?? asked.expires_in_seconds,
  limits: { ...asked.limits, ...given.limits },
  bind: {
    addresses: unique(given.bind?.addresses ?? asked.bind.addresses),
    dpop_jkt: given.bind?.dpop_jkt ?? asked.bind.dpop_jkt,
  },
  encryption: 'off',
})

const unique = (list: readonly string[] | null): string[] | null => (list === null ? null : [...new Set(list)])

/** What does not read as terms at all, wherever they came from. */
export function termErrors(terms: Terms, skillsOfCard: readonly string[]): FieldError[] {
  const errors: FieldError[] = []
  terms.skills?.forEach((one, i) => {
    if (!skillsOfCard.includes(one)) errors.push(fault(`/skills/${i}`, 'unknown', 'The card has no such skill.'))
  })
  if (terms.skills?.length === 0)
    errors.push(fault('/skills', 'empty', 'Name at least one skill, or leave it out for all of them.'))
  if (terms.scopes.length === 0) errors.push(fault('/scopes', 'empty', 'Name at least one scope.'))
  terms.bind.addresses?.forEach((one, i) => {
    if (cidrOf(one) === null)
      errors.push(fault(`/bind/addresses/${i}`, 'invalid_address', 'Must be an address or a network such as 10.0.0.0/8.'))
  })
  const count = terms.bind.addresses?.length
  if (count === 0 || (count ?? 0) > MOST_ADDRESSES)
    errors.push(fault('/bind/addresses', 'out_of_range', `Name 1 to ${MOST_ADDRESSES} addresses or networks, or none at all.`))
  return errors
}

/** In what these terms give more than was asked for. */
export function widerErrors(asked: Terms, given: Terms): FieldError[] {
  const wider = (path: string, message: string) => fault(path, 'wider', message)
  const errors: FieldError[] = []
  if (asked.skills !== null && given.skills === null) errors.push(wider('/skills', 'Not all skills were asked for.'))
  given.skills?.forEach((one, i) => {
    if (asked.skills !== null && !asked.skills.includes(one)) errors.push(wider(`/skills/${i}`, 'This skill was not asked for.'))
  })
  given.scopes.forEach((one, i) => {
    if (!asked.scopes.includes(one)) errors.push(wider(`/scopes/${i}`, 'This scope was not asked for.'))
  })
  if (given.expires_in_seconds > asked.expires_in_seconds)
    errors.push(wider('/expires_in_seconds', `At most ${asked.expires_in_seconds} were asked for.`))
  for (const [name, value] of Object.entries(given.limits) as [keyof Limits, number | undefined][]) {
    const most = asked.limits[name]
    if (value !== undefined && most !== undefined && isMore(value, most))
      errors.push(wider(`/limits/${name}`, `At most ${most} was asked for.`))
  }
  return errors
}

/** 0 switches a limit off (R112). */
const isMore = (given: number, asked: number): boolean => asked !== 0 && (given === 0 || given > asked)

export const fault = (path: string, code: string, message: string): FieldError => ({ path, code, message })

export function refuseFaulty(errors: readonly FieldError[]): void {
  if (errors.length > 0) throw new Problem('validation_failed', { errors: [...errors] })
}

/** As PostgreSQL's `cidr` has it: without bits beside the mask. Null: it is no network. */
export function cidrOf(text: string): string | null {
  if (ipaddr.isValidCIDR(text)) {
    const [address, bits] = ipaddr.parseCIDR(text)
    const base = address.kind() === 'ipv4' ? ipaddr.IPv4.networkAddressFromCIDR(text) : ipaddr.IPv6.networkAddressFromCIDR(text)
    return `${base.toString()}/${bits}`
  }
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return `${text}/32`
  return ipaddr.IPv6.isValid(text) ? `${ipaddr.IPv6.parse(text).toString()}/128` : null
}
