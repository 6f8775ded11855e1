// A task that was asked: waiting for it, following it, withdrawing it, and what its end means to whoever asked. It never asks by itself.

import type { Countersign } from './client.ts'
import { Aborted } from './errors.ts'
import type { LiveEvent, StreamOptions } from './live.ts'
import { Problem } from './problem.ts'
import type { ReadSchema } from './schema/schema.ts'
import { answerOf } from './settle.ts'
import type { Comment, Decision, PollResult, ReportOutcome, ReviseTask, Task, TaskEvent, TaskOutcome } from './shapes.ts'
import { enduring, isFinal, waitUntilFinal } from './wait.ts'

/** How to wait. */
export type WaitingOptions = {
  signal?: AbortSignal
  /** What becomes of the task when the signal aborts: it stays, or it is withdrawn. */
  onAbort?: 'leave' | 'cancel'
  /** Let the process end although nobody has answered. */
  unref?: boolean
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

/** What a handle is made of. */
export type Asked = Pick<Task, 'id' | 'url' | 'status' | 'deadline_at'>

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

  constructor(client: Countersign, task: Asked, schema: ReadSchema | null, waiting: WaitingOptions) {
    this.client = client
    this.id = task.id
    this.url = task.url
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
  stream(options: StreamOptions = {}): AsyncGenerator<LiveEvent<TaskEvent>> {
    return this.client.tasks.stream(this.id, options)
  }

  /** What people and this agent say about it: what was said before, then each remark as it comes, until the task has ended. */
  async *comments(options: Pick<WaitingOptions, 'signal' | 'unref'> = {}): AsyncGenerator<Comment> {
    const seen = new Set<string>()
    const patient = enduring(this.client, this.#patient(options))
    for (let version = 0; ; ) {
      // A remark makes a new version: what is said while the list is read is found by the next look.
      const now = await this.client.tasks.poll(this.id, { since_version: version }, patient)
      version = now.version
      for await (const comment of this.client.tasks.comments(this.id, patient)) {
        if (seen.has(comment.id)) continue
        seen.add(comment.id)
        yield comment
      }
      if (isFinal(now.status)) return
    }
  }

  /** Says something to the people who are asked. */
  async comment(body: string): Promise<Comment> {
    return this.client.tasks.comment(this.id, { body })
  }

  /** Changes what is asked; decisions on the earlier content count no more. */
  async revise(revision: ReviseTask): Promise<Task> {
    return this.client.tasks.revise(this.id, revision)
  }

  /** Tells, once and after the end, what became of the answer. */
  async reportOutcome(outcome: ReportOutcome): Promise<Task> {
    return this.client.tasks.reportOutcome(this.id, outcome)
  }

  /** Withdraws the question. */
  async cancel(reason?: string): Promise<Task> {
    return this.client.tasks.cancel(this.id, reason === undefined ? {} : { reason })
  }

  /** What a final poll result means to the asker; used by `wait.any` and `wait.all` too. */
  async settle(result: PollResult): Promise<T> {
    // Asked without a schema, T is unknown or the caller's own word; with one, the schema that made T has just said so.
    return (await answerOf(this.id, result, this.#schema)) as T
  }

  /** Whether the schema of this question looks at answers before they count (T129). */
  get judges(): boolean {
    return this.#schema?.checksMore === true
  }

  /** Says of an answer that waits for it whether the schema takes it; the person hears why not, and answers again. */
  async judge({ candidate }: PollResult, options: WaitingOptions = {}): Promise<void> {
    if (!candidate || !this.#schema) return
    const checked = await this.#schema.check(candidate.response)
    const errors = checked.ok ? [] : checked.errors
    const body = {
      passed: checked.ok,
      decision_id: candidate.decision_id,
      reason: checked.ok
        ? null
        : (errors.map(({ message }) => message).join('\n') || 'This answer cannot be used.').slice(0, 4_000),
      field_errors: errors
        .slice(0, 50)
        .map(({ path, message }) => ({ path: path.slice(0, 500), message: message.slice(0, 2_000) || 'does not fit' })),
    }
    try {
      const params = { id: this.id }
      await this.client.call('POST /tasks/:id/verification', { params, body, ...enduring(this.client, this.#patient(options)) })
    } catch (error) {
      // Another process of ours was quicker, or the task ended meanwhile: the next look says how it stands.
      if (!(error instanceof Problem) || error.status !== 409) throw error
    }
  }

  async #result(options: WaitingOptions): Promise<PollResult> {
    const waiting = { ...this.#waiting, ...options }
    const patient = this.#patient(options)
    try {
      const judge = this.judges ? (found: PollResult) => this.judge(found, options) : undefined
      return await waitUntilFinal(this.client, this.id, { ...patient, judge })
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

/** Whether the question could be withdrawn. */
export const withdraw = (handle: TaskHandle<unknown>): Promise<boolean> =>
  handle.cancel('The asking program gave up waiting.').then(
    () => true,
    () => false, // settled meanwhile, or not to be reached: either way it was not withdrawn
  )
