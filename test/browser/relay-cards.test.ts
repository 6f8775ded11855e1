// What stands behind a card and a relay grant, in a real browser: what is allowed from now on (relay.md R79), domains that are proved (R23), cards of agents elsewhere (R18), and calls
// that ring (R20).
import { expect, onTestFinished, test } from 'vitest'
import { makeCardKey } from '../../packages/server/src/crypto/card-signature.ts'
import { openDnsStub } from '../../packages/server/src/egress/testing/dns-stub.ts'
import { openUpstreamAgent } from '../../packages/server/src/relay/delivery/testing/upstream-agent.ts'
import { openRelay } from '../../packages/server/src/relay/testing/relay.ts'
import { openTwo } from '../../packages/server/src/relay/testing/two.ts'
import { accessibility, browse, houseWithPages, noFaults, overflow, pagesBuilt, useBrowser } from './browser.ts'

useBrowser()

const PASSWORD = 'marble-otter-sings-7-hymns'
const ASKS = `@id("asks") @ask("May {agent} write to us?") permit (principal is Agent, action in [Action::"thread.start", Action::"thread.send"], resource);
@id("people") permit (principal is User, action, resource);
@id("server") permit (principal is Agent, action in [Action::"thread.respond", Action::"thread.serve", Action::"thread.read"], resource);`

test('R79 R128 from a question: allowed from now on up to a ceiling, put in force with a proof, listed beside its relay grant, and taken back with one click', {
  timeout: 120_000,
}, async () => {
  const { house, grant, start } = await openRelay({ pages: pagesBuilt() })
  const saved = await house.bob.post('/api/v1/policies', { text: ASKS })
  expect((await house.bob.post(`/api/v1/policies/${saved.body.version}/activate`, {})).status).toBe(200)
  const pay = async (amount: number) => (await start({ data: { amount }, skill: 'pay' })).body
  const olga = await house.given.user({ role: 'owner', displayName: 'Olga', password: PASSWORD })
  const asked = await pay(400)
  expect(asked.state).toBe('awaiting_approval')
  const surf = await browse(house.url, { as: olga })
  const { page } = surf

  await page.goto(`/tasks/${asked.approval.task_id}`)
  const card = page.getByRole('region', { name: 'From now on' })
  await card.getByRole('button', { name: 'Allow this from now on' }).click()
  expect(await card.getByLabel('amount at most').inputValue()).toBe('400')
  await card.getByLabel('amount at most').fill('a lot')
  await expect.poll(() => card.getByLabel('amount at most').getAttribute('aria-invalid')).toBe('true')
  await card.getByLabel('amount at most').fill('1000')
  await card.getByLabel('For', { exact: true }).selectOption({ label: '30 days' })
  expect(await accessibility(page)).toEqual([])
  await card.getByRole('button', { name: 'Draft it' }).click()
  await card.getByText('Draft: allows nothing yet').waitFor()
  await card.getByText('at most 1,000').waitFor()
  expect((await pay(10)).state).toBe('awaiting_approval')

  // given: the proof of presence is too old
  await house.clock.advance('11m')
  await card.getByRole('button', { name: 'Put it in force' }).click()
  const proof = page.getByRole('dialog', { name: 'Confirm that it is you' })
  await proof.getByLabel('Your password').fill(PASSWORD)
  await proof.getByRole('button', { name: 'Confirm' }).click()
  await card.getByText('In force', { exact: true }).waitFor()
  expect([(await pay(1_000)).state, (await pay(1_001)).state]).toEqual(['queued', 'awaiting_approval'])
  // It answered nothing that was asked before.
  await page.getByRole('button', { name: 'Accept', exact: true }).waitFor()

  await card.getByRole('link', { name: 'All that is allowed under this relay grant' }).click()
  const allowed = page.getByRole('region', { name: 'Allowed from now on' })
  await allowed.getByText('In force', { exact: true }).waitFor()
  await allowed.getByText('Messages to the agent').waitFor()
  await allowed.getByText('at most 1,000').waitFor()
  expect(await accessibility(page)).toEqual([])
  await allowed.getByRole('button', { name: 'Take it back' }).click()
  await allowed.getByText('Nothing: whatever policies ask about is asked each time.', { exact: false }).waitFor()
  expect((await pay(1)).state).toBe('awaiting_approval')
  expect(page.url()).toContain(grant.id)
  noFaults(surf)
})

