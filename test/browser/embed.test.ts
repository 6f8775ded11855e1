// A question inside a page of somebody else's, on another origin: what the frame shows, what is said to the page around it, and which pages may hold it at all.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Frame, Page } from 'playwright-core'
import { expect, onTestFinished, test } from 'vitest'
import type { House } from '#harness'
import { accessibility, browse, houseWithPages, picture, type Surf, useBrowser } from './browser.ts'

useBrowser()

type Told = { source: string; type: string; payload: Record<string, unknown> }

/** The page of a customer: it holds one frame and keeps what it is told. */
async function customer(): Promise<{ origin: string; show(url: string): void }> {
  const held = { url: '' }
  const html = () =>
    `<!doctype html><html lang="en"><title>Shop</title><h1>Your refund</h1><iframe title="Question" src="${held.url}" style="width:100%;height:700px;border:0"></iframe>
    <script>window.told=[];addEventListener('message',e=>{told.push({origin:e.origin,data:e.data})})</script>`
  const server = createServer((_, response) => response.setHeader('content-type', 'text/html').end(html()))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => new Promise((resolve) => server.close(() => resolve())))
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://localhost:${port}`,
    show: (url) => {
      held.url = url.replaceAll('&', '&amp;')
    },
  }
}

const told = async (page: Page, server: string): Promise<Told[]> => {
  const all = await page.evaluate(() => (window as unknown as { told: { origin: string; data: Told }[] }).told)
  for (const { origin } of all) expect(origin).toBe(server)
  return all.map(({ data }) => data)
}
const typesTold = async (page: Page, server: string) =>
  (await told(page, server)).map(({ type }) => type).filter((type) => type !== 'resize')

async function mint(house: House, origin: string, more: object = {}, dialect = '/api/v1') {
  const task = await house.given.task({
    task: 'Refund order 1042?',
    description: 'The parcel was lost.',
    payload: { order: 1042, amount: 240 },
    response_schema: {
      type: 'object',
      properties: { approved: { type: 'boolean' }, note: { type: 'string', minLength: 3 } },
      required: ['approved'],
    },
    timeout_seconds: 3_600,
  })
  const minted = await house.agent.post(`${dialect}/embed/tokens`, { task_id: task.id, parent_origin: origin, ...more })
  expect(minted.status, JSON.stringify(minted.body)).toBe(200)
  return { task: task.id, ...(minted.body as { id?: string; embed_url: string; embed_token: string }) }
}

const frameOf = (page: Page): Frame => page.frames().find((frame) => frame.url().includes('/embed')) as Frame
// Requests of the page around it are its own affair; everything else that a page of ours must not do counts.
const ours = ({ faults }: Surf) => faults.filter((fault) => !fault.startsWith('request elsewhere'))

test('A26 T123 T124 T125 a visitor answers inside another page, which hears what becomes of it, at its origin and once', {
  timeout: 90_000,
}, async () => {
  const house = await houseWithPages()
  const shop = await customer()
  await house.alice.post('/api/v1/embed/origins', { origin: shop.origin })
  const { task, embed_url } = await mint(house, shop.origin, { sub: 'Ann of the shop' })
  shop.show(embed_url)
  const surf = await browse(house.url)
  const { page } = surf
  await page.goto(shop.origin)
  const frame = page.frameLocator('iframe')
  await frame.getByRole('heading', { name: 'Refund order 1042?' }).waitFor()
  await frame.getByText('240', { exact: true }).waitFor()

  // The form says beside the field what is wrong with it.
  await frame.getByLabel(/^Note/).fill('x')
  await frame.getByRole('radio', { name: 'Yes' }).check()
  await frame.getByRole('button', { name: 'Send answer' }).click()
  await expect.poll(() => frame.getByLabel(/^Note/).getAttribute('aria-invalid')).toBe('true')
  // A frame is looked at like a page.
  expect(await accessibility(frameOf(page) as unknown as Page)).toEqual([])
  await picture(page, 'embed')

  await page.evaluate((origin) => {
    const { contentWindow } = document.querySelector('iframe') as HTMLIFrameElement
    contentWindow?.postMessage({ source: 'countersign', type: 'theme', payload: { theme: 'dark' } }, origin)
  }, house.server.publicUrl)
  const ground = () => frameOf(page).evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
  await expect.poll(ground).toBe('rgb(20, 22, 26)')

  await frame.getByLabel(/^Note/).fill('Lost for sure')
  await frame.getByRole('button', { name: 'Send answer' }).dblclick()
  await frame.getByText('Answered by Ann of the shop.').waitFor()
  await expect.poll(() => typesTold(page, house.server.publicUrl)).toEqual(expect.arrayContaining(['loaded', 'task.completed']))
  const all = await told(page, house.server.publicUrl)
  expect(all.every(({ source }) => source === 'countersign')).toBe(true)
  expect(all.filter(({ type }) => type === 'task.completed')).toMatchObject([
    { payload: { taskId: task, response: { approved: true, note: 'Lost for sure' }, completedAt: expect.stringMatching(/Z$/) } },
  ])
  const heights = all.flatMap(({ type, payload }) => (type === 'resize' ? [payload.height as number] : []))
  expect(Math.max(...heights)).toBeGreaterThan(300)
  expect((await house.agent.get(`/api/v1/tasks/${task}`)).body).toMatchObject({
    completed_via_channel: 'embed',
    completed_by_display_name: 'Ann of the shop',
  })
  expect(ours(surf)).toEqual([])
})

