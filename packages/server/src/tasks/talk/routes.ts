// The routes of what is said about tasks (T52–T54): schemas and one verb each.
import { type Route, route, s } from '../../http/route.ts'
import type { TasksHouse } from '../house.ts'
import { TaskBody, taskId } from '../shapes.ts'
import type { Task } from '../wire.ts'
import { addComment, listComments } from './comments.ts'
import { reportOutcome } from './outcome.ts'
import { listRevisions, reviseTask } from './revisions.ts'
import { sendBack } from './send-back.ts'
import { CommentBody, NewComment, OutcomeBody, ReviseBody, RevisionBody, SendBackBody } from './shapes.ts'

const MIB = 1_048_576
const tag = 'tasks'
const withTag = (result: unknown) => ({ headers: { ETag: `"${(result as Task).version}"` }, body: result })

export const talkRoutes = (house: TasksHouse): Route[] => [
  route(
    'GET /tasks/:id/comments',
    {
      summary: 'List the comments on a task, in the order in which they were said',
      ...{ tag, auth: 'any', action: 'task.read' },
      params: taskId,
      query: s.page(),
      answers: { 200: s.list(CommentBody) },
      problems: ['not_found', 'cursor_invalid'],
    },
    ({ scope, params, query }) => listComments(house, scope, params.id, query),
  ),
  route(
    'POST /tasks/:id/comments',
    {
      summary: 'Remark on a task',
      description: 'Also when it has ended. What has the audience `humans` never reaches an agent. At most 500 a task.',
      ...{ tag, auth: 'any', action: 'task.comment' },
      params: taskId,
      body: NewComment,
      answers: { 201: CommentBody },
      problems: ['not_found', 'state_conflict', 'content_erased'],
    },
    ({ scope, params, body }) => addComment(house, scope, params.id, body),
  ),
  route(
    'POST /tasks/:id/send-back',
    {
      summary: 'Hand a task back to the agent, with a comment',
      description: 'The agent revises what it asks, or cancels. The deadline runs on unless the task has `pause_while_revising`.',
      ...{ tag, auth: 'any', action: 'task.send_back' },
      params: taskId,
      body: SendBackBody,
      answers: { 200: TaskBody },
      problems: [
        ...(['not_found', 'task_not_open', 'task_verifying', 'task_revised'] as const),
        ...(['state_conflict', 'not_eligible', 'agent_may_not_decide'] as const),
      ],
      render: withTag,
    },
    ({ scope, params, body }) => sendBack(house, scope, params.id, body),
  ),
  route(
    'GET /tasks/:id/revisions',
    {
      summary: 'List how a task was revised, oldest first, with what it said before',
      ...{ tag, auth: 'any', action: 'task.read' },
      params: taskId,
      answers: { 200: s.list(RevisionBody) },
      problems: ['not_found'],
    },
    ({ scope, params }) => listRevisions(house, scope, params.id),
  ),
  route(
    'POST /tasks/:id/revisions',
    {
      summary: 'Change what a task asks',
      description: 'By the agent that asked, up to 20 times. Decisions on the earlier content count no more.',
      ...{ tag, auth: 'any', action: 'task.revise' },
      params: taskId,
      body: ReviseBody,
      maxBody: 6 * MIB,
      answers: { 201: TaskBody },
      problems: [
        ...(['not_found', 'task_not_open', 'task_verifying', 'task_revised', 'policy_denied', 'policy_error'] as const),
        ...(['state_conflict', 'payload_invalid', 'args_invalid', 'schema_invalid', 'content_erased'] as const),
      ],
      render: withTag,
    },
    ({ scope, params, body }) => reviseTask(house, scope, params.id, body),
  ),
  route(
    'POST /tasks/:id/outcome',
    {
      summary: 'Tell what became of an answer',
      description: 'Once, by the agent that asked, after the task has ended.',
      ...{ tag, auth: 'any', action: 'task.report_outcome' },
      params: taskId,
      body: OutcomeBody,
      answers: { 201: TaskBody },
      problems: ['not_found', 'state_conflict', 'content_erased'],
      render: withTag,
    },
    ({ scope, params, body }) => reportOutcome(house, scope, params.id, body),
  ),
]
