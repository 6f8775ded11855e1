// One typed question to a human. It promises an answer of the type that was asked for, or a Problem that says why there is none; a
// program that is killed and asks the same again finds the same task. It never answers by itself and never sends a schema it cannot read.

import { canonicalJson, NotJson, sha256Hex } from './canonical.ts'
import { type ClientOptions, Countersign } from './client.ts'
import { orAbort } from './clock.ts'
import { type Duration, milliseconds } from './duration.ts'
import {
  Aborted,
  PayloadInvalid,
  ResponseInvalid,
  TaskCancelled,
  TaskDenied,
  TaskNotFound,
  TaskTimedOut,
  TimeoutOutOfRange,
  VerificationExhausted,
} from './errors.ts'
import type { LiveEvent, StreamOptions } from './live.ts'
import type { ProblemMembers } from './problem.ts'
import { type AnswerOf, type ReadSchema, type ResponseSchema, readSchema } from './schema/schema.ts'
import { tellTerminal } from './settings.ts'
import { enduring, isFinal, waitForSeveral, waitUntilFinal } from './wait.ts'
import type {
  CreateTask,
  Decision,
  EventRecord,
  Json,
  JsonObject,
  JsonSchema,
  PollResult,
  Priority,
  Redact,
  Risk,
  Task,
  TaskOutcome,
  Verdict,
} from './wire.ts'

/** How to wait. */
export type WaitingOptions = {
  signal?: AbortSignal
  /** What becomes of the task when the signal aborts: it stays, or it is withdrawn. */
  onAbort?: 'leave' | 'cancel'
  /** Let the process end although nobody has answered. */
  unref?: boolean
}

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
    verdict?: Verdict
    /** Milliseconds or text such as `"2h"`; 5 seconds to 365 days. Either this or `deadlineAt`. */
    timeout?: Duration
    deadlineAt?: Date | string
    onTimeout?: 'time_out' | 'deny' | { default: JsonObject }
    assignTo?: Json
    notify?: string[]
    priority?: Priority
    tags?: string[]
    metadata?: JsonObject
    risk?: Risk
    redact?: Redact
    callbackUrl?: string
    callbackMode?: 'standard' | 'awaithumans'
    onBehalfOf?: string
    parentTaskId?: string
    correlationId?: string
    /** Your own name of this question: asked again under it, the first answer is returned for ever. */
    idempotencyKey?: string
    /** With a name of your own `forever`; with an automatic one the key is free once the answer was collected. */
    keyReuse?: 'forever' | 'until_collected'
    /** Tells equal questions of different runs apart, where the automatic key is used. */
    run?: string
  }

/** An answer with everything around it. */
export type HumanDecision<T> = {
  /** How it was answered: `respond` or `deny`. */
  type: string
  /** Null when it was denied without an answer. */
  response: T | null
  outcome: TaskOutcome
  decisions: Decision[]
  task: Task
}

const LIMITS = { least: 5, most: 31_536_000 }
const TASK_ID = /^task_[0-9A-HJKMNP-TV-Z]{26}$/
const shown = new Set<string>()

/**
 * A task that was asked, to be waited for whenever it suits.
 *
 * @example
 * ```ts
 * import { ask } from '@countersign/sdk'
 * import { z } from 'zod'
 * const handle = await ask({ task: 'Ship it?', response: z.object({ ship: z.boolean() }), timeout: '1h' })
 * console.log(handle.url)
 * console.log((await handle.wait()).ship)
 * ```
 */
export class TaskHandle<T> {
  readonly id: string
  /** The page on which a person answers. */
  readonly url: string
  readonly client: Countersign
  /** Until when the server waits. */
  readonly deadlineAt: Date
  readonly #schema: ReadSchema | null
  readonly #waiting: WaitingOptions

  constructor(client: Countersign, task: Pick<Task, 'id' | 'deadline_at'>, schema: ReadSchema | null, waiting: WaitingOptions) {
    this.client = client
    this.id = task.id
    this.url = client.taskUrl(task.id)
    this.deadlineAt = new Date(task.deadline_at)
    this.#schema = schema
    this.#waiting = waiting
  }

