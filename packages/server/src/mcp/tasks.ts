// Questions to people as tools (tasks.md T145): asked, looked after and withdrawn by the agent of the key, through the same verbs as its routes. No tool here
// answers a question: what a model may not do over the API it may not do here.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import { s } from '../http/route.ts'
import { cancelTask } from '../tasks/change.ts'
import type { TasksHouse } from '../tasks/house.ts'
import { getTask } from '../tasks/look.ts'
import { Outcome, Status } from '../tasks/shapes.ts'
import { reportOutcome } from '../tasks/talk/outcome.ts'
import { createTask } from '../tasks/task.ts'
import { pollTask } from '../tasks/wait.ts'
import type { Task } from '../tasks/wire.ts'
import { type Call, type Tool, tool } from './tool.ts'

/** A model hears of the answer within one call for so long; then it looks again with `check`. */
const LONGEST_WAIT_S = 50
const A_POLL_S = 5
const DEFAULT_TIMEOUT_S = 86_400

const waitSeconds = s.withDefault(
  s.int({ min: 0, max: LONGEST_WAIT_S }).describe('How long to wait in this call; then look again with check.'),
  LONGEST_WAIT_S,
)
const id = { task_id: s.id('task').describe('As ask_human answered it.') }

const Answer = s.object({
  task_id: s.id('task'),
  status: Status,
  outcome: s.maybe(Outcome),
  answer: s.json().describe('What the person answered, of the form that was asked for; null while there is none.'),
  reason: s.maybe(s.text()).describe('Why a person denied or withdrew it, where they said so.'),
  what_now: s.text().describe('What to do with this.'),
  url: s.text().describe('The page on which people answer.'),
})

export const taskTools = (house: TasksHouse): Tool[] => [
  tool({
    name: 'ask_human',
    title: 'Ask a human',
    description:
      'Asks the people of this organisation one question and waits for the answer. Use it before what cannot be taken back, and where a person must decide. Give `response_schema` for a typed answer, or `options` for a choice; with neither they answer yes or no with a note. If nobody has answered within `wait_seconds` you get `task_id` and `status`: look again with check. A denied action must not be done another way.',
    action: 'task.create',
    effect: 'changes',
    ownKey: true,
    input: {
      task: s.text({ min: 1, max: 4_000 }).describe('The question, in one or two sentences that stand alone.'),
      description: s.optional(s.text({ max: 20_000 }).describe('What they need to know to answer, as CommonMark.')),
      payload: s.optional(s.jsonObject().describe('What they judge, as data.')),
      response_schema: s.optional(s.jsonObject().describe('JSON Schema of the answer: an object.')),
      options: s.optional(s.array(s.line({ max: 200 }), { min: 2, max: 50 }).describe('The answers to choose from.')),
      assign_to: s.optional(
        s.json().describe('Whom to ask: a mail address, a list of them, or as the API takes it; else whoever runs the work.'),
      ),
      timeout_seconds: s.withDefault(s.int({ min: 5, max: 31_536_000 }), DEFAULT_TIMEOUT_S),
      idempotency_key: s.optional(
        s
          .pattern(/^[^\p{Cc}]{1,512}$/u, 'Must have 1 to 512 characters, none of them a control character.')
          .describe('Your own name of this question: asked again under it you get the first one and its answer.'),
      ),
      wait_seconds: waitSeconds,
    },
    output: Answer,
    async run(scope, input, call) {
      const { wait_seconds, options, response_schema, ...asked } = input
      if (options && response_schema)
        throw new Problem('validation_failed', {
          errors: [{ path: '/options', code: 'exactly_one', message: 'Give either options or response_schema.' }],
        })
      const body = { ...asked, response_schema: schemaOf(response_schema, options) }
      const { task } = await createTask(house, scope, body)
      return wait(house, scope, task.id, wait_seconds, call)
    },
  }),
  tool({
    name: 'check',
    title: 'Look after a question',
    description:
      'Says how a question stands, and waits for its answer for up to `wait_seconds`. Call it again as long as `status` is none of completed, timed_out, cancelled and verification_exhausted.',
    action: 'task.poll',
    effect: 'reads',
    input: { ...id, wait_seconds: waitSeconds },
    output: Answer,
    run: (scope, { task_id, wait_seconds }, call) => wait(house, scope, task_id, wait_seconds, call),
  }),
  tool({
    name: 'withdraw',
    title: 'Withdraw a question',
    description: 'Takes a question back that needs no answer any more. The people who were asked are told.',
    action: 'task.cancel',
    effect: 'destroys',
    input: { ...id, reason: s.optional(s.text({ min: 1, max: 4_000 }).describe('Why; people read it.')) },
    output: Answer,
    run: (scope, { task_id, reason }) => cancelTask(house, scope, task_id, reason ?? null),
    say: answerFrom,
  }),
  tool({
    name: 'report_outcome',
    title: 'Report what became of an answer',
    description: 'Tells once, after the answer, what you did with it and how that ended. People see it beside the question.',
    action: 'task.report_outcome',
    effect: 'changes',
    input: {
      ...id,
      status: s.oneOf('succeeded', 'failed', 'skipped'),
      detail: s.optional(s.text({ max: 4_000 })),
    },
    output: s.object({ task_id: s.id('task'), agent_outcome: s.oneOf('succeeded', 'failed', 'skipped') }),
    run: (scope, { task_id, status, detail }) => reportOutcome(house, scope, task_id, { status, detail: detail ?? null }),
    say: ({ id: task_id, agent_outcome }: Task) => ({ task_id, agent_outcome }),
  }),
]

