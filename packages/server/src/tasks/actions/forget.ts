// Ending what was remembered with an approval (T48). Touches no task.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { forgetPolicy } from '../../identity/policies/remembered.ts'
import type { TasksHouse } from '../house.ts'
import { seeTask } from '../look.ts'
import { idOf } from './remember.ts'

/** One click: the permit goes, in a version of its own. Whoever may activate policies may do it. */
export const forgetAct = (house: TasksHouse, scope: Scope, id: string): Promise<null> =>
  tx(house.db, scope, async (t) => {
    await seeTask(t, scope, id, 'task.read')
    const version = await forgetPolicy(house, t, scope, idOf(id))
    if (version === null) throw new Problem('state_conflict', { detail: 'Nothing is remembered of this task any more.' })
    return null
  })
