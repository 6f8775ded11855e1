// Lists of tools on their way back (V99): what comes from an MCP server over real sockets, in every form in which it may come, and what of it reaches the agent.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { Secret } from '../../crypto/secret.ts'
import type { McpLists } from '../gatekeeper.ts'
import { makeAuthority } from '../testing/authority.ts'
import { bearer, send, testGatekeeper } from '../testing/gatekeeper.ts'
import { HOST, openWorld, untilClosed, type World, type WorldOptions } from '../testing/world.ts'
import { eventSink } from './events.ts'
import { narrowLists } from './list.ts'
import { sessionBinding } from './session.ts'

const only =
  (...names: string[]): McpLists['mayCall'] =>
  async (tools) =>
    new Set(tools.filter((tool) => names.includes(tool)))
const tool = (name: string, more = '') => `{"name":"${name}","inputSchema":{"maximum":9223372036854775807}${more}}`
const list = (id: string, ...tools: string[]) =>
  `{"jsonrpc":"2.0","id":${id},"result":{ "tools" : [ ${tools.join(' , ')} ],"nextCursor":"n"}}`
const lists = (ids: McpLists['ids'], ...names: string[]): McpLists => ({ ids, mayCall: only(...names) })
const narrow = async (text: string, given: McpLists) => (await narrowLists(Buffer.from(text), given)).toString()

/** Head and body of the answer, chunks put together. */
function readAnswer(text: string): { head: string; body: string } {
  const at = text.indexOf('\r\n\r\n')
  const head = text.slice(0, at)
  let rest = text.slice(at + 4)
  if (!/transfer-encoding: chunked/i.test(head)) return { head, body: rest }
  let body = ''
  for (;;) {
    const end = rest.indexOf('\r\n')
    const size = Number.parseInt(rest.slice(0, end), 16)
    if (size === 0) return { head, body }
    body += rest.slice(end + 2, end + 2 + size)
    rest = rest.slice(end + 4 + size)
  }
}

async function world(
  answer: (answer: ServerResponse, request: IncomingMessage) => void,
  given: McpLists | null,
  more: WorldOptions = {},
) {
  const opened = await openWorld({ handler: (request, to) => answer(to, request), ...more })
  opened.keeper.verdict = (_, run) =>
    bearer(SECRET, { mcp: { session: null, bind: sessionBinding(run, 'conn_1').bind, lists: given } })
  return opened
}
const SECRET = `sk-${crypto.randomUUID()}`

async function ask(to: World, method = 'POST', more = '') {
  const socket = await to.tunnel()
  const body = method === 'POST' ? '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' : ''
  const length = body === '' ? '' : `Content-Length: ${body.length}\r\n`
  socket.write(`${method} /mcp HTTP/1.1\r\nHost: ${HOST}\r\n${length}${more}Connection: close\r\n\r\n${body}`)
  return readAnswer(await untilClosed(socket))
}

test('V99 a tool is cut out of the text of a list; what stays is not written anew, to the last digit', async () => {
  const text = list('1', tool('a'), tool('b', ',"description":"]},\\"{["'), tool('c'))
  expect(await narrow(text, lists([1], 'a', 'c'))).toBe(
    `{"jsonrpc":"2.0","id":1,"result":{ "tools" : [${tool('a')},${tool('c')}],"nextCursor":"n"}}`,
  )
  expect(await narrow(text, lists([1]))).toBe('{"jsonrpc":"2.0","id":1,"result":{ "tools" : [],"nextCursor":"n"}}')
  expect(await narrow(text, lists([1], 'a', 'b', 'c'))).toBe(text)
  const escaped = '{"id":1,"res\\u0075lt":{"too\\u006cs":[{"n\\u0061me":"\\u0061"}]}}'
  expect(await narrow(escaped, lists([1]))).toBe('{"id":1,"res\\u0075lt":{"too\\u006cs":[]}}')
})