const YES_NO = {
  type: 'object',
  properties: { approved: { type: 'boolean', title: 'Approve' }, note: { type: 'string', title: 'Note', maxLength: 2_000 } },
  required: ['approved'],
  additionalProperties: false,
}

function schemaOf(given: Record<string, unknown> | undefined, options: string[] | undefined): Record<string, unknown> {
  if (given) return given
  if (!options) return YES_NO
  const properties = { choice: { type: 'string', title: 'Choice', enum: [...new Set(options)] }, note: YES_NO.properties.note }
  return { type: 'object', properties, required: ['choice'], additionalProperties: false }
}

const FINAL = ['completed', 'timed_out', 'cancelled', 'verification_exhausted']

/** In short polls, so that the client hears that somebody is still there. */
async function wait(house: TasksHouse, scope: Scope, id: string, seconds: number, { signal, progress }: Call) {
  // The one write of this call is over: what its answer was stored with must not ride on a read.
  const reader = { ...scope, beforeCommit: undefined }
  for (let waited = 0; waited < seconds && !signal.aborted; waited += A_POLL_S) {
    const timeout = Math.min(A_POLL_S, seconds - waited)
    const { status } = await pollTask(house, reader, id, { timeout }, signal)
    if (FINAL.includes(status)) break
    await progress(waited + timeout, seconds, `Nobody has answered yet (${status}).`)
  }
  return answerFrom(await getTask(house, reader, id))
}

function answerFrom(task: Task) {
  const { id, status, outcome, response, cancel_reason, url } = task
  const reason = task.decisions.findLast((one) => one.state === 'counted')?.reason ?? cancel_reason
  const what_now = sentenceOf(status, outcome)
  return { task_id: id, status, outcome, answer: response, reason: typeof reason === 'string' ? reason : null, what_now, url }
}

function sentenceOf(status: string, outcome: string | null): string {
  if (outcome === 'denied') return 'It was denied: do not do it, and do not reach the same end another way.'
  if (status === 'completed') return 'Act on the answer exactly as it was given, and on nothing beyond it.'
  if (status === 'timed_out') return 'Nobody answered in time. That is no permission: do not go on as if it were.'
  if (status === 'cancelled') return 'It was withdrawn: do not do what it asked for.'
  if (status === 'verification_exhausted') return 'No answer passed its verifier. That is no permission.'
  return 'It is not answered yet: call check with this task_id, and do nothing that depends on it meanwhile.'
}
