import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { type Admin, type House, setup } from '#harness'
import { addIdentity } from './channels/email/testing/rig.ts'
import { openSink } from './channels/email/testing/sink.ts'
import { type Level, mask, readRedaction, STRICT_TITLE, type StoredRedaction, type Surface, showOn, within } from './redaction.ts'
import { errorsOf } from './tasks.fixture.ts'
import type { Task } from './wire.ts'

const HIDDEN = { _redacted: true }
const at = (id: unknown, act = '') => `/api/v1/tasks/${id}${act && `/${act}`}`

/** §9.3, line by line: what is asked, and what was answered. */
const TABLE: [Surface, Level, 'shown' | 'hidden', 'shown' | 'hidden'][] = [
  ['reader', 'none', 'shown', 'shown'],
  ['reader', 'notify', 'shown', 'shown'],
  ['reader', 'strict', 'hidden', 'hidden'],
  ['revealed', 'strict', 'shown', 'shown'],
  ['agent', 'none', 'shown', 'shown'],
  ['agent', 'notify', 'shown', 'shown'],
  ['agent', 'strict', 'hidden', 'shown'],
  ['list', 'none', 'shown', 'shown'],
  ['list', 'notify', 'hidden', 'hidden'],
  ['list', 'strict', 'hidden', 'hidden'],
  ['notice', 'none', 'shown', 'shown'],
  ['notice', 'notify', 'hidden', 'hidden'],
  ['notice', 'strict', 'hidden', 'hidden'],
  ['embed', 'none', 'shown', 'shown'],
  ['embed', 'notify', 'hidden', 'shown'],
  ['embed', 'strict', 'hidden', 'hidden'],
  ['verifier', 'notify', 'hidden', 'hidden'],
  ['endpoint', 'notify', 'hidden', 'hidden'],
  ['endpoint', 'strict', 'hidden', 'hidden'],
  ['nobody', 'none', 'hidden', 'hidden'],
]
test.each(TABLE)('T153 on %s at %s the question is %s and the answer %s', (surface, redact, question, answer) => {
  const members = { description: 'd', payload: { a: 1 }, initial_response: { b: 1 }, response: { c: 1 }, cancel_reason: 'r' }
  const masked = mask(members, { redact, redact_pointers: null }, surface)
  const expected = (side: string, value: unknown) => (side === 'shown' ? value : HIDDEN)
  expect(masked).toEqual({
    description: expected(question, 'd'),
    payload: expected(question, { a: 1 }),
    initial_response: expected(question, { b: 1 }),
    response: expected(answer, { c: 1 }),
    cancel_reason: expected(answer, 'r'),
  })
})

const POINTED: StoredRedaction = {
  redact: 'none',
  redact_pointers: { payload: ['/card/number', '/list/1', '/none'], response: ['/pin'], action: ['/args/iban'] },
}
test('T153 pointers hide their parts everywhere but from the asking agent and after a reveal, and what they do not name stays', () => {
  const members = {
    payload: { card: { number: '4111', name: 'Ann' }, list: [1, 2, 3] },
    action: { name: 'pay', args: { iban: 'DE1', amount: 4 } },
    items: [{ id: 'x', payload: { card: { number: '1' } }, action: { name: 'pay', args: { iban: 'DE2' } } }],
    initial_response: { pin: '1', ok: true },
    response: { pin: '2', ok: true, items: { x: { type: 'edit', args: { iban: 'DE3' }, response: { pin: '3' } } } },
  }
  const masked = {
    payload: { card: { number: HIDDEN, name: 'Ann' }, list: [1, HIDDEN, 3] },
    action: { name: 'pay', args: { iban: HIDDEN, amount: 4 } },
    items: [{ id: 'x', payload: { card: { number: HIDDEN } }, action: { name: 'pay', args: { iban: HIDDEN } } }],
    initial_response: { pin: HIDDEN, ok: true },
    response: { pin: HIDDEN, ok: true, items: { x: { type: 'edit', args: { iban: HIDDEN }, response: { pin: HIDDEN } } } },
  }
  for (const surface of ['reader', 'list', 'notice', 'embed', 'verifier', 'endpoint'] as const)
    expect(mask(members, POINTED, surface), surface).toEqual(masked)
  for (const surface of ['agent', 'revealed'] as const) expect(mask(members, POINTED, surface), surface).toEqual(members)
  const decided = { response: { type: 'edit', args: { iban: 'DE4' } }, args: { iban: 'DE5', amount: 1 }, reason: 'because' }
  expect(mask(decided, POINTED, 'reader', 'decision')).toEqual({
    response: { type: 'edit', args: { iban: HIDDEN } },
    args: { iban: HIDDEN, amount: 1 },
    reason: 'because',
  })
  const patch = [
    { op: 'replace', path: '/iban', value: 'DE6' },
    { op: 'replace', path: '/amount', value: 5 },
    { op: 'replace', path: '', value: { iban: 'DE7' } },
  ]
  expect(mask({ patch }, POINTED, 'reader', 'decision').patch).toEqual([
    { op: 'replace', path: '/iban', value: HIDDEN },
    { op: 'replace', path: '/amount', value: 5 },
    { op: 'replace', path: '', value: HIDDEN },
  ])
})

