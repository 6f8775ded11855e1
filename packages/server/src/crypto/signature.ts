// Signatures on what we send (platform.md §9.2, T70, T71). Signs the exact bytes that leave; never parses or renders a body, never holds a key.
import { hkdfSync } from 'node:crypto'
import { hmacSha256 } from './token.ts'

const WHSEC = 'whsec_'

/** Standard Webhooks: `v1,<base64>` per live secret, newest first. */
export function standardSignature(secrets: readonly string[], id: string, timestamp: number, body: string | Buffer): string {
  const signed = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), Buffer.from(body)])
  return secrets
    .map((secret) => `v1,${hmacSha256(Buffer.from(secret.slice(WHSEC.length), 'base64'), signed).toString('base64')}`)
    .join(' ')
}

/** The three headers of Standard Webhooks. `timestamp` is this attempt's, in whole seconds. */
export const standardHeaders = (secrets: readonly string[], id: string, timestamp: number, body: string | Buffer) => ({
  'webhook-id': id,
  'webhook-timestamp': String(timestamp),
  'webhook-signature': standardSignature(secrets, id, timestamp, body),
})

/** The key that signs `callback_url` posts, from a tenant's 32-byte compatibility key: no receiver ever holds a root key (T71, T72). */
export const compatibilitySigningKey = (key: Buffer): Buffer =>
  Buffer.from(hkdfSync('sha256', key, 'awaithumans-webhook-v1', 'v1', 32))

/** `X-Awaithumans-Signature`: `sha256=<hex>` over the raw body. */
export const compatibilitySignature = (key: Buffer, body: string | Buffer): string =>
  `sha256=${hmacSha256(compatibilitySigningKey(key), Buffer.from(body)).toString('hex')}`
