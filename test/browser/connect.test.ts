// The connect pages in a real browser: out to a certified provider and back (V30, V33, V35), and a key typed in (V41).
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Provider } from 'oidc-provider'
import { expect, onTestFinished, test } from 'vitest'
import { randomToken } from '../../packages/server/src/crypto/token.ts'
import { start } from '../../packages/server/src/vault/authorizations/testing/page.ts'
import {
  giveClient,
  giveProvider,
  keyProvider,
  oauthProvider,
  reaching,
} from '../../packages/server/src/vault/authorizations/testing/provider.ts'
import { openVendor } from '../../packages/server/src/vault/authorizations/testing/vendor.ts'
import { accessibility, browse, houseWithPages, noFaults, overflow, picture, type Surf, useBrowser } from './browser.ts'

useBrowser()

/** Listens before it is a provider: the house must know where it is, and it must know where the house is. */
async function listenForProvider() {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    return new Promise<void>((resolve) => server.close(() => resolve()))
  })
  const { port } = server.address() as AddressInfo
  const origin = `http://127.0.0.1:${port}`
  const become = (redirect: string) => {
    const provider = new Provider(origin, {
      clients: [
        {
          client_id: 'client-1',
          application_type: 'native',
          token_endpoint_auth_method: 'none',
          redirect_uris: [redirect],
          grant_types: ['authorization_code', 'refresh_token'],
          response_types: ['code'],
        },
      ],
      pkce: { required: () => true },
      cookies: { keys: [randomToken()] },
      features: { devInteractions: { enabled: true }, revocation: { enabled: true } },
    })
    server.on('request', provider.callback())
  }
  return { origin, port, become }
}

/** The provider's pages are its own affair; ours ask nobody but ourselves. */
const ownFaults = ({ faults, ...surf }: Surf, origin: string): Surf => ({
  ...surf,
  faults: faults.filter((one) => !one.includes(origin) && !one.startsWith('request elsewhere: https://fonts.')),
})

test('V30 V35 from the link to a real provider and back: the connection is there, and neither token nor code is left in the address', async () => {
  const provider = await listenForProvider()
  const house = await houseWithPages(reaching(provider))
  provider.become(`${house.url}/connect/return`)
  const scopes = { default: ['openid', 'offline_access'], catalogue: { openid: 'Know who you are.' } }
  await giveProvider(
    house,
    oauthProvider(provider, {
      authorization_url: `${provider.origin}/auth`,
      revocation: { url: `${provider.origin}/token/revocation`, style: 'rfc7009' },
      extra_params: { prompt: 'consent' },
      scopes,
    }),
  )
  await giveClient(house, 'acme')
  const begun = await start(house, { provider: 'acme' })
  const surf = await browse(house.url)
  const { page } = surf
  await page.goto(begun.body.connect_url)
  await page.getByRole('heading', { name: 'Connect Acme' }).waitFor()
  expect(new URL(page.url()).hash).toBe('')
  expect(await page.getByText('Know who you are.').isVisible()).toBe(true)
  expect(await accessibility(page)).toEqual([])
  expect(await overflow(page)).toBe(0)
  await picture(page, 'connect')
  await page.getByRole('button', { name: 'Sign in at Acme' }).click()
  await page.locator('input[name="login"]').fill('alice')
  await page.locator('input[name="password"]').fill('anything')
  await page.locator('button[type="submit"]').click()
  await page.locator('button[type="submit"]').click()
  await page.getByRole('heading', { name: 'Acme is connected' }).waitFor()
  expect(page.url()).toBe(`${house.url}/connect/return`)

  const told = await house.alice.get(`/api/v1/authorizations/${begun.body.authorization_id}`)
  expect(told.body).toMatchObject({ status: 'completed' })
  const id = told.body.connection_id
  const connection = await house.alice.get(`/api/v1/connections/${id}`)
  expect(connection.body).toMatchObject({ status: 'connected', account: { id: 'alice' } })
  const renewed = await house.alice.post(`/api/v1/connections/${id}/refresh`)
  expect(renewed.body, JSON.stringify(renewed.body)).toMatchObject({ generation: 2 })
  await house.alice.post(`/api/v1/connections/${id}/revoke`, {})
  await house.runJobs()
  expect(await house.eventTypes()).toContain('connection.provider_revoked')

  // The link was for one browser.
  const late = await browse(house.url)
  await late.page.goto(begun.body.connect_url)
  await late.page.getByRole('heading', { name: 'Not connected' }).waitFor()
  noFaults(ownFaults(surf, provider.origin), late)
})

test('V33 V41 a key: refused with its hint, refused by the provider, and then stored; it is in no field afterwards', async () => {
  const vendor = await openVendor()
  vendor.at('/me', ({ headers }) => ({ status: headers['x-api-key'] === 'key-bad' ? 401 : 200, json: {} }))
  const house = await houseWithPages(reaching(vendor))
  await giveProvider(house, keyProvider(vendor))
  const begun = await start(house, { provider: 'keyed' })
  const surf = await browse(house.url, { width: 390, height: 844 })
  const { page } = surf
  await page.goto(begun.body.connect_url)
  const store = async (key: string) => {
    await page.getByLabel('API key').fill(key)
    await page.getByRole('button', { name: 'Store', exact: true }).click()
  }
  await store('wrong')
  await page.getByText('API key does not look like one. It begins with key-.').waitFor()
  expect(await page.getByLabel('API key').inputValue()).toBe('')
  await store('key-bad')
  await page.getByText('The provider answered 401.').waitFor()
  expect(await page.getByLabel('API key').inputValue()).toBe('')
  expect(await accessibility(page)).toEqual([])
  expect(await overflow(page)).toBe(0)
  await store('key-good')
  await page.getByRole('heading', { name: 'Keyed is connected' }).waitFor()
  noFaults(surf)
})
