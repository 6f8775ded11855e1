import { expect, test } from 'vitest'
import { formsOf, openVault } from '../testing/vault.ts'

const resultOf = async (house: Awaited<ReturnType<typeof openVault>>['house']) => {
  const begun = await house.alice.post('/api/v1/vault/verify')
  expect(begun.status).toBe(202)
  await house.runJobs()
  const ended = await house.alice.get(`/api/v1/jobs/${begun.body.job_id}/result`)
  expect(ended.body).toMatchObject({ state: 'completed' })
  return { output: ended.body.output, text: JSON.stringify(ended.body) }
}

test('V74 every envelope is opened and counted, over all tables and subjects; nothing of what was sealed is said', async () => {
  const { house, connect } = await openVault()
  const made = await Promise.all([connect(), connect({ name: 'second' }), connect({ name: 'third' })])
  await house.given.task({ payload: { note: made[0]?.value } })
  const { output, text } = await resultOf(house)
  expect(output).toMatchObject({ failed: 0, erased: 0, put_back: 0 })
  expect(output.items['connections.material']).toEqual({ checked: 3, failed: 0 })
  expect(output.items['tasks.payload']).toEqual({ checked: 1, failed: 0 })
  for (const { value } of made) for (const form of formsOf(value)) expect(text).not.toContain(form)
})

test('V74 V70 an envelope that was moved is found, its connection suspended and told of; the others stay in use', async () => {
  const { house, connect } = await openVault()
  const [one, two, sound] = [await connect(), await connect({ name: 'second' }), await connect({ name: 'sound' })]
  await house.admin.run`
    update connections set material = (select material from connections where id = ${one.id}) where id = ${two.id}`
  const { output } = await resultOf(house)
  expect(output).toMatchObject({ failed: 1 })
  expect(output.items['connections.material']).toEqual({ checked: 3, failed: 1 })
  const statusOf = async (id: string) => (await house.alice.get(`/api/v1/connections/${id}`)).body.status
  expect([await statusOf(one.id), await statusOf(two.id), await statusOf(sound.id)]).toEqual([
    'connected',
    'suspended',
    'connected',
  ])
  expect(await house.eventTypes()).toContain('connection.tampered')
  expect(house.logs.join('')).toContain(`${two.id}/1`)
})

test('V74 V70 a whole row that was put back opens, and is found by the record of it', async () => {
  const { house, connect } = await openVault()
  const one = await connect()
  const kept = await house.admin.one<{ material: Buffer }>`select material from connections where id = ${one.id}`
  await connect({ replace: true })
  await house.admin.run`
    update connections set material = ${kept.material}::bytea, generation = 1, revision = 1 where id = ${one.id}`
  expect((await resultOf(house)).output).toMatchObject({ failed: 0, put_back: 1 })
  expect((await house.alice.get(`/api/v1/connections/${one.id}`)).body.status).toBe('suspended')
})

test('V139 owners and admins verify, with a fresh proof; agents and others do not, and read no status', async () => {
  const { house } = await openVault()
  const at = '/api/v1/vault/verify'
  expect((await house.bob.post(at)).status).toBe(202)
  for (const other of [house.operator, house.member, house.auditor, house.agent]) expect((await other.post(at)).status).toBe(403)
  for (const other of [house.member, house.viewer, house.agent])
    expect((await other.get('/api/v1/vault/status')).status).toBe(403)
  await house.clock.advance('11m')
  expect((await house.bob.post(at)).body.code).toBe('step_up_required')
})

test('V63 the status tells the root key by its kind, the version of the tenant’s key, and counts', async () => {
  const { house, connect } = await openVault()
  await Promise.all([connect(), connect({ name: 'second' })])
  const { body } = await house.auditor.get('/api/v1/vault/status')
  expect(body).toMatchObject({
    state: 'open',
    root_key: { fingerprint: house.keyring.fingerprint(), version: house.keyring.current },
    tenant_key: { version: 1, versions: 1, retired: 0 },
    connections: { count: 2, by_status: { connected: 2 } },
  })
  expect(body.root_key.source).toMatch(/^[a-z-]+$/)
  expect(body.envelopes.items).toContainEqual({ item: 'connections.material', version: 1, rows: 2 })
})
