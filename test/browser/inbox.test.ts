// The inbox as people use it: live, by keyboard alone, on a phone, in the dark, with many rows, and when the stream is cut.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { root } from '../harness/process.ts'
import { accessibility, browse, houseWithPages, noFaults, overflow, picture, useBrowser } from './browser.ts'

useBrowser()

test('T158 T163 a task appears and goes without a reload, is announced politely, and the focus stays where it was', async () => {
  const house = await houseWithPages()
  await house.given.task({ task: 'The first question?', timeout_seconds: 7_200 })
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.goto('/inbox')
  await page.getByText('Live', { exact: true }).waitFor()
  const first = page.getByRole('link', { name: /The first question/ })
  await first.focus()
  const later = await house.given.task({ task: 'A more pressing one?', timeout_seconds: 600 })
  await page.getByRole('link', { name: /A more pressing one/ }).waitFor()
  await page
    .getByRole('status')
    .getByText(/A new task arrived/)
    .waitFor()
  expect(await page.title()).toBe('(2) Inbox · Countersign')
  expect(await first.evaluate((element) => element === document.activeElement)).toBe(true)
  await page
    .getByRole('region', { name: 'Within the hour' })
    .getByRole('link', { name: /A more pressing one/ })
    .waitFor()

  await house.agent.post(`/api/v1/tasks/${later.id}/cancel`, { reason: 'No longer needed' })
  await page.getByRole('link', { name: /A more pressing one/ }).waitFor({ state: 'detached' })
  const views = page.getByRole('navigation', { name: 'Views' })
  await views.getByRole('link', { name: 'Settled' }).click()
  await page.getByRole('link', { name: /A more pressing one.*Withdrawn/ }).waitFor()
  await page.reload()
  await page.getByRole('link', { name: /A more pressing one.*Withdrawn/ }).waitFor()
  await views.getByRole('link', { name: /^All/ }).click()
  await page.getByRole('searchbox', { name: 'Search tasks' }).fill('first')
  await expect.poll(() => page.getByRole('main').getByRole('listitem').count()).toBe(1)
  expect(new URL(page.url()).search).toBe('?view=all&q=first')
  noFaults(surf)
}, 90_000)

test('T158 views tell how much waits in each, keep the filters, and say what their emptiness means', async () => {
  const house = await houseWithPages()
  const pool = { name: 'Treasury', members: [house.alice.id] }
  expect((await house.alice.post('/api/v1/pools', pool)).status).toBe(201)
  const ask = (task: string, more: object = {}) => house.given.task({ task, timeout_seconds: 7_200, ...more })
  await ask('For whoever runs the work?')
  await ask('For the treasury?', { assign_to: { pool: 'Treasury', strategy: 'broadcast' }, risk: 'high' })
  await ask('For Bob alone?', { assign_to: { user_id: house.bob.id } })
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.goto('/inbox')
  await page.getByText('Live', { exact: true }).waitFor()
  const views = page.getByRole('navigation', { name: 'Views' })
  const names = async () => (await views.getByRole('link').allTextContents()).map((text) => text.trim())
  await expect.poll(names).toEqual(['All 3', 'Mine 2', 'Claimable 2', 'Team 2', 'Settled'])
  const rows = page.getByRole('main').getByRole('listitem')
  await views.getByRole('link', { name: /^Team/ }).click()
  await expect.poll(() => rows.count()).toBe(2)
  await rows.filter({ hasText: 'For the treasury?' }).getByRole('link').click()
  await page.getByRole('button', { name: 'Claim it' }).click()
  await page.getByRole('button', { name: 'Give it back' }).waitFor()
  await page.goBack()
  await rows.filter({ hasText: /For the treasury\?.*held by you/ }).waitFor()
  await expect.poll(names).toEqual(['All 3', 'Mine 2', 'Claimable 1', 'Team 2', 'Settled'])

  await page.getByRole('button', { name: 'Filters' }).click()
  await page.getByLabel('Risk').selectOption('high')
  await expect.poll(() => rows.count()).toBe(1)
  await views.getByRole('link', { name: /^Mine/ }).click()
  await expect.poll(() => new URL(page.url()).search).toBe('?view=mine&risk=high')
  await expect.poll(() => rows.count()).toBe(1)
  await page.getByLabel('Risk').selectOption('')
  await page.getByLabel('Held by').fill('Alice')
  await expect.poll(() => rows.count()).toBe(1)
  expect(await accessibility(page)).toEqual([])

  const auditor = await browse(house.url, { as: await house.auditor.person() })
  await auditor.page.goto('/inbox?view=team')
  await auditor.page.getByText('Nothing waits for a pool that you are in.').waitFor()
  noFaults(surf, auditor)
}, 90_000)

