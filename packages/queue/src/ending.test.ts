import { getEventListeners } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { newEnding } from './ending.ts'
import { silentLog, systemClock } from './host.ts'
import { openStore, pause } from './store.ts'
import { openWake } from './wake.ts'

/** Warnings of this process while `fn` runs. */
async function warningsOf(fn: () => Promise<unknown>): Promise<string[]> {
  const names: string[] = []
  const hear = (warning: Error) => void names.push(warning.name)
  process.on('warning', hear)
  try {
    await fn()
    await new Promise((resume) => setImmediate(resume)) // Node tells of warnings in a later turn
  } finally {
    process.off('warning', hear)
  }
  return names
}

test('Q98 any number of calls wait for a store that is away, without a warning, and leave no listener behind', async () => {
  const store = openStore({ url: 'postgres://nobody@127.0.0.1:1/none' }, systemClock, silentLog)
  onTestFinished(() => store.close())
  const ending = newEnding()
  const warned = await warningsOf(async () => {
    const calls = Array.from({ length: 30 }, () =>
      store.insist(() => store.query('select 1'), ending.signal).catch(() => 'gave up'),
    )
    await expect.poll(() => getEventListeners(ending.signal, 'abort').length).toBeGreaterThan(10)
    ending.abort()
    expect(await Promise.all(calls)).toEqual(Array(30).fill('gave up'))
  })
  expect(warned).not.toContain('MaxListenersExceededWarning')
  expect(getEventListeners(ending.signal, 'abort')).toHaveLength(0)
})

test('Q98 a wait that ends by its time leaves no listener behind', async () => {
  const ending = newEnding()
  for (let i = 0; i < 20; i++) await pause(systemClock, 0, ending.signal)
  expect(getEventListeners(ending.signal, 'abort')).toHaveLength(0)
})

test('Q98 asking again and again for a listening connection piles up no listeners', async () => {
  const waits: (() => void)[] = []
  const clock = {
    now: () => new Date(),
    timer(_ms: number, fn: () => void) {
      waits.push(fn)
      return () => undefined
    },
  }
  const warned = await warningsOf(async () => {
    const wake = openWake({ host: '127.0.0.1', port: 1, user: 'nobody', database: 'none' }, clock, silentLog)
    for (let i = 0; i < 20; i++) {
      await expect.poll(() => waits.length).toBeGreaterThan(0)
      waits.shift()?.()
    }
    await wake.close()
  })
  expect(warned).not.toContain('MaxListenersExceededWarning')
})
