import { expect, test } from 'vitest'
import { readToken } from './known.ts'
import { openParent, readHeard, type Told } from './parent.ts'

/** A window in a frame, as far as messages go. */
function frame(own = false) {
  const sent: unknown[][] = []
  const parent = { postMessage: (...args: unknown[]) => void sent.push(args) }
  let listener: ((event: object) => void) | undefined
  const window = {
    parent: undefined as unknown,
    addEventListener: (_: string, fn: (event: object) => void) => {
      listener = fn
    },
    removeEventListener: () => {
      listener = undefined
    },
  }
  window.parent = own ? window : parent
  const arrive = (event: object) => listener?.(event)
  return { window: window as unknown as Window, parent, sent, arrive }
}

const ORIGIN = 'https://app.example.com'
const all: Told[] = [
  { type: 'loaded', payload: { taskId: 't' } },
  { type: 'resize', payload: { height: 3 } },
  { type: 'task.completed', payload: { taskId: 't', response: { a: 1 }, completedAt: null } },
  { type: 'task.error', payload: { taskId: 't', code: 'c', message: 'm' } },
  { type: 'task.cancelled', payload: { taskId: 't' } },
  { type: 'task.returned', payload: { taskId: 't' } },
  { type: 'token.expiring', payload: { taskId: 't' } },
]

test('T124 everything is told to the one origin, under the name of the dialect; the other clients hear the four types they know', () => {
  for (const [dialect, source, count] of [
    ['native', 'countersign', 7],
    ['compatible', 'awaithumans', 4],
  ] as const) {
    const { window, sent } = frame()
    const parent = openParent({ origin: ORIGIN, dialect }, window)
    for (const told of all) parent.tell(told)
    expect(sent).toEqual(all.slice(0, count).map((told) => [{ source, ...told }, ORIGIN]))
  }
  const alone = frame(true)
  openParent({ origin: ORIGIN, dialect: 'native' }, alone.window).tell(all[0] as Told)
  expect(alone.sent).toEqual([])
})

test('T124 only the holder at its own origin is heard, and only what it may say', () => {
  const { window, parent, arrive } = frame()
  const heard: unknown[] = []
  const stop = openParent({ origin: ORIGIN, dialect: 'native' }, window).listen((one) => heard.push(one))
  const data = { type: 'token', payload: { token: 'x' } }
  arrive({ origin: 'https://evil.example', source: parent, data })
  arrive({ origin: ORIGIN, source: {}, data })
  expect(heard).toEqual([])
  arrive({ origin: ORIGIN, source: parent, data })
  arrive({ origin: ORIGIN, source: parent, data: { type: 'theme', payload: { theme: 'dark', more: 1 } } })
  arrive({ origin: ORIGIN, source: parent, data: { type: 'focus' } })
  for (const other of [
    null,
    'token',
    { type: 'token' },
    { type: 'token', payload: { token: 5 } },
    { type: 'decide', payload: {} },
  ])
    expect(readHeard(other)).toBeNull()
  expect(heard).toEqual([data, { type: 'theme', payload: { theme: 'dark' } }, { type: 'focus', payload: {} }])
  stop()
  arrive({ origin: ORIGIN, source: parent, data })
  expect(heard).toHaveLength(3)
})

test('T122 the token is read from the fragment', () => {
  expect(readToken('#token=cse_abc-_1')).toBe('cse_abc-_1')
  expect(readToken('')).toBe('')
})
