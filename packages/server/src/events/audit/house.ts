// What the audit log needs from the outside; main wires it once. Holds nothing by itself.
import type { Keyring } from '../../crypto/keyring.ts'
import type { Db, Scope, Tx } from '../../db/tx.ts'
import type { Log } from '../../std/log.ts'

/** What is known of where a request came from, while its subject's key lives (P110). */
export type OriginView = { sha256: string; erased: boolean; address?: string; client?: string; email?: string; name?: string }

export type AuditHouse = {
  db: Db
  keyring: Keyring
  log: Log
  /** Where people reach the server; its host names the log in every checkpoint. Known once it listens. */
  origin(): string
  /** Opens side envelopes; identity/ holds the keys. */
  openOrigins(t: Tx, scope: Scope, hashes: readonly string[]): Promise<Map<string, OriginView>>
}
