// Tenants cannot reach each other through any route of the contract table (A1, P9): each is called as tenant B with tenant A's ids wherever one could stand
// (path, query, body, header, cursor), and answers as it does for ids that nobody has; afterwards every row of A is what it was. It knows no route by name:
// places and bodies come from the schemas, so a new room is crawled from its first day.
import { expect, test } from 'vitest'
import { type Client, clientOf, type House, setup } from '#harness'
import { TABLES } from '../../packages/server/src/db/tables.ts'
import type { Route } from '../../packages/server/src/http/route.ts'
import { cookieName, startSession } from '../../packages/server/src/identity/session.ts'
import { tenantUuid, tenantWire } from '../../packages/server/src/std/id.ts'
import { ask, type Call, callOf, type Ids, nobodys, rootRoutes, routes } from './calls.ts'

const tenantTables = Object.entries(TABLES).filter(([name, table]) => table.kind === 'tenant' && name !== 'tenants')

// When A itself was here last is no row of the work.
async function rowsOf({ admin, tenantId }: House): Promise<Record<string, string>> {
  const tables = [
    ...tenantTables.map(([name, { tenantColumn = 'tenant_id' }]) => [name, tenantColumn] as const),
    ['tenants', 'id'] as const,
  ]
  const hashes: Record<string, string> = {}
  for (const [name, column] of tables) {
    const { rows } = await admin.query(
      `select count(*)::int as n, md5(coalesce(string_agg(r, '|' order by r), '')) as hash from (select (to_jsonb(x) - 'last_seen_at' - 'last_used_at')::text as r from ${name} x where ${column} = $1::uuid) rows`,
      [tenantId],
    )
    hashes[name] = `${rows[0].n} ${rows[0].hash}`
  }
  const { rows } = await admin.query(
    `select count(*)::int as n, md5(coalesce(string_agg(j::text, '|' order by j::text), '')) as hash from countersign_queue.jobs j where tenant_id = $1::uuid`,
    [tenantId],
  )
  hashes.jobs = `${rows[0].n} ${rows[0].hash}`
  return hashes
}

/** Two of everything that can be made without the outside world. */
async function furnish(house: House): Promise<string[]> {
  const ids: string[] = []
  const { alice, agent } = house
  for (const n of [1, 2]) {
    const task = await house.given.task({
      idempotency_key: `a-${n}`,
      metadata: { n: String(n) },
      notify: [`push:${alice.email}`],
    })
    if (n === 1)
      await alice.post(`/api/v1/tasks/${task.id}/decide`, {
        type: 'respond',
        response: { approve: true },
        seen_revision: 1,
        comment: 'ok',
      })
    const made = [
      await alice.post('/api/v1/agents', { name: `bot ${n}` }, { 'idempotency-key': `agent-${n}` }),
      await alice.post('/api/v1/invitations', { email: `guest${n}@example.com`, role: 'viewer' }),
      await alice.post('/api/v1/endpoints', { url: `https://hooks.example.com/${n}`, events: ['*'] }),
      await alice.post('/api/v1/verifiers', {
        name: `Verifier ${n}`,
        config: { provider: 'rules', rules: [{ schema: {}, message: 'No.' }] },
      }),
      await alice.post('/api/v1/pools', { name: `Pool ${n}`, members: [alice.id] }),
    ]
    ids.push(...made.flatMap(({ body }) => (typeof body?.id === 'string' ? [body.id] : [])))
    expect(made.slice(0, 2).map(({ status }) => status)).toEqual([201, 201])
  }
  await house.given.key({ kind: 'usr', scopes: ['tasks:read'] })
  ids.push(...(await house.server.queue.enqueueMany([{ kind: 'mail.send', tenantId: house.tenantId, payload: { to: 'a' } }])))
  const run = await agent.post('/api/v1/runs', { purpose: 'Something to look for' })
  expect(run.status).toBe(201)
  await agent.get('/api/v1/tasks')
  await house.runJobs()
  return ids
}

/** One id of A for each kind that A has. */
async function idsOf({ admin, tenantId, alice }: House): Promise<Map<string, string>> {
  const ids = new Map<string, string>([
    ['ten', tenantWire(tenantId)],
    ['usr', alice.id],
  ])
  const columns = await admin.rows<{ name: string }>`
    select c.relname as name from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'countersign' and a.attname = 'id' and a.atttypid = 'text'::regtype and c.relkind = 'r'`
  const has = new Set(columns.map((one) => one.name))
  for (const [name] of tenantTables.filter(([table]) => has.has(table))) {
    const { rows } = await admin.query(`select id from ${name} where tenant_id = $1::uuid order by id limit 1`, [tenantId])
    const [, prefix] = /^([a-z]{2,4})_[0-7]/.exec(rows[0]?.id ?? '') ?? []
    if (prefix) ids.set(prefix, rows[0].id)
  }
  return ids
}

