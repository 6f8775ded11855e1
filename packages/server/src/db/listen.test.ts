import { expect, test } from 'vitest'
import { type Database, database } from '#harness'
import { openListen } from './listen.ts'
import { systemScope } from './scope.ts'
import { type Db, tx } from './tx.ts'

const wake = (db: Db, ...topics: string[]) =>
  tx(db, systemScope('test'), async (t) => {
    for (const topic of topics) t.wake(topic)
  })

/** Resolves when the topic is woken. */
const woken = (db: Db, topic: string) =>
  new Promise<void>((resolve) => {
    db.listen.subscribe(topic, resolve)
  })

const cutListeners = ({ admin, name }: Database) => admin.run`
  select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}::name and application_name = 'countersign-listen'`

/** A sweep that never comes, so that only what is under test can wake. */
async function lineOf(given: Database, options: { sweepMs?: number; url?: string | null } = {}) {
  const sent: string[] = []
  const listen = await openListen({
    url: options.url === undefined ? given.runtimeUrl : options.url,
    notify: (channel, payload) => {
      sent.push(payload)
      return given.db.pool.query('select pg_notify($1::text, $2::text)', [channel, payload])
    },
    sweepMs: options.sweepMs ?? 3_600_000,
  })
  return { listen, sent }
}

test('two processes wake each other, each only the topic that was named', async () => {
  const given = await database()
  const here = await lineOf(given)
  const there = await lineOf(given)
  const heard: string[] = []
  here.listen.subscribe('task:1', () => heard.push('here task:1'))
  there.listen.subscribe('task:2', () => heard.push('there task:2'))
  const arrived = new Promise<void>((resolve) => {
    there.listen.subscribe('task:1', resolve)
  })

  here.listen.publish(['task:1'])
  await arrived
  expect(heard).toEqual(['here task:1'])

  await Promise.all([here.listen.close(), there.listen.close()])
})

test('a process hears its own wake once, at once, and not again by its own NOTIFY', async () => {
  const given = await database()
  const here = await lineOf(given)
  const there = await lineOf(given)
  let count = 0
  here.listen.subscribe('task:1', () => {
    count += 1
  })
  const crossed = new Promise<void>((resolve) => {
    there.listen.subscribe('task:1', resolve)
  })

  here.listen.publish(['task:1'])
  expect(count).toBe(1)

  // Lines arrive in the order of their commits: once the answer is here, our own line has passed.
  await crossed
  const answered = new Promise<void>((resolve) => {
    here.listen.subscribe('answer', resolve)
  })
  there.listen.publish(['answer'])
  await answered
  expect(count).toBe(1)
  await Promise.all([here.listen.close(), there.listen.close()])
})

test('wakes that come while one is being sent leave together, and no line is longer than PostgreSQL takes', async () => {
  const given = await database()
  const { listen, sent } = await lineOf(given)

  listen.publish(['first'])
  for (let i = 0; i < 1_000; i++) listen.publish([`task:${String(i).padStart(30, '0')}`])
  await listen.close()

  expect(sent[0]?.split(' ').slice(1)).toEqual(['first'])
  expect(sent.length).toBeLessThan(8)
  expect(Math.max(...sent.map((payload) => Buffer.byteLength(payload)))).toBeLessThan(8_000)
  expect(sent.flatMap((payload) => payload.split(' ').slice(1))).toHaveLength(1_001)
})

test('a NOTIFY that is lost costs a second: the sweep calls every waiter', async () => {
  const given = await database()
  const { listen } = await lineOf(given, { url: null, sweepMs: 5 })
  expect(listen.status()).toBe('off')

  await new Promise<void>((resolve) => {
    listen.subscribe('task:1', resolve)
  })
  await listen.close()
})

test('when the LISTEN connection is cut, waiters are polled, it comes back, and whatever was missed is looked at', async () => {
  const given = await database()
  const { listen } = await lineOf(given)
  expect(listen.status()).toBe('listening')
  const states: string[] = []
  const restored = new Promise<void>((resolve) => {
    listen.subscribe('missed', () => {
      states.push(listen.status())
      resolve()
    })
  })

  await cutListeners(given)
  await restored // nobody published: this is the look after the gap
  expect(states).toEqual(['listening'])

  const other = await lineOf(given)
  const again = new Promise<void>((resolve) => {
    listen.subscribe('task:2', resolve)
  })
  other.listen.publish(['task:2'])
  await again
  await Promise.all([listen.close(), other.listen.close()])
})

test('without a database to listen to it says degraded, still sweeps, and closes', async () => {
  const given = await database()
  const { listen } = await lineOf(given, { url: 'postgres://x:y@127.0.0.1:1/none', sweepMs: 5 })
  expect(listen.status()).toBe('degraded')

  await new Promise<void>((resolve) => {
    listen.subscribe('task:1', resolve)
  })
  await listen.close()
})

test('a wake crosses from one open database to another, and a sweep finds what was not told', async () => {
  const given = await database()
  const second = await given.open()
  expect([given.db.listen.status(), second.listen.status()]).toEqual(['listening', 'listening'])

  const there = woken(second, 'task:9')
  await wake(given.db, 'task:9')
  await there

  const swept = woken(second, 'never published')
  await given.clock.advance('1s')
  await swept
})

test('a waiter that throws spoils nothing for the others, and one that left is not called', async () => {
  const { db } = await database({ listen: false })
  const calls: string[] = []
  db.listen.subscribe('t', () => {
    throw new Error('mine')
  })
  const leave = db.listen.subscribe('t', () => calls.push('left'))
  db.listen.subscribe('t', () => calls.push('stayed'))
  leave()

  db.listen.publish(['t'])
  db.listen.sweep()

  expect(calls).toEqual(['stayed', 'stayed'])
})

test('a topic that could not stand in one line is a bug', async () => {
  const { db } = await database()

  expect(() => db.listen.publish(['two words'])).toThrow(TypeError)
})
