import { expect, test } from 'vitest'
import { isSignedBy, parseCheckpoint, parseVerifier } from '../../crypto/ed25519.ts'
import { leafHash, provesConsistency, provesInclusion } from '../../crypto/merkle.ts'
import { systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { destroySubjectKey } from '../../identity/keys-at-rest/tenant-key.ts'
import { newId } from '../../std/id.ts'
import { openLog } from '../../std/log.ts'
import { sealed, verifyText } from './audit.fixture.ts'
import { signDue } from './checkpoint.ts'
import { purgeAll } from './retention.ts'
import { sealStep } from './sealing.ts'
import { tellCheckpoints, type Witness } from './witness.ts'

const hex = (text: string) => Buffer.from(text, 'hex')
const log = openLog({ level: 'silent', sink: () => undefined })

test('P116 checkpoints are signed notes of the log’s own name, every event is proved to stand in the newest, and each is the beginning of the next', async () => {
  const house = await sealed()
  const sizes: number[] = []
  // Past the edge of a stored subtree, so that proofs cross it.
  for (const n of [1, 30, 250]) {
    const ids = Array.from({ length: n }, () => newId('evt'))
    await house.admin.run`
      insert into events (id, tenant_id, type, class, actor_id, occurred_at, body)
      select id, ${house.tenantId}::uuid, 'task.created', 'activity', 'agt_1', now(), '{"data":{}}' from unnest(${ids}::text[]) id`
    await house.seal()
    sizes.push((await house.alice.get('/api/v1/audit/checkpoints/latest')).body.size)
  }
  expect((await house.nobody.get('/.well-known/countersign/audit-keys.json')).body.keys).toHaveLength(1)

  const { data } = (await house.alice.get('/api/v1/audit/checkpoints?limit=2')).body
  expect(data.map((one: { size: number }) => one.size)).toEqual(sizes.toReversed().slice(0, 2))
  const [newest] = data
  const note = parseCheckpoint(newest.note)
  const host = new URL(house.server.publicUrl).host
  expect(note).toMatchObject({ size: newest.size, root: hex(newest.root) })
  expect(note?.origin.startsWith(`${host}/audit/ten_`)).toBe(true)
  const tenant = note?.origin.split('/').at(-1)
  const { verifier_keys } = (await house.nobody.get(`/.well-known/countersign/audit-keys.json?tenant_id=${tenant}`)).body
  expect(note && isSignedBy(note, [parseVerifier(verifier_keys[0]) as NonNullable<ReturnType<typeof parseVerifier>>])).toBe(true)

  const seals = await house.admin.rows<{ event_id: string; seq: number; hash: Buffer }>`
    select event_id, seq::int as seq, hash from seals
    where tenant_id = ${house.tenantId}::uuid and (seq < 4 or seq % 83 = 0 or seq > 280) order by seq`
  expect(seals.length).toBeGreaterThan(6)
  for (const { event_id, seq, hash } of seals) {
    const { status, body } = await house.alice.get(`/api/v1/audit/proofs/${event_id}`)
    expect(status).toBe(200)
    expect(body).toMatchObject({ seq, hash: hash.toString('hex'), size: newest.size, root: newest.root, note: newest.note })
    expect(provesInclusion(seq - 1, body.size, leafHash(hash), body.proof.map(hex), hex(body.root))).toBe(true)
  }
  for (const from of sizes)
    for (const to of sizes.filter((one) => one >= from)) {
      const { body } = await house.alice.get(`/api/v1/audit/consistency?from=${from}&to=${to}`)
      expect(provesConsistency(from, to, hex(body.from.root), hex(body.to.root), body.proof.map(hex))).toBe(true)
    }
  expect(await house.alice.get(`/api/v1/audit/consistency?from=9&to=3`)).toMatchObject({ status: 422 })
  expect(await house.alice.get(`/api/v1/audit/consistency?from=3&to=999999`)).toMatchObject({ status: 404 })
  expect(await verifyText(await house.exported())).toMatchObject({ verdict: 'sound' })
  expect(await house.member.get('/api/v1/audit/checkpoints')).toMatchObject({ status: 403 })
}, 60_000)

test('P116 P119 before it is sealed an event has no proof and no receipt, and an event of another tenant is not there', async () => {
  const house = await sealed()
  await house.given.task()
  const [event] = (await house.alice.get('/api/v1/events?limit=1')).body.data
  for (const path of [`/api/v1/audit/proofs/${event.id}`, `/api/v1/events/${event.id}/receipt`])
    expect(await house.alice.get(path)).toMatchObject({ status: 409, body: { code: 'not_sealed_yet' } })
  expect(await house.alice.get('/api/v1/audit/checkpoints/latest')).toMatchObject({ status: 409 })
  await house.seal()
  expect(await house.alice.get(`/api/v1/audit/proofs/${event.id}`)).toMatchObject({ status: 200 })
  for (const path of [`/api/v1/audit/proofs/${event.id}`, `/api/v1/events/${event.id}/receipt`])
    expect(await house.stranger.get(path)).toMatchObject({ status: 404, body: { code: 'not_found' } })
  const detail = (await house.alice.get(`/api/v1/events/${event.id}`)).body
  expect(detail).toMatchObject({ id: event.id, seal: { checkpointed: true, seq: expect.any(Number) } })
  expect((await house.alice.get('/api/v1/events?limit=1')).body.data[0].seq).toBe(detail.seal.seq)
  expect((await house.alice.get('/api/v1/audit/status')).body).toMatchObject({
    state: 'ok',
    waiting: 0,
    head: { seq: detail.seal.seq },
    checkpoint: { size: detail.seal.seq },
  })
})

test('P116 once a day the newest note is told as an event, and a witness is asked with a proof from what it knows', async () => {
  const house = await sealed()
  await house.given.task()
  await house.seal()
  const asked: string[] = []
  const witness: Witness = {
    url: 'https://witness.example.com/',
    async post({ url, body }) {
      asked.push(`${url} ${body.split('\n')[0]}`)
      if (body.startsWith('old 0')) return { status: 409, text: '2\n' }
      return { status: 200, text: '— witness.example.com AAAAAAAAAAAA\n' }
    },
  }
  const tell = () => tellCheckpoints({ db: house.db, log }, witness, AbortSignal.timeout(30_000))
  expect(await tell()).toBe(1)
  expect(asked).toEqual(['https://witness.example.com/add-checkpoint old 0', 'https://witness.example.com/add-checkpoint old 2'])
  const latest = (await house.alice.get('/api/v1/audit/checkpoints/latest')).body
  expect(latest.cosignatures).toBe('— witness.example.com AAAAAAAAAAAA\n')
  const [told] = (await house.alice.get('/api/v1/events?type=audit.checkpoint')).body.data
  expect(told).toMatchObject({ class: 'audit', data: { size: latest.size, root: latest.root, note: latest.note } })
  await house.seal()
  expect(await tell()).toBe(0)
  await house.clock.advance('24h')
  await house.seal()
  expect(await tell()).toBe(1)
})

test('P108 P110 an event says how and from where it was caused; erasing the person’s key takes the place out and leaves the chain whole', async () => {
  const house = await sealed()
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
  const created = await house.alice.post(
    '/api/v1/agents',
    { name: 'tracer' },
    {
      traceparent: `00-${trace}-00f067aa0ba902b7-01`,
      'user-agent': 'curl/8.0',
    },
  )
  expect(created.status).toBe(201)
  await house.given.task()
  const [event] = (await house.alice.get('/api/v1/events?type=agent.created')).body.data
  expect(event).toMatchObject({
    trace_id: trace,
    actor: {
      type: 'user',
      id: house.alice.id,
      session_id: expect.stringMatching(/^ses_/),
      assurance: 'step_up',
      origin: expect.stringMatching(/^[0-9a-f]{64}$/),
    },
  })
  const [asked] = (await house.alice.get('/api/v1/events?type=task.created')).body.data
  expect(asked.actor).toMatchObject({ type: 'agent', key_id: house.agent.keyId, assurance: 'key' })
  expect(asked.on_behalf_of).toEqual([{ type: 'user', id: house.alice.id }])

  const detail = (await house.alice.get(`/api/v1/events/${event.id}`)).body
  expect(detail.origin).toMatchObject({
    erased: false,
    address: expect.stringContaining('127.0.0.1'),
    client: 'curl/8.0',
    name: 'Alice',
  })
  // Not in the record itself, whose bytes are exported.
  expect(detail.body).not.toContain('127.0.0.1')
  expect(detail.body).not.toContain('curl')
  const origins = () => house.admin.one<{ n: number }>`select count(*)::int as n from event_origins`
  const { n } = await origins()
  await house.alice.post('/api/v1/agents', { name: 'second' }, { 'user-agent': 'curl/8.0' })
  expect(await origins()).toEqual({ n })

  await house.seal()
  const scope = systemScope('test', house.tenantId)
  await tx(house.db, scope, (t) => destroySubjectKey(t, scope, `user:${house.alice.id}`))
  const after = (await house.alice.get(`/api/v1/events/${event.id}`)).body
  expect(after.origin).toEqual({ sha256: event.actor.origin, erased: true })
  expect(after.body).toBe(detail.body)
  expect((await house.bob.post('/api/v1/agents', { name: 'third' })).status).toBe(201)
  await house.seal()
  expect(await verifyText(await house.exported({}, house.bob))).toMatchObject({ verdict: 'sound' })
})

test('P110 a sign-in that failed keeps the address in an envelope of its own', async () => {
  const house = await sealed()
  const { alice, nobody } = house
  expect(
    (await nobody.post('/api/v1/auth/login', { login: alice.email, password: 'wrong horse' }, { origin: house.url })).status,
  ).toBe(401)
  const [failed] = (await alice.get('/api/v1/events?type=signin.failed')).body.data
  const detail = (await alice.get(`/api/v1/events/${failed.id}`)).body
  expect(detail.origin).toMatchObject({ erased: false, address: expect.stringContaining('127.0.0.1') })
})

test('P118 the list filters by action and by the outcome of a decision', async () => {
  const house = await sealed()
  await house.given.task()
  const ids = async (query: string) =>
    (await house.alice.get(`/api/v1/events?${query}`)).body.data.map((one: { type: string }) => one.type)
  expect(await ids('action=created&type=task.*')).toEqual(['task.created'])
  expect(await ids('action=creat_d')).toEqual([])
  expect(await ids('decision=deny')).toEqual([])
  await house.admin.run`
    insert into events (id, tenant_id, type, class, actor_id, decision, action, occurred_at, body)
    select 'evt_01JD8Z6V3QK8W2N4T6Y8B0C2E5', tenant_id, 'policy.decided', 'audit', actor_id, 'deny', 'http.post', occurred_at, body
    from events where tenant_id = ${house.tenantId}::uuid and type = 'task.created'`
  expect(await ids('decision=deny')).toHaveLength(1)
  expect(await ids('action=http.post&decision=deny')).toHaveLength(1)
  expect(await ids('action=http.post&decision=allow')).toEqual([])
})

test('P122 activity goes after its days and audit after its months, range by sealed range; the chain verifies and the record says so', async () => {
  const house = await sealed()
  const audit = { db: house.db }
  for (let n = 0; n < 4; n++) await house.given.task()
  await house.seal()
  const count = async (kind: string) =>
    (await house.admin.one<{ n: number }>`select count(*)::int as n from events where class = ${kind}`).n
  const before = { audit: await count('audit'), activity: await count('activity') }
  expect(await purgeAll(audit)).toBe(0)
  await house.clock.advance('91d')
  const owner = await house.given.user({ role: 'owner' })
  await owner.post('/api/v1/tasks', {})
  expect(await purgeAll(audit)).toBe(before.activity)
  expect(await count('activity')).toBe(0)
  expect(await count('audit')).toBeGreaterThanOrEqual(before.audit)
  const [purged] = (await owner.get('/api/v1/events?type=audit.purged')).body.data
  expect(purged.data).toMatchObject({ class: 'activity', from_seq: 1, events: before.activity })
  expect(await purgeAll(audit)).toBe(0)
  await house.seal()
  const text = await house.exported({}, owner)
  expect(await verifyText(text)).toMatchObject({ verdict: 'sound', digests: before.activity })
  expect(text).toContain(',"digest":"')

  await house.admin
    .run`insert into audit_retention (tenant_id, held_at, held_reason) values (${house.tenantId}::uuid, now(), 'a case')`
  await house.clock.advance('800d')
  const later = await house.given.user({ role: 'owner' })
  expect(await purgeAll(audit)).toBe(0)
  await house.admin.run`update audit_retention set held_at = null`
  expect(await purgeAll(audit)).toBeGreaterThan(before.audit)
  await house.seal()
  expect(await verifyText(await house.exported({}, later))).toMatchObject({ verdict: 'sound' })
  expect((await house.admin.one<{ n: number }>`select count(*)::int as n from seals`).n).toBeGreaterThan(before.audit)
})

test('P107 P122 only the retention function removes, and it keeps what is not sealed', async () => {
  const house = await sealed()
  await house.given.task()
  await house.clock.advance('900d')
  expect(await purgeAll({ db: house.db })).toBe(0)
  const scope = systemScope('x', house.tenantId)
  for (const statement of [
    'delete from countersign.events',
    'update countersign.seals set seq = seq',
    'delete from countersign.seals',
  ])
    await expect(tx(house.db, scope, (t) => t.query(statement))).rejects.toMatchObject({ code: '42501' })
  const forged = tx(house.db, scope, async (t) => {
    await t.query(`select set_config('countersign.purging', 'on', true)`)
    await t.query('delete from countersign.events')
  })
  await expect(forged).rejects.toMatchObject({ code: '42501' })
  await expect(
    house.admin.query(`begin; set local countersign.purging = 'on'; delete from countersign.events; commit`),
  ).rejects.toThrow(/append-only/)
  await house.admin.query('rollback')
})

test('P122 the times are a setting of the tenant, within bounds', async () => {
  const house = await sealed()
  expect((await house.alice.get('/api/v1/audit/retention')).body).toEqual({
    audit_months: 24,
    activity_days: 90,
    held: false,
    held_reason: null,
  })
  const put = (body: object) => house.alice.put('/api/v1/audit/retention', body)
  expect(await put({ audit_months: 11, activity_days: 90 })).toMatchObject({ status: 422 })
  expect(await put({ audit_months: 36, activity_days: 30 })).toMatchObject({ status: 200, body: { audit_months: 36 } })
  expect(await house.eventTypes()).toContain('settings.changed')
  expect(await house.viewer.put('/api/v1/audit/retention', { audit_months: 36, activity_days: 30 })).toMatchObject({
    status: 403,
  })
})

test('P116 of two processes that sign at once one note is kept', async () => {
  const house = await sealed()
  await house.given.task()
  await sealStep({ db: house.db })
  const audit = { db: house.db, keyring: house.keyring, origin: () => house.server.publicUrl }
  const signed = await Promise.all([1, 2, 3].map(() => signDue(audit, 1, 0)))
  expect(signed.reduce((a, b) => a + b)).toBe(1)
  expect((await house.admin.one<{ n: number }>`select count(*)::int as n from checkpoints`).n).toBe(1)
})
