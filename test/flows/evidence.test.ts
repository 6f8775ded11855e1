// What an incident leaves behind, taken home by one command (P144): events, sessions, receipts and deliveries of a key, of a person, of a tenant.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Countersign } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { collectEvidence } from '../../packages/server/src/cli/evidence.ts'
import { sealed } from '../../packages/server/src/events/audit/audit.fixture.ts'
import { verifyReceipt } from '../../packages/server/src/events/audit/verify-receipt.ts'
import { temporaryFolder } from '../harness/process.ts'

type Line = { id: string; type: string; class: string; actor: { id: string; key_id?: string }; event_id: string }

test('P144 evidence of a key, a person and a tenant: its events and no other, a receipt that verifies for each that is a record, and the digest of every file', async () => {
  const house = await sealed({ settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: '127.0.0.1:9' } })
  const from = new Date(house.clock.now().getTime() - 60_000).toISOString()
  const [one, other] = [await house.given.agent(), await house.given.agent({ name: 'other-bot' })]
  await house.alice.post('/api/v1/endpoints', { url: 'http://127.0.0.1:9/hooks', events: 'task.*', verify: false })
  const task = await house.given.task({}, one)
  await house.given.task({}, other)
  const decided = { type: 'respond', response: { approve: true }, seen_revision: 1 }
  expect((await house.alice.post(`/api/v1/tasks/${task.id}/decide`, decided)).status).toBe(200)
  await house.seal()
  const owner = await house.given.key(
    { kind: 'usr', scopes: ['events:*', 'audit:*', 'deliveries:read', 'tasks:receipt'] },
    house.alice,
  )
  const client = new Countersign({ url: house.url, key: owner.secret })
  const to = new Date(house.clock.now().getTime() + 60_000).toISOString()
  const collect = async (subject: string | null) => {
    const folder = temporaryFolder()
    const manifest = await collectEvidence(client, { subject, from, to }, folder)
    const read = (name: string) => readFileSync(join(folder, name), 'utf8')
    const events = read('events.ndjson')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Line)
    return { folder, manifest, read, events }
  }

  const ofKey = await collect(one.keyId)
  expect(ofKey.events.map((event) => event.type)).toContain('task.created')
  for (const { actor, type } of ofKey.events)
    expect([type, actor.key_id === one.keyId || type.startsWith('key.')]).toEqual([type, true])
  const deliveries = ofKey
    .read('deliveries.ndjson')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line)
  expect(deliveries.length).toBeGreaterThan(0)
  for (const { event_id } of deliveries) expect(ofKey.events.map((event) => event.id)).toContain(event_id)

  const person = (await house.alice.get('/api/v1/me')).body.id
  const ofAlice = await collect(person)
  expect(ofAlice.events.map((event) => event.type)).toContain('task.completed')
  expect(JSON.parse(ofAlice.read('sessions.json'))).toEqual([
    expect.objectContaining({ actor: person, session_id: expect.stringMatching(/^ses_/) }),
  ])

  const whole = await collect(null)
  expect(whole.events.length).toBeGreaterThan(ofKey.events.length + 1)
  expect(whole.manifest.counts.events).toBe(whole.events.length)
  for (const { name, sha256 } of whole.manifest.files) {
    expect([name, createHash('sha256').update(whole.read(name)).digest('hex')]).toEqual([name, sha256])
    expect(statSync(join(whole.folder, name)).mode & 0o777).toBe(0o600)
  }
  const records = whole.events.filter((event) => event.class === 'audit').length
  expect(whole.manifest.counts.receipts + whole.manifest.without_receipt.length).toBe(records)
  const keys = (await house.nobody.get('/.well-known/countersign/receipt-keys.json')).body
  const files = readdirSync(join(whole.folder, 'receipts'))
  expect(files.length).toBeGreaterThan(0)
  for (const name of files)
    expect(verifyReceipt(whole.read(join('receipts', name)).trim(), { receipt: keys })).toMatchObject({ valid: true })
  // Nothing of what was asked or answered is in it.
  for (const { name } of whole.manifest.files) expect(whole.read(name)).not.toContain('Approve the refund?')
}, 120_000)
