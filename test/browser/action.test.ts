// A proposed action at its page: accepted, edited with a comparison, denied; and a question for which two of three have to agree.
import { expect, test } from 'vitest'
import { accessibility, browse, houseWithPages, noFaults, overflow, picture, useBrowser } from './browser.ts'

useBrowser()

const ACTION = {
  name: 'refund',
  description: 'Gives the customer the money back by the way it came.',
  args: { order: 9007199254, amount: 240, currency: 'EUR', note: 'Parcel lost' },
  args_schema: {
    type: 'object',
    properties: {
      order: { type: 'integer' },
      amount: { type: 'number', title: 'Amount', minimum: 1, maximum: 500 },
      currency: { type: 'string' },
      note: { type: 'string', title: 'Note' },
    },
    required: ['order', 'amount'],
  },
  editable: ['/amount', '/note'],
  allow: ['accept', 'edit', 'respond', 'ignore', 'deny'],
}
const ASK = { task: 'Refund order 1042?', timeout_seconds: 7_200, action: ACTION }

test('T44 T87 T163 an action is read as table and as JSON by a key, and accepted in a bar that one key opens and none sends', async () => {
  const house = await houseWithPages()
  const { id } = (await house.agent.post('/api/v1/tasks', ASK)).body
  const surf = await browse(house.url, { as: house.bob })
  const { page } = surf
  await page.goto(`/tasks/${id}`)
  const proposed = page.getByRole('region', { name: 'Would run: refund' })
  await proposed.getByText('Parcel lost').waitFor()
  await page.keyboard.press('v')
  await proposed.getByText('"amount": 240').waitFor()
  await page.keyboard.press('v')
  expect(await accessibility(page)).toEqual([])
  await page.keyboard.press('a')
  await page.getByRole('heading', { name: 'Accept it' }).waitFor()
  expect((await house.bob.get(`/api/v1/tasks/${id}`)).body.status).toBe('open')
  await page.keyboard.press('Escape')
  expect(await page.getByRole('heading', { name: 'Accept it' }).count()).toBe(0)
  await page.getByRole('button', { name: 'Accept' }).click()
  await page.getByLabel('Reason (optional)').fill('Checked with the warehouse')
  await page.keyboard.press('Enter')
  await page.getByText('Bob settled it.').first().waitFor()
  expect((await house.agent.get(`/api/v1/tasks/${id}/poll`)).body).toMatchObject({
    outcome: 'accepted',
    response: { type: 'accept', args: ACTION.args, reason: 'Checked with the warehouse' },
  })
  noFaults(surf)
})

test('T45 A12 an edit asks for what may differ, says what is wrong beside it, is compared before it goes, and stands in the record', async () => {
  const house = await houseWithPages()
  const { id } = (await house.agent.post('/api/v1/tasks', ASK)).body
  const surf = await browse(house.url, { as: house.bob })
  const { page } = surf
  await page.goto(`/tasks/${id}`)
  await page.getByRole('button', { name: 'Edit', exact: true }).click()
  expect(await page.getByRole('textbox', { name: 'Currency' }).count()).toBe(0)
  await page.getByRole('textbox', { name: 'Amount' }).fill('200')
  await page.getByRole('button', { name: 'Compare and confirm' }).click()
  const changed = page.getByLabel('What you changed', { exact: true })
  await changed.getByText('240').waitFor()
  await changed.getByText('200').waitFor()
  expect(await accessibility(page)).toEqual([])
  await picture(page, 'action-edit')
  await page.getByRole('button', { name: 'Send the edit' }).click()
  await page.getByText('Bob settled it.').first().waitFor()
  await page.getByRole('region', { name: 'Edited by Bob' }).getByText('200').waitFor()
  expect((await house.agent.get(`/api/v1/tasks/${id}/poll`)).body).toMatchObject({
    outcome: 'edited',
    response: { type: 'edit', args: { ...ACTION.args, amount: 200 } },
  })
  noFaults(surf)
})

