// The whole story on the built product: one command, set-up in a browser, an agent that asks, a wrong answer, the right one, and the agent going on with it.
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { root, start, startDev, temporaryFolder } from '../harness/process.ts'
import { accessibility, browse, noFaults, picture, useBrowser } from './browser.ts'

useBrowser()

const ASK = `
import { awaitHuman } from '@countersign/sdk'
const answer = await awaitHuman({
  task: 'Refund order 1042?',
  payload: { order: 1042, amount: 240.1, currency: 'EUR', reason: 'parcel lost', customer: { name: 'Ann Example', since: '2019-04-02' } },
  response: {
    type: 'object',
    properties: {
      approved: { type: 'boolean', title: 'Approve the refund' },
      amount: { type: 'number', maximum: 240.1, title: 'Amount in EUR' },
      note: { type: 'string', maxLength: 500, title: 'Note to the customer' },
    },
    required: ['approved', 'amount'],
  },
  timeout: '2h',
})
console.log(JSON.stringify(answer))
`

test('T1 T3 A1 a stranger runs one command, an agent asks, a person answers in the browser, and the script goes on with the typed answer', async () => {
  const folder = temporaryFolder()
  const dev = await startDev(join(folder, 'home'))
  const surf = await browse(dev.ready.url)
  const { page } = surf

  // a link that is not the right one opens nothing
  await page.goto(`${dev.ready.url}/setup#not-the-token`)
  await page.getByLabel('Your name').fill('Mallory')
  await page.getByLabel('E-mail').fill('mallory@example.com')
  await page.getByLabel('Password', { exact: true }).fill('marble-otter-sings-7-hymns')
  await page.getByLabel('Password again').fill('marble-otter-sings-7-hymns')
  await page.getByRole('button', { name: 'Create operator' }).click()
  await page
    .getByRole('alert')
    .getByText(/set-up link is not valid any more/)
    .waitFor()

  await page.goto('about:blank')
  await page.goto(dev.ready.setup_url as string)
  expect(await accessibility(page)).toEqual([])
  await page.getByLabel('Your name').fill('Olga Operator')
  await page.getByLabel('E-mail').fill('olga@example.com')
  await page.getByLabel('Password', { exact: true }).fill('short')
  await page.getByLabel('Password again').fill('shorter')
  await page.getByRole('button', { name: 'Create operator' }).click()
  await page.getByText('The two passwords differ.').waitFor()
  await page.getByLabel('Password again').fill('short')
  await page.getByRole('button', { name: 'Create operator' }).click()
  await page.getByText(/too easy to guess or too short/).waitFor()
  await page.getByLabel('Password', { exact: true }).fill('marble-otter-sings-7-hymns')
  await page.getByLabel('Password again').fill('marble-otter-sings-7-hymns')
  await page.getByRole('button', { name: 'Create operator' }).click()
  await page.getByRole('heading', { name: 'Nothing waits for you' }).waitFor()
  expect(await accessibility(page)).toEqual([])
  await picture(page, 'empty')

  // given: a script as in the README, run as any program is, where the SDK is installed
  const script = join(root, `test/browser/.ask-${process.pid}.mjs`)
  onTestFinished(() => rmSync(script, { force: true }))
  writeFileSync(script, ASK)
  const agent = start(process.execPath, [script], {
    env: { COUNTERSIGN_URL: dev.ready.url, COUNTERSIGN_KEY: dev.ready.agent_key },
  })

  // when: the task arrives live, without a reload
  await page.getByRole('link', { name: /Refund order 1042\?/ }).waitFor()
  await page.getByRole('link', { name: /Refund order 1042\?/ }).click()
  await page.getByRole('heading', { name: 'Refund order 1042?' }).waitFor()
  await expect.poll(() => page.getByText('240.1', { exact: true }).count()).toBe(1)
  // who asks, until when, and what happens if nobody answers
  for (const words of [/Development agent/, /Answer by/, /If nobody answers/]) await page.getByText(words).first().waitFor()
  expect(await accessibility(page)).toEqual([])

  // a wrong answer shows its error beside the field and settles nothing
  await page.getByRole('radio', { name: 'Yes' }).check()
  await page.getByLabel('Amount in EUR').fill('999')
  await page.getByRole('button', { name: 'Send answer' }).click()
  await expect.poll(() => page.getByLabel('Amount in EUR').getAttribute('aria-invalid')).toBe('true')
  expect(agent.stdout()).toBe('')

  // the right one reaches the waiting agent
  await page.getByLabel('Amount in EUR').fill('240.10')
  await page.getByLabel('Note to the customer').fill('Sorry about the parcel.')
  await page.getByRole('button', { name: 'Send answer' }).click()
  await page
    .getByRole('region', { name: 'What became of it' })
    .getByText(/Olga Operator settled it/)
    .waitFor()
  expect(await agent.ended).toEqual({ code: 0, signal: null })
  expect(JSON.parse(agent.stdout())).toEqual({ approved: true, amount: 240.1, note: 'Sorry about the parcel.' })
  noFaults(surf)

  dev.child.kill('SIGINT')
  expect((await dev.ended).code).toBe(0)
  expect(existsSync(join(folder, 'home', 'data', 'postmaster.pid'))).toBe(false)
}, 120_000)
