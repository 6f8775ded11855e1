// B6: an inbox behind which 100,000 tasks wait, most of them for others, and the figures of a million. The tasks are put there by SQL; what is measured are routes.
import pg from 'pg'
import { percentile } from '../figure.ts'
import { decide, expect, many, open, type Run } from './load.ts'
import * as sql from './sql.ts'

const PAGE = 50
const STEP = 25_000
const VIEWS = {
  all: 'status=open,returned,verifying,revising&sort=deadline',
  mine: 'status=open,returned&mine=true&sort=deadline',
  claimable: 'claimable=true&sort=deadline',
  team: 'status=open,returned&team=true&sort=deadline',
  newest: 'sort=created',
}

export async function inbox(run: Run): Promise<void> {
  const waiting = many(run, 100_000, 2_000)
  await withDatabase(run, async (db, tenantId) => {
    for (let n = 0; n < waiting; n += STEP)
      await db.query(sql.insertOpen, [tenantId, n + 1, Math.min(n + STEP, waiting), waiting])
    await db.query(sql.analyse)
  })
  const times = run.quick ? 4 : 200
  const slowest: number[] = []
  for (const [view, query] of Object.entries(VIEWS)) {
    const path = `/tasks?${query}&limit=${PAGE}`
    const { next_cursor: cursor } = expect(200, await run.bench.person('GET', path)).body
    const first = await latencies(run, path, times)
    const next = await latencies(run, `${path}&cursor=${cursor}`, times)
    tell(run, `B6 inbox ${view}, first page of ${waiting} tasks`, first)
    tell(run, `B6 inbox ${view}, next page of ${waiting} tasks`, next)
    slowest.push(percentile(first, 0.95), percentile(next, 0.95))
  }
  const p95 = Math.max(...slowest)
  run.say({ metric: `B6 list p95 of the slowest view, ${waiting} tasks`, unit: 'ms', ours: p95, goal: '<= 50', met: p95 <= 50 })
  tell(run, `B6 counts of the views, ${waiting} tasks`, await latencies(run, '/tasks/counts', Math.ceil(times / 4)))
}

function tell(run: Run, metric: string, took: readonly number[]): void {
  run.say({ metric: `${metric}, p50`, unit: 'ms', ours: percentile(took, 0.5), goal: null, met: null })
  run.say({ metric: `${metric}, p99`, unit: 'ms', ours: percentile(took, 0.99), goal: null, met: null })
}

/** One after another, as a person turns pages. */
async function latencies(run: Run, path: string, times: number): Promise<number[]> {
  const took: number[] = []
  for (let i = 0; i < times; i++) {
    const at = performance.now()
    expect(200, await run.bench.person('GET', path))
    took.push(performance.now() - at)
  }
  return took
}

/** In a full run the figures have been folded, which the server does each minute behind its writers. */
export async function stats(run: Run): Promise<void> {
  const ended = many(run, 1_000_000, 2_000)
  await withDatabase(run, async (db, tenantId) => {
    await db.query(sql.unchecked)
    for (let n = 0; n < ended; n += STEP) await db.query(sql.insertEnded, [tenantId, n + 1, Math.min(n + STEP, ended), ended])
    await db.query(sql.analyse)
    if (run.quick) return
    await db.query(sql.forgetFolds)
    await decide(run, await open(run))
    const until = performance.now() + 300_000
    const isFolded = async () => (await db.query<{ folded: boolean }>(sql.isFolded, [tenantId])).rows[0]?.folded === true
    while (!(await isFolded())) {
      if (performance.now() > until) throw new Error('Nothing was folded within five minutes.')
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
  })
  const took = await latencies(run, '/tasks/stats?days=365&by=person', run.quick ? 3 : 50)
  const p95 = percentile(took, 0.95)
  run.say({ metric: `B6 stats of a year p95, ${ended} tasks`, unit: 'ms', ours: p95, goal: '<= 200', met: p95 <= 200 })
}

async function withDatabase(run: Run, act: (db: pg.Client, tenantId: string) => Promise<void>): Promise<void> {
  const db = new pg.Client({ connectionString: run.bench.adminUrl() })
  await db.connect()
  try {
    const { rows } = await db.query<{ tenant_id: string }>(sql.tenantOf)
    await act(db, rows[0]?.tenant_id as string)
  } finally {
    await db.end()
  }
}