test('V99 a list that is one of a batch is narrowed, its neighbours are not; so is one whose id was written otherwise', async () => {
  const call = '{"jsonrpc":"2.0","id":2,"result":{"content":[{"type":"text","text":"tools"}]}}'
  const batch = ` [ ${call} , ${list('1', tool('a'), tool('b'))}, ${list('"1"', tool('b'))} ] `
  const [first, second] = [list('1', tool('a')), list('"1"')].map((one) => one.replace(/\[ +/, '[').replace(/ +\]/, ']'))
  expect(await narrow(batch, lists([1], 'a'))).toBe(` [ ${call} , ${first}, ${second} ] `)
})

test('V99 what is asked for as a list and is none, or can be read in two ways, is not passed on; an error is', async () => {
  const error = '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}'
  expect(await narrow(error, lists([1]))).toBe(error)
  for (const bad of [
    'no JSON',
    '"a text"',
    '{"jsonrpc":"2.0","id":1,"result":{}}',
    '{"jsonrpc":"2.0","id":1,"result":{"tools":{"a":{"name":"b"}}}}',
    '{"jsonrpc":"2.0","id":1,"result":{"tools":["b"]}}',
    '{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":""}]}}',
    '{"jsonrpc":"2.0","id":1,"result":{"tools":[]},"result":{"tools":[{"name":"b"}]}}',
    `{"jsonrpc":"2.0","id":1,"result":{"tools":[${Array.from({ length: 1_001 }, (_, i) => `{"name":"t${i}"}`)}]}}`,
  ])
    await expect(narrow(bad, lists([1], 'b')), bad.slice(0, 80)).rejects.toThrow('cannot be read')
})

