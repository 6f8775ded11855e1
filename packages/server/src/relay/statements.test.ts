// What costs no statement, and what costs one for everybody (relay.md R9, R98, §10).
import { expect, test } from 'vitest'
import type { House } from '#harness'
import { type Loose, openRelay } from './testing/relay.ts'

/** Of the events of a thread, after a number. */
const READS = /thread_events/

/** The texts of all that this process asks the database from here on, in transactions and outside of them. */
function listenIn({ db: { pool } }: House): string[] {
  const seen: string[] = []
  const textOf = (asked: unknown) => (typeof asked === 'string' ? asked : String((asked as { text?: string })?.text))
  const hear = (target: { query: unknown }) => {
    const query = (target.query as (...args: unknown[]) => unknown).bind(target)
    target.query = (...args: unknown[]) => {
      seen.push(textOf(args[0]))
      return query(...args)
    }
  }
  hear(pool)
  const connect = pool.connect.bind(pool) as (...args: unknown[]) => Promise<Loose>
  const heard = new WeakSet()
  // With a callback the pool asks itself, for what was heard already.
  pool.connect = (async (...args: unknown[]) => {
    const client = await connect(...args)
    if (args.length === 0 && !heard.has(client)) hear(client)
    if (args.length === 0) heard.add(client)
    return client
  }) as typeof pool.connect
  return seen
}

test('§10 R9 a relay or thread token with a wrong checksum, cut or doubled is 401 without a look-up, natively and on both bindings of A2A', async () => {
  const relay = await openRelay()
  const { house, card, grant, bearer } = relay
  const started = (await relay.start({ text: 'hello', want_thread_token: true })).body
  const { thread_id: id, thread_access_token: own } = started
  const spoil = (token: string) => `${token.slice(0, -1)}${token.endsWith('a') ? 'b' : 'a'}`
  const places: [method: string, path: string][] = [
    ['POST', `/api/v1/agents/${card.slug}/threads`],
    ['POST', `/api/v1/agents/${card.slug}/invoke`],
    ['POST', `/api/v1/threads/${id}/messages`],
    ['POST', `/api/v1/threads/${id}/access-tokens`],
    ['GET', `/api/v1/threads/${id}`],
    ['GET', `/api/v1/threads/${id}/messages`],
    ['GET', `/api/v1/threads/${id}/events`],
    ['POST', `/api/v1/threads/${id}/responses`],
    ['POST', `/api/v1/threads/${id}/close`],
    ['POST', '/api/v1/relay-tokens/introspect'],
    ['POST', '/api/v1/relay-tokens/rotate'],
    ['POST', `/agents/${card.slug}/a2a/jsonrpc`],
    ['POST', `/agents/${card.slug}/a2a/rest/message:send`],
    ['POST', `/agents/${card.slug}/a2a/rest/message:stream`],
    ['GET', `/agents/${card.slug}/a2a/rest/tasks/${id}`],
  ]
  const ask = async (token: string, [method, path]: [string, string]) => {
    const headers = { 'A2A-Version': '1.0', 'Content-Type': 'application/json' }
    const answer = await (bearer(token) as Loose).raw(path, { method, headers, ...(method === 'GET' ? {} : { body: '{}' }) })
    await answer.arrayBuffer()
    return answer.status
  }
  const seen = listenIn(house)
  // Whoever guesses is counted by address, whatever they show, and each second the process looks at its key ring; nothing is looked up.
  const BESIDE = /^\s*(insert into countersign\.buckets|select epoch\b)/
  const lookedUp = () => seen.filter((text) => !BESIDE.test(text))
  // On A2A's addresses the card comes first, whoever asks (R106).
  const ofAnybody = (path: string) =>
    lookedUp().filter((text) => !path.includes('/a2a/') || /token|grants|keys|threads/.test(text))
  for (const place of places) {
    for (const good of [grant.token, own])
      for (const bad of [spoil(good), good.slice(0, -2), `${good}${good}`]) {
        seen.length = 0
        expect([await ask(bad, place), ofAnybody(place[1])], place.join(' ')).toEqual([401, []])
      }
    await house.admin.run`delete from buckets`
  }
  // The same ears hear what a good one costs.
  for (const place of [places[0], places[11]] as [string, string][]) {
    seen.length = 0
    await ask(grant.token, place)
    expect(ofAnybody(place[1])).not.toEqual([])
  }
})

// As many as one principal may have; ten thousand share their reads no differently.
const STREAMS = 20
test.each(['the native face', 'A2A'])(
  '§10 R98 however many streams of one thread a process has, an event is read once for all of them: %s',
  async (face) => {
    const relay = await openRelay()
    const { house, card, grant } = relay
    const { thread_id: id, thread_access_token: own } = (await relay.start({ text: 'hello', want_thread_token: true })).body
    const [token, path, method] =
      face === 'A2A'
        ? [grant.token, `/agents/${card.slug}/a2a/rest/tasks/${id}:subscribe`, 'POST']
        : [own, `/api/v1/threads/${id}/events`, 'GET']
    const leave = new AbortController()
    const open = async () => {
      const headers = { accept: 'text/event-stream', 'A2A-Version': '1.0', authorization: `Bearer ${token}` }
      const response = await fetch(`${house.url}${path}`, { method, headers, signal: leave.signal })
      expect(response.status).toBe(200)
      const heard = { text: '' }
      void (async () => {
        for await (const piece of (response.body as Loose).pipeThrough(new TextDecoderStream())) heard.text += piece
      })().catch(() => undefined)
      return heard
    }
    const seen = listenIn(house)
    /** How often events were read for one word of the agent, and how many of them said it. */
    const reads = async (all: { text: string }[], word: string) => {
      seen.length = 0
      await relay.respond(id, { outcome: 'progress', text: word })
      const sequence = (await relay.thread(id)).sequence
      await expect.poll(() => all.every(({ text }) => text.includes(`id: ${sequence}\n`)), { timeout: 10_000 }).toBe(true)
      return seen.filter((one) => READS.test(one)).length
    }
    const [first] = [await open()]
    await expect.poll(() => first.text.includes('\n\n')).toBe(true)
    const forOne = await reads([first], 'one')
    expect(forOne).toBeGreaterThan(0)
    const all = [first, ...(await Promise.all(Array.from({ length: STREAMS - 1 }, open)))]
    await expect.poll(() => all.every(({ text }) => text.includes('\n\n'))).toBe(true)
    const forAll = await reads(all, 'two')
    // The second of them came while the first was under way, at most.
    expect(forAll).toBeLessThanOrEqual(2 * forOne)
    leave.abort()
  },
)
