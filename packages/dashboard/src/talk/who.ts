// Who an actor of a task's record is, as far as the task itself says: a name that people know, or nothing.
import type { Task } from '@countersign/sdk'
import { t } from '../text/t.ts'
import type { RecordEntry } from './sentence.ts'

export function whoOf(actor: RecordEntry['actor'], task: Task | undefined, me: { id: string }): string | null {
  if (actor.id === me.id) return t('You')
  if (!task) return null
  if (actor.id === task.agent_id) return task.agent_name
  const decided = task.decisions.find(({ user_id }) => user_id === actor.id)?.display_name
  if (decided) return decided
  if (actor.id === task.assigned_to_user_id) return task.assigned_to_display_name
  return actor.id === task.completed_by_user_id ? task.completed_by_display_name : null
}
