// The owner's own policies refuse what the owner's agent answered by itself (relay.md R71, R80): nobody can mend that by answering again, so the thread ends.
import type { Scope, Tx } from '../../db/tx.ts'
import { isEnded } from '../model.ts'
import { changeThread } from '../threads/change.ts'
import { type CardRow, lockThread } from '../threads/sql.ts'
import type { DeliveryHouse } from './house.ts'

export async function endRefused(house: DeliveryHouse, t: Tx, scope: Scope, threadId: string, card: CardRow): Promise<void> {
  const thread = await lockThread(t, scope, threadId)
  if (!thread || isEnded(thread.state)) return
  await changeThread(house, t, scope, thread, card, { state: 'failed', reason: 'policy_denied', claimedUntil: null })
}
