import { Problem } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { type Scope, systemScope } from '../db/scope.ts'
import { type Db, type Tx, tx } from '../db/tx.ts'
import { newId } from '../std/id.ts'
import { openReplies } from './reply.ts'
import { type Route, route, s } from './route.ts'
import { type Door, openDoor } from './testing/door.ts'

const Body = s.object({ text: s.optional(s.text({ max: 50 })), n: s.optional(s.json()), fail: s.optional(s.text()) })
const insertEffect = (t: Tx, scope: Scope, id: string) =>
  t.run`insert into effects (id, tenant_id, at) values (${id}, ${scope.tenantId}::uuid, ${t.now})`

// How long an effect takes is the test's to say.
const gate: { wait: Promise<void> } = { wait: Promise.resolve() }

const routes = (db: Db): Route[] => {
  const spec = { summary: 'Make', tag: 't', auth: 'any', self: true, bucket: undefined } as const
  const make = (scope: Scope, body: { text?: string; fail?: string }) =>
    tx(db, scope, async (t) => {
      const id = newId('task')
      await insertEffect(t, scope, id)
      await gate.wait
      if (body.fail === 'problem') throw new Problem('state_conflict')
      if (body.fail === 'field') throw new Problem('response_invalid', { errors: [{ path: '/text', code: 'x', message: 'y' }] })
      if (body.fail === 'away') throw new Problem('store_unavailable', { retry_after: 1 })
      if (body.fail === 'bug') throw new Error('a bug')
      return { id, text: body.text ?? null }
    })
  return [
    route(
      'POST /things',
      { ...spec, body: Body, answers: { 201: s.object({ id: s.id('task'), text: s.maybe(s.text()) }) } },
      ({ scope, body, reply }) => {
        reply.header('Location', '/here')
        return make(scope, body)
      },
    ),
    route('POST /others', { ...spec, body: Body, answers: { 201: s.json() } }, ({ scope, body }) => make(scope, body)),
    route(
      'POST /secrets',
      {
        ...spec,
        answers: { 200: s.json(), 201: s.json() },
        secretOnce: ['secret', 'key.secret'],
        render: (result) => ({
          status: 201,
          headers: { 'X-Made': 'yes' },
          body: { ...(result as object), secret: 'topsecret', key: { id: 1, secret: 'deepsecret' } },
        }),
      },
      ({ scope }) => make(scope, {}),
    ),
    route('POST /careless', { ...spec, answers: { 201: s.json() } }, async ({ scope }) => ({
      ...(await make(scope, {})),
      more: 1,
    })),
    route('POST /nothing', { ...spec, answers: { 204: null } }, async () => undefined),
    route('GET /flow', { ...spec, answers: { 200: 'stream' } }, ({ stream }) => stream(async () => undefined)),
    route('POST /cookies', { ...spec, idempotency: 'none', answers: { 200: s.json() } }, ({ scope }) => make(scope, {})),
  ]
}

async function open(): Promise<Door & { effects(): Promise<number> }> {
  gate.wait = Promise.resolve()
  const house = await openDoor(routes, { checkAnswers: true })
  await house.admin.query(
    `set role countersign_owner; create table effects (id text, tenant_id uuid not null, at timestamptz); select make_tenant_table('effects', array['select', 'insert']); reset role`,
  )
  return { ...house, effects: async () => Number((await house.admin.one<{ n: string }>`select count(*) as n from effects`).n) }
}

const keyed = (key: string, body: unknown = { text: 'a' }, as = 'agent') => ({ body, headers: { 'idempotency-key': key }, as })

test('P76 P77 the same call with the same key has one effect and one answer, whatever the order of members', async () => {
  const house = await open()
  const first = await house.call('/api/v1/things', keyed('k1', { text: 'a', n: { x: 1, y: [2] } }))
  const again = await house.call('/api/v1/things', {
    ...keyed('k1'),
    body: undefined,
    raw: ' {"n": {"y":[2.0], "x":1e0},\n"text":"a"}',
    headers: { 'idempotency-key': 'k1', 'content-type': 'application/json' },
  })
  expect(first.status).toBe(201)
  expect(first.headers['idempotency-replayed']).toBeUndefined()
  expect([again.status, again.text, again.headers['idempotency-replayed'], again.headers.location]).toEqual([
    201,
    first.text,
    'true',
    '/here',
  ])
  expect(again.headers['x-request-id']).not.toBe(first.headers['x-request-id'])
  expect(await house.effects()).toBe(1)
})

