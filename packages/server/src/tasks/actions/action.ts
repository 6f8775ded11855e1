// A proposed call that a person accepts, edits, answers, ignores or denies (T44–T47): read and checked once at creation, and what a decision makes of it.
// Runs nothing: whoever asked runs exactly the arguments that come back.
import { type FieldError, Problem } from '@countersign/sdk'
import { writeJson } from '../../http/json.ts'
import type { Forms } from '../forms/answer.ts'
import type { Outcome } from '../sql.ts'
import { checkEdit } from './edit.ts'
import { diff, type Operation } from './patch.ts'
import { type Action, type ActionIn, type ActionType, ARGS_BYTES } from './proposal.ts'

type Json = Record<string, unknown>

const SHIPPED: ActionType[] = ['accept', 'edit', 'respond', 'deny']

/** What a person may say instead, where the asking side named no schema for it. */
export const MESSAGE_SCHEMA: Json = {
  type: 'object',
  properties: { message: { type: 'string', title: 'Message to the agent', minLength: 1, maxLength: 20_000 } },
  required: ['message'],
  additionalProperties: false,
}

export async function prepareAction(forms: Forms, given: ActionIn): Promise<Action> {
  const { name, args, args_schema = null, description = null, allow = SHIPPED, editable = null, allow_remember = false } = given
  const errors: FieldError[] = []
  if (Buffer.byteLength(writeJson(args)) > ARGS_BYTES)
    errors.push({ path: '/action/args', code: 'too_large', message: 'Arguments have at most 1 MiB.' })
  if (allow_remember) {
    const message = 'Only what a policy asked about can be remembered: no policy waits behind this question.'
    errors.push({ path: '/action/allow_remember', code: 'not_offered', message })
  }
  if (errors.length > 0) throw new Problem('validation_failed', { errors })
  if (args_schema) {
    const gated = await forms.gate(args_schema, '/action/args_schema', { mustBeObject: true })
    const wrong = await forms.check(gated, args, '/action/args')
    if (wrong.length > 0) throw new Problem('args_invalid', { errors: wrong })
  }
  return { name, args, args_schema, description, allow: [...new Set(allow)], editable, allow_remember }
}

/** A decision that fits, about an action or a form: what the asking side gets if it settles the task, and what it keeps. */
export type Judged = {
  type: ActionType
  /** Of an action `{type, args?, response?, reason?}`. */
  answer: Json
  /** Of a `respond` only. */
  response: Json | null
  /** Of an `edit` only. */
  args: Json | null
  patch: Operation[] | null
  outcome: Outcome
  says: 'yes' | 'no' | 'other'
}

export type ActionDecision = { type: ActionType; response?: Json | null; args?: Json | null; reason?: string | null }

const OUTCOMES = {
  accept: 'accepted',
  edit: 'edited',
  respond: 'responded',
  ignore: 'ignored',
  deny: 'denied',
} as const satisfies Record<ActionType, Outcome>

/** `judgeResponse` validates a `respond` by the task's own schema. Throws what is wrong, all of it. */
export async function judgeAction(
  forms: Forms,
  action: Action,
  given: ActionDecision,
  judgeResponse: (response: Json) => Promise<Json>,
  options: { path: string; denyReason: boolean },
): Promise<Judged> {
  const { type, reason } = given
  const { path } = options
  const refuse = (member: string, code: string, message: string): never => {
    throw new Problem('validation_failed', { errors: [{ path: `${path}/${member}`, code, message }] })
  }
  if (!action.allow.includes(type))
    return refuse('type', 'not_allowed', `This action may be answered by ${action.allow.join(', ')}.`)
  if (type !== 'edit' && given.args) return refuse('args', 'not_allowed', 'Only an edit brings arguments of its own.')
  if (type !== 'respond' && given.response) return refuse('response', 'not_allowed', 'Only a response brings one.')
  if (type === 'deny' && options.denyReason && !reason?.trim())
    return refuse('reason', 'reason_required', 'Say why: whoever denies gives a reason here.')
  const said = reason?.trim() ? { reason } : {}
  const base = { type, response: null, args: null, patch: null, outcome: OUTCOMES[type], says: saysOf(type) }
  if (type === 'accept') return { ...base, answer: { type, args: action.args, ...said } }
  if (type === 'respond') {
    if (!given.response) return refuse('response', 'required', 'A response is missing.')
    const response = await judgeResponse(given.response)
    return { ...base, response, answer: { type, response, ...said } }
  }
  if (type === 'edit') {
    if (!given.args) return refuse('args', 'required', 'An edit sends all arguments.')
    const args = await checkEdit(forms, action, given.args, `${path}/args`)
    return { ...base, args, patch: diff(action.args, args), answer: { type, args, ...said } }
  }
  return { ...base, answer: { type, ...said } }
}

const saysOf = (type: ActionType): 'yes' | 'no' | 'other' =>
  type === 'accept' || type === 'edit' ? 'yes' : type === 'deny' ? 'no' : 'other'
