// Who signed a request of Slack (T115): v0 over the raw body, not older than five minutes, compared in constant time. Knows no tenant and reads no row.
import { hmacSha256, sameBytes } from '../../../crypto/token.ts'

export const LONGEST_AGE_MS = 300_000

export type Signed = { timestamp: string; signature: string; body: Uint8Array }

/** The two headers as they came; null when one is missing or is no such thing. */
export function readSigned(header: (name: string) => string | undefined, body: Uint8Array): Signed | null {
  const [timestamp, signature] = [header('x-slack-request-timestamp'), header('x-slack-signature')]
  if (timestamp === undefined || signature === undefined) return null
  return /^\d{1,12}$/.test(timestamp) && /^v0=[0-9a-f]{64}$/.test(signature) ? { timestamp, signature, body } : null
}

/** Also a time that lies ahead is no time of now. */
export const isFresh = ({ timestamp }: Signed, now: Date): boolean =>
  Math.abs(now.getTime() - Number(timestamp) * 1_000) <= LONGEST_AGE_MS

export const signatureOf = (secret: string, timestamp: string, body: Uint8Array): string =>
  `v0=${hmacSha256(secret, Buffer.concat([Buffer.from(`v0:${timestamp}:`), body])).toString('hex')}`

export const isSignedBy = (secret: string, { timestamp, signature, body }: Signed): boolean =>
  sameBytes(signatureOf(secret, timestamp, body), signature)
