// One large body down and one up, with redaction on: what the proxy's memory grows by meanwhile, and how fast it is beside the same without it.
import type { Socket } from 'node:net'
import { drop, pause } from './client.ts'
import { reach, type Way } from './load.ts'
import type { Rig } from './rig.ts'
import type { Options } from './rows.ts'

const PIECE = Buffer.alloc(65_536, 'a body of many bytes that holds no credential, ')
const SAMPLE_MS = 20

export async function streams(rig: Rig, { quick, say }: Options): Promise<void> {
  const bytes = quick ? 128 * 2 ** 20 : 2 ** 30
  const size = quick ? '128 MiB' : '1 GiB'
  for (const [way, move] of [
    ['down', down],
    ['up', up],
  ] as const) {
    // Buffers of the process that it keeps are there before anybody measures what grows.
    await move(rig.ours, 16 * 2 ** 20)
    const direct = await move(rig.direct, bytes)
    const { grown, result: ours } = await grownBy(rig, () => move(rig.ours, bytes))
    const said = { bench: 'proxy-stream', unit: 'MiB/s', peer_name: 'direct', peer: direct }
    say({ ...said, metric: `${size} ${way}, redaction on`, ours, goal: '>= 0.6', met: ours >= 0.6 * direct })
    say({
      ...{ bench: 'proxy-stream', metric: `growth of resident memory, ${size} ${way}`, unit: 'MB', ours: grown },
      ...{ peer_name: null, peer: null, goal: '< 64', met: grown < 64 },
    })
  }
}

export async function grownBy<T>(rig: Rig, work: () => Promise<T>): Promise<{ grown: number; result: T }> {
  const { part } = rig.proxies[0].part
  const before = part.residentMb()
  let most = before
  const timer = setInterval(() => {
    most = Math.max(most, part.residentMb())
  }, SAMPLE_MS)
  try {
    const result = await work()
    most = Math.max(most, part.residentMb())
    return { grown: most - before, result }
  } finally {
    clearInterval(timer)
  }
}

/** MiB a second. */
async function timed(way: Way, bytes: number, move: (socket: Socket, target: string) => Promise<void>): Promise<number> {
  const socket = await reach(way)
  const began = performance.now()
  await move(socket, `${way.host}:${way.upstream}`)
  const ms = performance.now() - began
  drop(socket)
  await pause(0)
  return bytes / 2 ** 20 / (ms / 1_000)
}

const down = (way: Way, bytes: number): Promise<number> =>
  timed(way, bytes, (socket, target) => {
    socket.write(`GET /bytes/${bytes} HTTP/1.1\r\nHost: ${target}\r\n\r\n`)
    return new Promise((resolve, reject) => {
      let left: number | null = null
      socket.on('data', (chunk: Buffer) => {
        if (left === null) {
          const end = chunk.indexOf('\r\n\r\n')
          if (!chunk.toString('latin1', 0, 12).startsWith('HTTP/1.1 200') || end < 0)
            return reject(new Error(chunk.toString('latin1', 0, 500)))
          left = bytes - (chunk.length - end - 4)
        } else left -= chunk.length
        if (left === 0) resolve()
      })
      socket.on('close', () => reject(new Error('The download broke off.')))
    })
  })

const up = (way: Way, bytes: number): Promise<number> =>
  timed(way, bytes, async (socket, target) => {
    const answered = new Promise<void>((resolve, reject) => {
      let text = ''
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1')
        if (!text.startsWith('HTTP/1.1 200'.slice(0, text.length))) reject(new Error(text))
        else if (text.includes(`{"length":${bytes}}`)) resolve()
      })
      socket.on('close', () => reject(new Error('The upload broke off.')))
    })
    answered.catch(() => undefined)
    socket.write(`POST /sink HTTP/1.1\r\nHost: ${target}\r\nContent-Type: text/plain\r\nContent-Length: ${bytes}\r\n\r\n`)
    for (let left = bytes; left > 0; left -= PIECE.length) {
      if (socket.destroyed) break
      const piece = left < PIECE.length ? PIECE.subarray(0, left) : PIECE
      if (!socket.write(piece)) await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), answered])
    }
    await answered
  })
