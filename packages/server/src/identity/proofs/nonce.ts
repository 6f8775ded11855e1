// Nonces of the server (RFC 9449 §8), for tenants that ask for them: a proof then cannot have been made ahead of time. Kept nowhere: a nonce says when it was made, and only
// who holds the root key could have made it, so every process knows those of the others.
import type { Keyring } from '../../crypto/keyring.ts'
import { hmacSha256, sameBytes } from '../../crypto/token.ts'

const LIVES_MS = 5 * 60_000

const seal = (keyring: Keyring, tenantId: string, at: string, version?: number): string =>
  hmacSha256(keyring.purpose('proof', version), JSON.stringify(['nonce', tenantId, at])).toString('base64url')

export function makeNonce(keyring: Keyring, tenantId: string, now: Date): string {
  const at = now.getTime().toString(36)
  return `${at}.${seal(keyring, tenantId, at)}`
}

export function isNonce(keyring: Keyring, tenantId: string, now: Date, text: string | null): boolean {
  const [, at, mac] = /^([0-9a-z]{1,12})\.([A-Za-z0-9_-]{43})$/.exec(text ?? '') ?? []
  if (at === undefined || mac === undefined) return false
  const age = now.getTime() - Number.parseInt(at, 36)
  return (
    age > -LIVES_MS && age < LIVES_MS && keyring.versions.some((version) => sameBytes(mac, seal(keyring, tenantId, at, version)))
  )
}
