// What an installation of two replicas promises when a part of it dies (vault.md §10.2, §12.5, §12.8). Real processes from the control plane to the proxy.
import { expect, test } from 'vitest'
import { randomToken } from '../../packages/server/src/crypto/token.ts'
import { pageAt } from '../../packages/server/src/vault/authorizations/testing/page.ts'
import { clientOf } from '../harness/client.ts'
import type { Process } from '../harness/installation.ts'
import { openReplicas, rotating } from './replicas.ts'

const soon = { timeout: 60_000, interval: 50 }
const CALLS = 50

test('V46 §12.8 two replicas, a token about to expire, fifty requests at once through two proxies: one refresh, fifty answers', {
  timeout: 300_000,
}, async () => {
  const there = await openReplicas({ lifeSeconds: 120 })
  rotating(there.vendor, there.tokens)
  const first = there.tokens.refresh
  const run = await there.openRun()
  const all = await Promise.all(Array.from({ length: CALLS }, (_, i) => there.call(i % 2, run, `/v1/${i}`)))
  expect(all.filter(({ status }) => status !== 200)).toEqual([])
  expect(there.vendor.askedAt('/token').map(({ form }) => form.refresh_token)).toEqual([first])
  expect(there.seen).toHaveLength(CALLS)
  expect(new Set(there.seen.map(({ authorization }) => authorization))).toEqual(new Set([`Bearer ${there.tokens.access}`]))
  expect(await there.read()).toMatchObject({ status: 'connected', generation: 2 })
  expect(await there.events()).toEqual(['connection.created', 'connection.refreshed'])
})

test('V46 §12.8 §10.2 killed in the middle of refresh: the claim lapses, one retry at the other replica, no lost connection; the control plane that was killed is served by another, and its proxy comes back', {
  timeout: 300_000,
}, async () => {
  const there = await openReplicas({ lifeSeconds: 120 })
  const { vendor, tokens, servers, data } = there
  const first = tokens.refresh
  const run = await there.openRun()
  // The provider hears the question and never answers it.
  vendor.at('/token', 'hang')
  const lost = there.call(0, run, '/v1/lost')
  await expect.poll(() => vendor.askedAt('/token').length, soon).toBe(1)
  await (servers[0] as Process).kill()
  expect((await lost).status).toBe(503)

  rotating(vendor, tokens)
  const waiting = Array.from({ length: 10 }, (_, i) => there.call(1, run, `/v1/${i}`))
  // Its time is over, as it is 45 seconds after the kill.
  await data.admin.run`update connections set refresh_until = countersign.now() where id = ${there.connectionId}`
  expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual(waiting.map(() => 200))
  expect(vendor.askedAt('/token').map(({ form }) => form.refresh_token)).toEqual([first, first])
  const other = clientOf((servers[1] as Process).url, there.owner.credential)
  expect(await there.read(other)).toMatchObject({ status: 'connected', generation: 2 })
  expect(await there.events()).toEqual(['connection.created', 'connection.refreshed'])

  // Its own proxy has nobody to ask, until the replica is there again.
  expect((await there.call(0, run, '/v1/alone')).status).toBe(503)
  await (servers[0] as Process).restart()
  await expect.poll(async () => (await there.call(0, run, '/v1/back')).status, soon).toBe(200)
  expect(there.seen.every(({ authorization }) => authorization === `Bearer ${tokens.access}`)).toBe(true)
})

test('V28 §12.5 §10.2 control plane killed, every process of it, while a code flow waits at the provider: a different replica takes the return and resumes what waits, in the same browser alone', {
  timeout: 300_000,
}, async () => {
  const there = await openReplicas({ lifeSeconds: 3_600, proxies: 0 })
  const [one, two] = there.servers as [Process, Process]
  rotating(there.vendor, there.tokens)
  await two.kill()
  const begun = await there.owner.post('/api/v1/authorizations', { provider: 'acme', name: 'second' })
  expect(begun.status, JSON.stringify(begun.body)).toBe(201)
  const page = pageAt(one.url, begun.body.connect_url)
  const state = new URL((await page.submit()).body.redirect_to).searchParams.get('state') as string
  await one.kill()
  await two.restart()

  there.vendor.at('/token', { json: { access_token: randomToken(), token_type: 'Bearer', expires_in: 3_600 } })
  const own = { origin: two.url }
  const profile = pageAt(two.url, begun.body.connect_url)
  expect((await profile.post('/connect/return', { code: 'c', state }, own)).status).toBe(403)
  expect(there.vendor.asked).toEqual([])
  const back = await page.at(two.url).post('/connect/return', { code: 'c', state }, own)
  expect(back.body).toMatchObject({ status: 'completed', connection_id: expect.any(String) })
  const seen = await clientOf(two.url, there.owner.credential).get(`/api/v1/connections/${back.body.connection_id}`)
  expect(seen.body).toMatchObject({ name: 'second', status: 'connected' })
})
