// A file on its way out, written as fast as the client takes it and never held whole. What breaks before the first piece is an answer like any other; what
// breaks afterwards cuts the connection, so that nobody takes half a file for a whole one.
import type { Answer } from './answer.ts'
import type { Exchange } from './exchange.ts'
import { type Download, STREAMED } from './route.ts'

type Way = { exchange: Exchange; headers: Answer['headers']; signal: AbortSignal }

export async function sendDownload(file: Download, { exchange, headers, signal }: Way): Promise<Answer | typeof STREAMED> {
  const pieces = file.pieces[Symbol.asyncIterator]()
  const own = {
    'Content-Type': file.type,
    'Content-Disposition': `attachment; filename="${file.name}"`,
    'Cache-Control': 'no-store',
  }
  let piece = await pieces.next()
  const { outgoing } = exchange
  if (exchange.method === 'HEAD' || !outgoing) {
    let body = ''
    for (; exchange.method !== 'HEAD' && !piece.done; piece = await pieces.next()) body += piece.value
    await pieces.return?.()
    return { status: 200, headers: own, body }
  }
  outgoing.writeHead(200, { ...headers, ...own })
  try {
    for (; !piece.done && !signal.aborted && !outgoing.destroyed; piece = await pieces.next())
      if (!outgoing.write(piece.value)) await drained(outgoing, signal)
    if (piece.done) outgoing.end()
    else outgoing.destroy()
  } catch (error) {
    outgoing.destroy()
    throw error
  } finally {
    await pieces.return?.()
  }
  return STREAMED
}

const drained = (outgoing: NonNullable<Exchange['outgoing']>, signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    const done = () => {
      outgoing.off('drain', done)
      outgoing.off('close', done)
      signal.removeEventListener('abort', done)
      resolve()
    }
    outgoing.once('drain', done)
    outgoing.once('close', done)
    signal.addEventListener('abort', done, { once: true })
  })
