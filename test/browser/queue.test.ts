// The pages of the queue in a browser: figures of jobs that ran, search and acts on many, one job's story, queues paused, dead letters run again, and the ring as a picture.
import { createQueue, defineKind, discard, type Enqueue, type Kind, park } from '@countersign/queue'
import { drain } from '@countersign/queue/testing'
import { expect, onTestFinished, test } from 'vitest'
import { accessibility, browse, houseWithPages, noFaults, overflow, picture, useBrowser } from './browser.ts'

useBrowser()

const KINDS = [
  defineKind('report.build', { run: () => ({ pages: 12, address: 'reports/2026-10.pdf' }) }),
  defineKind('mail.send', { queue: 'mail', maxAttempts: 3, backoff: () => 60_000, run: mail }),
  defineKind('bank.ask', { run: async (_, ctx) => park(await ctx.callback('bank')) }),
] as unknown as Kind[]

/** Fails once, and for good where there is no mailbox. */
function mail({ payload, attempt }: { payload: unknown; attempt: number }) {
  if ((payload as { to?: string } | null)?.to === 'nobody@example.com') return discard('no such mailbox')
  if (attempt === 1) throw new Error('the mail server closed the connection')
}

async function open(settings: Record<string, string> = {}) {
  const house = await houseWithPages({ settings })
  const engine = createQueue({ database: house.db.pool, listen: false, kinds: KINDS })
  onTestFinished(() => engine.close())
  await engine.register()
  const enqueue = async (body: object): Promise<string> => {
    const answer = await house.alice.post('/api/v1/jobs', body)
    expect([answer.status, answer.body]).toEqual([201, expect.anything()])
    return answer.body.id
  }
  const state = async (id: string) => (await house.alice.get(`/api/v1/jobs/${id}`)).body.state
  const run = () => drain(engine, { queues: ['default', 'mail'] })
  const surf = await browse(house.url, { as: house.alice })
  return { house, engine, surf, page: surf.page, enqueue, state, run }
}

const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString()

/** What was enqueued and ran in the minutes before now; the pictures show more of them. */
const MINUTES = process.env.COUNTERSIGN_TEST_PICTURES === '1' ? 55 : 2

async function past({ house, engine, run }: Awaited<ReturnType<typeof open>>): Promise<void> {
  await house.clock.advance(-MINUTES * 60_000)
  for (let minute = 0; minute < MINUTES; minute++) {
    const many = Math.round(9 + 5 * Math.sin(minute / 7) + 2 * Math.cos(minute * 3))
    const jobs: Enqueue[] = Array.from({ length: many }, (_, n) => ({
      kind: n % 3 === 2 && minute < MINUTES - 1 ? 'mail.send' : 'report.build',
      payload: { to: minute % 6 === 4 && n < 5 ? 'nobody@example.com' : 'ann@example.com' },
      tenantId: house.tenantId,
    }))
    await engine.enqueueMany(jobs)
    await run()
    await house.clock.advance('1m')
  }
}

test('Q141 the overview shows figures of what ran and what waits, follows them, and its pages keep to the window', async () => {
  const opened = await open()
  const { surf, page, enqueue, run } = opened
  await past(opened)
  for (let n = 0; n < 4; n++) await enqueue({ kind: 'report.build', payload: { n } })
  await run()
  await enqueue({ kind: 'report.build', run_at: inAnHour() })
  await page.goto('/inbox')
  await page.getByRole('link', { name: 'Queue', exact: true }).click()
  const figure = (name: string) => page.getByRole('term').filter({ hasText: name }).locator('xpath=following-sibling::dd[1]')
  await expect.poll(() => figure('Completed in the last minute').textContent()).toBe('4')
  await expect.poll(() => figure('Waiting').textContent()).toBe('1')
  await page.getByRole('img', { name: /^Ended per minute\. completed:/ }).waitFor()
  await page.getByRole('img', { name: /^Ring: \d+ of 16 slots are free$/ }).waitFor()
  await page.getByRole('region', { name: 'Queues' }).getByRole('link', { name: 'default' }).waitFor()
  expect(await accessibility(page)).toEqual([])

  await page.setViewportSize({ width: 1200, height: 900 })
  await picture(page, 'queue-overview')

  // It follows by itself.
  await enqueue({ kind: 'report.build', run_at: inAnHour() })
  await expect.poll(() => figure('Waiting').textContent(), { timeout: 6_000 }).toBe('2')

  for (const place of ['Jobs', 'Queues', 'Kinds', 'Schedules', 'Dead letters', 'Callbacks', 'Engine', 'Overview']) {
    await page.getByRole('navigation', { name: 'Queue' }).getByRole('link', { name: place }).click()
    await page.getByRole('heading', { level: 1, name: place === 'Overview' ? 'Queue' : place }).waitFor()
    expect([place, await page.getByRole('alert').count(), await overflow(page)]).toEqual([place, 0, 0])
  }
  await page.setViewportSize({ width: 375, height: 700 })
  for (const path of ['/queue', '/jobs', '/engine']) {
    await page.goto(path)
    await page.getByRole('heading', { level: 1 }).waitFor()
    expect([path, await overflow(page)]).toEqual([path, 0])
  }
  noFaults(surf)
})

