// The operator's forward proxy, against a real one on this machine: what it is asked for, what it never learns, and that nothing goes past it.
import { createServer as createHttp, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { openProxy, type ProxyOptions } from '#harness'
import { makeCertificate } from '../http/testing/certificate.ts'
import { openLog } from '../std/log.ts'
import { openSink } from '../tasks/channels/email/testing/sink.ts'
import { type Allowed, parseAllowed } from './address.ts'
import { openDoor } from './fetch.ts'
import { openGuard } from './guard.ts'
import { openMailer } from './mail.ts'
import { postSigned } from './post.ts'
import { asksProxy, describeProxy, type ForwardProxy, parseProxy } from './proxy.ts'
import { openDnsStub } from './testing/dns-stub.ts'

/** hooks.example.com is 8.8.8.8: an address of the public network, which only the stand-in leads to this machine. */
async function openPlace(options: Partial<ProxyOptions> & { of?: Partial<ForwardProxy>; allowed?: string[] } = {}) {
  const { of: more, allowed = [], ...rest } = options
  const pem = await makeCertificate('hooks.example.com')
  const seen: { secure: boolean; headers: IncomingHttpHeaders }[] = []
  const take = (secure: boolean) => (request: IncomingMessage, answer: ServerResponse) => {
    seen.push({ secure, headers: request.headers })
    request.resume().on('end', () => answer.end('ok'))
  }
  const plain = await listening(createHttp(take(false)))
  const secure = await listening(createHttps(pem, take(true)))
  const ports: Record<string, number> = { '8.8.8.8:443': secure, '8.8.8.8:80': plain }
  const proxy = await openProxy({ leadsTo: (authority) => ports[authority] ?? null, ...rest })
  const dns = await openDnsStub((name, type) => ({
    records: type !== 'A' ? [] : [{ address: name === 'inside.example.com' ? '10.0.0.1' : '8.8.8.8' }],
  }))
  onTestFinished(() => dns.close())
  const logs: string[] = []
  const log = openLog({ level: 'debug', sink: (line) => void logs.push(line) })
  const guard = openGuard({ nameServers: [dns], http: true, allowed: allowed.flatMap((one) => parseAllowed(one) ?? []) })
  const scheme = rest.tls ? 'https' : 'http'
  const named: ForwardProxy = { ...parseProxy(`${scheme}://127.0.0.1:${proxy.port}`), ca: null, except: [], ...more }
  const door = openDoor({ guard, installation: 'test', version: '0', log, proxy: named })
  onTestFinished(() => door.close())
  const ask = (url: string, ca?: string) => door.fetch({ tenantId: 't', url, ca, caps: { connectMs: 2_000 } })
  return { ask, door, log, logs, pem, plain, proxy, seen }
}

async function listening(server: Server & { closeAllConnections(): void }): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    return new Promise<void>((resolve) => void server.close(() => resolve()))
  })
  return (server.address() as AddressInfo).port
}

const credentialsOf = (text: string) => parseProxy(`http://${text}@proxy.example.com:3128`).authorization

test('P101 a call goes by CONNECT to the checked address; the name stays in TLS and Host, and who is called never sees our credentials', async () => {
  const place = await openPlace({ credentials: 'ann:p@ss:%', of: { authorization: credentialsOf('ann:p%40ss%3A%25') } })
  expect(await place.ask('https://hooks.example.com/', place.pem.cert)).toMatchObject({ status: 200 })
  const basic = `Basic ${Buffer.from('ann:p@ss:%').toString('base64')}`
  expect(place.proxy.asked).toEqual([{ authority: '8.8.8.8:443', authorization: basic }])
  expect(place.seen).toMatchObject([{ secure: true, headers: { host: 'hooks.example.com', via: '1.1 countersign-test' } }])
  // Plain http goes by the same way: a proxy that rewrites it would be one that reads it.
  expect(await place.ask('http://hooks.example.com/')).toMatchObject({ status: 200 })
  expect(place.proxy.asked[1]).toEqual({ authority: '8.8.8.8:80', authorization: basic })
  expect(place.seen).toHaveLength(2)
  expect(JSON.stringify(place.seen)).not.toContain('proxy-authorization')
  expect(place.logs.join('\n')).not.toContain(basic)
})

test('P101 P100 behind a proxy TLS still proves the name: a certificate that is not its own is refused', async () => {
  const place = await openPlace()
  expect(await place.ask('https://hooks.example.com/')).toEqual({ failed: 'tls' })
  expect(await place.ask('https://other.example.com/', place.pem.cert)).toEqual({ failed: 'tls' })
  expect(place.seen).toEqual([])
})

test('P101 P98 what the guard refuses is not asked of the proxy, whatever the proxy could reach', async () => {
  const place = await openPlace({ leadsTo: () => 1 })
  for (const url of ['https://inside.example.com/', 'http://127.0.0.1/', 'http://169.254.169.254/', 'https://localhost/'])
    expect(await place.ask(url), url).toEqual({ failed: 'url_not_allowed' })
  expect(place.proxy.asked).toEqual([])
})

