// One typed question to a human. It promises an answer of the type that was asked for, or a Problem that says why there is none; a
// program that is killed and asks the same again finds the same task. It never answers by itself and never sends a schema it cannot read.

import { Countersign } from './client.ts'
import { orAbort } from './clock.ts'
import { Aborted, TaskNotFound } from './errors.ts'
import { type Asked, type HumanDecision, TaskHandle, type WaitingOptions, withdraw } from './handle.ts'
import { type AskOptions, bodyOf, type Through } from './question.ts'
import { type AnswerOf, type ReadSchema, type ResponseSchema, readSchema } from './schema/schema.ts'
import { tellTerminal } from './settings.ts'
import type { CreateTask, JsonSchema, PollResult } from './shapes.ts'
import { enduring, isFinal, waitForSeveral } from './wait.ts'

const TASK_ID = /^task_[0-9A-HJKMNP-TV-Z]{26}$/
const shown = new Set<string>()

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
  const client = clientOf(options)
  return askWith(client, await bodyOf(options, schema, client.settings.key), schema, options)
}

/** Sends what was made of the options of a question or of a proposed call. */
export async function askWith(
  client: Countersign,
  body: CreateTask,
  schema: ReadSchema,
  options: WaitingOptions,
): Promise<TaskHandle<unknown>> {
  const deadline = body.deadline_at
    ? Date.parse(body.deadline_at)
    : client.transport.clock.now().getTime() + (body.timeout_seconds as number) * 1000
  // The key makes a repeated create harmless, so it may be repeated for as long as the wait itself. Whoever wants the task withdrawn
  // needs its id first, so then the abort ends the waiting and not the request.
  const signal = options.onAbort === 'cancel' ? undefined : options.signal
  const sent = client
    .call('POST /tasks', {
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
  const judgeEach = async (found: PollResult) => handles.find((handle) => handle.id === found.id)?.judge(found)
  try {
    const judge = handles.some((handle) => handle.judges) ? judgeEach : undefined
    return await orAbort(waitForSeveral(client, ids, mode, { ...options, deadline, judge }), options.signal)
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
  task: Asked,
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
