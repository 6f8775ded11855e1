// Which part of an answer means yes or no, and what the deadline answers in its place (T33, T34). Pure: it validates through forms and writes nothing.
import { type FieldError, Problem } from '@countersign/sdk'
import { canonical } from '../crypto/canonical.ts'
import { judgeAction } from './actions/action.ts'
import { ACTION_TYPES, type Action } from './actions/proposal.ts'
import type { Forms } from './forms/answer.ts'
import type { Gated } from './forms/schema.ts'
import type { Verdict } from './sql.ts'

type Json = Record<string, unknown>

/** A form with exactly one required switch says yes or no by it; anything else has to name its verdict. */
export function inferVerdict(schema: Json): Verdict | null {
  const properties = (schema.properties ?? {}) as Record<string, Json | boolean>
  const required = Array.isArray(schema.required) ? (schema.required as string[]) : []
  const switches = required.filter((name) => {
    const node = properties[name]
    return typeof node === 'object' && node.type === 'boolean'
  })
  const [name] = switches
  if (switches.length !== 1 || name === undefined) return null
  return { pointer: `/${name.replace(/~/g, '~0').replace(/\//g, '~1')}`, approve: [true], deny: [false] }
}

/** Whether an answer says yes. Without a verdict none does. */
export const approves = (answer: unknown, verdict: Verdict | null): boolean =>
  verdict !== null && isOneOf(valueAt(answer, verdict.pointer), verdict.approve)

/** Whether an answer says no. */
export const denies = (answer: unknown, verdict: Verdict | null): boolean =>
  verdict !== null && isOneOf(valueAt(answer, verdict.pointer), verdict.deny)

const segments = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((one) => one.replace(/~1/g, '/').replace(/~0/g, '~'))

const valueAt = (answer: unknown, pointer: string): unknown =>
  segments(pointer).reduce<unknown>(
    (inner, name) => (typeof inner === 'object' && inner !== null ? (inner as Json)[name] : undefined),
    answer,
  )

const isOneOf = (value: unknown, values: unknown[]): boolean =>
  value !== undefined && values.some((one) => canonical(one) === canonical(value))

export type OnTimeout = 'time_out' | 'deny' | { default: Json }
export type Timeout = { on_timeout: 'time_out' | 'deny' | 'default'; response: unknown }

type Question = { schema: Gated; verdict: Verdict | null; risk: string; action: Action | null }

/** What the deadline will do, judged now, so that it cannot fail when nobody is there. */
export async function prepareTimeout(forms: Forms, given: OnTimeout, question: Question): Promise<Timeout> {
  if (given === 'time_out') return { on_timeout: 'time_out', response: null }
  if (question.action) return ofAction(forms, given, question.action, question)
  if (given === 'deny') return { on_timeout: 'deny', response: await denial(forms, question) }
  const { value, errors } = await forms.judge(question.schema, given.default, '/on_timeout/default')
  if (errors.length > 0) throw new Problem('response_invalid', { errors })
  refuseUnsafe(value, question)
  return { on_timeout: 'default', response: value }
}

/** The answer of a deadline to a proposed action is one of the decisions that it allows; a denial always is. */
async function ofAction(
  forms: Forms,
  given: Exclude<OnTimeout, 'time_out'>,
  action: Action,
  question: Question,
): Promise<Timeout> {
  if (given === 'deny') return { on_timeout: 'deny', response: { type: 'deny' } }
  const path = '/on_timeout/default'
  const { type, args, response, reason, ...others } = given.default
  const known = ACTION_TYPES.find((one) => one === type)
  const wrong = [...(known ? [] : ['type']), ...Object.keys(others)]
  if (!known || wrong.length > 0) {
    const errors = wrong.map((name) => ({
      path: `${path}/${name}`,
      code: name === 'type' ? 'not_offered' : 'unknown',
      message: 'A default for an action is {type, args?, response?, reason?}.',
    }))
    throw new Problem('response_invalid', { errors })
  }
  const judgeResponse = async (answer: Json): Promise<Json> => {
    const { value, errors } = await forms.judge(question.schema, answer, `${path}/response`)
    if (errors.length > 0) throw new Problem('response_invalid', { errors })
    return value as Json
  }
  const decision = { type: known, args: args as Json, response: response as Json, reason: reason as string }
  const judged = await judgeAction(forms, action, decision, judgeResponse, { path, denyReason: false })
  if (judged.says === 'yes' && (question.risk === 'high' || question.risk === 'critical')) {
    const message = `With risk ${question.risk} the deadline may not approve.`
    throw new Problem('unsafe_default', { errors: [{ path, code: 'unsafe_default', message }] })
  }
  return { on_timeout: 'default', response: judged.answer }
}

async function denial(forms: Forms, { schema, verdict }: Question): Promise<unknown> {
  const path = '/on_timeout'
  const refuse = (errors: FieldError[]): never => {
    throw new Problem('deny_response_required', { errors })
  }
  if (!verdict || verdict.deny.length === 0)
    return refuse([{ path, code: 'verdict_missing', message: 'Say by verdict which answer means no, or give {"default": …}.' }])
  const answer: Json = {}
  const names = segments(verdict.pointer)
  let inner = answer
  for (const name of names.slice(0, -1)) inner = inner[name] = {} as Json
  inner[names.at(-1) as string] = verdict.deny[0]
  const errors = await forms.check(schema, answer, path)
  return errors.length > 0 ? refuse(errors) : answer
}

/** Nobody's silence may approve something of high risk; where yes and no cannot be told apart, silence might (T34). */
function refuseUnsafe(answer: unknown, { verdict, risk }: Question): void {
  if (risk !== 'high' && risk !== 'critical') return
  if (verdict && isOneOf(valueAt(answer, verdict.pointer), verdict.deny)) return
  const message = verdict
    ? `With risk ${risk} the deadline may only deny.`
    : `With risk ${risk} a default needs a verdict that tells it from an approval.`
  throw new Problem('unsafe_default', { errors: [{ path: '/on_timeout/default', code: 'unsafe_default', message }] })
}
