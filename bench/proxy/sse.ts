// Many event streams at once: how long an event takes from the service's hand to the client's, and what a stream costs the proxy in memory. Each stream says once a
// second what time it is, none at the same moment as the next.
import type { Socket } from 'node:net'
import { percentile } from '../figure.ts'
import { drop, pause } from './client.ts'
import { reach, type Way } from './load.ts'
import type { Rig } from './rig.ts'
import type { Options } from './rows.ts'
import { grownBy } from './stream.ts'

const AT_ONCE = 20
const now = (): number => performance.timeOrigin + performance.now()

export async function sse(rig: Rig, { quick, say }: Options): Promise<void> {
  const count = quick ? 100 : 1_000
  const ms = quick ? 1_500 : 10_000
  const direct = await listen(rig.direct, count, ms)
  const { grown, result: ours } = await grownBy(rig, () => listen(rig.ours, count, ms))
  const p99 = percentile(ours, 0.99)
  say({
    ...{ bench: 'proxy-sse', metric: `delay of an event, ${count} streams, p99`, unit: 'ms', ours: p99 },
    ...{ peer_name: 'direct', peer: percentile(direct, 0.99), goal: '<= 5', met: p99 <= 5 },
  })
  const each = (grown * 1_024) / count
  say({
    ...{ bench: 'proxy-sse', metric: `memory of a stream, ${count} streams`, unit: 'KiB', ours: each },
    ...{ peer_name: null, peer: null, goal: '<= 64', met: each <= 64 },
  })
}

/** The delays of all events once every stream flows. */
async function listen(way: Way, count: number, ms: number): Promise<number[]> {
  const sockets: Socket[] = []
  const delays: number[] = []
  let counts = false
  try {
    while (sockets.length < count)
      sockets.push(
        ...(await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - sockets.length) }, () => open(way, seen)))),
      )
    await pause(200)
    counts = true
    await pause(ms)
    counts = false
    return delays
  } finally {
    for (const socket of sockets) drop(socket)
  }
  function seen(at: number): void {
    if (counts) delays.push(Math.max(0, now() - at))
  }
}

async function open(way: Way, seen: (at: number) => void): Promise<Socket> {
  const socket = await reach(way)
  await new Promise<void>((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => {
      const text = chunk.toString('latin1')
      if (text.startsWith('HTTP/1.1')) {
        if (text.startsWith('HTTP/1.1 200')) return resolve()
        return reject(new Error(text))
      }
      for (const [, at] of text.matchAll(/data: ([\d.]+)\n/g)) seen(Number(at))
    })
    socket.write(`GET /events HTTP/1.1\r\nHost: ${way.host}:${way.upstream}\r\nAccept: text/event-stream\r\n\r\n`)
  })
  return socket
}
