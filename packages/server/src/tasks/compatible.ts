import type { Scope } from '../db/scope.ts'
import { type Route, route, s } from '../http/route.ts'
import { cancelTask } from './change.ts'
import type { CreateInput } from './creation.ts'
import { decideTask } from './decision.ts'
import { readRecord } from './follow.ts'
import { claimTask } from './holding.ts'
import type { TasksHouse } from './house.ts'
import { listByOffset, listTasks } from './list/list.ts'
import { getTask } from './look.ts'
import {
  CompatibleCreateBody,
  CompatiblePollBody,
  CompatibleRowBody,
  CompatibleTaskBody,
  listQuery,
  pollQuery,
  taskId,
} from './shapes.ts'
import { type Created, createTask } from './task.ts'
import { pollTask } from './wait.ts'
import { inDialect, statusWord, type Task } from './wire.ts'

const tag = 'compatible'
const dialect = 'compatible' as const
const MIB = 1_048_576
const spoken = (result: unknown) => ({ body: inDialect(result as Task, dialect) })

export const compatibleRoutes = (house: TasksHouse): Route[] => [
  route(
    'POST /tasks',
    {
      summary: 'Ask a human (compatible)',
      tag,
      dialect,
      auth: 'any',
      action: 'task.create',
      body: CompatibleCreateBody,
      maxBody: 6 * MIB,
      answers: { 201: CompatibleTaskBody },
      problems: [
        'schema_invalid',
        'payload_invalid',
        'assign_to_invalid',
        'notify_invalid',
        'no_eligible_human',
        'address_not_allowed',
        'url_invalid',
        'url_not_allowed',
        'verifier_not_configured',
        'idempotency_mismatch',
      ],
      render(result) {
        const { task, created, mismatch } = result as Created
        const headers: Record<string, string> = created ? {} : { 'Idempotent-Replayed': 'true', 'Idempotency-Replayed': 'true' }
        if (mismatch) headers['Countersign-Replay-Mismatch'] = 'true'
        if (task.warnings.length > 0) headers['Countersign-Warning'] = task.warnings.map(({ code }) => code).join(', ')
        return { status: 201, headers, body: inDialect(task, dialect) }
      },
    },
    ({ scope, body }) => createTask(house, scope, toNative(body as CompatibleCreate), dialect),
  ),
  route(
    'GET /tasks',
    {
      summary: 'List tasks (compatible)',
      tag,
      dialect,
      auth: 'any',
      action: 'task.list',
      query: {
        ...listQuery,
        terminal: s.optional(s.boolean()),
        offset: s.optional(s.int({ min: 0, max: 1_000_000 })),
        ...s.page(),
      },
      answers: { 200: s.either(s.array(CompatibleRowBody), s.list(CompatibleRowBody)) },
      problems: ['cursor_invalid'],
    },
    async ({ scope, query }) => {
      const { offset, sort, cursor, ...filter } = query
      if (offset !== undefined)
        return (await listByOffset(house, scope, { ...filter, offset })).map((one) => inDialect(one, dialect))
      const page = await listTasks(house, scope, { ...filter, sort, cursor }, dialect)
      return { ...page, data: page.data.map((one) => inDialect(one, dialect)) }
    },
  ),
  route(
    'GET /tasks/:id',
    {
      summary: 'Read a task (compatible)',
      tag,
      dialect,
      auth: 'any',
      action: 'task.read',
      params: taskId,
      answers: { 200: CompatibleTaskBody },
      problems: ['not_found'],
      render: spoken,
    },
    ({ scope, params }) => getTask(house, scope, params.id),
  ),
  route(
    'GET /tasks/:id/poll',
    {
      summary: 'Wait for the end of a task (compatible)',
      tag,
      dialect,
      auth: 'any',
      action: 'task.poll',
      params: taskId,
      query: pollQuery,
      answers: { 200: CompatiblePollBody },
      problems: ['not_found', 'concurrency_limited'],
      bucket: 'task.wait',
      render: spoken,
    },
    ({ scope, params, query, signal }) => pollTask(house, scope, params.id, query, signal),
  ),
  route(
    'POST /tasks/:id/complete',
    {
      summary: 'Answer a task (compatible)',
      tag,
      dialect,
      auth: 'any',
      action: 'task.decide',
      params: taskId,
      // Members that claim who answered are ignored (T21): they are unknown here.
      body: s.object({ response: s.jsonObject(), reason: s.nullish(s.text({ max: 4_000 })) }),
      maxBody: 2 * MIB,
      answers: { 200: CompatibleTaskBody },
      problems: [
        'not_found',
        'task_not_open',
        'task_already_claimed',
        'response_invalid',
        'not_eligible',
        'agent_may_not_decide',
        'step_up_required',
      ],
      render: spoken,
    },
    ({ scope, params, body, request }) =>
      decideTask(
        house,
        scope,
        params.id,
        { type: 'respond', response: body.response, reason: body.reason, seen_revision: null },
        request,
      ),
  ),
  route(
    'POST /tasks/:id/claim',
    {
      summary: 'Take a task on (compatible)',
      tag,
      dialect,
      auth: 'any',
      action: 'task.claim',
      params: taskId,
      body: s.object({}),
      answers: { 200: CompatibleTaskBody },
      problems: ['not_found', 'task_not_open', 'task_already_claimed', 'not_eligible', 'agent_may_not_decide'],
      render: spoken,
    },
    ({ scope, params }) => claimTask(house, scope, params.id),
  ),
  route(
    'POST /tasks/:id/cancel',
    {
      summary: 'Withdraw a task (compatible)',
      tag,
      dialect,
      auth: 'any',
      action: 'task.cancel',
      params: taskId,
      body: s.object({ reason: s.nullish(s.text({ max: 4_000 })) }),
      answers: { 200: CompatibleTaskBody },
      problems: ['not_found', 'task_not_open'],
      render: spoken,
    },
    ({ scope, params, body }) => cancelTask(house, scope, params.id, body.reason ?? null),
  ),
  route(
    'GET /tasks/:id/audit',
    {
      summary: 'Read what happened to a task (compatible)',
      tag,
      dialect,
      auth: 'any',
      action: 'task.timeline',
      params: taskId,
      answers: { 200: s.array(AuditEntry) },
      problems: ['not_found'],
    },
    ({ scope, params }) => readAudit(house, scope, params.id),
  ),
]

