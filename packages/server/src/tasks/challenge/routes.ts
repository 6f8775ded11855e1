// Fixing a decision before it is proven: one route, one verb.
import { type Route, route, s } from '../../http/route.ts'
import type { DecideInput } from '../decided.ts'
import type { TasksHouse } from '../house.ts'
import { DecideBody, taskId } from '../shapes.ts'
import { fixDecision } from './fix.ts'

const PROBLEMS = [
  'not_found',
  'task_not_open',
  'task_verifying',
  'task_revised',
  'response_invalid',
  'args_invalid',
  'not_eligible',
  'agent_may_not_decide',
  'separation_of_duties',
  'policy_denied',
  'policy_error',
  'step_up_required',
] as const

export const challengeRoutes = (house: TasksHouse): Route[] => [
  route(
    'POST /tasks/:id/decide/challenge',
    {
      summary: 'Fix a decision before it is proven',
      description:
        'Takes what `decide` takes and decides nothing. Whoever then proves their presence (`POST /auth/step-up`) and sends the same decision with `assertion: {nonce}` within five minutes has proven exactly this one.',
      tag: 'tasks',
      auth: 'any',
      action: 'task.decide',
      params: taskId,
      body: DecideBody,
      maxBody: 2 * 1_048_576,
      answers: {
        200: s.named(
          'DecisionChallenge',
          s.object({
            challenge: s.text().describe('SHA-256 over `countersign/decision/v1\\n`, the digest and the nonce, in base64url.'),
            nonce: s.text(),
            decision_sha256: s.text().describe('What is decided about what was shown, in hex.'),
            expires_at: s.time(),
            options: s.object({ methods: s.array(s.text()).describe('How its person can prove to be there.') }),
          }),
        ),
      },
      problems: PROBLEMS,
      idempotency: 'none',
    },
    ({ scope, params, body }) => fixDecision(house, scope, params.id, body as DecideInput),
  ),
]
