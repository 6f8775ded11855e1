// Every page of the relay with something on it (relay.md R128): reached by keyboard, readable by whoever cannot see it, no wider than a telephone, in both schemes; and the acts that no
// other test of these pages does.
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { accessibility, browse, noFaults, overflow, useBrowser } from './browser.ts'
import { openWorld, type World } from './relay-world.ts'

useBrowser()

const taskOf = (url: string): string => new URL(url).pathname

const ofOwner = ({
  relay,
  grants,
  revoked,
  pending,
  approved,
  denied,
  card,
  pushed,
  answered,
  asked,
  first,
}: World): string[] => [
  ...['/threads', '/undelivered', '/relay-grants', '/relay-grants?new=1', '/connection-requests', '/cards', '/cards/new'],
  ...['/cards/import', '/listing', '/listing/sandbox'],
  ...[relay.grant.id, grants.near?.id, revoked.id].map((id) => `/relay-grants/${id}`),
  ...[pending.id, approved.id, denied.id].map((id) => `/connection-requests/${id}`),
  ...[`/cards/${card.id}`, `/cards/${pushed.id}`, `/cards/${card.id}/try`],
  ...[`/threads/${answered.thread_id}`, `/threads/${asked.thread_id}`],
  ...[taskOf(asked.approval.url), taskOf(first.approval.url)],
]

/** What can be acted on in the page and was not come to with the Tab key. */
async function unreached(page: Page): Promise<string[]> {
  const acts =
    'main a[href], main button, main input, main select, main textarea, main summary, main [role=button], main [tabindex="0"]'
  const count = await page.locator(acts).count()
  await page.locator('main').first().focus()
  for (let i = 0; i < count + 5; i++) {
    await page.keyboard.press('Tab')
    await page.evaluate(() => document.activeElement?.setAttribute('data-reached', ''))
  }
  return page.evaluate(
    (query) =>
      [...document.querySelectorAll<HTMLElement>(query)]
        .filter((one) => one.checkVisibility() && !one.hasAttribute('data-reached') && !one.closest('dialog:not([open])'))
        .map((one) => one.outerHTML.slice(0, 120)),
    acts,
  )
}

const settled = async (page: Page, place: string) => {
  await page.goto(place)
  await page.locator('h1').first().waitFor()
  await expect.poll(() => page.getByText('Loading…', { exact: true }).count()).toBe(0)
}

for (const look of [{ width: 390, dark: true }, { width: 1200 }])
  test(`R128 each page of the relay, ${look.width} px wide: all by keyboard, nothing for axe to find, nothing beside the window`, {
    timeout: 400_000,
  }, async () => {
    const world = await openWorld({ exhausted: 0 })
    const owner = await browse(world.house.url, { as: world.owner, ...look })
    const other = await browse(world.house.url, { as: world.other, ...look })
    const all = [
      ...ofOwner(world).map((place) => [owner.page, place] as const),
      ...[`/connection-requests/${world.approved.id}`, `/threads/${world.first.thread_id}`, '/threads?side=caller'].map(
        (place) => [other.page, place] as const,
      ),
    ]
    for (const [page, place] of all) {
      await settled(page, place)
      expect([place, await accessibility(page), Math.max(0, await overflow(page))]).toEqual([place, [], 0])
      // A dialog holds the keys for itself.
      if ((await page.locator('dialog[open]').count()) === 0) expect([place, await unreached(page)]).toEqual([place, []])
    }
    noFaults(owner, other)
  })

