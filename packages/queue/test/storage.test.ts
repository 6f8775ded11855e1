// Q25, Q26: every table says what sort of table it is, and under load it is that: what only grows and is truncated has no dead row, what is bounded keeps
// its bound.
import { expect, test } from 'vitest'
import type { Unsettled } from '../src/sql.ts'
import { register } from './acts.ts'
import { type Engine, openEngine } from './harness.ts'
import { violations } from './invariants.ts'

const LOAD_MS = Number(process.env.PROPERTY_SECONDS ?? 0) > 30 ? 60_000 : 2_500

type Claimed = { claims: { lease: number; jobs: [string][] }[]; jobs: { id: string; lease: number }[] }
type Table = { name: string; declared: string | null; dead: number; updated: number; deleted: number; vacuums: number }

const tables = (engine: Engine): Promise<Table[]> =>
  engine.look<Table>(`
    select c.relname as name, substring(obj_description(coalesce(pg_partition_root(c.oid), c.oid)::oid, 'pg_class') from '^(append_truncate|bounded(\\(\\d+\\))?|static)') as declared,
      pg_stat_get_dead_tuples(c.oid)::integer as dead, pg_stat_get_tuples_updated(c.oid)::integer as updated,
      pg_stat_get_tuples_deleted(c.oid)::integer as deleted, (pg_stat_get_vacuum_count(c.oid) + pg_stat_get_autovacuum_count(c.oid))::integer as vacuums
    from pg_class c where c.relnamespace = 'countersign_queue'::regnamespace and c.relkind = 'r' and c.relname not in ('migrations', 'test_clock')
    order by 1`)

test('Q26 each table is declared append_truncate, bounded or static', async () => {
  const engine = await openEngine('ring', { sessions: 1 })
  const all = await tables(engine)
  expect(all.length).toBeGreaterThan(50)
  expect(all.filter((one) => one.declared === null).map((one) => one.name)).toEqual([])
})

test(
  'Q25 Q26 enqueue, claim and completion under load leave no dead row where rows are only inserted and truncated, while the ring turns',
  async () => {
    const engine = await openEngine('ring', { sessions: 6, patienceMs: 10_000 })
    const until = performance.now() + LOAD_MS
    const isOver = () => performance.now() > until
    const jobs = JSON.stringify(
      Array.from({ length: 200 }, (_, n) => ({ kind: 'plain', queue: n % 2 ? 'alpha' : 'beta', payload: { n } })),
    )
    let made = 0
    let ended = 0
    const produce = async (n: number) => {
      while (!isOver()) {
        await engine.session(n).get('enqueue_many($1::jsonb)', [jobs])
        made += 200
      }
    }
    const work = async (n: number) => {
      const s = engine.session(n)
      await register(s, `w${n}`, ['alpha', 'beta'])
      for (let idle = 0; idle < 3; ) {
        const token = crypto.randomUUID()
        const finishRows = async (list: { id: string; lease: number }[]) => {
          const results = list.map(({ id, lease }) => ({ id, lease, token, outcome: 'completed' }))
          const verdicts = await s.get<string[]>('finish($1::jsonb)', [JSON.stringify(results)])
          ended += verdicts.filter((verdict) => verdict === 'settled').length
        }
        const { claims, jobs: rows } = await s.get<Claimed>('claim_packed($1::text, $2::uuid, $3::jsonb)::json', [
          `w${n}`,
          token,
          JSON.stringify(['alpha', 'beta'].map((queue) => ({ queue, n: 100, kinds: ['plain'] }))),
        ])
        idle = claims.length + rows.length === 0 && isOver() ? idle + 1 : 0
        // What came while its lane was just being made is a row, as is what was carried.
        if (rows.length > 0) await finishRows(rows)
        if (claims.length === 0) continue
        const left = await s.get<(Unsettled[] | null)[]>('settle_claims($1::jsonb)', [
          JSON.stringify(claims.map(({ lease }) => ({ lease, token, done: null }))),
        ])
        for (const [n, one] of claims.entries()) {
          const moved = (left[n] ?? []).filter(({ verdict }) => verdict === 'moved')
          ended += one.jobs.length - (left[n] ?? []).length
          if (moved.length > 0) await finishRows(moved.map(({ i }) => ({ id: one.jobs[i]?.[0] ?? '', lease: one.lease + i })))
        }
      }
    }
    const maintain = async () => {
      while (!isOver()) {
        // A minute passes in a second: the ring turns often, and no attempt outlives its deadline.
        await engine.advance(0.1)
        await engine.session(5).get('tick()')
        await engine.session(5).run('select pg_sleep(0.1)')
      }
    }
    await Promise.all([produce(0), produce(1), work(2), work(3), work(4), maintain()])
    expect(ended).toBe(made)
    expect(await violations(engine)).toEqual([])
    const { turns } = await engine.lookOne<{ turns: number }>(
      'select count(*)::integer as turns from countersign_queue.generations',
    )
    expect(turns).toBeGreaterThan(1)
    await engine.rest()
    const after = await tables(engine)
    expect(
      after.filter((one) => one.declared === 'append_truncate' && one.dead + one.updated + one.deleted + one.vacuums > 0),
    ).toEqual([])
    for (const { name, declared } of after) {
      const bound = Number(/^bounded\((\d+)\)$/.exec(declared ?? '')?.[1] ?? Number.POSITIVE_INFINITY)
      const { rows } = await engine.lookOne<{ rows: number }>(`select count(*)::integer as rows from countersign_queue.${name}`)
      expect(rows, name).toBeLessThanOrEqual(bound)
    }
    process.stdout.write(`load: ${made} jobs in ${LOAD_MS} ms\n`)
  },
  LOAD_MS + 60_000,
)
