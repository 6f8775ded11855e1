// A task while others act on it: live changes, drafts, holding, stepping in, withdrawing, and the password that a risky answer asks for.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { accessibility, browse, houseWithPages, noFaults, useBrowser } from './browser.ts'

useBrowser()

const NOTE = {
  type: 'object',
  properties: { approve: { type: 'boolean' }, note: { type: 'string' } },
  required: ['approve'],
}

/** Whatever a page means to do a second later or more it never does: what it shows all the same was pushed to it, however slow the machine is. */
function withoutWaiting(): void {
  const { setTimeout: after, setInterval: every } = window
  const isShort = (ms: unknown) => !(Number(ms) >= 1_000)
  Object.assign(window, {
    setTimeout: (act: () => void, ms?: number) => (isShort(ms) ? after(act, ms) : 0),
    setInterval: (act: () => void, ms?: number) => (isShort(ms) ? every(act, ms) : 0),
  })
}

test('T159 another person’s decision closes the form within a second, says why, is announced, and leaves what was typed', async () => {
  const house = await houseWithPages()
  const task = await house.given.task({ task: 'Refund order 1042?', response_schema: NOTE })
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.addInitScript(withoutWaiting)
  await page.goto('/inbox')
  await page.getByText('Live', { exact: true }).waitFor()
  await page.getByRole('link', { name: /Refund order 1042/ }).click()
  await page.getByLabel('Note').fill('Half of it, perhaps')

  const decided = await house.bob.post(`/api/v1/tasks/${task.id}/decide`, {
    type: 'respond',
    response: { approve: true },
    seen_revision: 1,
  })
  expect(decided.status).toBe(200)
  await page.getByRole('form').getByText('This task was settled by Bob.').first().waitFor()
  await page.getByRole('region', { name: 'What became of it' }).getByText('Bob settled it.').waitFor()
  const send = page.getByRole('button', { name: 'Send answer' })
  expect(await send.getAttribute('aria-disabled')).toBe('true')
  expect(await page.getByLabel('Note').isDisabled()).toBe(true)
  expect(await page.getByLabel('Note').inputValue()).toBe('Half of it, perhaps')
  await page.getByRole('status').getByText('Bob settled it.').waitFor()
  expect(await accessibility(page)).toEqual([])

  // who comes later sees what became of it and no form
  await page.reload()
  await page.getByRole('region', { name: 'What became of it' }).getByText('Bob settled it.').waitFor()
  expect(await page.getByRole('form').count()).toBe(0)
  noFaults(surf)
})

test('T159 a draft survives a reload, belongs to one person, and is gone once it is sent', async () => {
  const house = await houseWithPages()
  const task = await house.given.task({ response_schema: NOTE })
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  const note = page.getByLabel('Note')
  await page.goto(`/tasks/${task.id}`)
  await note.fill('Half of it')
  await page.getByRole('radio', { name: 'Yes' }).check()
  await page.reload()
  await note.waitFor()
  expect(await note.inputValue()).toBe('Half of it')
  expect(await page.getByRole('radio', { name: 'Yes' }).isChecked()).toBe(true)

  // another person at the same tab
  const [name = '', value = ''] = house.bob.credential.cookie?.split('=') ?? []
  await surf.context.addCookies([{ name, value, url: house.url, httpOnly: true, sameSite: 'Lax' }])
  await page.reload()
  await page.getByText('Bob · admin').waitFor()
  await note.waitFor()
  expect(await note.inputValue()).toBe('')
  await page.getByRole('radio', { name: 'No' }).check()
  await page.getByRole('button', { name: 'Send answer' }).click()
  await page.getByText('Bob settled it.').waitFor()
  expect(await page.evaluate(() => Object.keys(sessionStorage).length)).toBe(1)
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  expect(await page.evaluate(() => Object.keys(sessionStorage).length)).toBe(0)
  noFaults(surf)
})

