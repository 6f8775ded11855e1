import { expect, test } from 'vitest'
import { openVersionWaits } from './version-waits.ts'

/** A row that is woken for and told of by hand, and how often it was looked for. */
function setup() {
  const wakes = new Set<() => void>()
  const rows = new Map<string, number>()
  const looks: string[][] = []
  const waits = openVersionWaits<{ isOver: boolean }>({
    listen: {
      subscribe: (_topic, fn) => {
        wakes.add(fn)
        return () => wakes.delete(fn)
      },
    },
    topicOf: (id) => id,
    read: async (ids) => {
      looks.push(ids)
      return ids.flatMap((id) => (rows.has(id) ? [{ id, version: rows.get(id) as number }] : []))
    },
    what: 'rows',
  })
  const wake = () => {
    for (const fn of wakes) fn()
  }
  return { waits, rows, looks, wake }
}

const loop = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)))
const isDone = async (promise: Promise<void>): Promise<boolean> => {
  const open = Symbol('open')
  return (await Promise.race([promise, loop().then(() => open)])) !== open
}

test('R98 whoever waits in the process that committed is woken by what it was told, without a look at the row', async () => {
  const { waits, looks, wake } = setup()
  const moved = waits.watch('t', 'a').moved(2)
  wake()
  waits.told('a', 3, { isOver: true })
  expect(await isDone(moved)).toBe(true)
  expect(looks).toEqual([])
})

test('R98 what is not worth waking up for is passed over, and the next change is not', async () => {
  const { waits, looks, wake } = setup()
  const watch = waits.watch('t', 'a')
  const picky = watch.moved(2, ({ isOver }) => isOver)
  const any = watch.moved(2)
  wake()
  waits.told('a', 3, { isOver: false })
  expect([await isDone(picky), await isDone(any)]).toEqual([false, true])
  wake()
  waits.told('a', 5, { isOver: true })
  expect(await isDone(picky)).toBe(true)
  expect(looks).toEqual([])
})

test('R98 a wake-up of another process is looked into, though this one told of its own in the same turn', async () => {
  const { waits, rows, looks, wake } = setup()
  const moved = waits.watch('t', 'a').moved(2, ({ isOver }) => isOver)
  rows.set('a', 4)
  wake()
  wake()
  waits.told('a', 3, { isOver: false })
  expect(await isDone(moved)).toBe(true)
  expect(looks).toEqual([['a']])
})

test('R98 the sweep finds what nobody was told of', async () => {
  const { waits, rows, wake } = setup()
  const moved = waits.watch('t', 'a').moved(2, () => false)
  wake()
  expect(await isDone(moved)).toBe(false)
  rows.set('a', 3)
  wake()
  expect(await isDone(moved)).toBe(true)
})
