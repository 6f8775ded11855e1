// Waits until a task is final, for as long as it takes. A stream tells early that something happened, a poll tells what: so a lost
// event costs nothing, and a server without streams costs one request in 25 seconds. It never decides that a task is over: the server does.

import type { Countersign } from './client.ts'
import { orAbort } from './clock.ts'
import { Problem } from './problem.ts'
import { tellTerminal } from './settings.ts'
import type { PollResult, TaskStatus, WaitResult } from './shapes.ts'
import { readEvents } from './sse.ts'

const FINAL: ReadonlySet<TaskStatus> = new Set<TaskStatus>(['completed', 'timed_out', 'cancelled', 'verification_exhausted'])
const POLL_SECONDS = 25
const JUDGING_SECONDS = 2
const GRACE_MS = 60_000
const QUIET_MS = 45_000 // the server says something at least every 15 s
const OPEN_MS = 10_000
const MUTE_STREAMS = 3 // after so many in a row that ended without a byte there is no fourth

export const isFinal = (status: TaskStatus) => FINAL.has(status)

export type WaitOptions = {
  signal?: AbortSignal
  unref?: boolean
  /** When the server ends the task by itself, in ms since epoch; failures are survived until a minute after. */
  deadline: number
  /** Looks at an answer that waits for the word of whoever asked. */
  judge?: (result: PollResult) => Promise<void>
}

/** T136. Rejects with the signal's reason as soon as it aborts. */
export async function waitUntilFinal(client: Countersign, taskId: string, options: WaitOptions): Promise<PollResult> {
  const done = new AbortController()
  const abort = () => done.abort(options.signal?.reason)
  options.signal?.addEventListener('abort', abort, { once: true })
  if (options.signal?.aborted) abort()
  try {
    return await orAbort(follow(client, taskId, { ...options, signal: done.signal }), done.signal)
  } finally {
    options.signal?.removeEventListener('abort', abort)
    done.abort(new Error('the wait is over'))
  }
}

async function follow(client: Countersign, taskId: string, options: Inner): Promise<PollResult> {
  let streams = true
  let mute = 0
  let seen = 0
  // Whoever has a word to say wants to hear of an answer at once and not only of the end.
  const look = async (seconds: number): Promise<PollResult> => {
    const result = await poll(client, taskId, { timeout: seconds, ...(options.judge ? { since_version: seen } : {}) }, options)
    seen = result.version
    await options.judge?.(result)
    return result
  }
  for (;;) {
    const live = streams ? await openLive(client, taskId, options) : null
    if (live === 'refused') streams = false
    const events = live === 'refused' ? null : live
    // Read after the stream stands: what happened before is in this answer, what happens later is told by the stream.
    let result = await look(events ? 1 : POLL_SECONDS)
    while (events && !isFinal(result.status) && (await events.next())) result = await look(1)
    events?.close()
    if (isFinal(result.status)) return result
    mute = events && !events.spoke() ? mute + 1 : 0
    if (mute >= MUTE_STREAMS) streams = false
  }
}

type Inner = WaitOptions & { signal: AbortSignal }

function poll(
  client: Countersign,
  taskId: string,
  query: { timeout: number; since_version?: number },
  options: Inner,
): Promise<PollResult> {
  return client.tasks.poll(taskId, query, enduring(client, options))
}

/** `next` is true when something happened and false when the connection is gone; `spoke` tells whether it ever said anything. */
type Live = { next(): Promise<boolean>; spoke(): boolean; close(): void }

/** `refused` when this server, or something before it, has no stream for us; null when it cannot be reached right now. */
async function openLive(client: Countersign, taskId: string, options: Inner): Promise<Live | 'refused' | null> {
  const { clock } = client.transport
  const cut = new AbortController()
  const abort = () => cut.abort(options.signal.reason)
  options.signal.addEventListener('abort', abort, { once: true })
  let stop = clock.timer(OPEN_MS, () => cut.abort(new Error('the stream did not open')), { unref: options.unref })
  const close = () => {
    stop()
    options.signal.removeEventListener('abort', abort)
    cut.abort(new Error('the stream is not needed any more'))
  }
  let spoke = false
  const watch = () => {
    stop()
    stop = clock.timer(QUIET_MS, () => cut.abort(new Error('the stream fell silent')), { unref: options.unref })
  }
  const alive = () => {
    spoke = true
    watch()
  }
  try {
    const body = await client.transport.open(`/tasks/${encodeURIComponent(taskId)}/stream`, { signal: cut.signal })
    watch()
    const events = readEvents(body, '', { alive })
    const next = async () => {
      try {
        return !(await orAbort(events.next(), cut.signal)).done
      } catch (error) {
        if (options.signal.aborted) throw error
        return false // cut: the next round opens another
      }
    }
    return { next, spoke: () => spoke, close }
  } catch (error) {
    close()
    if (options.signal.aborted) throw error
    // A limit on streams is no limit on waits, and whatever else was answered instead of a stream will be answered again.
    return error instanceof Problem ? 'refused' : null
  }
}

/** For one call: repeated until a minute after the deadline, or for a minute from its first failure if that is later. */
export function enduring(client: Countersign, options: WaitOptions) {
  return {
    signal: options.signal,
    unref: options.unref,
    patience: (firstFailure: number) => Math.max(options.deadline, firstFailure) + GRACE_MS,
    onRetry: (problem: Problem) => tellTerminal(`Countersign: ${problem.message}; trying again (${client.settings.url}).`),
  }
}

/** Waits for several at once, by one request at a time. */
export async function waitForSeveral(
  client: Countersign,
  ids: string[],
  mode: 'any' | 'all',
  options: WaitOptions,
): Promise<WaitResult> {
  for (;;) {
    const timeout = options.judge ? JUDGING_SECONDS : POLL_SECONDS
    const result = await client.tasks.wait({ ids, mode, timeout }, enduring(client, options))
    if (options.judge) for (const each of Object.values(result.tasks)) await options.judge(each)
    if (mode === 'any' ? result.final.length > 0 : result.final.length === new Set(ids).size) return result
  }
}
