// The store goes away and comes back while a process lives: what is told, what is woken, and that nothing needs a restart.
import { connect, createServer } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type Cable, database, setup } from '#harness'
import { systemScope } from './scope.ts'
import { type Db, tx } from './tx.ts'

const answers = (db: Db) =>
  tx(db, systemScope('test'), (t) => t.one<{ one: number }>`select 1 as one`).then(
    () => 'ok',
    (error: { code: string }) => error.code,
  )

test('when the cable is pulled transactions say store_unavailable, and all works again when it is plugged in', async () => {
  const given = await database({ cable: true })
  const { db } = given
  const cable = given.cable as Cable
  expect(await answers(db)).toBe('ok')

  await cable.pull()
  expect([await answers(db), await answers(db)]).toEqual(['store_unavailable', 'store_unavailable'])
  await vi.waitFor(() => expect(db.listen.status()).toBe('degraded'), { timeout: 20_000 })

  await cable.plug()
  expect(await answers(db)).toBe('ok')
  await vi.waitFor(() => expect(db.listen.status()).toBe('listening'), { timeout: 20_000 })
})

test('a transaction that is cut in the middle is store_unavailable and leaves nothing', async () => {
  const given = await database({ cable: true })
  const scope = systemScope('test', '00000000-0000-4000-8000-000000000001')

  const cut = tx(given.db, scope, async (t) => {
    await t.run`insert into tenants (id, name) values (${scope.tenantId}::uuid, 'Acme')`
    await given.cable?.pull()
    await t.rows`select 1`
  })

  await expect(cut).rejects.toMatchObject({ code: 'store_unavailable' })
  expect(await given.admin.rows`select 1 from tenants`).toEqual([])
})

test('a process that starts while the store is away starts, and serves once it is there', async () => {
  const given = await database({ cable: true })
  await given.cable?.pull()

  const late = await given.open()
  expect(late.listen.status()).toBe('degraded')
  expect(await answers(late)).toBe('store_unavailable')

  await given.cable?.plug()
  expect(await answers(late)).toBe('ok')
})

test('PostgreSQL gone: 503 with Retry-After, alive but not ready, and recovery without a restart', async () => {
  const house = await setup({ cable: true, settings: { ROLES: 'web,maintenance' } })
  const ready = () => house.nobody.get('/readyz').then((answer) => answer.status)
  const soon = { timeout: 20_000, interval: 50 }
  await expect.poll(ready, soon).toBe(200)

  await house.cable?.pull()
  const gone = await house.alice.get('/api/v1/me')
  expect([gone.status, gone.body.code]).toEqual([503, 'store_unavailable'])
  expect(Number(gone.headers.get('retry-after'))).toBeGreaterThan(0)
  expect((await house.nobody.get('/livez')).status).toBe(200)
  await house.clock.advance('2s') // the answer of the last probe is kept for a second
  expect(await ready()).toBe(503)

  await house.cable?.plug()
  await house.clock.advance('2s')
  await expect.poll(ready, soon).toBe(200)
  expect((await house.alice.get('/api/v1/me')).status).toBe(200)
})

/** A line whose near end hears nothing until the far one is gone, and then everything in one breath. */
async function heldLine(to: string) {
  const { hostname, port } = new URL(to)
  const held: Buffer[] = []
  const line = { isHeld: false, held, url: '' }
  const server = createServer((near) => {
    const far = connect(Number(port), hostname)
    near.pipe(far)
    near.on('error', () => far.destroy())
    far.on('data', (chunk: Buffer) => void (line.isHeld ? held.push(chunk) : near.write(chunk)))
    far.on('close', () => near.end(Buffer.concat(held.splice(0))))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const url = new URL(to)
  url.port = String((server.address() as { port: number }).port)
  return Object.assign(line, { url: url.href })
}

test('a connection that breaks in the same breath as its last answer, while another call waits for it, ends no process', async () => {
  const given = await database()
  const line = await heldLine(given.runtimeUrl)
  const db = await given.open({ url: line.url, max: 1, listen: false })
  const { rows } = await db.pool.query('select pg_backend_pid() as pid')

  line.isHeld = true
  const last = db.pool.query('select 1 as one')
  const waiting = answers(db)
  await vi.waitFor(() => expect(line.held.length).toBeGreaterThan(0), { timeout: 20_000 })
  await given.admin.rows`select pg_terminate_backend(${rows[0].pid}::integer)`

  expect((await last).rows).toEqual([{ one: 1 }])
  expect(await waiting).toBe('store_unavailable')
  line.isHeld = false
  expect(await answers(db)).toBe('ok')
})
