import { expect, test } from 'vitest'
import { partsOf, visible } from './marks.ts'

test('T86 characters that one cannot see are named where they stand, and the rest stays as it is', () => {
  expect(visible('pay 100\u202e001')).toBe('pay 100[U+202E]001')
  expect(visible('a\u200bb\ufeff')).toBe('a[U+200B]b[U+FEFF]')
  expect(visible(`ok${String.fromCodePoint(0xe0041)}`)).toBe('ok[U+E0041]')
  expect(visible('Grüße, 你好 👋\n\tline')).toBe('Grüße, 你好 👋\n\tline')
  expect(partsOf('plain')).toEqual([{ text: 'plain', mark: null }])
})
