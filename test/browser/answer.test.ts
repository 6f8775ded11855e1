// The page behind a link of a mail: from the mail that arrives at a real SMTP server to the answer, by keyboard, on a phone, and in every state that a link can be in.
import { expect, test } from 'vitest'
import { addIdentity } from '../../packages/server/src/tasks/channels/email/testing/rig.ts'
import { linksIn, openSink, reviewIn, type Taken } from '../../packages/server/src/tasks/channels/email/testing/sink.ts'
import { accessibility, browse, houseWithPages, noFaults, overflow, picture, useBrowser } from './browser.ts'

useBrowser()

const NOTE = {
  type: 'object',
  properties: {
    approved: { type: 'boolean', title: 'Approve the refund?' },
    note: { type: 'string', title: 'Note', maxLength: 20 },
  },
  required: ['approved'],
  additionalProperties: false,
}
const REFUND = {
  task: 'Refund order 1042?',
  description: 'The parcel never arrived.',
  payload: { order: 1042, amount: 240, currency: 'EUR', reason: 'parcel lost' },
  response_schema: NOTE,
  on_behalf_of: 'Mia from support',
  timeout_seconds: 7_200,
}

async function start(more: Record<string, unknown> = {}) {
  const sink = await openSink()
  const house = await houseWithPages({ settings: { EGRESS_ALLOW: `127.0.0.1:${sink.port}` } })
  await addIdentity(house, sink)
  const member = await house.member.person()
  const task = await house.given.task({
    ...REFUND,
    assign_to: { email: member.email },
    notify: [`email:${member.email}`],
    ...more,
  })
  await house.runJobs()
  return { house, member, task, mail: sink.took[0] as Taken, sink }
}
const answerPath = (token: string) => `/answer#${token}`

test('T109 T110 T163 A23 a mail arrives, its link is opened and answered by the keyboard alone; opened again it says who answered', async () => {
  const { house, member, task, mail } = await start()
  expect(mail.subject).toBe('[normal] Refund order 1042?')
  const surf = await browse(house.url)
  const { page } = surf
  await page.goto(answerPath(linksIn(mail).get('Yes') as string))
  await page.getByRole('heading', { name: 'Refund order 1042?' }).waitFor()
  for (const words of ['refund-bot', 'Mia from support', 'parcel lost', 'The agent is told so', 'The parcel never arrived.'])
    await page.getByText(words).first().waitFor()
  expect(await accessibility(page)).toEqual([])
  await picture(page, 'answer')
  const send = page.getByRole('button', { name: 'Send “Yes”' })
  await send.waitFor()
  // Nothing has the focus that one key could press.
  await page.keyboard.press('Enter')
  expect((await house.agent.get(`/api/v1/tasks/${task.id}`)).body.status).toBe('open')
  for (let i = 0; i < 20 && !(await send.evaluate((element) => element === document.activeElement)); i++)
    await page.keyboard.press('Tab')
  expect(await send.evaluate((element) => element === document.activeElement)).toBe(true)
  await page.keyboard.press('Enter')
  await page.getByText('Your answer was sent. That settles it.').waitFor()
  expect((await house.agent.get(`/api/v1/tasks/${task.id}`)).body).toMatchObject({
    status: 'completed',
    response: { approved: true },
    completed_via_channel: 'email',
    completed_by_email: member.email,
  })
  for (const token of linksIn(mail).values()) {
    await page.goto('about:blank')
    await page.goto(answerPath(token))
    await page.getByText(`This was already answered by ${member.displayName}`).waitFor()
    expect(await page.getByRole('form').count()).toBe(0)
  }
  noFaults(surf)
})

test('T58 T110 T164 on a phone a field that does not fit is told beside it, what was typed stays, and the next try counts', async () => {
  const { house, task, mail } = await start()
  const surf = await browse(house.url, { width: 360, height: 740 })
  const { page } = surf
  await page.goto(answerPath(reviewIn(mail)))
  const note = page.getByLabel('Note')
  await page.getByRole('radio', { name: 'Yes' }).check()
  await note.fill('far longer than twenty characters')
  await page.getByRole('button', { name: 'Send answer' }).click()
  await expect.poll(() => note.getAttribute('aria-invalid')).toBe('true')
  expect(await note.inputValue()).toBe('far longer than twenty characters')
  expect(await overflow(page)).toBe(0)
  expect(await accessibility(page)).toEqual([])
  await picture(page, 'answer-phone')
  await note.fill('lost by the courier')
  await page.getByRole('button', { name: 'Send answer' }).click()
  await page.getByText('Your answer was sent. That settles it.').waitFor()
  expect((await house.agent.get(`/api/v1/tasks/${task.id}`)).body.response).toEqual({
    approved: true,
    note: 'lost by the courier',
  })
  noFaults(surf)
})

