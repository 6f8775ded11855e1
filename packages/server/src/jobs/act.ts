// What policy is asked about jobs: that one is made, or runs again. Everything that was sent is bound by a digest, so that an agreement is about exactly that job.
// Decides nothing: the path is handed in by main.
import type { JobRow } from '@countersign/queue'
import type { Scope, Tx } from '../db/tx.ts'
import { writeJson } from '../http/json.ts'
import { type ActIn, bodySha256, type CountersignedAct, type Kept, type Passed } from '../identity/policies/countersign.ts'
import type { JobsHouse } from './house.ts'
import type { NewJob } from './job.ts'
import { asProblem } from './problem.ts'

/** What the engine takes where neither the caller nor the kind says. */
export const DEFAULT_QUEUE = 'default'
const DEFAULT_PRIORITY = 2
const CONTENT = 8_192

const textOf = (payload: unknown): string => writeJson(payload ?? null).slice(0, CONTENT)

const texts = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
const numbers = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined)

/** `kind` is what its worker declared. `rehearse` does the act in a transaction that is taken back: what would be refused anyway bothers nobody. */
export const enqueueAct = (
  input: NewJob,
  kind: Record<string, unknown>,
  rehearse: (t: Tx) => Promise<unknown>,
): CountersignedAct => ({
  origin: 'queue',
  action: 'job.enqueue',
  resource: { type: 'Kind', id: input.kind },
  context: {
    queue: input.queue ?? texts(kind.queue) ?? DEFAULT_QUEUE,
    priority: input.priority ?? numbers(kind.priority) ?? DEFAULT_PRIORITY,
    tags: input.tags ?? [],
    delayed: input.run_at !== undefined,
    payload_bytes: Buffer.byteLength(writeJson(input.payload ?? null)),
    body_sha256: bodySha256(input),
    content: textOf(input.payload),
  },
  body: input,
  rehearse,
})

export const retryAct = (job: JobRow, own: object, rehearse: (t: Tx) => Promise<unknown>): CountersignedAct => {
  // What it was and will be: the payload of the job, unless another is given with it.
  const body = { job: job.id, kind: job.kind, payload: job.payload, changes: own }
  return {
    origin: 'queue',
    action: 'job.retry',
    resource: { type: 'Job', id: job.id },
    context: {
      kind: job.kind,
      queue: job.queue,
      changed: Object.values(own).some((value) => value !== undefined),
      body_sha256: bodySha256(body),
      content: textOf('payload' in own && own.payload !== undefined ? own.payload : job.payload),
    },
    body,
    sent: own,
    rehearse,
  }
}

/** One act through the decision path, with what the engine refuses in it as problems. */
export const judged = <T>(
  { countersign }: JobsHouse,
  scope: Scope,
  act: ActIn,
  effect: (t: Tx, passed: Passed | null) => Promise<T>,
  kept: Kept<T>,
): Promise<T> =>
  countersign(scope, act, effect, kept).catch((error: unknown) => {
    throw asProblem(error)
  })
