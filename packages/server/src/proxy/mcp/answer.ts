// The answer of an MCP server in which lists of tools are narrowed (V99): a whole one is read before anything of it is said, so that it can still be refused; a stream of
// events is narrowed as it comes. Holds no more than one answer, or one event, of a megabyte.
import { type Field, ignore, type Sink } from '../flow.ts'
import type { McpLists } from '../gatekeeper.ts'
import { valuesOf } from '../http1/head.ts'
import type { Length } from '../http1/writer.ts'
import type { AnswerHead } from '../message.ts'
import { eventSink } from './events.ts'
import { ListUnreadable, MOST_LIST, narrowLists } from './list.ts'

export type Answering = {
  /** The answer begins; called once, or never. */
  begin(length: Length): Sink
  /** Nothing of it was said, and nothing will be. */
  refuse(why: unknown): void
  /** It broke off on its way here. */
  lost(): void
  /** It was begun and cannot go on. */
  cut(why: unknown): void
}

const isEvents = (fields: readonly Field[]): boolean =>
  /^text\/event-stream(?:$|[;\s])/i.test(valuesOf(fields, 'content-type')[0] ?? '')

/** Whether this answer is to be read. Only what succeeded carries a list; a stream of no request of ours is one of events, or nobody's list. */
export const isNarrowed = ({ ids }: McpLists, { status, bodyless, fields }: AnswerHead): boolean =>
  status >= 200 && status < 300 && !bodyless && (ids !== null || isEvents(fields))

export function narrowed(head: AnswerHead, lists: McpLists, to: Answering): Sink {
  if (isEvents(head.fields)) return eventSink(to.begin(null), lists, (why) => to.cut(why))
  const kept: Buffer[] = []
  let size = 0
  let open = true
  const over = (how: () => void): void => {
    if (!open) return
    open = false
    how()
  }
  return {
    drained: ignore,
    write(chunk) {
      size += chunk.length
      if (size > MOST_LIST) over(() => to.refuse(new ListUnreadable()))
      else if (open) kept.push(chunk)
      return true
    },
    end() {
      const body = Buffer.concat(kept)
      // Nothing to read: a message that needed no answer.
      const read = body.length === 0 ? Promise.resolve(body) : narrowLists(body, lists)
      read.then(
        (bytes) =>
          over(() => {
            const sink = to.begin(bytes.length)
            if (bytes.length > 0) sink.write(bytes)
            sink.end([])
          }),
        (why: unknown) => over(() => to.refuse(why)),
      )
    },
    abort: () => over(() => to.lost()),
  }
}
