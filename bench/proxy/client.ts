// One HTTP/1.1 request on an open connection, and its whole answer: for rows that look at single answers. Throughput has its own client, which reads less.
import type { Socket } from 'node:net'
import { reach, type Way } from './load.ts'

export type Answer = { status: number; head: string; body: string; firstByteAt: number }

export function ask(
  socket: Socket,
  { host, upstream }: Pick<Way, 'host' | 'upstream'>,
  path: string,
  more: { method?: string; headers?: Readonly<Record<string, string>> } = {},
): Promise<Answer> {
  const lines = Object.entries(more.headers ?? {}).map(([name, value]) => `${name}: ${value}\r\n`)
  return new Promise((resolve, reject) => {
    let text = ''
    let firstByteAt = 0
    const read = (chunk: Buffer) => {
      firstByteAt ||= performance.now()
      text += chunk.toString('latin1')
      const end = text.indexOf('\r\n\r\n')
      if (end < 0) return
      const length = Number(/content-length: (\d+)/i.exec(text.slice(0, end))?.[1] ?? 0)
      if (text.length < end + 4 + length) return
      leave()
      resolve({ status: Number(text.slice(9, 12)), head: text.slice(0, end), body: text.slice(end + 4), firstByteAt })
    }
    const gone = () => {
      leave()
      reject(new Error('The connection was closed.'))
    }
    const leave = () => {
      socket.off('data', read)
      socket.off('close', gone)
      socket.off('error', gone)
    }
    socket.on('error', gone)
    socket.on('data', read)
    socket.on('close', gone)
    socket.write(`${more.method ?? 'GET'} ${path} HTTP/1.1\r\nHost: ${host}:${upstream}\r\n${lines.join('')}\r\n`)
  })
}

/** On a connection of its own. */
export async function askOnce(way: Way, path: string, more: Parameters<typeof ask>[3] = {}): Promise<Answer> {
  const socket = await reach(way)
  try {
    return await ask(socket, way, path, more)
  } finally {
    drop(socket)
  }
}

export function drop(socket: Socket): void {
  socket.on('error', () => undefined)
  socket.destroy()
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
