// The rule by which the figures of tasks are held against those that were published (T169).
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { accept, check, regressions } from '../../bench/tasks/regression.ts'

const line = (metric: string, ours: number, goal: string | null) => ({ metric, unit: 'x', ours, goal })
const figure = (metric: string, ours: number, goal: string | null) => ({
  ...line(metric, ours, goal),
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

test('T169 quick runs are held against quick ones; without a published line a check fails instead of comparing nothing', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'results', 'tasks.json')
  expect(check(file, 'quick', [line('late', 1, '<= 250')])).toEqual([
    'nothing is published for a quick run; publish one with --accept',
  ])
  expect(existsSync(file)).toBe(false)
  accept(file, 'quick', { at: 'then' }, [figure('late', 100, '<= 250')])
  accept(file, 'full', { at: 'then' }, [figure('late', 10, '<= 250')])
  expect(check(file, 'quick', [line('late', 110, '<= 250')])).toEqual([])
  expect(check(file, 'full', [line('late', 110, '<= 250')])).toHaveLength(1)
})
