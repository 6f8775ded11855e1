// Envelopes of material: the published vector, tampering, rows that were put back, rotation (V68–V72).
import { expect, test } from 'vitest'
import { setup } from '#harness'
import { open, seal } from '../../crypto/seal.ts'
import { randomBytes } from '../../crypto/token.ts'
import { systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { workRewraps } from '../../identity/keys-at-rest/rewrap/run.ts'
import { getRewrap, startRewrap } from '../../identity/keys-at-rest/rewrap/start.ts'
import { installation } from '../../identity/keys-at-rest/testing/ring.ts'
import { tenantUuid } from '../../std/id.ts'
import { findSealed } from '../connections/sql.ts'
import { storeConnection, writeMaterial } from '../connections/store.ts'
import { compareTenant } from './check.ts'
import { openMaterial, padded, placeOf } from './material.ts'

// V69, byte for byte.
const VECTOR = [
  '010100000003a0a1a2a3a4a5a6a7a8a9aaab',
  'a6593e6e018e44f82a2ccd984b378e9120fd0b43c6e2143bc4577cdd23f62b5ed883079507a5fcaeffaca811a0676f9b',
  'b0b1b2b3b4b5b6b7b8b9babb',
  '7822e1f5a81580fc42cc1dda8e9722aacc71a9187425e7bd8ee6401ba990d2b0a11ba5b0a2119eae7680512f2dff44ce9db51b0653db69dfb699db18934cbdfb',
  'e6a879a2c46905b3d8f2fc6e8279afaf',
].join('')
const bytes = (from: number, count: number) => Buffer.from(Array.from({ length: count }, (_, i) => from + i))
const KEY = { current: 3, versions: new Map([[3, bytes(0, 32)]]) }
const TENANT = { ...systemScope('test'), tenantId: tenantUuid('ten_01J9Z3K4M5N6P7Q8R9S0T1V2W6') as string }
const PLACE = placeOf(TENANT, 'conn_01J9Z3K4M5N6P7Q8R9S0T1V2W4', 7)

test('V68 V69 the vector: place, canonical JSON and padding of material give these 158 bytes, and they open again', () => {
  const random = [bytes(0xa0, 12), bytes(0x40, 32), bytes(0xb0, 12)]
  const plain = padded({ api_key: 'canary-0001' })
  expect(plain.toString()).toBe('{"api_key":"canary-0001"}'.padEnd(64))
  const envelope = seal(KEY, PLACE, plain, () => random.shift() as Buffer)
  expect(envelope.toString('hex')).toBe(VECTOR)
  expect(open(KEY, PLACE, envelope).toString().trimEnd()).toBe('{"api_key":"canary-0001"}')
})

test('V69 §12.11 any flipped bit of the 158 bytes, and any other row, generation, column, table or tenant, fails', () => {
  const envelope = Buffer.from(VECTOR, 'hex')
  for (let bit = 0; bit < envelope.length * 8; bit++) {
    const flipped = Buffer.from(envelope)
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
    expect(() => open(KEY, PLACE, flipped), `bit ${bit}`).toThrow('does not open')
  }
  for (const other of [
    { row: PLACE.row.replace('/7', '/6') },
    { row: PLACE.row.replace('W4/', 'W5/') },
    { column: 'secret' },
    { table: 'clients' },
    { tenant: 'ten_01J9Z3K4M5N6P7Q8R9S0T1V2W7' },
  ])
    expect(() => open(KEY, { ...PLACE, ...other }, envelope)).toThrow('does not open')
})

test('V68 the length tells nothing within a block, counts bytes and not characters, and ends at a mebibyte', () => {
  const lengthOf = (value: string) => padded({ k: value }).length
  expect([lengthOf(''), lengthOf('x'.repeat(56)), lengthOf('x'.repeat(57)), lengthOf('é'.repeat(29))]).toEqual([64, 64, 128, 128])
  expect(lengthOf('x'.repeat(1_048_576 - 8))).toBe(1_048_576)
  expect(() => lengthOf('x'.repeat(1_048_576 - 7))).toThrow(expect.objectContaining({ code: 'validation_failed' }))
})

async function vault() {
  const house = await setup()
  const scope = systemScope('test', house.tenantId)
  const store = (name: string, canary: string, replace = false) =>
    tx(house.db, scope, (t) =>
      storeConnection(house, t, scope, {
        provider: 'alpha',
        version: 0,
        name,
        belongs: { owner: house.alice.id },
        method: 'api_key',
        material: { api_key: canary },
        replace,
      }),
    )
  const read = (id: string) =>
    tx(house.db, scope, async (t) => {
      const row = await findSealed(t, scope, id)
      return row && openMaterial(house, t, scope, row)
    })
  const told = async () => (await house.eventTypes()).filter((type) => type.startsWith('connection.'))
  return { house, scope, store, read, told }
}
const canary = () => `canary-${randomBytes(12).toString('hex')}`

test('V8 V46 what is stored opens; it is replaced in place under a new generation, and of two who renew one writes', async () => {
  const { house, scope, store, read, told } = await vault()
  const [first, second, third] = [canary(), canary(), canary()]
  const made = await store('default', first)
  expect(made).toMatchObject({ status: 'connected', generation: 1, owner: house.alice.id })
  expect(await read(made.id)).toEqual({ api_key: first })
  await expect(store('default', second)).rejects.toMatchObject({ code: 'connection_exists', members: { connection_id: made.id } })
  expect(await store('default', second, true)).toMatchObject({ id: made.id, generation: 2 })
  expect(await read(made.id)).toEqual({ api_key: second })
  const renew = () =>
    tx(house.db, scope, (t) =>
      writeMaterial(house, t, scope, made.id, {
        ...{ expectedGeneration: 2, material: { api_key: third }, expiresAt: null, refreshAt: null },
        as: 'connection.refreshed',
      }),
    )
  const both = await Promise.all([renew(), renew()])
  expect(both.filter((row) => row !== null)).toMatchObject([{ generation: 3 }])
  expect(await read(made.id)).toEqual({ api_key: third })
  expect(await told()).toEqual(['connection.created', 'connection.replaced', 'connection.refreshed'])
})

test('V70 §12.12 an envelope over another row, or over its own newer generation, does not open: internal, suspended and told of once', async () => {
  const { house, store, read, told } = await vault()
  const [one, two] = [await store('one', canary()), await store('two', canary())]
  const old = (await house.admin.one<{ material: Buffer }>`select material from connections where id = ${two.id}`).material
  await house.admin
    .run`update connections set material = (select material from connections where id = ${two.id}) where id = ${one.id}`
  for (let again = 0; again < 2; again++) await expect(read(one.id)).rejects.toMatchObject({ code: 'internal' })
  await store('two', canary(), true)
  await house.admin.run`update connections set material = ${old} where id = ${two.id}`
  await expect(read(two.id)).rejects.toMatchObject({ code: 'internal' })
  expect(await house.admin.rows`select status, status_cause from connections order by id`).toEqual([
    { status: 'suspended', status_cause: 'tampered' },
    { status: 'suspended', status_cause: 'tampered' },
  ])
  expect((await told()).filter((type) => type !== 'connection.created' && type !== 'connection.replaced')).toEqual([
    ...['connection.tampered', 'connection.suspended', 'connection.tampered', 'connection.suspended'],
  ])
  const events = await house.admin.rows<{ body: string }>`select body from events where type = 'connection.tampered' order by ord`
  expect(events.map(({ body }) => JSON.parse(body).data)).toMatchObject([
    { connection_id: one.id, row: `${one.id}/1`, cause: 'moved_or_altered' },
    { connection_id: two.id, row: `${two.id}/2`, cause: 'moved_or_altered' },
  ])
})

test('§10.1 an envelope of another format, algorithm or key version, or cut short, is envelope_unknown or told of; never plain text', async () => {
  const { house, store, read } = await vault()
  const made = await store('one', canary())
  const { material } = await house.admin.one<{ material: Buffer }>`select material from connections where id = ${made.id}`
  const put = (change: (copy: Buffer) => Buffer) => {
    const next = change(Buffer.from(material))
    return house.admin.run`update connections set material = ${next} where id = ${made.id}`
  }
  for (const [at, value] of [
    [0, 2],
    [1, 2],
    [5, 0],
    [5, 9],
  ] as const) {
    await put((copy) => {
      copy[at] = value
      return copy
    })
    await expect(read(made.id)).rejects.toMatchObject({ code: 'envelope_unknown', members: {} })
  }
  await put((copy) => copy.subarray(0, 100))
  await expect(read(made.id)).rejects.toMatchObject({ code: 'internal' })
  expect(await house.eventTypes()).toContain('connection.tampered')
})

test('V70 a whole row that was put back opens, and the daily comparison finds it by its events, once', async () => {
  const { house, store, read, told } = await vault()
  const first = canary()
  const made = await store('one', first)
  await store('two', canary())
  await house.admin.run`create table kept as select * from connections where id = ${made.id}`
  await store('one', canary(), true)
  expect(await compareTenant(house, house.tenantId)).toBe(0)
  await house.admin
    .run`update connections c set material = k.material, generation = k.generation, revision = k.revision from kept k where k.id = c.id`
  expect(await read(made.id)).toEqual({ api_key: first })
  await house.server.queue.enqueueMany([{ kind: 'vault.compare' }])
  await house.runJobs()
  await expect(read(made.id)).rejects.toMatchObject({ code: 'internal' })
  expect(await compareTenant(house, house.tenantId)).toBe(0)
  expect(await told()).toEqual([
    ...['connection.created', 'connection.created', 'connection.replaced', 'connection.tampered', 'connection.suspended'],
  ])
  const { body } = await house.admin.one<{ body: string }>`select body from events where type = 'connection.tampered'`
  expect(JSON.parse(body).data).toMatchObject({ connection_id: made.id, cause: 'put_back' })
})

test('V72 a new version of the tenant’s key is used at once, and the rewrap moves the wraps of connections while they are read and replaced', async () => {
  const { pg, first, tenant } = await installation()
  const scope = await tenant()
  const values = [canary(), canary(), canary()]
  const store = (n: number, value: string, replace = false) =>
    tx(first.db, scope, (t) =>
      storeConnection(first, t, scope, {
        ...{ provider: 'alpha', version: 0, name: `c${n}`, belongs: { shared: true }, method: 'api_key' },
        ...{ material: { api_key: value }, replace },
      }),
    )
  const rows = [await store(0, values[0] as string), await store(1, values[1] as string), await store(2, values[2] as string)]
  const read = (id: string) =>
    tx(first.db, scope, async (t) => {
      const row = await findSealed(t, scope, id)
      return row && openMaterial(first, t, scope, row)
    })
  const { id } = await startRewrap(first, scope, {})
  values[1] = canary()
  await store(1, values[1], true)
  expect(await read((rows[0] as { id: string }).id)).toEqual({ api_key: values[0] })
  await workRewraps(first)
  expect(await getRewrap(first, id)).toMatchObject({ state: 'finished', failed: 0 })
  const envelopes = await pg.admin.rows<{ material: Buffer }>`select material from connections order by id`
  expect(envelopes.map(({ material }) => material.readUInt32BE(2))).toEqual([2, 2, 2])
  for (const [i, row] of rows.entries()) expect(await read(row.id)).toEqual({ api_key: values[i] })
})