test('T13 T109 T111 a page says when the question changed under it, when its time is over, when it needs a sign-in, and when it is no link', async () => {
  const { house, member, task, mail } = await start()
  const surf = await browse(house.url)
  const { page } = surf
  await page.goto(answerPath(linksIn(mail).get('Yes') as string))
  await page.getByRole('button', { name: 'Send “Yes”' }).waitFor()
  const revised = await house.agent.post(`/api/v1/tasks/${task.id}/revisions`, {
    payload: { ...REFUND.payload, amount: 120 },
    note: 'Half of it.',
  })
  expect(revised.status, JSON.stringify(revised.body)).toBe(201)
  await page.getByRole('button', { name: 'Send “Yes”' }).click()
  await page.getByText(/The question was changed since your message was sent/).waitFor()
  await page.getByText('120', { exact: true }).waitFor()
  // What the button stood for was about something else.
  expect(await page.getByRole('button', { name: 'Send “Yes”' }).count()).toBe(0)
  expect((await house.agent.get(`/api/v1/tasks/${task.id}`)).body).toMatchObject({ status: 'open', decisions: [] })

  const risky = await house.given.task({
    ...REFUND,
    risk: 'high',
    assign_to: { email: member.email },
    notify: [`email:${member.email}`],
  })
  await house.runJobs()
  await page.goto('about:blank')
  await page.goto('/answer#tooshort')
  await page.getByText('This link is not whole, or was never one.').waitFor()
  await page.goto('about:blank')
  await page.goto('/answer')
  await page.getByText('Open this page by the link of your mail').waitFor()
  expect((await house.alice.post(`/api/v1/tasks/${risky.id}/cancel`, { reason: 'asked twice' })).status).toBe(200)
  await house.clock.advance('3h')
  await house.runJobs()
  await page.goto('about:blank')
  await page.goto(answerPath(linksIn(mail).get('No') as string))
  await page.getByText(/The time for this answer is over/).waitFor()
  noFaults(surf)
})

