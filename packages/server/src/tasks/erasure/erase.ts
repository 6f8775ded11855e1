// Erasing the content of a task (T57): its key is destroyed, so that nothing of it opens anywhere, in no backup either; what people said goes with it. Its id,
// states, times, digests and who acted remain, and the record still verifies. A legal hold stops it.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { destroySubjectKey } from '../../identity/keys-at-rest/tenant-key.ts'
import { subjectOf } from '../content.ts'
import type { TasksHouse } from '../house.ts'
import { seeTask } from '../look.ts'
import { rewriteNotices } from '../notices/notice.ts'
import type { Quorum } from '../quorum/quorum.ts'
import { taskTopic, tellOfEnd } from '../settle.ts'
import { cancelIfNotFinal, EVERY, findTask, isFinal, type TaskRow } from '../sql.ts'
import {
  blankEmbeds,
  blankMessages,
  blankNotices,
  deleteComments,
  deleteLinks,
  deleteMailReplies,
  deleteMails,
  deleteRevisions,
  dropTenantExports,
  eraseDecisions,
  eraseIfFinal,
  eraseRuns,
  isHeld,
} from './sql.ts'

/** Said twice it is the same: an erased task stays erased. */
export async function deleteTask(house: TasksHouse, scope: Scope, id: string): Promise<void> {
  return tx(house.db, scope, async (t) => {
    const { row } = await seeTask(t, scope, id, 'task.delete')
    if (row.erased_at !== null) return
    if (await isHeld(t, scope)) throw new Problem('legal_hold')
    await cancelIfOpen(house, t, scope, row)
    await eraseIn(t, scope, id, 'asked')
  })
}

/** Nobody answers what nobody can read. Who waits for it learns of the end. */
async function cancelIfOpen(house: TasksHouse, t: Tx, scope: Scope, row: TaskRow): Promise<void> {
  if (isFinal(row.status)) return
  const end = { status: 'cancelled' as const, outcome: null, response: null, cancelReason: null, by: null, channel: null }
  const cancelled = await cancelIfNotFinal(t, scope, row.id, end)
  if (cancelled) await tellOfEnd(house, t, scope, cancelled, row.status, { because: 'erased' })
}

const OF_A_TASK = [
  ...[eraseDecisions, deleteComments, deleteRevisions, eraseRuns],
  ...[deleteLinks, deleteMails, deleteMailReplies, blankNotices, blankMessages, blankEmbeds],
]

/** How many had to agree stays; by which address they were asked does not. */
const namesNobody = (quorum: Quorum): Quorum => ({
  ...quorum,
  asked: quorum.asked.filter(isNoAddress),
  sent: null,
  groups: quorum.groups.map((group) => ({ ...group, assign_to: null, keys: group.keys?.filter(isNoAddress) ?? null })),
})

const isNoAddress = (key: string): boolean => !key.includes('@')

/** False: it was erased already, or is not final. */
export async function eraseIn(t: Tx, scope: Scope, id: string, because: 'asked' | 'retention'): Promise<boolean> {
  const before = await findTask(t, scope, id, EVERY)
  const erased = before && (await eraseIfFinal(t, scope, id, before.quorum && namesNobody(before.quorum)))
  if (!erased) return false
  await destroySubjectKey(t, scope, subjectOf(id))
  if (because === 'asked')
    for (const { id: over } of await dropTenantExports(t, scope)) await destroySubjectKey(t, scope, `export:${over}`)
  for (const erase of OF_A_TASK) await erase(t, scope, id)
  // What stands in a message somewhere says from now on that it is erased.
  await rewriteNotices(t, scope, [erased])
  const data = { because, status: erased.status, agent_id: erased.agent_id }
  await record(t, scope, 'task.erased', data, { resource: { type: 'task', id } })
  t.wake(taskTopic(id))
  return true
}
