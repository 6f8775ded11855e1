// Learning mode from end to end (vault.md V96, §12.22): what a run reached, the draft that is made of it, and that what was published lets out the same and nothing else.
import { randomUUID } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import { newId } from '../../std/id.ts'
import { ALPHA, openVault } from '../../vault/testing/vault.ts'
import { openWayOut, type Run, type Sending, type WayNode, type WayOut } from '../testing/way-out.ts'
import { learningRun, putLearned } from './testing/learned.ts'

const PATIENT = { timeout: 60_000, interval: 50 }
// Each of these starts a server, its gate and a proxy.
vi.setConfig({ testTimeout: 120_000 })

const BASE = `@id("people") permit (principal is User, action, resource);
@id("granted") permit (principal is Agent, action == Action::"proxy.request", resource);
@id("no-evil") forbid (principal is Agent, action == Action::"proxy.pass", resource == Host::"evil.example");
`
const PAY = { ...ALPHA, name: 'pay', display_name: 'Pay', hosts: [{ host: 'pay.example.org' }], params: {}, facts: {}, env: {} }

async function activate({ house }: WayOut, text: string): Promise<void> {
  const saved = await house.bob.post('/api/v1/policies', { text })
  expect([saved.status, saved.body.errors]).toEqual([201, []])
  expect((await house.bob.post(`/api/v1/policies/${saved.body.version}/activate`, {})).status).toBe(200)
}

const sendAll = async ({ send }: WayOut, through: WayNode, run: Run, all: readonly Sending[]): Promise<number[]> => {
  const statuses: number[] = []
  for (const one of all) statuses.push((await send(through, run, one).answer).status)
  return statuses
}

/** Once as much of it stands in the record. */
const draftOf = ({ house }: WayOut, run: Run, requests: number) =>
  vi.waitFor(async () => {
    const { status, body } = await house.alice.get(`/api/v1/runs/${run.id}/draft`)
    expect([status, body.requests]).toEqual([200, requests])
    return body
  }, PATIENT)

const visits = (): Sending[] => [
  { method: 'GET', path: `/v1/customers/${randomUUID()}` },
  { method: 'GET', path: '/v1/customers/42?expand=all' },
  { method: 'POST', path: '/v1/customers/42/refunds', body: '{"amount":1}' },
  { host: 'pay.example.org', method: 'GET', path: `/charges/${newId('req')}` },
  { host: 'docs.example.net', method: 'GET', path: '/guide/7.html' },
]

test('§12.22 V96 a run that learns visits three new hosts without credential; its draft has folded paths, and once published the same child works in enforce mode, with the credential', async () => {
  const way = await openWayOut()
  const { house, reached } = way
  await activate(way, BASE)
  await way.define(PAY)
  const connection = await way.connect()
  const [through, run] = [await way.node(), await learningRun(way.house)]
  const child = visits()
  expect(await sendAll(way, through, run, child)).toEqual([200, 200, 200, 200, 200])
  expect(reached.map(({ host, authorization }) => [host, authorization])).toEqual([
    ['api.example.com', undefined],
    ['api.example.com', undefined],
    ['api.example.com', undefined],
    ['pay.example.org', undefined],
    ['docs.example.net', undefined],
  ])

  const draft = await draftOf(way, run, 5)
  expect(draft.learned).toHaveLength(4)
  expect(draft.learned).toEqual(
    expect.arrayContaining([
      { scheme: 'https', host: 'api.example.com', port: 443, method: 'GET', path: '/v1/customers/*', requests: 2 },
      { scheme: 'https', host: 'api.example.com', port: 443, method: 'POST', path: '/v1/customers/*/refunds', requests: 1 },
    ]),
  )
  expect(draft.grants).toEqual([
    {
      ...{ provider: 'alpha', name: connection.name, requests: 3, other_connections: [] },
      grant: {
        ...{ agent_id: house.agent.id, connection_id: connection.id, reason: `Learned in ${run.id}.` },
        rules: [
          { effect: 'allow', hosts: ['api.example.com'], methods: ['GET'], paths: ['=/v1/customers/*'] },
          { effect: 'allow', hosts: ['api.example.com'], methods: ['POST'], paths: ['=/v1/customers/*/refunds'] },
        ],
      },
    },
  ])
  expect(draft.missing).toEqual([
    {
      ...{ provider: 'pay', display_name: 'Pay', reason: 'connection_missing', connection_id: null, requests: 1 },
      ...{ hosts: ['pay.example.org'], connect_url: `${house.url}/connections?new=1&provider=pay` },
    },
  ])
  expect(draft.passes.map(({ host, requests }: { host: string; requests: number }) => [host, requests])).toEqual([
    ['docs.example.net', 1],
  ])
  expect([draft.left_out, draft.truncated]).toEqual([[], false])
  // Nothing is published by reading it.
  expect((await house.alice.get('/api/v1/grants')).body.data).toEqual([])

  const paid = await way.connect({ provider: 'pay', params: {} })
  const again = await draftOf(way, run, 5)
  expect(again.missing).toEqual([])
  for (const { grant } of again.grants) expect((await house.alice.post('/api/v1/grants', grant)).status).toBe(201)
  await activate(way, BASE + again.passes.map(({ policy }: { policy: string }) => policy).join(''))

  reached.length = 0
  const [after, enforced] = [await way.node(), await way.run()]
  expect(await sendAll(way, after, enforced, child)).toEqual([200, 200, 200, 200, 200])
  expect(reached.map(({ authorization }) => authorization)).toEqual([
    ...Array.from({ length: 3 }, () => `Bearer ${connection.value}`),
    `Bearer ${paid.value}`,
    undefined,
  ])
  // And nothing beside it: another method, what lies below, another host.
  const beside: Sending[] = [
    { method: 'DELETE', path: '/v1/customers/42' },
    { method: 'GET', path: '/v1/customers/42/cards' },
    { host: 'pay.example.org', method: 'GET', path: '/payouts' },
  ]
  expect(await sendAll(way, after, enforced, beside)).toEqual([403, 403, 403])
  expect(reached).toHaveLength(5)
})