test('R79 R128 who may not put policies in force drafts all the same, and is told why it stays a draft', {
  timeout: 90_000,
}, async () => {
  const { house, start } = await openRelay({ pages: pagesBuilt() })
  const saved = await house.bob.post('/api/v1/policies', { text: ASKS })
  await house.bob.post(`/api/v1/policies/${saved.body.version}/activate`, {})
  const { body } = await start({ text: 'hello', skill: 'echo' })
  const operator = await house.given.user({ role: 'operator' })
  const surf = await browse(house.url, { as: operator, width: 390, height: 800, dark: true })
  const { page } = surf
  await page.goto(`/tasks/${body.approval.task_id}`)
  await page.getByRole('button', { name: 'Allow this from now on' }).click()
  await page.getByRole('button', { name: 'Draft it' }).click()
  const closed = page.getByRole('button', { name: 'Put it in force' })
  await closed.waitFor()
  expect(await closed.getAttribute('aria-disabled')).toBe('true')
  // Nor does it set a draft aside.
  await expect.poll(() => page.getByText('The role operator does not put policies in force.').count()).toBe(2)
  expect(await overflow(page)).toBeLessThanOrEqual(0)
  expect(await accessibility(page)).toEqual([])
  noFaults(surf)
})

test('R23 R128 a domain is proved on the page of its card: what to publish, a look that finds nothing, one that finds it, and giving it up', {
  timeout: 120_000,
}, async () => {
  const texts = new Map<string, string>()
  const dns = await openDnsStub((name, type) => {
    const text = texts.get(name)
    return type === 'TXT' && text !== undefined ? { records: [{ text }] } : {}
  })
  onTestFinished(() => dns.close())
  const { house, cardId } = await openTwo({
    pages: pagesBuilt(),
    settings: { EGRESS_DNS_SERVERS: `127.0.0.1:${dns.port}` },
  })
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.goto(`/cards/${cardId}`)
  const card = page.getByRole('region', { name: 'Domains' })
  await card.getByText('None. A domain that was proved', { exact: false }).waitFor()
  await card.getByRole('button', { name: 'Prove a domain' }).click()
  const ask = page.getByRole('dialog', { name: 'Prove a domain' })
  await ask.getByLabel('Domain').fill('localhost')
  await ask.getByRole('button', { name: 'Ask for a challenge' }).click()
  await expect.poll(() => ask.getByLabel('Domain').getAttribute('aria-invalid')).toBe('true')
  await ask.getByLabel('Domain').fill('ada.example.com')
  await ask.getByRole('button', { name: 'Ask for a challenge' }).click()

  const one = page.getByRole('region', { name: 'ada.example.com' })
  await one.getByText('Not proved yet').waitFor()
  const name = (await one.getByRole('region', { name: 'name of the record' }).textContent()) ?? ''
  const value = (await one.getByRole('region', { name: 'value of the record' }).textContent()) ?? ''
  expect([name, value]).toEqual(['_countersign.ada.example.com', expect.stringMatching(/^countersign-card=\S{43}$/)])
  expect(await accessibility(page)).toEqual([])
  await one.getByRole('button', { name: 'Look for it now' }).click()
  await one.getByRole('alert').getByText('Proof was not found', { exact: false }).waitFor()
  await one.getByText('found nothing.', { exact: false }).waitFor()
  texts.set(name, value)
  await one.getByRole('button', { name: 'Look for it now' }).click()
  await one.getByText('Proved', { exact: true }).waitFor()
  await one.getByText('It is looked for again each week, and counts until', { exact: false }).waitFor()
  expect(await one.getByRole('alert').count()).toBe(0)

  // Another way keeps the value.
  await card.getByRole('button', { name: 'Prove a domain' }).click()
  await ask.getByLabel('Domain').fill('ada.example.com')
  await ask.getByLabel('Proved by').selectOption({ label: 'a file on its web server' })
  await ask.getByRole('button', { name: 'Ask for a challenge' }).click()
  await one.getByText('What has to be published').click()
  await expect
    .poll(() => one.getByRole('region', { name: 'address of the file' }).textContent())
    .toBe('https://ada.example.com/.well-known/countersign.txt')
  expect(await one.getByRole('region', { name: 'line of the file' }).textContent()).toBe(value)

  await one.getByRole('button', { name: 'Give up ada.example.com' }).click()
  await page.getByRole('dialog', { name: 'Give up ada.example.com' }).getByRole('button', { name: 'Give it up' }).click()
  await card.getByText('None. A domain that was proved', { exact: false }).waitFor()
  noFaults(surf)
})

