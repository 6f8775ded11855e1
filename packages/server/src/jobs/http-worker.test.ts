import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createQueue, fixedKeys, SIGNATURE_HEADER, verifySignature } from '@countersign/queue'
import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import { parseAllowed } from '../egress/address.ts'
import { openDoor } from '../egress/fetch.ts'
import { openGuard } from '../egress/guard.ts'
import { httpKinds } from './http-worker.ts'

const key = { id: 'k1', secret: randomBytes(32) }

function fileOf(content: unknown, mode = 0o600): string {
  const folder = mkdtempSync(join(tmpdir(), 'kinds-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'kinds.json')
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
  chmodSync(file, mode)
  return file
}

async function endpoint(status: number, headers: Record<string, string>, body: string) {
  const seen: { headers: Record<string, unknown>; body: string }[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    seen.push({ headers: request.headers, body: Buffer.concat(chunks).toString() })
    response.writeHead(status, headers).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return { seen, port: (server.address() as AddressInfo).port }
}

/** One job of a declared kind, through the real door. */
async function run(declared: (port: number) => object, answer: [number, Record<string, string>, string], allowed = true) {
  const { seen, port } = await endpoint(...answer)
  const house = await database()
  const exception = parseAllowed(`127.0.0.1:${port}`)
  const guard = openGuard({ http: true, ports: [port], literals: true, allowed: allowed && exception ? [exception] : [] })
  const door = openDoor({ guard, installation: 'test', version: '0' })
  onTestFinished(() => door.close())
  const paused: string[] = []
  const kinds = httpKinds(
    { door, keys: fixedKeys([key]), now: house.clock.now, pause: async (kind) => paused.push(kind) },
    fileOf([{ kind: 'render', url: `http://127.0.0.1:${port}/work`, ...declared(port) }]),
  )
  const queue = createQueue({ database: house.db.pool, kinds, clock: house.clock, listen: false })
  onTestFinished(() => queue.close({ grace: '1s' }))
  const [id] = (await queue.enqueueMany([{ kind: 'render', payload: { page: 1 } }])) as [string]
  queue.work({ maintenance: false })
  await expect.poll(async () => (await queue.job(id))?.state, { timeout: 15_000 }).not.toMatch(/ready|running/)
  return { job: await queue.job(id), id, seen, paused, clock: house.clock }
}

test('Q103 a kind of HTTP_KINDS_FILE is dispatched through egress, signed, and its answer is the output', async () => {
  const { job, id, seen, clock } = await run(
    () => ({ mode: 'sync', headers: { authorization: 'Bearer x' } }),
    [200, {}, '{"pages":3}'],
  )
  expect(job).toMatchObject({ state: 'completed', output: { pages: 3 } })
  const [one] = seen
  expect(one?.headers).toMatchObject({
    authorization: 'Bearer x',
    'user-agent': expect.stringMatching(/^countersign-queue\//),
    via: '1.1 countersign-test',
  })
  const signature = String(one?.headers[SIGNATURE_HEADER.toLowerCase()])
  await verifySignature(signature, [key], { action: 'dispatch', subject: id, body: one?.body ?? '' }, clock.now())
})

test('Q103 §8 an address that egress refuses is a dead letter with the reason, and nobody was called', async () => {
  const { job, seen } = await run(() => ({}), [202, {}, ''], false)
  expect(job).toMatchObject({
    state: 'failed',
    state_reason: 'terminal_error',
    errors: [{ error: expect.stringContaining('may not be called') }],
  })
  expect(seen).toEqual([])
})

test('Q103 Retry-After, redirects and 410 go through egress as they are, and what the endpoint said is scrubbed', async () => {
  const busy = await run(() => ({ mode: 'sync' }), [503, { 'retry-after': '600' }, 'try with Bearer abcdefghijklmnopqrstuvwxyz'])
  expect(busy.job).toMatchObject({ state: 'retrying' })
  expect(new Date(busy.job?.run_at ?? 0).getTime() - busy.clock.now().getTime()).toBeGreaterThan(580_000)
  expect(busy.job?.errors[0]?.error).toContain('503: try with')
  expect(busy.job?.errors[0]?.error).not.toContain('abcdefghij')
  expect((await run(() => ({}), [302, { location: '/elsewhere' }, ''])).job).toMatchObject({ state: 'failed' })
  const gone = await run(() => ({}), [410, {}, ''])
  expect([gone.job?.state, gone.paused]).toEqual(['failed', ['render']])
})

test('Q103 a file that declares something else, or that others can read, is refused in a sentence', () => {
  const house = { door: {} as never, keys: fixedKeys([key]), now: () => new Date(0), pause: async () => undefined }
  expect(httpKinds(house, null)).toEqual([])
  const good = { kind: 'render', url: 'https://pdf.example.com' }
  expect(httpKinds(house, fileOf([good])).map((kind) => kind.name)).toEqual(['render'])
  expect(() => httpKinds(house, fileOf([good], 0o644))).toThrow('others can reach it')
  for (const wrong of [good, [{ ...good, kind: 'Render' }], [{ ...good, mode: 'later' }], [{ ...good, method: 'GET' }]])
    expect(() => httpKinds(house, fileOf(wrong))).toThrow('not a list of HTTP kinds')
  for (const url of ['ftp://a.example', 'https://user:pass@a.example'])
    expect(() => httpKinds(house, fileOf([{ ...good, url }]))).toThrow('/url')
})