test('V96 a draft is read by who may grant, of the agents that they reach, and by no agent', async () => {
  const { house } = await openVault()
  const run = await learningRun(house)
  const path = `/api/v1/runs/${run.id}/draft`
  expect((await house.alice.get(path)).body).toMatchObject({
    ...{ run_id: run.id, agent_id: house.agent.id, mode: 'learn', requests: 0, truncated: false },
    ...{ learned: [], grants: [], passes: [], missing: [], left_out: [] },
  })
  expect((await house.agent.get(path)).status).toBe(403)
  expect((await house.reviewer.get(path)).status).toBe(403)
  expect((await house.member.get(path)).status).toBe(404)
  expect((await house.alice.get(`/api/v1/runs/${newId('run')}/draft`)).status).toBe(404)
})

test('V96 of several connections the draft takes the default and names the others; one that lapsed, one that is another’s and one of the build are to be connected', async () => {
  const { house, connect, define } = await openVault()
  await define(PAY)
  const [first, second] = [await connect({ name: 'first' }), await connect({ name: 'second' })]
  expect((await house.alice.post(`/api/v1/connections/${second.id}/default`, {})).status).toBe(200)
  const lapsed = await connect({ provider: 'pay', params: {} })
  await house.admin.run`update connections set status = 'needs_reauth', status_since = countersign.now() where id = ${lapsed.id}`
  const run = await learningRun(house)
  await putLearned(house, run.id, [
    { host: 'api.example.com', path: '/v1/a' },
    // Of another place than the definition names: nobody's.
    { host: 'api.example.com', path: '/v1/a', port: 8443 },
    { host: 'pay.example.org', path: '/charges' },
    { host: 'api.github.com', path: '/repos/octocat/hello/issues/7' },
  ])
  // What another run learned is not this one's.
  await putLearned(house, (await learningRun(house)).id, [{ host: 'other.example', path: '/' }])
  const { body } = await house.alice.get(`/api/v1/runs/${run.id}/draft`)
  expect(body.requests).toBe(4)
  expect(body.grants).toMatchObject([{ name: 'second', other_connections: [first.id], grant: { connection_id: second.id } }])
  expect(body.passes).toMatchObject([{ host: 'api.example.com', requests: 1 }])
  expect(body.missing).toEqual([
    expect.objectContaining({ provider: 'github', reason: 'connection_missing', connection_id: null, hosts: ['api.github.com'] }),
    expect.objectContaining({
      ...{ provider: 'pay', reason: 'needs_reauth', connection_id: lapsed.id },
      connect_url: `${house.url}/connections/${lapsed.id}`,
    }),
  ])
  expect(body.learned).toContainEqual(
    expect.objectContaining({ host: 'api.github.com', method: 'GET', path: '/repos/octocat/hello/issues/*' }),
  )

  // A member may grant what is theirs: nothing of this, and is told to connect.
  const member = await house.member.person()
  await house.admin.run`update agents set user_id = ${member.id}::text where id = ${house.agent.id}::text`
  const theirs = (await member.get(`/api/v1/runs/${run.id}/draft`)).body
  expect(theirs.grants).toEqual([])
  expect(theirs.missing.map(({ provider, reason }: { provider: string; reason: string }) => [provider, reason])).toEqual([
    ['alpha', 'connection_missing'],
    ['github', 'connection_missing'],
    ['pay', 'connection_missing'],
  ])
})
