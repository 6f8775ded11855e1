// The SDK's two sides of the relay against the real server: what is sent once, read without a gap, and answered under a lease.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { expect, onTestFinished, test } from 'vitest'
import { start } from '../../../test/harness/process.ts'
import { openRelay, type RelayTest } from '../../server/src/relay/testing/relay.ts'
import { openReceiver } from '../../server/src/webhooks/testing/receiver.ts'
import {
  Forbidden,
  type NumberedEvent,
  type RelayOptions,
  relay,
  type ServeOptions,
  serveRelay,
  verifyWebhook,
} from '../src/index.ts'

const soon = { timeout: 20_000, interval: 20 }

/** The caller, by its relay token, on the clock of the test. */
const callsOf = ({ house, grant }: RelayTest, options: RelayOptions = {}) =>
  relay(house.url, grant.token, { clock: house.clock, random: () => 0, ...options })

function serve({ house, server, card }: RelayTest, options: Partial<ServeOptions> & Pick<ServeOptions, 'handler'>) {
  const through = { url: house.url, key: server.key, agent: card.slug, clock: house.clock, random: () => 0 }
  const worker = serveRelay({ ...through, stopOnSigterm: false, ...options })
  onTestFinished(() => worker.stop())
  return worker
}

async function gather<T>(all: AsyncIterable<T>): Promise<T[]> {
  const got: T[] = []
  for await (const one of all) got.push(one)
  return got
}

/** Resolves when it is called. */
function gate(): { open: () => void; opened: Promise<void> } {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, opened }
}

test('R127 a thread is started, answered from behind any door, read by the token of its start, and closed', async () => {
  const there = await openRelay()
  serve(there, { handler: ({ message }) => ({ outcome: 'reply', text: `You said ${message.parts?.[0]?.text}` }) })
  const calls = callsOf(there)
  const started = await calls.start(there.card.slug, { text: 'hello', want_thread_token: true })
  expect(started).toMatchObject({ state: 'queued', thread_access_token: expect.stringMatching(/^cs_live_thr_/) })
  const id = started.thread_id
  expect(await calls.wait(id)).toMatchObject({ state: 'responded', turn: 'caller' })
  expect((await gather(calls.messages(id))).map(({ side, parts }) => [side, parts?.[0]?.text])).toEqual([
    ['caller', 'hello'],
    ['owner', 'You said hello'],
    ['owner', 'You said hello'],
  ])
  expect(await calls.artifacts(id)).toMatchObject([{ artifact_id: 'response', parts: [{ text: 'You said hello' }] }])
  const more = await calls.send(id, { text: 'again', sync: { wait_ms: 20_000 } })
  expect(more.response).toMatchObject({ outcome: 'reply', parts: [{ text: 'You said again' }] })
  expect(await calls.close(id)).toMatchObject({ state: 'closed', outcome: 'completed' })
  await expect(calls.send(id, { text: 'late' })).rejects.toMatchObject({ code: 'thread_closed', status: 409 })
})

test('R127 an answer that was lost on the way is asked for again under the same key: one thread', async () => {
  const there = await openRelay()
  let lost = 0
  const calls = callsOf(there, {
    fetch: async (input, init) => {
      const answer = await fetch(input, init)
      if (init?.method !== 'POST' || lost++ > 0) return answer
      throw new TypeError('cut')
    },
  })
  const starting = calls.start(there.card.slug, { text: 'once' })
  await expect.poll(() => lost, soon).toBe(1)
  await there.house.clock.advance('1s')
  const { thread_id: id } = await starting
  expect(lost).toBe(2)
  expect(await there.house.admin.rows<{ id: string }>`select id from threads`).toEqual([{ id }])
  const first = await calls.start(there.card.slug, { text: 'named' }, { idempotencyKey: 'n-1' })
  expect(await calls.start(there.card.slug, { text: 'named' }, { idempotencyKey: 'n-1' })).toEqual(first)
})

