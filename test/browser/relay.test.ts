// The relay in a real browser: two builders in two tenants from a card to a revoked relay grant (relay.md R1), one person alone on both sides (R6), an approval that an open stream
// goes on after (§12.27), and what a hostile peer writes, which is text wherever it stands (§12.36).
import { expect, test } from 'vitest'
import { openRelay } from '../../packages/server/src/relay/testing/relay.ts'
import { agentOf, openTwo } from '../../packages/server/src/relay/testing/two.ts'
import { clientOf } from '../harness/index.ts'
import { accessibility, browse, houseWithPages, noFaults, overflow, pagesBuilt, picture, useBrowser } from './browser.ts'

useBrowser()

const TOKEN = /^cs_live_rly_[0-9A-Za-z]+$/

test('R1 R128 two builders, each at a page: a card, a request, an approval as narrow as wanted, a token collected once, a thread read live, an answer by hand, and the end', {
  timeout: 180_000,
}, async () => {
  const house = await houseWithPages()
  const elsewhere = await house.given.tenant('Bea & Co')
  const bea = await house.given.user({ role: 'owner', tenantId: elsewhere, displayName: 'Bea' })
  await agentOf(house, bea, ['threads:*'], 'planner')
  const a = await browse(house.url, { as: house.alice })
  const b = await browse(house.url, { as: bea })

  // A makes the card, beside what would be served.
  await a.page.goto('/inbox')
  await a.page.getByRole('link', { name: 'Cards', exact: true }).click()
  await a.page.getByRole('button', { name: 'New card' }).click()
  await a.page.getByLabel('Name', { exact: true }).fill('Ada Travel')
  await a.page.getByLabel('Slug').fill('ada-travel')
  await a.page.getByLabel('Summary').fill('Books trains.')
  await a.page.getByLabel('Id of the skill').fill('book')
  await a.page.getByLabel('Name of the skill').fill('Book')
  await a.page.getByLabel('What it does').fill('Books a train.')
  await a.page.getByLabel('Tags').fill('travel')
  await a.page.getByRole('region', { name: 'document', exact: true }).getByText('"slug": "ada-travel"').waitFor()
  await a.page.getByRole('button', { name: 'A2A document' }).click()
  await a.page.getByRole('region', { name: 'document', exact: true }).getByText('"securitySchemes"').waitFor()
  await a.page.getByText('Everything on this card is public the moment you save it', { exact: false }).waitFor()
  expect(await accessibility(a.page)).toEqual([])
  await a.page.getByRole('button', { name: 'Save and publish' }).click()
  await a.page.getByRole('heading', { name: 'Ada Travel' }).waitFor()
  await a.page.getByText('1 signature').waitFor()
  await picture(a.page, 'card')

  // B asks, at its page.
  await b.page.goto('/listing/ada-travel')
  await b.page.getByLabel('What for').fill('Trips of our sales team')
  expect(await accessibility(b.page)).toEqual([])
  await b.page.getByRole('button', { name: 'Ask to be connected' }).click()
  await b.page.getByText('Waits for an answer').waitFor()

  // A finds it in the inbox, and gives less than was asked.
  await a.page.getByRole('link', { name: 'Inbox', exact: true }).click()
  await a.page
    .getByRole('link', { name: /planner/ })
    .first()
    .click()
  await a.page.getByText('Trips of our sales team').first().waitFor()
  await a.page.getByRole('button', { name: 'Edit', exact: true }).click()
  await a.page.getByLabel('Skills').fill('book')
  await a.page.getByLabel('be told').uncheck()
  await a.page.getByLabel('For how many days').fill('1')
  expect(await accessibility(a.page)).toEqual([])
  await a.page.getByRole('button', { name: 'Compare and confirm' }).click()
  await a.page.getByRole('button', { name: 'Send the edit' }).click()
  await a.page.getByText('Edited', { exact: true }).waitFor()

  // B collects the token, once.
  await b.page.getByRole('button', { name: 'Collect the relay token' }).click()
  const dialog = b.page.getByRole('dialog', { name: 'Your relay token' })
  const token = (await dialog.getByText(TOKEN).textContent()) ?? ''
  await dialog.getByRole('button', { name: 'Close' }).click()
  await expect.poll(() => b.page.getByRole('button', { name: 'Collect the relay token' }).count()).toBe(0)
  expect(await b.page.content()).not.toContain(token)
  const terms = b.page.getByRole('region', { name: 'Terms' })
  await terms.getByRole('row', { name: /Skills every skill book/ }).waitFor()
  await terms.getByRole('row', { name: /For 90 days 1 day(?!s)/ }).waitFor()

  // B starts a thread; both read it live; A answers from the hosted inbox.
  const started = await clientOf(house.url, { bearer: token }).post('/api/v1/agents/ada-travel/threads', {
    ...{ text: 'A train to Rome', skill: 'book' },
  })
  expect(started.status).toBe(202)
  await a.page.goto('/cards')
  await a.page.getByRole('link', { name: 'Ada Travel' }).click()
  await a.page.getByRole('region', { name: 'Hosted inbox' }).getByRole('link', { name: 'planner' }).click()
  await b.page.goto(`/threads/${started.body.thread_id}`)
  for (const { page } of [a, b]) {
    await page.getByRole('region', { name: 'Conversation' }).getByText('A train to Rome').waitFor()
    await page.getByText('Live', { exact: true }).waitFor()
  }
  await a.page.getByLabel('Your words').fill('Tomorrow, 8:10')
  await a.page.getByRole('button', { name: 'Send the answer' }).click()
  await b.page.getByRole('region', { name: 'Conversation' }).getByText('Tomorrow, 8:10').waitFor()

  // A revokes, and sees before what that ends.
  await a.page.getByRole('region', { name: 'About it' }).getByRole('link', { name: 'planner' }).click()
  await a.page.getByText('Quotas').waitFor()
  await a.page.getByText('1 of 100', { exact: true }).waitFor()
  expect(await accessibility(a.page)).toEqual([])
  await picture(a.page, 'relay-grant')
  await a.page.getByRole('button', { name: 'Revoke' }).click()
  const revoke = a.page.getByRole('dialog', { name: 'Revoke the relay grant' })
  await revoke.getByText('1 open thread ends:').waitFor()
  await revoke.getByText(started.body.thread_id).waitFor()
  await revoke.getByLabel('Reason (both sides read it)').fill('The season is over')
  await revoke.getByRole('button', { name: 'Revoke it now' }).click()
  await a.page.getByText('The season is over').waitFor()
  await b.page.getByText('Revoked', { exact: true }).waitFor()
  const late = await clientOf(house.url, { bearer: token }).post('/api/v1/agents/ada-travel/threads', { text: 'Another' })
  expect([late.status, late.body.code]).toEqual([401, 'key_revoked'])
  noFaults(a, b)
})

