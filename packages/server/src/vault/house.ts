// What this room needs from the outside; main wires it once. Holds nothing by itself.
import type { Keyring } from '../crypto/keyring.ts'
import type { Db, Scope, Tx } from '../db/tx.ts'
import type { Door } from '../egress/fetch.ts'
import type { Countersign } from '../identity/policies/countersign.ts'
import type { Policies } from '../identity/policies/judge.ts'
import type { Log } from '../std/log.ts'
import type { Proposals } from './grants/proposal.ts'

export type VaultHouse = {
  db: Db
  keyring: Keyring
  log: Log
  /** The only way out: token endpoints, tests of keys, revocations. */
  door: Door
  policies: Policies
  /** The one decision path: acts on connections and grants are judged, and wait for people where policy asks. */
  countersign: Countersign
  /** Where people reach the server, without a slash at the end; known once it listens. */
  origin(): string
  /** The questions to people about what agents propose. */
  proposals: Proposals
  /** Where agents reach the proxy, as runs are told; null where this installation has none. */
  proxyUrl: string | null
  /** What ends with a run, in the transaction of its end (V23); handed in by main. */
  runEnds: readonly ((t: Tx, scope: Scope, runId: string) => Promise<void>)[]
  /** How long a run may last at most (RUN_MAX_TTL). */
  runMaxSeconds: number
}
