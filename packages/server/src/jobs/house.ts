// What this room needs from the outside; main wires it once. Holds nothing by itself.
import type { Queue } from '@countersign/queue'
import type { Keyring } from '../crypto/keyring.ts'
import type { Db } from '../db/tx.ts'
import type { Countersign } from '../identity/policies/countersign.ts'

export type JobsHouse = {
  db: Db
  keyring: Keyring
  queue: Queue
  /** Kinds of the server's own rooms: their payloads are made by verbs, never by a caller. */
  ownKinds: ReadonlySet<string>
  version: string
  /** The one decision path: enqueuing and running again are judged, and wait for people where policy asks. */
  countersign: Countersign
}
