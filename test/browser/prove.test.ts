// Decisions that need a fresh sign-in: fixed, proven and sent from the page of the task, from a mail's link, and over the end of a session, with what was typed kept.
import { expect, test } from 'vitest'
import type { House, Person } from '#harness'
import { addIdentity } from '../../packages/server/src/tasks/channels/email/testing/rig.ts'
import { openSink, reviewIn, type Taken } from '../../packages/server/src/tasks/channels/email/testing/sink.ts'
import { accessibility, browse, houseWithPages, noFaults, overflow, type Surf, useBrowser } from './browser.ts'

useBrowser()

const PASSWORD = 'marble-otter-sings-7-hymns'
const NOTE = {
  type: 'object',
  properties: { approved: { type: 'boolean', title: 'Approve it?' }, note: { type: 'string', title: 'Note' } },
  required: ['approved'],
}

const otto = (house: House): Promise<Person> =>
  house.given.user({ role: 'member', displayName: 'Otto', email: 'otto@example.com', password: PASSWORD })

async function confirm({ page }: Surf): Promise<void> {
  const dialog = page.getByRole('dialog', { name: 'Confirm that it is you' })
  await dialog.getByLabel('Your password').fill(PASSWORD)
  await dialog.getByRole('button', { name: 'Confirm' }).click()
}

async function signIn({ page }: Surf): Promise<void> {
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  await page.getByLabel('E-mail or username').fill('otto@example.com')
  await page.getByLabel('Password').fill(PASSWORD)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

test('T151 T152 a risky answer is fixed, the password is given for it by name, and exactly that one counts; what took too long is asked for again', {
  timeout: 120_000,
}, async () => {
  const house = await houseWithPages()
  const person = await otto(house)
  const task = await house.given.task({
    ...{ task: 'Delete everything?', risk: 'high', response_schema: NOTE, timeout_seconds: 86_400 },
    assign_to: { email: person.email },
  })
  await house.clock.advance('11m')
  const surf = await browse(house.url, { as: person, width: 390, height: 844 })
  const { page } = surf
  await page.goto(`/tasks/${task.id}`)
  await page.getByRole('radio', { name: 'No' }).check()
  await page.getByLabel('Note').fill('Not on a Friday')
  await page.getByRole('button', { name: 'Send answer' }).click()
  const dialog = page.getByRole('dialog', { name: 'Confirm that it is you' })
  await dialog.getByText(/Your password confirms this decision and no other: you answer “Delete everything\?”/).waitFor()
  expect(await accessibility(page)).toEqual([])
  expect(await overflow(page)).toBe(0)
  const unproven = await house.admin.rows<{ decision_id: string | null }>`select decision_id from decision_challenges`
  expect(unproven).toEqual([{ decision_id: null }])

  await house.clock.advance('6m')
  await confirm(surf)
  await dialog.getByText('That took longer than five minutes, so nothing was sent.').waitFor()
  expect((await house.agent.get(`/api/v1/tasks/${task.id}`)).body).toMatchObject({ status: 'open', decisions: [] })

  // Whoever thinks better of it has sent nothing, and finds what they typed.
  await dialog.getByRole('button', { name: 'Close' }).click()
  await page.getByText('This needs your password once more.').waitFor()
  expect(await page.getByLabel('Note').inputValue()).toBe('Not on a Friday')
  await house.clock.advance('11m')
  await page.getByRole('button', { name: 'Send answer' }).click()
  await dialog.getByLabel('Your password').waitFor()
  await confirm(surf)
  await page.getByText('Otto settled it.').first().waitFor()
  const { body } = await house.agent.get(`/api/v1/tasks/${task.id}`)
  expect(body.response).toEqual({ approved: false, note: 'Not on a Friday' })
  const [decision] = (await house.alice.get(`/api/v1/tasks/${task.id}`)).body.decisions
  expect(decision).toMatchObject({ assurance: 'step_up', user_id: person.id })
  const used = await house.admin.rows<{
    decision_id: string
  }>`select decision_id from decision_challenges where used_at is not null`
  expect(used).toEqual([{ decision_id: decision.id }])
  noFaults(surf)
})

test('T111 T151 from a mail’s link a risky question leads to sign-in and back to it, with what was typed there', async () => {
  const sink = await openSink()
  const house = await houseWithPages({ settings: { EGRESS_ALLOW: `127.0.0.1:${sink.port}` } })
  await addIdentity(house, sink)
  const person = await otto(house)
  const task = await house.given.task({
    ...{ task: 'Delete everything?', risk: 'high', response_schema: NOTE },
    assign_to: { email: person.email },
    notify: [`email:${person.email}`],
  })
  await house.runJobs()
  const surf = await browse(house.url)
  const { page } = surf
  await page.goto(`/answer#${reviewIn(sink.took[0] as Taken)}`)
  await page.getByRole('radio', { name: 'Yes' }).check()
  await page.getByLabel('Note').fill('Backups are there')
  await page.getByRole('button', { name: 'Send answer' }).click()
  await page.getByRole('link', { name: 'Sign in and answer it there' }).click()
  await signIn(surf)
  await page.getByText('Otto · member').waitFor()
  await page.getByRole('heading', { name: 'Delete everything?' }).waitFor()
  expect(await page.getByLabel('Note').inputValue()).toBe('Backups are there')
  expect(await page.getByRole('radio', { name: 'Yes' }).isChecked()).toBe(true)
  await page.getByRole('button', { name: 'Send answer' }).click()
  await page.getByText('Otto settled it.').first().waitFor()
  expect((await house.agent.get(`/api/v1/tasks/${task.id}`)).body).toMatchObject({
    response: { approved: true, note: 'Backups are there' },
    completed_via_channel: 'dashboard',
  })
  noFaults(surf)
})

test('T15 T151 a session that ends while a decision is written leads to sign-in and back into its bar, edit and reason kept', async () => {
  const house = await houseWithPages()
  const person = await otto(house)
  const action = { name: 'refund', args: { order: 1042, amount: 240 }, allow: ['accept', 'edit', 'deny'], editable: ['/amount'] }
  const task = await house.given.task({
    task: 'Refund it?',
    response_schema: undefined,
    action,
    assign_to: { email: person.email },
  })
  const surf = await browse(house.url, { as: person })
  const { page } = surf
  await page.goto(`/tasks/${task.id}?open=edit`)
  await page.getByRole('textbox', { name: 'Amount' }).fill('120')
  await page.reload()
  await page.getByRole('textbox', { name: 'Amount' }).waitFor()
  expect(await page.getByRole('textbox', { name: 'Amount' }).inputValue()).toBe('120')
  await page.getByRole('button', { name: 'Deny' }).click()
  await page.getByLabel('Reason (the agent reads it)').fill('Paid already')
  expect((await person.post('/api/v1/auth/logout')).status).toBe(204)
  await page.keyboard.press('Enter')
  await signIn(surf)
  const reason = page.getByLabel('Reason (the agent reads it)')
  await reason.waitFor()
  expect(await reason.inputValue()).toBe('Paid already')
  await page.getByRole('form', { name: 'Deny it' }).getByRole('button', { name: 'Deny' }).click()
  await page.getByText('Otto settled it.').first().waitFor()
  expect((await house.agent.get(`/api/v1/tasks/${task.id}`)).body).toMatchObject({ outcome: 'denied' })
  expect(await page.evaluate(() => Object.keys(sessionStorage).filter((name) => name.includes('draft')))).toEqual([])
  noFaults(surf)
})
