// From a run that learned to a grant (vault.md V96), in a real browser.
import { expect, test } from 'vitest'
import { learningRun, putLearned } from '../../packages/server/src/proxy/drafts/testing/learned.ts'
import { openVault } from '../../packages/server/src/vault/testing/vault.ts'
import { accessibility, browse, noFaults, overflow, pagesBuilt, picture, useBrowser } from './browser.ts'

useBrowser()

test('V96 V142 what a run learned is a draft on the page of traffic; its grant is made by a button, and nothing holds before', {
  timeout: 90_000,
}, async () => {
  const { house, connect } = await openVault({ pages: pagesBuilt() })
  const connection = await connect()
  const run = await learningRun(house)
  await putLearned(house, run.id, [
    { host: 'api.example.com', path: '/v1/customers/42' },
    { host: 'api.example.com', path: '/plain', scheme: 'http' },
    { host: 'docs.example.net', path: '/guide' },
    { host: 'api.github.com', path: '/user' },
  ])
  const alice = await browse(house.url, { as: house.alice })
  const { page } = alice
  await page.goto('/traffic')
  await page.getByRole('link', { name: 'Make a grant from this' }).click()
  await page.getByText('may send GET to exactly /v1/customers/* at api.example.com', { exact: false }).waitFor()
  expect(new URL(page.url()).pathname).toBe(`/traffic/runs/${run.id}`)
  await page.getByRole('link', { name: 'Connect GitHub' }).waitFor()
  await page.getByText('without TLS no credential goes out').waitFor()
  await page.getByText('Host::"docs.example.net"', { exact: false }).waitFor()
  expect(await accessibility(page)).toEqual([])
  await picture(page, 'draft')
  expect((await house.alice.get('/api/v1/grants')).body.data).toEqual([])

  await page.getByRole('button', { name: 'Make this grant' }).click()
  await page.getByRole('link', { name: 'The grant', exact: true }).waitFor()
  expect((await house.alice.get('/api/v1/grants')).body.data).toMatchObject([
    { agent_id: house.agent.id, connection_id: connection.id, rules: [{ methods: ['GET'], paths: ['=/v1/customers/*'] }] },
  ])
  const phone = await browse(house.url, { as: house.alice, width: 360, height: 740 })
  await phone.page.goto(`/traffic/runs/${run.id}`)
  await phone.page.getByRole('heading', { name: 'Connect these first' }).waitFor()
  expect(await overflow(phone.page)).toBe(0)
  noFaults(alice, phone)
})
