import { expect, test } from 'vitest'
import { csvOf } from './csv.ts'

test('T161 T56 figures leave as CSV in which nothing begins a formula', () => {
  const cells = {
    columns: ['name', 'tasks'],
    rows: [
      ['=cmd', 1],
      ['a "b", c', -2],
      ['@x', 3],
    ] as [string, number][],
  }
  expect(csvOf(cells)).toBe('name,tasks\r\n\'=cmd,1\r\n"a ""b"", c",-2\r\n\'@x,3\r\n')
})
