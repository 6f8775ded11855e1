// A27: what a dump holds goes on in a cluster whose transactions have lower numbers, although the ring's order and its cursors are made of such numbers.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { createQueue, defineKind } from '@countersign/queue'
import { drain } from '@countersign/queue/testing'
import pg from 'pg'
import { expect, inject, onTestFinished, test } from 'vitest'
import { migrate } from '../../packages/queue/src/index.ts'
import { emptyDatabase } from '../../packages/queue/src/testing/empty-database.ts'
import { startEmbedded } from '../../packages/server/src/db/embedded/postgres.ts'
import { copyDatabase, type Place } from './dump.ts'
import { createDatabase, createLogin, currentXid, drawXids } from './sql.ts'

async function freshCluster(): Promise<Place> {
  const home = mkdtempSync('/tmp/countersign-restored-')
  chmodSync(home, 0o711)
  const database = await startEmbedded({ home, settings: { scram_iterations: '1', fsync: 'off' } })
  onTestFinished(async () => {
    await database.stop()
    rmSync(home, { recursive: true, force: true })
  })
  const password = crypto.randomUUID()
  const admin = await connect(database.adminUrl)
  await admin.query(createLogin('restored', password))
  await admin.query(createDatabase('restored', 'restored'))
  const adminUrl = Object.assign(new URL(database.adminUrl), { pathname: '/restored' }).href
  return { adminUrl, url: Object.assign(new URL(adminUrl), { username: 'restored', password }).href }
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client(url)
  client.on('error', () => undefined) // its server may end before the test does
  await client.connect()
  onTestFinished(() => client.end())
  return client
}

function open(url: string, ran: Map<string, number>) {
  const note = defineKind('note', {
    run: ({ id }) => void ran.set(id, (ran.get(id) ?? 0) + 1),
  })
  const queue = createQueue({ database: { url }, kinds: [note], listen: false })
  onTestFinished(() => queue.close({ grace: '1s' }))
  return { queue, note }
}

test('A27 Q42 of a dump that is restored into a fresh cluster with lower transaction numbers every pending job runs, none that is over runs again, and new jobs run', {
  timeout: 240_000,
}, async () => {
  const url = await emptyDatabase()
  await migrate(url)
  const source: Place = { url, adminUrl: Object.assign(new URL(inject('pg').adminUrl), { pathname: new URL(url).pathname }).href }
  const before = await connect(source.adminUrl)
  await before.query(drawXids(5_000))

  const then = new Map<string, number>()
  const old = open(source.url, then)
  await old.queue.register()
  const many = (n: number, own: object = {}) => old.queue.enqueueMany(Array.from({ length: n }, () => ({ kind: 'note', ...own })))
  await many(20)
  await drain(old.queue)
  const over = [...then.keys()]
  expect(over).toHaveLength(20)
  // What waits in the ring before and behind the cursor, what a worker holds that will not be there, and what waits for its time.
  const held = await many(5)
  await before.query("select countersign_queue.register_worker('gone', '{default}', '{note}', 'host', 1, '1', 1000)")
  const wants = JSON.stringify([{ queue: 'default', n: 5, kinds: ['note'] }])
  await before.query("select countersign_queue.claim('gone', gen_random_uuid(), $1::jsonb)", [wants])
  const pending = [...held, ...(await many(40)), ...(await many(5, { queue: 'another' })), ...(await many(5, { runAt: 1_000 }))]
  expect((await old.queue.counts()).queues).toMatchObject({
    default: { running: 5, ready: 40, scheduled: 5 },
    another: { ready: 5 },
  })

  const target = await freshCluster()
  await copyDatabase(source, target)
  const after = await connect(target.adminUrl)
  const xidOf = async (client: pg.Client) => Number((await client.query<{ xid: string }>(currentXid)).rows[0]?.xid)
  expect(await xidOf(after)).toBeLessThan(await xidOf(before))

  const now = new Map<string, number>()
  const { queue, note } = open(target.url, now)
  const early = await queue.enqueue(note, null)
  queue.work({ queues: ['default', 'another'] })
  const wanted = [...pending, early]
  const missing = () => wanted.filter((id) => !now.has(id))
  await expect.poll(missing, { timeout: 60_000, interval: 100 }).toEqual([])
  const late = await queue.enqueue(note, null)
  await queue.result(late, { timeout: '30s' })
  expect(over.filter((id) => now.has(id))).toEqual([])
  expect([...now].filter(([, times]) => times !== 1)).toEqual([])
  await expect
    .poll(
      async () => (await Promise.all([...wanted, late].map((id) => queue.job(id)))).every((job) => job?.state === 'completed'),
      {
        timeout: 30_000,
      },
    )
    .toBe(true)
})
