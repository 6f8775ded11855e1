// What is under way, and may have to end at once (V113): each exchange, tunnel and socket by its run and by the connection whose credential it carries.
import type { Gatekeeper } from './gatekeeper.ts'

export type Live = {
  runId: string
  connectionId: string | null
  /** An exchange, of which a run has only so many at once; a socket that waits is none. */
  counted: boolean
  cut(): void
}

export type Cuts = {
  /** Until it is taken back. */
  add(live: Live): () => void
  ofRun(runId: string): number
  /** Resolves when no exchange and no tunnel is under way any more. */
  quiet(): Promise<void>
  close(): void
}

export function openCuts(gatekeeper: Gatekeeper, sessions: { cut(connectionId: string | null): void }): Cuts {
  const all = new Set<Live>()
  const runs = new Map<string, number>()
  const awaited = new Set<() => void>()
  const stop = gatekeeper.onCut(({ runId, connectionId, everythingInjected }) => {
    for (const live of [...all]) {
      const hit =
        (runId !== undefined && live.runId === runId) ||
        (live.connectionId !== null && (everythingInjected === true || live.connectionId === connectionId))
      if (hit) live.cut()
    }
    if (everythingInjected) sessions.cut(null)
    else if (connectionId !== undefined) sessions.cut(connectionId)
  })
  return {
    add(live) {
      all.add(live)
      if (live.counted) runs.set(live.runId, (runs.get(live.runId) ?? 0) + 1)
      return () => {
        if (!all.delete(live) || !live.counted) return
        const left = (runs.get(live.runId) ?? 1) - 1
        if (left > 0) return void runs.set(live.runId, left)
        runs.delete(live.runId)
        if (runs.size === 0) for (const tell of awaited) tell()
      }
    },
    ofRun: (runId) => runs.get(runId) ?? 0,
    quiet: () => (runs.size === 0 ? Promise.resolve() : new Promise((resolve) => void awaited.add(resolve))),
    close() {
      stop()
      for (const live of [...all]) live.cut()
    },
  }
}
