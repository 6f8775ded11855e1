// People and an agent talk about a task: comments, handing it back, the revision that is marked, the answer that came too late.
import { expect, test } from 'vitest'
import { accessibility, browse, houseWithPages, noFaults, picture, useBrowser } from './browser.ts'

useBrowser()

const NOTE = {
  type: 'object',
  properties: { approve: { type: 'boolean' }, note: { type: 'string' } },
  required: ['approve'],
}

test('T53 A13 a task is sent back, revised and answered; the page marks what changed', async () => {
  const house = await houseWithPages()
  const payload = { order: 1042, amount: 240, reason: 'parcel lost' }
  const task = await house.given.task({ task: 'Refund order 1042?', payload, response_schema: NOTE })
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.goto(`/tasks/${task.id}`)
  await page.getByRole('button', { name: 'Send it back' }).click()
  const dialog = page.getByRole('dialog', { name: 'Send it back to the agent' })
  expect(await dialog.getByRole('button', { name: 'Send back' }).getAttribute('aria-disabled')).toBe('true')
  await dialog.getByLabel('What is missing or wrong').fill('Which customer is it for?')
  await dialog.getByRole('button', { name: 'Send back' }).click()
  await page
    .getByRole('region', { name: 'Where it stands' })
    .getByText(/It was sent back/)
    .waitFor()
  await page.getByRole('region', { name: 'Comments' }).getByText('Which customer is it for?').waitFor()

  const revised = await house.agent.post(`/api/v1/tasks/${task.id}/revisions`, {
    payload: { ...payload, amount: 200, customer: 'Ann' },
    note: 'It is for Ann, and I corrected the amount.',
  })
  expect(revised.status).toBe(201)
  const changes = page.getByRole('region', { name: 'What the agent changed' })
  await changes.getByText('It is for Ann, and I corrected the amount.').waitFor()
  await changes.getByText('/payload/amount').waitFor()
  expect(await changes.locator('del').allInnerTexts()).toEqual([expect.stringContaining('240')])
  expect(await changes.locator('ins').allInnerTexts()).toEqual([expect.stringContaining('200'), expect.stringContaining('Ann')])
  expect(await accessibility(page)).toEqual([])
  await picture(page, 'revision')

  await page.getByRole('radio', { name: 'Yes' }).check()
  await page.getByRole('button', { name: 'Send answer' }).click()
  await page.getByRole('region', { name: 'What became of it' }).getByText('Alice settled it.').waitFor()
  await page.getByRole('region', { name: 'What happened' }).getByText('The agent revised it (revision 2).').waitFor()
  noFaults(surf)
})

test('T52 T15 a remark for people alone is marked, and an answer that came too late is kept as a comment', async () => {
  const house = await houseWithPages()
  const task = await house.given.task({ task: 'Refund order 1042?', response_schema: NOTE })
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.goto(`/tasks/${task.id}`)
  const comments = page.getByRole('region', { name: 'Comments' })
  await comments.getByLabel('Your comment').fill('I do not trust this.')
  await comments.getByRole('checkbox', { name: /Only for people/ }).check()
  await comments.getByRole('button', { name: 'Add comment' }).click()
  await comments.getByText('humans only').waitFor()
  expect((await house.agent.get(`/api/v1/tasks/${task.id}/comments`)).body.data).toEqual([])

  await page.getByRole('radio', { name: 'Yes' }).check()
  await page.getByLabel('Note').fill('Go ahead')
  await house.clock.advance('3h')
  await page.getByRole('button', { name: 'Send answer' }).click()
  await page.getByRole('button', { name: 'Keep it as a comment' }).click()
  await page.getByText('Your answer is kept as a comment.').waitFor()
  await comments.getByText('Came too late to count').waitFor()
  await comments.getByText('note: Go ahead').waitFor()
  noFaults(surf)
})