test('T111 T164 from the mail on a phone: comment, claim, give back and send back, with what was typed kept; a button’s link offers the answer alone', {
  timeout: 120_000,
}, async () => {
  const { house, member, sink, mail: first } = await start()
  const task = await house.given.task({
    ...REFUND,
    assign_to: { emails: [member.email, house.bob.email] },
    notify: [`email:${member.email}`],
  })
  await house.runJobs()
  const mail = sink.took.at(-1) as Taken
  const surf = await browse(house.url, { width: 390, height: 844 })
  const { page } = surf
  const at = `/api/v1/tasks/${task.id}`
  await page.goto(answerPath(reviewIn(mail)))
  await page.getByLabel('Note').fill('half of it')
  const add = page.getByRole('button', { name: 'Add comment' })
  expect(await add.getAttribute('aria-disabled')).toBe('true')
  await page.getByLabel('Your comment').fill('Which parcel was it?')
  await add.click()
  await page.getByRole('region', { name: 'Comments' }).getByText('Which parcel was it?').waitFor()
  await expect.poll(() => page.getByLabel('Your comment').inputValue()).toBe('')
  expect((await house.agent.get(`${at}/comments`)).body.data).toMatchObject([
    { body: 'Which parcel was it?', channel: 'email', author: { id: member.id } },
  ])

  await page.getByRole('button', { name: 'Claim it' }).click()
  await page.getByText('It is yours now').waitFor()
  await page.getByText(`held by ${member.displayName}`).waitFor()
  expect((await house.agent.get(at)).body.assigned_to_user_id).toBe(member.id)
  expect(await accessibility(page)).toEqual([])
  expect(await overflow(page)).toBe(0)
  await page.getByRole('button', { name: 'Give it back' }).click()
  await page.getByText('You gave it back').waitFor()
  expect((await house.agent.get(at)).body.assigned_to_user_id).toBeNull()
  expect(await page.getByLabel('Note').inputValue()).toBe('half of it')

  // Somebody else takes it meanwhile: the page says who, and what was typed is there yet.
  expect((await house.bob.post(`${at}/claim`)).status).toBe(200)
  await page.getByRole('button', { name: 'Claim it' }).click()
  await page.getByRole('region', { name: 'Other acts' }).getByRole('alert').waitFor()
  await page.getByText('held by Bob').waitFor()
  await page.getByText('Bob holds this question now.').waitFor()
  expect((await house.bob.post(`${at}/release`)).status).toBe(200)
  await page.reload()
  await page.getByRole('button', { name: 'Send it back' }).click()
  expect(await page.getByLabel('Note').inputValue()).toBe('half of it')
  const dialog = page.getByRole('dialog', { name: 'Send it back to the agent' })
  await dialog.getByLabel('What is missing or wrong').fill('Say which parcel.')
  expect(await accessibility(page)).toEqual([])
  await dialog.getByRole('button', { name: 'Send back' }).click()
  await page.getByText('You sent it back.').waitFor()
  await page.getByText('It is with the agent').waitFor()
  expect(await page.getByRole('form', { name: 'Your answer' }).count()).toBe(0)
  expect((await house.agent.get(at)).body.status).toBe('revising')

  const revised = await house.agent.post(`${at}/revisions`, { payload: { ...REFUND.payload, parcel: 'P-17' }, note: 'Named it.' })
  expect(revised.status, JSON.stringify(revised.body)).toBe(201)
  await page.getByRole('button', { name: 'Look again' }).click()
  await page.getByText('P-17').waitFor()
  await page.getByRole('radio', { name: 'Yes' }).check()
  await page.getByRole('button', { name: 'Send answer' }).click()
  await page.getByText('Your answer was sent. That settles it.').waitFor()

  await page.goto('about:blank')
  await page.goto(answerPath(linksIn(first).get('Yes') as string))
  await page.getByRole('button', { name: 'Send “Yes”' }).waitFor()
  expect(await page.getByRole('button', { name: 'Claim it' }).count()).toBe(0)
  expect(await page.getByLabel('Your comment').count()).toBe(0)
  noFaults(surf)
})

test('T111 T151 a question that needs a sign-in is shown by its link, says so, and leads to its page', async () => {
  const { house, mail } = await start({ risk: 'high' })
  expect([...linksIn(mail).keys()]).toHaveLength(1)
  const surf = await browse(house.url)
  const { page } = surf
  await page.goto(answerPath(reviewIn(mail)))
  await page.getByRole('radio', { name: 'Yes' }).check()
  await page.getByRole('button', { name: 'Send answer' }).click()
  await page.getByRole('link', { name: 'Sign in and answer it there' }).waitFor()
  expect(await page.getByRole('radio', { name: 'Yes' }).isChecked()).toBe(true)
  noFaults(surf)
})

test('T110 T132 A27 an answer that a verifier gives back opens again with what was typed, its words beside the field; the same link takes the next', async () => {
  const rules = [{ schema: { properties: { response: { required: ['note'] } } }, message: 'Say why.', field: 'note' }]
  const { house, task, mail, sink } = await start({ verifier_config: { provider: 'rules', rules } })
  const surf = await browse(house.url)
  const { page } = surf
  await page.goto(answerPath(reviewIn(mail)))
  await page.getByRole('radio', { name: 'Yes' }).check()
  await page.getByRole('button', { name: 'Send answer' }).click()
  const note = page.getByLabel('Note')
  await expect.poll(() => note.getAttribute('aria-invalid')).toBe('true')
  await page.getByRole('form', { name: 'Your answer' }).getByText('Say why.').waitFor()
  expect(await page.getByRole('radio', { name: 'Yes' }).isChecked()).toBe(true)
  expect(await accessibility(page)).toEqual([])

  // And by mail, for whoever has closed the page.
  await house.runJobs()
  const again = sink.took.at(-1) as Taken
  expect(again.text).toContain('Why: Say why.')
  expect(again.text).toContain('note: Say why.')
  await note.fill('lost by the courier')
  await page.getByRole('button', { name: 'Send answer' }).click()
  await page.getByText('Your answer was sent. That settles it.').waitFor()
  expect((await house.agent.get(`/api/v1/tasks/${task.id}`)).body.response).toEqual({
    approved: true,
    note: 'lost by the courier',
  })
  noFaults(surf)
})