test('P76 the key is of one tenant, principal, method and route; another body, path or query is a mismatch', async () => {
  const house = await open()
  await house.call('/api/v1/things', keyed('k1'))
  for (const [path, as] of [
    ['/api/v1/things', 'stranger'],
    ['/api/v1/things', 'twin'],
    ['/api/v1/others', 'agent'],
  ] as const)
    expect(
      (await house.call(path, keyed('k1', { text: 'a' }, as))).headers['idempotency-replayed'],
      `${path} ${as}`,
    ).toBeUndefined()
  expect(await house.effects()).toBe(4)
  expect((await house.call('/api/v1/things', keyed('k1', { text: 'b' }))).body).toMatchObject({
    status: 422,
    code: 'idempotency_mismatch',
  })
  expect((await house.call('/api/v1/things', keyed('n', { n: 9007199254740992 }))).status).toBe(201)
  const near = await house.call('/api/v1/things', {
    method: 'POST',
    raw: '{"n":9007199254740993}',
    headers: { 'idempotency-key': 'n', 'content-type': 'application/json' },
  })
  expect(near.body.code).toBe('idempotency_mismatch')
  expect(await house.effects()).toBe(5)
})

test('P77 A22 of 50 equal calls that race over two processes one has the effect; the others hear 409 or its reply', async () => {
  const house = await open()
  const second = await house.second()
  let release: () => void = () => undefined
  gate.wait = new Promise((resolve) => {
    release = resolve
  })
  const calls = Array.from({ length: 50 }, (_, i) => (i % 2 ? house : second).call('/api/v1/things', keyed('race')))
  const other = await house.call('/api/v1/things', keyed('race', { text: 'other' }))
  expect(other.body.code).toBe('idempotency_mismatch')
  const early = await Promise.race(calls)
  expect([early.status, early.body.code, early.headers['retry-after']]).toEqual([409, 'idempotency_in_flight', '1'])
  release()

  const answers = await Promise.all(calls)
  const made = answers.filter((answer) => answer.status === 201)
  expect(new Set(made.map((answer) => answer.text)).size).toBe(1)
  expect(answers.every((answer) => answer.status === 201 || answer.body.code === 'idempotency_in_flight')).toBe(true)
  expect(await house.effects()).toBe(1)
  expect((await second.call('/api/v1/things', keyed('race'))).headers['idempotency-replayed']).toBe('true')
})

test('P77 A22 after a process died mid-way the key is in flight for its lease, then the next call runs, once', async () => {
  const house = await open()
  const { call: calls } = house
  const scope = { ...systemScope('x', house.tenants.a), principal: 'agt_1' }
  const replies = openReplies({ db: house.db, sealing: { seal: async () => Buffer.from('x'), open: async () => '' } })
  const call = { route: 'POST /things', method: 'POST', path: '/api/v1/things', query: '', body: { text: 'a' }, key: 'died' }
  // The row that a process leaves which is killed between its commit and that of the effect.
  const dead = await replies.begin(scope, call)
  expect('attempt' in dead).toBe(true)

  expect((await calls('/api/v1/things', keyed('died'))).body.code).toBe('idempotency_in_flight')
  expect((await calls('/api/v1/things', keyed('died', { text: 'b' }))).body.code).toBe('idempotency_mismatch')
  await house.clock.advance('61s')
  expect((await calls('/api/v1/things', keyed('died'))).status).toBe(201)
  expect(await house.effects()).toBe(1)

  // It was only slow after all: its effect must not stand beside the other's.
  const late =
    'attempt' in dead
      ? tx(house.db, { ...scope, beforeCommit: (t) => dead.attempt.complete(t, { status: 201, headers: {}, body: '{}' }) }, (t) =>
          insertEffect(t, scope, 'late'),
        )
      : null
  await expect(late).rejects.toMatchObject({ code: 'idempotency_in_flight' })
  expect(await house.effects()).toBe(1)
})

test('P78 what is refused before the verb, by a field, by the store or by a bug is not kept; a conflict is', async () => {
  const house = await open()
  const twice = async (key: string, fail: string | undefined, first: number) => {
    expect((await house.call('/api/v1/things', keyed(key, { fail }))).status, key).toBe(first)
    const again = await house.call('/api/v1/things', keyed(key, { fail }))
    return [again.status, again.headers['idempotency-replayed']]
  }
  expect(await twice('conflict', 'problem', 409)).toEqual([409, 'true'])
  expect(await twice('field', 'field', 422)).toEqual([422, undefined])
  expect(await twice('away', 'away', 503)).toEqual([503, undefined])
  expect(await twice('bug', 'bug', 500)).toEqual([500, undefined])
  expect((await house.call('/api/v1/things', keyed('bug', { text: 'now right' }))).status).toBe(201)
  expect((await house.call('/api/v1/things', keyed('invalid', { text: 5 }))).status).toBe(422)
  expect((await house.call('/api/v1/things', keyed('invalid', { text: 'x' }))).status).toBe(201)
  expect(await house.effects()).toBe(2)
})

