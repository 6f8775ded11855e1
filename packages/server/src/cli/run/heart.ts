// The heartbeat of a run (V23): every 20 seconds, so that a command that was killed ends its run within 90. Says once when the run is over, or when nobody answers.
import { type Countersign, Problem } from '@countersign/sdk'

const BEAT_MS = 20_000
/** The server ends a run that was silent for so long. */
const LOST_MS = 90_000

export type Heart = { stop(): void }

/** Its first beat is through when this answers: from here on a run that falls silent ends. */
export async function openHeart(own: Countersign, note: (text: string) => void): Promise<Heart> {
  await beat(own)
  let last = performance.now()
  let hasSaid = false
  const say = (text: string): void => {
    if (!hasSaid) note(text)
    hasSaid = true
  }
  const timer = setInterval(() => {
    beat(own).then(
      () => {
        last = performance.now()
        hasSaid = false
      },
      (error: unknown) => {
        if (error instanceof Problem && (error.code === 'run_ended' || error.status === 401)) {
          clearInterval(timer)
          say('the run has ended; the command goes on, and the proxy lets nothing of it out')
        } else if (performance.now() - last > LOST_MS / 2)
          say('the server has not answered for a while: a run that is not heard of for 90 seconds is ended')
      },
    )
  }, BEAT_MS)
  timer.unref()
  return { stop: () => clearInterval(timer) }
}

const beat = (own: Countersign) => own.call('POST /runs/self/beat', { idempotency: 'none', attemptMs: 10_000 })
