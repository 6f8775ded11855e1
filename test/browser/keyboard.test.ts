// Everything that an inbox is for, without a mouse: found, chosen, read, claimed, edited, accepted, answered. No single key settles anything.
import { expect, test } from 'vitest'
import { accessibility, browse, houseWithPages, noFaults, type Surf, useBrowser } from './browser.ts'

useBrowser()

const PASSWORD = 'marble-otter-sings-7-hymns'
const REFUND = {
  name: 'refund',
  args: { order: 1042, amount: 240 },
  args_schema: {
    type: 'object',
    properties: { order: { type: 'integer' }, amount: { type: 'number', title: 'Amount', minimum: 1, maximum: 500 } },
    required: ['order', 'amount'],
  },
  editable: ['/amount'],
}

const focused = ({ page }: Surf) => page.evaluate(() => document.activeElement?.textContent ?? '')
const row = ({ page }: Surf, task: RegExp) => page.getByRole('main').getByRole('link', { name: task })
/** By the keys, wherever in the list one stands. */
async function walkTo(surf: Surf, task: string) {
  for (const key of ['k', 'k', 'k']) await surf.page.keyboard.press(key)
  for (let i = 0; i < 4 && !(await focused(surf)).includes(task); i++) await surf.page.keyboard.press('j')
  await stands(surf, task)
}
const stands = (surf: Surf, task: string) => expect.poll(() => focused(surf)).toContain(task)

test('T163 A33 the inbox by keyboard alone: from sign-in to an action that is settled and a form that is settled', async () => {
  const house = await houseWithPages()
  const { email } = await house.given.user({ role: 'operator', password: PASSWORD })
  const ask = (task: string, timeout_seconds: number, more: object = {}) => house.given.task({ task, timeout_seconds, ...more })
  const first = await ask('Refund order 1041?', 600, { action: REFUND, response_schema: undefined })
  const second = await ask('Refund order 1042?', 700, { action: REFUND, response_schema: undefined })
  const third = await ask('Which of the two offers?', 800)
  const state = async ({ id }: { id: unknown }) => (await house.agent.get(`/api/v1/tasks/${id}`)).body
  const surf = await browse(house.url)
  const { page } = surf
  const { keyboard } = page
  await page.goto('/')
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  await keyboard.type(email)
  await keyboard.press('Tab')
  await keyboard.type(PASSWORD)
  await keyboard.press('Enter')
  await row(surf, /Refund order 1042/).waitFor()

  // The keys are told by a key.
  await keyboard.press('?')
  await page.getByRole('dialog', { name: 'Keys' }).waitFor()
  expect(await accessibility(page)).toEqual([])
  await keyboard.press('Escape')
  await page.getByRole('dialog', { name: 'Keys' }).waitFor({ state: 'hidden' })

  // While one types, letters are letters.
  await keyboard.press('/')
  await keyboard.type('refund')
  await row(surf, /Which of the two/).waitFor({ state: 'detached' })
  expect(await page.getByRole('searchbox', { name: 'Search tasks' }).inputValue()).toBe('refund')
  await keyboard.press('Tab')

  // Walking, choosing, claiming.
  await keyboard.press('j')
  await stands(surf, 'Refund order 1042?')
  await keyboard.press('k')
  await stands(surf, 'Refund order 1041?')
  await keyboard.press('x')
  await page.getByRole('region', { name: 'Chosen tasks' }).getByText('1 chosen').waitFor()
  expect(await accessibility(page)).toEqual([])
  await keyboard.press('x')
  await page.getByRole('region', { name: 'Chosen tasks' }).waitFor({ state: 'detached' })
  await keyboard.press('c')
  await row(surf, /Refund order 1041.*held by you/).waitFor()
  await stands(surf, 'Refund order 1041?')

  // A key in the inbox opens the bar at the task; `Enter` sends.
  await keyboard.press('a')
  await page.getByRole('heading', { name: 'Accept it' }).waitFor()
  expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('INPUT')
  expect((await state(first)).status).toBe('open')
  expect(await accessibility(page)).toEqual([])
  await keyboard.type('dear')
  await page.getByRole('heading', { name: 'Accept it' }).waitFor()
  await keyboard.press('Escape')
  await page.getByRole('heading', { name: 'Accept it' }).waitFor({ state: 'detached' })
  expect(await focused(surf)).toBe('Accept')
  for (const key of ['y', 'n', 'v', 'v', 'd']) await keyboard.press(key)
  await page.getByRole('heading', { name: 'Deny it' }).waitFor()
  expect((await state(first)).status).toBe('open')
  await keyboard.press('Escape')
  await keyboard.press('a')
  await page.getByRole('heading', { name: 'Accept it' }).waitFor()
  await keyboard.press('Enter')
  await page.getByRole('region', { name: 'What became of it' }).waitFor()
  expect(await state(first)).toMatchObject({ status: 'completed', outcome: 'accepted' })
  await stands(surf, 'settled it.')

  // An edit: the field, the comparison, and the focus where the next thing is to be done.
  await keyboard.press('g')
  await keyboard.press('i')
  await page.getByRole('heading', { name: 'Inbox' }).waitFor()
  await row(surf, /Refund order 1042/).waitFor()
  await row(surf, /Refund order 1041/).waitFor({ state: 'detached' })
  await walkTo(surf, 'Refund order 1042?')
  await keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Refund order 1042?' }).waitFor()
  await page.getByRole('button', { name: 'Edit', exact: true }).waitFor()
  await keyboard.press('e')
  await page.getByRole('textbox', { name: 'Amount' }).waitFor()
  await keyboard.press('ControlOrMeta+a')
  await keyboard.type('200')
  await keyboard.press('Enter')
  await page.getByRole('button', { name: 'Send the edit' }).waitFor()
  expect((await state(second)).status).toBe('open')
  await keyboard.type('Agreed by phone')
  await keyboard.press('Enter')
  await page.getByRole('region', { name: 'What became of it' }).waitFor()
  expect(await state(second)).toMatchObject({
    outcome: 'edited',
    response: { args: { order: 1042, amount: 200 }, reason: 'Agreed by phone' },
  })

  // A form: `r` leads into it.
  await keyboard.press('g')
  await keyboard.press('i')
  await row(surf, /Which of the two/).waitFor()
  await row(surf, /Refund order 1042/).waitFor({ state: 'detached' })
  await walkTo(surf, 'Which of the two offers?')
  await keyboard.press('r')
  await page.getByRole('heading', { name: 'Which of the two offers?' }).waitFor()
  await expect.poll(() => page.evaluate(() => (document.activeElement as HTMLInputElement).type)).toBe('radio')
  for (const key of ['a', 'd', 'e', 'y', 'n']) await keyboard.press(key)
  expect((await state(third)).status).toBe('open')
  await keyboard.press('Space')
  await keyboard.press('Tab')
  expect(await focused(surf)).toBe('Send answer')
  await keyboard.press('Enter')
  await page.getByRole('region', { name: 'What became of it' }).waitFor()
  expect((await state(third)).response).toEqual({ approve: true })
  expect(await accessibility(page)).toEqual([])
  noFaults(surf)
}, 120_000)

