// A tool: one verb under a name that a model reads. The same action of the matrix as the verb's route, a schema each for what goes in and comes out.
// Holds no rule of its own, and never more than its verb: whoever may not call the route is not shown the tool.
import type { Problem } from '@countersign/sdk'
import type * as z from 'zod'
import type { Scope } from '../db/scope.ts'
import type { BucketName } from '../http/bucket.ts'
import { type AskLimits, s } from '../http/route.ts'
import type { Shape } from '../http/schema.ts'

/** `destroys`: what it takes away does not come back by itself. */
export type Effect = 'reads' | 'changes' | 'destroys'

/** What a call brings beside its input. */
export type Call = {
  /** Aborted when the client leaves or the server stops. */
  readonly signal: AbortSignal
  /** For what a call is found to be only once it is looked at, and is counted as then. */
  readonly limits: AskLimits
  /** Tells a client that asked for it how far a long call is; sends nothing to others. */
  progress(done: number, total: number, message: string): Promise<void>
}

export type ToolSpec<I extends Shape> = {
  name: string
  title: string
  /** For the model: what it does, when to use it, what to do next. */
  description: string
  action: string
  effect: Effect
  input: I
  output: z.ZodType
  /** It acts on what all tenants share: shown where that may be done, for hosts and the tenant that the installation began with. */
  shared?: true
  /** To where the thing lies that the input names, as `enter` of a route leads there: the action is judged once more on the other side, and a repeat is told there. */
  enter?(scope: Scope, input: z.output<z.ZodObject<I>>): Promise<Scope>
  /** Those of its route, counted where it entered. */
  buckets?: readonly BucketName[]
  /** Calls that it counts as, beside the one of its request; 1 for what changes something, else 0. */
  cost?: number
  run(scope: Scope, input: z.output<z.ZodObject<I>>, call: Call): Promise<unknown>
  /** From what the verb answered to what the tool answers, where that differs: the stored answer of a repeat is made by it too. */
  say?(result: never): unknown
  /** What a refusal is told as where nothing is wrong and somebody only has to agree first; null: it is an error. Such an answer is stored as its problem would be. */
  tellRefusal?(problem: Problem): unknown
  /** A repeat is told by a key of its own (a task's `idempotency_key`), so that of the API is not taken. */
  ownKey?: true
}

export type Tool = {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly action: string
  readonly effect: Effect
  readonly shared?: true
  readonly input: z.ZodType
  readonly output: z.ZodType
  readonly enter?: (scope: Scope, input: never) => Promise<Scope>
  readonly buckets?: readonly BucketName[]
  readonly cost: number
  readonly run: (scope: Scope, input: never, call: Call) => Promise<unknown>
  readonly say?: (result: never) => unknown
  readonly tellRefusal?: (problem: Problem) => unknown
  readonly ownKey?: true
}

/** What every tool takes that changes something: the header of the API, as an argument. */
export const IDEMPOTENCY_KEY = 'idempotency_key'
const repeatable = {
  [IDEMPOTENCY_KEY]: s.optional(
    s
      .pattern(/^[\x21-\x7e]{1,255}$/, 'Must be 1 to 255 visible ASCII characters.')
      .describe('Any text of your own: the same call with the same key acts once and answers the same again for 24 hours.'),
  ),
}

const NAME = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/

export function tool<I extends Shape>({ input, cost, ...spec }: ToolSpec<I>): Tool {
  if (!NAME.test(spec.name) || spec.name.length > 64) throw new TypeError(`${spec.name} is not the name of a tool.`)
  const changes = spec.effect !== 'reads'
  return {
    ...spec,
    input: s.object(changes && !spec.ownKey ? { ...input, ...repeatable } : input),
    cost: cost ?? (changes ? 1 : 0),
  }
}
