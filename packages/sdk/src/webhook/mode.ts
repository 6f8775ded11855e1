// The ways in which a delivery can be signed, one small record each: where its signature stands, what text was signed and how the key
// is made of the secret. No mode compares anything: verify.ts does, for all of them alike.

import { fromBase64, fromBase64Url, fromHex, MalformedText, MissingText, utf8 } from './bytes.ts'

/** How a delivery is signed; `standard` is the default of Countersign and of standardwebhooks.com. */
export type WebhookMode = 'standard' | 'stripe' | 'github' | 'awaithumans' | 'foragent' | 'foragent-v1' | 'slack'

/** One signature that the delivery carries. */
export type Candidate = { bytes: Uint8Array<ArrayBuffer>; algorithm: 'hmac' | 'ed25519' }

/** What a delivery says of itself. */
export type Claim = {
  candidates: Candidate[]
  signed: Uint8Array<ArrayBuffer>
  id: string | null
  /** What the signature covers and no other delivery has: by this a second one is known. Null: the signature itself has to do. */
  once: string | null
  timestamp: number | null
}

export type Mode = {
  /** The headers that carry the signature; one of them must be there. */
  headers: readonly string[]
  /** Whether it may be found by its header alone. A mode whose text and key another mode could produce has to be named. */
  detectable: boolean
  claim(header: (name: string) => string | null, signature: string, body: Uint8Array): Claim
  /** What the secret may be as key bytes; more than one where its text can be read in two ways. */
  keys(secret: string): Promise<readonly Key[]> | readonly Key[]
}

type Key = Uint8Array<ArrayBuffer>

/** Beside the signature of version 2; without one of them there is none. */
const STAMPS = ['x-foragent-timestamp', 'x-foragent-nonce', 'x-foragent-signature-version']

const HKDF_SALT = 'awaithumans-webhook-v1'
const HKDF_INFO = 'v1'

export const MODES: Record<WebhookMode, Mode> = {
  standard: {
    headers: ['webhook-signature'],
    detectable: true,
    claim(header, signature, body) {
      const id = needed(header('webhook-id'), 'webhook-id')
      if (id.includes('.') || id.length > 256) throw new MalformedText('webhook-id')
      const timestamp = seconds(needed(header('webhook-timestamp'), 'webhook-timestamp'))
      const candidates = signature.split(' ').flatMap((part): Candidate[] => {
        const comma = part.indexOf(',')
        if (comma < 1) throw new MalformedText('webhook-signature')
        const [version, text] = [part.slice(0, comma), part.slice(comma + 1)]
        if (version === 'v1') return [{ bytes: fromBase64(text, 32), algorithm: 'hmac' }]
        return version === 'v1a' ? [{ bytes: fromBase64(text, 64), algorithm: 'ed25519' }] : []
      })
      return { candidates, signed: joined(`${id}.${timestamp}.`, body), id, once: id, timestamp }
    },
    keys: whsec,
  },
  stripe: {
    headers: ['countersign-signature', 'humane-signature', 'x-humane-signature', 'stripe-signature'],
    detectable: true,
    claim(header, signature, body) {
      const parts = signature.split(',').map((part) => part.trim().split('='))
      if (parts.some((part) => part.length !== 2)) throw new MalformedText('signature')
      const times = parts.filter(([name]) => name === 't')
      if (times.length !== 1) throw new MalformedText('signature: one t= is needed')
      const timestamp = seconds(times[0]?.[1] ?? '')
      const candidates = parts
        .filter(([name]) => name === 'v1')
        .map(([, hex]): Candidate => ({ bytes: fromHex(hex ?? '', 32), algorithm: 'hmac' }))
      return { candidates, signed: joined(`${timestamp}.`, body), id: header('webhook-id'), once: null, timestamp }
    },
    keys: asText,
  },
  github: {
    headers: ['x-hub-signature-256'],
    detectable: false, // foragent-v1 signs the same text with the same key
    claim: (header, signature, body) => ({
      candidates: [sha256Prefixed(signature)],
      signed: joined('', body),
      id: header('webhook-id'),
      once: null,
      timestamp: null,
    }),
    keys: asText,
  },
  awaithumans: {
    headers: ['x-awaithumans-signature'],
    detectable: true, // the key is derived for this mode alone
    claim: (header, signature, body) => ({
      candidates: [sha256Prefixed(signature)],
      signed: joined('', body),
      id: header('webhook-id'),
      once: null,
      timestamp: null,
    }),
    keys: async (secret) => [await hkdf(secret)],
  },
  foragent: {
    headers: ['x-foragent-signature-v2'],
    detectable: true,
    claim(header, signature, body) {
      const [time = '', nonce = '', version = ''] = STAMPS.map((name) => {
        const value = header(name)
        if (!value) throw new MissingText(name)
        return value
      })
      const timestamp = seconds(time)
      if (!/^[0-9a-f]{32}$/.test(nonce)) throw new MalformedText('x-foragent-nonce')
      if (version !== '2') throw new MalformedText('x-foragent-signature-version')
      const candidates: Candidate[] = [{ bytes: fromHex(signature, 32), algorithm: 'hmac' }]
      return { candidates, signed: joined(`v2.${timestamp}.${nonce}.`, body), id: header('webhook-id'), once: nonce, timestamp }
    },
    keys: asText,
  },
  'foragent-v1': {
    headers: ['x-foragent-signature'],
    detectable: false,
    claim: (header, signature, body) => ({
      candidates: [{ bytes: fromHex(signature, 32), algorithm: 'hmac' }],
      signed: joined('', body),
      id: header('webhook-id'),
      once: null,
      timestamp: null,
    }),
    keys: asText,
  },
  slack: {
    headers: ['x-slack-signature'],
    detectable: false, // its secret is of another kind than ours
    claim(header, signature, body) {
      const timestamp = seconds(needed(header('x-slack-request-timestamp'), 'x-slack-request-timestamp'))
      if (!signature.startsWith('v0=')) throw new MalformedText('x-slack-signature')
      const candidates: Candidate[] = [{ bytes: fromHex(signature.slice(3), 32), algorithm: 'hmac' }]
      return { candidates, signed: joined(`v0:${timestamp}:`, body), id: null, once: null, timestamp }
    },
    keys: asText,
  },
}

