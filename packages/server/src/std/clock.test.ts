import { expect, test } from 'vitest'
import { backoffMs } from './backoff.ts'
import { systemClock, testClock } from './clock.ts'
import { packageRoot } from './package-root.ts'

test('a test clock fires what falls due in order, each at its own moment, timers of timers included', () => {
  const clock = testClock({ start: '2026-01-01T00:00:00.000Z' })
  const fired: string[] = []
  const at = (name: string) => fired.push(`${name} ${clock.now().toISOString().slice(17, 23)}`)
  clock.timer(2_000, () => at('two'))
  clock.timer(1_000, () => {
    at('one')
    clock.timer(500, () => at('one and a half'))
  })
  const cancel = clock.timer(1_700, () => at('never'))
  cancel()
  clock.advance(1_999)
  expect(fired).toEqual(['one 01.000', 'one and a half 01.500'])
  clock.advance(1)
  expect(fired.at(-1)).toBe('two 02.000')
  expect(clock.now().toISOString()).toBe('2026-01-01T00:00:02.000Z')
})

test('the system clock waits, and does not fire a cancelled or a very long timer at once', async () => {
  const fired: string[] = []
  const cancelLong = systemClock.timer(2 ** 40, () => fired.push('long'))
  const cancel = systemClock.timer(0, () => fired.push('cancelled'))
  cancel()
  await new Promise<void>((resolve) => systemClock.timer(5, resolve))
  cancelLong()
  expect(fired).toEqual([])
})

test('a backoff doubles, never passes its cap and spreads over half its width', () => {
  for (let attempt = 1; attempt < 60; attempt++) {
    const whole = Math.min(5_000, 100 * 2 ** (attempt - 1))
    const ms = backoffMs(attempt, { maxMs: 5_000 })
    expect(ms).toBeGreaterThanOrEqual(Math.floor(whole / 2))
    expect(ms).toBeLessThanOrEqual(whole)
  }
  expect(new Set(Array.from({ length: 20 }, () => backoffMs(10))).size).toBeGreaterThan(1)
})

test('a package is found by climbing, a dependency through node_modules, and a missing one is named', () => {
  expect(packageRoot(import.meta.url)).toMatch(/packages\/server$/)
  expect(packageRoot(import.meta.url, 'pino')).toMatch(/node_modules\/pino$/)
  expect(() => packageRoot(import.meta.url, 'no-such-package')).toThrow('no-such-package')
})
