// What agents ask to be connected to, and the exchange of a key, in a real browser (vault.md V15, V50).
import { expect, test } from 'vitest'
import { ALPHA, openVault } from '../../packages/server/src/vault/testing/vault.ts'
import { accessibility, browse, noFaults, overflow, pagesBuilt, useBrowser } from './browser.ts'

useBrowser()

test('V15 V142 a person reads what an agent asks for on the page of connections, accepts it, and goes on by the link', {
  timeout: 90_000,
}, async () => {
  const { house } = await openVault({ pages: pagesBuilt() })
  for (const name of ['reports', 'archive'])
    await house.agent.post('/api/v1/connection-proposals', { provider: 'alpha', name, reason: `To write the ${name}` })
  const alice = await browse(house.url, { as: house.alice })
  const { page } = alice
  await page.goto('/connections')
  await page.getByRole('heading', { name: 'Agents ask for' }).waitFor()
  await page.getByText('To write the reports').waitFor()
  expect(await accessibility(page)).toEqual([])
  expect(await overflow(page)).toBe(0)
  const asked = page.getByRole('listitem').filter({ hasText: 'To write the archive' })
  await asked.getByRole('button', { name: 'Refuse' }).click()
  await page.getByRole('button', { name: 'Refuse it' }).click()
  await asked.waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Accept and connect' }).click()
  await page.waitForURL(/\/connect\/atz_/)
  await page.getByLabel('Key').waitFor()
  noFaults(alice)
})

test('V50 V142 a key is exchanged from its page, which says how far that is', { timeout: 90_000 }, async () => {
  const { house, define, connect } = await openVault({ pages: pagesBuilt() })
  const call = { method: 'POST' as const, url: 'https://api.example.com/keys', expect: [201] }
  await define(
    {
      ...ALPHA,
      rotate: {
        create: { ...call, fields: { api_key: '/key' } },
        test: { method: 'GET', url: 'https://api.example.com/me', expect: [200] },
        retire: { ...call, by: 'own' },
      },
    },
    2,
  )
  const { id } = await connect({ version: 2 })
  const alice = await browse(house.url, { as: house.alice })
  const { page } = alice
  await page.goto(`/connections/${id}`)
  await page.getByRole('button', { name: 'Exchange the key' }).click()
  await page.getByRole('button', { name: 'Exchange it' }).click()
  await page.getByText('a new key is on its way', { exact: true }).waitFor()
  const again = page.getByRole('button', { name: 'Exchange the key' })
  await expect.poll(() => again.getAttribute('aria-disabled')).toBe('true')
  expect(await accessibility(page)).toEqual([])
  noFaults(alice)
})