test('R6 R128 one person tries both sides of their own card in one page', { timeout: 90_000 }, async () => {
  const { house, cardId } = await openTwo({ pages: pagesBuilt() })
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.goto(`/cards/${cardId}`)
  await page.getByRole('button', { name: 'Try it as a caller' }).click()
  await page.getByRole('button', { name: 'Begin' }).click()
  await page.getByLabel('Message of the caller').fill('Is this my own agent?')
  await page.getByRole('button', { name: 'Start the thread' }).click()
  const owner = page.getByRole('region', { name: 'You, the owner' })
  const caller = page.getByRole('region', { name: 'The caller' })
  await owner.getByText('Is this my own agent?').waitFor()
  await owner.getByLabel('Your words').fill('It is.')
  await owner.getByRole('button', { name: 'Send the answer' }).click()
  await caller
    .getByRole('article', { name: /^Message of ada-/ })
    .getByText('It is.')
    .waitFor()
  await caller.getByLabel('Go on as the caller').fill('Good.')
  await caller.getByRole('button', { name: 'Send as the caller' }).click()
  await owner.getByRole('article').getByText('Good.').waitFor()
  expect(await accessibility(page)).toEqual([])
  noFaults(surf)
})

const HOSTILE = [
  '<img src=x onerror="window.hacked = 1"><script>window.hacked = 2</script>',
  '![picture](https://evil.example/pixel.png) [link](javascript:alert(1))',
  'pay 100\u202e001 \u001b[31mred\u001b[0m \u0007',
  '</article></main><h1>Sign in again</h1>',
].join('\n')

