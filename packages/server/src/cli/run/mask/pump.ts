// From what the child writes to where the command's own stream leads, under a cover. Holds back the child when nobody reads; ends when its writers have ended.
import type { Readable, Writable } from 'node:stream'
import type { Cover } from './cover.ts'

const LATE_MS = 50
/** What left the child's group may keep the stream open for ever: when the child is gone, silence of this length is the end. */
const SILENT_MS = 250

export type Pump = { end(): Promise<void> }

export function openPump(from: Readable, to: Writable, cover: Cover): Pump {
  let late: NodeJS.Timeout | undefined
  let silence: NodeJS.Timeout | undefined
  let isEnding = false
  const write = (bytes: Buffer): boolean => bytes.length === 0 || to.write(bytes)
  let heard = 0
  const listen = (): void => {
    const before = heard
    const look = (): void => {
      if (heard === before) from.destroy()
    }
    clearTimeout(silence)
    // Only when one more look has found nothing: a process that was kept waiting itself has missed what stands there.
    if (isEnding) silence = setTimeout(() => setImmediate(look), SILENT_MS)
  }
  from.on('data', (chunk: Buffer) => {
    heard += 1
    clearTimeout(late)
    if (write(cover.push(chunk))) listen()
    else {
      clearTimeout(silence)
      from.pause()
      to.once('drain', () => {
        from.resume()
        listen()
      })
    }
    if (cover.dawdles()) late = setTimeout(() => write(cover.release('late')), LATE_MS)
  })
  // Nobody reads any more: the child hears of it as it would without us.
  const broke = (): void => void from.destroy()
  to.on('error', broke)
  const closed = new Promise<void>((resolve) => from.once('close', resolve))
  return {
    async end() {
      isEnding = true
      listen()
      await closed
      clearTimeout(silence)
      clearTimeout(late)
      const isOut = new Promise<void>((resolve) => to.write(cover.release('end'), () => resolve()))
      await isOut
    },
  }
}
