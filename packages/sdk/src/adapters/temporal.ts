// A question to a human from a Temporal workflow (T143): an activity asks, a signal wakes, an activity reads. Every await has a key of its own, made of workflow, run and call, so
// a worker that is killed and replays asks nothing twice. What the signal says is only a hint: the answer is read from the server.
// Peer: @temporalio/workflow. This half runs inside the sandbox of workflows: no crypto, no clock, no network. The other half is `@countersign/sdk/temporal-worker`.

import {
  ApplicationFailure,
  CancellationScope,
  condition,
  defineSignal,
  isCancellation,
  proxyActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow'
import { Problem } from '../problem.ts'
import type { AskOptions, Through } from '../question.ts'
import { type AnswerOf, type ReadSchema, type ResponseSchema, readSchema } from '../schema/schema.ts'
import { answerOf, type Ended } from '../settle.ts'
import type { JsonSchema } from '../shapes.ts'
import type { CountersignActivities, WorkflowQuestion } from './temporal-worker.ts'

/** A question of a workflow. Which server it goes to is the worker's business. */
export type WorkflowAskOptions<S = ResponseSchema> = Omit<
  AskOptions<S>,
  keyof Through | 'signal' | 'onAbort' | 'unref' | 'payloadSchema' | 'run'
> & {
  /** What becomes of the task when the workflow is cancelled: it stays, or it is withdrawn. */
  onCancel?: 'leave' | 'cancel'
}

// Module state is each workflow's own, and workflow code comes here in the same order at every replay.
let calls = 0

const FINAL: readonly string[] = ['completed', 'timed_out', 'cancelled', 'verification_exhausted']

/**
 * `awaitHuman` for a workflow: waits, for as long as it takes, without holding a worker.
 *
 * @example
 * ```ts
 * import { awaitHuman } from '@countersign/sdk/temporal'
 * import { z } from 'zod'
 * export async function refund(order: number): Promise<string> {
 *   const { approved } = await awaitHuman({ task: `Refund order ${order}?`, response: z.object({ approved: z.boolean() }), timeout: '2d' })
 *   return approved ? 'refunded' : 'kept'
 * }
 * ```
 */
export async function awaitHuman<S extends ResponseSchema>(options: WorkflowAskOptions<S>): Promise<AnswerOf<S>>
export async function awaitHuman<T>(options: WorkflowAskOptions<JsonSchema>): Promise<T>
export async function awaitHuman({ onCancel = 'leave', ...options }: WorkflowAskOptions): Promise<unknown> {
  const { workflowId, runId } = workflowInfo()
  calls += 1
  const key = options.idempotencyKey ?? `${workflowId}/${runId}/${calls}`
  const schema = inWorkflow(() => readSchema(options.response, options.jsonSchema))
  const { countersignAsk, countersignRead, countersignWithdraw } = activities()
  let told = 0
  const listen = (name: string) =>
    setHandler(defineSignal<[unknown?]>(name), () => {
      told += 1
    })
  // Before anything is asked, so that no answer can be too early.
  const signal = signalOf(key)
  listen(signal)
  try {
    const asked = await countersignAsk({ ...questionOf(options, schema), key, signal, workflowId })
    // After a reset this run has another id than the one that asked: the signal comes by the name that was given out then.
    if (asked.signal !== signal) listen(asked.signal)
    for (let task = asked.task; ; ) {
      if (FINAL.includes(task.status)) return await settled(asked.id, task, schema)
      const seen = told
      await condition(() => told > seen, task.waitMs)
      task = await countersignRead(asked.id)
    }
  } catch (error) {
    if (isCancellation(error) && onCancel === 'cancel')
      await CancellationScope.nonCancellable(() => countersignWithdraw(key, 'The workflow that asked was cancelled.'))
    throw error
  }
}

/** The name of the signal that wakes the question of this key. */
export const signalOf = (key: string): string => `countersign:${key}`

const activities = () =>
  proxyActivities<CountersignActivities>({
    startToCloseTimeout: '1 minute',
    retry: { initialInterval: '1 second', maximumInterval: '1 minute' },
  })

/** As an activity is handed it: plain JSON, with the schema as what the server reads of it. */
function questionOf(options: WorkflowAskOptions, schema: ReadSchema): Omit<WorkflowQuestion, 'key' | 'signal' | 'workflowId'> {
  const { response: _, jsonSchema: __, idempotencyKey: ___, deadlineAt, ...question } = options
  return {
    ...question,
    response: schema.jsonSchema,
    ...(deadlineAt === undefined ? {} : { deadlineAt: deadlineAt instanceof Date ? deadlineAt.toISOString() : deadlineAt }),
  }
}

const settled = (taskId: string, task: Ended, schema: ReadSchema): Promise<unknown> =>
  answerOf(taskId, task, schema).catch((error: unknown) => {
    throw failureOf(error)
  })

function inWorkflow<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw failureOf(error)
  }
}

/** A plain error would only fail the task of the workflow and be tried again for ever; `type` is the code of the problem. */
const failureOf = (error: unknown): unknown =>
  error instanceof Problem
    ? ApplicationFailure.create({
        message: error.message,
        type: error.code,
        nonRetryable: true,
        details: [{ task_id: error.taskId, ...error.members }],
      })
    : error
