import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { chainOf, digestOf } from '../../crypto/chain.ts'
import { ed25519PublicKey, signCheckpoint, verifierKey } from '../../crypto/ed25519.ts'
import { tenantUuid } from '../../std/id.ts'
import { type SealedHouse, sealed, textOf, verifyText } from './audit.fixture.ts'
import { csvCell } from './csv.ts'

async function given(tasks = 5): Promise<SealedHouse> {
  const house = await sealed()
  for (let n = 0; n < tasks; n++) await house.given.task({ task: `Question ${n}?` })
  await house.seal()
  return house
}

const linesOf = (text: string) => text.trimEnd().split('\n')
const joined = (lines: readonly string[]) => `${lines.join('\n')}\n`
const seqOf = (line: string) => JSON.parse(line).seq as number

test('P118 A33 an export holds every event with its exact bytes, ends with the newest checkpoint, and verifies', async () => {
  const house = await given()
  const text = await house.exported()
  const lines = linesOf(text)
  const stored = await house.admin.rows<{ body: string }>`
    select e.body from seals s join events e on e.id = s.event_id where s.tenant_id = ${house.tenantId}::uuid order by s.seq`
  // The export tells of itself too, but after the range was fixed.
  expect(lines.length - 1).toBeGreaterThan(5)
  for (const [i, line] of lines.slice(0, -1).entries())
    expect(line.endsWith(`,"event":${stored[i]?.body}}`) && seqOf(line) === i + 1).toBe(true)
  const closing = JSON.parse(lines.at(-1) as string).checkpoint
  const latest = (await house.alice.get('/api/v1/audit/checkpoints/latest')).body
  expect(closing.note).toBe(latest.note)
  expect(await verifyText(text)).toMatchObject({
    verdict: 'sound',
    events: lines.length - 1,
    from_seq: 1,
    to_seq: latest.size,
    size: latest.size,
    root: latest.root,
    key: 'from the file',
  })
})

