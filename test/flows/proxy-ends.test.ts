// How a proxy process ends: asked to, or killed at the worst moment (vault.md §6, §10.2); and what a machine that fails it does not change. Real processes.
import { createReadStream } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { expect, onTestFinished, test, vi } from 'vitest'
import { ask, type Edge, openEdge, stream, tunnel } from '../../packages/server/src/main/node/testing/edge.ts'
import { headOf, untilClosed } from '../../packages/server/src/proxy/testing/world.ts'

const PATIENT = { timeout: 60_000, interval: 50 }
type Run = Awaited<ReturnType<Edge['openRun']>>

const isListening = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

test('V79 on SIGTERM a proxy takes nothing new, lets what is under way end, and ends with 0', async () => {
  const edge = await openEdge()
  const { port, running } = await edge.proxy('edge-1', { COUNTERSIGN_PROXY_DRAIN: '10m' })
  const run = await edge.openRun()
  const [busy, idle] = [await tunnel(edge, port, run), await tunnel(edge, port, run)]
  const whole = untilClosed(busy)
  const before = edge.seen.length
  busy.write(`GET /held HTTP/1.1\r\nHost: ${edge.target}\r\nConnection: close\r\n\r\n`)
  await expect.poll(() => edge.seen.length, PATIENT).toBe(before + 1)

  running.child.kill('SIGTERM')
  await expect.poll(() => isListening(port), PATIENT).toBe(false)
  idle.write(`GET / HTTP/1.1\r\nHost: ${edge.target}\r\n\r\n`)
  expect(await headOf(idle)).toMatch(/^HTTP\/1\.1 503 /)
  expect(edge.seen.length).toBe(before + 1)
  edge.letGo()

  expect(await whole).toMatch(/first [\s\S]*and last/)
  expect(await running.ended).toEqual({ code: 0, signal: null })
  const { rows } = await edge.house.admin.query(
    "select body::jsonb #>> '{data,status}' as status from events where type = 'proxy.settled'",
  )
  expect(rows).toEqual([{ status: '200' }])
}, 300_000)

test('V79 on SIGTERM what never ends is cut when the time for it is over, and settled before the process ends with 0', async () => {
  const edge = await openEdge()
  const { port, running } = await edge.proxy('edge-1', { COUNTERSIGN_PROXY_DRAIN: '1s' })
  const endless = await stream(edge, port, await edge.openRun(), '/events')
  await expect.poll(() => endless.bytes, PATIENT).toBeGreaterThan(200)
  running.child.kill('SIGTERM')
  expect(await running.ended).toEqual({ code: 0, signal: null })
  await expect.poll(() => endless.endedAt, PATIENT).not.toBeNull()
  const { rows } = await edge.house.admin.query(
    "select body::jsonb #>> '{data,fault}' as fault from events where type = 'proxy.settled'",
  )
  expect(rows).toEqual([{ fault: 'aborted' }])
}, 300_000)

/** A way to the gate on which a test can stop what the node says. */
async function openRelay(edge: Edge) {
  const gate = edge.house.server.gate
  if (!gate || 'path' in gate.address) throw new Error('The gate does not listen.')
  const { host, port } = gate.address
  const sockets = new Set<Socket>()
  let stopsAfterAnswer = false
  const server = createServer((near) => {
    const far = connect({ host, port })
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => other.destroy())
      socket.on('close', () => other.destroy())
    }
    let isStopped = false
    near.on('data', (chunk: Buffer) => void (isStopped || far.write(chunk)))
    far.on('data', (chunk: Buffer) => {
      isStopped ||= stopsAfterAnswer
      near.write(chunk)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
  })
  return {
    address: `127.0.0.1:${(server.address() as { port: number }).port}`,
    /** The next thing that the gate says reaches the node, and nothing that the node says after it reaches the gate. */
    stopAfterAnswer() {
      stopsAfterAnswer = true
    },
  }
}

const BODY = '{"amount":400}'
const REFUND =
  `POST /v1/refunds HTTP/1.1\r\nHost: {target}\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n` +
  `Countersign-Wait: 0\r\nConnection: close\r\n\r\n${BODY}`

async function refund(edge: Edge, port: number, run: Run): Promise<TLSSocket> {
  const socket = await tunnel(edge, port, run)
  socket.write(REFUND.replace('{target}', edge.target))
  return socket
}
const answered = async (edge: Edge, port: number, run: Run): Promise<{ status: number; json: Record<string, unknown> }> => {
  const text = await untilClosed(await refund(edge, port, run))
  return { status: Number(text.slice(9, 12)), json: JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1)) }
}