test('R127 what is refused comes back as its class, and a token of the start is renewed before it ends', async () => {
  const there = await openRelay()
  const calls = callsOf(there)
  const { thread_id: id } = await calls.start(there.card.slug, { text: 'hello', want_thread_token: true })
  await there.house.clock.advance('58m')
  expect(await calls.read(id)).toMatchObject({ id })
  await there.house.clock.advance('50m')
  expect(await calls.read(id)).toMatchObject({ id })
  expect((await there.house.admin.one<{ n: number }>`select count(*)::integer as n from thread_tokens`).n).toBe(2)

  await there.house.admin.run`update relay_grants set scopes = '{threads:send}'`
  await there.house.admin.run`update relay_tokens set scopes = '{threads:send}'`
  await expect(calls.start(there.card.slug, { text: 'more' })).rejects.toBeInstanceOf(Forbidden)
})

test('R127 R97 §12.28 events come once and in order across the end of a process, each naming the one before', async () => {
  const there = await openRelay()
  const { house, server, card } = there
  const second = await house.second()
  let url = house.url
  let opened = 0
  const calls = callsOf(there, {
    fetch: (input, init) => {
      if (new Headers(init?.headers).get('accept') === 'text/event-stream') opened++
      return fetch(String(input).replace(house.url, url), init)
    },
  })
  const { thread_id: id } = await calls.start(card.slug, { text: 'hello', want_thread_token: true })
  const got: NumberedEvent[] = []
  const following = (async () => {
    for await (const event of calls.events(id)) got.push(event)
  })()
  await expect.poll(() => got.length, soon).toBe(2)
  const [claimed] = await there.claim()
  await expect.poll(() => got.length, soon).toBe(3)

  url = second.url
  const other = server.at(second.url)
  const ended = house.server.close()
  const respond = (body: object) => other.post(`/api/v1/threads/${id}/responses`, body)
  expect((await respond({ outcome: 'progress', text: 'half', claim_token: claimed.claim_token })).status).toBe(200)
  expect((await respond({ outcome: 'completed', text: 'whole' })).status).toBe(200)
  await expect
    .poll(async () => {
      await house.clock.advance('2s')
      return opened
    }, soon)
    .toBeGreaterThan(1)
  await following
  await ended
  expect(got.map(({ sequence }) => sequence)).toEqual(got.map((_, i) => i + 1))
  expect(got.map((event) => event.previous_sequence)).toEqual(got.map((_, i) => i))
  expect(got.at(-1)?.type).toBe('thread.closed')
  // Whoever comes after the end and has seen all of it is told so at once.
  expect(await gather(calls.events(id, { after: got.length }))).toEqual([])
  expect((await gather(calls.events(id, { after: 3 }))).map(({ sequence }) => sequence)).toEqual(
    got.slice(3).map(({ sequence }) => sequence),
  )
})

test('R127 an event that is missing on the way is seen to be missing, and read again; missing for good it is an error', async () => {
  const there = await openRelay()
  let drops = 1
  const calls = callsOf(there, {
    fetch: async (input, init) => {
      const answer = await fetch(input, init)
      if (!answer.headers.get('content-type')?.startsWith('text/event-stream')) return answer
      const text = await answer.text()
      if (drops-- <= 0) return new Response(text, answer)
      return new Response(text.replace(/id: ?2\n[\s\S]*?\n\n/, ''), answer)
    },
  })
  const { thread_id: id } = await calls.start(there.card.slug, { text: 'hello', want_thread_token: true })
  await there.respond(id, { outcome: 'completed', text: 'bye' })
  const all = await gather(calls.events(id))
  expect(drops).toBe(-1)
  expect(all.map(({ sequence }) => sequence)).toEqual(all.map((_, i) => i + 1))
  drops = 100
  await expect(gather(calls.events(id))).rejects.toMatchObject({ code: 'answer_unreadable' })
})

test('R127 R41 the lease of a message is extended for as long as its handler works', async () => {
  const there = await openRelay()
  const { house } = there
  const working = gate()
  const begun = gate()
  serve(there, {
    leaseSeconds: 15,
    handler: async () => {
      begun.open()
      await working.opened
      return 'done'
    },
  })
  const { thread_id: id } = (await there.start()).body
  await begun.opened
  const until = async () =>
    (await house.admin.one<{ at: Date }>`select claimed_until as at from messages where thread_id = ${id}`).at.getTime()
  for (let i = 0; i < 6; i++) {
    const before = await until()
    await house.clock.advance('6s')
    await expect.poll(until, soon).toBeGreaterThan(before)
  }
  // Much later than the first lease nobody else is given it.
  expect(await there.claim()).toEqual([])
  working.open()
  await expect.poll(async () => (await there.thread(id)).state, soon).toBe('responded')
})

