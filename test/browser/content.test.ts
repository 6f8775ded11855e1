// What an agent wrote, on the page of a task: Markdown without markup of its own, nothing from elsewhere by itself, the JSON one key away, and a critical task read to its end.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { accessibility, browse, houseWithPages, noFaults, picture, useBrowser } from './browser.ts'

useBrowser()

const DOT = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

test('T86 T87 Markdown is drawn from its tree, links show their host, images come after a click, the JSON is one key away', async () => {
  let asked = 0
  const server = createServer((_, response) => {
    asked++
    response.end(DOT)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const house = await houseWithPages({ settings: { EGRESS_ALLOW: `127.0.0.1:${port}`, EGRESS_HTTP: '1' } })
  const description = [
    '# Order 1042',
    '',
    'The carrier says it is **lost**, see [bank.example](https://evil.example/login) and [this](javascript:alert(1)).',
    '',
    '- one',
    '- two &copy; <img src=x onerror=alert(1)>',
    '',
    '<script>document.title = "taken"</script>',
    '',
    `![the parcel](http://127.0.0.1:${port}/parcel.png)`,
    '',
    'Pay to Bob\u202eevil',
  ].join('\n')
  const lines = Array.from({ length: 3 }, (_, i) => ({ sku: `A-${i}`, count: i + 1 }))
  const more = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`detail_${i}`, `value ${i}`]))
  const task = await house.given.task({ task: 'Refund order 1042?', description, payload: { amount: 240, lines, ...more } })
  const surf = await browse(house.url, { as: house.alice, height: 900 })
  const { page } = surf
  await page.goto(`/tasks/${task.id}`)
  const background = page.getByRole('region', { name: 'Background' })
  await background.locator('strong', { hasText: 'lost' }).waitFor()
  expect(await background.getByRole('listitem').count()).toBe(2)
  await background.getByText('(evil.example)').waitFor()
  await background.getByText('⚠ Its text names bank.example').waitFor()
  await background.getByText('javascript:alert(1)').waitFor()
  expect(await background.locator('a[href^="javascript"], script, img').count()).toBe(0)
  await background.getByText('<img src=x onerror=alert(1)>').waitFor()
  await background.getByText('U+202E', { exact: true }).waitFor()
  expect(await page.title()).toContain('Refund order 1042')
  expect(await accessibility(page)).toEqual([])

  expect(asked).toBe(0)
  await background.getByRole('button', { name: /^Load from .* image the parcel$/ }).click()
  await background.getByRole('img', { name: 'the parcel' }).waitFor()
  expect(asked).toBe(1)

  const content = page.getByRole('region', { name: 'What it is about' })
  await content.getByRole('columnheader', { name: 'Sku' }).waitFor()
  await content.getByLabel('Search in this content').fill('detail 7')
  await content.getByText('value 7', { exact: true }).waitFor()
  await expect.poll(() => content.getByText('value 8', { exact: true }).count()).toBe(0)
  await content.getByLabel('Search in this content').fill('')
  await picture(page, 'task-content')
  await page.getByRole('heading', { level: 1 }).click()
  await page.keyboard.press('v')
  await content.getByText('"amount": 240').waitFor()
  await page.keyboard.press('v')
  await content.getByText('"amount": 240').waitFor({ state: 'detached' })
  noFaults(surf)
})

test('T87 the answer to a critical task can be sent once its content was scrolled to the end', async () => {
  const house = await houseWithPages()
  // Two who are not on the asking side: so many a critical question wants.
  const bob = await house.given.user({ role: 'operator' })
  await house.given.user({ role: 'operator' })
  const lines = Array.from({ length: 120 }, (_, i) => ({
    text: `This is line ${i} of a long statement that somebody has to read before they agree to it.`,
  }))
  const task = await house.given.task({ task: 'Delete the archive?', payload: { lines }, risk: 'critical' })
  const surf = await browse(house.url, { as: bob })
  const { page } = surf
  await page.goto(`/tasks/${task.id}`)
  const send = page.getByRole('button', { name: 'Send answer' })
  await send.waitFor()
  expect(await send.getAttribute('aria-disabled')).toBe('true')
  expect(await send.getAttribute('title')).toBe('This is critical: read what it is about to the end first.')
  await page.getByRole('radio', { name: 'Yes' }).check()
  await page.keyboard.press('End')
  await page.mouse.wheel(0, 100_000)
  await expect.poll(() => send.getAttribute('aria-disabled')).toBeNull()
  noFaults(surf)
})
