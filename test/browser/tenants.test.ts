// Tenants in the browser: a host who runs them without being in them, the one way to look in, the banner of those who are looked at, and the switch.
import { expect, test } from 'vitest'
import type { House, Person } from '#harness'
import { tenantWire } from '../../packages/server/src/std/id.ts'
import { accessibility, browse, houseWithPages, noFaults, useBrowser } from './browser.ts'

useBrowser()

async function host(house: House, name: string): Promise<Person> {
  const person = await house.given.user({ role: 'owner', tenantId: await house.given.tenant(`${name} & Co`), displayName: name })
  await house.admin.run`insert into hosts (user_id, since) values (${person.id}::text, countersign.now())`
  return person
}

test('P11 P12 A42 a host suspends and resumes a tenant, asks to look in, reads once an owner agrees, and the owner ends it', {
  timeout: 90_000,
}, async () => {
  const house = await houseWithPages()
  const task = await house.given.task()
  const harriet = await browse(house.url, { as: await host(house, 'Harriet') })
  const { page } = harriet
  await page.goto('/tenants')
  await page.getByRole('heading', { name: 'Tenants', exact: true }).waitFor()

  await page.getByRole('button', { name: 'Suspend Main' }).click()
  const suspending = page.getByRole('dialog', { name: 'Suspend Main' })
  await suspending.getByRole('button', { name: 'Suspend Main' }).click()
  await suspending.getByText('Say why; the owners will read it.').waitFor()
  await suspending.getByLabel('Reason').fill('The invoice of May is open.')
  await suspending.getByRole('button', { name: 'Suspend Main' }).click()
  await page.getByText(/The invoice of May is open\./).waitFor()
  expect(await accessibility(page)).toEqual([])

  const alice = await browse(house.url, { as: house.alice })
  await alice.page.goto('/inbox')
  await alice.page.getByText(/Main is suspended/).waitFor()
  await page.getByRole('button', { name: 'Resume Main' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Resume Main' }).click()
  await page.getByRole('button', { name: 'Suspend Main' }).waitFor()

  await page.getByRole('button', { name: 'Look into Main' }).click()
  const asking = page.getByRole('dialog', { name: 'Look into Main' })
  await asking.getByLabel('Reason').fill('Ticket 4711: refunds hang since noon.')
  await asking.getByRole('button', { name: 'Ask to look' }).click()
  const requests = page.getByRole('region', { name: 'Requests to look into a tenant' })
  await requests.getByText('Asked', { exact: true }).waitFor()

  // The owner answers it in the inbox, like any question.
  await alice.page.goto('/inbox')
  await alice.page.getByText('May Harriet look into this tenant for 30 minutes?').first().click()
  await alice.page.getByText('Ticket 4711: refunds hang since noon.').first().waitFor()
  const taskId = new URL(alice.page.url()).pathname.split('/').at(-1) as string
  const agreed = await house.alice.post(`/api/v1/tasks/${taskId}/decide`, {
    type: 'respond',
    response: { approve: true },
    seen_revision: 1,
  })
  expect(agreed.status).toBe(200)
  await house.runJobs()

  await page.reload()
  await requests.getByRole('button', { name: 'Go in, to read' }).click()
  await page.getByText(/You read Main through break-glass/).waitFor()
  expect(await page.getByLabel('Tenant').inputValue()).toBe(tenantWire(house.tenantId))
  await page.goto(`/tasks/${task.id}`)
  await page.getByText('Approve the refund?').first().waitFor()
  expect(await accessibility(page)).toEqual([])

  await alice.page.goto('/settings')
  await alice.page.getByText(/Harriet, a host of this installation, reads here/).waitFor()
  expect(await accessibility(alice.page)).toEqual([])
  await alice.page.getByRole('button', { name: 'End the visit of Harriet' }).click()
  await alice.page.getByRole('region', { name: 'Hosts who asked to look in' }).getByText('Closed').waitFor()
  await page.goto('/inbox')
  await page.waitForURL(/\/login/)
  noFaults(harriet, alice)
})

test('P20 P25 a person of two tenants switches in the head of the page; an owner settles how long sessions last', {
  timeout: 60_000,
}, async () => {
  const house = await houseWithPages()
  const second = await house.given.tenant('Second')
  await house.admin
    .run`insert into roles (user_id, tenant_id, role, given_by, given_at) values (${house.alice.id}, ${second}::uuid, 'viewer', 'test', countersign.now())`
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.goto('/settings')
  const save = page.locator('form', { has: page.getByLabel('How long sessions last') }).getByRole('button', { name: 'Save' })
  await page.getByLabel('How long sessions last').selectOption('custom')
  await page.getByLabel('Idle, in minutes').fill('60')
  await page.getByLabel('At most, in minutes').fill('30')
  await save.click()
  await page.getByText('A session cannot idle for longer than it lives.').waitFor()
  await page.getByLabel('At most, in minutes').fill('600')
  await save.click()
  await expect.poll(async () => (await house.bob.get('/api/v1/tenant')).body.session_absolute_seconds).toBe(36_000)

  await page.getByRole('banner').getByLabel('Tenant', { exact: true }).selectOption({ label: 'Second' })
  await expect.poll(() => new URL(page.url()).pathname).toBe('/inbox')
  await page
    .getByText(/Alice · viewer/)
    .first()
    .waitFor()
  await page.goto('/settings')
  await page.getByRole('heading', { name: 'Second' }).waitFor()
  expect(await save.getAttribute('aria-disabled')).toBe('true')
  noFaults(surf)
})
