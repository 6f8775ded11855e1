// What providers answer to calls of their token endpoints, in the one form that RFC 6749 gives it (V36): JSON or form, errors inside 200, tokens in odd places.
// Guesses nothing: what cannot be used is a fault, and neither its text nor a token of it gets into that fault.
import type { OAuth } from '../../providers/definition.ts'
import { ProviderFault, quoted } from './fault.ts'

export type AnswerStyle = NonNullable<OAuth['answer']>
export type Json = Record<string, unknown>
export type Raw = { status: number; type: string | undefined; body: Buffer }
export type Answered = { status: number; json: Json }

const DIGITS = /^\d{1,12}$/
/** A hundred years: what is above is no lifetime. */
const LONGEST_LIFE = 3_153_600_000

/** Status and members as the specifications have them, for whichever endpoint. */
export function readAnswer(style: AnswerStyle, raw: Raw, secrets: readonly string[] = []): Answered {
  const json = parse(raw)
  const error = errorIn(style, json)
  // Some say no with 200.
  if (error !== null) {
    const status = Math.max(raw.status, 400)
    return { status, json: { error, ...described(json, secrets) } }
  }
  if (raw.status >= 500 || raw.status === 429) throw new ProviderFault('outside', `http_${raw.status}`, { status: raw.status })
  if (raw.status >= 300) throw new ProviderFault('refused', `http_${raw.status}`, { status: raw.status })
  return { status: 200, json: style === 'slack' ? fromSlack(json) : json }
}

/** Of a token endpoint: every member that is there is of the kind that it must be, or the answer is of no use. */
export function readTokenAnswer(style: AnswerStyle, raw: Raw, secrets: readonly string[] = []): Answered {
  const answered = readAnswer(style, raw, secrets)
  return answered.status === 200 ? { status: 200, json: usable(answered.json) } : answered
}

function parse({ status, type, body }: Raw): Json {
  const text = body.toString('utf8')
  const media = (type ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
  if (/^\s*\{/.test(text)) return parseJson(text, status)
  // A form is a line of pairs; some send it as plain text. Anything with white space or a mark of HTML in it is none.
  if (media !== 'text/html' && !media.endsWith('json') && /^[^\s<>{}=&]+=[^\s<>]*$/.test(text)) return parseForm(text, status)
  throw unreadable(status)
}

function parseJson(text: string, status: number): Json {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw unreadable(status, cause)
  }
  return value as Json
}

function parseForm(text: string, status: number): Json {
  const json: Json = Object.create(null)
  for (const [name, value] of new URLSearchParams(text)) {
    if (name in json) throw unreadable(status)
    json[name] = value
  }
  return { ...json }
}

/** An answer that tells nothing by its body tells by its status. */
const unreadable = (status: number, cause?: unknown) =>
  status >= 500 || status === 429
    ? new ProviderFault('outside', `http_${status}`, { status, cause })
    : status >= 300
      ? new ProviderFault('refused', `http_${status}`, { status, cause })
      : new ProviderFault('unusable', 'answer_invalid', { said: 'The answer is neither JSON nor a form.', status, cause })

function errorIn(style: AnswerStyle, json: Json): string | null {
  if (style === 'slack' && json.ok === false) return typeof json.error === 'string' ? json.error : 'provider_error'
  if (typeof json.error === 'string' && json.error !== '') return json.error
  // Not of the specification: `{"error": {"code": …}}`.
  if (typeof json.error === 'object' && json.error !== null) {
    const { code, type } = json.error as Json
    return typeof type === 'string' ? type : typeof code === 'string' ? code : 'provider_error'
  }
  return null
}

function described(json: Json, secrets: readonly string[]): Json {
  const nested = typeof json.error === 'object' && json.error !== null ? (json.error as Json).message : undefined
  const said = quoted(json.error_description ?? nested ?? json.message, secrets)
  return said === null ? {} : { error_description: said }
}

/** The workspace's token stands at the top, a person's own under `authed_user`; whoever asked for one of them alone gets that one. */
function fromSlack(json: Json): Json {
  const user = (typeof json.authed_user === 'object' && json.authed_user !== null ? json.authed_user : {}) as Json
  const { ok: _, ...rest } = json
  if (typeof json.access_token === 'string') return { ...rest, token_type: 'bearer' }
  const { access_token, refresh_token, expires_in, scope } = user
  return { ...rest, access_token, refresh_token, expires_in, scope, token_type: 'bearer' }
}

function usable(json: Json): Json {
  const read: Json = { ...json }
  for (const name of ['access_token', 'refresh_token', 'id_token', 'scope', 'token_type', 'expires_in'])
    if (read[name] === null || read[name] === undefined || read[name] === '') delete read[name]
  if (Array.isArray(read.scope)) read.scope = read.scope.filter((one) => typeof one === 'string').join(' ')
  if (read.expires_in !== undefined) read.expires_in = lifeOf(read.expires_in)
  // Left out by many; where it stands it must be one that can be used as a bearer.
  read.token_type ??= 'bearer'
  for (const name of ['access_token', 'refresh_token', 'id_token', 'scope', 'token_type'])
    if (read[name] !== undefined && typeof read[name] !== 'string') throw unusable(`${name} is no text.`)
  if (read.access_token === undefined) throw unusable('There is no access_token.')
  if (!isHeaderValue(read.access_token as string)) throw unusable('access_token could not stand in a header.')
  if (!/^bearer$/i.test(read.token_type as string)) throw unusable('token_type is not Bearer.')
  return read
}

function lifeOf(given: unknown): number {
  const seconds = typeof given === 'string' && DIGITS.test(given) ? Number(given) : given
  if (typeof seconds !== 'number' || !Number.isInteger(seconds) || seconds < 1 || seconds > LONGEST_LIFE)
    throw unusable('expires_in is no number of seconds.')
  return seconds
}

const isHeaderValue = (text: string): boolean => /^[\x21-\x7e]+$/.test(text) && text.length <= 65_536

const unusable = (said: string) => new ProviderFault('unusable', 'answer_invalid', { said })
