// What a person takes back: a vote, and what they had policy remember. Schemas and one verb each.
import { type Route, route, s } from '../../http/route.ts'
import { forgetAct } from '../actions/forget.ts'
import type { TasksHouse } from '../house.ts'
import { withdrawVote } from './withdraw.ts'

const tag = 'tasks'

export const votingRoutes = (house: TasksHouse): Route[] => [
  route(
    'DELETE /tasks/:id/decisions/:decision',
    {
      summary: 'Take your vote back',
      description: 'While the task waits for others. You may vote again afterwards.',
      tag,
      auth: 'any',
      action: 'task.withdraw_vote',
      params: { id: s.id('task'), decision: s.id('dec') },
      answers: { 204: null },
      problems: ['not_found', 'task_not_open', 'forbidden', 'agent_may_not_decide'],
    },
    ({ scope, params }) => withdrawVote(house, scope, params.id, params.decision),
  ),
  route(
    'DELETE /tasks/:id/remembered',
    {
      summary: 'End what was remembered with an approval',
      description: 'The policy that allowed the same act for a while goes, in a version of its own.',
      tag,
      auth: 'session',
      action: 'policy.activate',
      stepUp: true,
      params: { id: s.id('task') },
      answers: { 204: null },
      problems: ['not_found', 'state_conflict', 'version_conflict', 'policy_invalid'],
    },
    ({ scope, params }) => forgetAct(house, scope, params.id),
  ),
]
