// The question to the owners of a tenant whether a host may look in (platform.md P12): an ordinary task of that tenant, in their inbox, answered with a fresh
// proof of presence. Opens nothing by itself; identity reads the answer and judges whose it is.
import type { Questions } from '../identity/tenants/break-glass.ts'
import { cancelTask } from './change.ts'
import type { TasksHouse } from './house.ts'
import { getTask } from './look.ts'
import { isFinal, type Status } from './sql.ts'
import { createTask } from './task.ts'

const ANSWER = {
  type: 'object',
  additionalProperties: false,
  properties: { approve: { type: 'boolean', title: 'Let them in, to read' } },
  required: ['approve'],
}

export const openQuestions = (house: TasksHouse): Questions => ({
  async ask(scope, { key, request, owners }) {
    const { task } = await createTask(house, scope, {
      task: `May ${request.host_name} look into this tenant for ${request.minutes} minutes?`,
      description:
        'Somebody who runs this installation asks to read here. They can change nothing, see no stored credential, and everything they open is recorded in your events. You can end it at any time.',
      payload: {
        request: request.id,
        who: request.host_name,
        user_id: request.host_id,
        reason: request.reason,
        minutes: request.minutes,
      },
      response_schema: ANSWER,
      idempotency_key: key,
      deadline_at: request.expires_at,
      assign_to: owners.length > 0 ? { emails: owners } : null,
      priority: 'urgent',
      risk: 'high',
      tags: ['break-glass'],
    })
    return { id: task.id }
  },
  async look(scope, taskId) {
    const task = await getTask(house, scope, taskId)
    const answer = task.response as { approve?: boolean } | null
    return { status: task.status, approved: answer?.approve === true, by: task.completed_by_user_id, at: task.completed_at }
  },
  async cancel(scope, taskId, reason) {
    const task = await getTask(house, scope, taskId)
    if (!isFinal(task.status as Status)) await cancelTask(house, scope, taskId, reason)
  },
})
