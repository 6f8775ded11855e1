// A message that waits on its caller's side is taken back before anybody else has it (relay.md R32), with its question; what waited behind it goes on.
import { Problem } from '@countersign/sdk'
import { across } from '../../db/across.ts'
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import { withdrawAsks } from '../asks/ask.ts'
import type { RelayHouse } from '../house.ts'
import type { MessageRow } from '../threads/sql.ts'
import { endHeldThread } from './end.ts'
import { homeOf } from './home.ts'
import { releaseReady } from './release.ts'
import { messageOfHeld } from './show.ts'
import { findCallerThread, findHeld, lockHeld, settleHeldIf } from './sql.ts'

/** Without its first message there is no thread. Null: it does not wait here. */
export async function withdrawHeld(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  threadId: string,
  messageId: string,
): Promise<MessageRow | null> {
  const home = homeOf(scope)
  // Whoever is not its caller is told that there is none.
  if (home === null || !(await findCallerThread(t, scope, threadId))?.is_held) return null
  return across(t, scope, home, async () => {
    const seen = await findHeld(t, home, messageId)
    if (seen?.task_id && seen.state === 'asked') await withdrawAsks(house, t, home, [{ task_id: seen.task_id }])
    await lockHeld(t, threadId)
    const held = await findHeld(t, home, messageId)
    if (held?.thread_id !== threadId) return null
    if (held.state === 'refused') throw new Problem('already_delivered', { state: held.state })
    if (seen?.state !== 'withdrawn') {
      await settleHeldIf(t, home, messageId, { state: 'withdrawn', reason: 'by_caller' })
      const end = { state: 'closed', outcome: 'canceled', reason: 'closed_by_caller' } as const
      if (held.starts) await endHeldThread(house, t, home, threadId, end)
      else await releaseReady(house, t, home, threadId)
    }
    return messageOfHeld(home.tenantId, { ...held, state: 'withdrawn' })
  })
}