test('P101 a proxy that is off, refuses, stutters or says nothing is unreachable, and nothing is called past it', async () => {
  const receiver = await openPlace()
  // Reachable without the proxy: who went past it would arrive.
  const local = `http://127.0.0.1:${receiver.plain}/`
  const allowed = [`127.0.0.1:${receiver.plain}`]
  const off = await openPlace({ allowed })
  await off.proxy.stop()
  expect(await off.ask(local)).toEqual({ failed: 'unreachable' })
  const refuses = await openPlace({ allowed, leadsTo: () => null })
  expect(await refuses.ask(local)).toEqual({ failed: 'unreachable' })
  expect(refuses.proxy.asked).toHaveLength(1)
  expect(refuses.logs.join('\n')).toContain('answered 502')
  const unknown = await openPlace({ allowed, credentials: 'ann:secret' })
  expect(await unknown.ask(local)).toEqual({ failed: 'unreachable' })
  expect(unknown.logs.join('\n')).toContain('answered 407')
  const garbage = await openPlace({ allowed, manner: 'garbage' })
  expect(await garbage.ask(local)).toEqual({ failed: 'unreachable' })
  const silent = await openPlace({ allowed, manner: 'silent' })
  const short = { tenantId: 't', url: local, caps: { connectMs: 200 } }
  expect(await silent.door.fetch(short)).toEqual({ failed: 'unreachable' })
  expect(receiver.seen).toEqual([])
})

test('P101 P104 what the operator excepts goes straight there, exactly that host and port', async () => {
  const receiver = await openPlace()
  const here = `127.0.0.1:${receiver.plain}`
  const except = [parseAllowed(here) as Allowed]
  const place = await openPlace({ allowed: [here], of: { except } })
  expect(await place.ask(`http://${here}/`)).toMatchObject({ status: 200 })
  expect(place.proxy.asked).toEqual([])
  expect(await place.ask('http://hooks.example.com/')).toMatchObject({ status: 200 })
  expect(place.proxy.asked).toHaveLength(1)
})

test('P101 a proxy that is reached by TLS proves itself by the authority that the operator names', async () => {
  const tls = await makeCertificate()
  const place = await openPlace({ tls, of: { ca: tls.cert } })
  expect(await place.ask('https://hooks.example.com/', place.pem.cert)).toMatchObject({ status: 200 })
  expect(place.proxy.asked).toHaveLength(1)
  const doubted = await openPlace({ tls })
  expect(await doubted.ask('https://hooks.example.com/', doubted.pem.cert)).toEqual({ failed: 'unreachable' })
  expect([doubted.proxy.asked, doubted.seen]).toEqual([[], []])
})

test('P101 P89 the log of a delivery tells the address behind the proxy, not that of the proxy', async () => {
  const place = await openPlace()
  const posted = await postSigned(place.door, { tenantId: 't', url: 'http://hooks.example.com/', body: '{}', headers: {} })
  expect(posted).toMatchObject({ status: 200, timings: { address: '8.8.8.8', family: 4, connectMs: expect.any(Number) } })
})

test('P101 T107 mail goes through it too, and what the mail server says first is not lost behind the yes of the proxy', async () => {
  for (const manner of ['prompt', 'late'] as const) {
    const sink = await openSink()
    const place = await openPlace({ allowed: [`localhost:${sink.port}`], leadsTo: () => sink.port, manner })
    const mailer = openMailer({ door: place.door, log: place.log, folder: null })
    const smtp = {
      kind: 'smtp',
      host: 'localhost',
      port: sink.port,
      security: 'none',
      user: null,
      password: null,
      ca: null,
    } as const
    const ann = { name: 'Ann', address: 'ann@example.com' }
    const sent = await mailer.send(smtp, {
      tenantId: '00000000-0000-0000-0000-000000000000',
      id: 'ntc_1',
      from: ann,
      to: ann,
      replyTo: null,
      subject: 'Hello',
      text: 'Hello',
      html: '<p>Hello</p>',
      messageId: '<ntc_1@example.com>',
      inReplyTo: null,
      date: new Date('2026-01-02T03:04:05Z'),
    })
    expect(sent, manner).toMatchObject({ sent: true })
    expect(place.proxy.asked).toMatchObject([{ authority: `127.0.0.1:${sink.port}` }])
    expect(sink.took).toHaveLength(1)
  }
})

test('P101 the doctor asks the proxy for a name that cannot exist, and tells silence from refused credentials', async () => {
  const place = await openPlace({ credentials: 'ann:secret' })
  const named = (authorization: ForwardProxy['authorization']) => ({
    ...parseProxy(`http://127.0.0.1:${place.proxy.port}`),
    authorization,
    ca: null,
    except: [],
  })
  expect(await asksProxy(named(credentialsOf('ann:secret')), 2_000)).toBe('answers')
  expect(await asksProxy(named(credentialsOf('ann:wrong')), 2_000)).toBe('refuses_credentials')
  expect(place.proxy.asked.map(({ authority }) => authority)).toEqual(Array(2).fill('countersign.invalid:443'))
  await place.proxy.stop()
  expect(await asksProxy(named(null), 2_000)).toBe('silent')
})

test('P154 a proxy is a http or https URL without path; what is wrong is said without repeating the password', () => {
  const shown = describeProxy({ ...parseProxy('http://ann:secret@proxy.example.com:3128'), ca: null, except: [] })
  expect(shown).toBe('http://proxy.example.com:3128')
  expect(parseProxy('https://[2001:db8::1]')).toMatchObject({ secure: true, host: '2001:db8::1', port: 443, authorization: null })
  for (const text of [
    '',
    'proxy:3128',
    'socks5://ann:secret@proxy:1080',
    'http://ann:secret@proxy/path',
    'http://ann:100%@proxy/',
  ])
    expect(() => parseProxy(text), text).toThrow(/^(?!.*secret)(must be a URL|has a %)/)
})
