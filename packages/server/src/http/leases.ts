// What this process holds of things that may be open at once. However many there are, one timer and one statement renew them all, and those that end together are given back
// together. Knows no limit: whether there is room was said when a lease was taken. What cannot be given back ends by itself.
import type { Clock } from '../std/clock.ts'
import { together } from './together.ts'

export type Lease = { row: string; holder: string }

const RENEW_MS = 30_000
// Statements that give back, under way; what ends meanwhile goes with the next.
const AT_ONCE = 1

export function openLeases(
  clock: Clock,
  ask: { renew(all: readonly Lease[]): Promise<unknown>; release(all: readonly Lease[]): Promise<unknown> },
): (lease: Lease) => { release(): Promise<void> } {
  const held = new Set<Lease>()
  let cancel: (() => void) | null = null
  // A renewal that fails is tried again at the next turn: a lease lasts three of them.
  const renewLater = () => {
    cancel = clock.timer(RENEW_MS, () => {
      renewLater()
      ask.renew([...held]).catch(() => undefined)
    })
  }
  const giveBack = together<Lease, undefined>({
    groupOf: () => '',
    atOnce: AT_ONCE,
    run: async (all) => {
      await ask.release(all)
      return all.map(() => undefined)
    },
  })
  return (lease) => {
    held.add(lease)
    if (!cancel) renewLater()
    return {
      async release() {
        held.delete(lease)
        if (held.size === 0) {
          cancel?.()
          cancel = null
        }
        await giveBack(lease)
      },
    }
  }
}
