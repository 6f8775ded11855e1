// The worker's half of the Temporal adapter (T143): the activities that workflows ask through, an activity that asks and waits by itself, and what a receiver of webhooks does with
// an event. Peers: @temporalio/activity, @temporalio/common. It never runs inside a workflow.

import { Context } from '@temporalio/activity'
import { ApplicationFailure } from '@temporalio/common'
import { awaitHuman } from '../await-human.ts'
import { sha256Hex } from '../canonical.ts'
import { Countersign } from '../client.ts'
import { Problem } from '../problem.ts'
import { type AskOptions, bodyOf } from '../question.ts'
import { type AnswerOf, type ResponseSchema, readSchema } from '../schema/schema.ts'
import type { Ended } from '../settle.ts'
import type { JsonSchema, Task } from '../shapes.ts'
import { isFinal } from '../wait.ts'

/** What a workflow sends to be asked: plain JSON. */
export type WorkflowQuestion = Omit<AskOptions<JsonSchema>, 'client' | 'signal' | 'deadlineAt'> & {
  deadlineAt?: string
  key: string
  signal: string
  workflowId: string
}

/** How a task stands, and how long to wait for a signal before it is looked at without one. */
export type Standing = Ended & { waitMs: number }
export type AskedFor = { id: string; url: string; signal: string; task: Standing }

export type CountersignActivities = {
  countersignAsk(question: WorkflowQuestion): Promise<AskedFor>
  countersignRead(taskId: string): Promise<Standing>
  countersignWithdraw(key: string, reason: string): Promise<boolean>
}

/**
 * The activities of a worker whose workflows ask humans.
 *
 * @example
 * ```ts
 * import { countersignActivities } from '@countersign/sdk/temporal-worker'
 * const activities = { ...countersignActivities() }
 * console.log(Object.keys(activities)) // as `activities` of Worker.create
 * ```
 */
export function countersignActivities(options: { client?: Countersign } = {}): CountersignActivities {
  // Made when it is first needed: settings may come after the module.
  const client = once(() => options.client ?? new Countersign())
  return {
    countersignAsk: ({ key, signal, workflowId, ...question }) =>
      spoken(async () => {
        const about = { ...question.metadata, temporal_workflow_id: workflowId, temporal_signal: signal }
        const own = { ...question, idempotencyKey: await keyFor(key), keyReuse: question.keyReuse ?? 'forever', metadata: about }
        // The answer is checked when it is back in the workflow; nobody is there to look at it before it counts.
        const asked = { ...own, verifier: question.verifier ?? null } as AskOptions<JsonSchema>
        const body = await bodyOf(asked, readSchema(question.response), client().settings.key)
        const task = await client().call('POST /tasks', {
          body,
          idempotency: 'none',
          signal: Context.current().cancellationSignal,
        })
        const { temporal_signal: given } = task.metadata as { temporal_signal?: unknown }
        return {
          id: task.id,
          url: task.url,
          signal: typeof given === 'string' ? given : signal,
          task: standingOf(client(), task),
        }
      }),
    countersignRead: (taskId) =>
      spoken(async () => {
        const task = await client().tasks.get(taskId, { signal: Context.current().cancellationSignal })
        return standingOf(client(), task)
      }),
    countersignWithdraw: (key, reason) =>
      spoken(async () => {
        const { data } = await client().tasks.list({ idempotency_key: await keyFor(key), limit: 1 })
        const [task] = data
        if (!task || isFinal(task.status)) return false
        return withdrawn(client(), task.id, reason)
      }),
  }
}

function once<T>(make: () => T): () => T {
  let made: T | undefined
  return () => {
    made ??= make()
    return made
  }
}

const LOOK_AGAIN_MS = 60_000

/** A signal that was lost costs until shortly after the deadline, and no more. */
const standingOf = (client: Countersign, { status, outcome, response, cancel_reason, deadline_at }: Task): Standing => ({
  ...{ status, outcome, response, cancel_reason },
  waitMs: Math.max(Date.parse(deadline_at) - client.transport.clock.now().getTime(), 0) + LOOK_AGAIN_MS,
})

const LONGEST_KEY = 512

/** Names of workflows may be longer than a key is. */
const keyFor = async (key: string): Promise<string> =>
  key.length <= LONGEST_KEY && /^[\x20-\x7e]+$/.test(key) ? key : `temporal:${await sha256Hex(key)}`

async function withdrawn(client: Countersign, taskId: string, reason: string): Promise<boolean> {
  try {
    await client.tasks.cancel(taskId, { reason })
    return true
  } catch (error) {
    // Settled meanwhile.
    if (error instanceof Problem && error.status === 409) return false
    throw error
  }
}

const PASSING = [408, 425, 429]
const MENDABLE = ['server_unreachable', 'answer_unreadable', 'settings_invalid']
const isPassing = ({ code, status }: Problem): boolean => status >= 500 || PASSING.includes(status) || MENDABLE.includes(code)

