import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { type House, type Person, setup } from '#harness'
import { systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { openDoor } from '../../egress/fetch.ts'
import { openGuard } from '../../egress/guard.ts'
import { tenantWire } from '../../std/id.ts'
import { findForbidden, readAllows } from './allow.ts'
import { insertAllows } from './sql.ts'

async function asHost(house: House): Promise<Person> {
  await house.admin.run`insert into hosts (user_id, since) values (${house.alice.id}::text, countersign.now())`
  return house.alice
}

async function receiver(): Promise<number> {
  const server = createServer((_, answer) => answer.end('ok'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    return new Promise((resolve) => void server.close(() => resolve()))
  })
  return (server.address() as AddressInfo).port
}

const TASK = {
  task: 'Go on?',
  payload: {},
  response_schema: { type: 'object', properties: { yes: { type: 'boolean' } } },
  timeout_seconds: 60,
}

test('P104 a host lets one tenant reach an exact host and port: saved and dialled there, for nobody else, at no other port, and no longer once it is taken back', async () => {
  const house = await setup()
  const host = await asHost(house)
  const port = await receiver()
  const url = `http://127.0.0.1:${port}/callback`
  const tenant_id = tenantWire(house.tenantId)
  const put = (targets: string[]) => host.put('/api/v1/egress/allow', { tenant_id, allow: targets.map((target) => ({ target })) })
  const save = async (callback_url = url) =>
    (await house.agent.post('/api/v1/tasks', { ...TASK, callback_url })).body.code ?? 'saved'
  expect(await save()).toBe('url_not_allowed')

  const saved = await put([`127.0.0.1:${port}`])
  expect([saved.status, saved.body]).toEqual([
    200,
    { tenant_id, allow: [{ target: `127.0.0.1:${port}`, reason: '', added_by: host.id, added_at: expect.any(String) }] },
  ])
  expect((await host.get(`/api/v1/egress/allow?tenant_id=${tenant_id}`)).body).toEqual(saved.body)
  expect([await save(), await save(`http://127.0.0.1:${port + 1}/`), await save(`http://127.0.0.2:${port}/`)]).toEqual([
    'saved',
    'url_not_allowed',
    'url_not_allowed',
  ])

  // The same rows at the dial, of another process too; another tenant has none of it.
  const door = openDoor({ guard: openGuard({ allowedOf: readAllows({ db: house.db }) }), installation: 'x', version: '0' })
  onTestFinished(() => door.close())
  const stranger = await house.given.tenant()
  expect(await door.fetch({ tenantId: house.tenantId, url })).toMatchObject({ status: 200 })
  expect(await door.fetch({ tenantId: stranger, url })).toEqual({ failed: 'url_not_allowed' })
  expect(await door.fetch({ tenantId: 'not-a-tenant', url })).toEqual({ failed: 'url_not_allowed' })

  // Sent again it changes nothing and tells nothing; taken back it ends at the next dial.
  await put([`127.0.0.1:${port}`])
  expect((await put([])).body.allow).toEqual([])
  await expect.poll(async () => 'failed' in (await door.fetch({ tenantId: house.tenantId, url }))).toBe(true)
  expect((await house.eventTypes()).filter((type) => type.startsWith('egress.'))).toEqual(['egress.allowed', 'egress.allowed'])
  const told = await house.admin.rows<{ body: string }>`
    select body from events where tenant_id = ${house.tenantId}::uuid and type = 'egress.allowed' order by occurred_at`
  expect(told.map(({ body }) => JSON.parse(body)).map((one) => [one.actor.id, one.data])).toEqual([
    [host.id, { tenant_id, added: [`127.0.0.1:${port}`], removed: [] }],
    [host.id, { tenant_id, added: [], removed: [`127.0.0.1:${port}`] }],
  ])
})

test('P104 no exception reaches a metadata address, is a suffix, or lacks its port; a refused list changes nothing', async () => {
  const house = await setup()
  const host = await asHost(house)
  const tenant_id = tenantWire(house.tenantId)
  const put = (allow: object[], tenant = tenant_id) => host.put('/api/v1/egress/allow', { tenant_id: tenant, allow })
  await put([{ target: 'receiver.example:8443', reason: 'a partner' }])
  for (const target of [
    '169.254.169.254:80',
    '0.0.0.0/0:443',
    '*.example:443',
    '.example:443',
    'receiver.example',
    '[fd00:ec2::254]:80',
    '[::ffff:169.254.170.2]:80',
  ]) {
    const refused = await put([{ target: 'other.example:443' }, { target }])
    expect([target, refused.status, refused.body.code, refused.body.errors?.[0].path]).toEqual([
      target,
      422,
      'url_not_allowed',
      '/allow/1/target',
    ])
  }
  expect((await host.get(`/api/v1/egress/allow?tenant_id=${tenant_id}`)).body.allow).toMatchObject([
    { target: 'receiver.example:8443', reason: 'a partner' },
  ])
  expect((await put([], 'ten_00000000000000000000000000')).body.code).toBe('not_found')
})

test('P60 P104 only a host may look at exceptions or change them, and to change them needs a fresh proof', async () => {
  const house = await setup()
  const tenant_id = tenantWire(house.tenantId)
  const calls = [
    () => house.alice.get(`/api/v1/egress/allow?tenant_id=${tenant_id}`),
    () => house.alice.put('/api/v1/egress/allow', { tenant_id, allow: [] }),
  ]
  for (const call of calls) expect((await call()).body.code).toBe('forbidden')
  await asHost(house)
  for (const call of calls) expect((await call()).status).toBe(200)
  await house.clock.advance('11m')
  expect((await calls[1]?.())?.body.code).toBe('step_up_required')
})

test('P104 P153 a row that this version would not take is found at the start and opens nothing', async () => {
  const house = await setup()
  const scope = systemScope('test', house.tenantId)
  await tx(house.db, scope, (t) => insertAllows(t, scope, ['169.254.169.254:80', 'fine.example:443'], ['', '']))
  expect(await findForbidden(house.db)).toEqual([{ tenant: tenantWire(house.tenantId), target: '169.254.169.254:80' }])
  expect(await readAllows({ db: house.db })(house.tenantId)).toEqual([{ host: 'fine.example', port: 443 }])
})

test('P105 a request that carries our own mark is refused at the edge, however it was forwarded; somebody else’s is not', async () => {
  const house = await setup()
  const mark = `countersign-${house.keyring.installation}`
  const ask = (via: string) => house.nobody.get('/api/v1/setup/status', { via })
  for (const via of [`1.1 ${mark}`, `1.0 proxy.example, 1.1 ${mark}`, `2 ${mark} (comment), 1.1 other`]) {
    const refused = await ask(via)
    expect([via, refused.status, refused.body.code]).toEqual([via, 508, 'loop_detected'])
  }
  for (const via of ['1.1 countersign-ffffffffffffffff', `1.1 ${mark}x`, '1.1 vegur']) expect((await ask(via)).status).toBe(200)
})

test('P105 P86 a delivery to our own address comes back as 508, so that no circle of posts can form', async () => {
  const house = await setup()
  const host = await asHost(house)
  const tenant_id = tenantWire(house.tenantId)
  const { host: own, href } = new URL('/api/v1/setup/status', house.url)
  await host.put('/api/v1/egress/allow', { tenant_id, allow: [{ target: own }] })
  const guard = openGuard({ allowedOf: readAllows({ db: house.db }) })
  const door = openDoor({ guard, installation: house.keyring.installation, version: '0' })
  onTestFinished(() => door.close())
  expect(await door.fetch({ tenantId: house.tenantId, url: href })).toMatchObject({ status: 508 })
})
