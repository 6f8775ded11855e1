// Runs: opened, read by their own token, beaten, ended; their authority and what is left of it (V21–V23, V118).
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { clientOf } from '#harness'
import { openText } from '../../crypto/seal.ts'
import { parseKey, sha256 } from '../../crypto/token.ts'
import { systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { tenantKey } from '../../identity/keys-at-rest/tenant-key.ts'
import { newId } from '../../std/id.ts'
import { formsOf, openVault, tablesAsText } from '../testing/vault.ts'
import { authorityPlace } from './authority.ts'

const PATH = '/api/v1/runs'

async function running() {
  const vault = await openVault()
  const connection = await vault.connect()
  const { house } = vault
  const grant = await house.alice.post('/api/v1/grants', {
    ...{ agent_id: house.agent.id, connection_id: connection.id, rules: [{ effect: 'allow' }] },
  })
  expect(grant.status).toBe(201)
  const open = (own: object = {}, by: { post: typeof house.alice.post } = house.agent) =>
    by.post(PATH, { purpose: 'Nightly', ...own })
  const self = (token: string) => clientOf(house.url, { bearer: token })
  const sweep = async () => {
    await house.server.queue.enqueueMany([{ kind: 'run.sweep' }])
    await house.runJobs()
  }
  return { ...vault, connection, grant: grant.body, open, self, sweep }
}

test('V21 V22 an agent opens a run: its token is shown once and kept as a hash, opens /runs/self alone, and dies with the run', async () => {
  const { house, connection, grant, open, self } = await running()
  const made = await open({ labels: ['b', 'a'] })
  expect(made.status).toBe(201)
  const { run, token, env, ca_pem } = made.body
  expect(run).toMatchObject({
    agent_id: house.agent.id,
    purpose: 'Nightly',
    labels: ['a', 'b'],
    mode: 'enforce',
    proof: 'key',
    state: 'live',
  })
  expect(Date.parse(run.expires_at) - Date.parse(run.created_at)).toBe(8 * 3_600_000)
  expect(parseKey(token)).toEqual({ environment: 'live', kind: 'prx' })
  expect(env).toEqual({ ALPHA_API_KEY: `csph_${connection.id}` })
  expect(ca_pem).toContain('BEGIN CERTIFICATE')
  expect(await house.admin.one`select token_hash = ${sha256(token)} as same from runs`).toEqual({ same: true })

  const own = await self(token).get(`${PATH}/self`)
  expect(own.body).toMatchObject({
    run: { id: run.id },
    routes: [{ connection_id: connection.id, provider: 'alpha', placeholder: `csph_${connection.id}`, grant_ids: [grant.id] }],
  })
  for (const path of [PATH, `${PATH}/${run.id}`, '/api/v1/connections', '/api/v1/me', '/api/v1/tasks'])
    expect([path, (await self(token).get(path)).status]).toEqual([path, 403])
  expect((await self(token).post(PATH, { purpose: 'another' })).status).toBe(403)
  expect((await house.agent.get(`${PATH}/self`)).status).toBe(403)
  expect((await self(token).post(`${PATH}/self/end`, { reason: 'done' })).body).toMatchObject({
    state: 'ended',
    ended_reason: 'done',
  })
  expect((await self(token).get(`${PATH}/self`)).body.code).toBe('run_ended')
  expect((await self(`${token.slice(0, -1)}x`).get(`${PATH}/self`)).status).toBe(401)
  const stored = `${await tablesAsText(house)}\n${house.logs.join('\n')}`
  for (const form of formsOf(token)) if (form.length > 16) expect(stored).not.toContain(form)
  expect((await house.eventTypes()).filter((type) => type.startsWith('run.'))).toEqual(['run.started', 'run.ended'])
})

test('V118 the authority of a run: P-256, no further authority below it, until five minutes after the run; its sealed key is erased at the end', async () => {
  const { house, open } = await running()
  const { run, ca_pem } = (await open({ ttl_seconds: 600 })).body
  const certificate = new X509Certificate(ca_pem)
  expect(certificate.ca).toBe(true)
  expect(certificate.publicKey.asymmetricKeyDetails).toMatchObject({ namedCurve: 'prime256v1' })
  expect(certificate.verify(certificate.publicKey)).toBe(true)
  expect(Math.abs(Date.parse(certificate.validTo) - Date.parse(run.expires_at) - 300_000)).toBeLessThan(1_000)
  const { id, key } = await house.admin.one<{ id: string; key: Buffer }>`select id, key from authorities where run_id = ${run.id}`
  const scope = systemScope('test', house.tenantId)
  const pem = await tx(house.db, scope, async (t) => openText(await tenantKey(house, t, scope), authorityPlace(scope, id), key))
  expect(certificate.checkPrivateKey(createPrivateKey(pem))).toBe(true)
  expect((await house.alice.post(`${PATH}/${run.id}/end`, {})).body.state).toBe('ended')
  expect((await house.alice.post(`${PATH}/${run.id}/end`, {})).body.code).toBe('run_ended')
  expect(await house.admin.one`select key, erased_at is not null as erased from authorities where id = ${id}`).toEqual({
    key: null,
    erased: true,
  })
})

test('V118 pin_hosts: the authority of a run says in itself, critically, for which names it is good; no other is kept to names', async () => {
  const { house, open } = await running()
  const opened = await open({ pin_hosts: true, wait_seconds: 0 })
  expect(opened.body.run.wait_seconds).toBe(0)
  const { raw } = new X509Certificate(opened.body.ca_pem)
  // id-ce-nameConstraints and `critical`; what it means to clients is tried in cli/run.
  expect(raw.includes(Buffer.from('0603551d1e0101ff', 'hex'))).toBe(true)
  for (const name of ['api.example.com', 'eu.example.com']) expect(raw.includes(name)).toBe(true)
  const free = new X509Certificate((await open()).body.ca_pem)
  expect(free.raw.includes(Buffer.from('0603551d1e', 'hex'))).toBe(false)
  expect((await open({ pin_hosts: true, ca: 'tenant' })).body.errors).toMatchObject([{ path: '/pin_hosts', code: 'not_own' }])
  const other = await house.given.agent({ name: 'other-bot' })
  expect((await open({ pin_hosts: true }, other)).body.errors).toMatchObject([{ path: '/pin_hosts', code: 'no_names' }])
  expect((await open({ wait_seconds: 601 })).status).toBe(422)
})

test('V118 long-lived agents share the tenant’s authority, which is renewed at one third left', async () => {
  const { house, open } = await running()
  const [one, two] = [await open({ ca: 'tenant' }), await open({ ca: 'tenant' })]
  expect(one.body.ca_pem).toBe(two.body.ca_pem)
  await house.admin.run`update authorities set expires_at = expires_at - interval '21 days' where run_id is null`
  const three = await open({ ca: 'tenant' })
  expect(three.body.ca_pem).not.toBe(one.body.ca_pem)
  await house.alice.post(`${PATH}/${one.body.run.id}/end`, {})
  expect(await house.admin.rows`select key is not null as kept from authorities where run_id is null`).toEqual([
    { kept: true },
    { kept: true },
  ])
})

test('V23 a run ends by its time, 90 seconds after its last heartbeat, and with its agent; one that never beats lives until it expires', async () => {
  const { house, open, self, sweep } = await running()
  const [quiet, beating, short] = [await open(), await open(), await open({ ttl_seconds: 60 })]
  expect((await self(beating.body.token).post(`${PATH}/self/beat`)).status).toBe(200)
  await house.clock.advance('80s')
  expect((await self(short.body.token).get(`${PATH}/self`)).body.code).toBe('run_ended')
  await sweep()
  expect((await self(beating.body.token).post(`${PATH}/self/beat`)).status).toBe(200)
  await house.clock.advance('91s')
  await sweep()
  const stateOf = async (made: { body: { run: { id: string } } }) => {
    const { state, ended_reason } = (await house.alice.get(`${PATH}/${made.body.run.id}`)).body
    return [state, ended_reason]
  }
  expect(await stateOf(short)).toEqual(['ended', 'expired'])
  expect(await stateOf(beating)).toEqual(['ended', 'beat_missed'])
  expect(await stateOf(quiet)).toEqual(['live', null])
  expect((await self(beating.body.token).post(`${PATH}/self/beat`)).body.code).toBe('run_ended')
  await house.alice.patch(`/api/v1/agents/${house.agent.id}`, { state: 'paused' })
  expect((await self(quiet.body.token).get(`${PATH}/self`)).body.code).toBe('run_ended')
  await sweep()
  expect(await stateOf(quiet)).toEqual(['ended', 'agent_paused'])
})

test('V21 V139 people open runs for agents that they own and for no others; learning takes a person who may grant, for 7 days at most (V96); what is named wrongly is refused', async () => {
  const { house, connection, open } = await running()
  expect((await open({ agent_id: house.agent.id }, house.alice)).body.run).toMatchObject({
    proof: 'user',
    opened_by: house.alice.id,
  })
  expect((await open({ agent_id: house.agent.id }, house.bob)).body.errors).toMatchObject([{ path: '/agent_id' }])
  expect((await open({}, house.alice)).body.errors).toMatchObject([{ path: '/agent_id', code: 'required' }])
  expect((await open({ agent_id: newId('agt') })).status).toBe(422)
  expect((await open({ mode: 'learn' })).status).toBe(403)
  const learn = (ttl_seconds: number) => open({ mode: 'learn', agent_id: house.agent.id, ttl_seconds }, house.alice)
  expect((await learn(604_800)).body.run.mode).toBe('learn')
  expect([(await learn(604_801)).status, (await learn(604_801)).body.errors]).toMatchObject([422, [{ path: '/ttl_seconds' }]])
  for (const own of [{ purpose: '' }, { purpose: 'x'.repeat(201) }, { ttl_seconds: 604_801 }, { ttl_seconds: 0 }, { mode: 'x' }])
    expect([own, (await open(own)).status]).toEqual([own, 422])
  expect((await open({ connections: { alpha: 'none' } })).body.errors).toMatchObject([
    { path: '/connections/alpha', code: 'not_found' },
  ])
  expect((await open({ connections: { alpha: 'default' } })).body.run.connections).toEqual({ alpha: connection.id })
  expect((await house.viewer.get(PATH)).status).toBe(403)
  expect((await house.auditor.get(`${PATH}?state=live`)).body.data.length).toBe(3)
  expect((await house.member.get(PATH)).body.data).toEqual([])
  expect((await house.stranger.get(PATH)).body.data).toEqual([])
})
