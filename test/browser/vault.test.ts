// The pages of the vault (vault.md V142) in a real browser: providers, connections, grants, traffic, and how the vault stands.
import { expect, test } from 'vitest'
import {
  connection as aConnection,
  definition,
  GRANT,
  view,
} from '../../packages/server/src/proxy/decide/testing/view.fixture.ts'
import { judgedEvent, settledEvent } from '../../packages/server/src/proxy/node/event.ts'
import { newId, tenantWire } from '../../packages/server/src/std/id.ts'
import { openVault, type VaultTest } from '../../packages/server/src/vault/testing/vault.ts'
import { accessibility, browse, noFaults, overflow, pagesBuilt, picture, useBrowser } from './browser.ts'

useBrowser()

const open = (): Promise<VaultTest> => openVault({ pages: pagesBuilt() })

const DEFINITION = `{
  // Of our own shop.
  "schema": 1, "name": "shop", "kind": "custom", "display_name": "Shop",
  "hosts": [{ "host": "api.shop-example.com" }],
  "methods": ["api_key"],
  "api_key": { "fields": [{ "name": "api_key", "label": "Key", "secret": true }] },
  "inject": [{ "where": "header", "name": "authorization", "template": "Bearer {{api_key}}" }],
}`

test('V142 a definition is typed, held against the rules meanwhile, proposed, and approved by somebody else who reads all of it', {
  timeout: 90_000,
}, async () => {
  const { house } = await open()
  const alice = await browse(house.url, { as: house.alice })
  const { page } = alice
  await page.goto('/providers')
  await page.getByRole('link', { name: 'Anthropic', exact: true }).waitFor()
  expect(await accessibility(page)).toEqual([])
  await picture(page, 'providers')
  await page.getByLabel('Find').fill('alpha')
  await page.getByRole('link', { name: 'Alpha' }).waitFor()
  await page.getByRole('link', { name: 'Anthropic', exact: true }).waitFor({ state: 'detached' })
  expect(new URL(page.url()).search).toBe('?q=alpha')

  await page.getByRole('button', { name: 'Define one of your own' }).click()
  const source = page.getByLabel('Definition')
  await source.fill(DEFINITION.replace('api.shop-example.com', '*.com'))
  await page.getByText(/hosts › 0 › host:/).waitFor()
  expect(await page.getByRole('button', { name: 'Propose it' }).getAttribute('aria-disabled')).toBe('true')
  await source.fill(DEFINITION)
  await page.getByText('It passes.', { exact: false }).waitFor()
  await page.getByLabel('Why').fill('Our own shop')
  await page.getByRole('button', { name: 'Propose it' }).click()
  await page.getByRole('heading', { name: 'Version 1 waits for approval' }).waitFor()

  // Bob approves exactly this.
  const bob = await browse(house.url, { as: house.bob })
  await bob.page.goto('/providers/shop')
  await bob.page.getByText('All of it, as it was written').click()
  await bob.page.getByText('Of our own shop.', { exact: false }).waitFor()
  expect(await accessibility(bob.page)).toEqual([])
  await bob.page.getByRole('button', { name: 'Approve exactly this' }).click()
  await bob.page.getByRole('heading', { name: 'Shop', exact: true }).waitFor()
  await bob.page.getByText('ready to connect').waitFor()
  noFaults(alice, bob)
})

test('V142 a connection shows who may use it and never what is stored; an agent is let, a request is tried, and revoking says what it brings about', {
  timeout: 90_000,
}, async () => {
  const { house, connect } = await open()
  const stored = await connect()
  const alice = await browse(house.url, { as: house.alice })
  const { page } = alice
  await page.goto('/connections')
  await page.getByRole('link', { name: 'alpha:default' }).click()
  await page.getByRole('heading', { name: 'alpha:default' }).waitFor()
  await page.getByText('No agent yet.').waitFor()
  expect(await accessibility(page)).toEqual([])
  expect(await page.content()).not.toContain(stored.value)

  await page.getByRole('link', { name: 'Let an agent use it' }).click()
  await page.getByRole('heading', { name: 'Let an agent use a connection' }).waitFor()
  await page.getByLabel('Agent', { exact: true }).selectOption(house.agent.id)
  await page.getByLabel('Paths').fill('/v1/things')
  await page.getByText('It may send GET to /v1/things.').waitFor()
  await page.getByRole('button', { name: 'Add a rule' }).click()
  const second = page.getByRole('group', { name: 'Rule 2' })
  await second.getByLabel('The agent').selectOption('ask')
  await second.getByLabel('Methods').fill('POST')
  await second.getByRole('button', { name: 'Only where a fact of the request says so' }).click()
  await second.getByLabel('Value').fill('100')
  await page.getByText('It may send POST where amount is above 100, after a person has agreed each time.').waitFor()
  expect(await accessibility(page)).toEqual([])
  await picture(page, 'grant')
  await page.getByRole('button', { name: 'Let it' }).click()
  await page.getByRole('heading', { name: /uses alpha:default$/ }).waitFor()
  expect((await house.alice.get('/api/v1/grants')).body.data[0].rules).toEqual([
    { effect: 'allow', methods: ['GET'], paths: ['/v1/things'] },
    { effect: 'ask', methods: ['POST'], where: [{ fact: 'amount', op: 'gt', value: 100 }] },
  ])

  const trying = page.getByRole('region', { name: 'Try a request' })
  await trying.getByLabel('Address').fill('https://api.example.com/v1/things/7')
  await trying.getByRole('button', { name: 'Try it' }).click()
  await trying.getByText('Allowed').waitFor()
  await trying.getByLabel('Address').fill('https://api.example.com/v2')
  await trying.getByRole('button', { name: 'Try it' }).click()
  await trying.getByText('the grant does not name this path').waitFor()
  await trying.getByLabel('Address').fill('nonsense')
  await trying.getByRole('button', { name: 'Try it' }).click()
  await trying.getByText('Must be an http or https URL with a host.').waitFor()

  await page.goto(`/connections/${stored.id}`)
  await page.getByRole('button', { name: 'Revoke alpha:default' }).click()
  const asking = page.getByRole('dialog', { name: 'Revoke alpha:default' })
  await asking.getByText('1 grant ends', { exact: false }).waitFor()
  await asking.getByRole('button', { name: 'Revoke it' }).click()
  await page.getByText('Revoked', { exact: false }).first().waitFor()
  noFaults(alice)
})

