// SIGTERM and SIGINT for a program that has no opinion of its own about them (Q96): its workers stop, then the process ends by the signal; a second
// one ends it at once. Where the host listens for the signal itself, this does nothing: then the host says when workers stop.
import { isMainThread } from 'node:worker_threads'

const SIGNALS = ['SIGTERM', 'SIGINT'] as const

// Signals are the process's, whoever works in it.
const stops = new Set<() => Promise<void>>()

const onSignal = (signal: NodeJS.Signals): void => {
  if (process.listenerCount(signal) > 1) return
  process.off(signal, onSignal) // the next one ends the process
  void Promise.allSettled([...stops].map((stop) => stop())).then(() => process.kill(process.pid, signal))
}

/** Calls `stop` at the first signal, unless the returned function was called before. */
export function stopOnSignal(stop: () => Promise<void>): () => void {
  if (!isMainThread) return () => undefined
  if (stops.size === 0) for (const signal of SIGNALS) process.on(signal, onSignal)
  stops.add(stop)
  return () => {
    stops.delete(stop)
    if (stops.size === 0) for (const signal of SIGNALS) process.off(signal, onSignal)
  }
}
