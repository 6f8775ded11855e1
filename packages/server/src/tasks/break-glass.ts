// The question whether a host may look into a tenant (platform.md P12): an ordinary task of that tenant in its owners' inbox and, when they do not answer, one of
// each other host in theirs, answered with a fresh proof of presence. Opens nothing by itself; identity reads the answer and judges whose it is.
import { Problem } from '@countersign/sdk'
import { tx } from '../db/tx.ts'
import type { Questions } from '../identity/tenants/break-glass.ts'
import { tenantWire } from '../std/id.ts'
import { cancelTask } from './change.ts'
import { askerOf } from './creation.ts'
import type { TasksHouse } from './house.ts'
import { getTask } from './look.ts'
import { findTasksByKey, isFinal, type Status } from './sql.ts'
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
  async askHost(scope, { key, request, hostId }) {
    try {
      const { task } = await createTask(house, scope, {
        task: `May ${request.host_name} look into another tenant for ${request.minutes} minutes?`,
        description:
          'Another host asks, and no owner of that tenant has answered. If you agree they may read there; they can change nothing, and everything they open is recorded there.',
        payload: {
          request: request.id,
          who: request.host_name,
          user_id: request.host_id,
          tenant: request.tenant_name,
          tenant_id: tenantWire(request.tenant_id),
          reason: request.reason,
          minutes: request.minutes,
        },
        response_schema: ANSWER,
        idempotency_key: key,
        deadline_at: request.expires_at,
        assign_to: { user_id: hostId },
        require_assignee: true,
        delegable: false,
        priority: 'urgent',
        risk: 'high',
        // What is asked of another tenant is for this host alone, not for whoever else works in theirs.
        redact: { level: 'notify', payload: ['/tenant', '/tenant_id', '/reason'] },
        tags: ['break-glass'],
      })
      return { id: task.id }
    } catch (error) {
      // Their role in their own tenant lets them decide nothing there.
      if (error instanceof Problem && error.code === 'no_eligible_human') return null
      throw error
    }
  },
  async known(scope, key) {
    const [found] = await tx(house.db, scope, (t) => findTasksByKey(t, scope, [askerOf(scope)], [key]), { readOnly: true })
    return found ? { id: found.id } : null
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
