// Bytes on their way through the proxy: pushed from a flow into a sink, slowed by the sink, never more in memory than one piece and what a socket holds (V87).
// A flow ends exactly once: by `end` with its trailers, or by `abort`. Nothing here knows HTTP.

/** Names as they were sent. */
export type Field = readonly [name: string, value: string]

export type Sink = {
  /** False: enough for now; `drained` is called when there is room again. */
  write(chunk: Buffer): boolean
  end(trailers: readonly Field[]): void
  /** The rest will never come. */
  abort(): void
  /** Set by whoever writes. */
  drained: () => void
}

export type Flow = {
  /** Begins to push; called once. */
  into(sink: Sink): void
  /** Nobody wants the rest. */
  abort(): void
}

export const ignore = (): void => undefined

/** What passes through a step that changes bytes: the sink before it, whose room is that of the one behind it. */
export function step(to: Sink, change: Pick<Sink, 'write' | 'end'>): Sink {
  const sink: Sink = { write: change.write, end: change.end, abort: () => to.abort(), drained: ignore }
  to.drained = () => sink.drained()
  return sink
}

/** A flow of bytes that are here already. */
export function flowOf(bytes: Buffer): Flow {
  return {
    into(sink) {
      if (bytes.length > 0) sink.write(bytes)
      sink.end([])
    },
    abort: ignore,
  }
}

/** Tells of each piece that passes. */
export function watched(flow: Flow, seen: (bytes: number) => void): Flow {
  return {
    into: (sink) =>
      flow.into(
        step(sink, {
          write(chunk) {
            seen(chunk.length)
            return sink.write(chunk)
          },
          end: (trailers) => sink.end(trailers),
        }),
      ),
    abort: () => flow.abort(),
  }
}

/** A sink that takes one piece and waits, until somebody says where its flow goes. */
export function parked(): { sink: Sink; flow: Flow } {
  const kept: Buffer[] = []
  let target: Sink | null = null
  let ended: readonly Field[] | null = null
  let broken = false
  const sink: Sink = {
    drained: ignore,
    write(chunk) {
      if (target) return target.write(chunk)
      kept.push(chunk)
      return false
    },
    end(trailers) {
      ended = trailers
      target?.end(trailers)
    },
    abort() {
      broken = true
      target?.abort()
    },
  }
  return {
    sink,
    flow: {
      into(to) {
        target = to
        to.drained = () => sink.drained()
        for (const chunk of kept.splice(0)) to.write(chunk)
        if (broken) to.abort()
        else if (ended) to.end(ended)
        else sink.drained()
      },
      abort: ignore,
    },
  }
}

export type Held = {
  /** The whole body where it has at most so many bytes. What was read stays, and goes out first. */
  read(limit: number): Promise<Buffer | 'too_large'>
  flow: Flow
  /** True once the last byte of it is here. */
  whole(): Buffer | null
}

/** A body that may be looked at before it is sent on. */
export function hold(source: Flow): Held {
  const kept: Buffer[] = []
  let size = 0
  let started = false
  let ended: readonly Field[] | null = null
  let broken = false
  let target: Sink | null = null
  let look: (() => void) | null = null
  const full = () => look === null
  const gate: Sink = {
    write(chunk) {
      if (target) return target.write(chunk)
      kept.push(chunk)
      size += chunk.length
      look?.()
      return !full()
    },
    end(trailers) {
      ended = trailers
      if (target) target.end(trailers)
      else look?.()
    },
    abort() {
      broken = true
      if (target) target.abort()
      else look?.()
    },
    drained: ignore,
  }
  const begin = () => {
    if (started) return gate.drained()
    started = true
    source.into(gate)
  }
  return {
    read: (limit) =>
      new Promise((resolve, reject) => {
        const answer = (): boolean => {
          if (broken) reject(new Error('The body broke off.'))
          else if (size > limit) resolve('too_large')
          else if (ended) resolve(Buffer.concat(kept))
          else return false
          return true
        }
        if (answer()) return
        look = () => {
          if (answer()) look = null
        }
        begin()
      }),
    whole: () => (ended ? Buffer.concat(kept) : null),
    flow: {
      into(sink) {
        target = sink
        sink.drained = () => gate.drained()
        let room = true
        for (const chunk of kept.splice(0)) room = sink.write(chunk)
        if (broken) sink.abort()
        else if (ended) sink.end(ended)
        else if (!started || room) begin()
      },
      abort() {
        source.abort()
      },
    },
  }
}