test('A26 T123 a page on another origin shows nothing of it', async () => {
  const house = await houseWithPages()
  const [shop, thief] = [await customer(), await customer()]
  await house.alice.post('/api/v1/embed/origins', { origin: shop.origin })
  const { embed_url } = await mint(house, shop.origin)
  thief.show(embed_url)
  const surf = await browse(house.url)
  await surf.page.goto(thief.origin)
  await expect.poll(() => surf.faults.some((fault) => fault.includes('frame-ancestors'))).toBe(true)
  expect(await surf.page.evaluate(() => (window as unknown as { told: unknown[] }).told)).toEqual([])
})

test('A26 T124 an expired, a revoked and another task’s token say so to the page around, which can hand in a new one', async () => {
  const house = await houseWithPages()
  const shop = await customer()
  await house.alice.post('/api/v1/embed/origins', { origin: shop.origin })
  const first = await mint(house, shop.origin)
  const other = await mint(house, shop.origin)
  await house.alice.delete(`/api/v1/embed/tokens/${first.id}`)
  const surf = await browse(house.url)
  const { page } = surf
  const codes = async () =>
    (await told(page, house.server.publicUrl)).filter(({ type }) => type === 'task.error').map(({ payload }) => payload.code)

  shop.show(first.embed_url)
  await page.goto(shop.origin)
  await expect.poll(codes).toEqual(['embed_token_invalid'])
  await page.frameLocator('iframe').getByText('cannot be answered here any more').waitFor()

  shop.show(first.embed_url.replace(/token=.+$/, `token=${other.embed_token}`))
  await page.goto(`${shop.origin}/?2`)
  await expect.poll(codes).toEqual(['embed_token_wrong_task'])

  const again = await house.agent.post('/api/v1/embed/tokens', { task_id: first.task, parent_origin: shop.origin })
  await page.evaluate(
    ({ origin, token }) => {
      const { contentWindow } = document.querySelector('iframe') as HTMLIFrameElement
      contentWindow?.postMessage({ source: 'countersign', type: 'token', payload: { token } }, origin)
    },
    { origin: house.server.publicUrl, token: again.body.embed_token },
  )
  await page.frameLocator('iframe').getByRole('heading', { name: 'Refund order 1042?' }).waitFor()

  await house.clock.advance('6m')
  shop.show(other.embed_url)
  await page.goto(`${shop.origin}/?3`)
  await expect.poll(codes).toEqual(['embed_token_invalid'])
  expect(ours(surf)).toEqual([])
})

test('T124 tokens of the other clients speak their name and their four types', async () => {
  const house = await houseWithPages()
  const shop = await customer()
  await house.alice.post('/api/v1/embed/origins', { origin: shop.origin })
  const { task, embed_url } = await mint(house, shop.origin, {}, '/api')
  shop.show(embed_url)
  const surf = await browse(house.url)
  const { page } = surf
  await page.goto(shop.origin)
  await page.frameLocator('iframe').getByRole('heading', { name: 'Refund order 1042?' }).waitFor()
  await house.agent.post(`/api/v1/tasks/${task}/cancel`, {})
  await page.frameLocator('iframe').getByText('The question was withdrawn.').waitFor()
  const all = await told(page, house.server.publicUrl)
  expect(new Set(all.map(({ source }) => source))).toEqual(new Set(['awaithumans']))
  expect(all.map(({ type }) => type).filter((type) => !['loaded', 'resize'].includes(type))).toEqual([])
  expect(ours(surf)).toEqual([])
})