test('P78 a secret that is shown once is in the answer, but neither in its replay nor in any column', async () => {
  const house = await open()
  const first = await house.call('/api/v1/secrets', { method: 'POST', headers: { 'idempotency-key': 's' } })
  expect(first.body).toMatchObject({ secret: 'topsecret', key: { secret: 'deepsecret' } })
  expect(first.headers['x-made']).toBe('yes')
  const again = await house.call('/api/v1/secrets', { method: 'POST', headers: { 'idempotency-key': 's' } })
  expect(again.body).toEqual({ id: first.body.id, text: null, secret_shown: false, key: { id: 1, secret_shown: false } })
  const rows = await house.admin.rows<{ reply: Buffer; whole: string }>`select reply, replies::text as whole from replies`
  expect(rows).toHaveLength(1)
  for (const word of ['topsecret', first.body.id as string]) {
    expect(rows[0]?.reply.includes(word)).toBe(false)
    expect(rows[0]?.whole).not.toContain(word)
  }
})

test('P76 §21 keys that are empty, too long, not visible ASCII or sent twice are refused, and streams take none', async () => {
  const house = await open()
  const bad: (string | string[])[] = ['', ' ', 'x'.repeat(256), 'a b', 'ä', 'tab\tkey', ['a', 'a']]
  for (const key of bad)
    expect((await house.call('/api/v1/things', { body: {}, headers: { 'idempotency-key': key } })).body.code, String(key)).toBe(
      'idempotency_key_invalid',
    )
  expect((await house.call('/api/v1/flow', { headers: { 'idempotency-key': 'a' } })).body.code).toBe('idempotency_key_invalid')
  expect((await house.call('/api/v1/things', keyed('x'.repeat(255)))).status).toBe(201)
  expect(await house.effects()).toBe(1)
})

test('P77 a verb without a transaction, and one that ends in no body, are replayed too; a route may opt out', async () => {
  const house = await open()
  const nothing = () => house.call('/api/v1/nothing', { method: 'POST', headers: { 'idempotency-key': 'n' } })
  expect([(await nothing()).status, (await nothing()).headers['idempotency-replayed']]).toEqual([204, 'true'])
  const cookies = () => house.call('/api/v1/cookies', { method: 'POST', headers: { 'idempotency-key': 'c' } })
  expect([(await cookies()).headers['idempotency-replayed'], (await cookies()).headers['idempotency-replayed']]).toEqual([
    undefined,
    undefined,
  ])
})

test('P78 a reply ends after 24 hours: the key is free, and the sweep takes what is over', async () => {
  const house = await open()
  await house.call('/api/v1/things', keyed('old'))
  await house.call('/api/v1/things', keyed('older'))
  await house.clock.advance('23h')
  await house.call('/api/v1/things', keyed('new'))
  expect((await house.call('/api/v1/things', keyed('old'))).headers['idempotency-replayed']).toBe('true')
  await house.clock.advance('61m')
  expect((await house.call('/api/v1/things', keyed('old'))).headers['idempotency-replayed']).toBeUndefined()
  expect(await house.app.replies.sweep()).toBe(1)
  expect((await house.admin.rows`select 1 from replies`).length).toBe(2)
})

test('P78 a reply that was moved to another row does not open', async () => {
  const house = await open()
  await house.call('/api/v1/things', keyed('one', { text: 'one' }))
  await house.call('/api/v1/things', keyed('two', { text: 'two' }))
  await house.admin.run`update replies a set reply = b.reply from replies b where a.id <> b.id`
  expect((await house.call('/api/v1/things', keyed('one', { text: 'one' }))).body.code).toBe('internal')
})

test('P77 a verb whose transaction returns something else than its handler is found out in tests', async () => {
  const house = await open()
  expect((await house.call('/api/v1/careless', { method: 'POST' })).status).toBe(500)
  expect(house.logs.join('')).toContain('a replay would answer otherwise')
})

/** The texts of what is asked outside of transactions. */
function listenIn({ db: { pool } }: Door): string[] {
  const seen: string[] = []
  const query = pool.query.bind(pool) as (...args: unknown[]) => unknown
  pool.query = ((asked: string | { text: string }, ...rest: unknown[]) => {
    seen.push(typeof asked === 'string' ? asked : asked.text)
    return query(asked, ...rest)
  }) as typeof pool.query
  return seen
}

test('P72 P77 limits and the reply cost a call two round trips beside its own transaction', async () => {
  const house = await open()
  const seen = listenIn(house)
  expect((await house.call('/api/v1/things', keyed('k'))).status).toBe(201)
  expect(seen.map((text) => /take_rates|begin_replies|begin_reply/.exec(text)?.[0])).toEqual(['take_rates', 'begin_replies'])
})

