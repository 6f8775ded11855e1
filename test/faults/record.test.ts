// The record of the proxy under load and under `kill -9` (vault.md §12.32): whatever reached the service is on the record, once, in the words of the log, in a chain that
// verifies. PROXY_REQUESTS=1000000 makes it long.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { database } from '#harness'
import { KEY_SCOPES } from '../../packages/server/src/identity/matrix.ts'
import { cli, root, start, temporaryFolder } from '../harness/process.ts'
import { type Line, openTraffic, type RunningProxy } from './proxy-traffic.ts'

const CLIENTS = 64
const RUNS = 4
const REQUESTS = Number(process.env.PROXY_REQUESTS ?? 2_000)
const TIME = 600_000 + REQUESTS * 20
const TYPE: Readonly<Record<string, string>> = { allow: 'proxy.allowed', deny: 'proxy.denied' }

test('V121 §12.32 an event that is said to be on its way is kept, though its process is killed at that moment', async () => {
  const { admin, adminUrl } = await database({ listen: false })
  for (let n = 0; n < 8; n++) {
    const dying = start(process.execPath, ['--import', 'tsx', join(root, 'test/faults/recorder.ts')], {
      env: { DATABASE_URL: adminUrl, ID: `dying ${n}` },
    })
    expect(await dying.ended, dying.stderr()).toEqual({ code: null, signal: 'SIGKILL' })
    const kept = async () => (await admin.rows`select from tenants where name = ${`dying ${n}`}::text`).length
    await expect.poll(kept, { timeout: 20_000 }).toBe(1)
  }
}, 240_000)

test(`V120 V121 V122 §12.32 ${REQUESTS} requests at c=64 with clients that go away, and kill -9 of proxies and of the control plane: one event per judged request, none twice, lines agree, the record verifies, and nothing went upstream without its event`, {
  timeout: TIME,
}, async () => {
  const traffic = await openTraffic(REQUESTS)
  const { house, control, owner, reached } = traffic
  const runs = await Promise.all(Array.from({ length: RUNS }, () => traffic.run()))
  const live: [RunningProxy, RunningProxy] = [await traffic.proxy(), await traffic.proxy()]
  const [killed, ended]: [RunningProxy[], RunningProxy[]] = [[], []]
  let given = 0
  const numbers: Iterator<number> = { next: () => (given < REQUESTS ? { value: given++ } : { done: true, value: undefined }) }
  const leaves = () => Math.random() < 0.05
  const clients = Array.from({ length: CLIENTS }, (_, i) =>
    traffic.send(() => (live[i % 2] as RunningProxy).port, runs[i % RUNS] as (typeof runs)[number], numbers, leaves),
  )
  const begun = (part: number) => expect.poll(() => given / REQUESTS, { timeout: TIME, interval: 20 }).toBeGreaterThan(part)
  async function replace(at: 0 | 1): Promise<void> {
    const next = await traffic.proxy()
    const dying = live[at]
    killed.push(dying)
    await dying.end('SIGKILL')
    live[at] = next
  }
  await begun(0.25)
  await replace(0)
  await begun(0.5)
  await control.kill()
  await control.restart()
  await begun(0.75)
  await replace(1)
  await Promise.all(clients)
  for (const one of live) {
    ended.push(one)
    await one.end('SIGTERM')
  }

  const rows = await house.look<{ request_id: string; type: string; n: number | null }>(
    `select body::jsonb ->> 'request_id' as request_id, type, substring(body::jsonb #>> '{data,path}' from 4)::integer as n from events where type like 'proxy.%'`,
  )
  const judged = rows.filter(({ type }) => type !== 'proxy.settled')
  const typeOf = new Map(judged.map(({ request_id, type }) => [request_id, type]))
  const numbered = new Set(judged.map(({ n }) => n))
  // None twice.
  expect([typeOf.size, numbered.size]).toEqual([judged.length, judged.length])
  // Nothing upstream without its event, and never one request twice.
  const sent = [...reached.keys()].filter((n) => reached[n] !== 0)
  expect(sent.length).toBeGreaterThan(REQUESTS / 4)
  expect(sent.filter((n) => !numbered.has(n) || reached[n] !== 1)).toEqual([])
  // Lines agree: a process that was killed may not have come to its last ones, and one that ended has a line for each.
  const lines = ({ lines }: RunningProxy): Line[] => lines.filter(({ policy_version }) => policy_version !== null)
  const wrong = [...killed, ...ended].flatMap(lines).filter(({ request_id, outcome }) => typeOf.get(request_id) !== TYPE[outcome])
  expect(wrong).toEqual([])
  const settled = new Set(rows.flatMap(({ type, request_id }) => (type === 'proxy.settled' ? [request_id] : [])))
  const told = ended.flatMap(lines)
  expect(new Set(told.map(({ request_id }) => request_id)).size).toBe(told.length)
  expect(told.filter(({ outcome, request_id }) => outcome === 'allow' && !settled.has(request_id))).toEqual([])
  const toldSomewhere = new Set([...killed, ...ended].flatMap(lines).map(({ request_id }) => request_id))
  const untold = judged.filter(({ request_id }) => !toldSomewhere.has(request_id))
  // What a killed process had under way, at most one a client, each time.
  expect(untold.length).toBeLessThanOrEqual(killed.length * CLIENTS)

  const unsealed = async () =>
    (
      await house.look<{ n: number }>(
        'select count(*)::integer as n from events e where not exists (select from seals s where s.event_id = e.id)',
      )
    )[0]?.n
  await expect.poll(unsealed, { timeout: TIME / 2, interval: 500 }).toBe(0)
  const key = await owner.post('/api/v1/keys', {
    kind: 'usr',
    name: 'record',
    scopes: KEY_SCOPES.filter((one) => one.endsWith(':*')),
  })
  expect(key.status).toBe(201)
  const folder = temporaryFolder()
  const command = async (...words: string[]) => {
    const running = start(process.execPath, [cli, ...words], {
      cwd: folder,
      env: { HOME: folder, COUNTERSIGN_URL: control.url, COUNTERSIGN_KEY: key.body.secret },
    })
    return [(await running.ended).code, running.stderr()]
  }
  expect(await command('audit', 'keys', '--out', 'keys')).toEqual([0, ''])
  expect((await command('audit', 'export', '--out', 'record.ndjson'))[0]).toBe(0)
  expect(await command('audit', 'verify', 'record.ndjson', '--keys', 'keys/audit-keys.json')).toEqual([0, ''])
})