test('V99 V115 a list as JSON, whole, in chunks, coded with gzip or br: narrowed, of a length that is true, masked, and without digests of what it was', async () => {
  const text = list('1', tool('a', `,"description":"${SECRET}"`), tool('b'))
  const bodies = { identity: Buffer.from(text), gzip: gzipSync(text), br: brotliCompressSync(text) }
  for (const [coding, body] of Object.entries(bodies))
    for (const isChunked of [false, true]) {
      const to = await world(
        (answer) => {
          answer.setHeader('Content-Type', 'application/json; charset=utf-8')
          if (coding !== 'identity') answer.setHeader('Content-Encoding', coding)
          if (!isChunked) answer.setHeader('Content-Length', body.length)
          answer.setHeader('ETag', '"1"')
          answer.setHeader('Content-Digest', 'sha-256=:x:')
          for (const byte of isChunked ? body.subarray(0, -1) : []) answer.write(Buffer.of(byte))
          answer.end(isChunked ? body.subarray(-1) : body)
        },
        lists([1], 'a'),
      )
      const { head, body: got } = await ask(to)
      expect(head).toMatch(/^HTTP\/1\.1 200 /)
      expect(head).toMatch(new RegExp(`content-length: ${got.length}(\r|$)`, 'i'))
      expect(head).not.toMatch(/content-encoding|content-digest|transfer-encoding|etag: "/i)
      expect(JSON.parse(got)).toMatchObject({ id: 1, result: { tools: [{ name: 'a', description: '*'.repeat(SECRET.length) }] } })
    }
})

test('V99 a list that cannot be read is refused with 502 before a byte of it is said: too large, no JSON, coded in a way that nobody reads', async () => {
  const large = list('1', tool('b', `,"x":"${'x'.repeat(1_100_000)}"`))
  const cases: Record<string, readonly [fields: Record<string, string>, body: string | Buffer]> = {
    'too large': [{}, large],
    'too large once decoded': [{ 'content-encoding': 'gzip' }, gzipSync(large)],
    'no JSON': [{ 'content-type': 'text/html' }, '<p>b</p>'],
    'an unknown coding': [{ 'content-encoding': 'compress' }, list('1', tool('b'))],
    'broken gzip': [{ 'content-encoding': 'gzip' }, 'b'],
  }
  for (const [what, [fields, body]] of Object.entries(cases)) {
    const to = await world((answer) => answer.writeHead(200, fields).end(body), lists([1], 'a'))
    // Also where nothing is masked.
    const { verdict } = to.keeper
    to.keeper.verdict = async (...given) => ({ ...(await verdict(...given)), scan: false }) as Awaited<ReturnType<typeof verdict>>
    const { head, body: got } = await ask(to)
    expect([what, head.slice(0, 12)]).toEqual([what, 'HTTP/1.1 502'])
    expect((JSON.parse(got) as { code: string }).code).toBe(what === 'broken gzip' ? 'unreachable' : 'coding_unsupported')
  }
})

test('V99 an answer that failed, and one without a body, go on as they are; so does every answer where no list was asked for', async () => {
  const failed = await world((answer) => answer.writeHead(500, { 'content-type': 'text/html' }).end('<p>'), lists([1]))
  expect((await ask(failed)).body).toBe('<p>')
  const accepted = await world((answer) => answer.writeHead(202).end(), lists([1]))
  expect((await ask(accepted)).head).toMatch(/^HTTP\/1\.1 202 /)
  const text = list('1', tool('b'))
  const other = await world((answer) => answer.end(text), null)
  expect((await ask(other)).body).toBe(text)
})

test('V99 V112 a stream of events: each passes as it ends, and only the data of the one with the list is rewritten', async () => {
  let to: ServerResponse | null = null
  const opened = await world(
    (answer) => {
      answer.writeHead(200, { 'content-type': 'text/event-stream' })
      to = answer
      answer.write(': begun\n\nevent: message\nid: 1\ndata: {"jsonrpc":"2.0","method":"notifications/progress"}\n\n')
    },
    lists([1], 'a'),
  )
  const socket = await opened.tunnel()
  const body = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
  let wire = ''
  let got = ''
  socket.on('data', (chunk: Buffer) => {
    wire += chunk.toString()
    got = wire.replace(/\r\n[0-9a-f]+\r\n/g, '')
  })
  const closed = new Promise((resolve) => socket.on('close', resolve))
  socket.write(`POST /mcp HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`)
  await expect.poll(() => got, { timeout: 20_000 }).toContain('notifications/progress"}\n\n')
  expect(got).toContain(': begun\n\nevent: message\nid: 1\ndata: {')
  const answer = to as unknown as ServerResponse
  answer.write(`id: 2\ndata: ${list('1', tool('a'), tool('b', `,"d":"${SECRET}"`))}\nevent: message\n\n`)
  await expect.poll(() => got, { timeout: 20_000 }).toContain('nextCursor')
  answer.end('data: bye\n\n')
  await closed
  const kept = `data: ${list('1', tool('a'))}\n\n`.replace(/\[ +/, '[').replace(/ +\]/, ']')
  expect(readAnswer(wire).body).toContain(`id: 2\nevent: message\n${kept}data: bye\n\n`)
})

test('V99 a list on a stream that the agent opened by GET is known by its shape; data that cannot be read ends the stream', async () => {
  const events = (text: string) => (answer: ServerResponse) =>
    answer.writeHead(200, { 'content-type': 'text/event-stream' }).end(text)
  const good = await world(
    events(`event: endpoint\ndata: /messages?s=1\n\ndata: ${list('9', tool('a'), tool('b'))}\n\n`),
    lists(null, 'a'),
  )
  const { body } = await ask(good, 'GET')
  expect(body).toContain('event: endpoint\ndata: /messages?s=1\n\n')
  expect([body.includes('"a"'), body.includes('"b"')]).toEqual([true, false])
  let more: (() => void) | null = null
  const bad = await world(
    (answer) => {
      answer.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n')
      more = () => answer.end('data: {"id":9,"result":{"tools":[{"name":"b"}]\n\ndata: 2\n\n')
    },
    lists(null, 'a'),
  )
  const socket = await bad.tunnel()
  let cut = ''
  socket.on('data', (chunk: Buffer) => {
    cut += chunk.toString()
  })
  const closed = new Promise((resolve) => socket.on('close', resolve))
  socket.write(`GET /mcp HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`)
  await expect.poll(() => cut, { timeout: 20_000 }).toContain('data: 1\n\n')
  const tell = more as unknown as () => void
  tell()
  await closed
  // Without its last chunk nobody takes it for the whole.
  expect([cut.includes('"b"'), cut.includes('data: 2'), cut.endsWith('0\r\n\r\n')]).toEqual([false, false, false])
  await expect.poll(() => bad.keeper.outcomes.map(({ outcome }) => outcome.fault)).toEqual(['coding_unsupported'])
})

test('V99 events are read alike whatever ends their lines and wherever the pieces break', async () => {
  const message = list('1', tool('a'), tool('b'))
  const half = message.indexOf('"nextCursor"')
  for (const eol of ['\n', '\r\n', '\r']) {
    const text = [
      '\ufeffid: 1',
      `data: ${message.slice(0, half)}`,
      'event: x',
      `data:${message.slice(half)}`,
      '',
      'data',
      '',
      'data: end',
    ].join(eol)
    for (const size of [1, 2, 3, 7, 4_096]) {
      const pieces: Buffer[] = []
      const got = await new Promise<string>((resolve, reject) => {
        const sink = eventSink(
          {
            write: (chunk) => pieces.push(chunk) > 0,
            end: () => resolve(Buffer.concat(pieces).toString()),
            abort: () => reject(new Error('aborted')),
            drained: () => undefined,
          },
          lists([1], 'a'),
          reject,
        )
        const bytes = Buffer.from(text)
        for (let at = 0; at < bytes.length; at += size) sink.write(bytes.subarray(at, at + size))
        sink.end([])
      })
      const lines = got.replaceAll('\r\n', '\n').replaceAll('\r', '\n').split('\n')
      expect([eol, size, lines.slice(0, 2)]).toEqual([eol, size, ['\ufeffid: 1', 'event: x']])
      const data = lines.slice(2, lines.indexOf('')).map((line) => line.slice(6))
      expect(JSON.parse(data.join('\n'))).toMatchObject({ id: 1, result: { tools: [{ name: 'a' }] } })
      expect(lines.slice(lines.indexOf(''))).toEqual(['', 'data', '', 'data: end'])
    }
  }
})

test('V99 the id of a session reaches the agent as its run’s alone, and the server as its own', async () => {
  const to = await world((answer, request) => {
    answer.setHeader('Mcp-Session-Id', 'abc.def')
    answer.end(String(request.headers['mcp-session-id']))
  }, null)
  const { run } = to.keeper
  const binding = sessionBinding(run, 'conn_1')
  const { head } = await ask(to)
  const shown = /mcp-session-id: (\S+)/i.exec(head)?.[1] as string
  expect([binding.open(shown), shown]).toEqual(['abc.def', binding.bind('abc.def')])
  to.keeper.verdict = () => send({ mcp: { session: 'abc.def', bind: binding.bind, lists: null } })
  expect((await ask(to, 'POST', `Mcp-Session-Id: ${shown}\r\n`)).body).toBe('abc.def')
})

test('V99 an id of a session is opened by its run and connection alone: bare, changed, of another run or connection it is nobody’s', async () => {
  const keeper = testGatekeeper(await makeAuthority())
  const binding = sessionBinding(keeper.run, 'conn_1')
  const bound = binding.bind('s1')
  // Of the same authority, as runs of one tenant may have it.
  const others = [sessionBinding(keeper.another({}).run, 'conn_1'), sessionBinding(keeper.run, 'conn_2')]
  const { authority } = keeper.run
  others.push(sessionBinding({ ...keeper.run, authority: { ...authority, key: new Secret('another') } }, 'conn_1'))
  expect(binding.open(bound)).toBe('s1')
  expect(others.map((one) => one.open(bound))).toEqual([null, null, null])
  for (const bad of ['s1', '', '.', 's1.', `s2${bound.slice(2)}`, `${bound}A`, bound.slice(0, -1), `${bound}, ${bound}`])
    expect([bad, binding.open(bad)]).toEqual([bad, null])
})
