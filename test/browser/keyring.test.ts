// The key ring of the installation, as a host turns it: each act leads to the next, and nobody else sees the page.
import { expect, test } from 'vitest'
import { accessibility, browse, houseWithPages, noFaults, useBrowser } from './browser.ts'

useBrowser()

test('P126 P127 a host rotates the root key by clicks, sees how far the rewrap is, and the page says at each point what comes next', async () => {
  const house = await houseWithPages()
  const host = await house.given.user({ role: 'owner', displayName: 'Hanna Host' })
  await house.admin.run`insert into hosts (user_id, since) values (${host.id}::text, countersign.now())`
  await house.given.task()
  const surf = await browse(house.url, { as: host })
  const { page } = surf
  await page.goto('/inbox')
  await page.getByRole('link', { name: 'Key ring' }).click()
  await page.getByText('One version does all.').waitFor()
  await page.getByRole('button', { name: 'Add a version' }).click()
  await page.getByText('Every live process holds version 2: promote it.').waitFor()
  expect(await page.getByRole('button', { name: 'Add a version' }).getAttribute('aria-disabled')).toBe('true')
  expect(await accessibility(page)).toEqual([])
  await page.getByRole('button', { name: 'Promote version 2' }).click()
  await page.getByText(/keys are still wrapped under version 1: rewrap/).waitFor()
  expect(await page.getByRole('button', { name: 'Retire version 1' }).getAttribute('title')).toMatch(/rewrap first/)

  await page.getByRole('button', { name: 'Rewrap now' }).click()
  await page.getByRole('heading', { name: 'Rewrap', exact: true }).waitFor()
  await page.getByText('Waits for a worker').waitFor()
  await house.runJobs()
  await page.getByRole('heading', { name: 'Last rewrap' }).waitFor()
  expect(await accessibility(page)).toEqual([])
  await page.getByRole('button', { name: 'Retire version 1' }).click()
  await page.getByRole('button', { name: 'Destroy version 1' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Destroy it in seven days' }).click()
  await page.getByText('Destroyed in 7 days.').waitFor()
  expect(await accessibility(page)).toEqual([])
  await page.getByRole('button', { name: 'Keep version 1' }).click()
  await page.getByRole('button', { name: 'Destroy version 1' }).waitFor()
  await page.reload()
  await page.getByText('Version 1 is retired and can be destroyed.').waitFor()
  noFaults(surf)
}, 60_000)

test('P60 who is no host has no such place, and its address says whose it is', async () => {
  const house = await houseWithPages()
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.goto('/keyring')
  await page.getByText('that is for the hosts of the installation').waitFor()
  expect(await page.getByRole('link', { name: 'Key ring' }).count()).toBe(0)
  noFaults(surf)
}, 60_000)
