import { expect, test } from 'vitest'
import { canFill, groupFor, standingOf, type Vote } from './count.ts'
import type { Group, Quorum } from './quorum.ts'

const group = (need: number, name: string | null = null): Group => ({ name, need, all: false, assign_to: null, keys: null })
const quorum = (needs: number[], more: Partial<Quorum> = {}): Quorum => ({
  groups: needs.map((need, i) => group(need, `g${i}`)),
  asked: [],
  sent: null,
  on_deny: 'first',
  combine: 'last',
  separate: true,
  blind: false,
  ...more,
})
let count = 0
const vote = (person: string, says: Vote['says'] = 'yes', more: Partial<Vote> = {}): Vote => ({
  id: `v${++count}`,
  person,
  group: 0,
  says,
  like: says,
  ...more,
})
const people = (...groups: string[][]) => groups.map((names) => new Set(names))

test('T38 every group has to be satisfied, and the vote that completes the last one settles', () => {
  const rule = quorum([1, 1])
  expect(standingOf(rule, [vote('a')], people(['b'], ['c'])).state).toBe('open')
  const last = vote('c', 'yes', { group: 1 })
  expect(standingOf(rule, [vote('a'), last], people([], []))).toEqual({ state: 'agreed', by: last })
  expect(standingOf(rule, [vote('a'), vote('b')], people([], ['c'])).state).toBe('open')
})

test('T39 one denial settles at first; with impossible it settles when the rest can no longer agree', () => {
  const no = vote('b', 'no')
  expect(standingOf(quorum([2]), [no], people(['a', 'c', 'd']))).toEqual({ state: 'denied', by: no })
  const patient = quorum([2], { on_deny: 'impossible' })
  expect(standingOf(patient, [no], people(['a', 'c', 'd'])).state).toBe('open')
  expect(standingOf(patient, [no], people(['a']))).toEqual({ state: 'denied', by: no })
  expect(standingOf(patient, [no, vote('a')], people(['c'])).state).toBe('open')
})

test('T39 a vote counts in the first group that still needs one of its kind', () => {
  const rule = quorum([1, 2])
  expect(groupFor(rule, [], [0, 1], 'yes')).toBe(0)
  expect(groupFor(rule, [vote('a')], [0, 1], 'yes')).toBe(1)
  expect(groupFor(rule, [vote('a')], [0], 'yes')).toBe(0)
  expect(groupFor(rule, [vote('a', 'other', { like: 'x' })], [0, 1], 'y')).toBe(0)
})

test('T40 answers count together when they are alike', () => {
  const rule = quorum([2])
  const answers = [vote('a', 'other', { like: 'blue' }), vote('b', 'other', { like: 'red' })]
  expect(standingOf(rule, answers, people(['c'])).state).toBe('open')
  const third = vote('c', 'other', { like: 'blue' })
  expect(standingOf(rule, [...answers, third], people([]))).toEqual({ state: 'agreed', by: third })
  expect(standingOf(rule, answers, people([])).state).toBe('unreachable')
})

test('T42 when those who are left are too few it is unreachable, and nobody takes two seats', () => {
  expect(standingOf(quorum([2]), [], people(['a'])).state).toBe('unreachable')
  expect(canFill([1, 1], people(['a'], ['a']))).toBe(false)
  expect(canFill([1, 1], people(['a', 'b'], ['a']))).toBe(true)
  expect(canFill([2, 1], people(['a', 'b', 'c'], ['a', 'b']))).toBe(true)
  expect(canFill([2, 2], people(['a', 'b', 'c'], ['a', 'b', 'c']))).toBe(false)
  expect(canFill([0], people([]))).toBe(true)
})
