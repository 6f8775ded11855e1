// Which part of this room keeps an act that waits for people: told by what its task refers to. What nobody here keeps is a row of `policy_asks`, as for every other room: an act on a
// card or a relay grant that policy asks about.
import type { Scope, Tx } from '../db/tx.ts'
import type { HeldActs } from '../tasks/asks/held.ts'
import { escalateIfNot, findAsk, settleIfOpen } from '../tasks/asks/sql.ts'
import { EVERY, findTask } from '../tasks/sql.ts'

/** By the prefix of the id that stands in the task's `origin_ref`. */
export type Keepers = Readonly<Record<string, HeldActs>>

export function relayActs(keepers: Keepers): HeldActs {
  const keeperOf = (ref: string | null): HeldActs => keepers[/^[a-z]+_/.exec(ref ?? '')?.[0] ?? ''] ?? asked
  const of = async (t: Tx, scope: Scope, taskId: string) =>
    keeperOf((await findTask(t, scope, taskId, EVERY))?.origin_ref ?? null)
  return {
    waiting: async (t, scope, taskId) => (await of(t, scope, taskId)).waiting(t, scope, taskId),
    escalated: async (t, scope, taskId, until) => (await of(t, scope, taskId)).escalated(t, scope, taskId, until),
    refuseDecider: async (t, scope, task) => keeperOf(task.origin_ref).refuseDecider?.(t, scope, task),
    settled: (t, scope, task, end) => keeperOf(task.origin_ref).settled(t, scope, task, end),
    judgeEdit: (t, scope, task, args) => keeperOf(task.origin_ref).judgeEdit(t, scope, task, args),
  }
}

const asked: HeldActs = {
  async waiting(t, scope, taskId) {
    const ask = await findAsk(t, scope, taskId)
    return ask?.state === 'open' ? ask : null
  },
  async escalated(t, scope, taskId, until) {
    await escalateIfNot(t, scope, taskId, until)
  },
  async settled(t, scope, task, end) {
    await settleIfOpen(t, scope, task.id, end)
  },
  // Such a question is answered by yes or no.
  judgeEdit: async () => 1,
}
