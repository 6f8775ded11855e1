// What this room needs from the outside; main wires it once. Holds nothing by itself.
import type { Keyring } from '../crypto/keyring.ts'
import type { Db } from '../db/tx.ts'
import type { Log } from '../std/log.ts'
import type { Forms } from './forms/answer.ts'
import type { Waits } from './wait.ts'
import type { WaitSlots } from './wait-slots.ts'

/** One post to an address that a caller chose. Throws a Problem when it may not or could not leave; any answer of the other side is returned. */
export type PostOut = (request: {
  url: string
  headers: Record<string, string>
  body: string
  tenantId: string
  signal: AbortSignal
}) => Promise<{ status: number; retryAfter: string | null }>

export type TasksHouse = {
  db: Db
  keyring: Keyring
  log: Log
  forms: Forms
  waits: Waits
  slots: WaitSlots
  /** Where people reach the server, without a slash at the end; known once it listens. */
  origin(): string
  /** The guarded door out, and its answer to an address before anything is stored: the normalised URL, or `url_invalid`, `url_not_allowed`. */
  post: PostOut
  checkUrl(url: string, path: string): string | Promise<string>
}
