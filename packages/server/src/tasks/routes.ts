// The native routes of tasks: schemas and one verb each.
import { ReceiptBody } from '../events/audit/routes.ts'
import { type EventStream, type Route, route, s } from '../http/route.ts'
import { challengeRoutes } from './challenge/routes.ts'
import { cancelTask, updateTask } from './change.ts'
import { listCompatibilityKeys, putCompatibilityKey } from './compatibility-key.ts'
import { type DecideInput, decideTask } from './decision.ts'
import { decisionSettingsRoutes } from './decision-settings.ts'
import { erasureRoutes } from './erasure/routes.ts'
import { exportRoutes } from './export/routes.ts'
import { followTask, followTasks, readRecord, type TaskEvent } from './follow.ts'
import { claimTask, releaseTask } from './holding.ts'
import type { TasksHouse } from './house.ts'
import { countTasks } from './list/counts.ts'
import { listTasks } from './list/list.ts'
import { getTask, listDecisions } from './look.ts'
import { noticeRoutes } from './notices/routes.ts'
import { votingRoutes } from './quorum/routes.ts'
import { taskReceipt } from './receipt.ts'
import { revealTask } from './reveal.ts'
import { routingRoutes } from './routing/routes.ts'
import {
  CountsBody,
  CreateBody,
  DecideBody,
  DecisionBody,
  listQuery,
  PollBody,
  pollQuery,
  RecordEntry,
  TaskBody,
  TaskRowBody,
  taskId,
  UpdateBody,
  WaitBody,
} from './shapes.ts'
import { statsRoutes } from './stats/routes.ts'
import { talkRoutes } from './talk/routes.ts'
import { type Created, createTask } from './task.ts'
import { taskSettingsRoutes } from './task-settings.ts'
import { verifierRoutes } from './verifiers/routes.ts'
import { pollTask, waitForTasks } from './wait.ts'
import type { Task } from './wire.ts'

const MIB = 1_048_576
const tag = 'tasks'
const etag = (task: Task) => ({ ETag: `"${task.version}"` })
const withTag = (result: unknown) => ({ headers: etag(result as Task), body: result })

export const CREATE_PROBLEMS = [
  'policy_denied',
  'policy_error',
  'schema_invalid',
  'form_invalid',
  'payload_invalid',
  'response_invalid',
  'assign_to_invalid',
  'notify_invalid',
  'no_eligible_human',
  'address_not_allowed',
  'deny_response_required',
  'unsafe_default',
  'args_invalid',
  'quorum_unreachable',
  'verifier_not_configured',
  'verifier_conflicts_with_redaction',
  'url_invalid',
  'url_not_allowed',
  'idempotency_mismatch',
] as const
export const DECIDE_PROBLEMS = [
  'not_found',
  'task_not_open',
  'task_verifying',
  'task_revised',
  'task_already_claimed',
  'response_invalid',
  'not_eligible',
  'agent_may_not_decide',
  'policy_denied',
  'policy_error',
  'scope_missing',
  'challenge_invalid',
  'separation_of_duties',
  'already_decided',
  'args_invalid',
  'edited_action_denied',
  'step_up_required',
  'forbidden',
  'policy_invalid',
  'version_conflict',
] as const

export const taskRoutes = (house: TasksHouse): Route[] => [
  ...ownRooms(house),
  ...lists(house),
  ...waits(house),
  ...acts(house),
  ...settings(house),
  ...verifierRoutes(house),
  ...noticeRoutes(house),
  ...routingRoutes(house),
]

const ownRooms = (house: TasksHouse): Route[] => [
  ...talkRoutes(house),
  ...exportRoutes(house),
  ...erasureRoutes(house),
  ...statsRoutes(house),
]

