// Every process as its own login, over one database (P18), each with its own listener and routes (P19): what a person, an agent and an outside service do,
// while no process has a right that its work does not need.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createQueue, defineKind, park, SIGNATURE_HEADER, signCallback } from '@countersign/queue'
import { expect, onTestFinished, test } from 'vitest'
import { clientOf, setup } from '#harness'
import { randomBytes } from '../../packages/server/src/crypto/token.ts'
import { bootReceiver } from '../../packages/server/src/main/boot.ts'
import { describeRoutes } from '../../packages/server/src/main/rooms.ts'
import { newId } from '../../packages/server/src/std/id.ts'
import { openLog } from '../../packages/server/src/std/log.ts'

const log = openLog({ level: 'silent' })
const soon = { timeout: 20_000, interval: 20 }

function keyFile() {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-keys-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const secret = randomBytes(32)
  const path = join(folder, 'keys.json')
  writeFileSync(path, JSON.stringify({ keys: [{ id: 'k1', secret: secret.toString('hex') }] }), { mode: 0o600 })
  return { path, key: { id: 'k1', secret } }
}

test('P18 the whole way with a login for each process: asked, answered, timed out, called back, swept', {
  timeout: 90_000,
}, async () => {
  const keys = keyFile()
  const shared = { CALLBACK_KEYS_FILE: keys.path, CALLBACKS_PORT: '0' }
  const house = await setup({ login: 'countersign_run_web', settings: { ...shared, ROLES: 'web' } })
  await house.second({ login: 'countersign_run_worker', settings: { ROLES: 'worker' } })
  await house.second({ login: 'countersign_run_maintenance', settings: { ROLES: 'maintenance' } })
  const receiver = await bootReceiver(
    house.configOf({ ROLES: 'callbacks', DATABASE_URL: house.urlOf('countersign_run_callbacks') }),
    log,
  )
  onTestFinished(() => receiver.close())
  const logins = await house.admin.rows<{ login: string }>`
    select distinct usename::text as login from pg_stat_activity where datname = current_database() and usename like 'countersign_run%' order by 1`
  expect(logins.map((one) => one.login.slice('countersign_run_'.length))).toEqual(['callbacks', 'maintenance', 'web', 'worker'])

  // Asked and answered.
  const task = await house.given.task()
  const wait = house.agent.get(`/api/v1/tasks/${task.id}/poll?timeout=25`)
  const yes = { type: 'respond', response: { approve: true }, seen_revision: 1 }
  expect((await house.alice.post(`/api/v1/tasks/${task.id}/decide`, yes)).status).toBe(200)
  expect((await wait).body).toMatchObject({ status: 'completed', response: { approve: true } })
  // A deadline: the worker's.
  const late = await house.given.task({ timeout_seconds: 5 })
  await house.clock.advance('6s')
  await expect.poll(async () => (await house.agent.get(`/api/v1/tasks/${late.id}`)).body.status, soon).toBe('timed_out')
  // A job of a program that has the worker's login, answered from outside at a receiver that can do nothing else.
  const bank = defineKind('bank', {
    async run(_, ctx) {
      return park(await ctx.callback('answer'))
    },
  })
  const queue = createQueue({ database: { url: house.urlOf('countersign_run_worker') }, kinds: [bank], clock: house.clock })
  onTestFinished(() => queue.close({ grace: '1s' }))
  const id = await queue.enqueue(bank, null)
  queue.work({ maintenance: false })
  await expect.poll(async () => (await queue.job(id))?.state, soon).toBe('waiting')
  const [{ callback }] = (await house.admin.rows<{
    callback: string
  }>`select id as callback from countersign_queue.callbacks`) as [{ callback: string }]
  const body = '{"payload":{"paid":true}}'
  const answer = await fetch(`${receiver.url}/api/v1/callbacks/${callback}/complete`, {
    method: 'POST',
    body,
    headers: {
      [SIGNATURE_HEADER]: await signCallback(keys.key, { action: 'complete', subject: callback, body }, house.clock.now()),
    },
  })
  expect(answer.status).toBe(200)
  await expect.poll(async () => (await queue.job(id))?.state, soon).toBe('completed')
  // Swept: the maintenance login has no right on these tables, only the functions.
  await house.clock.advance('2d')
  await expect
    .poll(
      async () =>
        (
          await house.admin.one<{
            n: number
          }>`select count(*)::int as n from buckets where idle_at < countersign.now() - interval '1 hour'`
        ).n,
      soon,
    )
    .toBe(0)
  // What the status page measures is its room's to be let do; everything else was let do what it did.
  expect(house.logs.filter((line) => /permission denied/.test(line) && !/status_|probe|"measure/.test(line))).toEqual([])
})

test('P18 A4 what a login does not need it is refused', async () => {
  const house = await setup()
  const tries: Record<string, string[]> = {
    countersign_run_web: [
      'create table countersign.mine (id int)',
      'truncate countersign.tasks',
      'create temporary table mine (id int)',
    ],
    countersign_run_worker: ['create schema mine', 'delete from countersign.events', 'set role countersign_owner'],
    countersign_run_callbacks: [
      'select * from countersign.tasks',
      'select * from countersign_queue.jobs',
      "select countersign_queue.enqueue('default', 'x', '{}', '{}')",
      'select countersign_engine.sweep_buckets()',
      'create table public.mine (id int)',
    ],
    countersign_run_maintenance: [
      'select * from countersign.tasks',
      'select * from countersign.buckets',
      'select * from countersign.tenants',
      "select countersign_queue.enqueue('default', 'x', '{}', '{}')",
      "select countersign_engine.use_session('')",
    ],
    countersign_run_proxy: [
      'select * from countersign.tasks',
      'select countersign_engine.sweep_buckets()',
      'select * from countersign.tenants',
    ],
  }
  const { openDb } = await import('../../packages/server/src/db/tx.ts')
  for (const [login, statements] of Object.entries(tries)) {
    const db = await openDb({ url: house.urlOf(login), listen: false, max: 1 })
    for (const statement of statements)
      await expect(db.pool.query(statement), `${login}: ${statement}`).rejects.toMatchObject({ code: '42501' })
    await db.close()
  }
})

test('P19 each listener answers its own routes, and a route of another role is 404 there', { timeout: 60_000 }, async () => {
  const keys = keyFile()
  const house = await setup({
    settings: {
      ROLES: 'web,callbacks',
      CALLBACK_KEYS_FILE: keys.path,
      CALLBACKS_PORT: '0',
      PROBES_PORT: '0',
      CORS_ORIGINS: 'https://app.example',
    },
  })
  const worker = await house.second({ settings: { ROLES: 'worker' } })
  const maintenance = await house.second({ settings: { ROLES: 'maintenance' } })
  const { callbacks, probes } = house.server.listeners as { callbacks: string; probes: string }
  const doors = { web: house.url, callbacks, probes, worker: worker.url, maintenance: maintenance.url }
  expect(new Set(Object.values(doors)).size).toBe(5)
  for (const url of Object.values(doors)) expect(new URL(url).hostname).toBe('127.0.0.1')

  const { routes, rootRoutes } = describeRoutes()
  const path = (text: string) => text.replace(/:[a-z_]+/g, newId('task'))
  const isCallback = (text: string) => /^\/callbacks\/:id\/(complete|fail|heartbeat)$/.test(text)
  const ask = async (url: string, method: string, at: string) => {
    const answer = await clientOf(url).raw(at, { method, ...(method === 'GET' ? {} : { body: '{}' }) })
    await answer.body?.cancel()
    return answer
  }
  for (const one of routes) {
    const at = `${one.spec.dialect === 'compatible' ? '/api' : '/api/v1'}${path(one.path)}`
    for (const name of ['callbacks', 'probes', 'worker', 'maintenance'] as const) {
      if (name === 'callbacks' && isCallback(one.path)) continue
      expect([name, one.method, one.path, (await ask(doors[name], one.method, at)).status]).toEqual([
        name,
        one.method,
        one.path,
        404,
      ])
    }
    // The web knows every route but the receiver's: an unknown one would be 404 with the same code, so it is asked what the path allows.
    const options = await clientOf(doors.web).raw(at, { method: 'OPTIONS' })
    expect([one.path, options.status]).toEqual([one.path, isCallback(one.path) ? 404 : 204])
  }
  for (const one of rootRoutes.filter(({ method }) => method === 'GET')) {
    const at = path(one.path)
    const isProbe = ['/livez', '/readyz', '/metrics'].includes(at)
    for (const name of ['callbacks', 'probes', 'worker', 'maintenance'] as const) {
      const { status } = await ask(doors[name], 'GET', at)
      expect([name, at, status !== 404]).toEqual([name, at, isProbe && name !== 'callbacks'])
    }
  }
  for (const name of ['callbacks', 'probes', 'worker', 'maintenance'] as const)
    for (const at of ['/', '/inbox', '/openapi.json', '/api/v1/me'])
      expect([name, at, (await ask(doors[name], 'GET', at)).status]).toEqual([name, at, 404])
  const signed = await fetch(`${callbacks}/api/v1/callbacks/cb_1/complete`, {
    method: 'POST',
    headers: { origin: 'https://app.example' },
  })
  expect([signed.status, signed.headers.get('access-control-allow-origin')]).toEqual([expect.any(Number), null])
  expect([400, 401]).toContain(signed.status)
})

test('P19 a receiver does not start where everybody could end jobs', async () => {
  const house = await setup()
  const receive = (settings: Record<string, string>) =>
    bootReceiver(
      house.configOf({
        ROLES: 'callbacks',
        CALLBACKS_PORT: '0',
        DATABASE_URL: house.urlOf('countersign_run_callbacks'),
        ...settings,
      }),
      log,
    )
  await expect(receive({})).rejects.toThrow('needs at least one key')
  await expect(receive({ CALLBACKS_UNSIGNED: '1', CALLBACKS_HOST: '0.0.0.0' })).rejects.toThrow('public address')
  await expect(
    receive({ CALLBACK_KEYS_FILE: keyFile().path, CALLBACKS_HOST: '0.0.0.0', ENVIRONMENT: 'production' }),
  ).rejects.toThrow('without TLS')
  const private_ = await receive({ CALLBACKS_UNSIGNED: '1' })
  expect((await fetch(`${private_.url}/api/v1/callbacks/x/complete`, { method: 'POST' })).status).toBe(400)
  await private_.close()
})