test('T158 the preview follows the row on which one stands, stands in the address, and is closed again', async () => {
  const house = await houseWithPages()
  await house.given.task({ task: 'The first question?', timeout_seconds: 600, payload: { order: 1041 } })
  const second = await house.given.task({ task: 'The second question?', timeout_seconds: 700, payload: { order: 1042 } })
  const surf = await browse(house.url, { as: house.alice, width: 1280 })
  const { page } = surf
  await page.goto('/inbox')
  await page.getByRole('link', { name: /The second question/ }).waitFor()
  await page.getByRole('button', { name: 'Preview' }).click()
  const preview = page.getByRole('region', { name: 'Preview' })
  await preview.getByRole('heading', { name: 'The first question?' }).waitFor()
  await page.keyboard.press('j')
  await page.keyboard.press('j')
  await preview.getByRole('heading', { name: 'The second question?' }).waitFor()
  await preview.getByText('1042', { exact: true }).waitFor()
  expect(new URL(page.url()).searchParams.get('preview')).toBe(second.id)
  expect(await accessibility(page)).toEqual([])
  await page.reload()
  await preview.getByRole('heading', { name: 'The second question?' }).waitFor()
  await page.keyboard.press('p')
  await preview.waitFor({ state: 'detached' })
  // On a phone there is no room for it, whatever the address says.
  await page.setViewportSize({ width: 390, height: 844 })
  await page.goto(`/inbox?preview=${second.id}`)
  await page.getByRole('link', { name: /The second question/ }).waitFor()
  expect(await preview.count()).toBe(0)
  expect(await overflow(page)).toBe(0)
  noFaults(surf)
}, 90_000)

test('T158 what is chosen is claimed, handed on and given back one by one, and what could not be done is told with its reason', async () => {
  const house = await houseWithPages()
  const reviewer = await house.reviewer.person()
  const ask = (task: string, timeout_seconds: number) => house.given.task({ task, timeout_seconds })
  const [first, taken, third] = [await ask('The first?', 600), await ask('The taken one?', 700), await ask('The third?', 800)]
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.goto('/inbox')
  for (const name of ['The first?', 'The taken one?', 'The third?'])
    await page.getByRole('checkbox', { name: `Choose ${name}` }).check()
  const bar = page.getByRole('region', { name: 'Chosen tasks' })
  await bar.getByText('3 chosen').waitFor()
  await house.bob.post(`/api/v1/tasks/${taken.id}/claim`, {})
  await bar.getByRole('button', { name: 'Claim' }).click()
  await bar.getByText('2 tasks were claimed, 1 was not.').waitFor()
  await bar.getByRole('listitem').filter({ hasText: 'The taken one?: Somebody else has claimed this task.' }).waitFor()
  // What could not be done stays chosen.
  await bar.getByText('1 chosen').waitFor()
  const holder = async ({ id }: { id: unknown }) => (await house.alice.get(`/api/v1/tasks/${id}`)).body.assigned_to_user_id
  expect([await holder(first), await holder(taken), await holder(third)]).toEqual([house.alice.id, house.bob.id, house.alice.id])
  expect(await accessibility(page)).toEqual([])

  await page.getByRole('checkbox', { name: 'Choose The taken one?' }).uncheck()
  await page.getByRole('checkbox', { name: 'Choose The first?' }).check()
  await bar.getByRole('button', { name: 'Hand on…' }).click()
  const dialog = page.getByRole('dialog', { name: 'Hand the task on' })
  await dialog.getByLabel('To whom').fill(reviewer.email)
  await dialog.getByLabel('Reason').fill('I am on holiday')
  await dialog.getByRole('button', { name: 'Hand on' }).click()
  await bar.getByText('1 task was handed on.').waitFor()
  expect(await holder(first)).toBe(reviewer.id)
  await page.getByRole('checkbox', { name: 'Choose The third?' }).check()
  await bar.getByRole('button', { name: 'Give back' }).click()
  await bar.getByText('1 task was given back.').waitFor()
  expect(await holder(third)).toBeNull()
  noFaults(surf)
}, 90_000)

