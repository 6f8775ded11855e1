import { expect, test } from 'vitest'
import { canonical } from '../../crypto/canonical.ts'
import { type Json, readJson } from '../../http/json.ts'
import { diff, type Operation } from './patch.ts'

/** RFC 6902 as its readers apply it, for the three operations that are written. */
function apply(value: unknown, operations: readonly Operation[]): unknown {
  return operations.reduce((whole, operation) => applyOne(whole, operation), value)
}

function applyOne(value: unknown, operation: Operation): unknown {
  if (operation.path === '') return operation.op === 'remove' ? undefined : operation.value
  const names = operation.path
    .split('/')
    .slice(1)
    .map((name) => name.replace(/~1/g, '/').replace(/~0/g, '~'))
  const copy = structuredCloneOf(value)
  const last = names.pop() as string
  const holder = names.reduce<unknown>((inner, name) => (inner as Record<string, unknown>)[name], copy) as Record<string, unknown>
  if (Array.isArray(holder)) {
    if (operation.op === 'remove') holder.splice(Number(last), 1)
    else holder.splice(Number(last), operation.op === 'replace' ? 1 : 0, operation.value)
  } else if (operation.op === 'remove') {
    expect(Object.hasOwn(holder, last)).toBe(true)
    delete holder[last]
  } else {
    expect(Object.hasOwn(holder, last)).toBe(operation.op === 'replace')
    holder[last] = operation.value
  }
  return copy
}

const structuredCloneOf = (value: unknown): unknown => readJson(canonical(value))

/** The same values in every run. */
function openRandom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const NAMES = ['a', 'b', 'with/slash', 'with~tilde', '', 'é']
const LEAVES: Json[] = [null, true, false, 0, -1.5, 'x', '', readJson('9007199254740993'), readJson('0.1000000000000000055')]

function anything(random: (below: number) => number, depth: number): Json {
  const kind = depth === 0 ? 0 : random(3)
  if (kind === 0) return LEAVES[random(LEAVES.length)] as Json
  const size = random(4)
  if (kind === 1) return Array.from({ length: size }, () => anything(random, depth - 1))
  return Object.fromEntries(Array.from({ length: size }, () => [NAMES[random(NAMES.length)], anything(random, depth - 1)]))
}

test('T45 applying the patch to what was proposed gives what was approved, for 2,000 pairs of values', () => {
  const random = openRandom(45)
  for (let i = 0; i < 2_000; i++) {
    const [before, after] = [anything(random, 4), anything(random, 4)]
    const patch = diff(before, after)
    expect(canonical(apply(before, patch))).toBe(canonical(after))
    if (canonical(before) === canonical(after)) expect(patch).toEqual([])
  }
})

test('T45 the patch names the least that changed, in the pointers of RFC 6901', () => {
  expect(diff({ a: 1, 'b/c': { '~': 1 }, d: [1, 2] }, { a: 1, 'b/c': { '~': 2 }, d: [1], e: null })).toEqual([
    { op: 'replace', path: '/b~1c/~0', value: 2 },
    { op: 'remove', path: '/d/1' },
    { op: 'add', path: '/e', value: null },
  ])
})

test('T6 two numbers that a double cannot tell apart are different', () => {
  const [before, after] = [readJson('{"n":9007199254740993}'), readJson('{"n":9007199254740992}')]
  expect(diff(before, after)).toHaveLength(1)
})
