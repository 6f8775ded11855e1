// What a thread has become since somebody looked: where it stands, and what was said meanwhile, read at one instant. For readers who look now and then and follow no stream.
import type { Scope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import type { RelayHouse } from '../house.ts'
import { isEnded } from '../model.ts'
import { seeThread, shown, untilMoved } from './read.ts'
import { showThread } from './show.ts'
import { listMessages } from './sql.ts'

/** `cursor`: from where the next look goes on, more of it being there or not. */
export const readSince = (house: RelayHouse, scope: Scope, id: string, after: number, most: number) =>
  tx(
    house.db,
    scope,
    async (t) => {
      const thread = await seeThread(t, scope, id)
      const rows = await listMessages(t, scope, id, after, most + 1, ['message', 'progress', 'artifact'])
      const page = rows.slice(0, most)
      const isMore = rows.length > most
      const messages = await shown(house, t, scope, page)
      const cursor = isMore ? (page.at(-1)?.sequence ?? after) : thread.sequence
      return { thread: showThread(thread, house.origin()), messages, cursor, isMore }
    },
    { readOnly: true, isolation: 'repeatable read' },
  )

/** Until the owner's side is not at work any more, or as long as `ms`: what is waited for, read with what was said. */
export async function waitSince(house: RelayHouse, scope: Scope, id: string, after: number, ms: number, signal: AbortSignal) {
  await untilMoved(house, scope, id, (row) => isEnded(row.state) || (row.sequence > after && row.turn !== 'owner'), ms, signal)
}