test('T163 T164 every page is clean by axe in light and dark, and fits a phone of 360 px without scrolling sideways', async () => {
  const house = await houseWithPages()
  const ask = async (name: string, task: string, more: object) =>
    house.given.task({ task, ...more }, await house.given.agent({ name }))
  const refund = await ask('Refund bot', 'Refund order 1042?', REFUND)
  await ask('Sales desk', 'Send the offer for 40 seats to Example GmbH?', { timeout_seconds: 7_200 })
  await ask('Data janitor', 'Delete 12,408 rows that nobody has read since 2021?', { timeout_seconds: 20_000, risk: 'high' })
  await ask('Hiring helper', 'Which of the three candidates gets the second interview?', {
    timeout_seconds: 259_200,
    priority: 'low',
  })
  const held = await ask('Release train', 'Publish the release notes of 4.2?', { timeout_seconds: 90_000 })
  await house.bob.post(`/api/v1/tasks/${held.id}/claim`, {})
  // Questions that have waited for some time.
  await house.clock.advance('9m')

  const looks = [{}, { dark: true }, { width: 360, height: 740 }]
  // One after the other: three at once starve each other on a small machine.
  for (const look of looks) {
    const surf = await browse(house.url, { ...look, as: house.alice })
    const { page } = surf
    await page.clock.install({ time: house.clock.now() })
    for (const [path, heading] of [
      ['/inbox', 'Inbox'],
      [`/tasks/${refund.id}`, 'Refund order 1042?'],
      ['/agents', 'Agents'],
      ['/people', 'People'],
      ['/profile', 'Profile'],
      ['/nowhere', 'Nothing here'],
    ] as const) {
      await page.goto(path)
      await page.getByRole('heading', { name: heading }).waitFor()
      await page.getByText('Loading…').waitFor({ state: 'detached' })
      expect(await accessibility(page), `${path} ${JSON.stringify(look)}`).toEqual([])
      expect(await overflow(page), `${path} ${JSON.stringify(look)}`).toBe(0)
      expect(await page.title()).toMatch(/· Countersign$/)
    }
    await page.goto('/inbox')
    await page.getByText('Live', { exact: true }).waitFor()
    if (!('width' in look) && !('dark' in look)) {
      await page.setViewportSize({ width: 1100, height: 660 })
      await picture(page, 'inbox')
    }
    await page.getByRole('link', { name: /Refund order 1042/ }).click()
    await page.getByRole('radio', { name: 'Yes' }).check()
    await page.getByLabel('Amount in EUR').fill('999')
    await page.getByRole('button', { name: 'Send answer' }).click()
    await expect.poll(() => page.getByLabel('Amount in EUR').getAttribute('aria-invalid')).toBe('true')
    expect(await accessibility(page)).toEqual([])
    expect(await overflow(page)).toBe(0)
    await page.getByLabel('Amount in EUR').fill('240.10')
    await page.getByLabel('Note to the customer').fill('Sorry about the parcel. The money is on its way.')
    await page.setViewportSize({ width: 'width' in look ? 360 : 1100, height: 760 })
    if (!('width' in look)) {
      await page.reload()
      await page.getByRole('form').waitFor()
      await picture(page, 'dark' in look ? 'task-dark' : 'task')
    }
    noFaults(surf)
  }
}, 180_000)

const REFUND = {
  payload: {
    order: 1042,
    amount: 240.1,
    currency: 'EUR',
    reason: 'parcel lost',
    customer: { name: 'Ann Example', since: '2019-04-02' },
  },
  description: 'The carrier confirmed the loss this morning. The customer has ordered eleven times since 2019.',
  timeout_seconds: 2_400,
  priority: 'high',
  response_schema: {
    type: 'object',
    properties: {
      approved: { type: 'boolean', title: 'Approve the refund' },
      amount: { type: 'number', maximum: 240.1, title: 'Amount in EUR' },
      note: { type: 'string', maxLength: 500, title: 'Note to the customer' },
    },
    required: ['approved', 'amount'],
  },
}

test('a page that loses its server says so, goes on reading, and is live again by itself', async () => {
  const house = await houseWithPages()
  const surf = await browse(house.url, { as: house.alice })
  const { page, context } = surf
  await page.goto('/inbox')
  await page.getByText('Live', { exact: true }).waitFor()
  await context.route('**/api/v1/tasks/stream**', (route) => route.abort())
  await page.goto('/inbox')
  await page.getByText('Not live, refreshing every few seconds').waitFor()
  await house.given.task({ task: 'Seen without a stream?' })
  await page.getByRole('link', { name: /Seen without a stream/ }).waitFor()
  await context.unroute('**/api/v1/tasks/stream**')
  await page.getByText('Live', { exact: true }).waitFor()
  noFaults(surf)
}, 90_000)

test('T165 a long inbox comes fifty rows at a time and the script stays below 200 kB', async () => {
  const house = await houseWithPages()
  await Promise.all(
    Array.from({ length: 120 }, (_, i) => house.given.task({ task: `Question ${i}?`, timeout_seconds: 3_600 + i })),
  )
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  const scripts = new Set<string>()
  page.on('response', (response) => {
    const { pathname } = new URL(response.url())
    if (pathname.endsWith('.js')) scripts.add(pathname)
  })
  await page.goto('/inbox')
  await page.getByRole('link', { name: /^Question 0\?/ }).waitFor()
  expect(scripts.size).toBeGreaterThan(0)
  const sizes = [...scripts].map((path) => gzipSync(readFileSync(join(root, 'packages/server/public', path))).length)
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(200_000)
  const rows = page.getByRole('main').getByRole('listitem')
  expect(await rows.count()).toBe(50)
  await page.getByRole('button', { name: 'Show more' }).click()
  await expect.poll(() => rows.count()).toBe(100)
  await page.getByRole('button', { name: 'Show more' }).click()
  await expect.poll(() => rows.count()).toBe(120)
  expect(await page.getByRole('button', { name: 'Show more' }).count()).toBe(0)
  noFaults(surf)
}, 90_000)