test('T153 a place is found by RFC 6901, and masking twice changes nothing', () => {
  const value = { 'a/b': { '~': 1 }, c: [{ d: 2 }] }
  const once = within(value, ['/a~1b/~0', '/c/0/d', '/c/9', '/x/y'])
  expect(once).toEqual({ 'a/b': { '~': HIDDEN }, c: [{ d: HIDDEN }] })
  expect(within(once, ['/a~1b/~0', '/c/0/d'])).toEqual(once)
  expect(within(value, [''])).toEqual(HIDDEN)
})

test('T153 redact is a level, pointers, or both; redact_payload is its boolean reading', () => {
  const read = (...given: Parameters<typeof readRedaction>) => readRedaction(...given)
  expect(read(undefined, undefined).stored).toEqual({ redact: 'none', redact_pointers: null })
  expect(read(undefined, true).stored).toEqual({ redact: 'notify', redact_pointers: null })
  expect(read('strict', null).stored).toEqual({ redact: 'strict', redact_pointers: null })
  expect(read({ payload: ['/a'] }, undefined).stored).toEqual({
    redact: 'none',
    redact_pointers: { payload: ['/a'], response: [], action: [] },
  })
  expect(read({ level: 'notify', response: ['/a'] }, true).errors).toEqual([])
  expect(read('none', true).errors).toMatchObject([{ path: '/redact_payload', code: 'contradiction' }])
})

test('T166 a redact that cannot be is refused at its place', async () => {
  const house = await setup()
  const rows: [unknown, string][] = [
    ['all', '/redact'],
    [{ payload: ['no pointer'] }, '/redact'],
    [{ payload: Array(51).fill('/a') }, '/redact'],
    [{ level: 'strict', metadata: ['/a'] }, '/redact'],
  ]
  for (const [redact, path] of rows) {
    const { status, body } = await house.agent.post('/api/v1/tasks', { ...QUESTION, redact })
    expect([status, errorsOf(body).every((error) => error.startsWith(path))], JSON.stringify(redact)).toEqual([422, true])
  }
})

const QUESTION = {
  task: 'May it go on?',
  response_schema: {
    type: 'object',
    properties: { approved: { type: 'boolean' }, note: { type: 'string' }, pin: { type: 'string' } },
    required: ['approved'],
  },
  timeout_seconds: 7_200,
}

async function receiver() {
  const got: string[] = []
  const server = createServer(async (request, response) => {
    got.push(Buffer.concat(await request.toArray()).toString())
    response.writeHead(204).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => new Promise<void>((resolve) => void server.close(() => resolve())))
  return { got, port: (server.address() as AddressInfo).port }
}

/** As text, in hex and in base64 at each alignment. */
const formsOf = (needle: string): string[] => [
  needle,
  Buffer.from(needle).toString('hex'),
  ...[0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), Buffer.from(needle)])
      .toString('base64')
      .slice(shift === 0 ? 0 : shift + 1, -4),
  ),
]

