// Signatures of callbacks and dispatches (Q128, Q129, Q133): what is signed, how it is written into a header, and how it is read again.
// Version 2 covers action, subject, body and time; version 1, awa's, covers the callback's id alone and is nobody's default.
// Never looks anything up, never tells why a signature did not fit, and never judges time but where the caller hands in a clock.
import { blake3 } from '@noble/hashes/blake3.js'
import { QueueError } from './error.ts'

export const SIGNATURE_HEADER = 'Countersign-Callback-Signature'
export const AWA_SIGNATURE_HEADER = 'X-Awa-Signature'
/** Both ways from the clock of whoever judges. */
export const TOLERANCE_SECONDS = 300

export type SignedAction = 'complete' | 'fail' | 'heartbeat' | 'dispatch'

/** `id` is 1 to 32 of A-Z a-z 0-9 _ -, `secret` at least 32 bytes. */
export type CallbackKey = {
  readonly id: string
  readonly secret: Uint8Array
  /** From then on it neither signs nor verifies. */
  readonly notAfter?: Date
  /** It opens only this tenant's callbacks. */
  readonly tenantId?: string
}

export type Signed = { action: SignedAction; subject: string; body: string | Uint8Array }

const KEY_ID = /^[A-Za-z0-9_-]{1,32}$/
const VALUE = /^v2;kid=([A-Za-z0-9_-]{1,32});t=(0|[1-9][0-9]{0,11});sig=([0-9a-f]{64})$/
const AWA_VALUE = /^[0-9a-f]{64}$/
const MOST_VALUES = 4
const MOST_BYTES = 1_024
const LEAST_SECRET = 32

const utf8 = new TextEncoder()
const bytesOf = (text: string | Uint8Array): Uint8Array<ArrayBuffer> =>
  typeof text === 'string' ? utf8.encode(text) : new Uint8Array(text)
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** Refuses keys that may not sign, and two of one id. */
export function checkKeys(keys: readonly CallbackKey[]): void {
  for (const [i, { id, secret }] of keys.entries()) {
    if (!KEY_ID.test(id)) throw QueueError.invalid(`/keys/${i}/id`, 'a key id is 1 to 32 of A-Z, a-z, 0-9, _ and -')
    if (secret.length < LEAST_SECRET) throw QueueError.invalid(`/keys/${i}/secret`, `a key has at least ${LEAST_SECRET} bytes`)
    if (keys.findIndex((one) => one.id === id) !== i) throw QueueError.invalid(`/keys/${i}/id`, `two keys are called ${id}`)
  }
}

// By the key object itself, so that a key that is dropped takes its imported form along.
const imported = new WeakMap<CallbackKey, Promise<CryptoKey>>()
function importKey(key: CallbackKey): Promise<CryptoKey> {
  let made = imported.get(key)
  made ??= crypto.subtle.importKey('raw', bytesOf(key.secret), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
  imported.set(key, made)
  return made
}

async function messageOf(keyId: string, t: number, { action, subject, body }: Signed): Promise<Uint8Array<ArrayBuffer>> {
  const digest = hex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytesOf(body))))
  return utf8.encode(['countersign-callback-v2', keyId, t, action, subject, digest].join('\n'))
}

/**
 * The value of the header Countersign-Callback-Signature.
 * @example headers[SIGNATURE_HEADER] = await signCallback(key, { action: 'complete', subject: callbackId, body }, new Date())
 */
export async function signCallback(key: CallbackKey, signed: Signed, at: Date): Promise<string> {
  checkKeys([key])
  const t = Math.floor(at.getTime() / 1000)
  const sig = await crypto.subtle.sign('HMAC', await importKey(key), await messageOf(key.id, t, signed))
  return `v2;kid=${key.id};t=${t};sig=${hex(new Uint8Array(sig))}`
}

/** A signature whose MAC is right. Whether its time and its key's are, is for whoever has the clock. */
export type Match = { key: CallbackKey; t: number }

