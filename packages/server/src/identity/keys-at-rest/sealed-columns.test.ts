import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { database } from '#harness'
import { systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { workColumns } from './rewrap/move.ts'
import { countWrapsOf, nextEnvelopes } from './rewrap/sql.ts'
import { OTHER_BYTES, SEALED } from './sealed-columns.ts'

const sealed = SEALED.map(({ table, column }) => `${table}.${column}`)

test('P129 every column of bytes is listed once: as envelopes, or as what else it is', async () => {
  const { admin } = await database({ listen: false })
  const columns = await admin.rows<{ name: string }>`
    select c.relname || '.' || a.attname as name from pg_attribute a join pg_class c on c.oid = a.attrelid
    where c.relnamespace = 'countersign'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
      and a.atttypid in ('bytea'::regtype, 'bytea[]'::regtype)
    order by 1`
  expect([...sealed, ...Object.keys(OTHER_BYTES)].sort()).toEqual(columns.map(({ name }) => name).sort())
})

test('P129 what is called a hash is one: its columns hold digests of a fixed length or are compared only', () => {
  for (const [name, kind] of Object.entries(OTHER_BYTES))
    if (kind === 'hash') expect(name).toMatch(/(hash|digest|sha256|fingerprint|root)$/)
  expect(sealed).not.toContain(expect.stringMatching(/hash|digest/))
})

test('P126 the expressions of the list are right SQL, and a rewrap may write each column that stands under the tenant’s key', async () => {
  const { db, admin } = await database({ listen: false })
  const scope = systemScope('test', crypto.randomUUID())
  await tx(db, scope, async (t) => {
    const columns = await workColumns(t)
    expect(await countWrapsOf(t, scope, columns)).toEqual([])
    const all = await workColumns(
      t,
      SEALED.map(({ subject: _, ...one }) => one),
    )
    for (const [i, one] of SEALED.entries()) {
      const column = all[i + 1] as (typeof all)[number]
      expect([column.table, column.column, column.key.length > 0]).toEqual([one.table, one.column, true])
      expect(
        await nextEnvelopes(
          t,
          scope,
          { ...column, row: one.row, subject: one.subject },
          column.key.map(({ type }) => (/int/.test(type) ? '1' : 'a')),
          1,
        ),
      ).toEqual([])
    }
  })
  const may = await admin.rows<{ name: string; ok: boolean }>`
    select name, has_column_privilege('countersign_runtime', 'countersign.' || split_part(name, '.', 1), split_part(name, '.', 2), 'update') as ok
    from unnest(${SEALED.filter((one) => !one.subject).map(({ table, column }) => `${table}.${column}`)}::text[]) as name`
  expect(may.filter(({ ok }) => !ok)).toEqual([])
})

test('P124 every place that seals names a column of the list', () => {
  const source = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
  for (const [file, table] of [
    ['tasks/compatibility-key.ts', 'compatibility_keys'],
    ['webhooks/material.ts', 'endpoint_secrets'],
    ['identity/policies/recorded.ts', 'policy_decisions'],
    ['webhooks/sending/take.ts', 'event_bodies'],
  ] as const) {
    expect(source(file)).toContain(`'${table}'`)
    expect(SEALED.some((one) => one.table === table)).toBe(true)
  }
})
