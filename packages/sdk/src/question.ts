// From the options of a caller to the body of a create: schemas read, payload checked, time and key made. It sends nothing, and what it
// refuses was never sent.

import { canonicalJson, NotJson, sha256Hex } from './canonical.ts'
import type { ClientOptions, Countersign } from './client.ts'
import { type Duration, milliseconds } from './duration.ts'
import { PayloadInvalid, TimeoutOutOfRange } from './errors.ts'
import type { WaitingOptions } from './handle.ts'
import { type ReadSchema, type ResponseSchema, readSchema } from './schema/schema.ts'
import type { CreateTask, JsonObject, JsonSchema } from './shapes.ts'

/** Which client to ask through: one that exists, or the options of a new one. */
export type Through = { client?: Countersign } & ClientOptions

/** A question; the members are those of the task, in camel case. */
export type AskOptions<S = ResponseSchema> = Through &
  WaitingOptions & {
    /** The question, 1–4,000 characters. */
    task: string
    /** The type of the answer: a Zod 4 or 3 schema, any Standard Schema, or JSON Schema. */
    response: S
    /** The JSON Schema of `response`, for a library that cannot make one. */
    jsonSchema?: JsonSchema
    /** What the human judges. A BigInt is shown digit for digit. */
    payload?: { readonly [member: string]: unknown }
    payloadSchema?: ResponseSchema
    /** CommonMark. */
    description?: string
    formDefinition?: JsonObject
    initialResponse?: JsonObject
    /** Which part of the answer means yes or no. */
    verdict?: CreateTask['verdict']
    /** Milliseconds or text such as `"2h"`; 5 seconds to 365 days. Either this or `deadlineAt`. */
    timeout?: Duration
    deadlineAt?: Date | string
    onTimeout?: 'time_out' | 'deny' | { default: JsonObject }
    assignTo?: CreateTask['assign_to']
    /** Who is told, and where: `["slack:#releases", "email:ann@example.com"]`. Left out: each asked person as they prefer. */
    notify?: CreateTask['notify']
    /** How many have to agree. */
    quorum?: CreateTask['quorum']
    /** When those are told again who have not answered. */
    reminders?: CreateTask['reminders']
    /** Who else is asked before the deadline. */
    escalation?: CreateTask['escalation']
    /** How sure it must be who answers; the risk may need more. */
    assurance?: CreateTask['assurance']
    /** Refused where nobody can be asked, in place of going to the fallback pool. */
    requireAssignee?: boolean
    /** A reply by mail that equals one option decides. */
    answerByReply?: boolean
    /** False: nobody may stand in, and it is not handed on. */
    delegable?: boolean
    priority?: CreateTask['priority']
    tags?: string[]
    metadata?: JsonObject
    risk?: CreateTask['risk']
    redact?: CreateTask['redact']
    callbackUrl?: string
    callbackMode?: 'standard' | 'awaithumans'
    onBehalfOf?: string
    /**
     * What checks an answer before it counts. Left out, the schema itself does, wherever it can check more than JSON Schema says (refinements,
     * transforms); null: nothing does.
     */
    verifier?: CreateTask['verifier_config'] | null
    /** Your own name of this question: asked again under it, the first answer is returned for ever. */
    idempotencyKey?: string
    /** With a name of your own `forever`; with an automatic one the key is free once the answer was collected. */
    keyReuse?: 'forever' | 'until_collected'
    /** Tells equal questions of different runs apart, where the automatic key is used. */
    run?: string
  }

const LIMITS = { least: 5, most: 31_536_000 }
/** The body of the create. */
export async function bodyOf(options: AskOptions, schema: ReadSchema, key: string | null): Promise<CreateTask> {
  const payload = options.payload ?? {}
  const payloadSchema = options.payloadSchema === undefined ? null : readSchema(options.payloadSchema)
  if (payloadSchema) {
    const checked = await payloadSchema.check(payload)
    if (!checked.ok)
      throw new PayloadInvalid('payload_invalid', {
        errors: checked.errors.map((error) => ({ ...error, path: `/payload${error.path}` })),
      })
  }
  const body = {
    task: options.task,
    description: options.description,
    payload,
    payload_schema: payloadSchema?.jsonSchema,
    response_schema: schema.jsonSchema,
    form_definition: options.formDefinition,
    initial_response: options.initialResponse,
    verdict: options.verdict,
    ...timeOf(options),
    on_timeout: options.onTimeout,
    idempotency_key: options.idempotencyKey ?? (await automaticKey(options.task, payload, options.run)),
    key_reuse: options.keyReuse ?? (options.idempotencyKey === undefined ? 'until_collected' : 'forever'),
    assign_to: options.assignTo,
    notify: options.notify,
    quorum: options.quorum,
    reminders: options.reminders,
    escalation: options.escalation,
    assurance: options.assurance,
    require_assignee: options.requireAssignee,
    answer_by_reply: options.answerByReply,
    delegable: options.delegable,
    priority: options.priority,
    tags: options.tags,
    metadata: options.metadata,
    risk: options.risk,
    redact: options.redact,
    callback_url: options.callbackUrl,
    callback_mode: options.callbackMode,
    on_behalf_of: options.onBehalfOf,
    verifier_config: checksHere(options, schema, key) ? { provider: 'agent' } : (options.verifier ?? undefined),
  }
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined)) as CreateTask
}

/** T129: only an agent is asked for its word. What the deadline answers was checked when the task was made. */
const checksHere = ({ verifier }: AskOptions, { checksMore }: ReadSchema, key: string | null): boolean =>
  verifier === undefined && checksMore && /^cs_(live|test)_agt_/.test(key ?? '')

/** T26: equal on every runtime, for it is made of the canonical form alone. */
export async function automaticKey(task: string, payload: unknown, run?: string): Promise<string> {
  try {
    const text = canonicalJson(run === undefined ? { payload, task } : { payload, run, task })
    return `auto:${(await sha256Hex(text)).slice(0, 32)}`
  } catch (cause) {
    if (!(cause instanceof NotJson)) throw cause
    throw new PayloadInvalid(
      'payload_invalid',
      { errors: [{ path: cause.path, code: 'not_json', message: cause.message }] },
      { cause },
    )
  }
}

function timeOf({ timeout, deadlineAt }: AskOptions): { timeout_seconds: number } | { deadline_at: string } {
  if ((timeout === undefined) === (deadlineAt === undefined)) throw outOfRange('Give either timeout or deadlineAt.')
  if (deadlineAt !== undefined) {
    const at = new Date(deadlineAt)
    if (Number.isNaN(at.getTime())) throw outOfRange(`${JSON.stringify(deadlineAt)} is not a time.`)
    return { deadline_at: at.toISOString() }
  }
  const ms = milliseconds(timeout as Duration)
  if (ms === null) throw outOfRange(`${JSON.stringify(timeout)} is not a time; write milliseconds or text such as "2h".`)
  const seconds = Math.ceil(ms / 1000)
  if (seconds < LIMITS.least || seconds > LIMITS.most)
    throw outOfRange(`${JSON.stringify(timeout)} is not between 5 seconds and 365 days.`)
  return { timeout_seconds: seconds }
}

const outOfRange = (detail: string) => new TimeoutOutOfRange('timeout_out_of_range', { detail })
