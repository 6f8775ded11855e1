// What the bench of tasks keeps of its runs, and the page that is drawn from it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import type { Figure } from '../../bench/figure.ts'
import { readOptions } from '../../bench/tasks/options.ts'
import { drawPage } from '../../bench/tasks/page.ts'
import { merged, readKept, type Settings } from '../../bench/tasks/results.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const figure = (metric: string, ours: number, met: boolean | null = null): Figure => ({
  ...{ bench: 'tasks', metric, unit: '1/s', ours, peer_name: null, peer: null, goal: '>= 10', met },
})
const settings = (share: number, servers = 1): Settings => ({ at: `2026-01-0${servers}T00:00:00.000Z`, share, servers })

test('T169 a kept full run is replaced by a full one alone, and figures of several processes stand beside those of one', () => {
  const full = merged({}, settings(1), [figure('B1 creates', 20, true)])
  expect(merged(full, settings(0.1), [figure('B1 creates', 1)])).toEqual(full)
  const both = merged(full, settings(0.5, 3), [figure('B1 creates, 3 processes', 30), figure('B5 lateness, 3 processes', 5)])
  expect(Object.keys(both)).toEqual(['B1', 'B1 with 3 processes', 'B5 with 3 processes'])
  expect(merged(both, settings(1), [figure('B1 creates', 21, true)]).B1?.figures[0]?.ours).toBe(21)
})

test('T169 one process and then three, unless it is said otherwise; one is enough for a quick run', () => {
  expect(readOptions([])).toMatchObject({ servers: [1, 3], quick: false, share: 1 })
  expect(readOptions(['--quick'])).toMatchObject({ servers: [1], quick: true })
  expect(readOptions(['b3', '--servers', '3'])).toMatchObject({ names: ['B2'], servers: [3] })
})

test('the page of the figures says what was kept, not more: a goal that was not met, and a length by which none is', () => {
  const kept = merged({}, settings(1), [figure('B1 creates, 64 connections', 9.994, false)])
  const { 'tasks.md': page, ...charts } = drawPage(merged(kept, settings(0.1, 3), [figure('B1 creates, 3 processes', 12)]))
  expect(page).toContain('| creates, 64 connections | 9.99 1/s |  | >= 10 | no |')
  expect(page).toContain('0.1 of the full length, by which no goal is met')
  expect(Object.keys(charts)).toEqual(['tasks-per-second.svg'])
})

test('the page in the documentation is drawn from what is kept', () => {
  for (const [name, text] of Object.entries(drawPage(readKept())))
    expect(readFileSync(join(root, 'docs/benchmarks', name), 'utf8'), name).toBe(text)
})
