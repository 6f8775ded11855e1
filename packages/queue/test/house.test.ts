// The house rules of the package itself (Q144–Q146), read from its files: nothing here asks a database.
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const PACKAGE = new URL('../', import.meta.url)
const ROOT = new URL('../../', PACKAGE)
const SQL = readdirSync(new URL('sql/', PACKAGE)).sort()
const read = (name: string, base = PACKAGE) => readFileSync(new URL(name, base), 'utf8')
/** These landed before the rule and may not change a byte. */
const LANDED = 6

test('Q144 migrations are numbered without gaps, each with one number and a name', () => {
  expect(SQL.filter((name) => !/^\d{4}_[a-z0-9_]+\.sql$/.test(name))).toEqual([])
  expect(SQL.map((name) => Number(name.slice(0, 4)))).toEqual(SQL.map((_, n) => n + 1))
})

test('Q144 statements stand in sql.ts alone, each parameter with its cast', () => {
  const text = read('src/sql.ts')
  const bare = [...text.matchAll(/sql\('([a-z_]+\([^']*\))'\)/g)]
    .map(([, call]) => call as string)
    .filter((call) => /\$\d+(?!\d|::)/.test(call))
  expect([...text.matchAll(/sql\('/g)].length).toBeGreaterThan(20)
  expect(bare).toEqual([])
})

test('Q145 no statement outside of this package names a table of the queue', () => {
  const tables = [
    ...SQL.map((name) => read(`sql/${name}`))
      .join('\n')
      .matchAll(/create table (?:if not exists )?countersign_queue\.([a-z_]+)/g),
  ].map(([, name]) => name as string)
  expect(tables.length).toBeGreaterThan(10)
  const named = new RegExp(`countersign_queue\\.(${[...new Set(tables)].join('|')})\\b(?! *\\()`)
  const found: string[] = []
  const places = ['packages/server/src/', 'packages/server/migrations/', 'packages/sdk/src/', 'packages/dashboard/src/']
  let files = 0
  for (const place of places)
    for (const entry of readdirSync(new URL(place, ROOT), { recursive: true, withFileTypes: true })) {
      const path = `${entry.parentPath}/${entry.name}`
      // What lists every table of the database for its guard names these too, and asks them nothing; tests look as the superuser.
      if (
        !entry.isFile() ||
        !/\.(ts|tsx|sql)$/.test(path) ||
        /\.test\.tsx?$|\.fixture\.ts$|\/testing\/|\/db\/tables\.ts$/.test(path)
      )
        continue
      files++
      const lines = readFileSync(path, 'utf8').split('\n')
      lines.forEach((line, n) => {
        if (named.test(line) && !/^\s*(\/\/|--|\*)/.test(line))
          found.push(`${path.slice(path.indexOf('packages/'))}:${n + 1}: ${line.trim().slice(0, 120)}`)
      })
    }
  expect(files).toBeGreaterThan(100)
  expect(found).toEqual([])
})

test('Q146 above each SQL function stands what it promises', () => {
  const bare: string[] = []
  for (const name of SQL.slice(LANDED)) {
    const lines = read(`sql/${name}`).split('\n')
    lines.forEach((line, n) => {
      const made = /^create (?:or replace )?(?:function|procedure) countersign_queue\.([a-z_]+)/.exec(line)
      if (!made) return
      // One-liners of one sort may share the words above the first of them; a template's opening lines stand between.
      let above = n - 1
      while (
        above >= 0 &&
        /^(do \$|(drop|alter) function |begin| {2}execute |language sql|return |create (or replace )?function countersign_queue\.|\) returns| {2}[a-z_]+ |end;?$)/.test(
          lines[above] as string,
        )
      )
        above--
      if (!/^\s*--/.test(lines[above] ?? '')) bare.push(`${name}:${n + 1} ${made[1]}`)
    })
  }
  expect(bare).toEqual([])
})