test('T163 keys of one letter can be turned off where they are told, and stay off after a reload', async () => {
  const house = await houseWithPages()
  await house.given.task({ task: 'The first question?', timeout_seconds: 600 })
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.goto('/inbox')
  await row(surf, /The first question/).waitFor()
  await page.keyboard.press('j')
  await stands(surf, 'The first question?')
  await page.getByRole('button', { name: 'Keyboard' }).click()
  const dialog = page.getByRole('dialog', { name: 'Keys' })
  await dialog.getByRole('checkbox', { name: /Keys of one letter/ }).uncheck()
  await dialog.getByText(/They are off now/).waitFor()
  expect(await accessibility(page)).toEqual([])
  await page.reload()
  await row(surf, /The first question/).waitFor()
  for (const key of ['j', '?', '/', 'g', 'a']) await page.keyboard.press(key)
  expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('BODY')
  expect(new URL(page.url()).pathname).toBe('/inbox')
  expect(await dialog.isVisible()).toBe(false)
  await page.getByRole('button', { name: 'Keyboard' }).click()
  await dialog.getByRole('checkbox', { name: /Keys of one letter/ }).check()
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'hidden' })
  await page.keyboard.press('j')
  await stands(surf, 'The first question?')
  noFaults(surf)
}, 90_000)

test('T163 when the list changes under the focus, it stays at its row, follows it to another group, or goes to the next one and says so', async () => {
  const house = await houseWithPages()
  const ask = (task: string, timeout_seconds: number) => house.given.task({ task, timeout_seconds })
  await ask('The first question?', 5_000)
  const second = await ask('The second question?', 6_000)
  const third = await ask('The third question?', 7_000)
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.goto('/inbox')
  await page.getByText('Live', { exact: true }).waitFor()
  await row(surf, /The third question/).waitFor()
  for (const key of ['j', 'j']) await page.keyboard.press(key)
  await stands(surf, 'The second question?')
  // A more pressing one comes in above.
  await ask('A more pressing one?', 600)
  await row(surf, /A more pressing one/).waitFor()
  await stands(surf, 'The second question?')
  // It moves to another group.
  await house.alice.patch(`/api/v1/tasks/${second.id}`, {
    deadline_at: new Date(Date.parse(String(second.deadline_at)) + 200_000_000).toISOString(),
  })
  await page
    .getByRole('region', { name: 'Later' })
    .getByRole('link', { name: /The second question/ })
    .waitFor()
  await stands(surf, 'The second question?')
  // Somebody settles it: the focus goes to what is in its place, here the last one.
  await house.agent.post(`/api/v1/tasks/${second.id}/cancel`, {})
  await row(surf, /The second question/).waitFor({ state: 'detached' })
  await page.getByRole('status').getByText('The task at which you were is no longer in this list.').waitFor()
  await stands(surf, 'The third question?')
  await house.agent.post(`/api/v1/tasks/${third.id}/cancel`, {})
  await row(surf, /The third question/).waitFor({ state: 'detached' })
  await stands(surf, 'The first question?')
  noFaults(surf)
}, 90_000)
