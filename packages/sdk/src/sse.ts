// Reads a server-sent event stream as the HTML standard defines it. It reconnects nothing and times nothing: that is its caller's work.

/** One event of a stream; `id` is the last id seen so far. */
export type StreamEvent = { id: string; event: string; data: string }

/** What a reader learns beside events: that something arrived at all, and how long the server asks to wait before reconnecting. */
type Notes = { alive?: () => void; retry?: (ms: number) => void }

export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  lastEventId = '',
  notes: Notes = {},
): AsyncGenerator<StreamEvent> {
  let id = lastEventId
  let event = ''
  let data: string[] = []
  for await (const line of lines(body, notes.alive)) {
    if (line === '') {
      if (data.length > 0) yield { id, event: event || 'message', data: data.join('\n') }
      event = ''
      data = []
      continue
    }
    const colon = line.indexOf(':')
    if (colon === 0) continue // a comment
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (field === 'data') data.push(value)
    else if (field === 'event') event = value
    else if (field === 'id' && !value.includes('\0')) id = value
    else if (field === 'retry' && /^\d+$/.test(value)) notes.retry?.(Number(value))
  }
}

async function* lines(body: ReadableStream<Uint8Array>, alive?: () => void): AsyncGenerator<string> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return // an event without its empty line was cut and does not count
      alive?.()
      rest += decoder.decode(value, { stream: true })
      // A CR at the very end may be the first half of CRLF: it waits for the next chunk.
      const parts = rest.split(/\r\n|\n|\r(?!$)/)
      rest = parts.pop() ?? ''
      yield* parts
    }
  } finally {
    await reader.cancel().catch(() => undefined) // the connection may be gone already, which is what cancelling wants
  }
}
