import { connect as netConnect, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { bearer } from './testing/gatekeeper.ts'
import { SMUGGLING, type Smuggled } from './testing/smuggling.ts'
import { HOST, openWorld, untilClosed, type World } from './testing/world.ts'

const filledIn = ({ text }: Smuggled, at: string, auth: string): string => text.replaceAll('{at}', at).replaceAll('{auth}', auth)

async function run(open: () => Promise<Socket>, text: string): Promise<string> {
  const socket = await open()
  socket.on('error', () => undefined)
  const answer = untilClosed(socket)
  socket.write(text, 'latin1')
  return answer
}

/** What is on the record is what arrived: one request for each that was judged and sent. */
function expectOutcome(world: World, one: Smuggled, answer: string, before: { seen: number; asked: number }): void {
  const seen = world.seen.slice(before.seen)
  const asked = world.keeper.asked.slice(before.asked)
  expect([one.name, seen.length]).toEqual([one.name, one.arrive])
  expect(seen.some(({ url }) => url.includes('smuggled'))).toBe(false)
  if (one.arrive === 0) expect([one.name, answer.slice(0, 12)]).toEqual([one.name, 'HTTP/1.1 400'])
  else {
    expect(asked).toHaveLength(1)
    expect(seen[0]).toMatchObject({ method: asked[0]?.method, url: asked[0]?.path })
    expect(seen[0]?.headers.authorization).toBe('Bearer the-secret-of-this-test')
  }
}

test('V88 §12.31 the corpus has its sixty requests', () => {
  expect(SMUGGLING.length).toBeGreaterThanOrEqual(60)
})

test('V88 V89 §10.1 §12.31 two Hosts, CL+TE and their like, raw: outside of a tunnel upstream sees nothing or exactly the one request that was judged', async () => {
  const world = await openWorld()
  world.keeper.verdict = () => bearer('the-secret-of-this-test', { plaintext: true })
  for (const one of SMUGGLING) {
    const before = { seen: world.seen.length, asked: world.keeper.asked.length }
    const open = async () => netConnect({ host: '127.0.0.1', port: world.port })
    const answer = await run(open, filledIn(one, `http://${HOST}`, `Proxy-Authorization: ${world.auth()}\r\n`))
    expectOutcome(world, one, answer, before)
  }
}, 60_000)

test('V88 V89 §10.1 §12.31 two Hosts, CL+TE and their like, inside of a tunnel upstream sees nothing or exactly the one request that was judged', async () => {
  const world = await openWorld()
  world.keeper.verdict = () => bearer('the-secret-of-this-test')
  for (const one of SMUGGLING) {
    const before = { seen: world.seen.length, asked: world.keeper.asked.length }
    const answer = await run(() => world.tunnel(), filledIn(one, '', ''))
    // A host that is none is also not the host of the tunnel.
    if (/^a host with/.test(one.name)) {
      expect(answer).toMatch(/^HTTP\/1\.1 421 /)
      expect(world.seen).toHaveLength(before.seen)
    } else expectOutcome(world, one, answer, before)
  }
}, 60_000)

test('V88 a head beyond 64 KiB or 200 fields is refused, and a target beyond 32 KiB is 414', async () => {
  const world = await openWorld()
  const ask = async (text: string) => run(() => world.tunnel(), text)
  const head = `GET / HTTP/1.1\r\nHost: ${HOST}\r\n`
  expect(await ask(`${head}X-A: ${'a'.repeat(66_000)}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 400 [\s\S]*"code":"protocol"/)
  expect(await ask(`${head}${'X-A: a\r\n'.repeat(200)}\r\n`)).toMatch(/^HTTP\/1\.1 400 /)
  await ask(`${head}${'X-A: a\r\n'.repeat(198)}Connection: close\r\n\r\n`)
  expect(world.keeper.asked).toHaveLength(1)
  expect(await ask(`GET /${'a'.repeat(40_000)} HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 414 /)
  expect(world.keeper.asked).toHaveLength(1)
})

test('V89 what stands between neighbours, what is said to us and what an upstream says in our name goes no further', async () => {
  const world = await openWorld({
    handler: (_, answer) => {
      answer.setHeader('Countersign-Outcome', 'allow')
      answer.setHeader('Proxy-Authenticate', 'Basic')
      answer.setHeader('Alt-Svc', 'h3=":443"')
      answer.setHeader('X-Kept', 'yes')
      answer.end('ok')
    },
  })
  world.keeper.verdict = () => bearer('a-secret-of-this-test', { answerHeaders: { 'countersign-connection': 'conn_1' } })
  const answer = await run(
    () => world.tunnel(),
    `GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close, authorization, x-api-key\r\nAuthorization: Bearer own\r\nX-Api-Key: k\r\n` +
      'Proxy-Authorization: Basic abc\r\nProxy-Connection: keep-alive\r\nCountersign-Wait: 5\r\nTE: trailers\r\nKeep-Alive: 5\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n',
  )
  const { headers } = world.seen[0] as (typeof world.seen)[number]
  expect(headers.authorization).toBe('Bearer a-secret-of-this-test')
  for (const name of ['proxy-authorization', 'proxy-connection', 'countersign-wait', 'keep-alive', 'x-api-key'])
    expect(headers[name]).toBeUndefined()
  expect(headers.via).toBe('1.1 countersign-test')
  expect(headers['x-forwarded-for']).toBe('9.9.9.9')
  expect(world.keeper.asked[0]?.headers).toContainEqual(['countersign-wait', '5'])
  expect(answer).toMatch(/x-kept: yes/i)
  expect(answer).not.toMatch(/alt-svc|countersign-outcome|proxy-authenticate/i)
  expect(answer).toMatch(/countersign-connection: conn_1/i)
})

test('V89 a request that comes back to us is a loop', async () => {
  const world = await openWorld()
  const answer = await run(
    () => world.tunnel(),
    `GET / HTTP/1.1\r\nHost: ${HOST}\r\nVia: 1.1 a, 1.1 countersign-test\r\nConnection: close\r\n\r\n`,
  )
  expect(answer).toMatch(/^HTTP\/1\.1 508 [\s\S]*loop_detected/)
  expect(world.seen).toHaveLength(0)
})
