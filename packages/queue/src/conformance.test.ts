// Other languages live on the SQL functions alone (Q143): a script in plain SQL and one in Python, whole life cycles both, on a database under one plain login.
import { execFile, execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { migrate } from './migrate.ts'
import { emptyDatabase } from './testing/empty-database.ts'
import { statementsOf } from './testing/statements.ts'

const script = (name: string) => fileURLToPath(new URL(`../test/${name}`, import.meta.url))

const missing = (() => {
  try {
    execFileSync('python3', ['-c', 'import psycopg'], { stdio: 'pipe' })
    return null
  } catch (error) {
    return (error as { code?: string }).code === 'ENOENT' ? 'python3 is not there' : 'psycopg is not there'
  }
})()

test('Q143 a whole life cycle in plain SQL, enqueue from a row trigger included, on both engines', async () => {
  for (const ring of [true, false]) {
    const url = await emptyDatabase()
    await migrate(url, { ring })
    const client = new pg.Client(url)
    await client.connect()
    onTestFinished(() => client.end())
    for (const statement of statementsOf(readFileSync(script('conformance.sql'), 'utf8'))) {
      await client.query(statement).catch((error) => {
        throw new Error(`${ring ? 'ring' : 'rows'}: ${statement.slice(0, 400)}`, { cause: error })
      })
    }
  }
})

if (missing === null)
  test('Q143 a whole life cycle in Python with psycopg', async () => {
    const url = await emptyDatabase()
    await migrate(url)
    const { stdout } = await promisify(execFile)('python3', [script('conformance.py'), url])
    expect(stdout).toBe('conformance: a whole life cycle\n')
  })
else
  test(`Q143 the life cycle in Python is not run here, for ${missing}; its script names functions that exist`, async () => {
    const url = await emptyDatabase()
    await migrate(url)
    const client = new pg.Client(url)
    await client.connect()
    onTestFinished(() => client.end())
    const called = [...readFileSync(script('conformance.py'), 'utf8').matchAll(/call\(\s*"([a-z_]+)"/g)].map((found) => found[1])
    expect(called.length).toBeGreaterThan(10)
    const { rows } = await client.query(
      "select distinct proname::text as name from pg_proc where pronamespace = 'countersign_queue'::regnamespace and proname = any ($1)",
      [called],
    )
    expect(rows.map((row) => row.name).sort()).toEqual([...new Set(called)].sort())
  })
