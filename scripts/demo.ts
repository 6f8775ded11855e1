// npm run demo: the whole story on this machine, without a human. An agent with no secret asks for a refund through the proxy, policy asks a person, a scripted browser
// approves, the call goes out once with the key that the agent never sees, a signed webhook arrives, and record and receipt are verified. Ends with 0, or with what failed.
// Everything is real but the shop: the server, its proxy, the database, the browser. Nothing leaves this machine, and nothing is left on it.
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { openPerson } from './demo/person.ts'
import { HOST, openShop } from './demo/shop.ts'

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const cli = at('../packages/server/bin/countersign.mjs')
const started = performance.now()
let number = 0
const say = (text: string) => {
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(5)
  process.stdout.write(`${seconds} s  ${String(++number).padStart(2)}. ${text}\n`)
}
function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`The demo failed: ${what}`)
}

// Plain JavaScript, so that it runs before anything is built.
const { findBrowser } = (await import(at('browser.mjs'))) as { findBrowser(): Promise<string> }
const { buildIfStale } = (await import(at('build.mjs'))) as { buildIfStale(): Promise<void> }
const browser = await findBrowser()
await buildIfStale()
// The SDK is what was built a moment ago.
const { verifyWebhook } = await import('@countersign/sdk')

const folder = mkdtempSync(join(tmpdir(), 'countersign-demo-'))
// Started by root, PostgreSQL runs under another account, which has to pass through.
chmodSync(folder, 0o711)
const ends: (() => Promise<unknown> | unknown)[] = [() => rmSync(folder, { recursive: true, force: true })]
try {
  await play()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
} finally {
  for (const end of ends.reverse()) await end()
}