test('A33 P119 edited, dropped, swapped, cut and forked exports are told apart, with the first bad number', async () => {
  const house = await given()
  const text = await house.exported()
  const lines = linesOf(text)
  const last = lines.length - 1
  const verdict = async (changed: readonly string[], options = {}) => {
    const { verdict: said, first_bad_seq } = await verifyText(joined(changed), options)
    return [said, first_bad_seq]
  }
  const edit = (n: number, from: RegExp, to: string) => lines.map((line, i) => (i === n ? line.replace(from, to) : line))

  expect(await verdict(edit(3, /"type":"/, '"type":"x'))).toEqual(['altered', 4])
  expect(await verdict(edit(3, /"hash":"./, '"hash":"z'))).toEqual(['altered', 4])
  expect(await verdict(edit(3, /"prev_hash":"../, '"prev_hash":"zz'))).toEqual(['altered', 4])
  expect(await verdict(lines.filter((_, i) => i !== 3))).toEqual(['gap', 4])
  expect(await verdict([...lines.slice(0, 3), lines[4] as string, lines[3] as string, ...lines.slice(5)])).toEqual([
    'reordered',
    4,
  ])
  expect(await verdict([...lines.slice(0, 4), lines[2] as string, ...lines.slice(4)])).toEqual(['reordered', 5])
  // Cut at the end: without the note, and with the note of the whole.
  expect(await verdict(lines.slice(0, -1))).toEqual(['truncated', last + 1])
  expect(await verdict(lines.slice(0, -3))).toEqual(['truncated', last - 1])
  expect(await verdict([...lines.slice(0, -3), lines[last] as string])).toEqual(['truncated', last - 1])
  expect(await verdict(lines.slice(1))).toEqual(['gap', 1])
  expect(await verdict([])).toEqual(['truncated', 1])
  expect(await verdict(['{"hello":1}', ...lines])).toEqual(['unreadable', 1])
  expect(await verdict(edit(last, /"note":"[^"]*/, '"note":"nonsense'))).toEqual(['unreadable', null])
  // A size that the note never had.
  const size = JSON.parse(lines[last] as string).checkpoint.note.split('\n')[1]
  expect((await verdict(edit(last, new RegExp(`\\\\n${size}\\\\n`), `\\n${Number(size) + 1}\\n`)))[0]).not.toBe('sound')
  expect(await verdict(edit(last, /(— [^ ]+ \S{20})(.)/, '$1A'))).toEqual(['bad_signature', null])
  expect(await verdict(lines)).toEqual(['sound', null])
})

test('P119 a log that was hashed anew from an edited line does not have the root that was signed', async () => {
  const house = await given()
  const lines = linesOf(await house.exported())
  const closing = JSON.parse(lines.at(-1) as string).checkpoint
  const tenant = tenantUuid(/ten_\w+/.exec(closing.note)?.[0] as string) as string
  const link = chainOf(tenant)
  let prev: Buffer = Buffer.alloc(32)
  const forged = lines.slice(0, -1).map((line, i) => {
    const event = line.slice(line.indexOf('"event":') + 8, -1).replace('"type":"task.created"', '"type":"task.creatid"')
    const hash = link(i + 1, prev, digestOf(event))
    const written = `{"seq":${i + 1},"prev_hash":"${prev.toString('hex')}","hash":"${hash.toString('hex')}","event":${event}}`
    prev = hash
    return written
  })
  expect(await verifyText(joined([...forged, lines.at(-1) as string]))).toMatchObject({ verdict: 'forked' })
  // Who signs the forgery with a key of their own is found out by a key that the reader had before.
  const trusted = closing.verifier_keys
  expect(await verifyText(joined(lines), { keys: trusted })).toMatchObject({ verdict: 'sound', key: 'trusted' })
  const seed = randomBytes(32)
  const origin = closing.note.split('\n')[0]
  const own = signCheckpoint(seed, { origin, size: closing.to_seq, root: Buffer.from(closing.note.split('\n')[2], 'base64') })
  const theirs = JSON.stringify({
    checkpoint: { ...closing, note: own, verifier_keys: [verifierKey(origin, ed25519PublicKey(seed))] },
  })
  const signed = joined([...lines.slice(0, -1), theirs])
  expect(await verifyText(signed)).toMatchObject({ verdict: 'sound', key: 'from the file' })
  expect(await verifyText(signed, { keys: trusted })).toMatchObject({ verdict: 'bad_signature' })
})

test('P119 A33 an older note must be the beginning of the log; of two notes of one size with other roots one is a fork', async () => {
  const house = await given()
  const older = (await house.alice.get('/api/v1/audit/checkpoints/latest')).body
  for (let n = 0; n < 3; n++) await house.given.task()
  await house.seal()
  const text = await house.exported()
  const newer = (await house.alice.get('/api/v1/audit/checkpoints/latest')).body
  expect(newer.size).toBeGreaterThan(older.size)
  for (const { note } of [older, newer]) expect(await verifyText(text, { against: note })).toMatchObject({ verdict: 'sound' })

  const origin = older.note.split('\n')[0]
  const signed = (size: number) => signCheckpoint(house.keyring.purpose('audit-sign'), { origin, size, root: randomBytes(32) })
  expect(await verifyText(text, { against: signed(older.size) })).toMatchObject({ verdict: 'forked' })
  expect(await verifyText(text, { against: signed(newer.size) })).toMatchObject({ verdict: 'forked' })
  expect(await verifyText(text, { against: signed(newer.size + 5) })).toMatchObject({
    verdict: 'truncated',
    first_bad_seq: newer.size + 1,
  })
  expect(await verifyText(text, { against: older.note.replace(/\n— (\S+) .{12}/, '\n— $1 AAAAAAAAAAAA') })).toMatchObject({
    verdict: 'bad_signature',
  })
  expect(await verifyText(text, { against: 'x' })).toMatchObject({ verdict: 'unreadable' })
})

test('P118 a part of the log is an export too, and verifies against the root of the whole', async () => {
  const house = await given(3)
  await house.clock.advance('1h')
  const from = house.clock.now().toISOString()
  await house.clock.advance('1m')
  for (let n = 0; n < 4; n++) await house.given.task()
  await house.seal()
  await house.clock.advance('1m')
  const to = house.clock.now().toISOString()
  await house.clock.advance('1h')
  for (let n = 0; n < 2; n++) await house.given.task()
  await house.seal()
  const text = await house.exported({ from, to })
  const said = await verifyText(text)
  expect(said).toMatchObject({ verdict: 'sound' })
  expect(said.events).toBeGreaterThanOrEqual(4)
  expect(said.from_seq).toBeGreaterThan(1)
  expect(said.to_seq).toBeLessThan(said.size as number)
  for (const line of linesOf(text).slice(0, -1)) expect(JSON.parse(line).event.occurred_at > from).toBe(true)
  expect(await verifyText(joined(linesOf(text).slice(1)))).toMatchObject({ verdict: 'gap', first_bad_seq: said.from_seq })
  const nothing = await house.exported({ from: '2001-01-01T00:00:00Z', to: '2001-01-02T00:00:00Z' })
  expect(await verifyText(nothing)).toMatchObject({ verdict: 'sound', events: 0 })
})

test('P118 one export at a time, its progress can be read, its pieces end with it, and others are refused', async () => {
  const house = await given()
  const made = await house.alice.post('/api/v1/audit/exports', { format: 'csv' })
  expect(made.status).toBe(202)
  expect(made.body).toMatchObject({ state: 'running', total: null, written: 0, from: null, requested_by: house.alice.id })
  expect(await house.alice.post('/api/v1/audit/exports', {})).toMatchObject({ status: 409, body: { code: 'export_running' } })
  const early = await house.alice.get(`/api/v1/audit/exports/${made.body.id}/pieces/0`)
  expect(early).toMatchObject({ status: 409, body: { code: 'state_conflict', state: 'running' } })
  await house.runJobs()
  const ready = (await house.alice.get(`/api/v1/audit/exports/${made.body.id}`)).body
  expect(ready).toMatchObject({ state: 'ready', written: ready.total, error: null })
  expect((await house.alice.get('/api/v1/audit/exports')).body.data[0].id).toBe(made.body.id)

  // Written by one process, served by another.
  const csv = await textOf(house.alice.at((await house.second()).url), made.body.id)
  const rows = csv.split('\r\n')
  expect(rows[0]).toMatch(/^seq,occurred_at,type,class,/)
  expect(rows.length).toBe(ready.written + 3) // header, checkpoint, end
  expect(csv).toContain('/audit/ten_')
  expect(await house.eventTypes()).toEqual(expect.arrayContaining(['export.created', 'audit.exported', 'export.downloaded']))

  const stranger = await house.stranger.get(`/api/v1/audit/exports/${made.body.id}`)
  expect(stranger).toMatchObject({ status: 404 })
  expect(await house.member.post('/api/v1/audit/exports', {})).toMatchObject({ status: 403 })
  expect(await house.auditor.get('/api/v1/audit/exports')).toMatchObject({ status: 200 })
  const reversed = { from: '2026-01-02T00:00:00Z', to: '2026-01-01T00:00:00Z' }
  expect(await house.alice.post('/api/v1/audit/exports', reversed)).toMatchObject({ status: 422 })

  await house.clock.advance('8d')
  // A week later the sessions of the test are over as well.
  const later = await house.given.user({ role: 'owner' })
  expect(await later.get(`/api/v1/audit/exports/${made.body.id}/pieces/0`)).toMatchObject({
    status: 409,
    body: { state: 'expired' },
  })
})

test('P118 no cell of a CSV begins a formula', () => {
  for (const start of ['=', '+', '-', '@', '\t', '\r']) expect(csvCell(`${start}cmd|' /C calc'!A0`)).toMatch(/^"?'/)
  expect(csvCell('a,"b"\nc')).toBe('"a,""b""\nc"')
  expect([csvCell(-5), csvCell(null), csvCell('plain')]).toEqual(['-5', '', 'plain'])
})
