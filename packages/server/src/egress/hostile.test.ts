// Receivers that mean harm (P102, A31): each is met many times (a thousand in the long run, FAULTS=long), is cut at the caps, and leaves nothing behind.
import { createServer as createTcp, type Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import { parseAllowed } from './address.ts'
import type { Failed } from './failure.ts'
import { type EgressRequest, openDoor } from './fetch.ts'
import { openGuard } from './guard.ts'

const TIMES = process.env.FAULTS === 'long' ? 1_000 : 150
const AT_ONCE = 50
const GROWTH_MB = 50

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n'
const CHUNK = Buffer.alloc(64 * 1024, 'a')
const BOMB = gzipSync(Buffer.alloc(20_000_000))

/** Writes as fast as the other side reads, for as long as it does. */
function flood(socket: Socket, chunk: Buffer): void {
  const pour = () => {
    while (!socket.destroyed && socket.write(chunk));
  }
  socket.on('drain', pour)
  pour()
}

const HOSTILE: Record<string, { behave(socket: Socket): void; more?: Partial<EgressRequest>; failed: Failed[]; tls?: true }> = {
  'a drip of one byte at a time': {
    behave: (socket) => {
      socket.write(`${HEAD}Content-Length: 1000000\r\n\r\n`)
      const drip = setInterval(() => socket.write('a'), 10)
      socket.on('close', () => clearInterval(drip))
    },
    more: { caps: { wholeMs: 100 } },
    failed: ['timeout'],
  },
  'a body of a gigabyte': {
    behave: (socket) => {
      socket.write(`${HEAD}Content-Length: 1073741824\r\n\r\n`)
      flood(socket, CHUNK)
    },
    more: { caps: { bodyBytes: 200_000 } },
    failed: ['too_large'],
  },
  'a gzip bomb': {
    behave: (socket) => {
      socket.write(`${HEAD}Content-Encoding: gzip\r\nContent-Length: ${BOMB.length}\r\n\r\n`)
      socket.end(BOMB)
    },
    failed: ['too_large'],
  },
  'ten thousand headers': {
    behave: (socket) => socket.end(`${HEAD}${Array.from({ length: 10_000 }, (_, i) => `x-${i}: y\r\n`).join('')}\r\n`),
    failed: ['too_large'],
  },
  'a header without an end': {
    behave: (socket) => {
      socket.write(`${HEAD}x-long: `)
      flood(socket, CHUNK)
    },
    failed: ['too_large'],
  },
  'a first line that never comes': {
    behave: (socket) => void socket.write('HTTP/1.1 200'),
    more: { caps: { headersMs: 50, wholeMs: 3_000 } },
    failed: ['timeout'],
  },
  'broken TLS': { behave: (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'), tls: true, failed: ['tls'] },
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** What this thread holds: other tests share the process, so its resident memory says nothing of us. */
function heldMb(): number {
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / 1_048_576
}

test.each(Object.entries(HOSTILE))(
  'P102 A31 %s, again and again: cut at the cap, the slot is free again, memory stays flat',
  async (_, hostile) => {
    const { behave, more, failed, tls } = hostile
    const sockets = new Set<Socket>()
    const server = createTcp((socket) => {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => sockets.delete(socket))
      socket.once('data', () => behave(socket))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    })
    const { port } = server.address() as { port: number }
    const guard = openGuard({ allowed: [parseAllowed(`127.0.0.1:${port}`) as never] })
    const door = openDoor({ guard, installation: 'rig', version: '0' })
    onTestFinished(() => door.close())
    // Eight tenants, so that as many pools are in use.
    const meet = (nth: number) =>
      door.fetch({ tenantId: `t${nth % 8}`, url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}/`, ...more })
    const meetAll = async (times: number) => {
      const seen = new Map<string, number>()
      let next = 0
      await Promise.all(
        Array.from({ length: AT_ONCE }, async () => {
          while (next < times) {
            const answer = await meet(next++)
            const name = 'failed' in answer ? answer.failed : String(answer.status)
            seen.set(name, (seen.get(name) ?? 0) + 1)
          }
        }),
      )
      return [...seen]
    }
    await meetAll(AT_ONCE) // what is made once is made
    const before = heldMb()
    expect(await meetAll(TIMES)).toEqual(failed.map((name) => [name, TIMES]))
    await expect.poll(() => sockets.size, { timeout: 20_000 }).toBe(0)
    expect(heldMb() - before).toBeLessThan(GROWTH_MB)
  },
  120_000,
)
