// A database that takes no writes (Q136): a replica that was not promoted yet, or one that was told so. Reads go on, all else says `read_only`.
import { readFileSync } from 'node:fs'
import { createQueue, defineKind } from '@countersign/queue'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type House, setup } from '#harness'

async function setWrites(house: House, on: boolean): Promise<void> {
  const { admin } = house
  const { name } = await admin.one<{ name: string }>`select current_database()::text as name`
  await admin.query('set default_transaction_read_only = off')
  await admin.query(
    `alter database "${name}" ${on ? 'reset default_transaction_read_only' : 'set default_transaction_read_only = on'}`,
  )
  // A setting of the database holds for sessions that begin after it.
  await admin.rows`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}::text and pid <> pg_backend_pid()`
  await vi.waitFor(async () => expect((await house.alice.get('/api/v1/jobs')).status).toBe(200), { timeout: 20_000 })
}

/** Every path that is read without naming one thing; streams stay open and are asked for apart. */
/** To read these is a fact of its own: what cannot be recorded does not leave. */
const RECORDED = ['/api/v1/tasks/export']

function readPaths(): string[] {
  const document = JSON.parse(readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8')) as {
    paths: Record<string, { get?: { responses: Record<string, { content?: Record<string, unknown> }> } }>
  }
  return Object.entries(document.paths).flatMap(([path, { get }]) => {
    const streams = Object.values(get?.responses ?? {}).some(({ content }) => content && 'text/event-stream' in content)
    return get && !streams && !path.includes('{') && path !== '/readyz' ? [path] : []
  })
}

test('Q136 while the database takes no writes reads answer and mutations say read_only, by session and by key, and all is well again after', async () => {
  const house = await setup()
  const { alice, agent, nobody } = house
  const engine = createQueue({
    database: house.db.pool,
    listen: false,
    kinds: [defineKind('pdf.render', { run: () => undefined })],
  })
  onTestFinished(() => engine.close())
  await engine.register()
  const job = (await alice.post('/api/v1/jobs', { kind: 'pdf.render', payload: { page: 1 } })).body
  const task = await house.given.task()
  // What was noted a minute ago would be noted again now.
  await house.clock.advance('2m')

  await setWrites(house, false)
  const paths = readPaths()
  expect(paths.length).toBeGreaterThan(20)
  for (const path of paths) {
    const { status, body } = await alice.get(path)
    if (RECORDED.includes(path)) expect([status, body?.code], path).toEqual([503, 'read_only'])
    else expect([status, body?.code], path).not.toEqual([503, expect.anything()])
  }
  for (const path of [
    '/api/v1/jobs',
    `/api/v1/jobs/${job.id}`,
    `/api/v1/jobs/${job.id}/timeline`,
    '/api/v1/tasks',
    '/api/v1/queues',
    '/api/v1/me',
  ])
    expect([path, (await alice.get(path)).status]).toEqual([path, 200])
  expect((await agent.get(`/api/v1/tasks/${task.id}`)).status).toBe(200)
  expect((await agent.get('/api/v1/tasks')).status).toBe(200)
  expect((await alice.get('/api/v1/capabilities')).body).toMatchObject({ read_only: true })

  const refused = [
    await alice.post('/api/v1/jobs', { kind: 'pdf.render', payload: {} }),
    await alice.post(`/api/v1/jobs/${job.id}/cancel`, {}),
    await alice.post('/api/v1/queues/default/pause'),
    await agent.post('/api/v1/tasks', {
      task: 'Refund?',
      payload: {},
      response_schema: { type: 'object', properties: { ok: { type: 'boolean' } } },
      timeout_seconds: 3_600,
    }),
    await alice.post('/api/v1/jobs', { kind: 'pdf.render' }, { 'Idempotency-Key': crypto.randomUUID() }),
  ]
  expect(refused.map(({ status, body }) => [status, body.code])).toEqual(refused.map(() => [503, 'read_only']))
  expect(refused.every(({ headers }) => Number(headers.get('retry-after')) > 0)).toBe(true)
  const signIn = await nobody.post('/api/v1/auth/login', { email: alice.email, password: 'whatever-it-is' })
  expect([signIn.status, ['read_only', 'store_unavailable'].includes(signIn.body.code)]).toEqual([503, true])

  await setWrites(house, true)
  expect((await alice.post(`/api/v1/jobs/${job.id}/cancel`, {})).status).toBe(200)
  expect((await alice.get('/api/v1/capabilities')).body).toMatchObject({ read_only: false })
})

test('Q136 P71 while the database takes no writes this process counts reads by the same limits, and those of keys that are none', async () => {
  const house = await setup({ settings: { LIMITS: 'api.user=60/1m+3,api.tenant=600/1m+100' } })
  const { alice, nobody } = house
  await setWrites(house, false)
  await house.clock.advance('1m')
  const answers = []
  for (let i = 0; i < 5; i++) answers.push(await alice.get('/api/v1/me'))
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429, 429])
  expect(answers[0]?.headers.get('ratelimit')).toContain('"api.user";r=2')
  expect(answers[3]?.body).toMatchObject({ code: 'rate_limited', bucket: 'api.user' })
  expect(Number(answers[3]?.headers.get('retry-after'))).toBeGreaterThan(0)
  await house.clock.advance('1m')
  expect((await alice.get('/api/v1/me')).status).toBe(200)

  const guesses = []
  for (let i = 0; i < 31; i++)
    guesses.push(await nobody.get('/api/v1/me', { Authorization: `Bearer cs_agt_live_${'x'.repeat(43)}` }))
  expect(guesses[0]?.status).toBe(401)
  expect(guesses.at(-1)?.body).toMatchObject({ code: 'rate_limited', bucket: 'key.bad' })
})

test('Q136 a session or a key that ended is refused as ever, and what only looks has the shape of what also notes', async () => {
  const house = await setup()
  const { alice, agent, admin } = house
  const shapes = await admin.rows<{ name: string; shape: string }>`
    select p.proname::text as name, pg_get_function_result(p.oid) as shape from pg_proc p
    where p.pronamespace = 'countersign_engine'::regnamespace and p.proname in ('use_key', 'see_key', 'use_session', 'see_session')`
  const shapeOf = (name: string) => shapes.find((one) => one.name === name)?.shape
  expect(shapeOf('see_key')).toBe(shapeOf('use_key'))
  expect(shapeOf('see_session')).toBe(shapeOf('use_session'))

  const bob = house.bob
  expect((await bob.post('/api/v1/auth/logout')).status).toBeLessThan(300)
  expect((await alice.post(`/api/v1/keys/${agent.keyId}/revoke`)).status).toBeLessThan(300)
  await setWrites(house, false)
  expect((await agent.get('/api/v1/tasks')).body.code).toBe('key_revoked')
  expect((await bob.get('/api/v1/me')).status).toBe(401)
  await house.clock.advance('13h') // a session rests no longer than twelve
  expect((await alice.get('/api/v1/me')).body.code).toBe('session_ended')
})