test('Q141 jobs are found by words in the address, and what is chosen is run again or cancelled at once', async () => {
  const { house, surf, page, enqueue, state, run } = await open()
  const lost = [await enqueue({ kind: 'mail.send', payload: { to: 'nobody@example.com' } })]
  lost.push(await enqueue({ kind: 'mail.send', payload: { to: 'nobody@example.com' } }))
  await enqueue({ kind: 'report.build', tags: ['monthly'] })
  await enqueue({ kind: 'mail.send', payload: { to: 'ann@example.com' } })
  await enqueue({ kind: 'bank.ask' })
  await run()
  const later = await enqueue({ kind: 'report.build', run_at: inAnHour() })
  await page.goto('/jobs')
  const rows = page.getByRole('region', { name: 'Jobs' }).getByRole('rowheader')
  await expect.poll(() => rows.count()).toBe(6)
  for (const id of lost) await page.getByRole('checkbox', { name: `Choose ${id}` }).check()
  await picture(page, 'queue-jobs')
  await page.getByLabel('Search').fill('kind:mail.send')
  await page.getByRole('button', { name: 'Search', exact: true }).click()
  await page.getByRole('button', { name: 'failed', exact: true }).click()
  await expect.poll(() => rows.count()).toBe(2)
  expect(new URL(page.url()).searchParams.get('search')).toBe('kind:mail.send state:failed')
  await page.reload()
  await expect.poll(() => rows.count()).toBe(2)
  const retry = page.getByRole('button', { name: /^Retry .*chosen$/ })
  expect(await retry.getAttribute('title')).toBe('Choose jobs first.')
  for (const id of lost) await page.getByRole('checkbox', { name: `Choose ${id}` }).check()
  await page.getByRole('button', { name: 'Retry 2 chosen' }).click()
  await page.getByRole('status').getByText('2 changed.').waitFor()
  expect(await Promise.all(lost.map(state))).toEqual(['ready', 'ready'])

  await page.goto('/jobs?search=state:scheduled')
  await page.getByRole('checkbox', { name: `Choose ${later}` }).check()
  await page.getByRole('button', { name: 'Cancel 1 chosen' }).click()
  await page.getByRole('status').getByText('1 changed.').waitFor()
  expect(await state(later)).toBe('cancelled')

  const viewer = await browse(house.url, { as: await house.viewer.person() })
  await viewer.page.goto('/jobs')
  const closed = viewer.page.getByRole('button', { name: /^Retry .*chosen$/ })
  expect(await closed.getAttribute('title')).toBe('The role viewer does not retry jobs.')
  noFaults(surf, viewer)
})

test('Q141 a job tells what became of each attempt, and is run again from its page', async () => {
  const { house, surf, page, enqueue, state, run } = await open()
  await house.clock.advance(-120_000)
  const id = await enqueue({
    kind: 'mail.send',
    payload: { to: 'ann@example.com', subject: 'Your report', pages: 12 },
    tags: ['monthly'],
  })
  await run()
  expect(await state(id)).toBe('retrying')
  await house.clock.advance('2m')
  await run()
  expect(await state(id)).toBe('completed')
  await page.goto(`/jobs/${id}`)
  await page.getByRole('heading', { level: 1, name: 'mail.send' }).waitFor()
  const steps = page.getByRole('region', { name: 'Timeline' }).getByRole('listitem')
  await expect.poll(() => steps.count()).toBeGreaterThanOrEqual(5)
  const told = (await steps.allTextContents()).map((text) => /^[a-z]+/.exec(text)?.[0])
  expect([told[0], told.at(-1)]).toEqual(['enqueued', 'completed'])
  await page.getByRole('region', { name: 'Payload' }).getByText('ann@example.com').waitFor()
  await page.getByRole('region', { name: 'Errors' }).getByText('the mail server closed the connection').first().waitFor()
  const again = page.getByRole('button', { name: 'Run again' })
  expect(await again.getAttribute('title')).toMatch(/^A job is run again when it has failed/)
  expect(await accessibility(page)).toEqual([])
  await page.setViewportSize({ width: 1200, height: 1060 })
  await picture(page, 'queue-job')

  const lost = await enqueue({ kind: 'mail.send', payload: { to: 'nobody@example.com' } })
  await run()
  await page.goto(`/jobs/${lost}`)
  await page.getByText('failed · terminal error').waitFor()
  await again.click()
  await page.getByText('ready', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Cancel this job' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel the job' }).click()
  await expect.poll(() => state(lost)).toBe('cancelled')
  noFaults(surf)
})

