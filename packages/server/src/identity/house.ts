// What this room needs from the outside; main wires it once. Holds nothing by itself.
import type { Keyring } from '../crypto/keyring.ts'
import type { Db } from '../db/tx.ts'
import type { Passwords } from './password.ts'

export type IdentityHouse = {
  db: Db
  keyring: Keyring
  passwords: Passwords
  /** Where people reach this server, without a slash at the end: links and the cookie's name follow from it. */
  origin(): string
}
