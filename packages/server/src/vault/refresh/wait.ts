// Waiting for a row that another process is about to write: by notification, and with the sweep of each second that makes a lost one harmless.
import type { Db } from '../../db/tx.ts'

export type Change = { done: Promise<void>; stop(): void }

/** Subscribes at once, so that whatever happens after the caller's next look is noticed. */
export function untilChanged(db: Db, connectionId: string, ms: number): Change {
  let wake: () => void = () => undefined
  const done = new Promise<void>((resolve) => {
    wake = resolve
  })
  const unsubscribe = db.listen.subscribe(`connection:${connectionId}`, wake)
  const timer = setTimeout(wake, ms)
  return {
    done,
    stop: () => {
      clearTimeout(timer)
      unsubscribe()
    },
  }
}
