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
  await page.getByRole('link', { name: 'Settled' }).click()
  await page.getByRole('link', { name: /A more pressing one.*Withdrawn/ }).waitFor()
  await page.reload()
  await page.getByRole('link', { name: /A more pressing one.*Withdrawn/ }).waitFor()
  await page.getByRole('link', { name: 'All', exact: true }).click()
  await page.getByRole('searchbox', { name: 'Search tasks' }).fill('first')
  await expect.poll(() => page.getByRole('main').getByRole('listitem').count()).toBe(1)
  expect(new URL(page.url()).search).toBe('?view=all&q=first')
  noFaults(surf)
})

test('T163 keys alone lead from sign-in to the answer, and none of them settles a task by itself', async () => {
  const house = await houseWithPages()
  const { email } = await house.given.user({ role: 'operator', password: 'marble-otter-sings-7-hymns' })
  await house.given.task({ task: 'The first question?', timeout_seconds: 600 })
  const task = await house.given.task({ task: 'The second question?', timeout_seconds: 900 })
  const surf = await browse(house.url)
  const { page } = surf
  const { keyboard } = page
  const focused = () => page.evaluate(() => document.activeElement?.textContent ?? '')
  await page.goto('/')
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  await keyboard.type(email)
  await keyboard.press('Tab')
  await keyboard.type('marble-otter-sings-7-hymns')
  await keyboard.press('Enter')
  await page.getByRole('link', { name: /The second question/ }).waitFor()

  await keyboard.press('?')
  await page.getByRole('dialog', { name: 'Keys' }).waitFor()
  await keyboard.press('Escape')
  await page.getByRole('dialog', { name: 'Keys' }).waitFor({ state: 'hidden' })
  await keyboard.press('/')
  await keyboard.type('question')
  await expect.poll(() => page.getByRole('searchbox', { name: 'Search tasks' }).inputValue()).toBe('question')
  await page.getByRole('link', { name: /The second question/ }).waitFor()
  await keyboard.press('Tab')
  expect(await focused()).toContain('The first question?')
  await keyboard.press('j')
  expect(await focused()).toContain('The second question?')
  await keyboard.press('k')
  expect(await focused()).toContain('The first question?')
  await keyboard.press('j')
  await keyboard.press('Enter')
  await page.getByRole('heading', { name: 'The second question?' }).waitFor()
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('main')

  for (const key of ['a', 'd', 'y', 'n', 'e', 'r', ' ', 'Enter']) await keyboard.press(key)
  await keyboard.press('c')
  await page.getByRole('button', { name: 'Give it back' }).waitFor()
  expect((await house.agent.get(`/api/v1/tasks/${task.id}`)).body.status).toBe('open')

  await keyboard.press('g')
  await keyboard.press('i')
  await page.getByRole('heading', { name: 'Inbox' }).waitFor()
  await expect.poll(focused).toContain('The second question?')
  await keyboard.press('Enter')
  await page.getByRole('heading', { name: 'The second question?' }).waitFor()
  for (let i = 0; i < 30 && (await page.evaluate(() => (document.activeElement as HTMLInputElement).type)) !== 'radio'; i++)
    await keyboard.press('Tab')
  await keyboard.press('Space')
  await keyboard.press('Tab')
  expect(await focused()).toBe('Send answer')
  await keyboard.press('Enter')
  await page.getByRole('region', { name: 'What became of it' }).waitFor()
  expect((await house.agent.get(`/api/v1/tasks/${task.id}`)).body.response).toEqual({ approve: true })
  noFaults(surf)
})

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
  await Promise.all(
    looks.map(async (look) => {
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
    }),
  )
}, 60_000)

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
}, 30_000)

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
  const since = Date.now()
  await page.goto('/inbox')
  await page.getByRole('link', { name: /^Question 0\?/ }).waitFor()
  expect(Date.now() - since).toBeLessThan(3_000)
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
})
