// A host looks at the key ring and rotates it over HTTP while two processes serve; nobody else reaches it.
import { expect, test } from 'vitest'
import { type House, type Person, setup } from '#harness'

async function hostOf(house: House): Promise<Person> {
  const host = await house.given.user({ role: 'owner', displayName: 'Hanna Host' })
  await house.admin.run`insert into hosts (user_id, since) values (${host.id}, now())`
  return host
}

test('P126 P60 a host rotates root and tenant keys over HTTP while two processes serve, and each act stands in the record', async () => {
  const house = await setup()
  const host = await hostOf(house)
  const task = await house.given.task({ payload: { note: 'before' } })
  const second = await house.second()
  const everyone = () => Promise.all(house.rings.map((ring) => ring.refresh()))

  const added = await host.post('/api/v1/keyring/versions')
  expect([added.status, added.body]).toEqual([
    201,
    { version: 2, fingerprint: expect.stringMatching(/^[0-9a-f]{8}$/), source: 'memory' },
  ])
  await everyone()
  expect((await host.post('/api/v1/keyring/versions/2/promote')).status).toBe(204)
  await everyone()
  const asked = await host.post('/api/v1/keyring/rewraps', {})
  expect([asked.status, asked.body.state]).toEqual([202, 'waiting'])
  await house.runJobs()
  const run = await host.get(`/api/v1/keyring/rewraps/${asked.body.id}`)
  expect(run.body).toMatchObject({ state: 'finished', failed: 0, tenant_id: null, renew: true })
  expect(run.body.done).toBe(run.body.total)

  for (const url of [house.url, second.url]) {
    const seen = await house.alice.at(url).get(`/api/v1/tasks/${task.id}`)
    expect(seen.body.payload).toEqual({ note: 'before' })
  }
  expect((await host.post('/api/v1/keyring/versions/1/retire')).status).toBe(204)
  const destroy = await host.post('/api/v1/keyring/versions/1/destroy')
  expect([destroy.status, Object.keys(destroy.body)]).toEqual([202, ['destroy_at']])
  expect((await host.post('/api/v1/keyring/versions/1/keep')).status).toBe(204)
  expect((await host.post('/api/v1/keyring/versions/2/retire')).body).toMatchObject({ code: 'state_conflict', state: 'current' })
  expect((await host.post('/api/v1/keyring/versions/9/promote')).status).toBe(404)
  const status = await host.get('/api/v1/keyring')
  expect(status.body.versions.map((one: { state: string }) => one.state)).toEqual(['retired', 'current'])
  expect(status.body.processes).toHaveLength(2)
  const types = (await house.eventTypes()).filter((type) => type.startsWith('keyring.'))
  expect(types).toEqual([
    'keyring.added',
    'keyring.promoted',
    'keyring.rewrapped',
    'keyring.retired',
    'keyring.destroying',
    'keyring.kept',
  ])
})

test('P60 the key ring is a host’s: no role, no key and nobody else sees or turns it, and turning needs a fresh proof', async () => {
  const house = await setup()
  const host = await hostOf(house)
  for (const person of [house.alice, house.bob, house.auditor, house.agent])
    for (const answer of [await person.get('/api/v1/keyring'), await person.post('/api/v1/keyring/versions')])
      expect([401, 403]).toContain(answer.status)
  expect((await house.nobody.get('/api/v1/keyring')).status).toBe(401)
  await house.clock.advance('30m')
  expect((await host.get('/api/v1/keyring')).status).toBe(200)
  expect((await host.post('/api/v1/keyring/versions')).body).toMatchObject({ code: 'step_up_required' })
})

test('V64 while the source of the root key is away, sealed reads answer 503 vault_sealed after five minutes, and the rest goes on', async () => {
  const house = await setup()
  const task = await house.given.task({ payload: { note: 'sealed' } })
  const [source] = house.rings[0]?.roots.sources ?? []
  const there = source?.read
  if (!source || !there) throw new Error('the house has no source')
  const broken = Object.assign(source, {
    read: () => Promise.reject(new Error('the key is not mounted')),
  })
  await house.rings[0]?.refresh()
  expect((await house.alice.get(`/api/v1/tasks/${task.id}`)).body.payload).toEqual({ note: 'sealed' })
  await house.clock.advance('301s')
  await house.rings[0]?.refresh()
  const sealed = await house.alice.get(`/api/v1/tasks/${task.id}`)
  expect([sealed.status, sealed.body.code, sealed.headers.get('retry-after')]).toEqual([503, 'vault_sealed', '5'])
  expect((await house.alice.get('/api/v1/me')).status).toBe(200)
  Object.assign(broken, { read: there })
  await house.rings[0]?.refresh()
  expect((await house.alice.get(`/api/v1/tasks/${task.id}`)).body.payload).toEqual({ note: 'sealed' })
})

test('P127 the status shows how old the oldest webhook secret and agent key are that still count, over all tenants and without a name', async () => {
  const house = await setup({ settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: '127.0.0.1:9' } })
  const host = await hostOf(house)
  const ages = async () => {
    const { body } = await host.get('/api/v1/keyring')
    const all = body.ages as { what: string; days: number; warn: boolean }[]
    return all.filter(({ what }) => /webhook|agent/.test(what)).map(({ what, days, warn }) => [what, days, warn])
  }
  await house.given.agent()
  expect(await ages()).toEqual([['oldest agent key', 0, false]])
  await house.admin.run`update key_tokens set made_at = made_at - interval '400 days'`
  const made = await house.alice.post('/api/v1/endpoints', { url: 'http://127.0.0.1:9/', events: 'task.*', verify: false })
  expect(made.status).toBe(201)
  expect(await ages()).toEqual([
    ['oldest webhook secret', 0, false],
    ['oldest agent key', 400, true],
  ])
})
