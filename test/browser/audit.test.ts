// The record in a browser: how the chain stands, filters in the address, an event whose proof the browser checks itself, and an export that is followed and saved.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { signDue } from '../../packages/server/src/events/audit/checkpoint.ts'
import { sealStep } from '../../packages/server/src/events/audit/sealing.ts'
import { verifyFile } from '../../packages/server/src/events/audit/verify-file.ts'
import { accessibility, browse, houseWithPages, noFaults, overflow, picture, useBrowser } from './browser.ts'

useBrowser()

async function open() {
  const house = await houseWithPages({})
  const seal = async () => {
    await sealStep({ db: house.db })
    await signDue({ db: house.db, keyring: house.keyring, origin: () => house.server.publicUrl }, 1, 0)
  }
  for (let n = 0; n < 6; n++) await house.given.task({ task: `Refund order ${1040 + n}?` })
  await house.alice.post('/api/v1/agents', { name: 'tracer' })
  await seal()
  const surf = await browse(house.url, { as: house.alice })
  return { house, seal, surf, page: surf.page }
}

test('P115 P118 the page shows how the chain stands, and its filters stand in the address', async () => {
  const { surf, page } = await open()
  await page.goto('/audit')
  const figure = (name: string) => page.getByRole('term').filter({ hasText: name }).locator('xpath=following-sibling::dd[1]')
  await expect.poll(() => figure('Sealing').textContent()).toBe('in time')
  const size = Number(await figure('Newest checkpoint').textContent())
  expect(size).toBeGreaterThan(7)
  const table = page.getByRole('region', { name: 'Events' })
  await table.getByRole('link', { name: 'agent.created' }).first().waitFor()
  expect(await accessibility(page)).toEqual([])
  await page.setViewportSize({ width: 1200, height: 900 })
  await picture(page, 'audit')

  const form = page.getByRole('form', { name: 'Filter events' })
  await form.getByLabel('Type').selectOption('task.created')
  await form.getByRole('button', { name: 'Filter' }).click()
  await expect.poll(() => table.getByRole('link', { name: 'task.created' }).count()).toBe(6)
  expect(new URL(page.url()).search).toBe('?type=task.created')
  await page.reload()
  await expect.poll(() => table.getByRole('link', { name: 'task.created' }).count()).toBe(6)
  expect(await table.getByRole('link', { name: 'agent.created' }).count()).toBe(0)
  await page.setViewportSize({ width: 375, height: 800 })
  expect(await overflow(page)).toBe(0)
  noFaults(surf)
})

test('P116 an event shows where it came from, and the browser checks its proof up to the signed root', async () => {
  const { surf, page } = await open()
  await page.goto('/audit?type=agent.created')
  await page.getByRole('region', { name: 'Events' }).getByRole('link', { name: 'agent.created' }).first().click()
  const proof = page.getByRole('region', { name: 'Proof' })
  await proof.getByText('the seal stands in the tree that the checkpoint signs').waitFor()
  expect(await proof.getByRole('listitem').allTextContents()).toEqual([
    expect.stringContaining('Holds: '),
    expect.stringContaining('Holds: '),
    expect.stringContaining('Holds: '),
  ])
  await page.getByRole('region', { name: 'What happened' }).getByText('127.0.0.1').waitFor()
  expect(await accessibility(page)).toEqual([])
  await page.setViewportSize({ width: 1200, height: 900 })
  await picture(page, 'audit-event')
  noFaults(surf)
})

test('P118 P119 an export is followed to its end, saved in the browser, and verifies as a file', async () => {
  const { house, surf, page } = await open()
  await page.goto('/audit')
  const card = page.getByRole('region', { name: 'Export' })
  await card.getByRole('button', { name: 'Export', exact: true }).click()
  await card.getByText('running').waitFor()
  await house.runJobs()
  const saved = page.waitForEvent('download')
  await card.getByRole('button', { name: /^Save aex_/ }).click()
  const file = await (await saved).path()
  expect(readFileSync(file, 'utf8')).toContain('"type":"task.created"')
  expect(await verifyFile(file)).toMatchObject({ verdict: 'sound', from_seq: 1 })
  noFaults(surf)
})

test('P60 whoever may not read the record is told so', async () => {
  const { house } = await open()
  const surf = await browse(house.url, { as: await house.member.person() })
  await surf.page.goto('/audit')
  await surf.page.getByText('The role member does not read the record.').waitFor()
  noFaults(surf)
})
