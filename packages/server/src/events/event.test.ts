import { randomBytes } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { database } from '#harness'
import { canonical } from '../crypto/canonical.ts'
import { makeKeyring } from '../crypto/keyring.ts'
import { type Scope, systemScope } from '../db/scope.ts'
import { type Db, tx } from '../db/tx.ts'
import { isId, newId, newTenantUuid, tenantWire } from '../std/id.ts'
import { getEventDetail } from './detail.ts'
import { type Event, listEvents, record, recordMany } from './event.ts'
import { followEvents, startOf } from './stream.ts'
import { EVENT_TYPES, type EventType } from './types.ts'

const keyring = makeKeyring({ current: 1, versions: new Map([[1, randomBytes(32)]]) })

async function given() {
  const { admin, db, clock, open } = await database({ max: 60 })
  const tenant = async () => {
    const id = newTenantUuid()
    await admin.run`insert into tenants (id, name) values (${id}::uuid, 'one')`
    return systemScope('test', id)
  }
  return { admin, db, clock, open, tenant, scope: await tenant(), house: { db, keyring } }
}

const say = (db: Db, scope: Scope, n: number, type: EventType = 'task.created') =>
  tx(db, scope, (t) => record(t, scope, type, { n }, { resource: { type: 'task', id: `task_${n}` } }))

const numbers = (events: Event[]) => events.map((event) => event.data.n)

test('P107 P108 an event is stored as RFC 8785 text in the transaction of its fact, and read back as written', async () => {
  const { house, db, scope, admin } = await given()
  const agent: Scope = {
    ...scope,
    principal: 'agt_1',
    actor: { type: 'agent', id: 'agt_1', key_id: 'key_1' },
    userId: 'usr_1',
    requestId: 'req_12345678',
  }
  const id = await tx(db, agent, (t) =>
    record(
      t,
      agent,
      'agent.updated',
      { fields: ['name'] },
      { resource: { type: 'agent', id: 'agt_1' }, before: { name: 'a' }, after: { name: 'Zoë' } },
    ),
  )
  expect(isId('evt', id)).toBe(true)
  const [row] = await admin.rows<{
    body: string
    occurred_at: Date
    class: string
  }>`select body, occurred_at, class from events where id = ${id}`
  const [event] = (await listEvents(house, scope, { limit: 1 })).data
  expect(event).toEqual({
    id,
    type: 'agent.updated',
    class: 'audit',
    occurred_at: row?.occurred_at.toISOString(),
    tenant_id: tenantWire(scope.tenantId),
    actor: { type: 'agent', id: 'agt_1', key_id: 'key_1' },
    on_behalf_of: [{ type: 'user', id: 'usr_1' }],
    resource: { type: 'agent', id: 'agt_1' },
    data: { fields: ['name'] },
    before: { name: 'a' },
    after: { name: 'Zoë' },
    request_id: 'req_12345678',
  })
  expect(row?.body).toBe(canonical(event))
})

test('P107 an event of a transaction that rolls back was never there', async () => {
  const { house, db, scope } = await given()
  const lost = tx(db, scope, async (t) => {
    await record(t, scope, 'task.created', { n: 1 })
    throw new Error('no')
  })
  await expect(lost).rejects.toThrow('no')
  expect((await listEvents(house, scope, { limit: 10 })).data).toEqual([])
})

test('P107 nobody changes the record: the runtime lacks the right, and a trigger refuses the owner and the superuser', async () => {
  const { db, scope, admin } = await given()
  await say(db, scope, 1)
  for (const statement of [
    'update countersign.events set class = class',
    'delete from countersign.events',
    'truncate countersign.events',
  ]) {
    await expect(tx(db, scope, (t) => t.query(statement))).rejects.toMatchObject({ code: '42501' })
    await expect(admin.query(statement)).rejects.toThrow(/append-only/)
  }
  expect(await admin.one`select count(*)::int as n from events`).toEqual({ n: 1 })
})