/** The tables and columns in which one of these stands. */
async function foundIn(admin: Admin, needles: readonly string[]): Promise<string[]> {
  const { rows: tables } = await admin.query(`
    select t.table_schema as schema, t.table_name as name from information_schema.tables t
    where t.table_type = 'BASE TABLE' and t.table_schema not in ('pg_catalog', 'information_schema')`)
  expect(tables.length).toBeGreaterThan(50)
  const hits: string[] = []
  for (const { schema, name } of tables as { schema: string; name: string }[]) {
    const { rows } = await admin.query(`select one::text as text from "${schema}"."${name}" as one`)
    for (const { text } of rows as { text: string }[])
      for (const needle of needles)
        if (formsOf(needle).some((form) => text.includes(form))) hits.push(`${needle} in ${schema}.${name}`)
  }
  return hits
}

const LEVELS: [string, unknown, Record<string, string>][] = [
  // Which canaries each place shows: D description, P payload, X a part of it, I prefilled, R response, Y a part of it, S reason.
  [
    'none',
    'none',
    {
      reader: 'DPXIRYS',
      operator: 'DPXIRYS',
      agent: 'DPXIRYS',
      poll: 'RY',
      list: 'PXRY',
      auditor: '',
      mail: 'DPX',
      callback: 'RY',
      reveal: 'DPXIRYS',
    },
  ],
  [
    'notify',
    'notify',
    {
      reader: 'DPXIRYS',
      operator: 'DPXIRYS',
      agent: 'DPXIRYS',
      poll: 'RY',
      list: '',
      auditor: '',
      mail: '',
      callback: 'RY',
      reveal: 'DPXIRYS',
    },
  ],
  [
    'strict',
    'strict',
    { reader: '', operator: '', agent: 'RYS', poll: 'RY', list: '', auditor: '', mail: '', callback: 'RY', reveal: 'DPXIRYS' },
  ],
  [
    'pointers',
    { payload: ['/secret'], response: ['/pin'] },
    {
      reader: 'DPIRS',
      operator: 'DPIRS',
      agent: 'DPXIRYS',
      poll: 'RY',
      list: 'PR',
      auditor: '',
      mail: 'DP',
      callback: 'RY',
      reveal: 'DPXIRYS',
    },
  ],
]

