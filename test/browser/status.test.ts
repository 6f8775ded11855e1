// The status page as everybody sees it, with and without a script, in light and dark and on a phone; and the page by which hosts announce and check.
import { expect, test } from 'vitest'
import { systemScope } from '../../packages/server/src/db/scope.ts'
import { tx } from '../../packages/server/src/db/tx.ts'
import { insertReadings, type ReadingRow } from '../../packages/server/src/status/sql.ts'
import type { House, Person } from '../harness/house.ts'
import { accessibility, browse, houseWithPages, noFaults, overflow, picture, useBrowser } from './browser.ts'

useBrowser()

const DAY = 86_400_000
const MINUTE = 60_000

/** Ninety days with one bad and one slow one among them, and a day of the database's pace. */
async function past(house: House): Promise<void> {
  const now = house.clock.now().getTime()
  const rows: ReadingRow[] = []
  for (const [probe, measured] of [
    ['database', { p50_ms: 1.1, p95_ms: 2.6 }],
    ['schema', { pending: 0, changed: 0, ahead: 0 }],
    ['queue', { lag_p95_ms: 34, oldest_due_ms: 12, workers: 3 }],
    ['webhooks', { first_attempt_share: 0.998, first_attempts: 412 }],
    ['record', { oldest_unsealed_s: 0.4, waiting: 2 }],
    [
      'relay',
      {
        inbox_level: 0,
        push_level: 0,
        upstream_level: 0,
        approvals_level: 0,
        queue_depth: 3,
        oldest_queued_s: 0.2,
        exhausted: 0,
      },
    ],
  ] as const) {
    for (let day = 0; day < 80; day++)
      for (let n = 0; n < 12; n++) {
        const state = probe === 'database' && day === 30 && n < 7 ? 'outage' : probe === 'queue' && day === 12 ? 'warn' : 'ok'
        rows.push({ probe, minute: new Date(now - day * DAY - n * 40 * MINUTE), state, measured })
      }
  }
  for (let n = 1; n < 144; n++) {
    const p50 = 1.2 + 0.5 * Math.sin(n / 14) + 0.2 * Math.cos(n * 2.3)
    const p95_ms = Math.round((p50 * 2 + (n % 41 === 0 ? 5 : 0.8 * Math.abs(Math.sin(n)))) * 100) / 100
    rows.push({ probe: 'database', minute: new Date(now - n * 10 * MINUTE), state: 'ok', measured: { p50_ms: p50, p95_ms } })
  }
  const seen = new Map(rows.map((row) => [`${row.probe} ${Math.floor(row.minute.getTime() / MINUTE)}`, row]))
  await tx(house.db, systemScope('test'), (t) => insertReadings(t, [...seen.values()]))
}

async function hostOf(house: House): Promise<Person> {
  await house.admin.run`insert into hosts (user_id, since) values (${house.alice.id}::text, countersign.now())`
  return house.alice
}

test('P142 the status page is read without a script, on a phone and in the dark, and keeps to its policy', async () => {
  const house = await houseWithPages()
  const host = await hostOf(house)
  await past(house)
  const over = await host.post('/api/v1/incidents', {
    severity: 'SEV-3',
    title: 'Jobs waited up to two minutes',
    body: 'Since 08:10 jobs start late. We see why and are adding workers.',
    components: ['queue'],
  })
  await host.patch(`/api/v1/incidents/${over.body.id}`, {
    status: 'resolved',
    body: 'Six workers more; everything that waited has run.',
  })
  const starts = house.clock.now().getTime() + 2 * DAY
  await host.post('/api/v1/incidents', {
    kind: 'maintenance',
    title: 'PostgreSQL 18.5',
    body: 'Ten minutes without writes; what is sent meanwhile waits and is done afterwards.',
    components: ['database'],
    starts_at: new Date(starts).toISOString(),
    ends_at: new Date(starts + 30 * MINUTE).toISOString(),
  })
  await house.clock.advance('2s')

  const wide = await browse(house.url, { width: 1100, height: 1500 })
  await wide.page.goto('/status')
  await expect.poll(() => wide.page.getByRole('heading', { level: 1 }).textContent()).toBe('Everything works.')
  expect(await wide.page.getByRole('img').count()).toBe(7)
  expect(await wide.page.getByRole('img', { name: /^Database: not working for a time on / }).count()).toBe(1)
  expect(await wide.page.getByText('PostgreSQL 18.5').count()).toBe(1)
  expect(await accessibility(wide.page)).toEqual([])
  await picture(wide.page, 'status')

  const phone = await browse(house.url, { width: 380, height: 800, dark: true })
  await phone.page.goto('/status')
  expect(await overflow(phone.page)).toBe(0)
  expect(await accessibility(phone.page)).toEqual([])
  await picture(phone.page, 'status-phone')
  noFaults(wide, phone)
})

test('P144 a host announces an incident, says more and ends it in the dashboard, and sees what the doctor says; nobody else is led there', async () => {
  const house = await houseWithPages()
  const plain = await browse(house.url, { as: house.bob })
  await plain.page.goto('/installation')
  await plain.page.getByText('is for its hosts').waitFor()
  expect(await plain.page.getByRole('link', { name: 'Installation' }).count()).toBe(0)

  const host = await hostOf(house)
  await past(house)
  const surf = await browse(house.url, { as: host, height: 1400 })
  const { page } = surf
  await page.goto('/inbox')
  await page.getByRole('link', { name: 'Installation' }).click()
  await page.getByRole('heading', { name: 'Everything works.' }).waitFor()
  await page.getByText('url.public').waitFor({ state: 'attached' })
  expect(await accessibility(page)).toEqual([])

  await page.getByRole('button', { name: 'Announce something' }).click()
  const announce = page.getByRole('dialog', { name: 'Announce something' })
  await announce.getByRole('button', { name: 'Announce' }).click()
  await announce.getByLabel('Title').and(announce.locator('[aria-invalid=true]')).waitFor()
  await announce.getByLabel('Title').fill('Answers are slow')
  await announce.getByLabel('What people should know').fill('Since noon every answer takes seconds.')
  await announce.getByLabel('How bad is it?').selectOption('SEV-2')
  await announce.getByLabel('Component').selectOption('database')
  await announce.getByLabel('It touches customers’ data').check()
  await announce.getByRole('button', { name: 'Announce' }).click()
  await announce.waitFor({ state: 'hidden' })
  await page.getByText('Those concerned must be told in').waitFor()
  await picture(page, 'installation')

  await page.getByRole('button', { name: 'Say more about Answers are slow' }).click()
  const more = page.getByRole('dialog', { name: 'Answers are slow' })
  await more.getByLabel('Where it stands').selectOption('resolved')
  await more.getByLabel('What people should know').fill('It was an index.')
  await more.getByLabel('Those concerned were told.').check()
  await more.getByRole('button', { name: 'Say it' }).click()
  await more.waitFor({ state: 'hidden' })
  await page.getByText('It was an index.').waitFor()
  expect(await page.getByText('Those concerned must be told in').count()).toBe(0)
  const [told] = (await host.get('/api/v1/incidents')).body.data
  expect(told).toMatchObject({ status: 'resolved', notified_at: expect.any(String), components: ['database'], updates: [{}, {}] })
  expect(await accessibility(page)).toEqual([])
  expect(await overflow(page)).toBe(0)
  noFaults(surf, plain)
})
