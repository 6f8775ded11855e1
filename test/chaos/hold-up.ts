// A26: a paused queue, jobs that run all the while and a dump hold the ring up, while another queue is worked. Measures what becomes of the disk and of the
// claims, and whether a copy made meanwhile holds whatever was pending. Judges nothing: who plays it does.
import { setTimeout as pause } from 'node:timers/promises'
import { enqueueMany } from '@countersign/queue'
import type { Arena } from './arena.ts'
import { besideArena, copyDatabase, notLiveIn, watchClaims } from './dump.ts'
import * as sql from './sql.ts'

export type Sizes = {
  /** Jobs that wait in a paused queue. */
  paused: number
  /** Jobs that run for so long. */
  running: { n: number; ms: number }
  /** For how long the dump keeps its snapshot, and for how long all of it lasts. */
  dumpMs: number
  ms: number
}
export type HeldUp = {
  /** Of the engine's tables and their indexes, in bytes, from beginning to end. */
  disk: number[]
  /** Claims that waited for a lock for longer than 100 ms. */
  waited: string[]
  /** Pending before the dump, and not in what was made of it. */
  missing: string[]
}

const BATCH = 1_000
const LOOKS = 60

export async function holdUp(arena: Arena, { paused, running, dumpMs, ms }: Sizes): Promise<HeldUp> {
  const { queue, ledger } = arena
  const place = await besideArena(arena)
  await queue.pause({ queue: 'cold' })
  const pending: string[] = []
  const tx = { query: async (text: string, values?: unknown[]) => ({ rows: await arena.look(text, values) }) }
  for (let left = paused; left > 0; left -= BATCH)
    pending.push(
      ...(await enqueueMany(
        tx,
        Array.from({ length: Math.min(BATCH, left) }, () => ({ kind: 'chaos', queue: 'cold' })),
      )),
    )
  const long = await queue.enqueueMany(
    Array.from({ length: running.n }, () => ({
      kind: 'chaos',
      queue: 'chaos',
      payload: { ms: running.ms },
      deadline: running.ms + 60_000,
    })),
  )
  for (const id of long) ledger.accepted.set(id, performance.now())
  pending.push(...long)

  const claims = watchClaims(arena)
  const begun = performance.now()
  const disk: number[] = []
  const dumping = copyDatabase(arena, place, () => pause(dumpMs))
  dumping.catch(() => undefined) // it is awaited below, after the looks at the disk
  while (performance.now() - begun < ms) {
    disk.push((await arena.look<{ bytes: number }>(sql.engineBytes))[0]?.bytes ?? Number.NaN)
    await pause(ms / LOOKS)
  }
  await dumping
  const waited = await claims.seen()
  return { disk, waited, missing: await notLiveIn(place, pending) }
}

const TOLERANCE = 1.1

/** Whether what grew at first stopped growing: the last third never went a tenth above what the second had reached. */
export function levelsOff(samples: readonly number[]): boolean {
  const third = Math.floor(samples.length / 3)
  if (third === 0) return false
  return Math.max(...samples.slice(2 * third)) <= TOLERANCE * Math.max(...samples.slice(third, 2 * third))
}
