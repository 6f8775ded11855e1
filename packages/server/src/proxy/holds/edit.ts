// What a person may change of a request (V103): the members of a JSON or form body, or the arguments of one tool call. Only where they see all of it, so not where
// something was masked or cut; and only what is sent in its place is what they saw.
import { Digits, type Json, type JsonObject, JsonRefused, readJson, writeJson } from '../../http/json.ts'
import { readRpc } from '../decide/tools.ts'
import { bodyOf, type Stored } from './stored.ts'

/** `args` of the proposed action, and the pointer below which they may be edited; null: nothing may. */
export type Editable = { args: Record<string, unknown>; pointer: '/body' | '/arguments' } | null

const FORM = 'application/x-www-form-urlencoded'
const typeOf = ({ request }: Stored): string =>
  (request.bound_headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
const isJson = (type: string): boolean => type === 'application/json' || type.endsWith('+json')

/** `isWhole`: the person sees the body as it is. `tool`: the request is this one call. */
export function editableOf(stored: Stored, isWhole: boolean, tool: boolean): Editable {
  const body = bodyOf(stored)
  if (!isWhole || body.length === 0 || stored.request.bound_headers['content-encoding'] !== undefined) return null
  const type = typeOf(stored)
  const base = { method: stored.request.method, url: urlOf(stored) }
  if (isJson(type)) {
    const value = jsonOf(body)
    if (!isMembers(value)) return null
    if (!tool) return { args: { ...base, body: value }, pointer: '/body' }
    const { name, arguments: given } = (value.params ?? {}) as { name?: unknown; arguments?: unknown }
    if (typeof given !== 'object' || given === null) return null
    return { args: { tool: name, arguments: given }, pointer: '/arguments' }
  }
  const fields = type === FORM && !tool ? formOf(body) : null
  return fields && { args: { ...base, body: fields }, pointer: '/body' }
}

export const urlOf = ({ request: { scheme, host, port, path } }: Stored): string =>
  `${scheme}://${host}${port === (scheme === 'https' ? 443 : 80) ? '' : `:${port}`}${path}`

/** The body with what a person made of it, written anew. */
export function editedBody(stored: Stored, args: Readonly<Record<string, unknown>>): Buffer {
  if (args.arguments !== undefined) {
    const call = jsonOf(bodyOf(stored)) as unknown as { params: object }
    return Buffer.from(writeJson({ ...call, params: { ...call.params, arguments: args.arguments } }))
  }
  if (isJson(typeOf(stored))) return Buffer.from(writeJson(args.body))
  return Buffer.from(
    new URLSearchParams(Object.entries(args.body as Record<string, string>).map(([k, v]) => [k, String(v)])).toString(),
  )
}

const isMembers = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Digits)

function jsonOf(body: Buffer): Json | undefined {
  try {
    return readJson(body.toString('utf8'))
  } catch (error) {
    if (error instanceof JsonRefused || error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Fields by their names; null where one comes twice, for a form has an order that this would lose. */
function formOf(body: Buffer): Record<string, string> | null {
  const fields = [...new URLSearchParams(body.toString('utf8'))]
  return new Set(fields.map(([name]) => name)).size === fields.length ? Object.fromEntries(fields) : null
}

/** The one call of a tool that a body is; null for batches and for what calls none. */
export function oneTool(stored: Stored): { tool: string; arguments: unknown } | null {
  const read = readRpc(bodyOf(stored))
  if (typeof read === 'string' || read.isBatch || read.calls.length !== 1) return null
  const [call] = read.calls
  return call?.tool == null ? null : { tool: call.tool, arguments: call.arguments }
}