function needed(value: string | null, name: string): string {
  if (!value) throw new MalformedText(`${name} is missing`)
  return value
}

/** Whole Unix seconds; anything else, a float, a sign or an exponent, is malformed. */
function seconds(text: string): number {
  if (!/^\d{1,11}$/.test(text)) throw new MalformedText('the time is not a number of seconds')
  return Number(text)
}

function sha256Prefixed(signature: string): Candidate {
  if (!signature.startsWith('sha256=')) throw new MalformedText('sha256= is missing')
  return { bytes: fromHex(signature.slice('sha256='.length), 32), algorithm: 'hmac' }
}

function joined(prefix: string, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const head = utf8(prefix)
  const all = new Uint8Array(head.length + body.length)
  all.set(head)
  all.set(body, head.length)
  return all
}

function asText(secret: string): readonly Key[] {
  return [utf8(secret)]
}

/** A secret of the receiver's own is its text; without `whsec_` it may also be the base64 that others write so. */
function whsec(secret: string): readonly Key[] {
  if (secret.startsWith('whsec_')) return [fromBase64(secret.slice('whsec_'.length))]
  return isBase64(secret) ? [utf8(secret), fromBase64(secret)] : [utf8(secret)]
}

function isBase64(text: string): boolean {
  try {
    return fromBase64(text).length > 0
  } catch (error) {
    if (error instanceof MalformedText) return false
    throw error
  }
}

/** The key of a mode that shares its secret with others: HKDF-SHA256 with a salt and info of its own. */
async function hkdf(secret: string): Promise<Uint8Array<ArrayBuffer>> {
  const ikm = secret.startsWith('whsec_') ? fromBase64(secret.slice('whsec_'.length)) : fromBase64Url(secret)
  const key = await crypto.subtle.importKey('raw', ikm, 'HKDF', false, ['deriveBits'])
  const bits = await crypto.subtle.deriveBits(
    { name: 'HKDF', hash: 'SHA-256', salt: utf8(HKDF_SALT), info: utf8(HKDF_INFO) },
    key,
    256,
  )
  return new Uint8Array(bits)
}
