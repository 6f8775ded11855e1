// The page behind a claim link in a real browser (vault.md V137): who it is, the words of its key, and yes or no.
import { expect, test } from 'vitest'
import { newProver } from '../../packages/server/src/identity/testing/prover.ts'
import { accessibility, browse, houseWithPages, noFaults, overflow, picture, useBrowser } from './browser.ts'

useBrowser()

const PASSWORD = 'marble-otter-sings-7-hymns'

test('V137 whoever opens the link signs in, compares the words, accepts once, and the token is left nowhere', async () => {
  const house = await houseWithPages()
  const prover = await newProver()
  const otto = await house.given.user({ role: 'owner', displayName: 'Otto', password: PASSWORD })
  const made = await house.nobody.post('/api/v1/agents/register', { public_key: prover.jwk, handle: 'Nightly reconciler' })
  const { agent_id: id, claim_url: link, words } = made.body
  // It calls once, and so shows that the key is its own.
  const called = await prover.headers({ url: `${house.url}/api/v1/agents/self`, at: house.clock.now() })
  expect((await house.nobody.get('/api/v1/agents/self', called)).body.code).toBe('unclaimed_agent')

  const surf = await browse(house.url)
  const { page } = surf
  await page.goto(link.slice(house.url.length))
  await page
    .getByLabel(/name|e-mail/i)
    .first()
    .fill(otto.email)
  await page.getByLabel(/password/i).fill(PASSWORD)
  await page.getByRole('button', { name: /sign in/i }).click()
  const card = page.getByRole('region', { name: 'Nightly reconciler' })
  await card.waitFor()
  expect(page.url()).toBe(`${house.url}/claim/${id}`)
  expect(await card.getByRole('list', { name: 'Words of its key' }).getByRole('listitem').allTextContents()).toEqual(words)
  await card.getByText('Holds its private key').waitFor()
  expect(await accessibility(page)).toEqual([])
  expect(await overflow(page)).toBe(0)
  await picture(page, 'claim')
  await card.getByRole('button', { name: 'Accept this agent' }).click()
  await page.getByText(/The agent Nightly reconciler is yours/).waitFor()
  expect((await house.alice.get(`/api/v1/agents/${id}`)).body).toMatchObject({ state: 'active', owner_user_id: otto.id })
  noFaults(surf)

  // The same link in another browser, and on a phone.
  const late = await browse(house.url, { as: house.alice, width: 390 })
  await late.page.goto(link.slice(house.url.length))
  await late.page.getByText(/This link was used or is too old/).waitFor()
  expect(await overflow(late.page)).toBe(0)
  noFaults(late)
})

test('V137 a program that was rejected is told so by the page and by the API; a page without its token says what is missing', async () => {
  const house = await houseWithPages()
  const prover = await newProver()
  const made = await house.nobody.post('/api/v1/agents/register', { public_key: prover.jwk, handle: 'Somebody' })
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf

  await page.goto(`/claim/${made.body.agent_id}`)
  await page.getByText('Open this page by the whole link that the program printed.').waitFor()
  await page.goto('/agents')
  await page.goto(made.body.claim_url.slice(house.url.length))
  await page.getByText('Has not shown its private key').waitFor()
  await page.getByRole('button', { name: 'Reject it' }).click()
  await page.getByText(/Rejected. The program has no right here/).waitFor()
  const called = await prover.headers({ url: `${house.url}/api/v1/agents/self`, at: house.clock.now() })
  expect((await house.nobody.get('/api/v1/agents/self', called)).body.code).toBe('key_invalid')
  noFaults(surf)
})
