// What became of an answer (T54): the asking agent tells it once, after the end. Where the task expects it, its absence is told once too. Changes no decision.
import { Problem } from '@countersign/sdk'
import { type Scope, systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { sealIf, taskKey } from '../content.ts'
import type { TasksHouse } from '../house.ts'
import { seeTask, showWhole } from '../look.ts'
import { taskTopic } from '../settle.ts'
import { EVERY, findTask, isFinal, type TaskRow } from '../sql.ts'
import type { Task } from '../wire.ts'
import { markOutcomeMissingIfDue, reportOutcomeIfNone } from './sql.ts'

export type OutcomeInput = { status: 'succeeded' | 'failed' | 'skipped'; detail?: string | null; refs?: string[] }

export async function reportOutcome(house: TasksHouse, scope: Scope, id: string, input: OutcomeInput): Promise<Task> {
  return tx(house.db, scope, async (t) => {
    const { row, person } = await seeTask(t, scope, id, 'task.report_outcome')
    if (!isFinal(row.status))
      throw new Problem('state_conflict', { state: row.status, detail: 'Nothing can have become of it: it has no answer yet.' })
    if (row.erased_at !== null) throw new Problem('content_erased')
    const said = input.detail || input.refs?.length ? { detail: input.detail ?? null, refs: input.refs ?? [] } : null
    const detail = said && sealIf(await taskKey(house, t, scope, id), scope, 'tasks', 'agent_outcome_detail', id, said)
    const told = await reportOutcomeIfNone(t, scope, id, { status: input.status, detail })
    if (!told) throw new Problem('state_conflict', { state: row.status, detail: 'What became of it was told already.' })
    const data = { status: input.status, late: row.outcome_missing_at !== null, agent_id: row.agent_id }
    await record(t, scope, 'task.outcome_reported', data, { resource: { type: 'task', id } })
    t.wake(taskTopic(id))
    return showWhole(house, t, scope, told, null, person)
  })
}

/** Says once that nothing was told in time. Answers when to look again. */
export async function missOutcome(house: TasksHouse, tenantId: string, id: string): Promise<Date | null> {
  const scope = systemScope('outcome', tenantId)
  return tx(house.db, scope, async (t) => {
    const missing = await markOutcomeMissingIfDue(t, scope, id)
    if (!missing) return dueAt(await findTask(t, scope, id, EVERY), t.now)
    const data = { expect_outcome_seconds: missing.expect_outcome_seconds, agent_id: missing.agent_id }
    await record(t, scope, 'task.outcome_missing', data, { resource: { type: 'task', id } })
    t.wake(taskTopic(id))
    return null
  })
}

/** By the clock of the database; a job that came early comes again. */
function dueAt(row: TaskRow | null, now: Date): Date | null {
  if (!row || row.completed_at === null || row.expect_outcome_seconds === null) return null
  if (row.agent_outcome !== null || row.outcome_missing_at !== null) return null
  const due = new Date(row.completed_at.getTime() + row.expect_outcome_seconds * 1000)
  return due > now ? due : null
}