test('T24 claiming shows the others who holds a task, giving back frees it, and withdrawing asks once more and tells the reason', async () => {
  const house = await houseWithPages()
  const task = await house.given.task()
  const [mine, theirs] = [await browse(house.url, { as: house.alice }), await browse(house.url, { as: house.bob })]
  await Promise.all([mine, theirs].map(({ page }) => page.goto(`/tasks/${task.id}`)))
  const claim = theirs.page.getByRole('button', { name: 'Claim it' })
  await claim.waitFor()
  await mine.page.getByRole('button', { name: 'Claim it' }).click()
  await mine.page.getByRole('button', { name: 'Give it back' }).waitFor()
  await theirs.page.getByText('held by Alice').waitFor()
  await expect.poll(() => claim.getAttribute('aria-disabled')).toBe('true')
  expect(await claim.getAttribute('title')).toBe('Alice holds this question.')
  await theirs.page.getByRole('button', { name: 'Free it from Alice' }).waitFor()
  await mine.page.getByRole('button', { name: 'Give it back' }).click()
  await expect.poll(() => claim.getAttribute('aria-disabled')).toBeNull()

  await mine.page.getByRole('button', { name: 'Withdraw the question' }).click()
  const dialog = mine.page.getByRole('dialog', { name: 'Withdraw the question' })
  expect(await accessibility(mine.page)).toEqual([])
  await mine.page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'hidden' })
  const withdraw = mine.page.getByRole('button', { name: 'Withdraw the question' })
  expect(await withdraw.evaluate((element) => element === document.activeElement)).toBe(true)
  await withdraw.click()
  await dialog.getByLabel('Reason (the agent reads it)').fill('Asked twice')
  await dialog.getByRole('button', { name: 'Withdraw it' }).click()
  for (const { page } of [mine, theirs]) {
    const outcome = page.getByRole('region', { name: 'What became of it' })
    await outcome.getByText('It was withdrawn.').waitFor()
    await outcome.getByText('Asked twice').waitFor()
  }
  noFaults(mine, theirs)
})

test('T20 who was not asked may step in only with a reason, which stays with the decision; who may not is told so', async () => {
  const house = await houseWithPages()
  const member = await house.member.person()
  const task = await house.given.task({ task: 'Only for the member?', assign_to: { email: member.email } })
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.goto(`/tasks/${task.id}`)
  await page.getByText(/This was asked of somebody else. You can step in/).waitFor()
  await page.getByRole('radio', { name: 'Yes' }).check()
  await page.getByRole('button', { name: 'Send answer' }).click()
  const reason = page.getByLabel('Reason for stepping in')
  await expect.poll(() => reason.getAttribute('aria-invalid')).toBe('true')
  await page.getByText('You were not asked: to decide anyway, say why.').waitFor()
  await reason.fill('The member is on holiday')
  await page.getByRole('button', { name: 'Send answer' }).click()
  const outcome = page.getByRole('region', { name: 'What became of it' })
  await outcome.getByText('Alice was not asked and stepped in.').waitFor()
  await outcome.getByText('The member is on holiday').waitFor()
  // who sent it stands where it went
  expect(await page.evaluate(() => document.activeElement?.textContent)).toContain('Alice settled it.')

  const other = await house.given.task({ task: 'For somebody else?', assign_to: { emails: [member.email, 'x@example.com'] } })
  const auditor = await browse(house.url, { as: await house.auditor.person() })
  await auditor.page.goto(`/tasks/${other.id}`)
  await auditor.page.getByRole('form').getByText('Your role does not allow it.').first().waitFor()
  await auditor.page.getByText('hidden from you').first().waitFor()
  expect(await auditor.page.getByRole('button', { name: 'Send answer' }).getAttribute('aria-disabled')).toBe('true')
  noFaults(surf, auditor)
})