test('P2 P9 another tenant sees no event, by list, by id and by stream position', async () => {
  const { house, db, scope, tenant } = await given()
  const id = await say(db, scope, 1)
  const stranger = await tenant()
  expect((await listEvents(house, stranger, { limit: 10 })).data).toEqual([])
  const detail = getEventDetail({ db, openOrigins: async () => new Map() }, stranger, id)
  await expect(detail).rejects.toMatchObject({ code: 'not_found' })
  await expect(startOf(house, stranger, id)).rejects.toMatchObject({ code: 'cursor_invalid' })
  await expect(startOf(house, scope, newId('evt'))).rejects.toMatchObject({ code: 'cursor_invalid' })
})

test('T11 a task ends once: a second terminal event is refused', async () => {
  const { db, scope } = await given()
  await say(db, scope, 1, 'task.completed')
  await expect(say(db, scope, 1, 'task.cancelled')).rejects.toMatchObject({ code: '23505' })
  await say(db, scope, 2, 'task.cancelled')
})

test('P118 the list is newest first, pages without loss or repetition, and filters by type, prefix, class, actor, resource and time', async () => {
  const { house, db, scope, clock } = await given()
  for (let n = 1; n <= 5; n++) await say(db, scope, n, n % 2 ? 'task.created' : 'task.claimed')
  const between = new Date(clock.now().getTime() + 30_000)
  await clock.advance('1m')
  const other = { ...scope, actor: { type: 'user', id: 'usr_9' } as const }
  await say(db, other, 6, 'role.changed')

  const seen: unknown[] = []
  let cursor: string | undefined
  do {
    const page = await listEvents(house, scope, { limit: 2, cursor })
    seen.push(...numbers(page.data))
    cursor = page.next_cursor ?? undefined
  } while (cursor)
  expect(seen).toEqual([6, 5, 4, 3, 2, 1])

  const ask = async (filter: object) => numbers((await listEvents(house, scope, { limit: 50, ...filter })).data)
  expect(await ask({ type: 'task.claimed' })).toEqual([4, 2])
  expect(await ask({ type: 'task.*' })).toEqual([5, 4, 3, 2, 1])
  expect(await ask({ class: 'audit' })).toEqual([6])
  expect(await ask({ actor: 'usr_9' })).toEqual([6])
  expect(await ask({ resource: 'task_3' })).toEqual([3])
  expect(await ask({ since: between })).toEqual([6])
  expect(await ask({ until: between, class: 'activity' })).toEqual([5, 4, 3, 2, 1])
})

test('P10 a cursor of another filter is refused', async () => {
  const { house, db, scope } = await given()
  for (let n = 1; n <= 3; n++) await say(db, scope, n)
  const { next_cursor } = await listEvents(house, scope, { limit: 1 })
  const other = listEvents(house, scope, { limit: 1, type: 'task.created', cursor: next_cursor as string })
  await expect(other).rejects.toMatchObject({ code: 'cursor_invalid' })
})

test('P80 P118 an unknown type is answered with the one that was probably meant, and a reversed range with its field', async () => {
  const { house, scope } = await given()
  await expect(listEvents(house, scope, { limit: 1, type: 'task.craeted' })).rejects.toMatchObject({
    code: 'validation_failed',
    members: { did_you_mean: 'task.created', errors: [{ path: 'type' }] },
  })
  await expect(listEvents(house, scope, { limit: 1, type: 'nothing.*' })).rejects.toMatchObject({ code: 'validation_failed' })
  await expect(listEvents(house, scope, { limit: 1, since: new Date(2), until: new Date(1) })).rejects.toMatchObject({
    members: { errors: [{ path: 'since' }] },
  })
})

test('P109 every type is a dotted name with a class and a sentence', () => {
  for (const [name, type] of Object.entries(EVENT_TYPES)) {
    expect(name).toMatch(/^[a-z0-9_]+(\.[a-z0-9_]+)+$/)
    expect(type.says).toMatch(/^[A-Z].*\.$/)
  }
})

test('T30 a committed event waits for a slower transaction that could still slip in before it, and both come in order', async () => {
  const { db, scope } = await given()
  const stop = new AbortController()
  const stream = followEvents({ db }, scope, { after: await startOf({ db }, scope, undefined), signal: stop.signal })
  let release = (): void => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  let wrote = (): void => undefined
  const written = new Promise<void>((resolve) => {
    wrote = resolve
  })
  const slow = tx(db, scope, async (t) => {
    await record(t, scope, 'task.created', { n: 1 })
    wrote()
    await held
  })
  await written
  await say(db, scope, 2)
  const first = stream.next()
  const early = await Promise.race([first.then(() => 'came'), say(db, scope, 3).then(() => 'waits')])
  expect(early).toBe('waits')
  release()
  await slow
  const got = [await first, await stream.next(), await stream.next()].map((one) => (one.value as Event).data.n)
  expect(got).toEqual([1, 2, 3])
  stop.abort()
  await stream.return()
})