async function play(): Promise<void> {
  const shop = await openShop()
  ends.push(() => shop.close())
  const key = `shop_${randomBytes(24).toString('base64url')}`
  writeFileSync(join(folder, 'shop.pem'), shop.ca)
  const trust = join(folder, 'trust.json')
  writeFileSync(trust, JSON.stringify([{ host: HOST, port: shop.port, ca_file: 'shop.pem' }]), { mode: 0o600 })
  const dev = await openServer({
    COUNTERSIGN_HOME: join(folder, 'home'),
    COUNTERSIGN_PORT: '0',
    COUNTERSIGN_PROXY_LISTEN: '127.0.0.1:0',
    COUNTERSIGN_PROXY_TRUST_FILE: trust,
    COUNTERSIGN_EGRESS_DNS_SERVERS: `127.0.0.1:${shop.dnsPort}`,
    COUNTERSIGN_EGRESS_ALLOW: `${HOST}:${shop.port}`,
  })
  say(`The server is at ${dev.url}, its proxy at ${dev.proxy_url}, a process of its own without a root key.`)

  const person = await openPerson(browser, dev.setup_url)
  ends.push(() => person.close())
  say('Olga has set the installation up in a browser.')

  const source = JSON.stringify({
    ...{ schema: 1, name: 'shop', kind: 'custom', display_name: 'Shop', hosts: [{ host: HOST, port: shop.port }] },
    methods: ['api_key'],
    api_key: { fields: [{ name: 'api_key', label: 'API key', secret: true }] },
    inject: [{ where: 'header', name: 'authorization', template: 'Bearer {{api_key}}' }],
    facts: { amount: { in: 'body', pointer: '/amount', type: 'long' } },
    env: { SHOP_API_KEY: 'api_key' },
  })
  const { digest } = await person.api<{ digest: string }>('POST', '/providers', { source, reason: 'Our shop' })
  await person.api('POST', `/providers/shop/versions/${digest}/approve`)
  const begun = await person.api<{ connect_url: string }>('POST', '/authorizations', { provider: 'shop' })
  await person.connect(begun.connect_url, key)
  say('She has typed the key of the shop into the connect page. From here on nobody reads it.')

  const endpoint = await person.api<{ id: string; secret: string }>('POST', '/endpoints', {
    ...{ url: `https://${HOST}:${shop.port}/hooks`, events: ['proxy.allowed'], ca_pem: shop.ca },
  })
  const self = await fetch(`${dev.url}/api/v1/agents/self`, { headers: { authorization: `Bearer ${dev.agent_key}` } })
  const { agent } = (await self.json()) as { agent: { id: string; name: string } }
  await person.api('POST', '/grants', {
    ...{ agent_id: agent.id, provider: 'shop', reason: 'It answers complaints' },
    rules: [{ effect: 'allow', methods: ['POST'], paths: ['/v1/refunds'] }],
  })
  say(`“${agent.name}” may ask for refunds. The policies of a new installation ask a person before anything is changed.`)

  const run = command(
    ['run', '--purpose', 'Answer the complaint about order 1042', '--', process.execPath, at('demo/agent.mjs'), '240'],
    {
      COUNTERSIGN_URL: dev.url,
      COUNTERSIGN_KEY: dev.agent_key,
      SHOP: `https://${HOST}:${shop.port}`,
    },
  )
  say('The agent asks for a refund of 240, with a placeholder where the key would be. The request is held.')
  const taskId = await person.approve()
  must(shop.refunds.length <= 1, 'the request went out more than once')
  say('Olga has read in the inbox who asks, what is sent and why, and approved it.')

  const { code, stdout, stderr } = await run
  must(code === 0, `the agent ended with ${code}: ${stderr}`)
  const told = JSON.parse(stdout) as { status: number; body: string; env: Record<string, string> }
  must(told.status === 200, `the agent was answered ${told.status}: ${told.body}`)
  must(
    shop.refunds.length === 1 && shop.refunds[0]?.authorization === `Bearer ${key}`,
    'the shop did not see the key exactly once',
  )
  must(!`${stdout}${stderr}`.includes(key) && !JSON.stringify(told.env).includes(key), 'the key came as far as the agent')
  say(`The call went out once, with the key. The shop said it back, and the agent read ${JSON.parse(told.body).you_sent}.`)

  const hook = await until(() => shop.hooks.find(({ body }) => JSON.parse(body).type === 'proxy.allowed'), 'no webhook arrived')
  await verifyWebhook({ headers: hook.headers, body: hook.body, secrets: endpoint.secret })
  say(`A webhook told of it (${JSON.parse(hook.body).type}), and its signature holds.`)

  const { data: seen } = await person.api<{ data: { outcome: string; task_id: string | null }[] }>('GET', '/proxy/requests')
  must(seen.map(({ outcome }) => outcome).join() === 'allow,ask' && seen[0]?.task_id === taskId, 'the record tells another story')
  const made = await person.api<{ secret: string }>('POST', '/keys', {
    ...{ kind: 'adm', name: 'The auditor', scopes: ['audit:export', 'events:list', 'tasks:receipt'] },
  })
  const as = { COUNTERSIGN_URL: dev.url, COUNTERSIGN_KEY: made.secret }
  const file = (name: string) => join(folder, name)
  for (const [words, what] of [
    [['audit', 'keys', '--out', folder], 'the published keys'],
    [['audit', 'export', '--out', file('record.ndjson')], 'the record'],
    [['audit', 'verify', file('record.ndjson'), '--keys', file('audit-keys.json')], 'the check of the record'],
    [['receipt', 'get', taskId, '--out', file('receipt.jws')], 'the receipt'],
    [['receipt', 'verify', file('receipt.jws'), '--keys', file('receipt-keys.json')], 'the check of the receipt'],
  ] as const) {
    const done = await command([...words], as)
    must(done.code === 0, `${what}: ${done.stdout}${done.stderr}`)
    if (words[1] === 'verify') process.stdout.write(`${' '.repeat(13)}${done.stdout.split('\n')[0]}\n`)
  }
  must(!readFileSync(file('record.ndjson'), 'utf8').includes(key), 'the key stands in the record')
  say('The record is sound, the receipt of the decision is genuine, and the key is in neither.')
}

type Ready = { url: string; setup_url: string; agent_key: string; proxy_url: string | null }

function openServer(env: Record<string, string>): Promise<Ready> {
  const child = start(['dev', '--bare', '--json'], env)
  ends.push(() => stop(child))
  return new Promise((resolve, reject) => {
    let said = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk
    })
    child.once('exit', (code) => reject(new Error(`The server ended with ${code}: ${said}`)))
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      if (line.startsWith('{"ready":true')) resolve(JSON.parse(line) as Ready)
    })
  })
}

type Done = { code: number | null; stdout: string; stderr: string }

function command(words: string[], env: Record<string, string>): Promise<Done> {
  const child = start(words, env)
  let [stdout, stderr] = ['', '']
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk
  })
  ends.push(() => stop(child))
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })))
}

/** With nothing of whoever started the demo: their settings are not its own. */
function start(words: string[], env: Record<string, string>): ChildProcess {
  const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('COUNTERSIGN_')))
  return spawn(process.execPath, [cli, ...words], {
    cwd: folder,
    env: { ...own, HOME: folder, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  await ended
}

async function until<T>(look: () => T | undefined, otherwise: string): Promise<T> {
  for (let i = 0; i < 600; i++) {
    const found = look()
    if (found !== undefined) return found
    await new Promise((resume) => setTimeout(resume, 100))
  }
  throw new Error(`The demo failed: ${otherwise}`)
}