test('R127 R41 whoever is given up is told so, and its late answer changes nothing; the message is answered once by another', async () => {
  const there = await openRelay()
  const { house } = there
  let isCut = false
  const late = gate()
  const begun = gate()
  const stale: string[] = []
  serve(there, {
    leaseSeconds: 15,
    fetch: (input, init) => (isCut ? Promise.reject(new TypeError('cut')) : fetch(input, init)),
    onStale: ({ message }) => stale.push(message.id),
    handler: async () => {
      begun.open()
      await late.opened
      return 'late'
    },
  })
  const { thread_id: id, message_id } = (await there.start()).body
  await begun.opened
  isCut = true
  await house.clock.advance('16s')
  const [again] = await there.claim()
  expect(again.message).toMatchObject({ id: message_id, thread_id: id })
  isCut = false
  late.open()
  await expect
    .poll(async () => {
      await house.clock.advance('1s')
      return stale
    }, soon)
    .toEqual([message_id])
  expect((await there.respond(id, { text: 'in time', claim_token: again.claim_token })).status).toBe(200)
  const owners = await house.admin.rows<{
    id: string
  }>`select id from messages where thread_id = ${id} and kind = 'message' and side = 'owner'`
  expect(owners).toHaveLength(1)
})

test('R127 a handler that throws gives the message back for later, and says why to its own side alone', async () => {
  const there = await openRelay()
  const errors: unknown[] = []
  let calls = 0
  serve(there, {
    onError: (error) => errors.push(error),
    handler: () => {
      if (calls++ === 0) throw new Error('the password of the database is wrong')
      return { outcome: 'completed', text: 'second time' }
    },
  })
  const { thread_id: id } = (await there.start()).body
  await expect.poll(() => errors.length, soon).toBe(1)
  const stateOf = async () => (await there.thread(id)).state
  await expect.poll(stateOf, soon).toBe('queued')
  await there.house.clock.advance('26s')
  await expect.poll(stateOf, soon).toBe('closed')
  expect(calls).toBe(2)
  const events = (await there.server.get(`/api/v1/threads/${id}/events?limit=100`)).body
  expect(JSON.stringify(events)).toContain('handler_failed')
  expect(JSON.stringify(events)).not.toContain('password')
})

test('R127 progress is told at once, silence means taken, and a stop lets the handler end', async () => {
  const there = await openRelay()
  const going = gate()
  const worker = serve(there, {
    concurrency: 2,
    handler: async ({ message, progress }) => {
      if (message.parts?.[0]?.text === 'silent') return undefined
      await progress('half')
      await going.opened
      return { outcome: 'completed', text: 'whole' }
    },
  })
  const { thread_id: silent } = (await there.start({ text: 'silent' })).body
  const { thread_id: slow } = (await there.start({ text: 'slow' })).body
  const stateOf = async (id: string) => (await there.thread(id)).state
  await expect.poll(async () => [await stateOf(silent), await stateOf(slow)], soon).toEqual(['waiting_owner', 'waiting_owner'])
  const stopped = worker.stop()
  const { thread_id: next } = (await there.start({ text: 'next' })).body
  going.open()
  await stopped
  expect([await stateOf(slow), await stateOf(next)]).toEqual(['closed', 'queued'])
})

test('R127 what a handler does not end in the time to stop is given back at once', async () => {
  const there = await openRelay()
  const begun = gate()
  let isAborted = false
  const worker = serve(there, {
    graceSeconds: 10,
    leaseSeconds: 3_600,
    handler: ({ signal }) => {
      signal.addEventListener('abort', () => {
        isAborted = true
      })
      begun.open()
      return new Promise<string>(() => undefined)
    },
  })
  const { message_id } = (await there.start()).body
  await begun.opened
  const stopped = worker.stop()
  await there.house.clock.advance('11s')
  await stopped
  expect(isAborted).toBe(true)
  expect((await there.claim())[0].message.id).toBe(message_id)
})

test('R127 an agent that is not one’s own cannot be served: it says so and ends', async () => {
  const there = await openRelay()
  const worker = serve(there, { key: there.caller.key, handler: () => 'x' })
  await expect(worker.done).rejects.toMatchObject({ code: 'not_found' })
})

