// One fault after another on one arena, each measured: what was clean, what was said, how long until all accepted before its end was settled, what came after.
import { setTimeout as pause } from 'node:timers/promises'
import { type Arena, recovered } from './arena.ts'
import type { Fault } from './faults.ts'
import { reckon, type Sums } from './ledger.ts'

export type Lengths = { cleanMs: number; faultMs: number; afterMs: number }
export type Suffered = {
  name: string
  said: string | null
  clean: number
  after: number
  /** From the end of the fault until everything accepted before is settled, in ms. */
  recoveredMs: number
}

export async function suffer(arena: Arena, fault: Fault, { cleanMs, faultMs, afterMs }: Lengths): Promise<Suffered> {
  const clean = cleanMs > 0 ? await rateOver(arena, cleanMs) : 0
  const said = await fault.strike(arena, faultMs)
  const recoveredMs = Math.round(await recovered(arena))
  const after = await rateOver(arena, afterMs)
  return { name: fault.name, said, clean, after, recoveredMs }
}

async function rateOver({ ledger }: Arena, ms: number): Promise<number> {
  const [before, begun] = [ledger.settledAt.length, performance.now()]
  await pause(ms)
  return ((ledger.settledAt.length - before) / (performance.now() - begun)) * 1000
}

/** Ends the enqueues, lets all settle, and holds what was said against what is there. */
export async function settleAccounts(arena: Arena): Promise<Sums> {
  await arena.hush()
  await recovered(arena)
  return reckon(arena.ledger, (id) => arena.queue.job(id))
}

export const spoken = ({ name, said, clean, after, recoveredMs }: Suffered): string =>
  `${name}${said ? ` (${said})` : ''}: all settled again after ${recoveredMs} ms, ${Math.round(after)} jobs/s of ${Math.round(clean)} clean`