const lists = (house: TasksHouse): Route[] => [
  route(
    'POST /tasks',
    {
      summary: 'Ask a human',
      description: 'With an `idempotency_key` a repeat answers the task that is there (200, `Idempotency-Replayed: true`).',
      tag,
      auth: 'any',
      action: 'task.create',
      body: CreateBody,
      maxBody: 6 * MIB,
      answers: { 201: TaskBody, 200: TaskBody },
      problems: CREATE_PROBLEMS,
      render(result) {
        const { task, created } = result as Created
        const replayed: Record<string, string> = created ? {} : { 'Idempotency-Replayed': 'true' }
        return { status: created ? 201 : 200, headers: { ...etag(task), ...replayed }, body: task }
      },
    },
    ({ scope, body }) => createTask(house, scope, body as Parameters<typeof createTask>[2]),
  ),
  route(
    'GET /tasks',
    {
      summary: 'List tasks',
      tag,
      auth: 'any',
      action: 'task.list',
      query: { ...listQuery, ...s.page() },
      answers: { 200: s.list(TaskRowBody) },
      problems: ['cursor_invalid'],
    },
    ({ scope, query }) => listTasks(house, scope, query, 'native'),
  ),
  route(
    'GET /tasks/counts',
    {
      summary: 'Count what waits',
      tag,
      auth: 'any',
      action: 'task.list',
      answers: { 200: CountsBody },
    },
    ({ scope }) => countTasks(house, scope),
  ),
  route(
    'GET /tasks/stream',
    {
      summary: 'Follow tasks as server-sent events',
      description:
        'Each event once and in order. Send the last id as `Last-Event-ID` to go on after it; without it the stream begins now.',
      tag,
      auth: 'any',
      action: 'task.stream',
      query: { type: s.optional(s.text({ min: 1, max: 100 })), agent_id: s.optional(s.id('agt')) },
      answers: { 200: 'stream' },
      problems: ['cursor_invalid'],
      bucket: 'stream',
    },
    async (ask) => {
      const events = await followTasks(house, ask.scope, ask.query, ask.request.header('last-event-id'))
      return ask.stream((out) => sendAll(out, events))
    },
  ),
  route(
    'GET /tasks/:id',
    {
      summary: 'Read a task',
      tag,
      auth: 'any',
      action: 'task.read',
      params: taskId,
      answers: { 200: TaskBody },
      problems: ['not_found'],
      render: withTag,
    },
    ({ scope, params }) => getTask(house, scope, params.id),
  ),
  route(
    'GET /tasks/:id/receipt',
    {
      summary: 'A proof of the decision that stands alone',
      description:
        'Once the task has ended. It is sealed about a second later; a receipt that was fetched before is as genuine and lacks the proof of the log. With `include=content` it also holds the texts that were digested.',
      tag,
      auth: 'any',
      action: 'task.receipt',
      params: taskId,
      query: { include: s.optional(s.oneOf('content')) },
      answers: { 200: ReceiptBody },
      problems: ['not_found', 'state_conflict'],
    },
    ({ scope, params, query }) => taskReceipt(house, scope, params.id, query.include),
  ),
  route(
    'GET /tasks/:id/decisions',
    {
      summary: 'List the decisions on a task',
      tag,
      auth: 'any',
      action: 'task.read',
      params: taskId,
      answers: { 200: s.list(DecisionBody) },
      problems: ['not_found'],
    },
    ({ scope, params }) => listDecisions(house, scope, params.id),
  ),
  route(
    'GET /tasks/:id/record',
    {
      summary: 'Read what happened to a task, newest first',
      tag,
      auth: 'any',
      action: 'task.timeline',
      params: taskId,
      query: s.page(),
      answers: { 200: s.list(RecordEntry) },
      problems: ['not_found', 'cursor_invalid'],
    },
    ({ scope, params, query }) => readRecord(house, scope, params.id, query),
  ),
]

async function sendAll(out: EventStream, events: (signal: AbortSignal) => AsyncGenerator<TaskEvent>): Promise<void> {
  for await (const event of events(out.signal)) await out.send({ id: event.id, event: event.type, data: event })
}

const waits = (house: TasksHouse): Route[] => [
  route(
    'GET /tasks/:id/poll',
    {
      summary: 'Wait for the end of a task',
      description:
        'Answers at once when the task is final, else when it becomes final, else after `timeout` seconds with how it stands.',
      tag,
      auth: 'any',
      action: 'task.poll',
      params: taskId,
      query: pollQuery,
      answers: { 200: PollBody },
      problems: ['not_found', 'concurrency_limited'],
      bucket: 'task.wait',
    },
    ({ scope, params, query, signal }) => pollTask(house, scope, params.id, query, signal),
  ),
  route(
    'POST /tasks/wait',
    {
      summary: 'Wait for several tasks at once',
      tag,
      auth: 'any',
      action: 'task.poll',
      body: s.object({
        ids: s.array(s.id('task'), { min: 1, max: 100 }),
        mode: s.withDefault(s.oneOf('any', 'all'), 'any'),
        timeout: pollQuery.timeout,
      }),
      answers: { 200: WaitBody },
      problems: ['not_found', 'concurrency_limited'],
      bucket: 'task.wait',
      idempotency: 'none',
    },
    ({ scope, body, signal }) => waitForTasks(house, scope, body, signal),
  ),
  route(
    'GET /tasks/:id/stream',
    {
      summary: 'Follow one task as server-sent events',
      tag,
      auth: 'any',
      action: 'task.stream',
      params: taskId,
      answers: { 200: 'stream' },
      problems: ['not_found', 'cursor_invalid'],
      bucket: 'stream',
    },
    async (ask) => {
      const events = await followTask(house, ask.scope, ask.params.id, ask.request.header('last-event-id'))
      return ask.stream((out) => sendAll(out, events))
    },
  ),
]

