// Reading what a task hides (T153): once, in one answer, with an event that says who. Whoever may answer it needs no reason; whoever runs the work gives one, which
// stands on the task for its people.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import { tx } from '../db/tx.ts'
import { record } from '../events/event.ts'
import { reach } from '../identity/matrix.ts'
import type { TasksHouse } from './house.ts'
import { seeTask, showWhole } from './look.ts'
import { isEligible } from './person.ts'
import { hidesAny } from './redaction.ts'
import { invalid } from './settle.ts'
import { writeReason } from './talk/reason.ts'
import { surfaceOf, type Task } from './wire.ts'

export async function revealTask(house: TasksHouse, scope: Scope, id: string, reason: string | null): Promise<Task> {
  return tx(house.db, scope, async (t) => {
    const { row, person } = await seeTask(t, scope, id, 'task.reveal')
    if (!person) throw new Problem('forbidden', { action: 'task.reveal', detail: 'Only a person reads what is hidden.' })
    // Who asked knows what they asked, and who decided what they saw.
    const own = isEligible(row, person) || row.asker === person.id || row.completed_by_user_id === person.id
    if (!own && reach(scope, 'task.reveal') !== 'any') throw new Problem('not_eligible')
    if (!own && !reason?.trim())
      throw invalid('/reason', 'reason_required', 'You were not asked: to read what is hidden, say why.')
    if (!hidesAny(row, surfaceOf(scope))) return showWhole(house, t, scope, row, null, person)
    const data = { level: row.redact, revision: row.revision, own, agent_id: row.agent_id }
    await record(t, scope, 'task.revealed', data, { resource: { type: 'task', id } })
    const now = reason?.trim() ? await writeReason(house, t, scope, row, person, reason.trim()) : row
    return showWhole(house, t, scope, now, null, person, 'revealed')
  })
}
