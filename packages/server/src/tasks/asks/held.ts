// Acts that wait for people and are kept by a room above this one: what it is asked, and told, about them in the transactions of their tasks. Handed in by main, so
// that tasks never hear of proxies. Acts that no room keeps are rows of `policy_asks` (ask.ts).
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import type { TaskRow } from '../sql.ts'

/** How the task of an act ended: people agreed, people refused, nobody answered, or the question was taken back. */
export type ActEnd = 'agreed' | 'refused' | 'expired' | 'withdrawn'

/** What a second asking has to know (P66). */
export type WaitingAct = { on_timeout: 'deny' | 'escalate'; escalated_at: Date | null; opened_at: Date; expires_at: Date }

export type HeldActs = {
  /** null: it waits no more. */
  waiting(t: Tx, scope: Scope, taskId: string): Promise<WaitingAct | null>
  escalated(t: Tx, scope: Scope, taskId: string, until: Date): Promise<void>
  /** Throws what stands against this person beyond the rules of tasks: that they belong to the asking side of another tenant. */
  refuseDecider?(t: Tx, scope: Scope, task: TaskRow): Promise<void>
  /** In the transaction of the task's end, whatever brought it about. */
  settled(t: Tx, scope: Scope, task: TaskRow, end: ActEnd): Promise<void>
  /** Edited arguments are judged as the act that they would be (T46): how many people policy wants for it; throws `edited_action_denied`. */
  judgeEdit(t: Tx, scope: Scope, task: TaskRow, args: Readonly<Record<string, unknown>>): Promise<number>
}
