// How quickly jobs of a queue run in this process, and how many of them are worth holding ahead (Q90). Measures and counts; holds no job.

/** What is held ahead should start within this time; a handler above the other gets nothing ahead. */
const SOON_MS = 100
const LONG_MS = 1_000
const MOST_AHEAD = 512

export type Pace = {
  /** A handler of this queue took so long, in ms. */
  ran(queue: string, took: number): void
  /** A claim took so long. */
  claimed(took: number): void
  /** As many jobs of a queue of so many permits as start within a moment; `attempts` are those under way, the first begun first. */
  ahead(queue: string, size: number, attempts: Iterable<{ readonly startedAt: number }>): number
  /** How many waiting jobs will not be started before the next claim has answered, of `most`. */
  enough(most: number, runningOf: (queue: string) => number): number
}

export function makePace(): Pace {
  /** By queue: quick to learn that handlers are slow, slow to believe that they are quick. */
  const tempos = new Map<string, number>()
  let claimMs = 1
  return {
    ran(queue, took) {
      const tempo = tempos.get(queue) ?? took
      tempos.set(queue, took > tempo ? (tempo + took) / 2 : tempo * 0.9 + took * 0.1)
    },
    claimed(took) {
      claimMs = claimMs * 0.9 + took * 0.1
    },
    ahead(queue, size, attempts) {
      const tempo = tempos.get(queue)
      if (tempo === undefined || tempo > LONG_MS) return 0
      const since = performance.now() - SOON_MS
      let free = size
      // Those that began first stand first; permits held for long free nobody soon.
      for (const attempt of attempts) {
        if (attempt.startedAt > since) break
        free--
      }
      return Math.max(0, Math.min(2 * size, MOST_AHEAD, Math.floor((SOON_MS / Math.max(tempo, 0.001)) * free)))
    },
    enough(most, runningOf) {
      let perMs = 0
      for (const [queue, tempo] of tempos) perMs += runningOf(queue) / Math.max(tempo, 0.001)
      return Math.min((most * 3) / 4, 1.5 * perMs * claimMs)
    },
  }
}
