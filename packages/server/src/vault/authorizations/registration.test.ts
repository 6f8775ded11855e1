// Our registrations at providers that are found (V38, V39), against a certified provider that keeps its own record of them.
import { expect, test } from 'vitest'
import { type House, setup } from '#harness'
import { systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { clientOf } from '../clients/client.ts'
import type { VaultHouse } from '../house.ts'
import { journal } from './registered.ts'
import { canaryIn } from './testing/canary.ts'
import { certifiedProvider, openCertified, signInAt } from './testing/certified.ts'
import { type Page, pageAt, start } from './testing/page.ts'
import { giveProvider, reaching } from './testing/provider.ts'
import { openVendor } from './testing/vendor.ts'

const CLIENT = '/api/v1/providers/acme/client'

async function resourceHouse() {
  const certified = await openCertified()
  const vendor = await openVendor()
  const resource = `${vendor.origin}/mcp`
  vendor.at('/mcp', { status: 401, headers: { 'www-authenticate': `Bearer resource_metadata="${vendor.origin}/meta"` } })
  vendor.at('/meta', { json: { resource, authorization_servers: [certified.origin] } })
  const house = await setup(reaching(certified, vendor))
  const known = new Set<string>()
  certified.become(
    {
      clientAuthMethods: ['client_secret_basic'],
      clientDefaults: { grant_types: ['authorization_code', 'refresh_token'] },
      scopes: ['openid', 'offline_access'],
      features: {
        registration: { enabled: true, issueRegistrationAccessToken: true },
        registrationManagement: { enabled: true, rotateRegistrationAccessToken: false },
        resourceIndicators: { enabled: false },
      },
    },
    (provider) => {
      provider.on('registration_create.success', (_ctx, { clientId }) => known.add(clientId))
      provider.on('registration_delete.success', (_ctx, { clientId }) => known.delete(clientId))
    },
  )
  const definition = certifiedProvider(certified, { methods: ['register'], resource, extra_params: { prompt: 'consent' } })
  await giveProvider(house, { ...definition, client: { needed: 'never', auth: 'none' } })
  const begin = async (name = 'default'): Promise<Page> =>
    pageAt(house.url, (await start(house, { provider: 'acme', name })).body.connect_url)
  const scope = systemScope('test', house.tenantId)
  const client = () => tx(house.db, scope, (t) => clientOf(house, t, scope, 'acme', certified.origin))
  const sent = () => certified.asked.filter((one) => one === 'POST /reg').length
  const notes = () => house.admin.rows<{ type: string; data: Record<string, string> }>`
    select type, body::jsonb -> 'data' as data from events where type like 'client.%' order by ord`
  return { house, certified, known, begin, client, sent, notes, at: { provider: 'acme', issuer: certified.origin } }
}

test('V38 V39 registered once at a certified provider, read by its own token, and deleted there with the record', async () => {
  const { house, known, begin, client, sent, at } = await resourceHouse()
  const page = await begin()
  const back = await page.back(await signInAt((await page.submit()).body.redirect_to))
  expect(back.body, JSON.stringify(back.body)).toMatchObject({ status: 'completed' })
  await (await begin('second')).submit()
  expect([sent(), known.size]).toEqual([1, 1])
  const made = await client()
  expect(made).toMatchObject({ state: 'active', auth: 'basic', managed: { url: expect.stringContaining('/reg/') } })
  const canaries = [made?.managed?.token.reveal() ?? '', made?.secret?.reveal() ?? '', `/reg/${made?.client_id}`]
  expect(await canaryIn(house, canaries)).toEqual([])
  const removal = { issuer: at.issuer, confirm: true, revoke_connections: true }
  expect(await house.alice.delete(CLIENT, removal)).toMatchObject({ status: 200 })
  await house.runJobs()
  await house.clock.advance('2m')
  await house.runJobs()
  expect(known.size).toBe(0)
  // Its connections were taken back first, with the secret that was there until then.
  expect(await house.admin.one`select provider_revocation as told from connections`).toEqual({ told: 'done' })
  expect(await house.admin.one`select state, secret from clients`).toEqual({ state: 'removed', secret: null })
  expect(await lastNote(house)).toMatchObject({ state: 'removed', registration: 'deleted' })
})

const lastNote = async ({ admin }: House) =>
  (
    await admin.rows<{
      data: Record<string, string>
    }>`select body::jsonb -> 'data' as data from events where type like 'client.%' order by ord`
  ).at(-1)?.data

test('V39 a provider that registers and whose answer is lost: unknown at first, one more by the job with a note, and no third', async () => {
  const { house, certified, known, begin, client, sent, notes } = await resourceHouse()
  certified.seen = ({ method, path, lose }) => {
    if (method === 'POST' && path === '/reg') lose()
  }
  expect((await (await begin()).submit()).body).toMatchObject({ code: 'provider_error' })
  expect(await client()).toMatchObject({ state: 'unknown', client_id: null })
  certified.seen = () => undefined
  await house.clock.advance('3m')
  await house.runJobs()
  expect(await client()).toMatchObject({ state: 'active', client_id: expect.any(String) })
  expect([sent(), known.size]).toEqual([2, 2])
  expect((await notes()).at(-1)).toMatchObject({ type: 'client.registered', data: { note: 'another_may_be_left' } })
  expect((await (await begin('second')).submit()).status).toBe(200)
  expect(sent()).toBe(2)
})

test('V39 a provider whose answers are lost every time is asked twice and not again, until a person removes the record', async () => {
  const { house, certified, begin, client, sent, at } = await resourceHouse()
  certified.seen = ({ method, path, lose }) => {
    if (method === 'POST' && path === '/reg') lose()
  }
  await (await begin()).submit()
  for (let i = 0; i < 3; i++) {
    await house.clock.advance('3m')
    await house.runJobs()
  }
  expect([sent(), (await client())?.state]).toEqual([2, 'unknown'])
  expect((await (await begin('second')).submit()).body).toMatchObject({ code: 'provider_error', reason: 'registration_lost' })
  expect(sent()).toBe(2)
  certified.seen = () => undefined
  expect((await house.alice.delete(CLIENT, { issuer: at.issuer })).status).toBe(200)
  expect((await (await begin('third')).submit()).status).toBe(200)
  expect(sent()).toBe(3)
})

test('V39 §10.2 killed between provider registration and storing it: the journal says unknown, and the job settles it with one registration more at most', async () => {
  const { house, begin, client, sent, notes, at } = await resourceHouse()
  // What such a process has done by then: the row, and a registration that nobody heard of.
  await journal(
    { ...house.server.identity, origin: () => house.url } as unknown as VaultHouse,
    systemScope('killed', house.tenantId),
    at,
    'basic',
  )
  expect((await (await begin()).submit()).body).toMatchObject({ code: 'provider_error', reason: 'registering' })
  await house.clock.advance('3m')
  await house.runJobs()
  expect(await client()).toMatchObject({ state: 'active' })
  expect(sent()).toBe(1)
  expect((await notes()).map(({ type, data }) => [type, data.code ?? data.note])).toEqual([
    ['client.changed', 'registration_lost'],
    ['client.registered', 'another_may_be_left'],
  ])
})

test('V39 a registration that its provider does not know any more: read, made anew, and what was obtained under it needs its human', async () => {
  const { house, certified, known, begin, client, sent } = await resourceHouse()
  const page = await begin()
  const back = await page.back(await signInAt((await page.submit()).body.redirect_to))
  const path = `/api/v1/connections/${back.body.connection_id}`
  const before = await client()
  const managed = before?.managed
  const gone = await fetch(managed?.url ?? '', {
    method: 'DELETE',
    headers: { authorization: `Bearer ${managed?.token.reveal()}` },
  })
  expect([gone.status, known.size]).toEqual([204, 0])
  await house.alice.post(`${path}/refresh`)
  await house.runJobs()
  expect(certified.asked).toContain(`GET /reg/${before?.client_id}`)
  const after = await client()
  expect(after).toMatchObject({ state: 'active', id: before?.id })
  expect(after?.client_id).not.toBe(before?.client_id)
  expect(sent()).toBe(2)
  expect((await house.alice.get(path)).body).toMatchObject({ status: 'needs_reauth', status_cause: 'client_lost' })
})