test('T151 a risky answer asks for the password once more and then goes through, with what was typed', async () => {
  const house = await houseWithPages()
  const otto = await house.given.user({ role: 'operator', displayName: 'Otto', password: 'marble-otter-sings-7-hymns' })
  const task = await house.given.task({ task: 'Delete everything?', risk: 'high' })
  await house.clock.advance('11m')
  const surf = await browse(house.url, { as: otto })
  const { page } = surf
  await page.goto(`/tasks/${task.id}`)
  await page.getByText('High risk').waitFor()
  await page.getByRole('radio', { name: 'No' }).check()
  await page.getByRole('button', { name: 'Send answer' }).click()
  const dialog = page.getByRole('dialog', { name: 'Confirm that it is you' })
  await dialog.getByLabel('Your password').fill('wrong')
  await dialog.getByRole('button', { name: 'Confirm' }).click()
  await dialog.getByRole('alert').waitFor()
  expect(await accessibility(page)).toEqual([])
  await dialog.getByLabel('Your password').fill('marble-otter-sings-7-hymns')
  await dialog.getByRole('button', { name: 'Confirm' }).click()
  await page.getByText('Otto settled it.').waitFor()
  expect((await house.agent.get(`/api/v1/tasks/${task.id}`)).body.response).toEqual({ approve: false })
  noFaults(surf)
})

test('T11 a deadline that passes while one looks closes the form', async () => {
  const house = await houseWithPages({ settings: { ROLES: 'web,worker,maintenance' } })
  const task = await house.given.task({ timeout_seconds: 600 })
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.goto(`/tasks/${task.id}`)
  await page.getByRole('form').waitFor()
  await page.getByText('The agent is told so').waitFor()
  await house.clock.advance('11m')
  await house.runJobs()
  await page.getByRole('form').getByText('The time for this task ran out.').first().waitFor()
  await page.getByRole('region', { name: 'What became of it' }).getByText('Nobody answered in time.').waitFor()
  await page.goto('/tasks/task_01JD8Z6V3QK8W2N4T6Y8B0C2E4')
  await page.getByRole('alert').getByText('There is nothing here, or it is not yours to see.').waitFor()
  noFaults(surf)
})

test('T156 T159 T164 a settled task gives its receipt as a file, signed and with its content; the dashboard can be installed', async () => {
  const house = await houseWithPages()
  const task = await house.given.task({ task: 'Refund order 1042?', response_schema: NOTE })
  const decided = { type: 'respond', response: { approve: true }, seen_revision: 1 }
  expect((await house.bob.post(`/api/v1/tasks/${task.id}/decide`, decided)).status).toBe(200)
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.goto(`/tasks/${task.id}`)
  await page.getByRole('region', { name: 'What happened' }).getByText('Bob').waitFor()
  const contents = []
  for (const name of ['Save the receipt', 'With the content']) {
    const saved = page.waitForEvent('download')
    await page.getByRole('button', { name }).click()
    const file = await saved
    expect(file.suggestedFilename()).toBe(`${task.id}.jws`)
    const [header = '', body = ''] = readFileSync(await file.path(), 'utf8')
      .trim()
      .split('.')
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toMatchObject({
      alg: 'EdDSA',
      typ: 'countersign-receipt+jws',
    })
    contents.push(JSON.parse(Buffer.from(body, 'base64url').toString()))
  }
  expect(contents).toMatchObject([{ task_id: task.id, outcome: 'answered' }, { task_id: task.id }])
  expect(contents.map(({ content }) => typeof content)).toEqual(['undefined', 'string'])

  const viewer = await browse(house.url, { as: await house.viewer.person() })
  await viewer.page.goto(`/tasks/${task.id}`)
  const closed = viewer.page.getByRole('button', { name: 'Save the receipt' })
  await expect.poll(() => closed.getAttribute('aria-disabled')).toBe('true')
  expect(await closed.getAttribute('title')).toBe('The role viewer does not take receipts.')

  const manifest = await page.evaluate(async () => {
    const link = document.querySelector<HTMLLinkElement>('link[rel=manifest]')
    const answer = await fetch(link?.href ?? '')
    const { icons, ...rest } = (await answer.json()) as { icons: { src: string }[]; start_url: string; display: string }
    const found = await Promise.all(icons.map(async ({ src }) => (await fetch(src)).headers.get('content-type')))
    return { type: answer.headers.get('content-type'), found, ...rest }
  })
  expect(manifest).toMatchObject({
    ...{ type: 'application/manifest+json', start_url: '/inbox', display: 'standalone' },
    found: ['image/png', 'image/png', 'image/svg+xml'],
  })
  noFaults(surf, viewer)
})