test('R69 R128 what was not delivered is sent again all together, by keyboard alone, and the page says how far that is', {
  timeout: 200_000,
}, async () => {
  const { house, owner, there } = await openWorld({ exhausted: 3 })
  const surf = await browse(house.url, { as: owner, width: 390, dark: true })
  const { page } = surf
  await settled(page, '/undelivered')
  const waiting = page.getByRole('region', { name: 'Messages that wait for a person' })
  await waiting.getByText('its schedule is used up').nth(2).waitFor()
  expect(await page.getByRole('region', { name: 'Deliveries' }).getByRole('row').count()).toBe(4)
  expect([await accessibility(page), Math.max(0, await overflow(page)), await unreached(page)]).toEqual([[], 0, []])

  await page.getByLabel('Exhausted in').focus()
  await page.keyboard.type('all')
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  const progress = page.getByRole('progressbar', { name: 'Progress of the replay' })
  await progress.waitFor()
  await page.getByText('0 of 3 sent, 0 arrived, 0 failed').waitFor()
  const before = there.got.length
  await house.runJobs()
  await house.clock.advance('10s')
  await house.runJobs()
  await page.getByText('3 of 3 sent, 3 arrived, 0 failed').waitFor()
  expect([there.got.length - before, await progress.getAttribute('value')]).toEqual([3, '3'])
  await page.getByText('None. Deliveries to endpoints of agents', { exact: false }).waitFor()
  await waiting.getByText('None. What cannot be delivered', { exact: false }).waitFor()
  expect(await accessibility(page)).toEqual([])
  noFaults(surf)
})

test('R103 R128 on the question of a first message somebody ticks that the two stay connected; without the tick it is this message alone', {
  timeout: 200_000,
}, async () => {
  const world = await openWorld({ exhausted: 0 })
  const { house, owner, other, first, agents } = world
  const begin = () => agents[3].post('/api/v1/agents/ada-narrow/threads', { text: 'And another', skill: 'book' })
  const surf = await browse(house.url, { as: owner })
  const others = await browse(house.url, { as: other })
  const { page } = surf
  await others.page.goto(`/threads/${first.thread_id}`)
  await others.page.getByText('Its first message asks for a relay grant.', { exact: false }).waitFor()
  await page.goto(taskOf(first.approval.url))
  await page.getByRole('button', { name: 'Edit', exact: true }).click()
  const tick = page.getByRole('checkbox', { name: 'Let the two stay connected' })
  expect(await tick.isChecked()).toBe(false)
  await tick.focus()
  await page.keyboard.press('Space')
  expect(await accessibility(page)).toEqual([])
  await page.getByRole('button', { name: 'Compare and confirm' }).click()
  await page.getByRole('button', { name: 'Send the edit' }).click()
  await page.getByText('Edited', { exact: true }).waitFor()
  expect((await begin()).body).toMatchObject({ state: 'queued' })
  // Whoever asked reads the thread by now, without a look of theirs at another page.
  await others.page.getByRole('heading', { name: 'Conversation' }).waitFor()
  noFaults(surf, others)
})

test('R79 R128 a draft of what is allowed from now on is set aside with one click', { timeout: 200_000 }, async () => {
  const { house, owner, asked, relay } = await openWorld({ exhausted: 0 })
  const surf = await browse(house.url, { as: owner })
  const { page } = surf
  await page.goto(taskOf(asked.approval.url))
  const card = page.getByRole('region', { name: 'From now on' })
  await card.getByRole('button', { name: 'Allow this from now on' }).click()
  await card.getByRole('button', { name: 'Draft it' }).click()
  await card.getByText('Draft: allows nothing yet').waitFor()
  await page.goto(`/relay-grants/${relay.grant.id}`)
  const allowed = page.getByRole('region', { name: 'Allowed from now on' })
  await allowed.getByText('Draft: allows nothing yet').waitFor()
  expect(await accessibility(page)).toEqual([])
  await allowed.getByRole('button', { name: 'Set it aside' }).click()
  await allowed.getByText('Nothing: whatever policies ask about is asked each time.', { exact: false }).waitFor()
  const path = `/api/v1/relay-grants/${relay.grant.id}/standing-permissions`
  expect((await owner.get(path)).body.data).toEqual([])
  noFaults(surf)
})
