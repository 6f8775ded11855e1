// A proposed call that a person accepts, edits, answers, ignores or denies (T44–T47, T135). It gives back exactly what was decided and runs nothing: the
// arguments that come back are the ones to run, and no others.

import { askWith } from './await-human.ts'
import { Countersign } from './client.ts'
import { ResponseInvalid } from './errors.ts'
import type { HumanDecision, TaskHandle } from './handle.ts'
import { type AskOptions, automaticKey, bodyOf } from './question.ts'
import { type AnswerOf, type ReadSchema, type ResponseSchema, readSchema } from './schema/schema.ts'
import type { CreateTask, JsonObject } from './shapes.ts'

/** What a person may do with a proposed call. */
export type ActionType = 'accept' | 'edit' | 'respond' | 'ignore' | 'deny'

/** A call that waits for a person; the rest of its members are those of a question. */
export type ActionOptions<A extends ResponseSchema = ResponseSchema> = Omit<
  AskOptions,
  'task' | 'response' | 'jsonSchema' | 'verdict'
> & {
  /** What is called, 1–200 characters. */
  name: string
  /** With what. */
  args: { readonly [member: string]: unknown }
  /** The type of the arguments; edited ones satisfy it, on the server and here. */
  argsSchema?: A
  /** The question; left out, it is made of the name. */
  task?: string
  /** What a person may answer; left out: accept, edit, respond and deny. */
  allow?: ActionType[]
  /** JSON Pointers into `args` where an edit may differ; left out: everywhere. */
  editable?: string[]
  /** The type of a response; left out: `{message: string}`. */
  response?: ResponseSchema
}

/** What was decided. `args` are the ones to run. */
export type Verdict<T = JsonObject> =
  | { type: 'accept' | 'edit'; args: T; reason: string | null }
  | { type: 'respond'; response: JsonObject; reason: string | null }
  | { type: 'ignore' | 'deny'; reason: string | null }

type ArgsOf<A> = unknown extends AnswerOf<A> ? JsonObject : AnswerOf<A>

/**
 * Asks a person whether a call may be made, and with which arguments.
 *
 * @example
 * ```ts
 * import { approve } from '@countersign/sdk'
 * import { z } from 'zod'
 * const verdict = await approve({
 *   name: 'refund',
 *   args: { order: 1042, amount: 240 },
 *   argsSchema: z.object({ order: z.number(), amount: z.number().max(500) }),
 *   editable: ['/amount'],
 *   timeout: '2h',
 *   onTimeout: 'deny',
 * })
 * if (verdict.type === 'accept' || verdict.type === 'edit') console.log('refunding', verdict.args.amount)
 * ```
 */
export async function approve<A extends ResponseSchema>(options: ActionOptions<A>): Promise<Verdict<ArgsOf<A>>> {
  return verdictOf(await propose(options), options)
}

/**
 * The same in two steps: the task is there when this resolves, and its handle waits whenever it suits. Read the end with `verdictOf`.
 *
 * @example
 * ```ts
 * import { propose, verdictOf } from '@countersign/sdk'
 * const handle = await propose({ name: 'deploy', args: { version: '1.4.2' }, timeout: '1h' })
 * console.log(handle.url)
 * console.log((await verdictOf(handle)).type)
 * ```
 */
export async function propose<A extends ResponseSchema>(options: ActionOptions<A>): Promise<TaskHandle<JsonObject>> {
  const client = options.client ?? new Countersign(options)
  const handle = await askWith(client, await proposal(options, client), ANY, options)
  return handle as TaskHandle<JsonObject> // the answer to an action is an object, whatever was decided
}

/**
 * Waits for the end of a proposed call and says what was decided; edited arguments are held against `argsSchema` once more.
 *
 * @example
 * ```ts
 * import { propose, verdictOf } from '@countersign/sdk'
 * import { z } from 'zod'
 * const handle = await propose({ name: 'refund', args: { amount: 20 }, timeout: '1h' })
 * const verdict = await verdictOf(handle, { argsSchema: z.object({ amount: z.number() }) })
 * if (verdict.type === 'edit') console.log(verdict.args.amount)
 * ```
 */
export async function verdictOf<A extends ResponseSchema>(
  handle: TaskHandle<JsonObject>,
  options: Pick<ActionOptions<A>, 'argsSchema'> = {},
): Promise<Verdict<ArgsOf<A>>> {
  return readVerdict(await handle.decision(), handle, options.argsSchema)
}

async function readVerdict<A extends ResponseSchema>(
  { response, outcome }: HumanDecision<JsonObject>,
  handle: TaskHandle<JsonObject>,
  schema: A | undefined,
): Promise<Verdict<ArgsOf<A>>> {
  const answer = response ?? {}
  const reason = typeof answer.reason === 'string' ? answer.reason : null
  const type = (answer.type as ActionType | undefined) ?? (outcome === 'denied' ? 'deny' : 'ignore')
  if (type === 'deny' || type === 'ignore') return { type, reason }
  if (type === 'respond') return { type, response: (answer.response ?? {}) as JsonObject, reason }
  const checked = await (schema ? readSchema(schema) : ANY).check(answer.args)
  if (!checked.ok)
    throw new ResponseInvalid('response_invalid', { task_id: handle.id, errors: checked.errors }, { taskId: handle.id })
  return { type, args: checked.value as ArgsOf<A>, reason } // the schema that made the type has just said so
}

const ANY: ReadSchema = { jsonSchema: {}, check: async (value) => ({ ok: true, value }), checksMore: false }

async function proposal(options: ActionOptions, client: Countersign): Promise<CreateTask> {
  const { name, args, argsSchema, allow, editable, description, response, task = `May I run ${name}?` } = options
  const key =
    options.idempotencyKey ?? (await automaticKey(task, { action: { name, args }, payload: options.payload ?? {} }, options.run))
  const keyReuse = options.keyReuse ?? (options.idempotencyKey === undefined ? 'until_collected' : 'forever')
  const asked = response === undefined ? ANY : readSchema(response)
  const question = {
    ...options,
    task,
    response: response ?? {},
    idempotencyKey: key,
    keyReuse,
    verifier: options.verifier ?? null,
  }
  const { response_schema, ...body } = await bodyOf(question, asked, client.settings.key)
  const args_schema = argsSchema && readSchema(argsSchema).jsonSchema
  return {
    ...body,
    ...(response === undefined ? {} : { response_schema }),
    description: undefined,
    action: { name, args, args_schema, description, allow, editable },
  }
}