/** A worker in a process of its own, which says so when its handler begins, and ends its second kind of message. */
async function workerOf({ house, server, card }: RelayTest) {
  const folder = mkdtempSync(join(tmpdir(), 'sdk-relay-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const outfile = join(folder, 'worker.mjs')
  const contents = `
    import { serveRelay } from '@countersign/sdk'
    const { URL: url, KEY: key, AGENT: agent } = process.env
    const worker = serveRelay({ url, key, agent, leaseSeconds: 15, handler: async ({ message }) => {
      console.log('begun')
      await new Promise((resolve) => process.once('SIGTERM', resolve))
      return { outcome: 'completed', text: 'ended in order' }
    } })
    await worker.done
    console.log('drained')`
  const alias = { '@countersign/sdk': fileURLToPath(new URL('../src/index.ts', import.meta.url)) }
  await build({
    stdin: { contents, loader: 'ts', resolveDir: folder },
    alias,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    outfile,
  })
  return () => start(process.execPath, [outfile], { env: { URL: house.url, KEY: server.key, AGENT: card.slug } })
}

test('R127 §12.12 a worker that is killed in the middle loses nothing: the message comes once more, and is answered once', async () => {
  const there = await openRelay()
  const run = await workerOf(there)
  const first = run()
  const { thread_id: id, message_id } = (await there.start()).body
  await first.line(/begun/)
  first.child.kill('SIGKILL')
  await first.ended
  expect(await there.claim()).toEqual([])
  await there.house.clock.advance('16s')
  const got: string[] = []
  serve(there, {
    handler: ({ message }) => {
      got.push(message.id)
      return 'answered'
    },
  })
  await expect.poll(async () => (await there.thread(id)).state, soon).toBe('responded')
  expect(got).toEqual([message_id])
})

test('R127 SIGTERM: it takes nothing more, ends what it has, and the process ends by itself', async () => {
  const there = await openRelay()
  const worker = (await workerOf(there))()
  const { thread_id: id } = (await there.start()).body
  await worker.line(/begun/)
  worker.child.kill('SIGTERM')
  await worker.line(/drained/)
  expect(await worker.ended).toMatchObject({ code: 0 })
  expect(await there.thread(id)).toMatchObject({ state: 'closed', outcome: 'completed' })
})

test('R127 a thread tells at an address: named with the start or added later, listed, proven by verifyWebhook, and taken away', async () => {
  const receiver = await openReceiver()
  const settings = { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${receiver.port}` }
  const there = await openRelay({ settings })
  const calls = callsOf(there)
  const callback = { url: `${receiver.origin}/told`, generate_secret: true, events: ['thread.responded'] }
  const started = await calls.start(there.card.slug, { text: 'hello', want_thread_token: true, callback })
  const { thread_id: id } = started
  const secret = started.callback?.secret as string
  const own = `own ${crypto.randomUUID()}`
  const made = await calls.endpoints.create(id, { url: `${receiver.origin}/second`, secret: own, signature: 'standard' })
  expect(made).toMatchObject({ state: 'active', signature: 'standard' })
  expect(made.secret).toBeUndefined()
  const listed = await calls.endpoints.list(id)
  expect(listed.map((one) => [one.id, one.url])).toEqual([
    [started.callback?.endpoint_id, callback.url],
    [made.id, `${receiver.origin}/second`],
  ])
  expect(JSON.stringify(listed)).not.toContain(own)
  expect(JSON.stringify(listed)).not.toContain(secret)
  await calls.endpoints.delete(id, { url: `${receiver.origin}/second` })
  await expect(calls.endpoints.delete(id, { endpoint_id: made.id })).rejects.toMatchObject({ code: 'not_found', status: 404 })
  await there.respond(id, { text: 'the answer' })
  await there.house.runJobs()
  expect(receiver.got.map(({ path }) => path)).toEqual(['/told'])
  const [got] = receiver.got
  const headers = got?.headers as Record<string, string>
  await verifyWebhook({ headers, body: got?.body as string, secrets: secret, mode: 'foragent', now: there.house.clock.now })
  expect(JSON.parse(got?.body as string)).toMatchObject({ type: 'thread.responded', data: { thread: { id } } })
})
