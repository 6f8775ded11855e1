// The pages of webhooks in a browser: an endpoint is added and shows its secret once, its log tells every attempt, a delivery is sent again, a secret is rotated.
import { expect, test } from 'vitest'
import { openReceiver } from '../../packages/server/src/webhooks/testing/receiver.ts'
import { accessibility, browse, houseWithPages, noFaults, overflow, picture, useBrowser } from './browser.ts'

useBrowser()

async function open() {
  const there = await openReceiver()
  const house = await houseWithPages({
    settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${there.port}` },
  })
  const surf = await browse(house.url, { as: house.alice })
  return { there, house, surf, page: surf.page }
}

test('P79 P81 P89 P90 an endpoint is added with its secret shown once, gets events, and its log, replay and rotation are a click each', async () => {
  const { there, house, surf, page } = await open()
  await page.goto('/inbox')
  await page.getByRole('link', { name: 'Webhooks', exact: true }).click()
  await page.getByText('No endpoint yet.').waitFor()
  await page.getByRole('button', { name: 'New endpoint' }).click()
  const form = page.getByRole('dialog', { name: 'New endpoint' })
  await form.getByLabel('URL').fill('http://10.0.0.1/hooks')
  await form.getByLabel('Events').fill('task.complted')
  await form.getByRole('button', { name: 'Add endpoint' }).click()
  await form.getByText('Perhaps task.completed is meant.').waitFor()
  await form.getByLabel('Events').fill('task.*')
  await form.getByRole('button', { name: 'Add endpoint' }).click()
  await form.getByText('This address may not be called from here.').waitFor()
  await form.getByLabel('URL').fill(`${there.origin}/hooks`)
  await form.getByLabel('Name').fill('Billing')
  await form.getByRole('button', { name: 'Add endpoint' }).click()
  const shown = page.getByRole('dialog', { name: 'The secret of your endpoint' })
  await shown.getByText(/^whsec_[A-Za-z0-9+/]{43}=$/).waitFor()
  await shown.getByRole('button', { name: 'Close' }).click()
  expect(await page.content()).not.toContain('whsec_')

  await house.runJobs()
  await page.getByRole('region', { name: 'Endpoints' }).getByText('Active', { exact: true }).waitFor()
  there.answers = [{ status: 500, body: 'out of paper' }]
  const { id } = await house.given.task()
  await house.runJobs()
  await house.clock.advance('6s')
  await house.runJobs()
  await page.getByRole('region', { name: 'Endpoints' }).getByRole('link', { name: 'Billing' }).click()
  await page.getByRole('heading', { name: 'Billing' }).waitFor()
  await page.getByRole('img', { name: /^Attempts per hour\. arrived: / }).waitFor()
  expect(await accessibility(page)).toEqual([])
  await picture(page, 'webhook')

  await page.getByRole('region', { name: 'Deliveries', exact: true }).getByRole('link', { name: 'task.created' }).click()
  const log = page.getByRole('region', { name: 'Attempts' })
  await log.getByText('HTTP 500').waitFor()
  await log.getByText('HTTP 204').waitFor()
  await log.getByText('out of paper').waitFor()
  await page.getByRole('link', { name: id }).waitFor()
  expect(await accessibility(page)).toEqual([])
  await picture(page, 'delivery')
  await page.getByRole('button', { name: 'Send again' }).click()
  await expect.poll(() => page.getByText('Next attempt').count()).toBe(1)
  await house.runJobs()
  await log.getByText('a person').waitFor()
  expect(there.got.filter((got) => JSON.parse(got.body).type === 'task.created')).toHaveLength(3)

  await page.goBack()
  const secrets = page.getByRole('region', { name: 'Secrets' })
  await secrets.getByLabel('Both sign for').selectOption({ label: 'one hour' })
  await secrets.getByRole('button', { name: 'Rotate' }).click()
  const rotated = page.getByRole('dialog', { name: 'The new secret' })
  await rotated.getByText(/^whsec_/).waitFor()
  await rotated.getByRole('button', { name: 'Close' }).click()
  await secrets.getByText('Secret 2').waitFor()
  await secrets.getByText(/signs until/).waitFor()
  await secrets.getByRole('button', { name: 'Revoke secret 1' }).click()
  await page.getByRole('dialog', { name: 'Revoke secret 1' }).getByRole('button', { name: 'Revoke it now' }).click()
  await expect.poll(() => secrets.getByText('Secret 1').count()).toBe(0)
  noFaults(surf)
})

test('P82 P91 a page tells why an endpoint is off, lets it be resumed with a choice, and keeps to a narrow window', async () => {
  const { there, house, surf, page } = await open()
  there.answers = [410]
  const made = await house.alice.post('/api/v1/endpoints', { url: `${there.origin}/gone`, events: 'task.*', verify: false })
  await house.given.task()
  await house.runJobs()
  await page.setViewportSize({ width: 390, height: 800 })
  await page.goto(`/webhooks/${made.body.id}`)
  await page.getByText('Disabled: it answered 410').waitFor()
  await page.getByRole('alert').getByText('It was switched off by itself').waitFor()
  expect(await overflow(page)).toBeLessThanOrEqual(0)
  await page.getByRole('button', { name: 'Resume' }).click()
  const dialog = page.getByRole('dialog', { name: 'Resume this endpoint' })
  await dialog.getByLabel('Send what was missed').selectOption({ label: 'everything that was held' })
  await dialog.getByRole('button', { name: 'Resume' }).click()
  await page.getByText('Active', { exact: true }).waitFor()
  await house.runJobs()
  await page.getByRole('region', { name: 'Deliveries', exact: true }).getByText('succeeded').waitFor()
  expect(there.got.map((got) => got.path)).toEqual(['/gone', '/gone'])
  noFaults(surf)
})
