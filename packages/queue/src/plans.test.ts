// Q70, Q71 in their short form: whatever the planner was told about the tables, the hot statements walk the same declared indexes, and the rate stays.
// The plans are those that auto_explain saw while the functions ran, nested statements included. Nothing here is analysed but where a test says so.
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { type Engine, openEngine } from '../test/harness.ts'

const JOBS = 10_000
const BATCH = 1_000
const ROUNDS = 2

/** What a hot statement may walk; slots are all alike. */
const DECLARED = new Set([
  'awaited_pkey',
  'claims_N_id',
  'claims_N_lane',
  'closures_N_claim',
  'generations_pkey',
  'jobs_due',
  'jobs_pkey',
  'jobs_ready',
  'kinds_followed',
  'kinds_pkey',
  'lanes_pkey',
  'lanes_queue_priority_shard_key',
  'principals_pkey',
  'prunings_pkey',
  'queues_pkey',
  'quiets_pkey',
  'ring_N_order',
  'tombstones_pkey',
  'turns_due',
  'workers_pkey',
])
/** Control tables of a few rows, of which a page may be read whole; and the tests' own clock. */
const SMALL = new Set(['generations', 'kinds', 'lanes', 'principals', 'prunings', 'queues', 'quiets', 'workers', 'test_clock'])

type Packed = { claims: { lease: number; jobs: unknown[] }[] }
type Ask = <T>(call: string, values: unknown[]) => Promise<T>

const jobs = JSON.stringify(Array.from({ length: BATCH }, (_, n) => ({ queue: 'hot', kind: 'a', payload: { n } })))
const wants = JSON.stringify([{ queue: 'hot', n: 500, kinds: ['a'] }])

const fill = async (ask: Ask, n: number) => {
  for (let made = 0; made < n; made += BATCH) await ask('enqueue_many($1::jsonb)', [jobs])
}

/** Claims and completes until nothing is left, or so many claims: how many jobs that were. */
async function drain(ask: Ask, claims = Number.POSITIVE_INFINITY): Promise<number> {
  let ended = 0
  for (let n = 0; n < claims; n++) {
    const token = crypto.randomUUID()
    const got = await ask<Packed>('claim_packed($1, $2, $3::jsonb)::json', ['plans', token, wants])
    if (got.claims.length === 0) break
    const told = await ask<unknown[]>('settle_claims($1::jsonb)', [
      JSON.stringify(got.claims.map(({ lease }) => ({ lease, token, done: null }))),
    ])
    expect(told).toEqual(got.claims.map(() => null))
    for (const claim of got.claims) ended += claim.jobs.length
  }
  return ended
}

/** The scans that one enqueue, one claim and one settlement come to in a session that has planned nothing yet. */
async function scansOf(engine: Engine): Promise<string[]> {
  const client = new pg.Client(engine.adminUrl)
  await client.connect()
  onTestFinished(() => client.end())
  await client.query("load 'auto_explain'")
  await client.query(
    `set auto_explain.log_level = notice; set auto_explain.log_min_duration = 0; set auto_explain.log_nested_statements = on`,
  )
  let plans = ''
  client.on('notice', (notice) => (plans += `${notice.message}\n`))
  const ask: Ask = async (call, values) =>
    (await client.query(`select countersign_queue.${call} as answer`, values)).rows[0].answer
  await fill(ask, BATCH)
  expect(await drain(ask, 1)).toBe(500)
  const scans = [
    ...plans.matchAll(
      /(Seq|Index|Index Only|Bitmap Heap|Bitmap Index|Tid|Tid Range|Sample) Scan(?: Backward)?(?: using (\w+))? on (\w+)/g,
    ),
  ]
  const named = scans.map(([, how, index, table]) => `${how} ${(index ?? table ?? '').replace(/_\d\d(_|$)/, '_N$1')}`)
  return [...new Set(named)].sort()
}

const undeclared = (scans: readonly string[]) =>
  scans.filter((scan) => {
    const [, how = '', what = ''] = /^(.*) (\w+)$/.exec(scan) ?? []
    return how === 'Seq' ? !SMALL.has(what) : !how.startsWith('Index') || !DECLARED.has(what)
  })

const CASES: Record<string, (engine: Engine, ask: Ask) => Promise<unknown>> = {
  'never analysed': async () => undefined,
  'analysed empty, then filled': (engine) => engine.look('analyze'),
  'analysed full, then truncated': async (engine, ask) => {
    await fill(ask, JOBS)
    await engine.look('analyze')
    expect(await drain(ask)).toBe(JOBS)
    for (let turn = 0; turn < 2; turn++) {
      await engine.advance(2)
      await ask('tick($1)', ['{rotate,prune}'])
    }
    expect(await engine.look('select from countersign_queue.ring')).toEqual([])
  },
}

test('Q70 Q71 claim, settlement and enqueue walk the same declared indexes on tables that were never analysed, analysed empty and analysed full, and none is slower than half of the fastest', async () => {
  const rates: Record<string, number> = {}
  const walked: Record<string, string[]> = {}
  const ready: [string, Ask, Engine][] = []
  for (const [name, prepare] of Object.entries(CASES)) {
    const engine = await openEngine('ring', { sessions: 1 })
    const session = engine.session(0)
    const ask: Ask = (call, values) => session.get(call, values)
    await ask('register_worker($1, $2, $3, $4, 1, $5, 600000000)', ['plans', ['hot'], ['a'], 'here', 'test'])
    await prepare(engine, ask)
    ready.push([name, ask, engine])
  }
  // By turns, so that a busy moment of the machine meets all of them.
  for (let round = 0; round < ROUNDS; round++)
    for (const [name, ask] of ready) {
      const began = performance.now()
      await fill(ask, JOBS)
      expect(await drain(ask)).toBe(JOBS)
      rates[name] = Math.max(rates[name] ?? 0, JOBS / (performance.now() - began))
    }
  for (const [name, ask, engine] of ready) {
    await fill(ask, 2 * JOBS)
    walked[name] = await scansOf(engine)
    expect([name, undeclared(walked[name])]).toEqual([name, []])
  }
  // Which small table is read whole may differ; what grows is walked alike.
  const grows = Object.values(walked).map((scans) => scans.filter((scan) => /ring|claims|closures|jobs|tombstones/.test(scan)))
  expect(grows[0]).toEqual(
    expect.arrayContaining(['Index ring_N_order', 'Index claims_N_lane', 'Index claims_N_id', 'Index closures_N_claim']),
  )
  for (const other of grows) expect(other).toEqual(grows[0])
  const [slowest, fastest] = [Math.min(...Object.values(rates)), Math.max(...Object.values(rates))]
  expect(slowest, JSON.stringify(rates)).toBeGreaterThanOrEqual(fastest / 2)
})
