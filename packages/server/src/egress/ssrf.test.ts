import { createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { parseAllowed } from './address.ts'
import { openDoor } from './fetch.ts'
import { type Guard, openGuard } from './guard.ts'
import { padded, redirects, resolved, rows, zoneOf } from './testing/corpus.ts'
import { openDnsStub } from './testing/dns-stub.ts'
import { openRig, RIG_CERTIFICATE } from './testing/rig.ts'

/** Saved, then dialled: the class of the first of both that refuses. */
async function classOf(guard: Guard, url: unknown): Promise<string> {
  for (const _ of ['save', 'dial']) {
    const verdict = await guard.check(url)
    if ('refused' in verdict)
      return { url_invalid: 'invalid', url_not_allowed: 'deny', unreachable: 'unreachable' }[verdict.refused]
  }
  return 'allow'
}

test('P106 the corpus is whole', () => expect(rows.length).toBeGreaterThanOrEqual(140))

test.each(resolved)('P96 P97 P98 P99 P100 P106 $group $name is $expect ($note)', async (row) => {
  const rig = await openRig({ zone: zoneOf(row.note), guard: { http: true, literals: true } })
  const url = padded(row)
  expect(await classOf(rig.door.guard, url)).toBe(row.expect)
  if (row.expect === 'allow') return
  // Dialled all the same, nothing inside hears of it. A name that alternates may be public just then, and lands at a peer that is not it.
  expect(await rig.door.fetch({ tenantId: 't', url: url as string })).toEqual({ failed: 'url_not_allowed' })
  expect(rig.dialled).toEqual(row.note.includes('alternates') ? ['8.8.8.8 443'] : [])
  expect(rig.seen).toEqual([])
  expect(rig.canary()).toBe(0)
})

const CRLF = 'https://hooks.example.com/\r\n x'
const replies: Record<string, (answer: import('node:http').ServerResponse) => void> = {
  '/301-loopback': (answer) => answer.writeHead(301, { location: 'http://127.0.0.1/' }).end(),
  '/302-metadata': (answer) => answer.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data/' }).end(),
  '/307-integer': (answer) => answer.writeHead(307, { location: 'http://2130706433/' }).end(),
  '/308-file': (answer) => answer.writeHead(308, { location: 'file:///etc/passwd' }).end(),
  '/other-origin': (answer) => answer.writeHead(302, { location: 'https://hooks.example.com/' }).end(),
  '/loop': (answer) => answer.writeHead(302, { location: '/loop' }).end(),
  '/relative': (answer) => answer.writeHead(302, { location: '/ok' }).end(),
  '/scheme-relative': (answer) => answer.writeHead(302, { location: '//127.0.0.1/' }).end(),
  '/refresh': (answer) =>
    answer
      .writeHead(200, { refresh: '0; url=http://127.0.0.1/' })
      .end('<meta http-equiv="refresh" content="0; url=http://127.0.0.1/">'),
  // Written below HTTP, which would refuse to send it.
  '/crlf': (answer) => answer.socket?.end(`HTTP/1.1 302 Found\r\nLocation: ${CRLF}\r\nContent-Length: 0\r\n\r\n`),
}

test.each(redirects)('P101 P106 $name is $expect ($note)', async ({ url, expect: expected }) => {
  const rig = await openRig({
    guard: {
      http: true,
      literals: true,
      allowed: ['redirect.example.com:443', 'hooks.example.com:443'].map((text) => parseAllowed(text) as never),
    },
    zone: (_, type) => ({ records: type === 'A' ? [{ address: '127.0.0.1' }] : [] }),
    handler: (seen, answer) =>
      seen.host === 'redirect.example.com' && replies[seen.url] ? replies[seen.url]?.(answer) : answer.end('ok'),
  })
  const headers = { Authorization: 'Bearer canary-1', Cookie: 'canary=1', 'webhook-signature': 'v1,canary', Accept: 'text/html' }
  const answer = await rig.door.fetch({ tenantId: 't', url: url as string, headers, redirects: 3, ca: RIG_CERTIFICATE })
  expect('failed' in answer ? (answer.failed === 'url_not_allowed' ? 'deny' : answer.failed) : 'allow').toBe(expected)
  expect(new Set(rig.dialled)).toEqual(new Set(['127.0.0.1 443'])) // the rig, and nothing of what it pointed at
  expect(rig.canary()).toBe(0)
  const second = rig.seen.find((seen) => seen.host === 'hooks.example.com')
  if (url?.endsWith('/other-origin')) {
    expect(second?.headers).toMatchObject({ accept: 'text/html' })
    expect(JSON.stringify(second?.headers)).not.toContain('canary')
  }
  if (url?.endsWith('/loop')) expect(rig.seen).toHaveLength(4)
  if (url?.endsWith('/relative')) expect(rig.seen.at(-1)?.headers.authorization).toBe('Bearer canary-1')
})

test('P100 a name that rebinds after it was saved is dialled 100 times and reaches nothing inside', async () => {
  const rig = await openRig({ zone: zoneOf('stub: TTL 0; first answer A 8.8.8.8, every later one A 127.0.0.1') })
  const url = 'https://rebind.dns.example.com/'
  expect(await rig.door.guard.check(url)).toHaveProperty('route')
  const answers = await Promise.all(Array.from({ length: 100 }, () => rig.door.fetch({ tenantId: 't', url })))
  expect(answers).toEqual(answers.map(() => ({ failed: 'url_not_allowed' })))
  expect(rig.dialled).toEqual([])
})

test('P106 with the real dialler nothing of the corpus reaches a listener on 127.0.0.1 or ::1, at whatever port it listens', async () => {
  const canary = await openCanaries()
  const zones = new Map(resolved.map((row) => [row, zoneOf(row.note)]))
  let row = resolved[0] as (typeof resolved)[number]
  const dns = await openDnsStub((name, type, nth) => (zones.get(row) ?? (() => ({})))(name, type, nth))
  onTestFinished(() => dns.close())
  for (const port of canary.ports) {
    const guard = openGuard({ nameServers: [dns], http: true, literals: true, ports: [port] })
    const door = openDoor({ guard, installation: 'rig', version: '0' })
    onTestFinished(() => door.close())
    for (row of resolved.filter((one) => one.expect !== 'allow')) {
      const url = padded(row)
      // As it stands, and at the port where somebody listens.
      const moved = typeof url === 'string' && URL.canParse(url) && /^https?:/i.test(url) ? [movedTo(url, port)] : []
      for (const target of [url, ...moved])
        expect(
          await door.fetch({ tenantId: 't', url: target as string, caps: { connectMs: 500, wholeMs: 1_000 } }),
        ).toHaveProperty('failed')
    }
    for (const host of ['127.0.0.1', '[::1]', '[::ffff:127.0.0.1]', 'localhost', '0.0.0.0', '[::]'])
      expect(await door.fetch({ tenantId: 't', url: `http://${host}:${port}/` })).toEqual({ failed: 'url_not_allowed' })
  }
  expect(canary.counts()).toEqual([0, 0])
}, 60_000)

function movedTo(text: string, port: number): string {
  const url = new URL(text)
  url.port = String(port)
  return url.href
}

/** Listeners on both loopback addresses that count who comes. */
async function openCanaries() {
  const open = async (host: string) => {
    let count = 0
    const server = createServer((socket) => {
      count++
      socket.destroy()
    })
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, host, resolve))
    onTestFinished(() => new Promise((resolve) => void server.close(() => resolve())))
    return { port: (server.address() as { port: number }).port, count: () => count }
  }
  const both = [await open('127.0.0.1'), await open('::1')]
  return { ports: both.map((one) => one.port), counts: () => both.map((one) => one.count()) }
}
