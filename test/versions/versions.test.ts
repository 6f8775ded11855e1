// Q6 on the other versions of PostgreSQL that the machine has: the migrations, a whole life cycle in plain SQL, and a worker. The embedded one is 18.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { createQueue, defineKind, migrate } from '../../packages/queue/src/index.ts'
import { statementsOf } from '../../packages/queue/src/testing/statements.ts'
import { findServers, startServer } from './servers.ts'

const life = fileURLToPath(new URL('../../packages/queue/test/conformance.sql', import.meta.url))
const servers = findServers()

for (const installed of servers)
  test(`Q6 Q143 PostgreSQL ${installed.version} takes the migrations, lives the life cycle in plain SQL and serves a worker, under one plain login`, async () => {
    const server = await startServer(installed)
    onTestFinished(() => server.stop())
    const root = new pg.Client(server.url)
    await root.connect()
    await root.query('create role plain login')
    await root.query('create database app owner plain')
    await root.end()
    const url = server.url.replace('postgres@', 'plain@').replace(/postgres$/, 'app')
    await migrate(url)
    const client = new pg.Client(url)
    await client.connect()
    onTestFinished(() => client.end())
    const { rows } = await client.query('show server_version_num')
    expect(Math.floor(Number(rows[0].server_version_num) / 10_000)).toBe(installed.version)
    for (const statement of statementsOf(readFileSync(life, 'utf8'))) {
      await client.query(statement).catch((error) => {
        throw new Error(statement.slice(0, 400), { cause: error })
      })
    }
    const greet = defineKind<{ n: number }>('greet', { run: (job) => job.payload.n })
    const queue = createQueue({ database: { url }, kinds: [greet] })
    onTestFinished(() => queue.close())
    const ids = await queue.enqueueMany(
      Array.from({ length: 500 }, (_, n) => ({ kind: 'greet', payload: { n }, priority: ((n % 4) + 1) as 1 })),
    )
    const worker = queue.work({ concurrency: 20 })
    const results = await Promise.all(ids.map((id) => queue.result(id)))
    expect(results).toEqual(ids.map((_, n) => n))
    await worker.stop()
  })

if (servers.length === 0)
  test('Q6 this machine has no PostgreSQL beside the embedded one, so no other version is tried', () => {
    expect(findServers()).toEqual([])
  })
