// Whoever else of another tenant holds something (vault.md §12.38): its agent, the token of a run of it and the browser of a connect link call every route with this tenant's ids,
// and hear what they hear of ids that nobody has. Its admin crawls in crawl.test.ts.
import { expect, test } from 'vitest'
import { type Client, clientOf } from '#harness'
import { tenantWire } from '../../packages/server/src/std/id.ts'
import { pageAt } from '../../packages/server/src/vault/authorizations/testing/page.ts'
import { openVault } from '../../packages/server/src/vault/testing/vault.ts'
import { ask, callOf, type Ids, nobodys, rootRoutes, routes } from './calls.ts'

test('V8 V139 §12.38 two tenants: every id of one, tried by the other’s agent, run and connect link, is answered as a random id is', {
  timeout: 300_000,
}, async () => {
  const { house, connect } = await openVault()
  const { alice, agent } = house
  const connection = await connect()
  const rules = [{ effect: 'allow' }]
  const grant = await alice.post('/api/v1/grants', { agent_id: agent.id, connection_id: connection.id, rules })
  const run = await agent.post('/api/v1/runs', { purpose: 'mine' })
  const own = await alice.post('/api/v1/authorizations', { provider: 'ahrefs' })
  const task = await house.given.task()
  expect([grant.status, run.status, own.status]).toEqual([201, 201, 201])
  const known: Record<string, string> = {
    ...{ conn: connection.id, grt: grant.body.id, run: run.body.run.id, atz: own.body.authorization_id, task: task.id },
    ...{ agt: agent.id, key: agent.keyId, usr: alice.id, ten: tenantWire(house.tenantId) },
  }

  const stranger = await house.stranger.person()
  const made = await stranger.post('/api/v1/agents', { name: 'theirs' })
  const key = await stranger.post('/api/v1/keys', { kind: 'agt', agent_id: made.body.id })
  const theirs = clientOf(house.url, { bearer: key.body.secret })
  const link = await stranger.post('/api/v1/authorizations', { provider: 'ahrefs' })
  expect([made.status, key.status, link.status]).toEqual([201, 201, 201])
  const openRun = async (): Promise<Client> => {
    const opened = await theirs.post('/api/v1/runs', { purpose: 'theirs' })
    expect(opened.status).toBe(201)
    return clientOf(house.url, { bearer: opened.body.token })
  }
  const page = pageAt(house.url, link.body.connect_url)
  expect((await page.open()).status).toBe(200)
  const others: Record<string, Client> = { agent: theirs, run: await openRun(), link: page }

  const ids: Ids = (prefix) => known[prefix]
  let tried = 0
  for (const one of [...routes, ...rootRoutes]) {
    const { call, places } = callOf(one, ids)
    if (![...places].some((place) => known[place.split(':')[1] as string] !== undefined)) continue
    for (const [who, client] of Object.entries(others)) {
      const nobody = [await ask(client, callOf(one, nobodys).call)]
      const answer = await ask(client, call)
      nobody.push(await ask(client, callOf(one, nobodys).call))
      expect([who, one.method, one.path, nobody.includes(answer) ? answer : { answer, nobody }]).toEqual([
        who,
        one.method,
        one.path,
        answer,
      ])
      tried++
    }
    if (one.method !== 'GET' && (await (others.run as Client).get('/api/v1/runs/self')).status !== 200)
      others.run = await openRun()
  }
  expect(tried).toBeGreaterThan(300)
  // And nothing of it changed.
  expect((await alice.get(`/api/v1/connections/${connection.id}`)).body).toMatchObject({ status: 'connected', generation: 1 })
  expect((await alice.get(`/api/v1/grants/${grant.body.id}`)).body).toMatchObject({ status: 'active' })
  expect((await alice.get(`/api/v1/runs/${run.body.run.id}`)).body).toMatchObject({ state: 'live' })
  expect((await alice.get(`/api/v1/authorizations/${own.body.authorization_id}`)).body.status).toBe(own.body.status)
})
