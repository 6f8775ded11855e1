// The question whether an agent may use a stored credential (vault.md V15): an ordinary task of whoever may grant it. Grants nothing by itself: the vault reads
// the answer and judges whose it is.
import { systemScope } from '../db/scope.ts'
import type { Proposals } from '../vault/grants/proposal.ts'
import { cancelTask } from './change.ts'
import type { TasksHouse } from './house.ts'
import { getTask } from './look.ts'
import { isFinal, type Status } from './sql.ts'
import { createTask } from './task.ts'

const ANSWER = {
  type: 'object',
  additionalProperties: false,
  properties: {
    approve: { type: 'boolean', title: 'Let the agent use it' },
    comment: { type: 'string', title: 'Comment', maxLength: 2_000 },
  },
  required: ['approve'],
}

export const openProposals = (house: TasksHouse): Proposals => ({
  async ask(scope, one) {
    const { task } = await createTask(house, scope, {
      task: `May ${one.agentName} use ${one.provider} (${one.connection})?`,
      description: [
        'The agent uses the credential and never sees it. To narrow what it may do, change the grant before you accept it.',
        ...one.rules.map((rule) => `- ${rule}`),
      ].join('\n'),
      payload: {
        grant: one.grantId,
        agent: one.agentId,
        connection: one.connection,
        ...(one.account === null ? {} : { account: one.account }),
        reason: one.reason,
        until: one.expiresAt.toISOString(),
      },
      response_schema: ANSWER,
      idempotency_key: `grant:${one.grantId}`,
      deadline_at: one.deadline,
      assign_to: one.emails.length > 0 ? { emails: [...one.emails] } : null,
      risk: 'high',
      tags: ['grant'],
    })
    return { id: task.id }
  },
  async look(scope, taskId) {
    const task = await getTask(house, scope, taskId)
    const answer = task.response as { approve?: boolean; comment?: string } | null
    const byPerson = task.status === 'completed' && task.completed_by_user_id !== null
    return {
      over: isFinal(task.status as Status),
      approved: byPerson && answer?.approve === true,
      by: task.completed_by_user_id,
      comment: answer?.comment ?? null,
    }
  },
  async withdraw(scope, { task_id }) {
    if (task_id === null) return
    const system = systemScope('vault', scope.tenantId)
    const task = await getTask(house, system, task_id)
    if (!isFinal(task.status as Status)) await cancelTask(house, system, task_id, 'It was decided elsewhere.')
  },
})
