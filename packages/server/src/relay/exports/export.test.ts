// What one side takes out verifies without a server (relay.md R110), says nothing of the other side, and names what is gone.
import { expect, test } from 'vitest'
import { exported, verifySideText } from '../testing/leaving.ts'
import { type Loose, openRelay, type RelayTest } from '../testing/relay.ts'

const linesIn = (text: string): string[] => text.trimEnd().split('\n')
const read = (text: string): Loose[] => linesIn(text).map((line) => JSON.parse(line))
const joined = (lines: readonly string[]) => `${lines.join('\n')}\n`

async function answered(relay: RelayTest) {
  const { thread_id: id } = (await relay.start({ data: { cost: 9007199254740993n.toString(), n: 1.5 } })).body
  await relay.respond(id, { text: 'the answer', outcome: 'completed' })
  return id as string
}

test('R110 an export of a thread holds its messages, artifacts and sealed events, is closed by a checkpoint, and verifies with no server', async () => {
  const relay = await openRelay()
  const { house } = relay
  const id = await answered(relay)
  const text = await exported(house, house.alice, { subject: 'thread', id })
  const lines = read(text)
  expect(lines[0].export).toMatchObject({ subject: 'thread', subject_id: id, side: 'owner', requested_by: house.alice.id })
  const of = (kind: string) => lines.filter((line) => kind in line).map((line) => line[kind])
  expect(of('message').map((one) => [one.side, one.kind, one.payload_state])).toEqual([
    ['caller', 'message', 'present'],
    ['owner', 'artifact', 'present'],
    ['owner', 'message', 'present'],
  ])
  expect(of('artifact')).toMatchObject([{ artifact_id: 'response', parts: [{ text: 'the answer' }] }])
  expect(of('event').map((one) => one.type)).toContain('thread.closed')
  expect(of('sealed').map((one) => JSON.parse(one.event).type)).toEqual(
    expect.arrayContaining(['export.created', 'thread.accepted', 'thread.closed']),
  )
  expect(Object.keys(lines.at(-1))).toEqual(['checkpoint'])
  const verdict = await verifySideText(text)
  expect(verdict).toMatchObject({ verdict: 'sound', threads: 1, messages: 3, expired: [], erased: [], key: 'from the file' })
  const { keys } = (await house.alice.get('/.well-known/countersign/audit-keys.json')).body
  const publicKeys = keys.map((one: Loose) => Buffer.from(one.public_key, 'base64'))
  expect(await verifySideText(text, { publicKeys })).toMatchObject({ verdict: 'sound', key: 'trusted' })
  expect(await verifySideText(text, { publicKeys: [Buffer.alloc(32, 7)] })).toMatchObject({ verdict: 'bad_signature' })
  expect((await house.eventTypes()).filter((type) => type === 'export.downloaded')).toHaveLength(1)
})

