// Erasing what agents said (relay.md R109, §12.22): planned, confirmed, gone from every place that shows or sends it, told with a receipt, and stopped by a hold.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Client, House } from '#harness'
import { verifyReceipt } from '../../events/audit/verify-receipt.ts'
import { applyErasures, writeErasures } from '../../identity/keys-at-rest/erasure/ledger.ts'
import { tenantWire } from '../../std/id.ts'
import { openReceiver } from '../../webhooks/testing/receiver.ts'
import { leastCard } from '../cards/testing/cards.ts'
import { askBeforeLeaving, exported, seal, verifySideText } from '../testing/leaving.ts'
import { type Card, type Loose, openRelay, type RelayTest } from '../testing/relay.ts'

async function erase(house: House, by: Pick<Client, 'get' | 'post'>, body: object): Promise<Loose> {
  const planned = await by.post('/api/v1/erasures', body)
  expect(planned.status, JSON.stringify(planned.body)).toBe(202)
  const confirmed = await by.post(`/api/v1/erasures/${planned.body.id}/confirm`, {})
  expect([confirmed.status, confirmed.body.state]).toEqual([202, 'running'])
  await house.runJobs()
  return planned.body
}

/** A card whose agent is a receiver that is down, so that deliveries stay stored. */
async function given() {
  const there = await openReceiver()
  const relay = await openRelay({ settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${there.port}` } })
  const { house } = relay
  const made = await house.alice.post('/api/v1/cards', { ...leastCard('ada-push'), agent_id: relay.server.id })
  const card: Card = { id: made.body.id, slug: made.body.slug }
  const put = { mode: 'push', url: `${there.origin}/agent`, generate_secret: true }
  expect((await house.alice.put(`/api/v1/cards/${card.id}/delivery`, put)).status).toBe(200)
  there.otherwise = { status: 500, body: 'later' }
  return { there, relay, house, card, grant: await relay.makeGrant({ card }) }
}

const holdsWord = async ({ admin }: House, word: string): Promise<string[]> => {
  const { rows } = await admin.query(
    `select table_name as name from information_schema.tables where table_schema = 'countersign' and table_type = 'BASE TABLE'`,
  )
  const hits: string[] = []
  for (const { name } of rows as { name: string }[])
    if (
      (await admin.query(`select 1 from countersign."${name}" x where to_jsonb(x)::text like $1`, [`%${word}%`])).rows.length > 0
    )
      hits.push(name)
  return hits
}

test('R109 §12.22 after an erase neither an open stream nor a stored delivery nor any face shows the payload, and the receipt verifies offline', {
  timeout: 90_000,
}, async () => {
  const { there, relay, house, card, grant } = await given()
  const word = `cnry${randomBytes(8).toString('hex')}`
  const { thread_id: id, message_id } = (await relay.start({ text: word, want_thread_token: true }, { card, token: grant.token }))
    .body
  await house.runJobs()
  await relay.respond(id, {
    outcome: 'progress',
    text: `${word} too`,
    artifacts: [{ artifact_id: 'a', name: word, parts: [{ text: word }] }],
  })
  const stream = await relay.server.raw(`/api/v1/threads/${id}/events`, { headers: { Accept: 'text/event-stream' } })
  const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader()
  let seen = ''
  const reading = (async () => {
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true, value: '' }
      if (done) return
      seen += value
    }
  })()
  await exported(house, house.alice, { subject: 'thread', id })
  const planned = await erase(house, house.alice, { subject: 'thread', id })
  expect(planned).toMatchObject({ state: 'planned', plan: { threads: 1, open_threads: 1, messages: 3, exports: 1 } })
  expect(planned.stays.length).toBeGreaterThan(2)
  await reading
  expect(seen).toContain('payload.erased')
  expect(seen).not.toContain(word)

  const one = await relay.server.get(`/api/v1/threads/${id}/messages/${message_id}`)
  expect([one.status, one.body.code]).toEqual([410, 'payload_erased'])
  const shown = (await relay.server.get(`/api/v1/threads/${id}/messages`)).body.data
  expect(shown.map((row: Loose) => [row.payload_state, row.parts])).toEqual(shown.map(() => ['erased', undefined]))
  expect((await relay.server.get(`/api/v1/threads/${id}/artifacts`)).body.data).toEqual([])
  const task = await relay
    .bearer(grant.token)
    .raw(`/agents/${card.slug}/a2a/rest/tasks/${id}`, { headers: { 'A2A-Version': '1.0' } })
  expect([task.status, (await task.text()).includes(word)]).toEqual([200, false])
  expect(await relay.thread(id)).toMatchObject({ state: 'closed', outcome: 'canceled' })

  there.got.length = 0
  there.otherwise = 204
  for (const { id: delivery } of await house.admin.rows<{ id: string }>`select id from deliveries where resource_id = ${id}`)
    await house.alice.post(`/api/v1/deliveries/${delivery}/replay`, {})
  await house.clock.advance('2h')
  await house.runJobs()
  expect(there.got).toEqual([])
  expect(await holdsWord(house, word)).toEqual([])
  expect(await house.admin.rows`select 1 from export_chunks`).toEqual([])
  expect(await house.admin.rows`select 1 from event_bodies where subject is not null`).toEqual([])

  await seal(house)
  const owner = await house.given.user({ role: 'owner' })
  const { body: done } = await owner.get(`/api/v1/erasures/${planned.id}`)
  expect(done).toMatchObject({ state: 'done', counts: { threads: 1, messages: 3 }, receipt: { sealed: true } })
  const receipt = (await owner.get('/.well-known/countersign/receipt-keys.json')).body
  const audit = (await owner.get('/.well-known/countersign/audit-keys.json')).body
  expect(verifyReceipt(done.receipt.receipt, { receipt, audit })).toMatchObject({
    valid: true,
    receipt: { erasure_id: planned.id, subject_id: id },
  })
  expect(await verifySideText(await exported(house, owner, { subject: 'thread', id }))).toMatchObject({
    verdict: 'sound',
    erased: expect.arrayContaining([message_id]),
  })
})

test('R109 a relay grant is erased with all of its threads and a card with all of its grants; what others said stays', async () => {
  const relay = await openRelay()
  const { house } = relay
  const other = await relay.makeGrant({ agent: null })
  const ids: string[] = []
  for (const token of [relay.grant.token, relay.grant.token, other.token])
    ids.push((await relay.start({ text: 'words' }, { token })).body.thread_id)
  const states = async () =>
    (await house.admin.rows<{ payload_state: string }>`select payload_state from messages order by thread_id`).map(
      (row) => row.payload_state,
    )
  await erase(house, house.alice, { subject: 'relay_grant', id: relay.grant.id })
  expect(await states()).toEqual(['erased', 'erased', 'present'])
  await erase(house, house.alice, { subject: 'card', id: relay.card.id })
  expect(await states()).toEqual(['erased', 'erased', 'erased'])
  const again = await erase(house, house.alice, { subject: 'card', id: relay.card.id })
  expect((await house.alice.get(`/api/v1/erasures/${again.id}`)).body).toMatchObject({
    state: 'done',
    counts: { threads: 0, messages: 0 },
  })
})

test('R109 a restored backup loses it as well: the ledger names the thread', async () => {
  const relay = await openRelay()
  const { house } = relay
  const { thread_id: id } = (await relay.start({ text: 'words' })).body
  const kept = await house.admin.one<{ payload: Buffer }>`select payload from messages where thread_id = ${id}`
  await erase(house, house.alice, { subject: 'thread', id })
  const folder = mkdtempSync(join(tmpdir(), 'ledger-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'erasures.jsonl')
  expect(await writeErasures(house, file)).toBeGreaterThan(0)
  await house.admin.run`update messages set payload = ${kept.payload}, payload_state = 'present' where thread_id = ${id}`
  expect((await relay.server.get(`/api/v1/threads/${id}/messages`)).body.data[0].parts).toEqual([{ text: 'words' }])
  expect((await applyErasures(house, file)).destroyed).toBe(1)
  expect((await relay.server.get(`/api/v1/threads/${id}/messages`)).body.data[0].payload_state).toBe('erased')
})

test('R109 a hold stops an erasure, whatever it is about; a plan may be taken back, and only the owner’s side erases', async () => {
  const relay = await openRelay()
  const { house, bea } = relay
  const { thread_id: id } = (await relay.start({ text: 'words' })).body
  const by = house.alice
  const planned = await by.post('/api/v1/erasures', { subject: 'thread', id })
  expect((await by.post('/api/v1/erasures', { subject: 'thread', id })).body.id).toBe(planned.body.id)
  for (const held of [id, relay.grant.id, relay.card.id, tenantWire(house.tenantId)]) {
    expect((await by.put(`/api/v1/holds/${held}`, { reason: 'a case' })).status, held).toBe(200)
    expect((await by.post(`/api/v1/erasures/${planned.body.id}/confirm`, {})).body.code, held).toBe('legal_hold')
    expect((await by.delete(`/api/v1/holds/${held}`)).status).toBe(204)
  }
  expect((await by.delete(`/api/v1/holds/${id}`)).status).toBe(404)
  expect((await bea.put(`/api/v1/holds/${id}`, {})).status).toBe(404)
  expect((await bea.post('/api/v1/erasures', { subject: 'thread', id })).status).toBe(404)
  expect((await bea.post(`/api/v1/erasures/${planned.body.id}/confirm`, {})).status).toBe(404)
  expect((await house.operator.post('/api/v1/erasures', { subject: 'thread', id })).status).toBe(403)
  expect((await by.post(`/api/v1/erasures/${planned.body.id}/cancel`, {})).body.state).toBe('cancelled')
  expect((await by.post(`/api/v1/erasures/${planned.body.id}/confirm`, {})).body).toMatchObject({
    code: 'state_conflict',
    state: 'cancelled',
  })
  expect((await relay.server.get(`/api/v1/threads/${id}/messages`)).body.data[0].parts).toEqual([{ text: 'words' }])
})

test('R109 an erasure waits for an export of the same thing that is being written', async () => {
  const relay: RelayTest = await openRelay()
  const { house } = relay
  const { thread_id: id } = (await relay.start({ text: 'words' })).body
  // Not sealed yet: it is not written before that.
  const made = await relay.bea.post('/api/v1/exports', { subject: 'thread', id })
  expect(made.status).toBe(202)
  const { id: erasure } = await erase(house, house.alice, { subject: 'thread', id })
  const state = async () => (await house.alice.get(`/api/v1/erasures/${erasure}`)).body.state
  expect(await state()).toBe('running')
  await house.admin.run`update exports set state = 'failed', finished_at = countersign.now() where id = ${made.body.id}`
  await house.clock.advance('6s')
  await house.runJobs()
  expect(await state()).toBe('done')
})

test('R100 R109 an erased thread tells nobody any more: its endpoints go, with what was sent of it and what anybody answered', async () => {
  const { there, relay, house, card, grant } = await given()
  const word = `cnry${randomBytes(8).toString('hex')}`
  there.byPath = { '/told': { status: 500, body: word } }
  const callback = { url: `${there.origin}/told`, generate_secret: true }
  const { thread_id: id } = (await relay.start({ text: 'hello', callback }, { card, token: grant.token })).body
  await relay.respond(id, { outcome: 'reply', text: word })
  await house.runJobs()
  expect(there.got.some(({ path, body }) => path === '/told' && body.includes(word))).toBe(true)
  await erase(house, house.alice, { subject: 'thread', id })
  there.got.length = 0
  await house.clock.advance('80h')
  await house.runJobs()
  expect(there.got).toEqual([])
  expect(await house.admin.rows`select state from endpoints where bound_to = ${id}`).toEqual([{ state: 'deleted' }])
  expect(await holdsWord(house, word)).toEqual([])
  expect((await relay.caller.get(`/api/v1/threads/${id}/endpoints`)).body.data).toEqual([])
})

test('R109 R110 a caller takes out and erases what its own side held back: its people are asked no more, and a restored backup loses it too', {
  timeout: 60_000,
}, async () => {
  const relay = await openRelay()
  const { house, bea, caller } = relay
  await askBeforeLeaving(bea)
  const word = `cnry${randomBytes(8).toString('hex')}`
  const { thread_id: id, message_id: mid, approval } = (await relay.start({ text: word })).body
  const side = await exported(house, bea, { subject: 'thread', id })
  expect(side).toContain(word)
  expect(await verifySideText(side)).toMatchObject({ verdict: 'sound', threads: 1, messages: 1 })
  const kept = await house.admin.one<{ payload: Buffer }>`select payload from held_messages where id = ${mid}`
  const planned = await erase(house, bea, { subject: 'thread', id })
  expect(planned).toMatchObject({ plan: { threads: 1, open_threads: 1, messages: 1, tasks: 1, exports: 1 } })
  expect((await bea.get(`/api/v1/erasures/${planned.id}`)).body).toMatchObject({
    state: 'done',
    counts: { threads: 1, messages: 1, tasks: 1 },
  })
  expect((await caller.get(`/api/v1/threads/${id}`)).body).toMatchObject({ state: 'closed', outcome: 'canceled' })
  const one = await caller.get(`/api/v1/threads/${id}/messages/${mid}`)
  expect([one.status, one.body.code]).toEqual([410, 'payload_erased'])
  expect((await bea.get(`/api/v1/tasks/${approval.task_id}`)).body).toMatchObject({ status: 'cancelled' })
  expect(await holdsWord(house, word)).toEqual([])
  expect(await house.admin.rows`select 1 from export_chunks`).toEqual([])
  expect(await verifySideText(await exported(house, bea, { subject: 'thread', id }))).toMatchObject({
    verdict: 'sound',
    erased: [mid],
  })

  const folder = mkdtempSync(join(tmpdir(), 'ledger-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'erasures.jsonl')
  await writeErasures(house, file)
  await house.admin.run`update held_messages set payload = ${kept.payload}, erased_at = null where id = ${mid}`
  expect((await caller.get(`/api/v1/threads/${id}/messages/${mid}`)).body.parts).toEqual([{ text: word }])
  await applyErasures(house, file)
  expect((await caller.get(`/api/v1/threads/${id}/messages/${mid}`)).body.code).toBe('payload_erased')
})
