// What proves that an answer comes from a page that was opened by its link and shows this revision (T109, T150): nothing of it is stored, so reading stays reading.
// Bound to one link and one revision, good for two hours; a scanner that follows links never has one.
import type { Keyring } from '../../crypto/keyring.ts'
import { hmacSha256, randomBytes, sameBytes } from '../../crypto/token.ts'

const LIFE_MS = 2 * 3_600_000
const SHAPE = /^([A-Za-z0-9_-]{22})\.(\d{13})\.(\d{1,2})\.(\d{1,9})\.([A-Za-z0-9_-]{43})$/

type Keys = Pick<Keyring, 'purpose' | 'current' | 'versions'>

const macOf = (keyring: Keys, version: number, parts: readonly string[]): string =>
  hmacSha256(keyring.purpose('mail-link', version), JSON.stringify(['nonce', ...parts])).toString('base64url')

export function newNonce(keyring: Keys, linkId: string, revision: number, now: Date): { nonce: string; expiresAt: Date } {
  const expiresAt = new Date(now.getTime() + LIFE_MS)
  const parts = [randomBytes(16).toString('base64url'), String(expiresAt.getTime()), String(revision), String(keyring.current)]
  return { nonce: [...parts, macOf(keyring, keyring.current, [...parts, linkId])].join('.'), expiresAt }
}

/** The revision that its page showed; null: it is of another page, altered, or too old. */
export function revisionOfNonce(keyring: Keys, linkId: string, nonce: string, now: Date): number | null {
  const [, random, until, revision, version, mac] = SHAPE.exec(nonce) ?? []
  if (!random || !until || !revision || !version || !mac || !keyring.versions.includes(Number(version))) return null
  const right = macOf(keyring, Number(version), [random, until, revision, version, linkId])
  return sameBytes(right, mac) && Number(until) > now.getTime() ? Number(revision) : null
}