test('P76 P77 keys that come at the same moment are begun by few statements, and each has the outcome that it has by itself', async () => {
  const house = await open()
  const replies = openReplies({
    db: house.db,
    sealing: { seal: async () => Buffer.from('x'), open: async () => '{"status":200}' },
  })
  const asker = (tenantId: string, principal: string) => ({ ...systemScope('x', tenantId), principal })
  const [one, twin, stranger] = [
    asker(house.tenants.a, 'agt_1'),
    asker(house.tenants.a, 'agt_2'),
    asker(house.tenants.b, 'agt_1'),
  ]
  const begin = (scope: Scope, key: string, body = 'a') =>
    replies
      .begin(scope, { route: 'POST /things', method: 'POST', path: '/api/v1/things', query: '', body, key })
      .then((begun) => Object.keys(begun)[0])
      .catch((problem: Problem) => problem.code)
  const done = await replies.begin(one, {
    route: 'POST /things',
    method: 'POST',
    path: '/api/v1/things',
    query: '',
    body: 'a',
    key: 'done',
  })
  if ('attempt' in done) await done.attempt.settle({ status: 200, headers: {}, body: null }, true)
  expect(await begin(one, 'lapsed')).toBe('attempt')
  expect(await begin(one, 'lapsed too')).toBe('attempt')
  await house.clock.advance('61s')
  expect(await begin(one, 'runs')).toBe('attempt')

  const seen = listenIn(house)
  const outcomes = await Promise.all([
    ...[begin(one, 'done'), begin(one, 'done', 'b'), begin(one, 'runs'), begin(one, 'runs', 'b')],
    ...[begin(one, 'lapsed'), begin(one, 'lapsed too', 'b'), begin(twin, 'done'), begin(stranger, 'done')],
    ...[begin(one, 'new'), begin(one, 'new'), begin(one, 'new', 'b'), begin(twin, 'new')],
    ...Array.from({ length: 30 }, (_, i) => begin(one, `n ${i}`)),
  ])
  expect(outcomes.slice(0, 8)).toEqual([
    ...['replay', 'idempotency_mismatch', 'idempotency_in_flight', 'idempotency_mismatch'],
    ...['attempt', 'idempotency_mismatch', 'attempt', 'attempt'],
  ])
  expect(outcomes.slice(8, 12)).toEqual(['attempt', 'idempotency_in_flight', 'idempotency_mismatch', 'attempt'])
  expect(outcomes.slice(12)).toEqual(Array(30).fill('attempt'))
  // What lapsed, and what stands there twice, is looked at by itself.
  expect(seen.filter((text) => /begin_repl/.test(text)).length).toBeLessThanOrEqual(2 + 4)
  await house.clock.advance('25h')
  expect(await Promise.all([begin(one, 'done', 'b'), begin(one, 'new', 'c')])).toEqual(['attempt', 'attempt'])
})

test('P77 of replies that one transaction completes each is its own, and one whose key was taken over lets nothing of it stand', async () => {
  const house = await open()
  const scope = { ...systemScope('x', house.tenants.a), principal: 'agt_1' }
  const stored = {
    seal: async (_: Tx, __: Scope, ___: string, text: string) => Buffer.from(text),
    open: async (_: Tx, __: Scope, ___: string, bytes: Buffer) => bytes.toString(),
  }
  const replies = openReplies({ db: house.db, sealing: stored })
  const call = (key: string) => ({ route: 'POST /things', method: 'POST', path: '/api/v1/things', query: '', body: {}, key })
  const attempts = async (...keys: string[]) =>
    Promise.all(
      keys.map(async (key) => {
        const begun = await replies.begin(scope, call(key))
        if (!('attempt' in begun)) throw new Error('It was begun before.')
        return begun.attempt
      }),
    )
  const answer = (i: number) => ({ status: 200, headers: {}, body: `"${i}"` })
  const three = await attempts('a', 'b', 'c')
  await tx(house.db, scope, (t) => Promise.all(three.map((one, i) => one.complete(t, answer(i)))))
  for (const [i, key] of ['a', 'b', 'c'].entries()) {
    const again = await replies.begin(scope, call(key))
    expect('replay' in again && again.replay.body).toBe(`"${i}"`)
  }
  const late = await attempts('d', 'e')
  await house.clock.advance('61s')
  await attempts('e')
  const both = tx(house.db, scope, async (t) => {
    await insertEffect(t, scope, 'late')
    await Promise.all(late.map((one, i) => one.complete(t, answer(i))))
  })
  await expect(both).rejects.toMatchObject({ code: 'idempotency_in_flight' })
  expect(await house.effects()).toBe(0)
})
