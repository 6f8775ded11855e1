// What may be read where (tasks.md §9.3, T153): one table, and one function that every surface goes through before anything of a task leaves the house.
// Opens no envelope, reads no row, and never makes more visible than the task's own redaction allows. Titles, states, names and times are never content.
import type { FieldError } from '@countersign/sdk'
import { Digits, writeJson } from '../http/json.ts'
import type { Task } from './wire.ts'

export type Level = 'none' | 'notify' | 'strict'
/** A level, and parts that are masked at any level: pointers into payload, response and action. */
export type Redaction = { level: Level; payload: string[]; response: string[]; action: string[] }
/** As it is stored: the level, and the pointers where there are any. */
export type StoredRedaction = { redact: Level; redact_pointers: Omit<Redaction, 'level'> | null }

/**
 * Where something will be read. `reader`: a person at the one task; `revealed`: the same after they asked for what is hidden; `agent`: the asking side, its
 * callback address too; `list`: lists, searches, exports; `notice`: mail, Slack, push, the webhook channel; `embed`; `verifier`: a model; `endpoint`: what
 * deliveries carry; `nobody`: whoever may not see content.
 */
export type Surface = 'reader' | 'revealed' | 'agent' | 'list' | 'notice' | 'embed' | 'verifier' | 'endpoint' | 'nobody'

export const REDACTED = { _redacted: true }
const TRUNCATED = { _truncated: true }
const LARGEST_IN_LIST = 8_192
/** All that a notice about a strict task says. */
export const STRICT_TITLE = 'A task waits'

/** What is asked, and what was answered. */
type Side = 'request' | 'answer'
type Hidden = 'none' | 'request' | 'all'
type Row = Record<Level, Hidden> & { pointers: boolean }

const TABLE: Record<Surface, Row> = {
  reader: { none: 'none', notify: 'none', strict: 'all', pointers: true },
  revealed: { none: 'none', notify: 'none', strict: 'none', pointers: false },
  agent: { none: 'none', notify: 'none', strict: 'request', pointers: false },
  list: { none: 'none', notify: 'all', strict: 'all', pointers: true },
  notice: { none: 'none', notify: 'all', strict: 'all', pointers: true },
  embed: { none: 'none', notify: 'request', strict: 'all', pointers: true },
  verifier: { none: 'none', notify: 'all', strict: 'all', pointers: true },
  endpoint: { none: 'none', notify: 'all', strict: 'all', pointers: true },
  nobody: { none: 'all', notify: 'all', strict: 'all', pointers: true },
}

/** Members that say what a person answered; every other content says what was asked. */
const ANSWERS = new Set([
  'response',
  'cancel_reason',
  'verifier_result',
  'agent_outcome_detail',
  'reason',
  'comment',
  'args',
  'raw_text',
  'detail',
  'body',
  'agent_outcome_detail',
])
const sideOf = (name: string): Side => (ANSWERS.has(name) ? 'answer' : 'request')

const isHidden = (redaction: Redaction, surface: Surface, side: Side): boolean => {
  const hidden = TABLE[surface][redaction.level]
  return hidden === 'all' || (hidden === 'request' && side === 'request')
}

const redactionOf = ({ redact, redact_pointers }: StoredRedaction): Redaction => ({
  level: redact,
  ...{ payload: [], response: [], action: [], ...redact_pointers },
})

/** As it is spoken: a word, or the full form where there are pointers. */
export const spokenRedaction = ({ redact, redact_pointers }: StoredRedaction): Level | Redaction =>
  redact_pointers === null ? redact : redactionOf({ redact, redact_pointers })

/** Whether this surface hides any of a task's content: then digests over the whole of it are not to be spelled out there. */
export const hidesAny = (stored: StoredRedaction, surface: Surface): boolean =>
  TABLE[surface][stored.redact] !== 'none' || (TABLE[surface].pointers && stored.redact_pointers !== null)

