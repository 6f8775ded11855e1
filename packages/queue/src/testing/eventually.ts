// What comes true in its own time, on a busy machine too.
import { expect } from 'vitest'

export const eventually = <T>(fn: () => T, options: { timeout?: number; interval?: number } = {}) =>
  expect.poll(fn, { timeout: 10_000, ...options })
