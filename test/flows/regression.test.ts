// The rules by which figures are held against those that were published (T169) or kept (R129).
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { accept, check, checkKept, keepLast, regressions } from '../../bench/regression.ts'
import { readOptions } from '../../bench/relay/options.ts'

const line = (metric: string, ours: number, goal: string | null) => ({ metric, unit: 'x', ours, goal })
const figure = (metric: string, ours: number, goal: string | null) => ({
  ...line(metric, ours, goal),
  unit: '1/s',
  ...{ bench: 'tasks', peer_name: null, peer: null, met: null },
})

test('T169 a figure more than 20 % worse than its published line is a fault, whichever side is better; what has no goal is not compared', () => {
  const before = [line('creates', 1_000, '>= 1500'), line('late', 100, '<= 250'), line('noted', 5, null), line('gone', 5, '<= 9')]
  expect(regressions(before, [line('creates', 801, '>= 1500'), line('late', 119, '<= 250'), line('noted', 50, null)])).toEqual([])
  expect(regressions(before, [line('creates', 799, '>= 1500'), line('late', 121, '<= 250')])).toEqual([
    'creates: 799 x, published 1000 (at least 800)',
    'late: 121 x, published 100 (at most 120)',
  ])
  expect(regressions(before, [line('creates', 5_000, '>= 1500'), line('late', 1, '<= 250')])).toEqual([])
})

function keptFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'results', 'figures.json')
}

test('T169 quick runs are held against quick ones; without a published line a check fails instead of comparing nothing', () => {
  const file = keptFile()
  expect(check(file, 'quick', [line('late', 1, '<= 250')])).toEqual([
    'nothing is published for a quick run; publish one with --accept',
  ])
  expect(existsSync(file)).toBe(false)
  accept(file, 'quick', { at: 'then' }, [figure('late', 100, '<= 250')])
  accept(file, 'full', { at: 'then' }, [figure('late', 10, '<= 250')])
  expect(check(file, 'quick', [line('late', 110, '<= 250')])).toEqual([])
  expect(check(file, 'full', [line('late', 110, '<= 250')])).toHaveLength(1)
})

test('R129 a figure more than 25 % worse than the median of the last five kept runs is a fault; what has no goal is not compared', () => {
  const file = keptFile()
  const run = (rate: number, late: number) => [
    figure('accept', rate, '>= 1200'),
    figure('late', late, '<= 80'),
    figure('noted', rate, null),
  ]
  // The first is the sixth from the end when all are kept, and its figures would move the median.
  const kept: [number, number][] = [
    [9_000, 1],
    [100, 40],
    [1_000, 40],
    [1_000, 10],
    [1_010, 40],
    [9_000, 90],
  ]
  for (const [rate, late] of kept) keepLast(file, 'quick', { at: 'then' }, run(rate, late))
  expect(JSON.parse(readFileSync(file, 'utf8')).quick).toHaveLength(5)

  expect(checkKept(file, 'quick', run(751, 50))).toEqual([])
  expect(checkKept(file, 'quick', run(749, 50.1))).toEqual([
    'accept: 749 1/s, median of 5 1000 (at least 750)',
    'late: 50.1 1/s, median of 5 40 (at most 50)',
  ])
  // What should be none has nothing that it may grow by.
  keepLast(file, 'full', {}, [figure('lost', 0, '= 0')])
  expect(checkKept(file, 'full', [figure('lost', 1, '= 0')])).toEqual(['lost: 1 1/s, the one kept run 0 (at most 0)'])
})

test('R129 fewer than five kept runs are compared as they are, and none is a fault; quick runs are held against quick ones', () => {
  const file = keptFile()
  const run = (rate: number) => [figure('accept', rate, '>= 1200')]
  expect(checkKept(file, 'quick', run(1))).toEqual(['nothing is kept of a quick run; keep one with --keep'])
  expect(existsSync(file)).toBe(false)
  keepLast(file, 'quick', {}, run(1_000))
  keepLast(file, 'quick', {}, run(2_000))
  expect(checkKept(file, 'full', run(1_000))).toHaveLength(1)
  expect(checkKept(file, 'quick', run(1_126))).toEqual([])
  expect(checkKept(file, 'quick', run(1_124))).toEqual(['accept: 1124 1/s, median of 2 1500 (at least 1125)'])
})

test('R129 all rows are run unless some are named, and only a run of all is kept', () => {
  expect(readOptions(['--quick'])).toMatchObject({ names: [], quick: true, check: false, keep: false })
  expect(readOptions(['card', '--quick', '--check'])).toMatchObject({ names: ['card'], quick: true, check: true })
  expect(readOptions(['--quick', '--check', '--keep'])).toMatchObject({ names: [], check: true, keep: true })
  expect(readOptions(['card', '--keep'])).toBe('--keep takes a run of all rows')
  expect(readOptions(['cart'])).toMatch(/^"cart" is no row/)
})
