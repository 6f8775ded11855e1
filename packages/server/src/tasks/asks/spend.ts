// What the caller of an act and the house that carries it out for them have in common: the judgement in the transaction of the act, and the record that an
// agreement was used. Spends nothing by itself; the row says who may.
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { type ActIn, type CountersignedAct, digestOf } from '../../identity/policies/countersign.ts'
import { type Judged, judgeOne } from '../../identity/policies/judge.ts'
import type { TasksHouse } from '../house.ts'

export type JudgedAct = Judged & { act: CountersignedAct }

export async function judgeIn(house: TasksHouse, t: Tx, scope: Scope, given: ActIn): Promise<JudgedAct> {
  const act = typeof given === 'function' ? await given(t) : given
  return { ...(await judgeOne(house, t, { scope, act })), act }
}

export const tellSpent = (t: Tx, scope: Scope, taskId: string, { request }: Judged) =>
  record(
    t,
    scope,
    'policy.spent',
    { task_id: taskId, action: request.action, digest: digestOf(request).toString('hex') },
    { resource: { type: 'task', id: taskId } },
  )
