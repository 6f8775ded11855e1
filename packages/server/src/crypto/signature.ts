// Signatures on what we send (platform.md §9.2, T70, T71). Signs the exact bytes that leave; never parses or renders a body, never holds a key.
import { hkdfSync } from 'node:crypto'
import { ed25519Sign } from './ed25519.ts'
import { hmacSha256, randomBytes } from './token.ts'

const WHSEC = 'whsec_'

export const SIGNING_MODES = ['standard', 'stripe', 'github', 'awaithumans', 'foragent'] as const
export type SigningMode = (typeof SIGNING_MODES)[number]
export const SIGNATURE_HEADERS = ['Countersign-Signature', 'Humane-Signature', 'X-Humane-Signature'] as const
export type SignatureHeader = (typeof SIGNATURE_HEADERS)[number]

/** What an endpoint that is bound to a card or a thread may have besides: the instance's own Ed25519 key signs, and there is no secret (relay.md R101). */
export type SentMode = SigningMode | 'a2a'

/** Modes whose header holds several signatures; in the others two secrets cannot be live at once (P81). */
export const hasRoomForTwo = (mode: SentMode): boolean => mode === 'standard' || mode === 'stripe'

/** A secret that somebody brought in words of their own is its text (relay.md R63). */
const secretBytes = (secret: string): Buffer =>
  secret.startsWith(WHSEC) ? Buffer.from(secret.slice(WHSEC.length), 'base64') : Buffer.from(secret)
const joined = (prefix: string, body: string | Buffer): Buffer => Buffer.concat([Buffer.from(prefix), Buffer.from(body)])
const hex = (key: string | Buffer, data: Buffer): string => hmacSha256(key, data).toString('hex')

/** Standard Webhooks: `v1,<base64>` per live secret, newest first; with a seed `v1a,<base64>` behind them. */
export function standardSignature(
  secrets: readonly string[],
  id: string,
  timestamp: number,
  body: string | Buffer,
  seed?: Buffer,
): string {
  const signed = joined(`${id}.${timestamp}.`, body)
  const macs = secrets.map((secret) => `v1,${hmacSha256(secretBytes(secret), signed).toString('base64')}`)
  return (seed ? [...macs, `v1a,${ed25519Sign(seed, signed).toString('base64')}`] : macs).join(' ')
}

/** `t=<s>,v1=<hex>` per live secret, newest first, over `t.body`; the key is the text of the secret. */
export const stripeSignature = (secrets: readonly string[], timestamp: number, body: string | Buffer): string =>
  [`t=${timestamp}`, ...secrets.map((secret) => `v1=${hex(secret, joined(`${timestamp}.`, body))}`)].join(',')

/** `X-Hub-Signature-256` over the raw body; the key is the text of the secret. */
export const githubSignature = (secret: string, body: string | Buffer): string => `sha256=${hex(secret, Buffer.from(body))}`

/** The five headers of a foragent delivery: v1 over the body, v2 over `v2.timestamp.nonce.body`. */
export function foragentHeaders(secret: string, timestamp: number, nonce: string, body: string | Buffer): Record<string, string> {
  return {
    'x-foragent-signature': hex(secret, Buffer.from(body)),
    'x-foragent-signature-v2': hex(secret, joined(`v2.${timestamp}.${nonce}.`, body)),
    'x-foragent-timestamp': String(timestamp),
    'x-foragent-nonce': nonce,
    'x-foragent-signature-version': '2',
  }
}

/** The key that signs `callback_url` posts, from a tenant's 32-byte compatibility key: no receiver ever holds a root key (T71, T72). */
export const compatibilitySigningKey = (key: Buffer): Buffer =>
  Buffer.from(hkdfSync('sha256', key, 'awaithumans-webhook-v1', 'v1', 32))

/** `X-Awaithumans-Signature`: `sha256=<hex>` over the raw body. */
export const compatibilitySignature = (key: Buffer, body: string | Buffer): string =>
  `sha256=${hex(compatibilitySigningKey(key), Buffer.from(body))}`

export type Signing = {
  mode: SentMode
  /** Live ones, newest first, as they were shown. */
  secrets: readonly string[]
  /** The same over attempts, replays and endpoints. */
  id: string
  /** This attempt's, in whole seconds. */
  timestamp: number
  body: Buffer
  /** Of mode `stripe`. */
  header?: SignatureHeader
  /** Of Ed25519. */
  seed?: Buffer
  /** Of mode `foragent`: the signature of mode `standard` too, for receivers that know only that one. */
  beside?: 'standard'
  /** The task that a body of mode `awaithumans` tells of. */
  taskId?: string | null
}

/** What proves a delivery, in its endpoint's mode; all modes also name event and time (P84). */
export function signedHeaders(signing: Signing): Record<string, string> {
  const { mode, secrets, id, timestamp, body } = signing
  const common = { 'webhook-id': id, 'webhook-timestamp': String(timestamp) }
  const standard = () => ({ ...common, 'webhook-signature': standardSignature(secrets, id, timestamp, body, signing.seed) })
  if (mode === 'a2a' && signing.seed) return standard()
  const [newest] = secrets
  if (mode === 'a2a' || newest === undefined) throw new TypeError('Nothing leaves unsigned.')
  switch (mode) {
    case 'standard':
      return standard()
    case 'stripe':
      return { ...common, [(signing.header ?? SIGNATURE_HEADERS[0]).toLowerCase()]: stripeSignature(secrets, timestamp, body) }
    case 'github':
      return { ...common, 'x-hub-signature-256': githubSignature(newest, body) }
    case 'awaithumans':
      return {
        ...common,
        ...(signing.taskId ? { 'x-awaithumans-task-id': signing.taskId } : {}),
        'x-awaithumans-signature': compatibilitySignature(secretBytes(newest), body),
      }
    case 'foragent':
      return {
        ...(signing.beside === 'standard' ? standard() : common),
        ...foragentHeaders(newest, timestamp, randomBytes(16).toString('hex'), body),
      }
  }
}

/** How an endpoint's secret is written: 32 random bytes. */
export const newSigningSecret = (): string => `${WHSEC}${randomBytes(32).toString('base64')}`

/** Whether a text may be a secret (relay.md R63): `whsec_` and the base64 of 24 to 64 bytes, or 20 to 128 printable ASCII characters. */
export function isSigningSecret(text: string): boolean {
  if (!text.startsWith(WHSEC)) return /^[\x20-\x7e]{20,128}$/.test(text)
  const bytes = secretBytes(text)
  return bytes.length >= 24 && bytes.length <= 64 && bytes.toString('base64') === text.slice(WHSEC.length)
}

/** How a public key is written for receivers. */
export const writtenPublicKey = (key: Buffer): string => `whpk_${key.toString('base64')}`