  /** The answer, or the Problem that says why there is none. */
  async wait(options: WaitingOptions = {}): Promise<T> {
    return this.settle(await this.#result(options))
  }

  /** The answer with its outcome, its decisions and the whole task. */
  async decision(options: WaitingOptions = {}): Promise<HumanDecision<T>> {
    const result = await this.#result(options)
    const denied = result.outcome === 'denied' && result.response === null
    const response = denied ? null : await this.settle(result)
    const task = await this.client.tasks.get(this.id, enduring(this.client, this.#patient(options)))
    const last = task.decisions?.filter((decision) => decision.state === 'counted').at(-1)
    const outcome = result.outcome ?? 'answered'
    return {
      type: last?.type ?? (outcome === 'denied' ? 'deny' : 'respond'),
      response,
      outcome,
      decisions: task.decisions ?? [],
      task,
    }
  }

  /** What happens to the task, live. */
  stream(options: StreamOptions = {}): AsyncGenerator<LiveEvent<EventRecord>> {
    return this.client.tasks.stream(this.id, options)
  }

  /** Withdraws the question. */
  async cancel(reason?: string): Promise<Task> {
    return this.client.tasks.cancel(this.id, reason === undefined ? {} : { reason })
  }

  /** What a final poll result means to the asker; used by `wait.any` and `wait.all` too. */
  async settle(result: PollResult): Promise<T> {
    const about = { taskId: this.id }
    const members: ProblemMembers = { task_id: this.id, outcome: result.outcome }
    if (result.status === 'timed_out') throw new TaskTimedOut('task_timed_out', members, about)
    if (result.status === 'cancelled') throw new TaskCancelled('task_cancelled', members, about)
    if (result.status === 'verification_exhausted') throw new VerificationExhausted('verification_exhausted', members, about)
    if (result.outcome === 'denied' && result.response === null) throw new TaskDenied('task_denied', members, about)
    if (!this.#schema) return result.response as T // asked without a schema, so T is unknown or the caller's own word
    const checked = await this.#schema.check(result.response)
    if (!checked.ok) throw new ResponseInvalid('response_invalid', { ...members, errors: checked.errors }, about)
    return checked.value as T // the schema that made T has just said so
  }

  async #result(options: WaitingOptions): Promise<PollResult> {
    const waiting = { ...this.#waiting, ...options }
    const patient = this.#patient(options)
    try {
      return await waitUntilFinal(this.client, this.id, patient)
    } catch (error) {
      if (!waiting.signal?.aborted) throw error
      const aborted = new Aborted('aborted', {}, { cause: waiting.signal.reason, taskId: this.id })
      if (waiting.onAbort === 'cancel') aborted.cancelled = withdraw(this)
      throw aborted
    }
  }

  #patient(options: WaitingOptions) {
    return { ...this.#waiting, ...options, deadline: this.deadlineAt.getTime() }
  }
}

/**
 * Asks a human and waits for the typed answer.
 *
 * @example
 * ```ts
 * import { awaitHuman } from '@countersign/sdk'
 * import { z } from 'zod'
 * const answer = await awaitHuman({
 *   task: 'Refund order 1042?',
 *   payload: { order: 1042, amount: 240, currency: 'EUR' },
 *   response: z.object({ approved: z.boolean(), note: z.string().max(500).optional() }),
 *   timeout: '2h',
 *   onTimeout: 'deny',
 * })
 * if (answer.approved) console.log('refunding')
 * ```
 */
export async function awaitHuman<S extends ResponseSchema>(options: AskOptions<S>): Promise<AnswerOf<S>>
export async function awaitHuman<T>(options: AskOptions<JsonSchema>): Promise<T>
export async function awaitHuman(options: AskOptions): Promise<unknown> {
  return (await ask(options)).wait()
}

/**
 * The same, with outcome, decisions and the task around the answer. A denial does not throw here.
 *
 * @example
 * ```ts
 * import { awaitHuman } from '@countersign/sdk'
 * import { z } from 'zod'
 * const decision = await awaitHuman.decision({ task: 'Ship it?', response: z.object({ ship: z.boolean() }), timeout: '1h' })
 * console.log(decision.outcome, decision.response?.ship, decision.task.completed_by_display_name)
 * ```
 */
awaitHuman.decision = async <S extends ResponseSchema>(options: AskOptions<S>): Promise<HumanDecision<AnswerOf<S>>> =>
  (await ask(options)).decision()

/**
 * Asks and comes back at once with a handle. Asking the same again gives the same task.
 *
 * @example
 * ```ts
 * import { ask } from '@countersign/sdk'
 * const handle = await ask({ task: 'Which colour?', response: { type: 'object', properties: { colour: { type: 'string' } } }, timeout: '1d' })
 * setTimeout(() => handle.cancel('found out myself'), 60_000)
 * ```
 */
export async function ask<S extends ResponseSchema>(options: AskOptions<S>): Promise<TaskHandle<AnswerOf<S>>>
export async function ask<T>(options: AskOptions<JsonSchema>): Promise<TaskHandle<T>>
export async function ask(options: AskOptions): Promise<TaskHandle<unknown>> {
  const schema = readSchema(options.response, options.jsonSchema)
  const body = await bodyOf(options, schema)
  const client = clientOf(options)
  const deadline = body.deadline_at
    ? Date.parse(body.deadline_at)
    : client.transport.clock.now().getTime() + (body.timeout_seconds as number) * 1000
  // The key makes a repeated create harmless, so it may be repeated for as long as the wait itself. Whoever wants the task withdrawn
  // needs its id first, so then the abort ends the waiting and not the request.
  const signal = options.onAbort === 'cancel' ? undefined : options.signal
  const sent = client
    .request<Task>('POST', '/tasks', {
      body,
      idempotency: 'none',
      ...enduring(client, { signal, unref: options.unref, deadline }),
    })
    .then((task) => handleOf(client, task, schema, options))
  try {
    return await orAbort(sent, options.signal)
  } catch (error) {
    if (!options.signal?.aborted) throw error
    const aborted = new Aborted('aborted', {}, { cause: options.signal.reason })
    if (options.onAbort === 'cancel') aborted.cancelled = sent.then(withdraw, () => false)
    throw aborted
  }
}

/**
 * Comes back to a question by its id or by the key it was asked under, for instance after a restart.
 *
 * @example
 * ```ts
 * import { resume } from '@countersign/sdk'
 * import { z } from 'zod'
 * const handle = await resume('refund-1042', { response: z.object({ approved: z.boolean() }) })
 * console.log((await handle.wait()).approved)
 * ```
 */
export async function resume<S extends ResponseSchema>(
  idOrKey: string,
  options: ResumeOptions<S> & { response: S },
): Promise<TaskHandle<AnswerOf<S>>>
export async function resume<T = unknown>(idOrKey: string, options?: ResumeOptions<JsonSchema>): Promise<TaskHandle<T>>
export async function resume(idOrKey: string, options: ResumeOptions<ResponseSchema> = {}): Promise<TaskHandle<unknown>> {
  const schema = options.response === undefined ? null : readSchema(options.response, options.jsonSchema)
  const client = clientOf(options)
  const { signal } = options
  const found = TASK_ID.test(idOrKey)
    ? client.tasks.get(idOrKey, { signal })
    : client.tasks.list({ idempotency_key: idOrKey, limit: 1 }, { signal }).then(({ data }) => data[0])
  const task = await orAbort(found, signal).catch((error: unknown) => {
    throw signal?.aborted ? new Aborted('aborted', {}, { cause: signal.reason }) : error
  })
  if (!task) throw new TaskNotFound('not_found', { detail: `No task was asked under the key ${JSON.stringify(idOrKey)}.` })
  return handleOf(client, task, schema, options)
}

/** How to come back to a question. */
export type ResumeOptions<S> = Through & WaitingOptions & { response?: S; jsonSchema?: JsonSchema }

type AnswersOf<H extends readonly TaskHandle<unknown>[]> = {
  -readonly [I in keyof H]: H[I] extends TaskHandle<infer T> ? T : never
}

/**
 * Waits for several questions at once, up to 100 of one client.
 *
 * @example
 * ```ts
 * import { ask, wait } from '@countersign/sdk'
 * import { z } from 'zod'
 * const question = (task: string) => ask({ task, response: z.object({ ok: z.boolean() }), timeout: '1h' })
 * const handles = [await question('Ship the code?'), await question('Ship the docs?')] as const
 * const first = await wait.any(handles)
 * console.log(first.handle.id, first.answer.ok)
 * const [code, docs] = await wait.all(handles)
 * console.log(code.ok, docs.ok)
 * ```
 */
export const wait = {
  /** The first one that is settled, with its answer; rejects if that one has none. */
  async any<const H extends readonly TaskHandle<unknown>[]>(
    handles: H,
    options: WaitingOptions = {},
  ): Promise<{ handle: H[number]; answer: AnswersOf<H>[number] }> {
    const result = await several(handles, 'any', options)
    const handle = handles.find((each) => result.final.includes(each.id)) as H[number] // the server named one of them
    return { handle, answer: (await handle.settle(result.tasks[handle.id] as PollResult)) as AnswersOf<H>[number] }
  },
  /** All answers, in the order asked; rejects with the first that has none. */
  async all<const H extends readonly TaskHandle<unknown>[]>(handles: H, options: WaitingOptions = {}): Promise<AnswersOf<H>> {
    const result = await several(handles, 'all', options)
    const answers: unknown[] = []
    for (const handle of handles) answers.push(await handle.settle(result.tasks[handle.id] as PollResult))
    return answers as AnswersOf<H> // one per handle, each settled by it
  },
}

async function several(handles: readonly TaskHandle<unknown>[], mode: 'any' | 'all', options: WaitingOptions) {
  const client = handles[0]?.client
  if (!client) throw new TypeError(`wait.${mode} needs at least one handle`)
  const deadline = Math.max(...handles.map((handle) => handle.deadlineAt.getTime()))
  const ids = handles.map((handle) => handle.id)
  try {
    return await orAbort(waitForSeveral(client, ids, mode, { ...options, deadline }), options.signal)
  } catch (error) {
    if (!options.signal?.aborted) throw error
    const aborted = new Aborted('aborted', {}, { cause: options.signal.reason })
    if (options.onAbort === 'cancel') aborted.cancelled = Promise.all(handles.map(withdraw)).then((all) => all.every(Boolean))
    throw aborted
  }
}

const clientOf = ({ client, ...options }: Through): Countersign => client ?? new Countersign(options)

function handleOf(
  client: Countersign,
  task: Task,
  schema: ReadSchema | null,
  { signal, onAbort, unref }: WaitingOptions,
): TaskHandle<unknown> {
  const handle = new TaskHandle(client, task, schema, { signal, onAbort, unref })
  if (!isFinal(task.status) && !shown.has(task.id)) {
    shown.add(task.id)
    tellTerminal(`Waiting for a human: ${handle.url}`)
  }
  return handle
}

const withdraw = (handle: TaskHandle<unknown>): Promise<boolean> =>
  handle.cancel('The asking program gave up waiting.').then(
    () => true,
    () => false, // settled meanwhile, or not to be reached: either way it was not withdrawn
  )

async function bodyOf(options: AskOptions, schema: ReadSchema): Promise<CreateTask> {
  const payload = options.payload ?? {}
  const payloadSchema = options.payloadSchema === undefined ? null : readSchema(options.payloadSchema)
  if (payloadSchema) {
    const checked = await payloadSchema.check(payload)
    if (!checked.ok)
      throw new PayloadInvalid('payload_invalid', {
        errors: checked.errors.map((error) => ({ ...error, path: `/payload${error.path}` })),
      })
  }
  const body: CreateTask = {
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
    priority: options.priority,
    tags: options.tags,
    metadata: options.metadata,
    risk: options.risk,
    redact: options.redact,
    callback_url: options.callbackUrl,
    callback_mode: options.callbackMode,
    on_behalf_of: options.onBehalfOf,
    parent_task_id: options.parentTaskId,
    correlation_id: options.correlationId,
  }
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined)) as CreateTask
}

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
