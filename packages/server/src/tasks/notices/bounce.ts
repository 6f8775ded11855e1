// A notice that its provider took and then could not deliver (T108): it failed after all, and the person is told by their next channel.
import { type Scope, systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import type { TasksHouse } from '../house.ts'
import { EVERY, findTask } from '../sql.ts'
import { failOver } from './failure.ts'
import { findNotice, markFailed } from './sql.ts'

/** False: there is no such notice, or it has failed before. */
export async function bounceNotice(house: TasksHouse, tenantId: string, id: string, reason: string): Promise<boolean> {
  const scope: Scope = systemScope('notice', tenantId)
  return tx(house.db, scope, async (t) => {
    const notice = await findNotice(t, scope, id)
    const row = notice && (await findTask(t, scope, notice.task_id, EVERY))
    if (!notice || !row || (await markFailed(t, scope, id, reason)) === 0) return false
    const { channel, purpose, user_id, attempts } = notice
    const data = { notice_id: id, channel, purpose, user_id, attempts, bounced: true }
    await record(t, scope, 'task.notice_failed', data, { resource: { type: 'task', id: row.id } })
    await failOver(house, t, scope, notice, row, { isFinal: true })
    return true
  })
}