test('R110 a changed, missing, added, moved or cut line is found', async () => {
  const relay = await openRelay()
  const id = await answered(relay)
  const text = await exported(relay.house, relay.house.alice, { subject: 'thread', id })
  const lines = linesIn(text)
  const verdict = async (changed: readonly string[]) => {
    const { verdict: said, first_bad_line } = await verifySideText(joined(changed))
    return [said, first_bad_line]
  }
  const at = (word: string) => lines.findIndex((line) => line.startsWith(word))
  const edit = (n: number, from: RegExp | string, to: string) => lines.map((line, i) => (i === n ? line.replace(from, to) : line))
  const said = lines.findIndex((line) => line.includes('"the answer"'))
  expect(await verdict(edit(said, 'the answer', 'the other'))).toEqual(['altered', said + 1])
  const sealed = at('{"sealed":')
  expect(await verdict(edit(sealed, 'export.created', 'export.undone'))).toEqual(['altered', sealed + 1])
  expect(await verdict(edit(at('{"thread":'), '"closed"', '"failed"'))).toEqual(['altered', null])
  expect(await verdict(lines.filter((_, i) => i !== said))).toEqual(['truncated', null])
  expect(await verdict([...lines.slice(0, 3), lines[2] as string, ...lines.slice(3)])).toEqual(['altered', null])
  expect(await verdict(lines.slice(0, -1))).toEqual(['truncated', null])
  expect(await verdict(edit(lines.length - 1, /"lines_hash":"./, '"lines_hash":"z'))).toEqual(['bad_signature', null])
  expect(await verdict(['{"export":', ...lines.slice(1)])).toEqual(['unreadable', 1])
})

test('R110 R70 the caller exports its own side from its own record; the owner’s acts and people are not in it, and a stranger finds nothing', async () => {
  const relay = await openRelay()
  const { house, bea } = relay
  const id = await answered(relay)
  const text = await exported(house, bea, { subject: 'relay_grant', id: relay.grant.id })
  const lines = read(text)
  expect(lines[0].export).toMatchObject({ side: 'caller', subject: 'relay_grant' })
  expect(lines.filter((line) => line.thread).map((line) => line.thread.id)).toEqual([id])
  expect(lines.find((line) => line.relay_grant).relay_grant).toMatchObject({ id: relay.grant.id, created_by: null })
  for (const mine of [house.alice.id, relay.server.id]) expect(text).not.toContain(mine)
  expect(text).not.toContain(relay.grant.token)
  expect(await verifySideText(text)).toMatchObject({ verdict: 'sound', threads: 1, messages: 3 })
  expect((await bea.post('/api/v1/exports', { subject: 'card', id: relay.card.id })).status).toBe(404)
  const stranger = await house.given.user({ role: 'owner', tenantId: await house.given.tenant('Others') })
  expect((await stranger.post('/api/v1/exports', { subject: 'thread', id })).status).toBe(404)
  expect((await stranger.get(`/api/v1/exports/${lines[0].export.id}`)).status).toBe(404)
  expect((await house.member.post('/api/v1/exports', { subject: 'thread', id })).status).toBe(403)
  expect((await house.alice.post('/api/v1/exports', { subject: 'card', id })).status).toBe(422)
})

test('R110 §12.21 what expired is named as such, and the rest verifies', async () => {
  const relay = await openRelay()
  const { house } = relay
  const card = await relay.makeCard({ retention_days: 0 })
  const grant = await relay.makeGrant({ card })
  const { thread_id: id } = (await relay.start({ text: 'what is kept' }, { card, token: grant.token })).body
  await relay.respond(id, { text: 'the answer', outcome: 'completed' })
  const text = await exported(house, house.alice, { subject: 'card', id: card.id })
  expect(text).not.toContain('the answer')
  const verdict = await verifySideText(text)
  expect(verdict).toMatchObject({ verdict: 'sound', threads: 1, messages: 3, erased: [] })
  expect(verdict.expired).toHaveLength(3)
  expect(read(text).filter((line) => line.card_version)).toHaveLength(1)
})

test('R110 one export of a thing at a time, sealed at rest, gone after a week', async () => {
  const relay = await openRelay()
  const { house } = relay
  const id = await answered(relay)
  const by = house.alice
  const first = await by.post('/api/v1/exports', { subject: 'thread', id })
  const second = await by.post('/api/v1/exports', { subject: 'thread', id })
  expect([first.status, second.status, second.body.code]).toEqual([202, 409, 'export_running'])
  expect((await by.get(`/api/v1/exports/${first.body.id}/pieces/0`)).body.code).toBe('state_conflict')
  await house.admin
    .run`update exports set state = 'failed', finished_at = countersign.now(), expires_at = countersign.now() where state = 'running'`
  const text = await exported(house, by, { subject: 'thread', id })
  const [{ bytes }] = (await house.admin.rows<{ bytes: Buffer }>`select bytes from export_chunks`) as [{ bytes: Buffer }]
  expect(text).toContain('the answer')
  expect(bytes.includes(Buffer.from('the answer'))).toBe(false)
  await house.clock.advance('8d')
  const owner = await house.given.user({ role: 'owner' })
  const ready = (await owner.get('/api/v1/exports')).body.data.find((one: Loose) => one.state === 'ready')
  expect((await owner.get(`/api/v1/exports/${ready.id}/pieces/0`)).body).toMatchObject({
    code: 'state_conflict',
    state: 'expired',
  })
  await owner.post('/api/v1/exports', { subject: 'thread', id })
  expect(await house.admin.rows`select 1 from export_chunks`).toEqual([])
  expect(await house.admin.rows`select wrapped from subject_keys where subject like 'export:%' and wrapped is not null`).toEqual(
    [],
  )
})
