// Waiting for a thread to move on: registered before anything is read, without a connection of the database, woken by the listener, and found by one statement a second for all
// waits of the process where a wake-up was lost (relay.md R59, R96, R98).
import { type Db, once } from '../../db/tx.ts'
import { openVersionWaits, type VersionWaits } from '../../db/version-waits.ts'
import type { Log } from '../../std/log.ts'
import { threadSequences } from './sql.ts'

export const threadTopic = (id: string): string => `thread:${id}`
/** Rung when a card has something that an agent could take. */
export const inboxTopic = (cardId: string): string => `inbox:${cardId}`

export type ThreadWaits = VersionWaits

/** Whoever follows a thread stays through a restart of the store, and comes back after one that takes longer. */
const PATIENCE_MS = 60_000

export const openThreadWaits = (db: Db, log?: Log): ThreadWaits =>
  openVersionWaits({
    listen: db.listen,
    topicOf: threadTopic,
    read: (ids) => once<{ id: string; version: number }>(db, threadSequences(ids)),
    what: 'threads',
    patience: { clock: db.clock, ms: PATIENCE_MS },
    ...(log ? { log } : {}),
  })
