// A key is exchanged at a provider that counts which of its keys are good (V50): whichever step the job is stopped at, one of them is stored here and good there.
import { expect, onTestFinished, test } from 'vitest'
import { type House, setup } from '#harness'
import { randomBytes } from '../../crypto/token.ts'
import { systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { type Allowed, parseAllowed } from '../../egress/address.ts'
import { openDoor } from '../../egress/fetch.ts'
import { openGuard } from '../../egress/guard.ts'
import { canaryIn } from '../authorizations/testing/canary.ts'
import { giveProvider, keyProvider, reaching } from '../authorizations/testing/provider.ts'
import { type Asked, openVendor, type Vendor } from '../authorizations/testing/vendor.ts'
import { findSealed } from '../connections/sql.ts'
import { storeConnection } from '../connections/store.ts'
import type { VaultHouse } from '../house.ts'
import { openMaterial } from '../material/material.ts'
import type { Definition } from '../providers/definition.ts'
import { stepRotation } from './rotate.ts'

const newKey = () => `key-${randomBytes(16).toString('hex')}`

/** Keys that are good, by their ids. Asked the same by the same name it makes one key. */
function openKeys(vendor: Vendor) {
  const good = new Map<string, string>()
  const made: string[] = []
  const byName = new Map<string, string>()
  const holds = ({ headers }: Asked) => [...good.values()].includes(String(headers['x-api-key']))
  const add = (key: string) => {
    const id = `id-${good.size + made.length + 1}`
    good.set(id, key)
    return id
  }
  vendor.at('GET /me', (asked) => ({ status: holds(asked) ? 200 : 401 }))
  vendor.at('POST /keys', (asked) => {
    if (!holds(asked)) return { status: 401 }
    const name = String(asked.headers['idempotency-key'])
    const id = byName.get(name) ?? add(newKey())
    byName.set(name, id)
    made.push(good.get(id) as string)
    return { status: 201, json: { data: { id, secret: good.get(id), ends: '2031-01-01T00:00:00Z' } } }
  })
  vendor.at('POST /keys/end', (asked) => {
    if (!holds(asked)) return { status: 401 }
    return { status: good.delete((JSON.parse(asked.body) as { id: string }).id) ? 200 : 404 }
  })
  return { good, made, add }
}

const declared = (vendor: Vendor): Definition =>
  keyProvider(vendor, {
    api_key: {
      fields: [
        { name: 'api_key', label: 'API key', secret: true, pattern: '^key-[a-z0-9]+$' },
        { name: 'key_id', label: 'Its id', secret: false },
      ],
      test: { method: 'GET', url: `${vendor.origin}/me`, expect: [200] },
    },
    rotate: {
      create: {
        ...{ method: 'POST', url: `${vendor.origin}/keys`, body: { like: '{key_id}' }, expect: [201], ends: '/data/ends' },
        fields: { api_key: '/data/secret', key_id: '/data/id' },
      },
      retire: { method: 'POST', url: `${vendor.origin}/keys/end`, body: { id: '{key_id}' }, expect: [200] },
    },
  })

function vaultOf(house: House, vendor: Vendor): VaultHouse {
  const guard = openGuard({ allowed: [parseAllowed(`127.0.0.1:${vendor.port}`) as Allowed], literals: true })
  const door = openDoor({ guard, installation: 'rotation', version: '0' })
  onTestFinished(() => door.close())
  const { db, keyring, origin } = house.server.identity
  return { db, keyring, origin, door, log: db.log } as VaultHouse
}

async function keyed() {
  const vendor = await openVendor()
  const house = await setup(reaching(vendor))
  const keys = openKeys(vendor)
  await giveProvider(house, declared(vendor))
  const scope = systemScope('test', house.tenantId)
  const first = newKey()
  const { id } = await tx(house.db, scope, (t) =>
    storeConnection(house.server.identity, t, scope, {
      ...{ provider: 'keyed', version: 1, belongs: { owner: house.alice.id }, method: 'api_key' },
      material: { api_key: first, key_id: keys.add(first) },
    }),
  )
  const stored = () =>
    tx(house.db, scope, async (t) => {
      const row = await findSealed(t, scope, id)
      return row && String((await openMaterial(house.server.identity, t, scope, row)).api_key)
    })
  const read = async () => (await house.alice.get(`/api/v1/connections/${id}`)).body
  const types = async () => (await house.eventTypes()).filter((type) => type.startsWith('connection.'))
  /** Without its job: the steps are taken by hand. */
  const begin = async () => {
    expect(await house.alice.post(`/api/v1/connections/${id}/rotate`, {})).toMatchObject({ status: 202 })
    const row = await house.admin.one<{ id: string }>`select id from rotations where state <> 'over'`
    return row.id
  }
  return { vendor, house, keys, id, first, stored, read, types, begin }
}

test('V50 a key is exchanged by its route and its job: made, tried, switched, and the old one retired after an hour; none of it stands in a record', async () => {
  const { house, keys, id, first, stored, read, types } = await keyed()
  const answer = await house.alice.post(`/api/v1/connections/${id}/rotate`, {})
  expect(answer).toMatchObject({ status: 202, body: { status: 'rotating', job_id: expect.stringMatching(/^job_/) } })
  expect(await house.alice.post(`/api/v1/connections/${id}/rotate`, {})).toMatchObject({ status: 409 })
  await house.runJobs()
  const second = keys.made[0] as string
  expect(await stored()).toBe(second)
  expect([...keys.good.values()]).toEqual([first, second])
  expect(await read()).toMatchObject({
    generation: 2,
    expires_at: '2031-01-01T00:00:00.000Z',
    rotation: { state: 'overlapping' },
  })
  await house.clock.advance('59m')
  await house.runJobs()
  expect(keys.good.size).toBe(2)
  await house.clock.advance('2m')
  await house.runJobs()
  expect([...keys.good.values()]).toEqual([second])
  expect(await read()).toMatchObject({ status: 'connected', rotation: { state: 'over', cause: null } })
  expect(await types()).toEqual([
    ...['connection.created', 'connection.rotation_started', 'connection.rotated', 'connection.key_retired'],
  ])
  expect(await canaryIn(house, [first, second])).toEqual([])
  // And once more, by the new id.
  await house.alice.post(`/api/v1/connections/${id}/rotate`, {})
  await house.runJobs()
  await house.clock.advance('2h')
  await house.runJobs()
  expect([...keys.good.values()]).toEqual([keys.made[1]])
  expect(await stored()).toBe(keys.made[1])
})

test('V50 an agent rotates nothing, and a provider without `rotate` has nothing to exchange', async () => {
  const { house, id } = await keyed()
  expect(await house.agent.post(`/api/v1/connections/${id}/rotate`, {})).toMatchObject({ status: 403 })
  await house.admin.run`update definitions set definition = definition - 'rotate'`
  expect(await house.alice.post(`/api/v1/connections/${id}/rotate`, {})).toMatchObject({
    status: 409,
    body: { code: 'state_conflict' },
  })
})

// In the middle of a step a process dies after its call and before it wrote down what came of it: here it cannot seal, or its transaction is refused.
const STEPS = ['creating', 'testing', 'overlapping', 'retiring'] as const

test.each(STEPS)(
  'V50 a process killed in the middle of the step %s is followed by another, and one good key is stored throughout',
  async (killedAt) => {
    const { vendor, house, keys, stored, begin, read } = await keyed()
    const vault = vaultOf(house, vendor)
    const rotation = await begin()
    const isWhole = async () => expect([...keys.good.values()]).toContain(await stored())
    const state = async () => (await house.admin.one<{ state: string }>`select state from rotations where id = ${rotation}`).state
    for (let killed = false; (await state()) !== 'over'; ) {
      const now = await state()
      if (!killed && now === killedAt) {
        killed = true
        if (now === 'overlapping') await house.clock.advance('61m')
        await house.admin.query(`alter table rotations add constraint killed check (state = '${now}')`)
        await expect(stepRotation(vault, house.tenantId, rotation)).rejects.toThrow()
        await house.admin.query('alter table rotations drop constraint killed')
        await isWhole()
        // Whoever comes next waits until the claim of the killed one has lapsed.
        expect(await stepRotation(vault, house.tenantId, rotation)).toBeGreaterThan(0)
        expect(await state()).toBe(now)
        await house.clock.advance('2m')
      }
      const pause = await stepRotation(vault, house.tenantId, rotation)
      await isWhole()
      if (pause) await house.clock.advance(`${Math.ceil(pause / 1_000)}s`)
    }
    expect([...keys.good.values()]).toEqual([await stored()])
    expect(await read()).toMatchObject({ generation: 2, rotation: { state: 'over', cause: null } })
  },
)

test('V50 a new key that does not work is ended again, and the old one stays', async () => {
  const { vendor, house, keys, first, stored, types, read } = await keyed()
  vendor.at('GET /me', ({ headers }) => ({ status: headers['x-api-key'] === first ? 200 : 403 }))
  await house.alice.post(`/api/v1/connections/${(await read()).id}/rotate`, {})
  for (let i = 0; i < 6; i++) {
    await house.runJobs()
    await house.clock.advance('15m')
  }
  expect(await read()).toMatchObject({ generation: 1, status: 'connected', rotation: { state: 'over', cause: 'http_403' } })
  expect(await stored()).toBe(first)
  expect([...keys.good.values()]).toEqual([first])
  expect(await types()).toEqual(['connection.created', 'connection.rotation_started', 'connection.rotation_failed'])
  expect(await canaryIn(house, keys.made)).toEqual([])
})

test('V50 a key that was stored by somebody meanwhile stays, and the new one is ended', async () => {
  const { vendor, house, keys, id, stored, begin, read } = await keyed()
  const vault = vaultOf(house, vendor)
  const rotation = await begin()
  expect(await stepRotation(vault, house.tenantId, rotation)).toBe(0)
  const own = newKey()
  const scope = systemScope('test', house.tenantId)
  await tx(house.db, scope, (t) =>
    storeConnection(house.server.identity, t, scope, {
      ...{ provider: 'keyed', version: 1, belongs: { owner: house.alice.id }, method: 'api_key', replace: true },
      material: { api_key: own, key_id: keys.add(own) },
    }),
  )
  await house.runJobs()
  expect(await stored()).toBe(own)
  expect([...keys.good.values()]).not.toContain(keys.made[0])
  expect([...keys.good.values()]).toContain(own)
  expect((await read()).rotation).toMatchObject({ state: 'over', cause: 'replaced' })
  expect(id).toMatch(/^conn_/)
})

test('V50 a new key that is refused before the old one is retired gives way to it', async () => {
  const { house, keys, first, stored, read, begin } = await keyed()
  await begin()
  await house.runJobs()
  const second = keys.made[0] as string
  expect(await stored()).toBe(second)
  for (const [name, key] of keys.good) if (key === second) keys.good.delete(name)
  await house.clock.advance('61m')
  for (let i = 0; i < 6; i++) {
    await house.runJobs()
    await house.clock.advance('15m')
  }
  expect(await stored()).toBe(first)
  expect([...keys.good.values()]).toEqual([first])
  expect(await read()).toMatchObject({
    status: 'connected',
    generation: 3,
    rotation: { state: 'over', cause: 'new_key_refused' },
  })
})
