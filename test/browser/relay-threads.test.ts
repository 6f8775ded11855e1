// The pages of threads (relay.md R128) in a real browser: both sides read the same thread live, a person answers in place of the agent, and what a hostile peer wrote stays text.
import { expect, test } from 'vitest'
import { message, rawResponse, readFrames } from '../../packages/server/src/relay/a2a/testing/agent.ts'
import { type Loose, openRelay, type RelayTest } from '../../packages/server/src/relay/testing/relay.ts'
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

const ASKS = `@id("asks") @ask("May {agent} write to us?") permit (principal is Agent, action in [Action::"thread.start", Action::"thread.send"], resource);
@id("people") permit (principal is User, action, resource);
@id("server") permit (principal is Agent, action in [Action::"thread.respond", Action::"thread.serve", Action::"thread.read"], resource);`

test('§12.27 R77 a click on the page of its question lets an open stream go on to its end, and decision and receipt stand beside the message', {
  timeout: 90_000,
}, async () => {
  const relay = await open()
  const { house, card, grant, respond } = relay
  const saved = await house.bob.post('/api/v1/policies', { text: ASKS })
  expect((await house.bob.post(`/api/v1/policies/${saved.body.version}/activate`, {})).status).toBe(200)
  const agent = { house, slug: card.slug, grant }
  const params = { message: message() }
  const stream = readFrames(await rawResponse(agent, 'JSONRPC', { method: 'SendStreamingMessage', params }), 'JSONRPC')
  await expect.poll(() => stream.frames.length).toBe(1)
  const { task } = (stream.frames[0] as Loose).data
  const surf = await browse(house.url, { as: house.bob })
  const { page } = surf
  await page.goto(`/threads/${task.id}`)
  await page.getByText('People of your side are asked, until', { exact: false }).waitFor()
  await page.getByRole('link', { name: 'Answer the question' }).click()
  await page.getByRole('button', { name: 'Accept', exact: true }).click()
  await page.getByRole('form', { name: 'Accept it' }).getByRole('button', { name: 'Accept' }).click()
  await page.getByText('settled it', { exact: false }).first().waitFor()
  await respond(task.id, { outcome: 'completed', text: 'welcome' })
  await stream.ended
  expect((stream.frames.at(-1) as Loose).data.statusUpdate.status.state).toBe('TASK_STATE_COMPLETED')
  await page.goto(`/threads/${task.id}`)
  await page.getByText('Approved by people').click()
  await page.getByRole('button', { name: 'Save the receipt' }).waitFor()
  expect(await accessibility(page)).toEqual([])
  noFaults(surf)
})
