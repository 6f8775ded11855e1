// From what was sent to a task that can be written: every check that needs no row (T5–T8, T32–T34, T73–T76), before any transaction. Writes nothing.
import { type FieldError, Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import { writeJson } from '../http/json.ts'
import { type Assignment, readAssignment } from './assignment.ts'
import type { Gated } from './forms/schema.ts'
import type { TasksHouse } from './house.ts'
import type { Verdict } from './sql.ts'
import { inferVerdict, type OnTimeout, prepareTimeout, type Timeout } from './verdict.ts'
import type { Dialect } from './wire.ts'

type Json = Record<string, unknown>

/** What both dialects send, once parsed. */
export type CreateInput = {
  task: string
  description?: string | null
  payload?: Json | null
  payload_schema?: Json | null
  response_schema: Json
  form_definition?: Json | null
  initial_response?: Json | null
  verdict?: Verdict | null
  idempotency_key?: string | null
  key_reuse?: 'forever' | 'until_collected'
  timeout_seconds?: number
  deadline_at?: Date
  on_timeout?: OnTimeout
  assign_to?: unknown
  priority?: 'low' | 'normal' | 'high' | 'urgent'
  tags?: string[]
  metadata?: Json | null
  risk?: 'low' | 'normal' | 'high'
  redact?: 'none' | 'notify'
  redact_payload?: boolean | null
  callback_url?: string | null
  callback_mode?: 'standard' | 'awaithumans'
  on_behalf_of?: string | null
}

export type Prepared = Required<
  Pick<CreateInput, 'task' | 'response_schema' | 'key_reuse' | 'priority' | 'tags' | 'risk' | 'redact' | 'callback_mode'>
> & {
  scope: Scope
  dialect: Dialect
  description: string | null
  payload: Json | null
  payload_schema: Json | null
  form_definition: Json | null
  initial_response: unknown
  verdict: Verdict | null
  idempotency_key: string | null
  timeout_seconds: number | null
  deadline_at: Date | null
  timeout: Timeout
  assignment: Assignment
  metadata: Json
  callback_url: string | null
  on_behalf_of: string | null
  asker: string
  /** An act of a room that waits for people; policy has judged it. */
  act: { origin: 'queue' | 'proxy' | 'relay' | 'vault'; ref: string } | null
  /** Roughly what the row will weigh. */
  bytes: number
}

export const PAYLOAD_BYTES = 5 * 1024 * 1024
export const RESPONSE_BYTES = 1024 * 1024
const METADATA_BYTES = 16_384

/** Whose idempotency keys are meant (T22): the agent, else the user, else the key of nobody in particular. */
export const askerOf = (scope: Scope): string => scope.agentId ?? scope.userId ?? scope.principal

export async function prepareTask(house: TasksHouse, scope: Scope, input: CreateInput, dialect: Dialect): Promise<Prepared> {
  const errors = [...timeErrors(input), ...sizeErrors(input)]
  if (errors.length > 0) throw new Problem('validation_failed', { errors })
  const assignment = readAssignment(input.assign_to)
  const schema = await house.forms.gate(input.response_schema, '/response_schema', { mustBeObject: true })
  await checkPayload(house, input)
  const risk = input.risk ?? 'normal'
  const verdict = input.verdict ?? inferVerdict(input.response_schema)
  const timeout = await prepareTimeout(house.forms, input.on_timeout ?? 'time_out', { schema, verdict, risk })
  return {
    scope,
    dialect,
    task: input.task,
    description: input.description ?? null,
    payload: input.payload ?? null,
    payload_schema: input.payload_schema ?? null,
    response_schema: input.response_schema,
    form_definition: input.form_definition ?? null,
    initial_response: await checkInitial(house, input, schema, dialect),
    verdict,
    idempotency_key: input.idempotency_key ?? null,
    key_reuse: input.key_reuse ?? 'forever',
    timeout_seconds: input.timeout_seconds ?? null,
    deadline_at: input.deadline_at ?? null,
    timeout,
    assignment,
    priority: input.priority ?? 'normal',
    tags: [...new Set(input.tags ?? [])],
    metadata: input.metadata ?? {},
    risk,
    redact: input.redact ?? (input.redact_payload ? 'notify' : 'none'),
    callback_url: input.callback_url ? await house.checkUrl(input.callback_url, '/callback_url', scope.tenantId) : null,
    callback_mode: input.callback_mode ?? (dialect === 'compatible' ? 'awaithumans' : 'standard'),
    on_behalf_of: input.on_behalf_of ?? null,
    asker: askerOf(scope),
    act: null,
    bytes: weightOf(input),
  }
}

const weightOf = ({ payload, description, response_schema }: CreateInput): number =>
  writeJson(payload ?? null).length + (description?.length ?? 0) + writeJson(response_schema).length

function timeErrors({ timeout_seconds, deadline_at, redact, redact_payload }: CreateInput): FieldError[] {
  const errors: FieldError[] = []
  if ((timeout_seconds === undefined) === (deadline_at === undefined))
    errors.push({
      path: '/timeout_seconds',
      code: 'exactly_one',
      message: 'Send exactly one of timeout_seconds and deadline_at.',
    })
  if (redact !== undefined && redact_payload !== undefined && redact_payload !== null && redact_payload !== (redact !== 'none'))
    errors.push({ path: '/redact_payload', code: 'contradiction', message: 'redact_payload says otherwise than redact.' })
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
  const { value, errors } = await house.forms.judge(schema, input.initial_response, path)
  const wrong = errors.filter((error) => error.code !== 'required')
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