/** An embedded page of a strict task and a model over content that was not to be sent are refused before anything is made of them. */
export const isRefusedOn = (surface: 'embed' | 'verifier', stored: StoredRedaction): boolean =>
  surface === 'embed' ? stored.redact === 'strict' : stored.redact !== 'none'

/** Content by its member names, as `surface` may read it; `decision`: the members are those of a person's decision. */
export function mask<T extends Record<string, unknown>>(
  members: T,
  stored: StoredRedaction,
  surface: Surface,
  of: 'task' | 'decision' = 'task',
): T {
  const redaction = redactionOf(stored)
  const shown = (name: string, value: unknown) => {
    if (value === null || value === undefined) return value
    if (isHidden(redaction, surface, of === 'decision' ? 'answer' : sideOf(name))) return REDACTED
    const visible = TABLE[surface].pointers ? withoutParts(name, value, redaction, of) : value
    return surface === 'list' && Buffer.byteLength(writeJson(visible)) > LARGEST_IN_LIST ? TRUNCATED : visible
  }
  return Object.fromEntries(Object.entries(members).map(([name, value]) => [name, shown(name, value)])) as T
}

/** A whole task as this surface may show it. Doing it twice changes nothing. */
export function showOn(surface: Surface, task: Task): Task {
  const stored = storedOf(task)
  const content = contentOf(task)
  const masked = {
    ...task,
    ...mask(content, stored, surface),
    on_timeout: fallbackOn(task.on_timeout, stored, surface),
    decisions: task.decisions.map((one) => ({ ...one, ...mask(decisionContent(one), stored, surface, 'decision') })),
  }
  return surface === 'notice' || surface === 'endpoint' ? titleOnly(masked, stored.redact) : masked
}

const CONTENT = [
  'description',
  'payload',
  'initial_response',
  'action',
  'items',
  'response',
  'cancel_reason',
  'verifier_result',
  'agent_outcome_detail',
]
const OF_DECISIONS = ['response', 'args', 'items', 'patch', 'reason', 'comment', 'raw_text']
const pick = (from: object, names: readonly string[]): Record<string, unknown> => {
  const members = from as Record<string, unknown>
  const picked: Record<string, unknown> = {}
  for (const name of names) if (Object.hasOwn(members, name)) picked[name] = members[name]
  return picked
}
const contentOf = (task: object) => pick(task, CONTENT)
const decisionContent = (decision: object) => pick(decision, OF_DECISIONS)

const storedOf = ({ redact }: { redact: Level | Redaction }): StoredRedaction => {
  if (typeof redact === 'string') return { redact, redact_pointers: null }
  const { level, ...redact_pointers } = redact
  return { redact: level, redact_pointers }
}

/** The answer of a deadline is what the asking side wrote, in the form of a response. */
function fallbackOn<T>(on_timeout: T, stored: StoredRedaction, surface: Surface): T {
  if (typeof on_timeout !== 'object' || on_timeout === null) return on_timeout
  if ('escalate' in on_timeout) {
    const escalate = on_timeout.escalate as { then: unknown }
    // biome-ignore lint/suspicious/noThenProperty: it is called so on the wire
    return { ...on_timeout, escalate: { ...escalate, then: fallbackOn(escalate.then, stored, surface) } }
  }
  if (!('default' in on_timeout)) return on_timeout
  const { initial_response } = mask({ initial_response: on_timeout.default }, stored, surface)
  return { ...on_timeout, default: initial_response }
}

/** At `notify` a notice has the title; at `strict` not even that, nor anything from which it could be guessed. */
function titleOnly(task: Task, level: Level): Task {
  if (level === 'none') return task
  const bare = { ...task, tags: [], metadata: {} }
  if (level === 'notify') return bare
  return {
    ...bare,
    task: STRICT_TITLE,
    agent_name: null,
    on_behalf_of: null,
    idempotency_key: null,
    verdict: null,
    payload_schema: null,
    response_schema: {},
    form: null,
    form_definition: null,
  }
}

