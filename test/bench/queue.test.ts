// What the benchmark of the queue makes of figures: goals, ceilings, what is kept, drawn and accepted. Runs no benchmark.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Figure } from '../../bench/figure.ts'
import { accept, check, ratioOf } from '../../bench/queue/accepted.ts'
import { drawPage } from '../../bench/queue/page.ts'
import { type KeptRuns, merged, readKept } from '../../bench/queue/results.ts'
import { perform, type Run, scenarioOf, teller } from '../../bench/queue/scenario.ts'
import { SCENARIOS, SETTINGS } from '../../bench/queue/scenarios.ts'
import { goalOf } from '../../bench/queue/throughput.ts'
import { root } from '../harness/process.ts'

const figure = (metric: string, own: Partial<Figure> = {}): Figure => ({
  bench: 'queue',
  metric,
  unit: 'jobs/s',
  ours: 100,
  peer_name: null,
  peer: null,
  goal: null,
  met: null,
  ...own,
})
const against = (ours: number, peer: number, own: Partial<Figure> = {}): Figure =>
  figure('B1 end to end, against graphile-worker', { ours, peer, peer_name: 'graphile-worker', goal: 'ratio >= 4', ...own })

function acceptedFile(): string {
  const folder = mkdtempSync('/tmp/countersign-bench-test-')
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'results', 'accepted.json')
}

test('Q157 a goal is met only in a full run; a quick scenario that takes longer than 45 s says so', async () => {
  const told: Figure[] = []
  for (const full of [true, false]) teller(full, told)({ ...against(500, 100), meets: true })
  expect(told.map(({ met }) => met)).toEqual([true, null])

  let now = 0
  const taking = (ms: number, quick: boolean) =>
    perform(
      {
        name: 'B1',
        title: 'made up',
        perform: async () => {
          now += ms
        },
      },
      { quick } as Run, // nothing else of it is looked at here
      () => now,
    )
  expect(await taking(45_000, true)).toBeNull()
  expect(await taking(46_000, true)).toBe('B1 took 46 s with --quick, where 45 s are allowed')
  expect(await taking(600_000, false)).toBeNull()
})

test('Q157 the line of settings says what is set for whom; the peers are pinned in bench/ alone, by exact versions, and those are installed', () => {
  expect(SETTINGS).toMatchObject({
    payload_bytes: 256,
    warm_up_ms: 30_000,
    claims: expect.stringContaining('Q47'),
    noop: { ours: expect.anything(), 'graphile-worker': expect.anything(), 'pg-boss': expect.anything() },
    peers: {
      'graphile-worker': { local_queue: 500, complete_job_batch_delay_ms: 0 },
      'pg-boss': { work_batch: 500 },
    },
  })
  const readJson = (path: string) => JSON.parse(readFileSync(join(root, path), 'utf8'))
  const packages = ['package.json', ...readdirSync(join(root, 'packages')).map((name) => `packages/${name}/package.json`)]
  const peers = Object.keys(SETTINGS.peers)
  for (const path of packages) {
    const { dependencies = {}, devDependencies = {}, peerDependencies = {} } = readJson(path)
    const named = Object.keys({ ...dependencies, ...devDependencies, ...peerDependencies })
    expect([path, peers.filter((peer) => named.includes(peer))]).toEqual([path, []])
  }
  for (const [peer, { version }] of Object.entries(SETTINGS.peers)) {
    expect(version).toMatch(/^\d+\.\d+\.\d+$/)
    const place = [`bench/node_modules/${peer}`, `node_modules/${peer}`].find((path) => existsSync(join(root, path)))
    expect([peer, readJson(`${place}/package.json`).version]).toEqual([peer, version])
  }
})

test('Q157 Q160 each row of the table is a scenario, and those that CI looks at have a quick form', () => {
  expect(SCENARIOS.map(({ name }) => name)).toEqual(Array.from({ length: 12 }, (_, n) => `B${n + 1}`))
  const quick = SCENARIOS.filter(({ isQuick }) => isQuick).map(({ name }) => name)
  expect(quick).toEqual(expect.arrayContaining(['B1', 'B4', 'B6']))
})

test('Q158 the goals hold for the polled wait; with setTimeout at W=4 it is the lower of 3,400 and 94 % of the ceiling, and elsewhere none', () => {
  expect([4, 16, 64].map((slots) => goalOf(slots, 'polled', 1))).toEqual([3_400, 9_000, 18_000])
  expect(goalOf(4, 'timer', 3_200)).toBeCloseTo(3_008)
  expect(goalOf(4, 'timer', 3_960)).toBe(3_400)
  expect([16, 64].map((slots) => goalOf(slots, 'timer', 9_999))).toEqual([null, null])
})

test('Q158 the page and its chart show the ceiling beside what was reached', () => {
  const figures = ['polled', 'timer'].flatMap((way) => [
    figure(`B3 ceiling: 4 bare loops, ${way} wait`, { unit: '1/s', ours: 3_960 }),
    figure(`B3 W=4, 1 ms ${way} wait`, { ours: 3_555, goal: '>= 3400', met: true }),
  ])
  const drawn = drawPage({ B3: { settings: { at: '2026-01-01T00:00:00Z', rounds: 3, share: 1 }, figures } })
  expect(drawn['queue.md']).toContain('| ceiling: 4 bare loops, polled wait | 3,960 1/s |')
  expect(drawn['queue-slots.svg']).toContain('ceiling, 4 slots, timer')
  expect(drawn['queue-slots.svg']).toContain('countersign, 4 slots, polled')
})

