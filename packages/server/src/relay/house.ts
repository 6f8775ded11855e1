// What this room needs from the outside; main wires it once. Holds nothing by itself.
import type { CardAlgorithm } from '../crypto/card-signature.ts'
import type { Keyring } from '../crypto/keyring.ts'
import type { Scope } from '../db/scope.ts'
import type { Db, Tx } from '../db/tx.ts'
import type { Door } from '../egress/fetch.ts'
import type { Countersign } from '../identity/policies/countersign.ts'
import type { Policies } from '../identity/policies/judge.ts'
import type { Log } from '../std/log.ts'
import type { TasksHouse } from '../tasks/house.ts'
import type { Callbacks } from './endpoints/house.ts'
import type { MessageRow, ThreadRow } from './threads/sql.ts'
import type { ThreadWaits } from './threads/wait.ts'

/** In the transaction that changed a thread: what follows from it outside of this room's tables. */
export type ThreadHook = (t: Tx, scope: Scope, told: readonly Told[]) => Promise<void>
/** One event of a thread as it was recorded, with the thread as it is now and the message that it tells of. */
export type Told = {
  thread: ThreadRow
  id: string
  type: string
  sequence: number
  data: Record<string, unknown>
  message: MessageRow | null
  /** Of a message whose sender waits for the answer: how long (R60). */
  waitMs?: number
}

export type RelayHouse = {
  db: Db
  keyring: Keyring
  log: Log
  policies: Policies
  /** The one decision path: acts on cards, requests and grants are judged, and wait for people where policy asks. */
  countersign: Countersign
  /** Questions to people: approvals are tasks of the one inbox. */
  tasks: TasksHouse
  /** The only way out. */
  door: Door
  /** Of keys that sign cards from now on (R14). */
  cardAlgorithm: CardAlgorithm
  /** Whose people review what is handed in for the listing; null: those of the installation's first tenant (R21). */
  reviewTenant: string | null
  /** Whether whoever asks others for a connection has to have proved a domain (R121). */
  requestsNeedDomain: boolean
  /** Where people and agents reach the server, without a slash at the end; known once it listens. */
  origin(): string
  /** Called with the events of threads that were written together, in their transaction and in order: deliveries are made here. Filled by main before anything is served. */
  readonly follows: ThreadHook[]
  /** Where callers want to be told, and what is on its way there. */
  callbacks: Callbacks
  waits: ThreadWaits
}