type CompatibleCreate = Omit<CreateInput, 'metadata'> & {
  idempotency_key: string
  verifier_config?: Record<string, unknown> | null
  task_metadata?: Record<string, unknown> | null
}

const toNative = ({ task_metadata, ...input }: CompatibleCreate): CreateInput => ({ ...input, metadata: task_metadata })

const AuditEntry = s.object({
  id: s.id('evt'),
  task_id: s.id('task'),
  from_status: s.maybe(s.text()),
  to_status: s.maybe(s.text()),
  action: s.text(),
  actor_type: s.text(),
  actor_email: s.maybe(s.text()),
  channel: s.maybe(s.text()),
  extra_data: s.jsonObject(),
  created_at: s.time(),
})

/** The record in their words, oldest first. Addresses stand in no event, so `actor_email` stays null. */
async function readAudit(house: TasksHouse, scope: Scope, id: string) {
  const { data } = await readRecord(house, scope, id, { limit: 200 })
  const word = (status: unknown) =>
    typeof status === 'string' ? statusWord(status as Parameters<typeof statusWord>[0], dialect) : null
  return data.toReversed().map((event) => ({
    id: event.id,
    task_id: id,
    from_status: word(event.data.from),
    to_status: word(event.data.to),
    action: event.type.replace(/^task\./, ''),
    actor_type: event.actor.type,
    actor_email: null,
    channel: typeof event.data.channel === 'string' ? event.data.channel : null,
    extra_data: event.data,
    created_at: new Date(event.occurred_at),
  }))
}

/** `GET /task?id=…`, which the clients print for people: at the root, beside the API. */
export const taskRedirect = (house: Pick<TasksHouse, 'origin'>): Route =>
  route(
    'GET /task',
    {
      summary: 'Go to the page of a task',
      tag,
      auth: 'none',
      query: { id: s.id('task') },
      answers: { 302: 'page' },
    },
    async ({ query, reply }) => {
      reply.location(`${house.origin()}/tasks/${query.id}`)
      return undefined
    },
  )