test('Q141 a queue is paused, resumed and drained, and a dead letter is run again or deleted, alone and as a group', async () => {
  const { house, surf, page, enqueue, state, run } = await open()
  const lost: string[] = []
  for (let n = 0; n < 3; n++) lost.push(await enqueue({ kind: 'mail.send', payload: { to: 'nobody@example.com', n } }))
  await run()
  const [first, second, third] = lost as [string, string, string]
  await page.goto('/dead-letters')
  const groups = page.getByRole('region', { name: 'Dead letters by kind and reason' })
  await groups
    .getByRole('button', { name: /^mail\.send/ })
    .first()
    .click()
  expect(Object.fromEntries(new URL(page.url()).searchParams)).toEqual({
    kind: 'mail.send',
    queue: 'mail',
    reason: 'terminal_error',
  })
  expect(await accessibility(page)).toEqual([])
  await page.getByRole('button', { name: `Retry ${first}` }).click()
  await page.getByRole('status').getByText('1 run again.').waitFor()
  expect(await state(first)).toBe('ready')
  await page.getByRole('button', { name: `Delete ${second}` }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete the letter' }).click()
  await page.getByRole('status').getByText('1 deleted.').waitFor()
  await groups.getByRole('button', { name: 'Retry all mail.send with terminal error in mail' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Run 1 again' }).click()
  await page.getByText('No dead letter.').waitFor()
  expect(await state(third)).toBe('ready')

  await page.goto('/queues')
  await page.getByRole('button', { name: 'Pause mail' }).click()
  await page.getByRole('button', { name: 'Resume mail' }).waitFor()
  expect((await house.alice.get('/api/v1/queues/mail')).body.paused_by).toBe(house.alice.id)
  await page.getByRole('region', { name: 'Queues' }).getByRole('link', { name: 'mail' }).click()
  await page.getByRole('heading', { level: 1, name: 'mail' }).waitFor()
  await page.getByText('paused', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Resume mail' }).click()
  await page.getByRole('button', { name: 'Pause mail' }).waitFor()
  expect(await accessibility(page)).toEqual([])
  await page.getByRole('button', { name: 'Drain mail' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel what waits' }).click()
  await page.getByRole('status').getByText('2 cancelled.').waitFor()
  expect(await state(first)).toBe('cancelled')

  const ordered = { kind: 'report.build', queue: 'mail', ordering_key: 'a/b', order: 'strict' }
  const head = await enqueue({ ...ordered, run_at: inAnHour() })
  const next = await enqueue(ordered)
  expect(await state(next)).toBe('blocked')
  await page.getByRole('button', { name: 'Skip the first job of a/b' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Make it a dead letter' }).click()
  await page.getByText('No key holds up a job.').waitFor()
  expect([await state(head), await state(next)]).toEqual(['failed', 'ready'])
  noFaults(surf)
})

test('Q141 callbacks are answered and schedules made by hand; the engine is a picture with its duties and workers', async () => {
  const { surf, page, enqueue, state, run } = await open({ ROLES: 'web,worker,maintenance' })
  // A queue that the server's own worker does not serve.
  const asks = await enqueue({ kind: 'bank.ask', queue: 'mail' })
  await run()
  await page.goto('/callbacks')
  await page.getByRole('button', { name: /^Answer bank/ }).click()
  const answer = page.getByRole('dialog', { name: 'Answer for the outside' })
  await answer.getByLabel('Answer').fill('{"ok":')
  await answer.getByText(/^⚠? ?This is no JSON/).waitFor()
  await answer.getByLabel('Answer').fill('{"ok":true}')
  await answer.getByRole('button', { name: 'Let the job go on' }).click()
  await page.getByText('No job waits for the outside.').waitFor()
  expect(await state(asks)).toBe('ready')

  await page.goto('/schedules')
  await page.getByRole('button', { name: 'New schedule' }).click()
  const making = page.getByRole('dialog', { name: 'New schedule' })
  await making.getByLabel('Name').fill('Nightly report')
  await making.getByLabel('Times').fill('61 * * * *')
  await making.getByLabel('Kind of job').fill('report.build')
  await making.getByRole('button', { name: 'Make schedule' }).click()
  await expect.poll(() => making.getByLabel('Times').getAttribute('aria-invalid')).toBe('true')
  await making.getByLabel('Times').fill('30 2 * * *')
  await making.getByRole('button', { name: 'Make schedule' }).click()
  const card = page.getByRole('region', { name: 'Nightly report' })
  await card.getByRole('button', { name: 'Times of Nightly report' }).click()
  await expect.poll(() => card.getByRole('listitem').count()).toBe(10)
  await card.getByRole('button', { name: 'Trigger Nightly report now' }).click()
  await card.getByText('Enqueued.').waitFor()
  await card.getByRole('button', { name: 'Pause Nightly report' }).click()
  await card.getByText('paused', { exact: true }).waitFor()
  expect(await accessibility(page)).toEqual([])

  await page.goto('/engine')
  await page.getByRole('img', { name: /^Ring: \d+ of 16 slots are free$/ }).waitFor()
  await page.getByRole('button', { name: 'Run it now' }).click()
  await page
    .getByRole('status')
    .getByText(/^\d+ duties in /)
    .waitFor()
  expect(await accessibility(page)).toEqual([])
  await page.setViewportSize({ width: 1200, height: 1000 })
  await picture(page, 'queue-engine')
  noFaults(surf)
})
