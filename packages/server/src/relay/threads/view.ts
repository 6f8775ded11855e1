// What people read of what agents said stands on the record of their own side (relay.md R124): once for each person and thread, and again once more was said. Agents leave no such
// event, for reading is their work; of who reads the other side is told nothing. Whoever minted a thread token reads with it.
import { across } from '../../db/across.ts'
import { atHome, type Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { homeOf } from '../held/home.ts'
import type { Message } from '../model.ts'
import { findView, type ThreadRow } from './sql.ts'

/** Somebody whose reading is written down, so that the transaction has to be able to write. */
export const isPerson = (scope: Scope): boolean => atHome(scope).type === 'user' && !scope.breakGlass

/** In the transaction that reads them. */
export async function noteView(t: Tx, scope: Scope, thread: ThreadRow, messages: readonly Message[]): Promise<void> {
  if (!isPerson(scope) || !messages.some(({ parts }) => parts !== undefined)) return
  const home = homeOf(scope)
  // Nobody is named to the other side.
  if (!home && scope.isForeign && scope.relayFrom !== scope.tenantId) return
  const actor = atHome(scope)
  const own = { ...(home ?? scope), principal: actor.id, actor }
  const { id, slug, relay_grant_id, sequence } = thread
  const note = async () => {
    if (((await findView(t, own, id)).sequence ?? -1) >= sequence) return
    const side = scope.relaySide === 'caller' ? 'caller' : 'owner'
    await record(
      t,
      own,
      'thread.viewed',
      { thread_id: id, agent: slug, relay_grant_id, side, sequence },
      { resource: { type: 'thread', id } },
    )
  }
  await (home ? across(t, scope, own, note) : note())
}