/** Pointers of an action hold for what was decided about it too, and those of a response for whatever prefills one. */
function withoutParts(name: string, value: unknown, redaction: Redaction, of: 'task' | 'decision'): unknown {
  const { payload, response, action } = redaction
  const args = action.flatMap((pointer) => (pointer.startsWith('/args/') || pointer === '/args' ? [pointer.slice(5)] : []))
  const inItems = (parts: { payload: string[]; action: string[] }) =>
    Array.isArray(value)
      ? value.map((item) => within(within(item, under('/payload', parts.payload)), under('/action', parts.action)))
      : value
  if (name === 'payload') return within(value, payload)
  if (name === 'action') return within(value, action)
  if (name === 'args') return within(value, args)
  if (name === 'patch') return patchWithout(value, args)
  if (name === 'items' && of === 'task') return inItems({ payload, action })
  if (name === 'items') return eachWithin(value, [...under('/args', args), ...under('/response', response)])
  if (name === 'response' || name === 'initial_response') return answerWithout(value, response, args)
  return value
}

/** The answer to an action is `{type, args?, response?}`, to a batch `{items: {id: …}}`. */
function answerWithout(value: unknown, response: string[], args: string[]): unknown {
  const plain = within(value, [...response, ...under('/args', args)])
  if (!isObject(plain) || !isObject(plain.items)) return plain
  return { ...plain, items: eachWithin(plain.items, [...under('/args', args), ...under('/response', response)]) }
}

const under = (prefix: string, pointers: readonly string[]): string[] => pointers.map((pointer) => `${prefix}${pointer}`)
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Digits)
const eachWithin = (value: unknown, pointers: readonly string[]): unknown =>
  isObject(value) ? Object.fromEntries(Object.entries(value).map(([id, one]) => [id, within(one, pointers)])) : value

/** An operation of a JSON Patch on a hidden place, above or below it, shows no value. */
const patchWithout = (value: unknown, pointers: readonly string[]): unknown =>
  Array.isArray(value)
    ? value.map((one) =>
        isObject(one) && typeof one.path === 'string' && pointers.some((pointer) => overlap(pointer, one.path as string))
          ? { ...one, value: REDACTED }
          : one,
      )
    : value
const overlap = (a: string, b: string): boolean => a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`)

/** The value with each of these places hidden; what is not there stays not there. */
export function within(value: unknown, pointers: readonly string[]): unknown {
  return pointers.reduce((now, pointer) => hide(now, tokensOf(pointer)), value)
}

const tokensOf = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))

function hide(value: unknown, [first, ...rest]: string[]): unknown {
  if (first === undefined) return value === undefined || value === null ? value : REDACTED
  if (Array.isArray(value)) return value.map((one, i) => (String(i) === first ? hide(one, rest) : one))
  if (!isObject(value) || !Object.hasOwn(value, first)) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, name === first ? hide(one, rest) : one]))
}

/** What a create sends: a level, or pointers with or without one. */
export type RedactInput = Level | { level?: Level; payload?: string[]; response?: string[]; action?: string[] }

/** `redact_payload` is its boolean reading, for those who know no other. */
export function readRedaction(
  given: RedactInput | undefined,
  redactPayload: boolean | null | undefined,
): { stored: StoredRedaction; errors: FieldError[] } {
  const full = typeof given === 'string' ? { level: given } : (given ?? {})
  const fallback = given === undefined && redactPayload ? 'notify' : 'none'
  const { level = fallback, payload = [], response = [], action = [] } = full
  const some = payload.length + response.length + action.length > 0
  const errors: FieldError[] = []
  if (given !== undefined && redactPayload !== undefined && redactPayload !== null && redactPayload !== (level !== 'none'))
    errors.push({ path: '/redact_payload', code: 'contradiction', message: 'redact_payload says otherwise than redact.' })
  return { stored: { redact: level, redact_pointers: some ? { payload, response, action } : null }, errors }
}