const acts = (house: TasksHouse): Route[] => [
  route(
    'POST /tasks/:id/reveal',
    {
      summary: 'Read what a task hides',
      description: 'Answers the task with nothing masked, once, and records who read it. Who was not asked says why in `reason`.',
      tag,
      auth: 'any',
      action: 'task.reveal',
      params: taskId,
      body: s.object({ reason: s.nullish(s.text({ max: 4_000 })) }),
      answers: { 200: TaskBody },
      problems: ['not_found', 'not_eligible', 'forbidden'],
      render: withTag,
    },
    ({ scope, params, body }) => revealTask(house, scope, params.id, body.reason ?? null),
  ),
  route(
    'POST /tasks/:id/decide',
    {
      summary: 'Answer a task',
      description:
        'Who decided is taken from the request’s own credential; a key that relays decisions names its person in `on_behalf_of`. An operator, admin or owner who was not asked says why in `reason`.',
      tag,
      auth: 'any',
      action: 'task.decide',
      params: taskId,
      body: DecideBody,
      maxBody: 2 * MIB,
      answers: { 200: TaskBody, 202: TaskBody },
      problems: DECIDE_PROBLEMS,
      render: (result) => ({ ...withTag(result), status: (result as Task).status === 'verifying' ? 202 : 200 }),
    },
    ({ scope, params, body, request }) => decideTask(house, scope, params.id, body as DecideInput, request),
  ),
  ...challengeRoutes(house),
  ...votingRoutes(house),
  route(
    'POST /tasks/:id/claim',
    {
      summary: 'Take a task on',
      tag,
      auth: 'any',
      action: 'task.claim',
      params: taskId,
      answers: { 200: TaskBody },
      problems: ['not_found', 'task_not_open', 'task_already_claimed', 'state_conflict', 'not_eligible', 'agent_may_not_decide'],
      render: withTag,
    },
    ({ scope, params }) => claimTask(house, scope, params.id),
  ),
  route(
    'POST /tasks/:id/release',
    {
      summary: 'Give a claimed task back',
      tag,
      auth: 'any',
      action: 'task.release',
      params: taskId,
      answers: { 200: TaskBody },
      problems: ['not_found', 'task_not_open', 'state_conflict', 'not_eligible', 'agent_may_not_decide'],
      render: withTag,
    },
    ({ scope, params }) => releaseTask(house, scope, params.id),
  ),
  route(
    'POST /tasks/:id/cancel',
    {
      summary: 'Withdraw a task',
      tag,
      auth: 'any',
      action: 'task.cancel',
      params: taskId,
      body: s.object({ reason: s.nullish(s.text({ max: 4_000 })) }),
      answers: { 200: TaskBody },
      problems: ['not_found', 'task_not_open'],
      render: withTag,
    },
    ({ scope, params, body }) => cancelTask(house, scope, params.id, body.reason ?? null),
  ),
  route(
    'PATCH /tasks/:id',
    {
      summary: 'Change priority, tags, metadata, reminders or who is told, or extend the deadline',
      description: '`If-Match` with the ETag refuses the change when the task moved on. A deadline is never shortened.',
      tag,
      auth: 'any',
      action: 'task.update',
      params: taskId,
      body: UpdateBody,
      answers: { 200: TaskBody },
      problems: [
        'not_found',
        'task_not_open',
        'version_conflict',
        'request_invalid',
        'state_conflict',
        'notify_invalid',
        'address_not_allowed',
      ],
      render: withTag,
    },
    ({ scope, params, body, request }) => updateTask(house, scope, params.id, body, request.header('if-match')),
  ),
]

const KeyInfo = {
  version: s.int({ min: 1 }),
  origin: s.oneOf('made', 'imported'),
  created_at: s.time(),
  effective_at: s.time(),
}

const settings = (house: TasksHouse): Route[] => [
  ...decisionSettingsRoutes(house),
  ...taskSettingsRoutes(house),
  route(
    'GET /compatibility-keys',
    {
      summary: 'List the keys that sign posts to callback addresses',
      tag,
      auth: 'any',
      action: 'task.configure',
      answers: { 200: s.list(s.named('CompatibilityKey', s.object(KeyInfo))) },
    },
    ({ scope }) => listCompatibilityKeys(house, scope),
  ),
  route(
    'POST /compatibility-keys',
    {
      summary: 'Make or import the key that signs posts to callback addresses',
      description:
        'Shown once. Receivers of the other clients set `key` as AWAITHUMANS_PAYLOAD_KEY, receivers of mode `standard` verify with `secret`.',
      tag,
      auth: 'any',
      action: 'task.configure',
      stepUp: true,
      body: s.object({
        key: s.optional(s.pattern(/^[A-Za-z0-9_-]{43}$/, 'Must be 32 bytes in base64url.')),
        effective_at: s.optional(s.time()),
      }),
      answers: { 201: s.named('NewCompatibilityKey', s.object({ ...KeyInfo, key: s.text(), secret: s.text() })) },
      secretOnce: ['key', 'secret'],
    },
    ({ scope, body }) => putCompatibilityKey(house, scope, body),
  ),
]
