// From what was sent to a task that can be written: every check that needs no row (T5–T8, T32–T34, T73–T76), before any transaction. Writes nothing.
import { type FieldError, Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import { writeJson } from '../http/json.ts'
import { MESSAGE_SCHEMA, prepareAction } from './actions/action.ts'
import type { Action, ActionIn } from './actions/proposal.ts'
import { type Assignment, readAssignment } from './assignment.ts'
import type { Gated } from './forms/schema.ts'
import { withStoredForm } from './forms/stored/stored.ts'
import type { TasksHouse } from './house.ts'
import type { Assurance } from './may-decide.ts'
import { assignmentOf, type Entry, readNotify, spokenEntry } from './notices/grammar.ts'
import { prepareQuorum } from './quorum/prepare.ts'
import type { QuorumIn, Wanted } from './quorum/quorum.ts'
import { isRefusedOn, type RedactInput, readRedaction, type StoredRedaction } from './redaction.ts'
import type { Verdict } from './sql.ts'
import { type PreparedTime, prepareTime, type TimeInput } from './time/prepare.ts'
import { inferVerdict, prepareTimeout, type Timeout } from './verdict.ts'
import { type PreparedVerifiers, prepareVerifiers } from './verifiers/prepare.ts'
import type { Dialect } from './wire.ts'

type Json = Record<string, unknown>

/** What both dialects send, once parsed. */
export type CreateInput = TimeInput & {
  task: string
  description?: string | null
  payload?: Json | null
  payload_schema?: Json | null
  response_schema?: Json | null
  action?: ActionIn | null
  quorum?: QuorumIn | null
  assurance?: Assurance
  form?: string | null
  form_definition?: Json | null
  initial_response?: Json | null
  verdict?: Verdict | null
  idempotency_key?: string | null
  key_reuse?: 'forever' | 'until_collected'
  deadline_at?: Date
  assign_to?: unknown
  priority?: 'low' | 'normal' | 'high' | 'urgent'
  tags?: string[]
  metadata?: Json | null
  risk?: 'low' | 'normal' | 'high' | 'critical'
  redact?: RedactInput
  notify?: string[] | null
  require_assignee?: boolean
  answer_by_reply?: boolean
  delegable?: boolean
  redact_payload?: boolean | null
  callback_url?: string | null
  callback_mode?: 'standard' | 'awaithumans'
  on_behalf_of?: string | null
  verifier_config?: unknown
}

export type Prepared = Required<Pick<CreateInput, 'task' | 'key_reuse' | 'priority' | 'tags' | 'risk' | 'callback_mode'>> & {
  scope: Scope
  dialect: Dialect
  description: string | null
  payload: Json | null
  payload_schema: Json | null
  response_schema: Json
  action: Action | null
  quorum: Wanted | null
  assurance: Assurance
  form: string | null
  form_definition: Json | null
  initial_response: unknown
  verdict: Verdict | null
  idempotency_key: string | null
  timeout_seconds: number | null
  deadline_at: Date | null
  timeout: Timeout
  time: PreparedTime
  assignment: Assignment
  /** Names under which those may answer who are told, where nobody is named (T101). */
  reached: string[]
  notify: Entry[] | null
  require_assignee: boolean
  answer_by_reply: boolean
  delegable: boolean
  redact: StoredRedaction['redact']
  redact_pointers: StoredRedaction['redact_pointers']
  metadata: Json
  callback_url: string | null
  on_behalf_of: string | null
  verification: PreparedVerifiers
  asker: string
  /** An act of a room that waits for people; policy has judged it. `separate`: nobody of the asking side decides it, whatever the tenant's rules say. */
  act: { origin: 'queue' | 'proxy' | 'relay' | 'vault'; ref: string; separate?: true } | null
  /** Roughly what the row will weigh. */
  bytes: number
}

export const PAYLOAD_BYTES = 5 * 1024 * 1024
export const RESPONSE_BYTES = 1024 * 1024
const METADATA_BYTES = 16_384

/** Whose idempotency keys are meant (T22): the agent, else the user, else the key of nobody in particular. */
export const askerOf = (scope: Scope): string => scope.agentId ?? scope.userId ?? scope.principal

export async function prepareTask(house: TasksHouse, scope: Scope, given: CreateInput, dialect: Dialect): Promise<Prepared> {
  const input = await withStoredForm(house, scope, given)
  const errors = [...timeErrors(input), ...sizeErrors(input), ...readRedaction(input.redact, input.redact_payload).errors]
  if (errors.length > 0) throw new Problem('validation_failed', { errors })
  const { assignment, reached, entries } = askedOf(input, dialect)
  const redaction = readRedaction(input.redact, input.redact_payload)
  const response_schema = responseSchemaOf(input)
  const schema = await house.forms.gateAsked(response_schema, input.form_definition, dialect)
  await checkPayload(house, input)
  const risk = input.risk ?? 'normal'
  const action = input.action ? await prepareAction(house.forms, input.action) : null
  const verdict = action ? null : (input.verdict ?? inferVerdict(response_schema))
  const quorum = await prepareQuorum(house.forms, input.quorum, { schema, risk, hasAction: action !== null })
  const { time, last } = prepareTime(input)
  const timeout = await prepareTimeout(house.forms, last, { schema, verdict, risk, action })
  return {
    scope,
    dialect,
    task: input.task,
    description: input.description ?? null,
    payload: input.payload ?? null,
    payload_schema: input.payload_schema ?? null,
    response_schema,
    action,
    quorum,
    assurance: assuranceAsked(input.assurance),
    form: input.form ?? null,
    form_definition: input.form_definition ?? null,
    initial_response: await checkInitial(house, input, schema, dialect),
    verdict,
    idempotency_key: input.idempotency_key ?? null,
    key_reuse: input.key_reuse ?? 'forever',
    timeout_seconds: input.timeout_seconds ?? null,
    deadline_at: input.deadline_at ?? null,
    timeout,
    time,
    assignment,
    priority: input.priority ?? 'normal',
    tags: [...new Set(input.tags ?? [])],
    metadata: input.metadata ?? {},
    risk,
    ...redaction.stored,
    reached,
    notify: entries,
    require_assignee: input.require_assignee ?? false,
    answer_by_reply: input.answer_by_reply ?? false,
    delegable: input.delegable ?? true,
    callback_url: input.callback_url ? await house.checkUrl(input.callback_url, '/callback_url', scope.tenantId) : null,
    callback_mode: input.callback_mode ?? (dialect === 'compatible' ? 'awaithumans' : 'standard'),
    on_behalf_of: input.on_behalf_of ?? null,
    verification: await prepareVerifiers(house, scope, input.verifier_config, {
      redacted: isRefusedOn('verifier', redaction.stored),
      dialect,
    }),
    asker: askerOf(scope),
    act: null,
    bytes: weightOf(input),
  }
}

const weightOf = ({ payload, description, response_schema, action }: CreateInput): number =>
  [payload ?? null, response_schema ?? null, action ?? null].reduce((sum: number, part) => sum + writeJson(part).length, 0) +
  (description?.length ?? 0)

/** What a person is asked for in words: the asking side's own, or beside an action a message. */
function responseSchemaOf({ response_schema, action }: CreateInput): Json {
  if (response_schema !== undefined && (response_schema !== null || !action)) return response_schema as Json
  if (action) return MESSAGE_SCHEMA
  const errors = [{ path: '/response_schema', code: 'required', message: 'Say what the answer looks like.' }]
  throw new Problem('validation_failed', { errors })
}

/** What nobody can prove yet is not promised (ADR 0012). */
function assuranceAsked(asked: Assurance | undefined): Assurance {
  if (asked !== 'passkey') return asked ?? 'link'
  const message = 'There are no passkeys here yet; step_up is the strongest proof.'
  throw new Problem('validation_failed', { errors: [{ path: '/assurance', code: 'not_available', message }] })
}

/** Who is named; where nobody is, those who are told (T101). */
function askedOf(input: CreateInput, dialect: Dialect): { assignment: Assignment; reached: string[]; entries: Entry[] | null } {
  const assignment = readAssignment(input.assign_to, '/assign_to', { compatible: dialect === 'compatible' })
  const entries = input.notify ? readNotify(input.notify) : null
  if (entries === null || assignment.form !== null) return { assignment, reached: [], entries }
  return { ...assignmentOf(entries), entries }
}

/** As a task keeps it. */
export const spokenNotify = (entries: readonly Entry[] | null): string[] | null => entries?.map(spokenEntry) ?? null

function timeErrors({ timeout_seconds, deadline_at }: CreateInput): FieldError[] {
  const errors: FieldError[] = []
  if ((timeout_seconds === undefined) === (deadline_at === undefined))
    errors.push({
      path: '/timeout_seconds',
      code: 'exactly_one',
      message: 'Send exactly one of timeout_seconds and deadline_at.',
    })
  return errors
}

function sizeErrors({ payload, metadata }: CreateInput): FieldError[] {
  const errors: FieldError[] = []
  if (payload && Buffer.byteLength(writeJson(payload)) > PAYLOAD_BYTES)
    errors.push({ path: '/payload', code: 'too_large', message: 'A payload has at most 5 MiB.' })
  return metadata ? [...errors, ...metadataErrors(metadata)] : errors
}

export function metadataErrors(metadata: Json): FieldError[] {
  const names = Object.keys(metadata)
  const nested = names.filter((name) => typeof metadata[name] === 'object' && metadata[name] !== null)
  const errors: FieldError[] = nested.map((name) => ({
    path: `/metadata/${name}`,
    code: 'type',
    message: 'Metadata is flat: texts, numbers, true, false, null.',
  }))
  if (names.length > 50) errors.push({ path: '/metadata', code: 'too_large', message: 'Metadata has at most 50 members.' })
  if (Buffer.byteLength(writeJson(metadata)) > METADATA_BYTES)
    errors.push({ path: '/metadata', code: 'too_large', message: 'Metadata has at most 16 KiB.' })
  return errors
}

async function checkPayload(house: TasksHouse, { payload, payload_schema }: CreateInput): Promise<void> {
  if (!payload_schema) return
  const gated = await house.forms.gate(payload_schema, '/payload_schema', { mustBeObject: false })
  const errors = payload ? await house.forms.check(gated, payload, '/payload') : []
  if (errors.length > 0) throw new Problem('payload_invalid', { errors })
}

/** Field by field (T76): what is missing is what the human is asked for. The compatible surface leaves out what does not fit. */
async function checkInitial(house: TasksHouse, input: CreateInput, schema: Gated, dialect: Dialect): Promise<unknown> {
  if (!input.initial_response) return null
  const path = '/initial_response'
  const { value, errors: wrong } = await house.forms.judge(schema, input.initial_response, path, { partial: true })
  if (wrong.length === 0) return value
  if (dialect === 'native') throw new Problem('response_invalid', { errors: wrong })
  const left = new Set(wrong.map((error) => error.path.slice(path.length + 1).split('/')[0]))
  return left.has('') || left.has(undefined)
    ? null
    : Object.fromEntries(
        Object.entries(value as Json).filter(([name]) => !left.has(name.replace(/~/g, '~0').replace(/\//g, '~1'))),
      )
}

/** From now, by the database's clock: 5 s to 365 days, or what the compatible clients may ask for. */
export function deadlineOf(prepared: Prepared, now: Date): Date {
  if (prepared.timeout_seconds !== null) return new Date(now.getTime() + prepared.timeout_seconds * 1000)
  const deadline = prepared.deadline_at as Date
  const seconds = (deadline.getTime() - now.getTime()) / 1000
  if (seconds < 5 || seconds > 31_536_000) {
    const message = 'A deadline lies 5 seconds to 365 days ahead.'
    throw new Problem('validation_failed', { errors: [{ path: '/deadline_at', code: 'out_of_range', message }] })
  }
  return deadline
}
