import { expect, test } from 'vitest'
import { filtersOf, isFiltered } from './filters.ts'

test('T158 T55 the address of the inbox holds its filters, and what is not offered is left out', () => {
  const filters = filtersOf(new URLSearchParams('q=refund&priority=urgent&risk=deadly&agent_id=agt_x&tag=money&view=mine'))
  expect(filters).toEqual({ q: 'refund', priority: 'urgent', tag: 'money' })
  expect([isFiltered(filters), isFiltered({ q: 'refund' })]).toEqual([true, false])
})
