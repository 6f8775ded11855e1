// Waiting for a thread to move on: registered before anything is read, without a connection of the database, woken by the listener, and found by one statement a second for all
// waits of the process where a wake-up was lost (relay.md R59, R96, R98).
import { type Db, once, type Tx } from '../../db/tx.ts'
import { openVersionWaits, type VersionWaits } from '../../db/version-waits.ts'
import type { Log } from '../../std/log.ts'
import { type ThreadRow, threadSequences } from './sql.ts'

export const threadTopic = (id: string): string => `thread:${id}`
/** Rung when a card has something that an agent could take. */
export const inboxTopic = (cardId: string): string => `inbox:${cardId}`

export type ThreadWaits = VersionWaits<ThreadRow>

/** Whoever follows a thread stays through a restart of the store, and comes back after one that takes longer. */
const PATIENCE_MS = 60_000

export const openThreadWaits = (db: Db, log?: Log): ThreadWaits =>
  openVersionWaits<ThreadRow>({
    listen: db.listen,
    topicOf: threadTopic,
    read: (ids) => once<{ id: string; version: number }>(db, threadSequences(ids)),
    what: 'threads',
    patience: { clock: db.clock, ms: PATIENCE_MS },
    ...(log ? { log } : {}),
  })

/** What the threads of a transaction are at its end; null where nobody here knows. */
const changed = new WeakMap<Tx, Map<string, ThreadRow | null>>()

/** Whoever waits for these threads in this process hears of them with the commit, without a look. */
export function tellWaits(
  { waits }: { waits: ThreadWaits },
  t: Tx,
  all: readonly { thread: ThreadRow; after: number; news: readonly unknown[] }[],
): void {
  const known = changed.get(t)
  const own = known ?? new Map<string, ThreadRow | null>()
  for (const { thread, after, news } of all) own.set(thread.id, thread.sequence === after + news.length ? thread : null)
  if (known) return
  changed.set(t, own)
  t.afterCommit(() => {
    for (const [id, row] of own) if (row) waits.told(id, row.sequence, row)
  })
}
