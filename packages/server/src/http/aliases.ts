// The names that clients of another service have for members of ours (relay.md §3.4): in requests they are taken for ours wherever a route lists them; in answers they stand
// beside ours for who asks for it, and where the setting of a tenant says so. Knows no route; what is neither ours nor listed stays an error.

import type { Answer } from './answer.ts'
import type { Exchange } from './exchange.ts'
import { type Json, type JsonObject, readJson, writeJson } from './json.ts'
import type { RouteSpec } from './route.ts'

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && value.constructor === Object

/** A name that is given beside ours stays as it is, which the schema then refuses. */
export function ourNames(aliases: RouteSpec['aliases'], body: Json | undefined): Json | undefined {
  if (!aliases?.takes || !isObject(body)) return body
  const named: JsonObject = { ...body }
  for (const [alias, ours] of Object.entries(aliases.takes)) {
    const value = named[alias]
    const [outer = '', inner] = ours.split('.')
    const into = inner === undefined ? named : named[outer] === undefined ? {} : named[outer]
    if (value === undefined || !isObject(into) || (inner ?? outer) in into) continue
    into[inner ?? outer] = value
    if (inner !== undefined) named[outer] = { ...into }
    delete named[alias]
  }
  return named
}

const WANTED = 'foragent'

export const wantsTheirNames = (exchange: Pick<Exchange, 'header'>): boolean =>
  exchange.header('countersign-compat')?.trim().toLowerCase() === WANTED

export function withTheirNames({ aliases }: Pick<RouteSpec, 'aliases'>, answer: Answer): Answer {
  if (!aliases) return answer
  const headers = { ...answer.headers }
  for (const [alias, ours] of Object.entries(aliases.heads ?? {})) {
    const value = headers[ours]
    if (value !== undefined) headers[alias] = value
  }
  if (!aliases.calls || answer.body === null) return { ...answer, headers }
  const body = readJson(String(answer.body))
  if (!isObject(body)) return { ...answer, headers }
  const named: JsonObject = { ...body }
  for (const [alias, ours] of Object.entries(aliases.calls)) {
    const value = ours.split('.').reduce<Json | undefined>((at, name) => (isObject(at) ? at[name] : undefined), body)
    if (value !== undefined && !(alias in named)) named[alias] = value
  }
  return { ...answer, headers, body: writeJson(named) }
}
