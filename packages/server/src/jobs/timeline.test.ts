import { expect, test } from 'vitest'
import { inOrder } from './job.ts'

const at = (ms: number) => new Date(Date.UTC(2026, 0, 1) + ms).toISOString()
const line = (ms: number, what: string, state: string) => ({ at: at(ms), what, state })
const told = (lines: { what: string }[]) => lines.map(({ what }) => what)

test('Q138 what changed no state stands, of one instant, where the job was in that state', () => {
  const transitions = [
    line(0, 'enqueued', 'scheduled'),
    line(5, 'promoted', 'ready'),
    line(5, 'claimed', 'running'),
    line(5, 'cancelled', 'cancelled'),
    line(9, 'restarted', 'ready'),
  ]
  const asked = line(5, 'cancel_requested', 'running')
  const [early, late] = [line(0, 'rescheduled', 'scheduled'), line(5, 'rescheduled_again', 'scheduled')]
  expect(told(inOrder(transitions, [asked, late, early]))).toEqual([
    ...['enqueued', 'rescheduled', 'rescheduled_again', 'promoted', 'claimed', 'cancel_requested', 'cancelled', 'restarted'],
  ])
  // In no state that the instant knows: after all of it. Two of one instant keep their order.
  const [odd, twin] = [line(5, 'odd', 'blocked'), line(5, 'twin', 'blocked')]
  expect(told(inOrder(transitions, [odd, twin])).slice(3)).toEqual(['cancelled', 'odd', 'twin', 'restarted'])
  expect(told(inOrder(transitions, []))).toEqual(told(transitions))
})
