import { expect, test } from 'vitest'
import { safeReturn } from './paths.ts'

test('P39 sign-in leads back to a path of this site and nowhere else', () => {
  for (const to of ['/inbox', '/inbox?view=mine', '/tasks/task_01JD8Z6V3QK8W2N4T6Y8B0C2E4', '/profile'])
    expect(safeReturn(to)).toBe(to)
  for (const to of [
    null,
    '',
    'inbox',
    '//evil.example',
    '/\\evil.example',
    'https://evil.example',
    '/%2fevil.example',
    '/%5Cevil.example',
    '/\t/evil.example',
    '/%09/evil.example',
    'javascript:alert(1)',
    '/a:b@evil.example',
  ])
    expect(safeReturn(to)).toBe('/inbox')
})
