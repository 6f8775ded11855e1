// The connect pages as somebody from outside meets them (vault.md V32), and what this server sends to anybody by itself (V1).
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { request } from 'node:http'
import type { Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { setup } from '#harness'
import { pageAt, start } from '../../packages/server/src/vault/authorizations/testing/page.ts'
import { giveProvider, keyProvider } from '../../packages/server/src/vault/authorizations/testing/provider.ts'

type Sent = { status: number; headers: Record<string, string | string[] | undefined>; body: string }

/** With whatever headers, Host included: no browser sends these, and others do. */
const send = (url: string, method: string, path: string, headers: Record<string, string>, body?: string): Promise<Sent> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const asked = request(
      { host: hostname, port, method, path, headers: { 'content-type': 'application/json', ...headers } },
      async (answer) => {
        const chunks: Buffer[] = []
        for await (const chunk of answer) chunks.push(chunk as Buffer)
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks).toString() })
      },
    )
    asked.on('error', reject).end(body)
  })

test('V32 the connect pages take posts of their own origin alone, answer to their own name alone, and are framed and kept by nobody', async () => {
  const house = await setup()
  await giveProvider(house, keyProvider({ origin: 'https://keyed.example' }))
  const begun = await start(house, { provider: 'keyed' })
  const page = pageAt(house.url, begun.body.connect_url)
  const seen = await page.open()
  expect(seen.status).toBe(200)
  const cookie = page.credential.cookie as string
  const { host } = new URL(house.url)
  const doors: [string, string][] = [
    [`/connect/${page.id}/open`, '{}'],
    [`/connect/${page.id}/submit`, JSON.stringify({ nonce: seen.body.nonce, fields: { api_key: 'key-a' } })],
    ['/connect/return', '{"code":"c","state":"s"}'],
  ]
  const foreign: Record<string, string>[] = [
    { 'sec-fetch-site': 'cross-site', origin: house.url },
    { 'sec-fetch-site': 'none', origin: house.url },
    { origin: 'https://evil.example' },
    {},
  ]
  for (const [path, body] of doors) {
    for (const headers of foreign) {
      const answer = await send(house.url, 'POST', path, { host, cookie, ...headers }, body)
      expect([path, headers, answer.status, JSON.parse(answer.body).code]).toEqual([path, headers, 403, 'csrf_refused'])
    }
    for (const name of ['evil.example', 'localhost', '127.0.0.1']) {
      const answer = await send(house.url, 'POST', path, { host: name, cookie, origin: house.url }, body)
      expect([path, name, answer.status, JSON.parse(answer.body).code]).toEqual([path, name, 421, 'host_unknown'])
    }
  }
  // None of these used the nonce up, and the session of a signed-in owner changes nothing.
  const signedIn = `${cookie}; ${house.alice.credential.cookie}`
  const [, [submit = '', form = '']] = doors as [unknown, [string, string]]
  expect((await send(house.url, 'POST', submit, { host, cookie: signedIn, 'sec-fetch-site': 'cross-site' }, form)).status).toBe(
    403,
  )
  const own = await send(house.url, 'POST', `/connect/${page.id}/open`, { host, cookie, 'sec-fetch-site': 'same-origin' }, '{}')
  expect(own.status).toBe(200)
  expect(own.headers).toMatchObject({
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff',
    'content-security-policy': expect.stringContaining("frame-ancestors 'none'"),
  })
  // A link that somebody opens changes nothing by being opened.
  for (const method of ['GET', 'HEAD'])
    expect((await send(house.url, method, `/connect/${page.id}/open`, { host, cookie })).status).not.toBe(200)
})

test('V1 a server that starts, works and runs all its schedules opens no socket but to its database', async () => {
  const opened: string[] = []
  const watch = (message: unknown) => {
    const { socket } = message as { socket: Socket }
    socket.once('connect', () => opened.push(`${socket.remoteAddress}:${socket.remotePort}`))
    socket.once('error', () => opened.push(`refused ${socket.remoteAddress}`))
  }
  subscribe('net.client.socket', watch)
  onTestFinished(() => void unsubscribe('net.client.socket', watch))
  const house = await setup()
  await house.agent.post('/api/v1/tasks', { task: 'Ship it?', response_schema: { type: 'boolean' }, timeout_seconds: 600 })
  await house.alice.get('/api/v1/providers')
  await house.alice.get('/api/v1/connections')
  for (let i = 0; i < 3; i++) {
    await house.clock.advance('1d')
    await house.runJobs()
  }
  const database = await house.admin.one<{ port: number }>`select inet_server_port() as port`
  const own = [String(database.port), new URL(house.url).port]
  // Its callers in this process are the test's own.
  expect(opened.filter((one) => !own.includes(one.split(':').at(-1) as string))).toEqual([])
  expect(opened.length).toBeGreaterThan(0)
})
