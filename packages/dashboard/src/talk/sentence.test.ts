import { expect, test } from 'vitest'
import { sentenceOf } from './sentence.ts'

test('T155 T159 every act has its sentence, and one that has none is told by its name', () => {
  expect(sentenceOf({ type: 'task.revised', data: { revision: 2, voided: 1 } })).toBe(
    'The agent revised it (revision 2); 1 vote no longer counts.',
  )
  expect(sentenceOf({ type: 'task.completed', data: { outcome: 'denied', channel: 'timeout' } })).toBe(
    'It was settled: denied, by the deadline.',
  )
  expect(sentenceOf({ type: 'task.updated', data: { fields: ['deadline_at', 'tags'] } })).toBe('Changed: deadline at, tags.')
  expect(sentenceOf({ type: 'task.claimed', data: {} }, 'Ann')).toBe('Ann took it on.')
  expect(sentenceOf({ type: 'task.claimed', data: {} })).toBe('Somebody took it on.')
  expect(sentenceOf({ type: 'task.frozen_over', data: {} })).toBe('Frozen over.')
})
