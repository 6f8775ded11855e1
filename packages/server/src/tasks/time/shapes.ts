// What a task may say about its time (T32, T36, T37): form only; whom an escalation names is read by the rules of `assign_to`.
import { type FieldError, Problem } from '@countersign/sdk'
import { s } from '../../http/route.ts'
import { readAssignment } from '../assignment.ts'
import { readNotify } from '../notices/grammar.ts'
import type { OnTimeout } from '../verdict.ts'
import type { EscalationStep, TimeoutEscalation } from './moments.ts'

const seconds = () => s.int({ min: 1, max: 31_536_000 })
const Notify = s.array(s.line({ max: 400 }), { max: 20 })

export const Reminder = s.either(
  s.object({ after: seconds() }),
  s.object({ before: seconds() }),
  s.object({ at_percent: s.int({ min: 1, max: 99 }) }),
)
export const Reminders = s
  .array(Reminder, { max: 10 })
  .describe('When the asked people are told again. Left out: at half and nine tenths of the time, when that is an hour or more.')

export const Escalation = s
  .array(
    s.object({
      after_seconds: seconds(),
      assign_to: s.json(),
      mode: s.withDefault(s.oneOf('add', 'replace'), 'add'),
      notify: s.optional(Notify),
      raise_priority: s.optional(s.boolean()),
    }),
    { max: 5 },
  )
  .describe('Before the deadline: whom to ask as well, or instead, when nobody has answered.')

const last = () => [s.oneOf('time_out', 'deny'), s.object({ default: s.jsonObject() })] as const
type Schema = Parameters<typeof s.array>[0]
const escalate = (then: Schema) =>
  s.object({
    escalate: s.object({
      assign_to: s.json(),
      notify: s.optional(Notify),
      extra_seconds: s.int({ min: 5, max: 31_536_000 }),
      then,
    }),
  })
// Five deep at most, and the innermost is an end: the shape itself says so.
const nested = (depth: number): Schema => (depth === 0 ? s.either(...last()) : s.either(...last(), escalate(nested(depth - 1))))
export const OnTimeoutBody = nested(5).describe(
  'What the deadline does: `"time_out"`, `"deny"`, `{"default": response}`, or `{"escalate": {assign_to, extra_seconds, then}}`, up to five times.',
)

export type GivenOnTimeout = OnTimeout | { escalate: TimeoutEscalation & { then: GivenOnTimeout } }

/** Taken apart: whom to hand it on to, one after another, and what happens in the end. Throws `assign_to_invalid`. */
export function readOnTimeout(given: GivenOnTimeout): { chain: TimeoutEscalation[]; last: OnTimeout } {
  const chain: TimeoutEscalation[] = []
  let path = '/on_timeout'
  let one = given
  while (typeof one === 'object' && 'escalate' in one) {
    path += '/escalate'
    const { assign_to, notify, extra_seconds, then } = one.escalate
    readAssignment(assign_to, `${path}/assign_to`)
    if (notify) readNotify(notify, `${path}/notify`)
    chain.push({ assign_to, ...(notify ? { notify } : {}), extra_seconds })
    one = then
    path += '/then'
  }
  return { chain, last: one }
}

/** In the order of their time. Two at the same moment would be one. */
export function readEscalation(given: readonly EscalationStep[], lastsSeconds: number | null): EscalationStep[] {
  const errors: FieldError[] = []
  const seen = new Set<number>()
  for (const [i, step] of given.entries()) {
    const path = `/escalation/${i}`
    readAssignment(step.assign_to, `${path}/assign_to`)
    if (step.notify) readNotify(step.notify, `${path}/notify`)
    const say = (code: string, message: string) => errors.push({ path: `${path}/after_seconds`, code, message })
    if (seen.has(step.after_seconds)) say('twice', 'Two steps of an escalation have the same time.')
    if (lastsSeconds !== null && step.after_seconds >= lastsSeconds)
      say('after_deadline', 'This is not before the deadline: say in on_timeout what happens then.')
    seen.add(step.after_seconds)
  }
  if (errors.length > 0) throw new Problem('validation_failed', { errors })
  return given.toSorted((a, b) => a.after_seconds - b.after_seconds)
}