test('T30 a stream filters, and ends as soon as it is aborted while it waits', async () => {
  const { db, scope } = await given()
  const stop = new AbortController()
  const after = await startOf({ db }, scope, undefined)
  const stream = followEvents({ db }, scope, { filter: { type: 'task.claimed' }, after, signal: stop.signal })
  const first = stream.next()
  await say(db, scope, 1)
  await say(db, scope, 2, 'task.claimed')
  expect(((await first).value as Event).data.n).toBe(2)
  const waiting = stream.next()
  stop.abort()
  expect((await waiting).done).toBe(true)
})

// tasks.md A8
test('T30 A8 while 200 writers commit out of order in two processes, a stream broken and resumed by Last-Event-ID gives every later event once', async () => {
  const { db, scope, open } = await given()
  const second = await open({ max: 60 })
  const first = await say(db, scope, -1)

  const WRITERS = 200
  const together = 40
  const writeAll = async () => {
    const waiting: (() => void)[] = []
    let running = 0
    let done = 0
    const write = async (n: number) => {
      running++
      await tx(n % 2 ? db : second, scope, async (t) => {
        await record(t, scope, 'task.created', { n }, { resource: { type: 'task', id: `task_${n}` } })
        if (n % 17 === 0) await record(t, scope, 'task.updated', { n: n + 10_000 })
        // Holds its transaction open until it is picked, at random, while others go ahead.
        await new Promise<void>((resume) => waiting.push(resume))
      })
      running--
      done++
    }
    const writes: Promise<void>[] = []
    for (let n = 0; done < WRITERS; ) {
      while (running < together && n < WRITERS) writes.push(write(n++))
      if (waiting.length > together / 2 || n === WRITERS) waiting.splice(Math.floor(Math.random() * waiting.length), 1)[0]?.()
      await setImmediate()
    }
    await Promise.all(writes)
    await say(db, scope, 99_999)
  }

  const got: unknown[] = []
  const follow = async () => {
    let last: string = first
    for (;;) {
      const stop = new AbortController()
      const lives = 1 + Math.floor(Math.random() * 25)
      const stream = followEvents({ db: got.length % 2 ? db : second }, scope, {
        after: await startOf({ db }, scope, last),
        signal: stop.signal,
      })
      let seen = 0
      for await (const event of stream) {
        got.push(event.data.n)
        last = event.id
        if (event.data.n === 99_999) return
        if (++seen === lives) break // the connection breaks; the next one resumes
      }
      stop.abort()
    }
  }
  await Promise.all([follow(), writeAll()])

  const extra = Array.from({ length: WRITERS }, (_, n) => n)
    .filter((n) => n % 17 === 0)
    .map((n) => n + 10_000)
  const expected = [...Array.from({ length: WRITERS }, (_, n) => n), ...extra, 99_999]
  expect(got).toHaveLength(expected.length)
  expect([...got].sort((a, b) => Number(a) - Number(b))).toEqual(expected.sort((a, b) => a - b))
}, 60_000)

test('P110 the side envelopes of several people are made in one order, so that two transactions never wait for each other’s keys', async () => {
  const { db, scope } = await given()
  const orders: string[][] = []
  for (const ids of [
    ['agt_1', 'agt_2', 'agt_3'],
    ['agt_3', 'agt_1', 'agt_2'],
  ]) {
    const seen: string[] = []
    const note = async (id: string) => {
      seen.push(id)
      return null
    }
    await tx(db, scope, (t) =>
      recordMany(
        t,
        ids.map((id) => ({
          scope: { ...scope, actor: { type: 'agent' as const, id }, origin: () => note(id) },
          type: 'task.created' as const,
          data: { n: 1 },
        })),
      ),
    )
    orders.push(seen)
  }
  expect(orders).toEqual([
    ['agt_1', 'agt_2', 'agt_3'],
    ['agt_1', 'agt_2', 'agt_3'],
  ])
})
