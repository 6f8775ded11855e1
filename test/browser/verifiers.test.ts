// Verifiers in a browser: a key is kept and a verifier stored and tried; on a task the person sees that their answer is checked, why it came back, and mends it.
import { expect, test } from 'vitest'
import { openModelProvider } from '#harness'
import { accessibility, browse, houseWithPages, noFaults, overflow, picture, useBrowser } from './browser.ts'

useBrowser()

async function open() {
  const provider = await openModelProvider()
  const house = await houseWithPages({ settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${provider.port}` } })
  const surf = await browse(house.url, { as: house.alice })
  return { provider, house, surf, page: surf.page }
}

test('T162 T126 a key is kept without being shown again, a verifier is stored, and a trial run says what it says', async () => {
  const { provider, house, surf, page } = await open()
  await page.goto('/verifiers')
  await page.getByText('No verifier is stored.').waitFor()
  await page.getByRole('button', { name: 'Keep a key' }).click()
  const keep = page.getByRole('dialog', { name: 'Keep a key of a provider' })
  await keep.getByLabel('Name').fill('openai')
  await keep.getByLabel('Model').fill('gpt-test')
  await keep.getByLabel('Address').fill('http://10.0.0.7/v1')
  await keep.getByLabel('Key', { exact: true }).fill('sk-in-the-browser')
  await keep.getByRole('button', { name: 'Keep key' }).click()
  await keep.getByText('This address may not be called from here.').waitFor()
  await keep.getByLabel('Address').fill(`${provider.origin}/v1`)
  await keep.getByRole('button', { name: 'Keep key' }).click()
  await page.getByRole('region', { name: 'Keys of providers' }).getByText('Default').first().waitFor()
  expect(await page.content()).not.toContain('sk-in-the-browser')

  await page.getByRole('button', { name: 'New verifier' }).click()
  const form = page.getByRole('dialog', { name: 'New verifier' })
  await form.getByLabel('Name').fill('Names the customer')
  await form.getByRole('button', { name: 'Store verifier' }).click()
  await form.locator('[aria-invalid=true]').first().waitFor()
  await form.getByLabel('Instructions').fill('The note names the customer.')
  await form.getByRole('button', { name: 'Store verifier' }).click()
  await page.getByRole('button', { name: 'Try Names the customer' }).click()
  const trial = page.getByRole('dialog', { name: 'Try Names the customer' })
  provider.says.push({ passed: false, reason: 'Who is it for?', field_errors: [{ path: '/note', message: 'No name.' }] })
  await trial.getByRole('button', { name: 'Ask it once' }).click()
  await trial.getByText('Refused').waitFor()
  await trial.getByText('Who is it for?').waitFor()
  await trial.getByText('120 tokens in, 30 out').waitFor()
  expect(await accessibility(page)).toEqual([])
  await picture(page, 'verifiers')
  await page.keyboard.press('Escape')
  expect(await overflow(page)).toBe(0)
  expect((await house.alice.get('/api/v1/verifiers')).body.data).toHaveLength(1)
  noFaults(surf)
})

test('T132 T159 A27 the person sees that the answer is checked, why it came back, and mends what they wrote', async () => {
  const { provider, house, surf, page } = await open()
  const key = { provider: 'openai', key: 'sk-x', base_url: `${provider.origin}/v1`, model: 'gpt-test' }
  expect((await house.alice.put('/api/v1/provider-keys/openai', key)).status).toBe(200)
  const { id } = await house.given.task({
    task: 'Refund order 1042?',
    response_schema: {
      type: 'object',
      properties: { approved: { type: 'boolean', title: 'Approve' }, note: { type: 'string', title: 'Note' } },
      required: ['approved'],
    },
    assign_to: house.alice.email,
    verifier_config: { provider: 'openai', instructions: 'The note names the customer.' },
  })
  await page.goto(`/tasks/${id}`)
  await page.getByText('An answer is checked before it counts.').waitFor()
  await page.getByRole('radio', { name: 'Yes' }).or(page.getByRole('switch')).first().click()
  await page.getByLabel('Note').fill('for the customer')
  await page.getByRole('button', { name: 'Send answer' }).click()
  await page.getByText('The answer is being checked, since').waitFor()
  expect(await accessibility(page)).toEqual([])
  provider.says.push({ passed: false, reason: 'Which customer?', field_errors: [{ path: '/note', message: 'Name them.' }] })
  await house.runJobs()
  await page.getByText('Which customer?').first().waitFor()
  const note = page.getByLabel('Note')
  expect(await note.inputValue()).toBe('for the customer')
  // Beside the field that it is about, until that is changed.
  await expect.poll(() => note.getAttribute('aria-invalid')).toBe('true')
  const form = page.getByRole('form', { name: 'Your answer' })
  await form.getByText('Name them.').waitFor()
  expect(await accessibility(page)).toEqual([])
  await picture(page, 'returned')
  await note.fill('for Ann Archer')
  await form.getByText('Name them.').waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Send answer' }).click()
  await page.getByText('The answer is being checked, since').waitFor()
  await page.getByRole('button', { name: 'Let it count' }).click()
  const asked = page.getByRole('dialog', { name: 'Let the answer count without its verifier' })
  await asked.getByLabel('Why').fill('I know her.')
  await asked.getByRole('button', { name: 'Let it count' }).click()
  await expect.poll(async () => (await house.alice.get(`/api/v1/tasks/${id}`)).body.status).toBe('completed')
  await page.getByRole('heading', { name: 'What became of it' }).waitFor()
  noFaults(surf)
})