test('R18 R128 a card of an agent elsewhere is imported by its address, and the page says what was found and what the draft leaves out', {
  timeout: 120_000,
}, async () => {
  const agent = await openUpstreamAgent()
  agent.key = makeCardKey('ES256')
  agent.said = { documentationUrl: 'http://elsewhere.example/docs', name: 'Elsewhere <b>bold</b>' }
  const house = await houseWithPages({ settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${agent.port}` } })
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.goto('/cards')
  await page.getByRole('button', { name: 'Import a card' }).click()
  const address = page.getByLabel('Address of its card')
  await address.fill(`${agent.origin}/jwks.json`)
  await page.getByRole('button', { name: 'Read it and make a draft' }).click()
  await expect.poll(() => address.getAttribute('aria-invalid')).toBe('true')
  expect(await accessibility(page)).toEqual([])
  await address.fill(agent.cardUrl)
  await page.getByLabel('Slug').fill('ada-elsewhere')
  await page.getByRole('button', { name: 'Read it and make a draft' }).click()

  const report = page.getByRole('region', { name: 'The draft is there' })
  await report.getByText('Elsewhere <b>bold</b>').waitFor()
  await report.getByText('by keys of its own origin').waitFor()
  await report.getByText(agent.key.kid).waitFor()
  await report.getByText(`${agent.origin}/rpc`).waitFor()
  const less = page.getByRole('region', { name: 'Where it says less than theirs' })
  await less.getByText('/documentationUrl').waitFor()
  await less.getByText('Left out: it is no https address.').waitFor()
  expect(await accessibility(page)).toEqual([])
  await page.getByRole('link', { name: 'Go to the card' }).click()
  await page.getByText('Whoever has a relay grant').waitFor()
  await page.getByText('Found by its address alone').waitFor()
  expect(await page.locator('main b').count()).toBe(0)
  noFaults(surf)
})

test('R20 R128 a call rings on the page of its thread, from both sides; one is answered and one declined, with a click each', {
  timeout: 120_000,
}, async () => {
  const { house, bea, start } = await openRelay({ pages: pagesBuilt() })
  await house.admin.run`update cards set ring_seconds = 600`
  const first = (await start({ text: 'Are you there?', live: true })).body.thread_id
  const second = (await start({ text: 'And now?', live: true })).body.thread_id
  const patient = (await start({ text: 'No hurry.' })).body.thread_id
  const alice = await browse(house.url, { as: house.alice })
  const beas = await browse(house.url, { as: bea })
  await alice.page.goto(`/threads/${first}`)
  await beas.page.goto(`/threads/${first}`)
  const call = alice.page.getByRole('region', { name: 'Call' })
  await call.getByText('A call rings').waitFor()
  await alice.page.getByText('Nobody answering, it ends by itself on', { exact: false }).waitFor()
  await beas.page.getByRole('region', { name: 'Call' }).getByText('Ringing').waitFor()
  expect(await beas.page.getByRole('button', { name: 'Answer the call' }).count()).toBe(0)
  expect(await accessibility(alice.page)).toEqual([])
  await call.getByRole('button', { name: 'Answer the call' }).click()
  for (const { page } of [alice, beas]) {
    await page.getByText('Agent at work').first().waitFor()
    await page.getByRole('region', { name: 'About it' }).getByText('answered on', { exact: false }).waitFor()
    await expect.poll(() => page.getByRole('region', { name: 'Call' }).count()).toBe(0)
  }

  await alice.page.goto(`/threads/${second}`)
  await call.getByRole('button', { name: 'Decline' }).click()
  await alice.page.getByText('Rejected', { exact: true }).waitFor()
  await alice.page.getByText('The agent does not want to do it.').first().waitFor()
  await alice.page.goto(`/threads/${patient}`)
  await alice.page.getByText('No hurry.').waitFor()
  expect(await call.count()).toBe(0)
  noFaults(alice, beas)
})
