// How the relay stands, part by part (relay.md R111).
import { expect, test } from 'vitest'
import { openMonitor } from '../../status/monitor.ts'
import { openLog } from '../../std/log.ts'
import { openReceiver } from '../../webhooks/testing/receiver.ts'
import { leastCard } from '../cards/testing/cards.ts'
import { openRelay, type RelayTest } from '../testing/relay.ts'
import { openRelayCounts, relayProbe } from './probe.ts'

const quiet = openLog({ level: 'silent' })
/** One round of whoever keeps the house. */
async function measured({ house }: RelayTest): Promise<void> {
  const monitor = openMonitor({ db: house.db, log: quiet, probes: [relayProbe] })
  await monitor.measure()
  await monitor.close()
  // A board is kept for a second.
  await house.clock.advance('2s')
}
const PARTS = ['api', 'a2a', 'inbox', 'push', 'upstream', 'streams', 'approvals']

test('R111 strangers see the state of each part, the signed-in the figures, and the page the parts', async () => {
  const relay = await openRelay()
  const { house, server } = relay
  await relay.start()
  const { thread_id: id } = (await relay.start()).body
  await relay.claim({ limit: 1 })
  await relay.respond(id, { text: 'done', outcome: 'completed' })
  await measured(relay)
  const open = (await house.nobody.get('/status.json')).body.relay
  expect(open).toEqual(Object.fromEntries(PARTS.map((part) => [part, 'ok'])))
  for (const by of [house.alice, server]) {
    const { relay: full } = (await by.get('/status.json')).body
    expect(Object.keys(full).sort()).toEqual(
      [...PARTS, 'queue_depth', 'oldest_queued_seconds', 'accept_p50_ms', 'accept_p99_ms', 'deliver_p50_ms', 'deliver_p99_ms']
        .concat(['first_attempt_ratio', 'exhausted_count', 'open_streams', 'build'])
        .sort(),
    )
    expect(full).toMatchObject({
      queue_depth: expect.any(Number),
      accept_p50_ms: expect.any(Number),
      deliver_p50_ms: expect.any(Number),
      exhausted_count: 0,
      first_attempt_ratio: null,
    })
  }
  const html = await (await house.nobody.raw('/status', { headers: { accept: 'text/html' } })).text()
  expect(html).toContain('<h2 id="relay">Relay</h2>')
  expect(html).toContain('Upstream agents')
  expect(html).not.toContain('queue depth')
})

test('R111 with STATUS_PUBLIC=full everybody sees the figures', async () => {
  const relay = await openRelay({ settings: { STATUS_PUBLIC: 'full' } })
  await measured(relay)
  expect((await relay.house.nobody.get('/status.json')).body.relay).toMatchObject({
    queue_depth: 0,
    open_streams: 0,
    build: expect.any(String),
  })
  expect(await (await relay.house.nobody.raw('/status', { headers: { accept: 'text/html' } })).text()).toContain('queue depth 0')
})

test('R111 a fast path that fails shows with the next measurement, within 60 s, and is over five minutes later', async () => {
  const there = await openReceiver()
  const relay = await openRelay({ settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${there.port}` } })
  const { house } = relay
  const made = await house.alice.post('/api/v1/cards', { ...leastCard('ada-push'), agent_id: relay.server.id })
  await house.alice.put(`/api/v1/cards/${made.body.id}/delivery`, {
    mode: 'push',
    url: `${there.origin}/agent`,
    generate_secret: true,
  })
  const grant = await relay.makeGrant({ card: made.body })
  there.otherwise = { status: 500, body: 'later' }
  const push = async () => (await house.nobody.get('/status.json')).body.relay.push
  await measured(relay)
  expect(await push()).toBe('ok')
  await relay.start({ text: 'hello' }, { card: made.body, token: grant.token })
  await house.runJobs()
  await house.clock.advance('58s')
  await measured(relay)
  expect(await push()).toBe('degraded')
  for (let n = 0; n < 2; n++) await relay.start({ text: 'hello' }, { card: made.body, token: grant.token })
  await house.runJobs()
  await house.clock.advance('1m')
  await measured(relay)
  expect(await push()).toBe('down')
  await house.clock.advance('6m')
  await measured(relay)
  expect(await push()).toBe('ok')
})

test('R111 what a process sees of itself: errors of ours count, refusals do not, and five minutes are remembered', () => {
  let at = 0
  const counts = openRelayCounts(() => at)
  const seen = (route: string, status: number, ms = 5) => counts.observe({ method: 'POST', route, status, ms })
  for (let n = 1; n <= 100; n++) seen('/agents/:slug/threads', 202, n)
  seen('/agents/:slug/threads', 403, 9_000)
  expect(counts.own()).toEqual({ levels: { api: 0, a2a: 0, streams: 0 }, accept_p50_ms: 51, accept_p99_ms: 100 })
  for (let n = 0; n < 3; n++) seen('/agents/:slug/a2a/*', 500)
  expect(counts.own().levels).toEqual({ api: 0, a2a: 2, streams: 0 })
  for (let n = 0; n < 20; n++) seen('/threads/:id/messages', 500)
  expect(counts.own().levels.api).toBe(1)
  at += 5 * 60_000 + 1
  expect(counts.own()).toEqual({ levels: { api: 0, a2a: 0, streams: 0 }, accept_p50_ms: null, accept_p99_ms: null })
})