test('T45 without a form for them arguments are edited as JSON; what may not differ is refused and the text is kept', async () => {
  const house = await houseWithPages()
  const lines = { lines: [{ sku: 'a', count: 1 }] }
  const action = { name: 'order', args: { ...lines, priority: 'low' }, editable: ['/lines/0/count'] }
  const { id } = (await house.agent.post('/api/v1/tasks', { ...ASK, action })).body
  const surf = await browse(house.url, { as: house.bob, width: 360 })
  const { page } = surf
  await page.goto(`/tasks/${id}`)
  await page.getByRole('button', { name: 'Edit', exact: true }).click()
  const text = page.getByRole('textbox', { name: 'Arguments as JSON' })
  await text.fill('{"lines": [')
  await page.getByRole('button', { name: 'Compare and confirm' }).click()
  await page.getByText('This is not a JSON object.').waitFor()
  await text.fill('{"lines": [{"sku": "a", "count": 2}], "priority": "high"}')
  await page.getByRole('button', { name: 'Compare and confirm' }).click()
  await page.getByRole('button', { name: 'Send the edit' }).click()
  await page.getByText('This part may not be edited.').waitFor()
  expect(await overflow(page)).toBe(0)
  await page.getByRole('button', { name: 'Change it again' }).click()
  await text.fill('{"lines": [{"sku": "a", "count": 2}], "priority": "low"}')
  await page.getByRole('button', { name: 'Compare and confirm' }).click()
  await page.getByRole('button', { name: 'Send the edit' }).click()
  await page.getByText('Bob settled it.').first().waitFor()
  noFaults(surf)
})

test('T20 T151 how decisions are made is a card of the page about tasks, saved by whoever may', async () => {
  const house = await houseWithPages()
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.goto('/settings/tasks')
  const card = page.getByRole('form', { name: 'How decisions are made' })
  await card.getByLabel('The least that a decision needs').selectOption('session')
  await card.getByLabel(/may decide what they were not asked/).uncheck()
  await card.getByRole('button', { name: 'Save' }).click()
  await card.getByText('Saved.').waitFor()
  expect(await accessibility(page)).toEqual([])
  expect((await house.alice.get('/api/v1/decision-settings')).body).toMatchObject({
    decision_assurance: 'session',
    step_in: false,
  })
  noFaults(surf)
})

test('T38 T43 two of three: the votes so far are seen, one’s own is taken back, and the second settles it', async () => {
  const house = await houseWithPages()
  const operator = await house.operator.person()
  const third = await house.given.user({ role: 'operator', displayName: 'Third' })
  const people = { emails: [house.bob, operator, third].map(({ email }) => email) }
  const { id } = (await house.agent.post('/api/v1/tasks', { ...ASK, assign_to: people, quorum: 2 })).body
  await third.post(`/api/v1/tasks/${id}/decide`, { type: 'accept', seen_revision: 1 })
  const surf = await browse(house.url, { as: house.bob })
  const { page } = surf
  await page.goto(`/tasks/${id}`)
  const votes = page.getByRole('region', { name: 'Votes' })
  await votes.getByText('1 of 2').waitFor()
  await votes.getByText('Third').waitFor()
  await third.delete(`/api/v1/tasks/${id}/decisions/${(await third.get(`/api/v1/tasks/${id}`)).body.decisions[0].id}`)
  await votes.getByText('0 of 2').waitFor()
  await page.getByRole('button', { name: 'Accept' }).click()
  await page.getByRole('form', { name: 'Accept it' }).getByRole('button', { name: 'Accept' }).click()
  await votes.getByText('1 of 2').waitFor()
  await votes.getByText('Bob').waitFor()
  const accept = page.getByRole('button', { name: 'Accept' })
  expect(await accept.getAttribute('title')).toContain('You have voted')
  expect(await accessibility(page)).toEqual([])
  await picture(page, 'votes')
  await votes.getByRole('button', { name: 'Take your vote back' }).click()
  await votes.getByText('0 of 2').waitFor()
  await page.getByRole('button', { name: 'Accept' }).click()
  await page.getByRole('form', { name: 'Accept it' }).getByRole('button', { name: 'Accept' }).click()
  await votes.getByText('1 of 2').waitFor()
  await operator.post(`/api/v1/tasks/${id}/decide`, { type: 'accept', seen_revision: 1 })
  await page.getByText('operator settled it.').first().waitFor()
  await votes.getByText('2 of 2').waitFor()
  noFaults(surf)
})
