// The three routes about a relay token (relay.md R28): of whoever holds it, for itself alone, or of somebody of its two sides. As RFC 7662 and RFC 7009 have them they take a form;
// JSON says the same.
import { Problem } from '@countersign/sdk'
import type * as z from 'zod'
import { JsonRefused, readJsonBody } from '../../http/json.ts'
import { type Route, route, s } from '../../http/route.ts'
import type { RelayHouse } from '../house.ts'
import { giveUp, introspect, rotateHeld } from './held.ts'
import { Introspection, Issued, Overlap } from './shapes.ts'

const tag = 'approval'
const token = s.optional(s.text({ min: 1, max: 200 })).describe('Left out by who shows the token itself.')
const hint = { token_type_hint: s.optional(s.text({ max: 100 })) }
const Named = s.object({ token, ...hint })
const Rotation = s.object({ token, ...hint, overlap_seconds: Overlap, force: s.optional(s.boolean()) })
const CREDENTIALS = ['relay', 'session', 'key'] as const
const PLAIN = ['media_type_unsupported', 'json_invalid', 'body_too_large'] as const

export const tokenRoutes = (house: RelayHouse): Route[] => [
  route(
    'POST /relay-tokens/introspect',
    {
      summary: 'Ask what a relay token opens (RFC 7662)',
      tag,
      auth: 'any',
      credentials: CREDENTIALS,
      self: true,
      bucket: 'relay.token',
      idempotency: 'none',
      body: Named,
      bytes: true,
      maxBody: 4_096,
      answers: { 200: Introspection },
      problems: PLAIN,
    },
    ({ scope, bytes, request }) => introspect(house, scope, readForm(Named, bytes, request.header('content-type')).token),
  ),
  route(
    'POST /relay-tokens/revoke',
    {
      summary: 'Give up a relay token (RFC 7009)',
      description: 'The relay grant stays; a rotation gives it another token. Of a token that is not yours nothing is said.',
      tag,
      auth: 'any',
      credentials: CREDENTIALS,
      self: true,
      bucket: 'relay.token',
      idempotency: 'none',
      body: Named,
      bytes: true,
      maxBody: 4_096,
      answers: { 200: s.object({}) },
      problems: PLAIN,
    },
    ({ scope, bytes, request }) => giveUp(house, scope, readForm(Named, bytes, request.header('content-type')).token),
  ),
  route(
    'POST /relay-tokens/rotate',
    {
      summary: 'Exchange a relay token for a new one',
      tag,
      auth: 'any',
      credentials: CREDENTIALS,
      self: true,
      bucket: 'relay.token',
      idempotency: 'none',
      body: Rotation,
      bytes: true,
      maxBody: 4_096,
      answers: { 200: Issued },
      problems: ['not_found', 'grant_ended', 'rotation_open', 'policy_denied', 'policy_error', 'approval_pending', ...PLAIN],
    },
    ({ scope, bytes, request }) => {
      const { token: named, overlap_seconds, force } = readForm(Rotation, bytes, request.header('content-type'))
      return rotateHeld(house, scope, named, { overlap_seconds, ...(force === undefined ? {} : { force }) })
    },
  ),
]

const FORM = 'application/x-www-form-urlencoded'

/** Numbers and yes or no stand as text in a form. */
function readForm<T extends z.ZodType>(schema: T, bytes: Uint8Array, type: string | undefined): z.output<T> {
  const media = (type ?? '').split(';')[0]?.trim().toLowerCase()
  const given = bytes.length === 0 ? {} : media === FORM ? fields(bytes) : media === 'application/json' ? json(bytes) : null
  if (given === null) throw new Problem('media_type_unsupported', { detail: `Send Content-Type: ${FORM} or application/json.` })
  const read = schema.safeParse(given)
  if (read.success) return read.data
  const errors = read.error.issues.map(({ path, code, message }) => ({ path: `/${path.join('/')}`, code, message }))
  throw new Problem('validation_failed', { errors })
}

function fields(bytes: Uint8Array): Record<string, unknown> {
  const all = new URLSearchParams(Buffer.from(bytes).toString('utf8'))
  const given: Record<string, unknown> = {}
  for (const [name, value] of all) {
    if (name in given)
      throw new Problem('validation_failed', { errors: [{ path: `/${name}`, code: 'doubled', message: 'Is there twice.' }] })
    given[name] =
      name === 'overlap_seconds' && /^-?\d{1,9}$/.test(value)
        ? Number(value)
        : name === 'force' && /^(true|false)$/.test(value)
          ? value === 'true'
          : value
  }
  return given
}

function json(bytes: Uint8Array): unknown {
  try {
    return readJsonBody(Buffer.from(bytes))
  } catch (error) {
    if (error instanceof JsonRefused) throw new Problem('json_invalid', { detail: error.message, at: error.at }, { cause: error })
    throw error
  }
}
