import { expect, test } from 'vitest'
import { Digits, readExact } from '../exact.ts'
import { atPointer } from './at-pointer.ts'

test('T13 a pointer finds its value digit for digit, and nothing where nothing is', () => {
  const tree = readExact('{"payload":{"a/b":[1,{"~":12345678901234567890}],"n":null}}')
  expect(atPointer(tree, '/payload/a~1b/1/~0')).toEqual(new Digits('12345678901234567890'))
  expect(atPointer(tree, '/payload/n')).toBeNull()
  expect(atPointer(tree, '/payload/missing')).toBeUndefined()
  expect(atPointer(tree, '/payload/n/deeper')).toBeUndefined()
})
