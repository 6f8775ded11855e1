// The record of one task: every event with who, how and where it is sealed; the browser checks each, and one changed byte on the way shows.
import type { Route } from 'playwright-core'
import { expect, test } from 'vitest'
import { signDue } from '../../packages/server/src/events/audit/checkpoint.ts'
import { sealStep } from '../../packages/server/src/events/audit/sealing.ts'
import { accessibility, browse, houseWithPages, noFaults, overflow, picture, useBrowser } from './browser.ts'

useBrowser()

async function open() {
  const house = await houseWithPages()
  const task = await house.given.task({ task: 'Refund order 1042?', timeout_seconds: 7_200 })
  await house.alice.post(`/api/v1/tasks/${task.id}/claim`, {})
  await house.alice.patch(`/api/v1/tasks/${task.id}`, { priority: 'high' })
  const decided = await house.alice.post(`/api/v1/tasks/${task.id}/decide`, {
    type: 'respond',
    response: { approve: true },
    seen_revision: 1,
  })
  expect(decided.status).toBe(200)
  const seal = async () => {
    await sealStep({ db: house.db })
    await signDue({ db: house.db, keyring: house.keyring, origin: () => house.server.publicUrl }, 1, 0)
  }
  return { house, task, seal, path: `/tasks/${task.id}/record` }
}

test('T160 every event says who, through what, how proved, what changed and where it is sealed, and is verified in the browser', async () => {
  const { house, task, seal } = await open()
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.goto(`/tasks/${task.id}`)
  await page.getByRole('link', { name: 'The whole record' }).click()
  await page.getByRole('heading', { name: 'Record', exact: true }).waitFor()
  const entries = page.getByRole('list', { name: 'Record' }).locator(':scope > li')
  await expect.poll(() => entries.count()).toBe(5)
  const many = await entries.count()
  await seal()
  await page.reload()
  await page.getByText(`${many} of ${many} entries verified in this browser.`).waitFor()
  const settled = entries.filter({ hasText: 'task.completed' })
  for (const said of ['You settled it: answered.', 'You', 'dashboard', 'by a fresh proof', 'open → completed', '✓ Verified'])
    await settled.getByText(said, { exact: true }).first().waitFor()
  await settled.getByRole('link', { name: /^#\d+$/ }).waitFor()
  await entries.filter({ hasText: 'task.updated' }).getByLabel('Before and after').getByText('high').waitFor()
  await entries.filter({ hasText: 'task.created' }).getByText('refund-bot').waitFor()
  await settled.getByText('What was checked, and what it holds').click()
  expect(
    await settled
      .getByRole('listitem')
      .filter({ hasText: /Holds|Fails/ })
      .allTextContents(),
  ).toEqual(Array.from({ length: 6 }, () => expect.stringContaining('Holds: ')))
  expect(await accessibility(page)).toEqual([])
  await page.setViewportSize({ width: 1200, height: 900 })
  await picture(page, 'record')
  await page.setViewportSize({ width: 360, height: 740 })
  expect(await overflow(page)).toBe(0)
  noFaults(surf)
}, 90_000)

/** The answer of the server with one text in it replaced. */
const altering = (from: string | RegExp, to: string) => async (route: Route) => {
  const response = await route.fetch()
  const body = await response.text()
  await route.fulfill({ response, body: body.replace(from, to) })
}

test('T160 one byte that is changed on the way, in the entry, its text, its proof or its note, shows as what does not verify', async () => {
  const { house, seal, path } = await open()
  await seal()
  const { data } = (await house.alice.get(`/api/v1${path}`)).body
  const { id } = data.find((one: { type: string }) => one.type === 'task.completed')
  const surf = await browse(house.url, { as: house.alice })
  const { page, context } = surf
  const entries = page.getByRole('list', { name: 'Record' }).locator(':scope > li')
  const lies = [
    { at: /\/record(\?|$)/, alter: altering('"outcome":"answered"', '"outcome":"accepted"'), fails: /what is shown here/ },
    {
      at: new RegExp(`/events/${id}$`),
      alter: altering(/\\"outcome\\":\\"answered\\"/, '\\"outcome\\":\\"accepted\\"'),
      fails: /the digest that was sealed/,
    },
    {
      at: new RegExp(`/proofs/${id}$`),
      alter: altering(/"root":"[0-9a-f]/, '"root":"g'),
      fails: /in the tree whose root was signed/,
    },
    {
      at: new RegExp(`/proofs/${id}$`),
      alter: altering(/("note":"[^/]*)\/audit/, '$1x/audit'),
      fails: /a published key of this log signed/,
    },
  ]
  for (const { at, alter, fails } of lies) {
    await context.route(at, alter)
    await page.goto(path)
    await page
      .getByRole('alert')
      .getByText(/An entry does not verify/)
      .waitFor()
    const marked = entries.filter({ hasText: '✗ Does not verify' })
    expect(await marked.count()).toBe(1)
    await marked.getByText('What was checked, and what it holds').click()
    await marked.getByRole('listitem').filter({ hasText: 'Fails: ' }).filter({ hasText: fails }).waitFor()
    await context.unroute(at)
  }
  expect(await accessibility(page)).toEqual([])
  // To be looked at was an event too.
  await seal()
  await page.goto(path)
  await page.getByText(/^(\d+) of \1 entries verified in this browser\.$/).waitFor()
  expect(await page.getByRole('alert').count()).toBe(0)
  noFaults(surf)
}, 90_000)

test('T160 P60 whoever may not read proofs sees the record and is told that nothing of it was checked', async () => {
  const { house, seal, task } = await open()
  await seal()
  const surf = await browse(house.url, { as: await house.operator.person() })
  const { page } = surf
  // Looked at once before: the record that follows holds that look, whichever answer of a page comes first.
  await page.goto(`/tasks/${task.id}`)
  await page.getByRole('link', { name: 'The whole record' }).click()
  await page.getByText('The role operator does not read proofs. What is shown here is not checked.').waitFor()
  const entries = page.getByRole('list', { name: 'Record' }).locator(':scope > li')
  // The four that were, and that it was looked at.
  await expect.poll(() => entries.count()).toBe(5)
  await expect.poll(() => entries.filter({ hasText: 'Not checked' }).count()).toBe(5)
  noFaults(surf)
}, 90_000)
