// One renewal at a time over all processes, and what follows when it fails (V40, V46–V49).
import { enqueue } from '@countersign/queue'
import { expect, onTestFinished, test } from 'vitest'
import { type House, setup } from '#harness'
import { randomToken } from '../../crypto/token.ts'
import { systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { type Allowed, parseAllowed } from '../../egress/address.ts'
import { openDoor } from '../../egress/fetch.ts'
import { openGuard } from '../../egress/guard.ts'
import type { Server } from '../../main/server.ts'
import { canaryIn } from '../authorizations/testing/canary.ts'
import { giveClient, giveProvider, oauthProvider, reaching } from '../authorizations/testing/provider.ts'
import { openVendor, type Vendor } from '../authorizations/testing/vendor.ts'
import { clientOf } from '../clients/client.ts'
import { storeConnection } from '../connections/store.ts'
import type { VaultHouse } from '../house.ts'
import { fresh } from './refresh.ts'
import { claimRefresh } from './sql.ts'

/** What a process of this house renews with. */
function vaultOf(house: House, vendor: Vendor, server: Server = house.server): VaultHouse {
  const guard = openGuard({ allowed: [parseAllowed(`127.0.0.1:${vendor.port}`) as Allowed], literals: true })
  const door = openDoor({ guard, installation: 'refresh', version: '0' })
  onTestFinished(() => door.close())
  const { db, keyring, origin } = server.identity
  const log = db.log as VaultHouse['log']
  // Renewing judges nothing and asks nobody.
  return { db, keyring, origin, door, log } as VaultHouse
}

async function connected(more: { lifetime?: number } = {}) {
  const vendor = await openVendor()
  const house = await setup(reaching(vendor))
  await giveProvider(house, oauthProvider(vendor))
  await giveClient(house, 'acme')
  const scope = systemScope('test', house.tenantId)
  const first = { access_token: randomToken(), refresh_token: randomToken() }
  const row = await tx(house.db, scope, async (t) => {
    const expiresAt = new Date(t.now.getTime() + (more.lifetime ?? 60) * 1_000)
    return storeConnection(house.server.identity, t, scope, {
      provider: 'acme',
      version: 1,
      belongs: { owner: house.alice.id },
      method: 'code',
      material: first,
      scopes: ['read', 'write'],
      expiresAt,
      refreshAt: t.now,
      clientId: (await clientOf(house.server.identity, t, scope, 'acme'))?.id ?? null,
    })
  })
  // Like a provider that rotates: each refresh token is good once.
  let current = first.refresh_token
  const issued: string[] = []
  const rotate = (form: Record<string, string>) => {
    if (form.refresh_token !== current) return { status: 400, json: { error: 'invalid_grant' } }
    current = randomToken()
    const access_token = randomToken()
    issued.push(current, access_token)
    return { json: { access_token, refresh_token: current, token_type: 'bearer', expires_in: 3600 } }
  }
  vendor.at('/token', ({ form }) => rotate(form))
  const read = async () => (await house.alice.get(`/api/v1/connections/${row.id}`)).body
  return { vendor, house, scope, id: row.id, first, issued, read }
}

const types = async (house: House) => (await house.eventTypes()).filter((type) => type.startsWith('connection.'))

test('V46 of fifty callers in two processes one renews, and all have the new token', async () => {
  const { vendor, house, scope, id, first, issued, read } = await connected()
  const one = vaultOf(house, vendor)
  const two = vaultOf(house, vendor, await house.second())
  const all = await Promise.all(
    Array.from({ length: 50 }, (_, i) => fresh(i % 2 === 0 ? one : two, scope, id, { reason: 'unauthorized', generation: 1 })),
  )
  expect(vendor.askedAt('/token').map(({ form }) => form.refresh_token)).toEqual([first.refresh_token])
  expect(new Set(all.map(({ material }) => material.access_token))).toEqual(new Set([issued[1]]))
  expect(all.every(({ generation }) => generation === 2)).toBe(true)
  expect(await read()).toMatchObject({ status: 'connected', generation: 2, scopes: ['read', 'write'] })
  expect(await types(house)).toEqual(['connection.created', 'connection.refreshed'])
  expect(await canaryIn(house, [...issued, ...Object.values(first)])).toEqual([])
})

test('V46 a process killed in the middle leaves a claim that lapses; the old token is tried once more, and that the provider had answered is a lost refresh', async () => {
  const { vendor, house, scope, id, read } = await connected()
  const vault = vaultOf(house, vendor)
  const kill = (generation: number) =>
    tx(house.db, scope, (t) => claimRefresh(t, scope, id, generation, 'killed', new Date(t.now.getTime() + 45_000)))
  expect(await kill(1)).not.toBeNull()
  expect(await kill(1)).toBeNull()
  await house.clock.advance('46s')
  expect(await fresh(vault, scope, id, { reason: 'asked' })).toMatchObject({ generation: 2 })
  expect(vendor.askedAt('/token')).toHaveLength(1)
  // This time the provider had answered: its new token died with the process.
  await kill(2)
  vendor.at('/token', { status: 400, json: { error: 'invalid_grant' } })
  await house.clock.advance('46s')
  await expect(fresh(vault, scope, id, { reason: 'asked' })).rejects.toMatchObject({ code: 'needs_reauth' })
  expect(await read()).toMatchObject({ status: 'needs_reauth', status_cause: 'refresh_lost' })
})

test('V49 §10.2 provider revokes behind our back: invalid_grant is one change of state with one event, however many notice', async () => {
  const { vendor, house, scope, id, read } = await connected()
  vendor.at('/token', { status: 400, json: { error: 'invalid_grant', error_description: 'gone' } })
  const vault = vaultOf(house, vendor)
  const all = await Promise.allSettled(
    Array.from({ length: 10 }, () => fresh(vault, scope, id, { reason: 'unauthorized', generation: 1 })),
  )
  expect(all.every((one) => one.status === 'rejected' && one.reason.code === 'needs_reauth')).toBe(true)
  expect(vendor.askedAt('/token')).toHaveLength(1)
  expect(await read()).toMatchObject({
    status: 'needs_reauth',
    status_cause: 'invalid_grant',
    last_error: { code: 'invalid_grant' },
  })
  expect(await types(house)).toEqual(['connection.created', 'connection.needs_reauth'])
})

test('V40 §12.9 a refresh without a new refresh token, twice: the third still works; a narrower scope is stored', async () => {
  const { vendor, house, scope, id, first, read } = await connected()
  vendor.at('/token', () => ({ json: { access_token: randomToken(), token_type: 'bearer', expires_in: 3600, scope: 'read' } }))
  const vault = vaultOf(house, vendor)
  for (const generation of [2, 3, 4]) expect(await fresh(vault, scope, id, { reason: 'asked' })).toMatchObject({ generation })
  expect(vendor.askedAt('/token').map(({ form }) => form.refresh_token)).toEqual([1, 2, 3].map(() => first.refresh_token))
  expect(await read()).toMatchObject({ scopes: ['read'], generation: 4 })
})

test('V47 what is due is renewed by a job; while the provider is away the old token is used, with one event and growing pauses', async () => {
  const { vendor, house, scope, id, first, read } = await connected({ lifetime: 3_600 })
  const vault = vaultOf(house, vendor)
  vendor.at('/token', { status: 503 })
  const due = async () => {
    await tx(house.db, scope, (t) => enqueue(t, { kind: 'connection.refresh_due', payload: {} }))
    await house.runJobs()
  }
  await due()
  expect(await fresh(vault, scope, id, { reason: 'lead' })).toMatchObject({ material: { access_token: first.access_token } })
  await due()
  expect(vendor.askedAt('/token')).toHaveLength(1)
  await house.clock.advance('31s')
  await due()
  expect(vendor.askedAt('/token')).toHaveLength(2)
  expect(await types(house)).toEqual(['connection.created', 'connection.refresh_failed'])
  vendor.at('/token', { json: { access_token: randomToken(), token_type: 'bearer', expires_in: 3600 } })
  await house.clock.advance('2m')
  await due()
  expect(await read()).toMatchObject({ status: 'connected', generation: 2, last_error: null })
  expect(await types(house)).toEqual(['connection.created', 'connection.refresh_failed', 'connection.refreshed'])
})

test('V47 §10.2 provider slow, 5xx, 429 with Retry-After, malformed: bounded waits, the old token is used while it is valid, one event at the first failure', async () => {
  const { vendor, house, scope, id, first, read } = await connected({ lifetime: 7_200 })
  const vault = vaultOf(house, vendor)
  const attempt = async () => {
    const now = await fresh(vault, scope, id, { reason: 'unauthorized', generation: 1 })
    expect(now.material.access_token).toBe(first.access_token)
    const { refresh_at, last_error } = await read()
    return { code: last_error.code as string, wait: Date.parse(refresh_at) - house.clock.now().getTime() }
  }
  const SAYS: [Parameters<Vendor['at']>[1], string, number, number][] = [
    [{ status: 500, text: 'oops' }, 'http_500', 15_000, 30_000],
    [{ status: 429, headers: { 'retry-after': '600' } }, 'http_429', 599_000, 600_000],
    [{ text: '<html>', type: 'text/html' }, 'answer_invalid', 30_000, 120_000],
    ['reset', 'unreachable', 30_000, 240_000],
  ]
  for (const [says, code, least, most] of SAYS) {
    vendor.at('/token', says)
    const said = await attempt()
    expect(said.code).toBe(code)
    // The clock of the house goes on while it is asked.
    expect(said.wait).toBeGreaterThan(least - 60_000)
    expect(said.wait).toBeLessThanOrEqual(most)
  }
  expect(await read()).toMatchObject({ status: 'connected', generation: 1 })
  expect(await types(house)).toEqual(['connection.created', 'connection.refresh_failed'])
})

test('V46 what was replaced while it was renewed is not overwritten', async () => {
  const { vendor, house, scope, id } = await connected()
  const vault = vaultOf(house, vendor)
  const fields = { access_token: randomToken(), refresh_token: randomToken() }
  vendor.at('/token', async () => {
    await tx(house.db, scope, (t) =>
      storeConnection(house.server.identity, t, scope, {
        provider: 'acme',
        version: 1,
        belongs: { owner: house.alice.id },
        method: 'code',
        material: fields,
        replace: true,
      }),
    )
    return { json: { access_token: randomToken(), token_type: 'bearer', expires_in: 3600 } }
  })
  expect(await fresh(vault, scope, id, { reason: 'unauthorized', generation: 1 })).toMatchObject({
    generation: 2,
    material: fields,
  })
})