test('§12.36 HTML, images of Markdown, marks of direction, escapes and 1 MiB of a hostile peer are text in every page, and nothing is loaded', {
  timeout: 180_000,
}, async () => {
  const relay = await openRelay({ pages: pagesBuilt() })
  const { house, start, claim, respond, makeGrant, makeCard, bea } = relay
  const card = await makeCard({ content: { accepted_inputs: ['*/*'], expected_outputs: ['*/*'] } })
  const grant = await makeGrant({ agent: null, card })
  const line = HOSTILE.replaceAll(/\p{Cc}/gu, ' ').slice(0, 200)
  await house.admin.run`update relay_grants set label = ${line}, purpose = ${HOSTILE} where id = ${grant.id}`
  const huge = 'A'.repeat(500_000)
  const parts = [
    { text: HOSTILE, filename: '<b>bold</b>.txt' },
    { data: { '<i>name</i>': HOSTILE, list: [{ a: HOSTILE }] } },
    { url: 'https://evil.example/tracked.png', media_type: 'image/png' },
    { raw: Buffer.from('<svg onload="window.hacked=3"/>').toString('base64'), media_type: 'image/svg+xml' },
    { text: huge },
    { text: 'B'.repeat(480_000) },
  ]
  const begun = await start({ parts, operation_id: 'op-1' }, { token: grant.token, card })
  expect([begun.status, begun.body.code]).toEqual([202, undefined])
  const id: string = begun.body.thread_id
  const [work] = await claim({}, card)
  const artifact = { artifact_id: 'x', name: '<b>bold</b>', description: HOSTILE, parts: [{ text: HOSTILE }] }
  expect((await respond(id, { text: HOSTILE, artifacts: [artifact], claim_token: work.claim_token })).status).toBe(200)
  const more = await start({ text: HOSTILE }, { token: grant.token, card })
  expect(more.status).toBe(202)

  const surf = await browse(house.url, { as: house.alice, width: 390 })
  const { page } = surf
  const places = [`/threads/${id}`, '/threads', '/relay-grants', `/relay-grants/${grant.id}`, `/threads/${more.body.thread_id}`]
  for (const place of places) {
    await page.goto(place)
    await page.getByText('<img src=x onerror=', { exact: false }).first().waitFor()
    await page.getByText('U+202E').first().waitFor()
    expect(await page.evaluate(() => (window as unknown as { hacked?: number }).hacked), place).toBeUndefined()
    expect(
      await page.locator('main img, main script, main svg[onload], main b, main i, main a[href^=javascript]').count(),
      place,
    ).toBe(0)
    expect(await page.getByRole('heading', { name: 'Sign in again' }).count(), place).toBe(0)
    expect(await overflow(page), place).toBeLessThanOrEqual(0)
  }
  // A long text is cut until somebody wants more of it, and never all of what a page cannot hold.
  await page.goto(`/threads/${id}`)
  await page.getByText('of 500,000 characters.', { exact: false }).waitFor()
  expect((await page.locator('main').textContent())?.length).toBeLessThan(40_000)
  expect(await overflow(page)).toBeLessThanOrEqual(0)

  // The owner's words are as strange to the caller.
  const other = await start({ text: 'hello' })
  const [again] = await claim()
  expect((await respond(other.body.thread_id, { text: HOSTILE, claim_token: again.claim_token })).status).toBe(200)
  const beas = await browse(house.url, { as: bea })
  await beas.page.goto(`/threads/${other.body.thread_id}`)
  await beas.page.getByText('<img src=x onerror=', { exact: false }).first().waitFor()
  expect(await beas.page.locator('main img, main script').count()).toBe(0)
  noFaults(surf, beas)
})