test('Q159 figures that others recorded stand in one place, with their settings, in a table of their own, and never in a figure, a row or a chart of ours', () => {
  const kept: KeptRuns = { B1: { settings: { at: '2026-01-01T00:00:00Z', rounds: 3, share: 1 }, figures: [against(500, 100)] } }
  const { 'queue.md': page = '', ...charts } = drawPage(kept)
  const [ours = '', recorded = ''] = page.split('## Recorded elsewhere')
  for (const setting of ['4 CPU', '8 GB', 'PostgreSQL 18.3', 'shared_buffers 256 MB', 'synchronous_commit', '256 B', '180 s'])
    expect(recorded.replaceAll('\n', ' ')).toContain(setting)
  expect(recorded).toContain('427 / 1,729 / 5,369 / 8,499')
  for (const text of [ours, ...Object.values(charts)]) expect(text).not.toMatch(/awa|River|Oban|pgmq|pgque/)
  const sources = ['throughput', 'latency', 'side', 'suffering', 'scenarios'].map((name) =>
    readFileSync(join(root, `bench/queue/${name}.ts`), 'utf8'),
  )
  for (const text of sources) expect(text).not.toMatch(/\bawa\b|\bOban\b/)
})

test('Q160 a run is held against the last accepted one: less than 70 % of a ratio is a fault, and so is what was accepted and is gone', () => {
  const file = acceptedFile()
  const p50 = (ours: number, peer: number) =>
    against(ours, peer, { metric: 'B4 p50, against graphile-worker', unit: 'ms', goal: '<= 3' })
  const share = (ours: number) => figure('B6 rate under a pin', { unit: 'share', ours, goal: '>= 0.98' })
  const dead = (ours: number) => figure('B6 dead tuples', { unit: 'tuples', ours, goal: '< 600' })

  // A run that nothing can be held against is no good run.
  expect(check(file, 'quick', [against(400, 100)])).toEqual([
    'B1: no quick run was accepted yet; look at the figures and run it with --accept',
  ])
  accept(file, 'quick', { cpu: 'two' }, [against(400, 100), p50(2, 5), share(1), dead(0)])
  expect(JSON.parse(readFileSync(file, 'utf8')).quick.B1).toEqual({
    settings: { cpu: 'two' },
    ratios: { 'B1 end to end, against graphile-worker': 4 },
  })

  // A slower machine is slower for both. What is no ratio says more of the machine, and is not judged.
  expect(check(file, 'quick', [against(40, 10), p50(20, 50), share(0.99), dead(80)])).toEqual([])
  expect(check(file, 'quick', [against(281, 100), p50(2, 3.6), share(0.71), dead(0)])).toEqual([])
  expect(check(file, 'quick', [against(279, 100), p50(2, 3.4), share(0.69), dead(0)])).toEqual([
    'B1 end to end, against graphile-worker: 2.79, less than 70 % of the 4 that was accepted',
    'B4 p50, against graphile-worker: 1.7, less than 70 % of the 2.5 that was accepted',
    'B6 rate under a pin: 0.69, less than 70 % of the 1 that was accepted',
  ])
  // A scenario that was not asked for is not missed; a figure of one that was is.
  expect(check(file, 'quick', [against(400, 100)])).toEqual([])
  expect(check(file, 'quick', [dead(0)])).toEqual(['B6 rate under a pin: it was accepted with 1, and is not measured any more'])
  expect(check(file, 'full', [against(400, 100)])).toHaveLength(1)

  // What is accepted later replaces its own scenarios.
  accept(file, 'quick', {}, [against(200, 100)])
  expect(check(file, 'quick', [against(150, 100), p50(2, 5)])).toEqual([])
  expect([against(1, 0), figure('B2 enqueue', { goal: '>= 1' }), against(1, 1, { goal: null })].map(ratioOf)).toEqual([
    null,
    null,
    null,
  ])
})

test('Q160 what is kept of a run has its settings, scenario by scenario, and a shortened run replaces no full one', () => {
  const full = { at: 'then', quick: false, share: 1, rounds: 3, cpu: 'two' }
  const short = { ...full, at: 'now', share: 0.1 }
  const first = merged({}, short, [against(1, 1), figure('B10 lateness')])
  expect(Object.keys(merged(first, full, [figure('B2 drain')]))).toEqual(['B1', 'B2', 'B10'])
  const second = merged(first, full, [against(2, 1)])
  expect(second.B1).toEqual({ settings: full, figures: [against(2, 1)] })
  expect(merged(second, short, [against(3, 1)]).B1).toEqual(second.B1)
  expect(merged(second, { ...full, at: 'later' }, [against(4, 1)]).B1?.figures).toEqual([against(4, 1)])
  expect(scenarioOf(figure('B12 idle'))).toBe('B12')
})

test('Q160 the page of figures is what was kept, drawn, and no other document names a speed', () => {
  const page = join(root, 'docs/benchmarks/queue.md')
  const kept = readKept()
  expect(existsSync(page)).toBe(Object.keys(kept).length > 0)
  if (existsSync(page))
    for (const [name, text] of Object.entries(drawPage(kept)))
      expect([name, readFileSync(join(root, 'docs/benchmarks', name), 'utf8')]).toEqual([name, text])
  const folders = [
    '.',
    'docs',
    'docs/queue',
    'packages/queue',
    'packages/sdk',
    'examples/typescript',
    'examples/sql',
    'examples/http-worker',
  ]
  for (const folder of folders)
    for (const name of readdirSync(join(root, folder)).filter((one) => one.endsWith('.md')))
      expect([
        folder,
        name,
        readFileSync(join(root, folder, name), 'utf8').match(/\d[\d,.]* ?(thousand |k )?jobs( a second|\/s| per second)/g),
      ]).toEqual([folder, name, null])
})