test('V106 §10.2 killed between spend and send: not resent, settles unknown, and the next identical request asks anew and says so', async () => {
  const edge = await openEdge()
  const { house } = edge
  const saved = await house.bob.post('/api/v1/policies', {
    text: '@id("asks") @ask("May it?") permit (principal is Agent, action, resource);\npermit (principal is User, action, resource);',
  })
  expect((await house.bob.post(`/api/v1/policies/${saved.body.version}/activate`, {})).status).toBe(200)
  const relay = await openRelay(edge)
  const proxy = await edge.proxy('edge-1', { COUNTERSIGN_GATE_ADDRESS: relay.address })
  const run = await edge.openRun()
  const states = async () =>
    (await house.admin.rows<{ state: string }>`select state from proxy_holds order by opened_at, id`).map(({ state }) => state)
  const pending = await vi.waitFor(async () => {
    const one = await answered(edge, proxy.port, run)
    expect([one.status, one.json.code]).toEqual([428, 'approval_pending'])
    return one.json
  }, PATIENT)
  const decided = await house.bob.post(`/api/v1/tasks/${pending.task_id}/decide`, { seen_revision: 1, type: 'accept' })
  expect(decided.status).toBe(200)

  // It hears that people agreed and spends the approval; its question for the credential never arrives.
  relay.stopAfterAnswer()
  const dying = await refund(edge, proxy.port, run)
  const heard = untilClosed(dying)
  await vi.waitFor(async () => expect(await states()).toEqual(['spent']), PATIENT)
  proxy.running.child.kill('SIGKILL')
  await proxy.running.ended
  expect([await heard, edge.seen]).toEqual(['', []])

  // Its approval is used up and nobody knows for what: until that is settled, nobody is asked again.
  const next = await edge.proxy('edge-2')
  await vi.waitFor(async () => expect((await answered(edge, next.port, run)).json.code).toBe('hold_spent'), PATIENT)
  await house.clock.advance('61s')
  await house.server.queue.enqueueMany([{ kind: 'proxy.hold_sweep' }])
  await house.runJobs()
  expect(await states()).toEqual(['unknown'])
  const anew = await vi.waitFor(async () => {
    const one = await answered(edge, next.port, run)
    expect([one.status, one.json.code]).toEqual([428, 'approval_pending'])
    return one.json
  }, PATIENT)
  expect(anew.task_id).not.toBe(pending.task_id)
  const shown = (await house.bob.get(`/api/v1/tasks/${anew.task_id}`)).body
  expect(shown.payload.earlier_attempt).toBe('unknown')
  expect(shown.description).toContain('it may have been done')
  expect(edge.seen).toEqual([])
}, 300_000)

test('§10.2 V79 disk full on the proxy host: nothing is written there, and it goes on', async () => {
  const edge = await openEdge()
  // No file may grow by a byte, whatever it is.
  const { port } = await edge.proxy('edge-1', {}, 'ulimit -f 0')
  const run = await edge.openRun()
  for (let i = 0; i < 3; i++) await expect.poll(async () => (await ask(edge, port, run)).status, PATIENT).toBe(200)
}, 300_000)

test('V122 §10.2 log sink blocked: lines are dropped with a counter, events never', async () => {
  const edge = await openEdge()
  // Its log goes where nobody reads.
  const more = { COUNTERSIGN_LOG_LEVEL: 'info' }
  const { port, running } = await edge.proxy('edge-1', more, 'mkfifo log && exec 3<>log 2>log')
  const run = await edge.openRun()
  const socket = await tunnel(edge, port, run)
  const long = 'x'.repeat(15_000)
  const asked = 140
  let answers = 0
  let text = ''
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
    answers = text.split('HTTP/1.1 200').length - 1
  })
  for (let i = 0; i < asked; i++) {
    socket.write(`GET /${i}/${long} HTTP/1.1\r\nHost: ${edge.target}\r\n\r\n`)
    await expect.poll(() => answers, { ...PATIENT, interval: 2 }).toBe(i + 1)
  }
  const count = async () =>
    (await edge.house.admin.one<{ n: number }>`select count(*)::integer as n from events where type = 'proxy.allowed'`).n
  await expect.poll(count, PATIENT).toBe(asked)
  // Now somebody reads: what was kept, and how much was not.
  let log = ''
  const reader = createReadStream(join(edge.folder, 'log'))
  reader.on('data', (chunk) => {
    log += chunk
  })
  await expect
    .poll(async () => {
      await ask(edge, port, run)
      return /"dropped":(\d+)/.exec(log)?.[1] ?? 'nothing'
    }, PATIENT)
    .toMatch(/^[1-9]/)
  expect(log.split('\n').filter((line) => line.includes('"message":"proxy"')).length).toBeGreaterThan(20)
  running.child.kill('SIGTERM')
  expect((await running.ended).code).toBe(0)
}, 300_000)
