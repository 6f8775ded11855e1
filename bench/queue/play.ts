// One run of one system: a fresh database, a producer, a worker, and the reckoning at the end: every accepted job ran and none is left, or the run is void.
import { setTimeout as pause } from 'node:timers/promises'
import type { SystemName } from './contenders.ts'
import { type Actor, hire } from './crew.ts'
import type { Stage, Theatre } from './stage.ts'

export type Play = {
  theatre: Theatre
  producer: Actor
  worker: Actor
  /** Waits until `accepted` jobs ran, are acknowledged and gone; answers when that was. A job that is missing then ends the bench. */
  drained(accepted: number): Promise<{ at: number; ranAgain: number }>
}

const PATIENCE_MS = 120_000

export async function play<T>(stage: Stage, system: SystemName, act: (play: Play) => Promise<T>): Promise<T> {
  const [theatre, producer, worker] = await Promise.all([stage.open(system), hire(), hire()])
  worker.onProgress((handled) => producer.credit(handled))
  try {
    return await act({ theatre, producer, worker, drained: (accepted) => drained(theatre, [worker], accepted) })
  } finally {
    await Promise.all([producer.stop(), worker.stop()])
    await theatre.drop()
  }
}

async function drained(theatre: Theatre, workers: Actor[], accepted: number): Promise<{ at: number; ranAgain: number }> {
  const begun = performance.now()
  for (;;) {
    const tallies = await Promise.all(workers.map((worker) => worker.call('tally', null)))
    const distinct = sum(tallies.map((one) => one.distinct))
    const unacknowledged = sum(tallies.map((one) => one.unacknowledged))
    // Ours is done when its worker has every acknowledgement; a peer that cannot say so, when its table says so.
    if (distinct >= accepted && unacknowledged === 0 && (theatre.system === 'ours' || !(await theatre.isLive()))) {
      const at = performance.now()
      for (let looks = 0; await theatre.isLive(); looks++) {
        if (looks > 100) throw new Error(`${theatre.system}: jobs are left although all ${accepted} ran`)
        await pause(50)
      }
      if (distinct > accepted) throw new Error(`${theatre.system}: ${distinct} jobs ran, ${accepted} were accepted`)
      return { at, ranAgain: sum(tallies.map((one) => one.handled)) - distinct }
    }
    if (performance.now() - begun > PATIENCE_MS)
      throw new Error(`${theatre.system}: ${accepted - distinct} of ${accepted} jobs did not run within ${PATIENCE_MS} ms`)
    await pause(distinct >= accepted ? 2 : 10)
  }
}

export const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)
