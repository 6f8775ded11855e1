// What this room needs from the outside; main wires it once. Holds nothing by itself.
import type { Keyring } from '../crypto/keyring.ts'
import type { Db } from '../db/tx.ts'
import type { Limits } from '../http/limit.ts'
import type { Passwords } from './password.ts'

export type IdentityHouse = {
  db: Db
  keyring: Keyring
  limits: Limits
  passwords: Passwords
  /** PUBLIC_URL without a slash at the end: links and the cookie's name follow from it. */
  publicUrl: string
}
