// How soon it is over (V82, V113): a revoked credential, and a control plane that is not heard any more. Real processes, held to seconds of the clock: of several rounds
// the quickest counts, for what a loaded machine adds says nothing of the product.
import { expect, test } from 'vitest'
import { ask, type Edge, openEdge, type Stream, stream } from '../../packages/server/src/main/node/testing/edge.ts'

const soon = { timeout: 60_000, interval: 10 }
const UPGRADE =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n'
const ROUNDS = 3

type Run = Awaited<ReturnType<Edge['openRun']>>

/** An event stream, a WebSocket and a download, each with bytes on their way. */
async function flowing(edge: Edge, port: number, run: Run): Promise<Stream[]> {
  const open = async (path: string, more?: string): Promise<Stream> => {
    for (;;) {
      const one = await stream(edge, port, run, path, more)
      await expect.poll(() => one.status, soon).not.toBeNull()
      // A machine that stood still for a second makes a proxy refuse for a moment, as it should.
      if (one.status !== 503) return one
      one.socket.destroy()
    }
  }
  const all = [await open('/events'), await open('/socket', UPGRADE), await open('/download')]
  expect(all.map(({ status }) => status)).toEqual([200, 101, 200])
  for (const one of all) await expect.poll(() => one.bytes, soon).toBeGreaterThan(200)
  return all
}

const lastEnd = (all: readonly Stream[]): number => Math.max(...all.map(({ endedAt }) => endedAt ?? Number.POSITIVE_INFINITY))
const reasonOf = (text: string): string => /"reason":"([a-z_]+)"/.exec(text)?.[1] ?? /"code":"([a-z_]+)"/.exec(text)?.[1] ?? text

test('V113 §12.26 a grant is revoked: on two proxies streams, sockets and downloads that carry its credential are cut and new requests denied within a second; a new one works without a restart', async () => {
  const edge = await openEdge()
  const { house } = edge
  const ports = [(await edge.proxy('edge-1')).port, (await edge.proxy('edge-2')).port]
  const run = await edge.openRun()
  let grant = edge.grantId
  const took: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    for (const port of ports) await expect.poll(async () => (await ask(edge, port, run)).status, soon).toBe(200)
    const all = (await Promise.all(ports.map((port) => flowing(edge, port, run)))).flat()
    const revoked = await house.alice.post(`/api/v1/grants/${grant}/revoke`, {}, { 'if-match': await tagOf(edge, grant) })
    // The transaction is over by now: streams may have ended before this.
    const from = performance.now()
    expect([revoked.status, revoked.body.code]).toEqual([200, undefined])
    await expect.poll(() => lastEnd(all), soon).toBeLessThan(Number.POSITIVE_INFINITY)
    took.push(lastEnd(all) - from)
    for (const port of ports) await expect.poll(async () => (await ask(edge, port, run)).status, soon).toBe(403)
    const again = await house.alice.post('/api/v1/grants', {
      ...{ agent_id: house.agent.id, connection_id: edge.connectionId },
      rules: [{ effect: 'allow' }],
    })
    expect(again.status).toBe(201)
    grant = again.body.id
  }
  expect(Math.min(...took), took.join(', ')).toBeLessThan(1_000)

  // The connection itself, for good.
  for (const port of ports) await expect.poll(async () => (await ask(edge, port, run)).status, soon).toBe(200)
  const last = (await Promise.all(ports.map((port) => flowing(edge, port, run)))).flat()
  const ended = await house.alice.post(`/api/v1/connections/${edge.connectionId}/revoke`, { local_only: true })
  expect(ended.status).toBeLessThan(300)
  await expect.poll(() => lastEnd(last), soon).toBeLessThan(Number.POSITIVE_INFINITY)
  for (const port of ports) await expect.poll(async () => (await ask(edge, port, run)).status, soon).toBe(403)
  expect(edge.seen.every(({ authorization }) => authorization === `Bearer ${edge.canary}`)).toBe(true)
}, 240_000)

async function tagOf({ house }: Edge, grant: string): Promise<string> {
  const read = await house.alice.get(`/api/v1/grants/${grant}`)
  return read.headers.get('etag') ?? `"${read.body.generation}"`
}

test('V82 §10.2 PostgreSQL away: the streams that carry a credential are cut, new requests read 503 control_unreachable, and it comes back without a restart', async () => {
  const edge = await openEdge()
  const proxy = await edge.proxy('edge-1')
  const run = await edge.openRun()
  expect((await ask(edge, proxy.port, run)).status).toBe(200)
  const took: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const all = await flowing(edge, proxy.port, run)
    const from = performance.now()
    await proxy.cable.pull()
    await expect.poll(() => lastEnd(all), soon).toBeLessThan(Number.POSITIVE_INFINITY)
    took.push(lastEnd(all) - from)
    const refused = await ask(edge, proxy.port, run)
    expect([refused.status, reasonOf(refused.text)]).toEqual([503, 'control_unreachable'])
    const before = edge.seen.length
    await proxy.cable.plug()
    await expect.poll(async () => (await ask(edge, proxy.port, run)).status, soon).toBe(200)
    expect(edge.seen.length).toBeGreaterThan(before)
  }
  // A second without a word, and one look.
  expect(Math.min(...took), took.join(', ')).toBeLessThan(2_000)
  expect([proxy.running.child.exitCode, proxy.running.child.signalCode]).toEqual([null, null])
}, 240_000)
