// The pages of threads (relay.md R128) in a real browser: both sides read the same thread live, a person answers in place of the agent, and what a hostile peer wrote stays text.
import { expect, test } from 'vitest'
import { openRelay, type RelayTest } from '../../packages/server/src/relay/testing/relay.ts'
import { accessibility, browse, noFaults, overflow, pagesBuilt, picture, useBrowser } from './browser.ts'

useBrowser()

const open = (): Promise<RelayTest> => openRelay({ pages: pagesBuilt() })

test('R128 both sides read one thread live: what is said, where it is, each attempt, results; and either closes it', {
  timeout: 90_000,
}, async () => {
  const { house, bea, start, claim, respond } = await open()
  const begun = await start({ text: 'A train to Rome, please', skill: 'echo' })
  const id: string = begun.body.thread_id
  const alice = await browse(house.url, { as: house.alice })
  await alice.page.goto('/inbox')
  await alice.page.getByRole('link', { name: 'Threads', exact: true }).click()
  await alice.page.getByRole('region', { name: 'Threads' }).getByText('Waits for the agent').waitFor()
  expect(await accessibility(alice.page)).toEqual([])
  await alice.page.getByRole('link', { name: 'Caller' }).click()
  const conversation = alice.page.getByRole('region', { name: 'Conversation' })
  await conversation.getByText('A train to Rome, please').waitFor()
  await alice.page.getByText('Live', { exact: true }).waitFor()
  await alice.page.getByText('The message waits for a worker to take it.', { exact: false }).waitFor()

  const beas = await browse(house.url, { as: bea })
  await beas.page.goto('/threads?side=caller')
  await beas.page.getByRole('region', { name: 'Threads' }).getByRole('link', { name: 'Echo' }).click()
  await beas.page.getByText('Live', { exact: true }).waitFor()
  expect(await beas.page.getByRole('heading', { name: 'Answer as a person' }).count()).toBe(0)

  const [work] = await claim()
  await alice.page.getByText('A worker holds the message until', { exact: false }).waitFor()
  const artifact = { artifact_id: 'plan', name: 'Plan', parts: [{ data: { leaves: '8:10', price: 4900 } }] }
  expect((await respond(id, { text: 'Tomorrow, 8:10', artifacts: [artifact], claim_token: work.claim_token })).status).toBe(200)
  for (const { page } of [alice, beas]) {
    await page.getByRole('region', { name: 'Conversation' }).getByText('Tomorrow, 8:10').waitFor()
    await page.getByRole('region', { name: 'Results' }).getByText('4900').waitFor()
    await page.getByText('Answered', { exact: true }).waitFor()
    await page.getByRole('list', { name: 'What happened' }).getByText('The agent took it from its inbox.').waitFor()
  }
  // What policies said stands beside each message, and the record is a click away.
  await conversation.getByText('Policies: allow').first().click()
  await conversation
    .getByText(/in version \d+ of the policies\./)
    .first()
    .waitFor()
  expect(await accessibility(alice.page)).toEqual([])
  await picture(alice.page, 'thread')

  await beas.page.getByRole('button', { name: 'Close the thread' }).click()
  await beas.page.getByRole('dialog').getByRole('button', { name: 'Close it' }).click()
  for (const { page } of [alice, beas]) await page.getByText('Completed', { exact: true }).waitFor()
  await alice.page.getByText('The calling side closed it.').first().waitFor()
  noFaults(alice, beas)
})

test('R40 R128 a person answers from the hosted inbox in place of the agent, by keyboard alone, and the worker gets nothing', {
  timeout: 90_000,
}, async () => {
  const { house, start, claim, thread } = await open()
  const { body } = await start({ text: 'Is anybody there?' })
  const surf = await browse(house.url, { as: house.alice, width: 390, height: 800, dark: true })
  const { page } = surf
  await page.goto('/inbox')
  await page.getByRole('heading', { name: 'Inbox' }).waitFor()
  await page.keyboard.press('g')
  await page.keyboard.press('j')
  await page.getByRole('link', { name: 'Caller' }).focus()
  await page.keyboard.press('Enter')
  const words = page.getByLabel('Your words')
  await words.focus()
  await page.keyboard.type('Yes, a person is.')
  await page.keyboard.press('Tab')
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  await page.getByRole('region', { name: 'Conversation' }).getByText('Yes, a person is.').waitFor()
  await page.getByText('A person answered it from the inbox.').waitFor()
  expect(await overflow(page)).toBeLessThanOrEqual(0)
  expect(await accessibility(page)).toEqual([])
  expect(await claim()).toEqual([])
  expect(await thread(body.thread_id)).toMatchObject({ state: 'responded' })
  noFaults(surf)
})
