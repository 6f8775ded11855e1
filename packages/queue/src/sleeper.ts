// A sleep that somebody may cut short. A call that comes while nobody sleeps shortens the next sleep, so none is lost.
import type { Clock } from './host.ts'

export type Sleeper = {
  sleep(ms: number): Promise<void>
  rouse(): void
  /** Forgets calls up to now: whoever calls this is about to look anyway. */
  attend(): void
}

export function makeSleeper(clock: Clock): Sleeper {
  let roused = false
  let wake: (() => void) | undefined
  return {
    sleep: (ms) =>
      new Promise((resume) => {
        const done = () => {
          cancel()
          wake = undefined
          roused = false
          resume()
        }
        const cancel = clock.timer(ms, done)
        wake = done
        if (roused) done()
      }),
    rouse() {
      roused = true
      wake?.()
    },
    attend() {
      roused = false
    },
  }
}
