// A stream of HTTP/2 as flow and sink. Pieces are as large as DATA frames; a sink that is full pauses the stream, so the window of the other side closes.
import type { Http2Stream } from 'node:http2'
import { type Field, type Flow, ignore, type Sink } from '../flow.ts'

/** `name, value, name, value` as node hands them out, without the pseudo-header fields. */
export function pairs(raw: readonly string[]): Field[] {
  const fields: Field[] = []
  for (let i = 0; i < raw.length; i += 2) if (!raw[i]?.startsWith(':')) fields.push([raw[i] as string, raw[i + 1] as string])
  return fields
}

/** As node takes them: names in lower case, several values of one name in their order. */
export function headersOf(fields: readonly Field[]): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = Object.create(null)
  for (const [raw, value] of fields) {
    const name = raw.toLowerCase()
    const before = headers[name]
    headers[name] =
      before === undefined
        ? value
        : Array.isArray(before)
          ? [...before, value]
          : name === 'cookie'
            ? `${before}; ${value}`
            : [before, value]
  }
  return headers
}

/** What the other side sends. `trailers` are those that came before its end. */
export function flowOfStream(stream: Http2Stream): Flow {
  return {
    into(sink) {
      let open = true
      let trailers: readonly Field[] = []
      const finish = (how: () => void) => {
        if (open) how()
        open = false
      }
      sink.drained = () => void stream.resume()
      stream.on('trailers', (_headers, _flags, raw?: string[]) => {
        trailers = pairs(raw ?? [])
      })
      stream.on('data', (chunk: Buffer) => void (sink.write(chunk) || stream.pause()))
      stream.on('end', () => finish(() => sink.end(trailers)))
      stream.on('aborted', () => finish(() => sink.abort()))
      stream.on('close', () => finish(() => sink.abort()))
      if (stream.destroyed) finish(() => sink.abort())
    },
    abort: () => void stream.close(8),
  }
}

/** What is sent to the other side, behind headers that were sent with `waitForTrailers`. */
export function sinkOfStream(stream: Http2Stream, allow: (fields: readonly Field[]) => readonly Field[]): Sink {
  let trailers: readonly Field[] = []
  const sink: Sink = {
    drained: ignore,
    write: (chunk) => stream.destroyed || stream.write(chunk),
    end(fields) {
      trailers = allow(fields)
      if (!stream.destroyed) stream.end()
    },
    abort: () => void (stream.destroyed || stream.close(2)),
  }
  stream.on('drain', () => sink.drained())
  stream.on('wantTrailers', () => {
    if (stream.destroyed) return
    // None is an empty frame with the end in it; closing would take the other direction away too.
    stream.sendTrailers(headersOf(trailers))
  })
  return sink
}