/** B's owner, signed in anew. */
async function freshB(house: House, person: { id: string }, tenantId: string): Promise<Client> {
  const { identity } = house.server
  const { token } = await startSession(identity, tenantId, { id: person.id, methods: ['given'] })
  return clientOf(house.url, { cookie: `${cookieName(identity.origin())}=${token}`, origin: identity.origin() })
}

test('A1 P9 P10 every route as another tenant, with this tenant’s ids in path, query, body, header and cursor, answers as for ids that nobody has, and changes nothing here', {
  timeout: 240_000,
}, async () => {
  const house = await setup()
  const made = await furnish(house)
  const known = await idsOf(house)
  for (const id of made) if (!known.has(id.split('_')[0] as string)) known.set(id.split('_')[0] as string, id)
  expect([...known.keys()]).toEqual(
    expect.arrayContaining(['ten', 'usr', 'agt', 'key', 'ses', 'task', 'dec', 'evt', 'inv', 'job']),
  )
  const theirs: Ids = (prefix) => known.get(prefix)
  const stranger = await house.stranger.person()
  const tenantB = tenantUuid((await stranger.get('/api/v1/me')).body.tenant_id) as string
  // Some routes end sessions, so after each that writes there is another; what only reads shares one.
  let reader: Promise<Client> | undefined
  const b = (one: Route): Promise<Client> => {
    const fresh = () => freshB(house, stranger, tenantB)
    if (one.method !== 'GET') reader = undefined
    else reader ??= fresh()
    return reader ?? fresh()
  }
  const before = await rowsOf(house)

  const crawled = { path: 0, query: 0, body: 0, header: 0, cursor: 0, hidden: 0 }
  const compare = async (one: Route, theirCall: Call, noCall: () => Call, place: string) => {
    // Some calls change B: what they answer the second time may differ from the first, whoever’s ids they name.
    const nobody = [await ask(await b(one), noCall())]
    const answer = await ask(await b(one), theirCall)
    nobody.push(await ask(await b(one), noCall()))
    expect([place, one.method, one.path, nobody.includes(answer) ? answer : { answer, nobody }]).toEqual([
      place,
      one.method,
      one.path,
      answer,
    ])
    if (answer.startsWith('404 ')) crawled.hidden += 1
    return answer
  }

  for (const one of [...routes, ...rootRoutes]) {
    const { call, places } = callOf(one, theirs)
    const kinds = new Set([...places].map((place) => place.split(':')[0] as 'path'))
    if (kinds.size > 0) await compare(one, call, () => callOf(one, nobodys).call, [...places].join(' '))
    for (const kind of kinds) crawled[kind] += 1
    // A key of A's, and an event of A's to go on from.
    if (one.method !== 'GET' && one.spec.auth !== 'none' && kinds.size === 0 && one.spec.idempotency !== 'none') {
      const with_ = (key: string) => callOf(one, nobodys, { headers: { 'idempotency-key': key } }).call
      await compare(one, with_('agent-1'), () => with_(`nobody-${crypto.randomUUID()}`), 'header')
      crawled.header += 1
    }
    if (one.spec.query && 'cursor' in one.spec.query && one.method === 'GET') {
      const prefix = one.spec.dialect === 'compatible' ? '/api' : '/api/v1'
      const list = await house.alice.get(
        `${prefix}${one.path.replace(/:[a-z_]+/g, () => call.path.split('/').at(-2) ?? '')}?limit=1`,
      )
      const cursor = list.body?.next_cursor
      if (typeof cursor !== 'string') continue
      const sent = await compare(
        one,
        callOf(one, nobodys, { cursor }).call,
        () => callOf(one, nobodys, { cursor: `${cursor.slice(0, -6)}AAAAAA` }).call,
        'cursor',
      )
      // Of a list that hangs on something of A's, that is not there first.
      expect([one.path, one.path.includes(':') ? '404' : '400']).toEqual([one.path, sent.slice(0, 3)])
      crawled.cursor += 1
    }
  }

  expect(await rowsOf(house)).toEqual(before)
  process.stdout.write(
    `crawl: ${routes.length + rootRoutes.length} routes, ${JSON.stringify(crawled)}, kinds of ids ${[...known.keys()].join(' ')}\n`,
  )
  expect(crawled.path).toBeGreaterThan(35)
  expect(crawled.hidden).toBeGreaterThan(35)
  expect(crawled.query).toBeGreaterThan(5)
  expect(crawled.body).toBeGreaterThan(3)
  expect(crawled.header).toBeGreaterThan(5)
  expect(crawled.cursor).toBeGreaterThan(3)
})
