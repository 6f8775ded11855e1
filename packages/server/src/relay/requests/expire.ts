// A connection request whose time is over and whose task has not said so yet: the end of the task is the end of the request, whoever looks first (relay.md C5).
import { systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { expireTask } from '../../tasks/deadline.ts'
import type { RelayHouse } from '../house.ts'
import { findRequest } from './sql.ts'

export async function expireRequest(house: Pick<RelayHouse, 'db' | 'tasks'>, tenantId: string, id: string): Promise<void> {
  const scope = systemScope('relay', tenantId)
  const row = await tx(house.db, scope, (t) => findRequest(t, scope, id), { readOnly: true })
  if (row?.state === 'pending' && row.task_id !== null) await expireTask(house.tasks, tenantId, row.task_id)
}
