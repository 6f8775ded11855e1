// A stream of events with the lists of tools in it narrowed (V99). Only the data of the event that carries one is rewritten; every other event goes on as it came, the
// moment that it ends, and what stands outside of data at once. Data that cannot be read ends the stream: nobody may take what came for the whole.
import { type Field, ignore, type Sink } from '../flow.ts'
import type { McpLists } from '../gatekeeper.ts'
import { ListUnreadable, MOST_LIST, narrowLists } from './list.ts'

const [LF, CR] = [0x0a, 0x0d]
const BOM = Buffer.from([0xef, 0xbb, 0xbf])

/** `broken`: what came cannot be read or judged; called once, and nothing goes to `to` any more. */
export function eventSink(to: Sink, lists: McpLists, broken: (why: unknown) => void): Sink {
  const queue: Buffer[] = []
  let ended: readonly Field[] | null = null
  let running = false
  let open = true
  let room = true
  /** What may go on, as one piece. */
  let ready: Buffer[] = []
  /** Of the line that has not ended. */
  let line: Buffer[] = []
  let size = 0
  let isFirst = true
  let awaitsLf = false
  /** The event's lines from its first data on, as they came, and what of them is data. */
  let raw: Buffer[] = []
  let others: Buffer[] = []
  let data: string[] = []

  function leave(): void {
    if (ready.length === 0 || !open) return
    room = to.write(Buffer.concat(ready))
    ready = []
  }

  function hold(bytes: Buffer): void {
    size += bytes.length
    if (size > MOST_LIST) throw new ListUnreadable()
  }

  async function endEvent(): Promise<void> {
    const text = data.join('\n')
    const first = text.trimStart()[0]
    if (first === '{' || first === '[') {
      leave()
      const bytes = Buffer.from(text, 'latin1')
      const kept = await narrowLists(bytes, lists)
      if (kept === bytes) ready.push(...raw)
      else ready.push(...others, Buffer.from(kept.toString('latin1').replace(/^/gm, 'data: ')), Buffer.from('\n'))
    } else ready.push(...raw)
    raw = []
    others = []
    data = []
  }

  async function endLine(end: Buffer): Promise<void> {
    const whole = Buffer.concat(line)
    line = []
    const said = isFirst && whole.subarray(0, 3).equals(BOM) ? whole.subarray(3) : whole
    isFirst = false
    if (said.length === 0) {
      if (data.length > 0) await endEvent()
      size = 0
      ready.push(whole, end)
      return
    }
    const text = said.toString('latin1')
    const isData = text === 'data' || text.startsWith('data:')
    if (isData) data.push(text.slice(5).replace(/^ /, ''))
    else if (data.length > 0) others.push(whole, end)
    if (data.length > 0) raw.push(whole, end)
    else {
      ready.push(whole, end)
      size = 0
    }
  }

  async function take(chunk: Buffer): Promise<void> {
    let at = 0
    if (awaitsLf && chunk[0] === LF) {
      // Its line ended with the piece before.
      if (data.length > 0) raw.push(Buffer.from([LF]))
      else ready.push(Buffer.from([LF]))
      at = 1
    }
    awaitsLf = false
    while (at < chunk.length && open) {
      let end = at
      while (end < chunk.length && chunk[end] !== LF && chunk[end] !== CR) end++
      const piece = Buffer.from(chunk.subarray(at, end))
      hold(piece)
      if (piece.length > 0) line.push(piece)
      if (end === chunk.length) break
      at = end + 1
      if (chunk[end] === CR) {
        if (at === chunk.length) awaitsLf = true
        else if (chunk[at] === LF) at++
      }
      await endLine(Buffer.from(chunk.subarray(end, at)))
    }
  }

  async function finish(trailers: readonly Field[]): Promise<void> {
    // Readers differ in whether an event counts that nothing ended.
    if (line.length > 0) await endLine(Buffer.alloc(0))
    if (data.length > 0) await endEvent()
    leave()
    if (!open) return
    open = false
    to.end(trailers)
  }

  async function run(): Promise<void> {
    running = true
    try {
      for (let chunk = queue.shift(); chunk !== undefined && open; chunk = queue.shift()) {
        await take(chunk)
        leave()
      }
      if (open && ended) await finish(ended)
    } catch (error) {
      if (!open) return
      open = false
      broken(error)
    } finally {
      running = false
    }
    if (open && room) sink.drained()
  }
  const begin = (): void => {
    if (!running) void run()
  }

  const sink: Sink = {
    drained: ignore,
    write(chunk) {
      queue.push(chunk)
      begin()
      return !running && room
    },
    end(trailers) {
      ended = trailers
      begin()
    },
    abort() {
      if (!open) return
      open = false
      to.abort()
    },
  }
  to.drained = () => {
    room = true
    if (!running) sink.drained()
  }
  return sink
}