test('V142 traffic shows what went through with its outcome, who talked to whom, and how a request would be judged now; phones scroll nothing sideways', {
  timeout: 90_000,
}, async () => {
  const { house, connect } = await open()
  const stored = await connect()
  await said(house, stored.id)
  const alice = await browse(house.url, { as: house.alice })
  const { page } = alice
  await page.goto('/traffic')
  await page.getByRole('img', { name: '3 requests of 1 agent to 2 hosts' }).waitFor()
  await page.getByText('no policy permits it').first().waitFor()
  expect(await accessibility(page)).toEqual([])
  await picture(page, 'traffic')
  await page.getByRole('search').getByLabel('Outcome').selectOption('deny')
  await page.getByRole('button', { name: 'Filter' }).click()
  await expect.poll(() => page.getByRole('link', { name: 'GET api.example.com/v1/things' }).count()).toBe(0)
  expect(new URL(page.url()).search).toBe('?outcome=deny')
  await page.getByRole('link', { name: 'POST other.example.com/v1/things' }).click()
  await page.getByRole('heading', { name: 'How it would be judged now' }).waitFor()
  await page.getByText('Run token').waitFor()
  expect(await accessibility(page)).toEqual([])
  await page.getByRole('link', { name: 'Make a grant from this' }).click()
  await page.getByText('It may send POST to /v1/things at other.example.com.').waitFor()

  const phone = await browse(house.url, { as: house.alice, width: 360, height: 740 })
  for (const path of [
    '/traffic',
    '/connections',
    '/providers',
    '/grants',
    '/grants/new',
    '/vault',
    `/connections/${stored.id}`,
  ]) {
    await phone.page.goto(path)
    await phone.page.getByRole('heading', { level: 1 }).waitFor()
    expect([path, await overflow(phone.page)]).toEqual([path, 0])
  }
  noFaults(alice, phone)
})

test('V142 how the vault stands is shown in numbers, and whether everything opens', { timeout: 90_000 }, async () => {
  const { house, connect } = await open()
  await connect()
  const alice = await browse(house.url, { as: house.alice })
  const { page } = alice
  await page.goto('/vault')
  await page.getByText('1 connected').waitFor()
  await page.getByText('connections.material').waitFor()
  expect(await accessibility(page)).toEqual([])
  await page.getByRole('button', { name: 'Check now' }).click()
  await page.getByText('At work …').waitFor()
  await house.runJobs()
  await page.getByText(/values? opens?\.$/).waitFor()
  // An agent's people who may not see it are told so, and nothing else.
  const member = await browse(house.url, { as: await house.member.person() })
  await member.page.goto('/vault')
  await member.page.getByText(/does not see how the vault stands/).waitFor()
  noFaults(alice, member)
})

/** Three judgements as a node would have recorded them. */
async function said(house: VaultTest['house'], connectionId: string): Promise<void> {
  const at = house.clock.now()
  const one = { ...aConnection('1', definition('alpha', [{ host: 'api.example.com' }])), id: connectionId }
  const base = view([one], { id: newId('run'), tenant: tenantWire(house.tenantId), agentId: house.agent.id })
  const seen = { ...base, agent: { ...base.agent, id: house.agent.id } }
  const put = (event: ReturnType<typeof judgedEvent>) => house.admin.run`
    insert into events (id, tenant_id, type, class, resource_type, resource_id, actor_id, decision, action, occurred_at, body)
    values (${event.id}::text, ${house.tenantId}::uuid, ${event.type}::text, ${event.class}::text, ${event.resource_type}::text,
      ${event.resource_id}::text, ${house.agent.id}::text, ${event.decision}::text, ${event.action}::text, ${at}::timestamptz, ${event.body}::text)`
  const asked = (method: string, host: string) => ({
    ...{ id: newId('req'), scheme: 'https' as const, host, port: 443, path: '/v1/things', method, clientAddress: '127.0.0.1' },
  })
  const use = { connection: one, grant: { ...GRANT, id: newId('grt') }, effect: 'allow' as const, minting: false }
  const policy = { policy_ids: ['proxy-reads'], policy_version: 1 }
  for (let i = 0; i < 2; i++) {
    const request = asked('GET', 'api.example.com')
    await put(judgedEvent(seen, request, { outcome: 'allow', use, policy } as never, at))
    await put(
      settledEvent(
        seen,
        request,
        one.id,
        {
          ...{ status: 200, fault: null, bytesUp: 1, bytesDown: 2, upstreamMs: 3, ttfbMs: 2, totalMs: 4, redactions: 1 },
          ...{ replaced: false, retried: false, address: null, protocolUpstream: 'h2' },
        },
        at,
      ),
    )
  }
  await put(
    judgedEvent(
      seen,
      asked('POST', 'other.example.com'),
      { outcome: 'deny', reason: 'no_permit', policy: { policy_ids: [], policy_version: 1 } },
      at,
    ),
  )
}
