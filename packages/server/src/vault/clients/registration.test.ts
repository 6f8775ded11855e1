import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { formsOf, openVault, tablesAsText } from '../testing/vault.ts'
import { clientOf } from './client.ts'

const path = '/api/v1/providers/linear/client'
const canary = () => `cs-${randomBytes(24).toString('hex')}`

test('V10 A3 a client secret goes in, opens for who calls the provider, and stands nowhere else', async () => {
  const { house } = await openVault()
  const secret = canary()
  const put = await house.alice.put(path, { client_id: 'lin-1', secret })
  expect(put).toMatchObject({ status: 200, body: { client_id: 'lin-1', has_secret: true, auth: 'post', connections: 0 } })
  expect(put.body.redirect_uris).toEqual([`${house.url}/connect/return`])
  const get = await house.alice.get(path)
  expect(get.body).toEqual(put.body)
  expect((await house.alice.get('/api/v1/providers/linear')).body.client).toMatchObject([{ client_id: 'lin-1' }])
  const opened = await tx(house.db, systemScope('test', house.tenantId), (t) =>
    clientOf(house, t, systemScope('test', house.tenantId), 'linear'),
  )
  expect(opened).toMatchObject({ client_id: 'lin-1', auth: 'post' })
  expect(opened?.secret?.reveal()).toBe(secret)
  const everywhere = `${await tablesAsText(house)}${JSON.stringify([put.body, get.body, opened])}`
  for (const form of formsOf(secret)) expect(everywhere).not.toContain(form)
  expect((await house.stranger.get(path)).status).toBe(404)
})

test('V10 a change of id or secret says how many connections it concerns; they are kept or revoked as asked', async () => {
  const { house, connect } = await openVault()
  await house.alice.put(path, { client_id: 'lin-1', secret: canary() })
  const { id } = await house.admin.one<{ id: string }>`select id from clients`
  await connect({
    provider: 'linear',
    version: 0,
    params: {},
    method: 'code',
    material: { access_token: canary() },
    clientId: id,
  })
  // How it proves itself is no other client.
  expect((await house.alice.put(path, { client_id: 'lin-1', auth: 'basic' })).status).toBe(200)
  expect(await house.alice.put(path, { client_id: 'lin-2' })).toMatchObject({
    status: 409,
    body: { code: 'confirmation_required', affected: { connections: 1 } },
  })
  expect((await house.alice.get(path)).body.client_id).toBe('lin-1')
  expect((await house.alice.put(path, { client_id: 'lin-2', confirm: true, affected: 1 })).body).toMatchObject({
    client_id: 'lin-2',
    connections: 1,
    has_secret: true,
  })
  const status = async () => (await house.admin.one<{ status: string }>`select status from connections`).status
  expect(await status()).toBe('connected')
  expect((await house.alice.put(path, { client_id: 'lin-3', confirm: true, revoke_connections: true })).status).toBe(200)
  expect(await status()).toBe('revoked')
  expect((await house.eventTypes()).filter((type) => type.startsWith('client.'))).toEqual([
    'client.registered',
    'client.changed',
    'client.changed',
    'client.changed',
  ])
  // The id stays, so that what was obtained under it goes on.
  expect(await house.admin.one`select id from clients`).toEqual({ id })
})

test('V10 a client without a secret is one only where it needs none; removed, nothing secret stays', async () => {
  const { house } = await openVault()
  expect(await house.alice.put(path, { client_id: 'lin-1' })).toMatchObject({
    status: 422,
    body: { errors: [{ path: '/secret' }] },
  })
  expect((await house.alice.put(path, { client_id: 'lin-1', auth: 'none' })).body).toMatchObject({ has_secret: false })
  await house.alice.put(path, { client_id: 'lin-1', secret: canary(), auth: 'basic' })
  expect((await house.alice.delete(path, {})).status).toBe(200)
  expect((await house.alice.get(path)).status).toBe(404)
  expect(await house.admin.rows`select secret, state from clients`).toEqual([{ secret: null, state: 'removed' }])
  expect((await house.alice.delete(path, {})).status).toBe(404)
})