/** What repeating cannot mend is said to Temporal as such; everything else is tried again by its retry policy. */
async function spoken<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof Problem) || isPassing(error)) throw error
    const details = [{ task_id: error.taskId, ...error.members }]
    throw ApplicationFailure.create({ message: error.message, type: error.code, nonRetryable: true, details, cause: error })
  }
}

/** A question that an activity waits for itself. */
export type ActivityAskOptions<S = ResponseSchema> = Omit<AskOptions<S>, 'signal' | 'onAbort'> & {
  /** How often Temporal is told that it still waits; a third of the heartbeat timeout unless said, at most ten seconds. */
  heartbeatMs?: number
  /** What becomes of the task when the activity is cancelled: it stays, or it is withdrawn. */
  onCancel?: 'leave' | 'cancel'
}

const BEAT_MS = 10_000

/**
 * `awaitHuman` for an activity: holds a slot of the worker while it waits, and needs no receiver of webhooks. A worker that dies is replaced by another attempt, which finds the
 * same task. Give the activity a heartbeat timeout.
 *
 * @example
 * ```ts
 * import { awaitHumanHere } from '@countersign/sdk/temporal-worker'
 * import { z } from 'zod'
 * export const approve = (order: number) =>
 *   awaitHumanHere({ task: `Refund order ${order}?`, response: z.object({ approved: z.boolean() }), timeout: '8h' })
 * ```
 */
export async function awaitHumanHere<S extends ResponseSchema>(options: ActivityAskOptions<S>): Promise<AnswerOf<S>>
export async function awaitHumanHere<T>(options: ActivityAskOptions<JsonSchema>): Promise<T>
export async function awaitHumanHere({ heartbeatMs, onCancel = 'leave', ...options }: ActivityAskOptions): Promise<unknown> {
  const context = Context.current()
  const { workflowExecution, activityId, heartbeatTimeoutMs } = context.info
  const place = `${workflowExecution?.workflowId ?? ''}/${workflowExecution?.runId ?? ''}/${activityId}`
  const key = options.idempotencyKey ?? (await keyFor(place))
  const client = options.client ?? new Countersign(options)
  const every = heartbeatMs ?? Math.min(BEAT_MS, heartbeatTimeoutMs ? heartbeatTimeoutMs / 3 : BEAT_MS)
  const beat = setInterval(() => context.heartbeat({ key }), every)
  try {
    return await spoken(() =>
      awaitHuman({
        ...options,
        client,
        idempotencyKey: key,
        keyReuse: options.keyReuse ?? 'forever',
        signal: context.cancellationSignal,
      } as AskOptions<JsonSchema>),
    )
  } catch (error) {
    if (!context.cancellationSignal.aborted) throw error
    // A worker that shuts down or lost its lease is replaced, and the next attempt waits on; only who asked may take the question back.
    if (onCancel === 'cancel' && context.cancellationDetails?.cancelRequested)
      await countersignActivities({ client }).countersignWithdraw(key, 'The activity that asked was cancelled.')
    // Temporal's own word for it, so that a cancelled activity counts as cancelled.
    return await context.cancelled
  } finally {
    clearInterval(beat)
  }
}

/** As much of a Temporal client as is needed here: `client.workflow`. */
export type WorkflowSignaller = {
  getHandle(workflowId: string): { signal(name: string, ...args: unknown[]): Promise<void> }
}

/**
 * Wakes the workflow that an event is about; false when no workflow waits for that task. For a receiver of webhooks, with an event that was verified.
 *
 * @example
 * ```ts
 * import { verifyWebhook } from '@countersign/sdk'
 * import { signalWorkflow, type WorkflowSignaller } from '@countersign/sdk/temporal-worker'
 * async function receive(request: Request, temporal: WorkflowSignaller): Promise<Response> {
 *   const { json } = await verifyWebhook({ headers: request.headers, body: await request.text(), secrets: process.env.WEBHOOK_SECRET as string })
 *   await signalWorkflow(temporal, json<{ data: Record<string, unknown> }>())
 *   return new Response(null, { status: 204 })
 * }
 * console.log(typeof receive)
 * ```
 */
export async function signalWorkflow(
  temporal: WorkflowSignaller,
  event: { data: Record<string, unknown> },
  options: { client?: Countersign } = {},
): Promise<boolean> {
  const resource = event.data.resource as { id?: string } | undefined
  const taskId = resource?.id ?? event.data.task_id
  if (typeof taskId !== 'string') return false
  const task = await (options.client ?? new Countersign()).tasks.get(taskId)
  const { temporal_workflow_id: workflowId, temporal_signal: name } = task.metadata as Record<string, unknown>
  if (typeof workflowId !== 'string' || typeof name !== 'string' || !isFinal(task.status)) return false
  try {
    // Without the id of the run: after a reset another run waits for the same question.
    await temporal.getHandle(workflowId).signal(name, { task_id: taskId, status: task.status })
    return true
  } catch (error) {
    if (error instanceof Error && error.name === 'WorkflowNotFoundError') return false
    throw error
  }
}
