// A question in the memory of the test server: what it is before anything happened to it, and what counts as an answer to it.

import { type FieldError, Problem } from '../problem.ts'
import { checkJsonSchema } from '../schema/check.ts'
import type { CreateTask, DecideTask, JsonObject, JsonSchema, Task } from '../shapes.ts'
import type { Json } from '../wire.ts'

export const AGENT = { type: 'agent', id: 'agt_00000000000000000000000001', name: 'An agent' } as const
export const PERSON = {
  type: 'user',
  id: 'usr_00000000000000000000000001',
  email: 'person@example.com',
  name: 'A person',
} as const

type OnTimeout = NonNullable<CreateTask['on_timeout']>
type Verdict = { pointer: string; approve: Json[]; deny: Json[] } | null

/** A task as it is kept; `collected_at` and its kin are those of the wire. */
export type Question = Omit<Task, 'on_timeout' | 'verdict'> & {
  on_timeout: OnTimeout
  verdict: Verdict
  fingerprint: string
  stopDeadline: () => void
}

const BLANK = {
  version: 1,
  revision: 1,
  origin: 'agent',
  origin_ref: null,
  agent_id: AGENT.id,
  agent_name: AGENT.name,
  created_by: AGENT.id,
  on_behalf_of: null,
  idempotency_key: null,
  key_reuse: 'forever',
  replay_mismatch_at: null,
  description: null,
  payload: null,
  payload_schema: null,
  action: null,
  quorum: null,
  votes: 0,
  votes_needed: 1,
  escalation_level: 0,
  form_definition: null,
  initial_response: null,
  verdict: null,
  status: 'open',
  outcome: null,
  response: null,
  cancel_reason: null,
  timeout_seconds: null,
  on_timeout: 'time_out',
  assign_to: null,
  assigned_to_user_id: null,
  assigned_to_email: null,
  assigned_to_display_name: null,
  assigned_to_slack_user_id: null,
  priority: 'normal',
  tags: [],
  metadata: {},
  risk: 'normal',
  redact: 'none',
  redact_payload: false,
  verifier_config: null,
  verifier_result: null,
  verification: null,
  verification_attempt: 0,
  callback_url: null,
  callback_mode: 'standard',
  completed_by_user_id: null,
  completed_by_email: null,
  completed_by_display_name: null,
  completed_by_slack_user_id: null,
  completed_via_channel: null,
  verifying_at: null,
  returned_at: null,
  revising_at: null,
  completed_at: null,
  timed_out_at: null,
  cancelled_at: null,
  verification_exhausted_at: null,
  assigned_at: null,
  claimed_at: null,
  first_notified_at: null,
  first_viewed_at: null,
  collected_at: null,
  erased_at: null,
  decisions: [],
  may: [],
  may_not: {},
  needs_proof: null,
}

/** What a person may say about an action, where the asking side named no schema for it. */
const MESSAGE = { type: 'object', properties: { message: { type: 'string', minLength: 1 } }, required: ['message'] }

/** A new one, of what was sent; refuses a deadline that could not answer. */
export function blankQuestion(body: CreateTask, about: { id: string; url: string; now: Date; fingerprint: string }): Question {
  const created = about.now.toISOString()
  const question = {
    ...BLANK,
    ...body,
    response_schema: body.response_schema ?? MESSAGE,
    id: about.id,
    url: about.url,
    verdict: body.verdict ?? inferVerdict((body.response_schema ?? MESSAGE) as JsonSchema),
    deadline_at: body.deadline_at ?? new Date(about.now.getTime() + (body.timeout_seconds as number) * 1000).toISOString(),
    created_at: created,
    updated_at: created,
    opened_at: created,
    fingerprint: about.fingerprint,
    stopDeadline: () => undefined,
  } as unknown as Question // what was sent was checked, and BLANK has the rest
  checkDeadline(question)
  return question
}

/** As it travels. */
export function shown({ fingerprint: _fingerprint, stopDeadline: _stop, ...task }: Question): Task {
  return structuredClone(task) as Task // on_timeout and verdict are among the forms that the wire has
}

export function checkAnswer(question: Question, response: unknown, path = '/response'): JsonObject {
  const errors = checkJsonSchema(question.response_schema, response)
  if (errors.length > 0) throw new Problem('response_invalid', { errors: below(path, errors) })
  return response as JsonObject // an object, for the schema describes one
}

type Proposed = { args: Json; args_schema?: JsonSchema | null; allow?: string[] }

/** What was decided about an action, as the asking side gets it: `{type, args?, response?, reason?}`. */
export function checkVerdict(question: Question, { type, args, response, reason }: DecideTask): JsonObject {
  const action = question.action as unknown as Proposed
  const said: JsonObject = reason ? { reason } : {}
  const refuse = (path: string, code: string, message: string): never => {
    throw new Problem('validation_failed', { errors: [{ path, code, message }] })
  }
  if (!(action.allow ?? ['accept', 'edit', 'respond', 'deny']).includes(type))
    return refuse('/type', 'not_allowed', 'is not offered')
  if (type === 'accept') return { type, args: action.args, ...said }
  if (type === 'respond') return { type, response: checkAnswer(question, response), ...said }
  if (type !== 'edit') return { type, ...said }
  if (!args) return refuse('/args', 'required', 'is missing')
  const errors = action.args_schema ? checkJsonSchema(action.args_schema, args) : []
  if (errors.length > 0) throw new Problem('args_invalid', { errors: below('/args', errors) })
  return { type, args: args as JsonObject, ...said }
}

/** The answer that says no, where there is one that fits. */
export function denialOf(task: Pick<Task, 'verdict' | 'response_schema'> | Question): JsonObject | null {
  const { response_schema } = task
  const verdict = task.verdict as Verdict
  const name = verdict?.pointer.slice(1)
  const no = verdict?.deny[0]
  if (!name || name.includes('/') || no === undefined) return null
  const response = { [name]: no }
  return checkJsonSchema(response_schema, response).length === 0 ? response : null
}

const below = (path: string, errors: FieldError[]) => errors.map((error) => ({ ...error, path: `${path}${error.path}` }))

function checkDeadline(question: Question): void {
  const { on_timeout } = question
  if (on_timeout === 'deny' && !question.action && !denialOf(question)) {
    const errors = [{ path: '/on_timeout', code: 'verdict_missing', message: 'No answer that fits the schema says no.' }]
    throw new Problem('deny_response_required', { errors })
  }
  if (typeof on_timeout === 'object' && 'default' in on_timeout) checkAnswer(question, on_timeout.default, '/on_timeout/default')
}

/** Inferred when the schema has exactly one required switch. */
function inferVerdict(schema: JsonSchema): Verdict {
  const properties = (schema.properties ?? {}) as Record<string, { type?: unknown }>
  const switches = ((schema.required ?? []) as string[]).filter((name) => properties[name]?.type === 'boolean')
  return switches.length === 1 ? { pointer: `/${switches[0]}`, approve: [true], deny: [false] } : null
}
