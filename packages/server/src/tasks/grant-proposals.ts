// The questions whether an agent may use a stored credential, and whether somebody connects one for it (vault.md V15): ordinary tasks. They grant nothing: the vault reads
// the answer and judges whose it is.
import { systemScope } from '../db/scope.ts'
import type { Proposals } from '../vault/grants/proposal.ts'
import { cancelTask } from './change.ts'
import type { TasksHouse } from './house.ts'
import { getTask } from './look.ts'
import { isFinal, type Status } from './sql.ts'
import { createTask } from './task.ts'

const answer = (title: string) => ({
  type: 'object',
  additionalProperties: false,
  properties: {
    approve: { type: 'boolean', title },
    comment: { type: 'string', title: 'Comment', maxLength: 2_000 },
  },
  required: ['approve'],
})

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
      response_schema: answer('Let the agent use it'),
      idempotency_key: `grant:${one.grantId}`,
      deadline_at: one.deadline,
      assign_to: one.emails.length > 0 ? { emails: [...one.emails] } : null,
      risk: 'high',
      tags: ['grant'],
    })
    return { id: task.id }
  },
  async askConnection(scope, { row, agentName, emails, page }) {
    const { task } = await createTask(house, scope, {
      task: `${agentName} asks for a connection to ${row.provider}`,
      description: [
        `Somebody who has an account there connects it: on the page of [connections](${page}) the proposal is accepted, narrowed where you want it to be, and leads on to the provider.`,
        'A yes here tells the agent that somebody will. It uses what comes of it only by a grant, and never sees it.',
      ].join('\n'),
      payload: {
        proposal: row.id,
        agent: row.agent_id,
        provider: row.provider,
        connection: row.connection_name,
        ...(row.method === null ? {} : { method: row.method }),
        ...(row.scopes.length === 0 ? {} : { scopes: row.scopes }),
        ...(row.shared ? { shared: true } : {}),
        reason: row.reason,
      },
      response_schema: answer('Connect it for the agent'),
      idempotency_key: `connection:${row.id}`,
      deadline_at: row.expires_at,
      assign_to: emails.length > 0 ? { emails: [...emails] } : null,
      risk: 'high',
      tags: ['connection'],
    })
    return { id: task.id }
  },
  async look(scope, taskId) {
    const task = await getTask(house, scope, taskId)
    const said = task.response as { approve?: boolean; comment?: string } | null
    const byPerson = task.status === 'completed' && task.completed_by_user_id !== null
    return {
      over: isFinal(task.status as Status),
      approved: byPerson && said?.approve === true,
      by: task.completed_by_user_id,
      comment: said?.comment ?? null,
    }
  },
  async withdraw(scope, { task_id }) {
    if (task_id === null) return
    const system = systemScope('vault', scope.tenantId)
    const task = await getTask(house, system, task_id)
    if (!isFinal(task.status as Status)) await cancelTask(house, system, task_id, 'It was decided elsewhere.')
  },
})