/** Those values of the header that fit; none when its shape is wrong, whatever else it holds. */
export async function matchSignatures(header: string, keys: readonly CallbackKey[], signed: Signed): Promise<Match[]> {
  if (header.length > MOST_BYTES) return []
  const values = header.split(',')
  const read = values.map((value) => VALUE.exec(value))
  if (values.length > MOST_VALUES || new Set(values).size < values.length || read.includes(null)) return []
  const matches: Match[] = []
  for (const [, keyId = '', seconds = '', sig = ''] of read as RegExpExecArray[]) {
    const key = keys.find((one) => one.id === keyId)
    if (!key) continue
    const t = Number(seconds)
    // `verify` compares in constant time.
    const right = await crypto.subtle.verify(
      'HMAC',
      await importKey(key),
      Buffer.from(sig, 'hex'),
      await messageOf(keyId, t, signed),
    )
    if (right) matches.push({ key, t })
  }
  return matches
}

/**
 * For an endpoint that a dispatch reaches: throws `signature_invalid` or `signature_expired` when the request is not from who holds a key.
 * @example await verifySignature(request.headers.get(SIGNATURE_HEADER), keys, { action: 'dispatch', subject: body.job_id, body: raw }, new Date())
 */
export async function verifySignature(
  header: string | null | undefined,
  keys: readonly CallbackKey[],
  signed: Signed,
  now: Date,
): Promise<Match> {
  checkKeys(keys)
  const matches = header ? await matchSignatures(header, keys, signed) : []
  const live = matches.filter(({ key }) => !key.notAfter || key.notAfter > now)
  if (live.length === 0) throw new QueueError('signature_invalid', 'no key that is live has signed this')
  const fresh = live.find(({ t }) => Math.abs(now.getTime() / 1000 - t) <= TOLERANCE_SECONDS)
  if (!fresh)
    throw new QueueError('signature_expired', `the signature is more than ${TOLERANCE_SECONDS} s old, or from the future`)
  return fresh
}

/** Keyed BLAKE3, 32-byte key. */
export const keyedHash = (key: Uint8Array, message: string | Uint8Array): string => hex(blake3(bytesOf(message), { key }))

/** The value of X-Awa-Signature: it authorises every action of its callback, and knows neither time nor body. */
export function signAwa(key: Uint8Array, callbackId: string): string {
  if (key.length !== 32) throw QueueError.invalid('/key', 'a key of version 1 has exactly 32 bytes')
  return keyedHash(key, callbackId)
}

/** Whether one of the keys has signed this id. Every key is tried, each in constant time. */
export function verifyAwa(header: string, keys: readonly Uint8Array[], callbackId: string): boolean {
  if (!AWA_VALUE.test(header)) return false
  const given = Buffer.from(header, 'hex')
  let right = false
  for (const key of keys) {
    const expected = Buffer.from(signAwa(key, callbackId), 'hex')
    let different = 0
    for (let i = 0; i < expected.length; i++) different |= (expected[i] as number) ^ (given[i] as number)
    right = different === 0 || right
  }
  return right
}

export const DEFAULT_PREFIX = '/api/v1/callbacks'

/** Where callbacks are received, without what people leave at its ends: '' or '/…'. */
export function spokenPrefix(prefix: string): string {
  const inner = prefix.trim().replace(/^\/+|\/+$/g, '')
  if (inner === '') return ''
  if (!inner.split('/').every((part) => /^[A-Za-z0-9._~-]+$/.test(part) && !/^\.{1,2}$/.test(part)))
    throw QueueError.invalid('/prefix', 'a prefix is a path of letters, digits, - . _ ~ and /')
  return `/${inner}`
}

/**
 * Where a callback is answered.
 * @example callbackUrl('https://jobs.example.com/', DEFAULT_PREFIX, id, 'complete') // https://jobs.example.com/api/v1/callbacks/cb_…/complete
 */
export function callbackUrl(base: string, prefix: string, id: string, action: 'complete' | 'fail' | 'heartbeat'): string {
  const url = URL.canParse(base) ? new URL(base) : null
  if (!url || !/^https?:$/.test(url.protocol) || base.includes('?') || base.includes('#') || url.username || url.password)
    throw QueueError.invalid('/base', 'a base is an http or https URL without query, fragment and credentials')
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(id)) throw QueueError.invalid('/id', `"${id}" is not the id of a callback`)
  return `${base.trim().replace(/\/+$/, '')}${spokenPrefix(prefix)}/${id}/${action}`
}
