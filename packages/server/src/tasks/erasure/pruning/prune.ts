// Notices, links, mails and what else told people of tasks goes a week after the content of those tasks, each night by itself (T57): until then it names nobody any
// more, and what stands in messages is rewritten by it. In batches of a transaction each, so that nobody waits; killed and run again it goes on. A hold stops it.
import type { Scope } from '../../../db/scope.ts'
import { type Tx, tx } from '../../../db/tx.ts'
import { firstIdAt, type IdPrefix } from '../../../std/id.ts'
import type { TasksHouse } from '../../house.ts'
import { isHeld } from '../sql.ts'
import {
  type Old,
  pruneEmbeds,
  pruneLetters,
  pruneLinks,
  pruneMailReplies,
  pruneMails,
  pruneMessages,
  pruneNotices,
} from './sql.ts'

const BATCH = 1_000
const AFTER_MS = 7 * 86_400_000

const byId =
  (prefix: Exclude<IdPrefix, 'ten'>, prune: (t: Tx, scope: Scope, old: Old & { before: string }) => Promise<number>) =>
  (t: Tx, scope: Scope, old: Old): Promise<number> =>
    prune(t, scope, { ...old, before: firstIdAt(prefix, old.cutoff.getTime()) })

const PRUNES = [
  // Messages by the ids of their notices, before those.
  byId('ntc', pruneMessages),
  byId('ntc', pruneNotices),
  byId('lnk', pruneLinks),
  byId('emb', pruneEmbeds),
  byId('ltr', pruneLetters),
  pruneMails,
  pruneMailReplies,
]

/** Of one tenant, whose tasks lose their content when they ended before `erased`. Answers how many rows went. */
export async function pruneWhatIsOver(
  house: Pick<TasksHouse, 'db'>,
  scope: Scope,
  erased: Date,
  signal?: AbortSignal,
): Promise<number> {
  const cutoff = new Date(erased.getTime() - AFTER_MS)
  let gone = 0
  for (const prune of PRUNES)
    for (let more = true; more; ) {
      signal?.throwIfAborted()
      const at = { cutoff, limit: BATCH }
      const went = await tx(house.db, scope, async (t) => ((await isHeld(t, scope)) ? 0 : prune(t, scope, at)))
      gone += went
      more = went === BATCH
    }
  return gone
}
