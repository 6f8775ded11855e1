// How a statement reads its tables, for tests of what a page costs: indexes and rows, not milliseconds, which are others' on a busy machine.
import type { House } from '#harness'
import type { Scope } from '../../db/scope.ts'
import { type Sql, sql } from '../../db/sql.ts'
import { type Tx, tx } from '../../db/tx.ts'

type Scan = {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Actual Rows': number
  'Actual Loops': number
  Plans?: Scan[]
}

/** How each table is read by a statement of one row or of many, which is not sent but explained: as where tables are large, and what stands in them is seen by all. */
export async function scansOf(house: House, scope: Scope, statement: (unsent: Tx) => unknown): Promise<Scan[]> {
  await house.admin.query('analyze tasks, task_inbox')
  await house.admin.query("update pg_class set relallvisible = relpages where oid in ('tasks'::regclass, 'task_inbox'::regclass)")
  const { text, values } = statement({ one: sql, rows: sql } as unknown as Tx) as Sql
  const explain = async (t: Tx) => {
    await t.run`select set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true)`
    return t.query(`explain (analyze, timing off, costs off, format json) ${text}`, [...values])
  }
  const { rows } = await tx(house.db, scope, explain, { readOnly: true })
  const scans = (node: Scan): Scan[] => [
    ...(node['Relation Name'] === undefined ? [] : [node]),
    ...(node.Plans ?? []).flatMap(scans),
  ]
  return scans(rows[0]['QUERY PLAN'][0].Plan)
}
