import { expect, test } from 'vitest'
import { setup } from '#harness'
import { answer, errorsOf, REFUND } from './tasks.fixture.ts'

const at = (id: unknown, act = '') => `/api/v1/tasks/${id}${act && `/${act}`}`

// The bound is of wall-clock time: a run that the machine held up is tried again.
test('T27 a poll answers at once when the task is final, else after its timeout with the present state; bounds are 1 and 30', {
  retry: 2,
}, async () => {
  const house = await setup()
  const { id } = await house.given.task(REFUND)
  const started = performance.now()
  const open = await house.agent.get(at(id, 'poll?timeout=1'))
  expect(performance.now() - started).toBeGreaterThan(950)
  expect(open.body).toEqual({
    id,
    status: 'open',
    version: 1,
    revision: 1,
    outcome: null,
    response: null,
    cancel_reason: null,
    completed_at: null,
    timed_out_at: null,
    cancelled_at: null,
    verification_attempt: 0,
  })
  for (const timeout of ['0', '31', 'abc', '1.5', '-1']) {
    const { status, body } = await house.agent.get(at(id, `poll?timeout=${timeout}`))
    expect([status, body.code, body.errors[0].path]).toEqual([422, 'validation_failed', 'timeout'])
  }
  await house.alice.post(at(id, 'decide'), answer())
  // One that waited for its time would outlast the test.
  expect((await house.agent.get(at(id, 'poll?timeout=30'))).body.status).toBe('completed')
})

test('T27 with since_version a poll answers on any change beyond it', async () => {
  const house = await setup()
  const { id } = await house.given.task(REFUND)
  expect((await house.agent.get(at(id, 'poll?timeout=30&since_version=0'))).body.version).toBe(1)
  const waiting = house.agent.get(at(id, 'poll?timeout=30&since_version=1'))
  await house.alice.post(at(id, 'claim'))
  expect((await waiting).body).toMatchObject({ status: 'open', version: 2 })
})

test('T28 A7 polls begun before and after the answer, on this process and another, all return it', async () => {
  const house = await setup()
  const second = await house.second()
  const elsewhere = house.agent.at(second.url)
  const ids = await Promise.all(Array.from({ length: 20 }, async () => (await house.given.task(REFUND)).id))
  const early = ids.flatMap((id) => [house.agent.get(at(id, 'poll')), elsewhere.get(at(id, 'poll'))])
  await Promise.all(ids.map((id, i) => house.alice.post(at(id, 'decide'), answer({ approved: i % 2 === 0 }))))
  const late = ids.flatMap((id) => [house.agent.get(at(id, 'poll')), elsewhere.get(at(id, 'poll'))])
  for (const [i, one] of (await Promise.all([...early, ...late])).entries())
    expect(one.body, String(i)).toMatchObject({ status: 'completed', response: { approved: Math.floor((i % 40) / 2) % 2 === 0 } })
})

test('T28 A7 of 1,000 answers to 1,000 waits none is missed while LISTEN is cut again and again', {
  timeout: 180_000,
}, async () => {
  const house = await setup()
  let cuts = 0
  // In four parts: a wait that is not woken ends after 30 s, and a slow machine must not take that long to answer.
  for (let part = 0; part < 4; part++) {
    const tasks = await Promise.all(Array.from({ length: 250 }, () => house.given.task(REFUND)))
    const waits = tasks.map(({ id }) => house.agent.get(at(id, 'poll?timeout=30')))
    let over = false
    const cutting = (async () => {
      while (!over) {
        const { rows } = await house.admin.query(
          "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query ilike 'listen %'",
        )
        cuts += rows.length
        await new Promise((resume) => setImmediate(resume))
      }
    })()
    for (let i = 0; i < tasks.length; i += 50)
      await Promise.all(tasks.slice(i, i + 50).map(({ id }) => house.alice.post(at(id, 'decide'), answer())))
    over = true
    await cutting
    const told = await Promise.all(waits)
    expect(told.filter(({ body }) => body.status !== 'completed').map(({ status, body }) => [status, body.code])).toEqual([])
  }
  expect(cuts).toBeGreaterThan(0)
})

test('T28 a wait is found by the sweep when its wake-up is lost, and holds no connection', async () => {
  const house = await setup()
  const { id } = await house.given.task(REFUND)
  const waits = Array.from({ length: 40 }, () => house.agent.get(at(id, 'poll?timeout=30')))
  await house.agent.get(at(id, 'poll?timeout=1'))
  // Nobody says anything: the row changes behind the server's back, as after a process died between COMMIT and NOTIFY.
  await house.admin
    .run`update tasks set status = 'cancelled', cancelled_at = countersign.now(), version = version + 1 where id = ${id}`
  for (const one of await Promise.all(waits)) expect(one.body.status).toBe('cancelled')
})

test('T29 one wait for several tasks names which are final; any and all', async () => {
  const house = await setup()
  const ids = await Promise.all([1, 2, 3].map(async () => (await house.given.task(REFUND)).id))
  const any = house.agent.post('/api/v1/tasks/wait', { ids, timeout: 30 })
  await house.alice.post(at(ids[1], 'decide'), answer())
  expect((await any).body).toMatchObject({
    final: [ids[1]],
    pending: [ids[0], ids[2]],
    tasks: { [ids[1] as string]: { response: { approved: true } } },
  })
  const all = house.agent.post('/api/v1/tasks/wait', { ids, mode: 'all', timeout: 30 })
  await house.alice.post(at(ids[0], 'decide'), answer())
  await house.agent.post(at(ids[2], 'cancel'), {})
  expect((await all).body).toMatchObject({ final: ids, pending: [] })
  const stranger = await house.given.agent()
  expect((await stranger.post('/api/v1/tasks/wait', { ids })).status).toBe(404)
  for (const bad of [{ ids: [] }, { ids: Array(101).fill(ids[0]) }, { ids: ['x'] }, { ids, mode: 'some' }, { ids, timeout: 31 }])
    expect((await house.agent.post('/api/v1/tasks/wait', bad)).status).toBe(422)
  expect(errorsOf((await house.agent.post('/api/v1/tasks/wait', { ids: ['x'] })).body)).toEqual(['/ids/0 format'])
})

test('T31 A32 at shutdown every wait is answered at once with the present state', async () => {
  const house = await setup()
  const second = await house.second()
  const { id } = await house.given.task(REFUND)
  const waits = Array.from({ length: 50 }, () => house.agent.at(second.url).get(at(id, 'poll?timeout=30')))
  await house.agent.at(second.url).get(at(id, 'poll?timeout=1'))
  // Who had no answer when the server ends is cut off, and these waits are longer than what it gives them.
  await second.close()
  for (const one of await Promise.all(waits)) expect(one.body).toMatchObject({ status: 'open', response: null })
})

test('T31 waits count in a bucket of their own and not as calls; beyond it 429 concurrency_limited', async () => {
  // One block of fifty waits; and calls are counted so tightly that fifty of them would be refused.
  const house = await setup({ settings: { LIMITS: 'task.wait=1,api.key=20/1m+20' } })
  const { id } = await house.given.task(REFUND)
  const answers = await Promise.all(Array.from({ length: 51 }, () => house.agent.get(at(id, 'poll?timeout=3'))))
  expect(answers.filter((one) => one.status === 200)).toHaveLength(50)
  expect(answers.find((one) => one.status !== 200)?.body).toMatchObject({
    status: 429,
    code: 'concurrency_limited',
    bucket: 'task.wait',
  })
  expect((await house.agent.get(at(id, 'poll?timeout=1'))).status).toBe(200)
})
