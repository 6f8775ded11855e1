// Addresses that strangers name (relay.md R117, §12.30): refused as they are saved where that can be said, never dialled where it shows later; an exception of the operator
// opens exactly what it names, and one of the tenant that a thread lies in opens nothing to its callers.
import { expect, onTestFinished, test } from 'vitest'
import { openDoor } from '../../egress/fetch.ts'
import { checkUrl, type GuardOptions, openGuard } from '../../egress/guard.ts'
import type { Zone } from '../../egress/testing/dns-stub.ts'
import { openRig } from '../../egress/testing/rig.ts'
import { readAllows } from '../../identity/egress/allow.ts'
import { openBinder } from '../testing/binder.ts'
import { openReceiver } from '../testing/receiver.ts'

const code = (work: Promise<unknown>) =>
  work.then(
    () => 'taken',
    (error: { code?: string }) => error.code,
  )

/** A binder whose door and guard are the rig's, where each name leads to what the zone says. */
async function behind(zone: Zone, guard: GuardOptions = { http: true }) {
  const egress = await openRig({ zone, guard })
  const rig = await openBinder([])
  rig.webhooks.door = egress.door
  rig.webhooks.checkUrl = (url, path, tenantId, unresolved) => checkUrl(egress.door.guard, url, path, tenantId, unresolved)
  return { egress, rig }
}

test('R117 §12.30 loopback, private, link-local and metadata addresses, mapped and NAT64 forms, userinfo and other ports are refused as they are saved', async () => {
  const { rig, egress } = await behind(() => ({ records: [{ address: '8.8.8.8' }] }), {})
  const thread = rig.thread()
  const refusals: [string, string][] = [
    ...['https://127.0.0.1/', 'https://10.1.2.3/', 'https://169.254.169.254/latest', 'https://[::1]/', 'https://[fe80::1]/'].map(
      (url): [string, string] => [url, 'url_not_allowed'],
    ),
    ...['https://[::ffff:127.0.0.1]/', 'https://[64:ff9b::7f00:1]/', 'https://localhost/', 'https://agent.example.com:22/'].map(
      (url): [string, string] => [url, 'url_not_allowed'],
    ),
    ...['http://agent.example.com/', 'https://2130706433/', 'https://metadata.internal/'].map((url): [string, string] => [
      url,
      'url_not_allowed',
    ]),
    ...['https://me@agent.example.com/', 'https:/agent.example.com', 'agent.example.com', 'https://agent.example.com/ x'].map(
      (url): [string, string] => [url, 'url_invalid'],
    ),
  ]
  for (const [url, expected] of refusals) {
    expect(await code(rig.put(thread, { url, generate_secret: true })), url).toBe(expected)
    expect(await code(rig.put(rig.card, { url, generate_secret: true })), url).toBe(expected)
    expect(await code(rig.putConfig(thread, { url })), url).toBe(expected)
  }
  expect(await rig.inTx((t) => rig.bound.list(t, rig.scope, { boundTo: thread, side: 'caller' }))).toEqual([])
  expect(egress.dialled).toEqual([])
})

test('R117 §12.30 a name with one private answer among public ones is refused; a push config whose name leads nowhere yet may be saved, a callback not', async () => {
  const mixed = await behind(() => ({ records: [{ address: '8.8.8.8' }, { address: '10.0.0.1' }] }))
  expect(await code(mixed.rig.put(mixed.rig.thread(), { url: 'https://hooks.example.com/', generate_secret: true }))).toBe(
    'url_not_allowed',
  )
  const silent = await behind(() => ({ rcode: 3 }))
  expect(await code(silent.rig.put(silent.rig.thread(), { url: 'https://hooks.example.com/', generate_secret: true }))).toBe(
    'url_not_allowed',
  )
  expect(await code(silent.rig.putConfig(silent.rig.thread(), { url: 'https://hooks.internal/' }))).toBe('url_not_allowed')
  expect(await code(silent.rig.putConfig(silent.rig.thread(), { url: 'https://hooks.example.com/' }))).toBe('taken')
})

