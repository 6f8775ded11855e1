// CancelTask (T13): the caller closes the thread, whatever was answered before. What has ended stays as it ended.
import { TaskNotCancelableError } from '@a2a-js/sdk/errors'
import { Problem } from '@countersign/sdk'
import { tx } from '../../db/tx.ts'
import { isEnded } from '../model.ts'
import { closeThread } from '../threads/end.ts'
import { readWhole, seeThread } from '../threads/read.ts'
import { type Call, refuseScope, refuseUnapproved } from './call.ts'
import type { A2aHouse } from './house.ts'
import { type SdkTask, taskOf } from './task.ts'

export async function cancelTask(house: A2aHouse, call: Call, id: string): Promise<SdkTask> {
  const { scope } = call
  await refuseUnapproved(house, call)
  const seen = await tx(house.db, scope, (t) => seeThread(t, scope, id), { readOnly: true })
  await refuseScope(call, 'thread.close')
  if (isEnded(seen.state)) throw new TaskNotCancelableError('The task has ended.')
  try {
    await closeThread(house, scope, id, { canceled: true }, async (t, thread) => {
      // Somebody else was faster: only the close that ended it is ours.
      if (thread.ended_at?.getTime() !== t.now.getTime() || thread.outcome !== 'canceled')
        throw new TaskNotCancelableError('The task has ended.')
    })
  } catch (error) {
    if (error instanceof Problem && ['thread_closed', 'thread_ended', 'thread_revoked'].includes(error.code))
      throw new TaskNotCancelableError('The task has ended.')
    throw error
  }
  return taskOf(await readWhole(house, scope, id))
}
