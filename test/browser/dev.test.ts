// The desk of `countersign dev` in a browser: an agent asks, and the person answers by a button of the mail, in a form of the pretend Slack, by a press there, or not at all until the
// clock has moved.
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { type Ready, startDev, temporaryFolder } from '../harness/process.ts'
import { accessibility, browse, noFaults, overflow, picture, useBrowser } from './browser.ts'

useBrowser()

async function signUp(page: Page, { setup_url }: Ready): Promise<void> {
  await page.goto(setup_url as string)
  await page.getByLabel('Your name').fill('Olga Operator')
  await page.getByLabel('E-mail').fill('olga@example.com')
  await page.getByLabel('Password', { exact: true }).fill('marble-otter-sings-7-hymns')
  await page.getByLabel('Password again').fill('marble-otter-sings-7-hymns')
  await page.getByRole('button', { name: 'Create operator' }).click()
  await page.getByRole('heading', { name: 'Nothing waits for you' }).waitFor()
}

const statusOf = (page: Page, id: string): Promise<string> =>
  page.evaluate(async (task) => ((await (await fetch(`/api/v1/tasks/${task}`)).json()) as { status: string }).status, id)

/** How many events of tasks the receiver of webhooks has not got yet. */
const underWay = (page: Page): Promise<number> =>
  page.evaluate(async () => {
    const read = async (path: string) => (await fetch(`/api/v1${path}`)).json()
    const { data } = (await read('/events?type=task.*&limit=200')) as { data: { id: string }[] }
    const { webhooks } = (await read('/dev')) as { webhooks: { received: { body: string }[] } }
    return data.filter(({ id }) => !webhooks.received.some(({ body }) => body.includes(id))).length
  })

/** Asks the sample and gives its id. */
async function ask(page: Page): Promise<string> {
  const made = page.waitForResponse((response) => response.url().endsWith('/api/v1/dev/ask'))
  await page.getByRole('button', { name: 'Ask me a sample question' }).click()
  return ((await (await made).json()) as { id: string }).id
}

test('T148 an agent asks; the mail is there and its button settles the task, a form and a press of Slack settle others, webhooks arrive signed, and the clock ends the last', {
  timeout: 240_000,
}, async () => {
  const dev = await startDev(join(temporaryFolder(), 'home'))
  const surf = await browse(dev.ready.url)
  const { page, context } = surf
  // A server of its own starts beside it: on a busy machine each step takes its time.
  page.setDefaultTimeout(60_000)
  await signUp(page, dev.ready)
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Desk' }).click()
  await page.getByText('No mail yet.').waitFor()
  expect(await accessibility(page)).toEqual([])

  // by mail
  const first = await ask(page)
  const letter = page.getByRole('article', { name: /Refund order 1042/ })
  await letter.getByText('parcel lost').waitFor()
  expect(await accessibility(page)).toEqual([])
  await picture(page, 'dev-mail')
  const opened = context.waitForEvent('page')
  await letter.getByRole('link', { name: 'Yes', exact: true }).click()
  const answering = await opened
  await answering.getByRole('button', { name: 'Send “Yes”' }).click()
  await expect.poll(() => statusOf(page, first), { timeout: 60_000 }).toBe('completed')
  await answering.close()

  // in Slack, by a form
  const second = await ask(page)
  await page.getByRole('navigation', { name: 'Development' }).getByRole('button', { name: /Slack/ }).click()
  const talk = page.getByRole('region', { name: 'Olga Operator' })
  await talk.getByText('Approved by Olga Operator by mail.').waitFor()
  await talk.getByRole('button', { name: /^(Answer|Review)$/ }).click()
  const form = page.getByRole('dialog', { name: 'Your answer' })
  await form.getByRole('button', { name: 'Send' }).click()
  await form.getByText('Please complete this required field.').waitFor()
  await form.getByRole('radio', { name: 'Yes' }).check()
  await form.getByLabel(/Note/).fill('The parcel is lost.')
  expect(await accessibility(page)).toEqual([])
  await picture(page, 'dev-slack')
  await form.getByRole('button', { name: 'Send' }).click()
  await expect.poll(() => statusOf(page, second), { timeout: 60_000 }).toBe('completed')
  await talk.getByText('Approved by Olga Operator in Slack.').waitFor()

  // not at all
  const third = await ask(page)
  await talk.getByRole('button', { name: /^(Answer|Review)$/ }).waitFor()
  // What was signed before the clock moved and arrives afterwards is too old for any receiver.
  await expect.poll(() => underWay(page), { timeout: 60_000 }).toBe(0)
  await page.getByRole('button', { name: 'Move the clock by 1 hour' }).click()
  await page.getByText('1 hour ahead of this machine.').waitFor()
  await page.getByRole('button', { name: 'Move the clock by 1 hour' }).click()
  await page.getByText('2 hours ahead of this machine.').waitFor()
  await expect.poll(() => statusOf(page, third), { timeout: 60_000 }).toBe('timed_out')
  await talk.getByText('Nobody answered in time.').first().waitFor()

  await page
    .getByRole('navigation', { name: 'Development' })
    .getByRole('button', { name: /Webhooks/ })
    .click()
  const posts = page.getByRole('list', { name: 'Webhooks' })
  await posts.locator('summary').filter({ hasText: 'task.timed_out' }).first().waitFor()
  await posts.getByText('Signature holds').first().waitFor()
  expect(await posts.getByText('Signature does not hold').count()).toBe(0)
  await posts.locator('summary').first().click()
  await posts.locator('dt:visible', { hasText: 'webhook-signature' }).first().waitFor()
  expect(await accessibility(page)).toEqual([])
  await picture(page, 'dev-webhooks')
  await page.setViewportSize({ width: 360, height: 740 })
  await expect.poll(() => overflow(page)).toBe(0)
  noFaults(surf)
})
