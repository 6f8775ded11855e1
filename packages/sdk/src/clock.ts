// The one place of the SDK where time comes from. Everything that waits takes a Clock, so that tests wait for nothing.

/**
 * Time and timers. `timer` calls `fn` once after `ms` and gives back a function that prevents it.
 *
 * @example
 * ```ts
 * import { Countersign, type Clock } from '@countersign/sdk'
 * const frozen: Clock = { now: () => new Date(0), timer: () => () => undefined }
 * new Countersign({ url: 'http://localhost:3001', clock: frozen })
 * ```
 */
export type Clock = { now(): Date; timer(ms: number, fn: () => void, options?: { unref?: boolean }): () => void }

export const systemClock: Clock = {
  now: () => new Date(),
  timer(ms, fn, options) {
    // setTimeout turns anything above 2^31-1 into 1 ms.
    const handle: unknown = setTimeout(fn, Math.min(Math.max(0, ms), 2_147_483_647))
    if (
      options?.unref &&
      typeof handle === 'object' &&
      handle !== null &&
      'unref' in handle &&
      typeof handle.unref === 'function'
    )
      handle.unref()
    return () => clearTimeout(handle as ReturnType<typeof setTimeout>) // what setTimeout gave
  },
}

/** Resolves after `ms`, rejects with the signal's reason as soon as it aborts. */
export function sleep(clock: Clock, ms: number, options: { signal?: AbortSignal; unref?: boolean } = {}): Promise<void> {
  const { signal, unref } = options
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const abort = () => {
      stop()
      reject(signal?.reason)
    }
    const stop = clock.timer(
      ms,
      () => {
        signal?.removeEventListener('abort', abort)
        resolve()
      },
      { unref },
    )
    signal?.addEventListener('abort', abort, { once: true })
  })
}

/** The promise, or a rejection with the signal's reason, whichever comes first. */
export function orAbort<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