test.each(LEVELS)(
  'T153 A28 with redaction %s every place shows what the table says, and the search finds it nowhere else',
  async (name, redact, expected) => {
    const sink = await openSink()
    const there = await receiver()
    const allow = `127.0.0.1:${sink.port},127.0.0.1:${there.port}`
    const house = await setup({ settings: { EGRESS_ALLOW: allow, EGRESS_HTTP: '1' } })
    await addIdentity(house, sink)
    const member = await house.member.person()
    const run = crypto.randomUUID().replaceAll('-', '').slice(0, 16)
    const mark = Object.fromEntries([...'DPXIRYS'].map((letter) => [letter, `canary${letter}${run}`])) as Record<string, string>
    const seen = (value: unknown): string => {
      const text = typeof value === 'string' ? value : JSON.stringify(value)
      return [...'DPXIRYS'].filter((letter) => text.includes(mark[letter] as string)).join('')
    }
    const { id } = await house.given.task({
      ...QUESTION,
      description: mark.D,
      payload: { open: mark.P, secret: mark.X },
      initial_response: { note: mark.I },
      redact,
      tags: [name],
      callback_url: `http://127.0.0.1:${there.port}/hook`,
      notify: [`email:${member.email}`],
    })
    await house.runJobs()
    const mails = sink.took.map(({ subject, text, html, raw }) => `${subject}\n${text}\n${html}\n${raw}`).join('\n')
    // Bad answers and bad reads leave nothing in replies or logs.
    await member.post(at(id, 'decide'), { type: 'respond', response: { approved: mark.R, note: 7 }, seen_revision: 1 })
    const response = { approved: true, note: mark.R, pin: mark.Y }
    const decided = await member.post(at(id, 'decide'), { type: 'respond', response, reason: mark.S, seen_revision: 1 })
    expect(decided.status, JSON.stringify(decided.body)).toBe(200)
    await house.runJobs()
    await house.runJobs()
    const list = await house.alice.get('/api/v1/tasks?include=payload&include=response')
    const places = {
      reader: seen((await member.get(at(id))).body),
      operator: seen((await house.bob.get(at(id))).body),
      agent: seen((await house.agent.get(at(id))).body),
      poll: seen((await house.agent.get(at(id, 'poll?timeout=1'))).body),
      list: seen(list.body),
      auditor: seen((await house.auditor.get(at(id))).body),
      mail: seen(mails),
      callback: seen(there.got),
      reveal: seen((await member.post(at(id, 'reveal'), {})).body),
    }
    expect(places).toEqual(expected)
    expect(seen((await house.viewer.get(at(id))).body)).toBe('')
    expect((await house.stranger.get(at(id))).status).toBe(404)
    const others = [at(id, 'record'), at(id, 'notices'), '/api/v1/events', '/api/v1/jobs', '/api/v1/deliveries']
    for (const path of others) expect([path, seen((await house.alice.get(path)).body)]).toEqual([path, ''])
    expect(seen(house.logs)).toBe('')
    expect(await foundIn(house.admin, Object.values(mark))).toEqual([])
    expect(there.got).toHaveLength(1)
    if (name === 'strict') expect(mails).not.toContain(QUESTION.task)
  },
  60_000,
)

const reveal = async (
  by: { post(path: string, body: unknown): Promise<{ status: number; body: { code?: string } }> },
  id: unknown,
  body: object,
) => by.post(at(id, 'reveal'), body)

test('T153 revealing is an event; who was not asked says why, and nobody without the right gets there', async () => {
  const house: House = await setup()
  const member = await house.member.person()
  const { id } = await house.given.task({ ...QUESTION, payload: { secret: 'hush' }, redact: 'strict', assign_to: member.email })
  expect((await member.get(at(id))).body.payload).toEqual(HIDDEN)
  expect(((await reveal(member, id, {})).body as { payload?: unknown }).payload).toEqual({ secret: 'hush' })
  const [event] = (await house.alice.get('/api/v1/events?type=task.revealed')).body.data
  expect(event).toMatchObject({ actor: { id: member.id }, resource: { id }, data: { level: 'strict', own: true } })
  const without = await reveal(house.bob, id, {})
  expect([without.status, errorsOf(without.body as never)]).toEqual([422, ['/reason reason_required']])
  expect((await reveal(house.bob, id, { reason: 'the agent asked me to' })).status).toBe(200)
  expect((await reveal(house.agent, id, {})).status).toBe(403)
  expect((await reveal(house.auditor, id, {})).status).toBe(403)
  expect((await reveal(house.reviewer, id, {})).status).toBe(404)
})

test('T153 at strict a notice says that a task waits, and no more', async () => {
  const house = await setup()
  const { id } = await house.given.task({ ...QUESTION, metadata: { customer: 'Ann' }, tags: ['vip'], redact: 'strict' })
  const task = (await house.agent.get(at(id))).body as unknown as Task
  const shown = showOn('notice', task)
  expect(shown).toMatchObject({
    task: STRICT_TITLE,
    tags: [],
    metadata: {},
    agent_name: null,
    response_schema: {},
    verdict: null,
  })
  expect(showOn('notice', shown)).toEqual(shown)
  expect(showOn('notice', { ...task, redact: 'notify' } as Task)).toMatchObject({ task: QUESTION.task, tags: [], metadata: {} })
})
