// A question to a human from a node of a graph (T142): the task is made first, then the graph is interrupted, so that neither a killed process nor a second
// run of the node asks twice. What the graph is resumed with is only a hint: the answer is read from the server.
// Peer: @langchain/langgraph. It never keeps a graph waiting inside a node.

import { Command, interrupt } from '@langchain/langgraph'
import { ask } from '../await-human.ts'
import { canonicalJson, sha256Hex } from '../canonical.ts'
import { Countersign } from '../client.ts'
import type { AskOptions } from '../question.ts'
import type { AnswerOf, ResponseSchema } from '../schema/schema.ts'
import type { JsonSchema } from '../shapes.ts'
import { isFinal } from '../wait.ts'

/** As nodes are handed it. */
export type NodeConfig = { configurable?: Record<string, unknown>; metadata?: Record<string, unknown> }

/** What stands in the value of our interrupts. */
export type Waiting = { countersign: { task_id: string; url: string } }

type Pad = { interruptCounter: number; resume: readonly unknown[] }

/**
 * `awaitHuman` for a node: interrupts the graph until a person has answered. The second argument is the config of the node.
 *
 * @example
 * ```ts
 * import { awaitHuman } from '@countersign/sdk/langgraph'
 * import { z } from 'zod'
 * const review = async (state: { draft: string }, config: object) => {
 *   const answer = await awaitHuman({ task: 'Publish this?', payload: state, response: z.object({ ok: z.boolean() }), timeout: '1d' }, config)
 *   return { published: answer.ok }
 * }
 * console.log(typeof review)
 * ```
 */
export async function awaitHuman<S extends ResponseSchema>(options: AskOptions<S>, config: NodeConfig): Promise<AnswerOf<S>>
export async function awaitHuman<T>(options: AskOptions<JsonSchema>, config: NodeConfig): Promise<T>
export async function awaitHuman(options: AskOptions, config: NodeConfig): Promise<unknown> {
  const place = placeOf(config)
  const handle = await ask({
    ...options,
    idempotencyKey: options.idempotencyKey ?? (await keyOf(place)),
    keyReuse: options.keyReuse ?? 'forever',
    metadata: { ...options.metadata, langgraph_thread_id: place.thread, langgraph_node: place.node },
  } as AskOptions<ResponseSchema>)
  const waiting: Waiting = { countersign: { task_id: handle.id, url: handle.url } }
  for (;;) {
    const result = await handle.client.tasks.get(handle.id, { signal: options.signal })
    if (isFinal(result.status)) {
      keepStep(place.pad, waiting)
      return handle.settle({ ...result, candidate: null })
    }
    // Throws, and the graph stops here; or gives what it was resumed with, which says no more than that it is time to look again.
    interrupt(waiting)
  }
}

/** The framework hands resume values out by counting calls: an answer that needs no interrupt any more takes the value that was meant for it. */
function keepStep(pad: Pad | undefined, waiting: Waiting): void {
  if (pad && pad.interruptCounter + 1 < pad.resume.length) interrupt(waiting)
}

const asked = new WeakMap<object, number>()

type Place = { thread: string; node: string; run: string; position: number; pad: Pad | undefined }

/** Where in which graph a question stands; the same when the node runs again for the same step, and another at the next visit. */
function placeOf({ configurable, metadata }: NodeConfig): Place {
  const thread = configurable?.thread_id
  if (configurable === undefined || typeof thread !== 'string')
    throw new TypeError('Pass the config of the node to awaitHuman, and run the graph with a thread_id and a checkpointer.')
  // Its own for each run of a node.
  const pad = configurable.__pregel_scratchpad as Pad | undefined
  const counter = pad ?? configurable
  const position = asked.get(counter) ?? 0
  asked.set(counter, position + 1)
  return {
    thread,
    node: String(metadata?.langgraph_node ?? ''),
    // Holds the step and the task of the node: a loop that comes here again asks anew.
    run: String(configurable.checkpoint_ns ?? metadata?.langgraph_checkpoint_ns ?? ''),
    position,
    pad,
  }
}

const keyOf = async ({ thread, node, run, position }: Place): Promise<string> =>
  `langgraph:${(await sha256Hex(canonicalJson({ node, position, run, thread }))).slice(0, 32)}`

// biome-ignore lint/suspicious/noExplicitAny: for a graph of any state and any nodes
type AnyCommand = Command<unknown, any, any>

/** As much of a compiled graph as is needed here. */
export type Graph = {
  getState(config: { configurable: { thread_id: string } }): Promise<{
    values: unknown
    tasks: readonly { interrupts?: readonly { id?: string; value?: unknown }[] }[]
  }>
  invoke(input: AnyCommand, config: { configurable: { thread_id: string } }): Promise<unknown>
}

export type Pending = { interruptId: string; taskId: string; url: string }

/** The questions that a thread waits for. */
export async function pendingQuestions(graph: Graph, threadId: string): Promise<Pending[]> {
  const { tasks } = await graph.getState(threadOf(threadId))
  return tasks.flatMap(({ interrupts = [] }) =>
    interrupts.flatMap(({ id, value }) => {
      const about = (value as Partial<Waiting> | null | undefined)?.countersign
      return id && about ? [{ interruptId: id, taskId: about.task_id, url: about.url }] : []
    }),
  )
}

const threadOf = (threadId: string) => ({ configurable: { thread_id: threadId } })

/**
 * Resumes the thread that an event is about, by the id of its interrupt; false when no thread waits for that task any more. For a receiver of webhooks,
 * with an event that was verified.
 */
export async function resumeWith(
  graph: Graph,
  event: { data: Record<string, unknown> },
  options: { client?: Countersign } = {},
): Promise<boolean> {
  const resource = event.data.resource as { type?: string; id?: string } | undefined
  const taskId = resource?.id ?? (event.data.task_id as string | undefined)
  if (typeof taskId !== 'string') return false
  const client = options.client ?? new Countersign()
  const task = await client.tasks.get(taskId)
  const threadId = (task.metadata as Record<string, unknown>).langgraph_thread_id
  if (typeof threadId !== 'string' || !isFinal(task.status)) return false
  const found = (await pendingQuestions(graph, threadId)).find((one) => one.taskId === taskId)
  if (!found) return false
  await graph.invoke(new Command({ resume: { [found.interruptId]: event } }), threadOf(threadId))
  return true
}

/** Waits for the answers of a thread and resumes it, again and again until it asks nothing more; for whoever has no address of their own. */
export async function resumeWhenAnswered(
  graph: Graph,
  threadId: string,
  options: { client?: Countersign; signal?: AbortSignal } = {},
): Promise<unknown> {
  const client = options.client ?? new Countersign()
  const { signal } = options
  for (;;) {
    const pending = (await pendingQuestions(graph, threadId)).slice(0, 100)
    if (pending.length === 0) return (await graph.getState(threadOf(threadId))).values
    const ids = pending.map((one) => one.taskId)
    const { final, tasks } = await client.tasks.wait({ ids, mode: 'any' }, { signal })
    const answered = pending.filter((one) => final.includes(one.taskId))
    if (answered.length === 0) continue
    const resume = Object.fromEntries(answered.map((one) => [one.interruptId, tasks[one.taskId]]))
    await graph.invoke(new Command({ resume }), threadOf(threadId))
  }
}