test('R101 R117 §12.30 a name that led elsewhere when it was saved is not dialled once it leads inside: no connection, and the attempt says why', async () => {
  let address = '8.8.8.8'
  const { egress, rig } = await behind(() => ({ records: [{ address }] }))
  const thread = rig.thread()
  await rig.put(thread, { url: 'https://hooks.example.com/', generate_secret: true })
  await rig.putConfig(thread, { url: 'https://hooks.example.com/push' })
  for (address of ['127.0.0.1', '10.0.0.1', '169.254.169.254', '192.168.1.1']) {
    const key = rig.thread()
    await rig.news(key, { subjects: [thread], stream: () => ({}) })
    await rig.house.runJobs()
    const rows = await rig.seen('caller', key)
    expect(rows).toHaveLength(2)
    for (const row of rows) expect(row.log, address).toMatchObject([{ status: null, class: 'url_not_allowed' }])
  }
  expect([egress.dialled, egress.seen, egress.connections(), egress.canary()]).toEqual([[], [], 0, 0])
  expect(rig.room.results.every((one) => one.class === 'url_not_allowed')).toBe(true)
})

test('R67 R116 §12.30 a redirect is a failure and is not followed, with or without credentials', async () => {
  const there = await openReceiver()
  const elsewhere = await openReceiver()
  there.otherwise = { status: 307, headers: { Location: `${elsewhere.origin}/` } }
  const rig = await openBinder([there, elsewhere])
  const thread = rig.thread()
  await rig.putConfig(thread, { url: there.origin, authentication: { scheme: 'Bearer', credentials: 'secret-credentials' } })
  await rig.news(thread, { stream: () => ({}) })
  await rig.house.runJobs()
  expect((await rig.seen('caller', thread))[0]?.log).toMatchObject([{ status: 307, class: 'status' }])
  expect([there.got.length, elsewhere.got.length]).toEqual([1, 0])
})

test('R117 §12.30 the exception of the installation opens a loopback address; one of the owner’s tenant opens it to the owner and not to its callers', async () => {
  const there = await openReceiver()
  const rig = await openBinder([there])
  const thread = rig.thread()
  await rig.put(thread, { url: `${there.origin}/caller`, generate_secret: true })
  await rig.news(thread)
  await rig.house.runJobs()
  expect(there.got.map((got) => got.path)).toEqual(['/caller'])

  // As in production: nothing of this machine is open by itself.
  const guard = openGuard({ http: true, allowedOf: readAllows({ db: rig.house.db }) })
  const door = openDoor({ guard, installation: 'test', version: '0' })
  onTestFinished(() => door.close())
  rig.webhooks.door = door
  rig.webhooks.checkUrl = (url, path, tenantId) => checkUrl(guard, url, path, tenantId)
  const inner = await openReceiver()
  await rig.house.admin.query(
    `insert into countersign.egress_allows (target, tenant_id, reason, added_by, added_at) values ($1, $2, 'ours', 'test', countersign.now())`,
    [`127.0.0.1:${inner.port}`, rig.house.tenantId],
  )
  expect(await code(rig.put(rig.card, { url: `${inner.origin}/agent`, generate_secret: true }))).toBe('taken')
  expect(await code(rig.put(thread, { url: `${inner.origin}/caller`, generate_secret: true }))).toBe('url_not_allowed')
  // Even where the row says so, as if it had been saved when the name led elsewhere.
  await rig.house.admin.query(`update countersign.endpoints set url = $1, version = version + 1 where side = 'caller'`, [
    `${inner.origin}/caller`,
  ])
  await rig.message(thread)
  await rig.news(thread)
  await rig.house.runJobs()
  expect(inner.got.map((got) => got.path)).toEqual(['/agent'])
  expect((await rig.seen('caller', thread))[0]?.log).toMatchObject([{ class: 'url_not_allowed' }])
})
