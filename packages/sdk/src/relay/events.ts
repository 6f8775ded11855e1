// The events of a thread, each once and in order, over as many connections as it takes. Each names the one before it, so that a gap is seen and not believed. Ends with the
// thread; forgets nothing and invents nothing.

import { streamEvents } from '../live.ts'
import { Problem } from '../problem.ts'
import type { ThreadEvent } from '../wire.ts'
import type { Tokens } from './tokens.ts'

/** One numbered fact of a thread, and the number of the one before it. */
export type NumberedEvent = ThreadEvent & { previous_sequence: number }

/** How to follow a thread. */
export type EventsOptions = {
  /** The sequence of the last event seen; 0 for all of them. */
  after?: number
  signal?: AbortSignal
  /** Let the process end although the stream is waiting to reconnect. */
  unref?: boolean
  /** How many failures in a row end it; without a number it goes on for ever. */
  attempts?: number
  /** Called whenever a connection stands. */
  onOpen?: () => void
}

const ENDED = new Set(['closed', 'failed', 'rejected', 'revoked', 'expired'])
export const isEnded = ({ state }: { state: string }): boolean => ENDED.has(state)

/** Read again from the last number that was believed; a server that skips it so often skips it for good. */
const GAPS = 3

export async function* followThread(tokens: Tokens, threadId: string, options: EventsOptions): AsyncGenerator<NumberedEvent> {
  const path = `/threads/${encodeURIComponent(threadId)}/events`
  const transport = {
    ...tokens.own.transport,
    open: async (...call: Parameters<typeof tokens.own.transport.open>) => (await tokens.of(threadId)).transport.open(...call),
  }
  const { after = 0, signal, unref, attempts, onOpen } = options
  let last = after
  const isOver = async () => {
    const thread = await (await tokens.of(threadId)).call('GET /threads/:id', { params: { id: threadId }, signal })
    return isEnded(thread) && thread.sequence <= last
  }
  const stop = tokens.keep(threadId)
  try {
    for (let gaps = 0; ; ) {
      let hasGap = false
      const lastEventId = last === 0 ? '' : String(last)
      for await (const { data } of streamEvents<NumberedEvent>(transport, path, {
        ...{ lastEventId, signal, unref, attempts, onOpen, isOver },
      })) {
        if (data.sequence <= last) continue
        if (data.previous_sequence !== last) {
          hasGap = true
          break
        }
        gaps = 0
        last = data.sequence
        yield data
      }
      if (!hasGap) return
      gaps++
      if (gaps === GAPS)
        throw new Problem('answer_unreadable', {
          detail: `The events of ${threadId} have a gap after ${last}.`,
          http_status: 200,
        })
    }
  } finally {
    stop()
  }
}
