// Real clients under `countersign run` (§12.17): each calls a service behind TLS by its name and is answered; the service saw the credential, while the client's
// environment, and all that it read, hold a placeholder alone.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { start } from '../../../../../test/harness/process.ts'
import { formsOf } from '../../vault/testing/vault.ts'
import { testWith } from './testing/programs.ts'
import { makeRepository } from './testing/service.ts'
import { grantAll, openRunWorld, type RunWorld } from './testing/world.ts'

async function granted(): Promise<RunWorld> {
  const world = await openRunWorld()
  await grantAll(world)
  return world
}

/** Runs it with its environment printed in front: none of it is the credential. */
async function ran(world: RunWorld, command: readonly string[], env: Record<string, string> = {}) {
  const before = world.service.seen.length
  const running = world.run(['--', 'sh', '-c', 'env; exec "$@"', 'sh', ...command], { env: { GIT_CONFIG_NOSYSTEM: '1', ...env } })
  const { code } = await running.ended
  const [stdout, stderr] = [running.stdout(), running.stderr()]
  for (const form of formsOf(world.canary)) expect(`${stdout}${stderr}`).not.toContain(form)
  expect(stdout).toMatch(/^ALPHA_API_KEY=csph_conn_[0-9A-Z]{26}$/m)
  return { code, stdout, stderr, seen: world.service.seen.slice(before) }
}

const script = (world: RunWorld, name: string, text: string): string => {
  const file = join(world.folder, name)
  writeFileSync(file, text)
  return file
}

testWith(
  'curl',
  'V126 V127 curl, over https and at a host of its own, is answered, and what it was given is a placeholder',
  async () => {
    const world = await granted()
    const got = await ran(world, ['curl', '-sS', '--fail-with-body', `${world.origin}/v1/things?a=1`])
    expect([got.code, got.stderr]).toEqual([0, ''])
    expect(got.stdout).toContain('GET /v1/things?a=1')
    expect(got.seen).toEqual([{ method: 'GET', url: '/v1/things?a=1', authorization: `Bearer ${world.canary}` }])
  },
)

testWith(
  'git',
  'V127 git clones and pushes over https; neither its configuration nor its repository holds the credential',
  async () => {
    const world = await granted()
    makeRepository(world.folder, 'notes.git')
    const url = `${world.origin}/git/notes.git`
    const name = ['-c', 'user.name=agent', '-c', 'user.email=agent@example.com']
    const steps = [
      `git clone -q ${url} first && cd first`,
      'echo hello > note && git add note',
      `git ${name.join(' ')} commit -q -m note`,
      'git push -q origin HEAD:main && cd ..',
      `git clone -q ${url} second && cat second/note`,
    ]
    const got = await ran(world, ['sh', '-c', `set -e; ${steps.join('; ')}`])
    expect([got.code, got.stderr.replace(/^warning: .*\n/m, '')]).toEqual([0, ''])
    expect(got.stdout.trim().endsWith('hello')).toBe(true)
    expect(got.seen.map(({ method }) => method)).toContain('POST')
    expect([...new Set(got.seen.map(({ authorization }) => authorization))]).toEqual([`Bearer ${world.canary}`])
    expect(readFileSync(join(world.folder, 'first', '.git', 'config'), 'utf8')).not.toContain(world.canary)
    const log = execFileSync('git', ['-C', join(world.folder, 'git', 'notes.git'), 'log', '--format=%s', 'main'], {
      encoding: 'utf8',
    })
    expect(log.trim()).toBe('note')
  },
)

/** Each way in which a Node program calls out, in the main thread, in a worker and in a child; ES modules and CommonJS. */
const NODE = `
import https, { get } from 'node:https'
import { spawnSync } from 'node:child_process'
import { Worker, isMainThread } from 'node:worker_threads'
const origin = process.argv[2]
const read = (how, get) => new Promise((resolve, reject) => get((answer) => {
  answer.setEncoding('utf8'); let text = ''
  answer.on('data', (part) => { text += part }).on('end', () => resolve(how + ' ' + answer.statusCode + ' ' + text))
}).on('error', reject))
const where = process.env.WHERE ?? (isMainThread ? 'main' : 'worker')
console.log(where, await fetch(origin + '/fetch/' + where).then(async (answer) => 'fetch ' + answer.status + ' ' + (await answer.text())))
console.log(where, await read('https', (done) => https.get(origin + '/https/' + where, done)))
console.log(where, await read('named', (done) => get(new URL(origin + '/named/' + where), done)))
const { hostname, port } = new URL(origin)
console.log(where, await read('post', (done) => { const one = https.request({ hostname, port, path: '/post/' + where, method: 'POST', headers: { 'content-type': 'text/plain' } }, done); one.end('x'); return one }))
if (where === 'main') {
  await new Promise((resolve, reject) => new Worker(new URL(import.meta.url), { argv: [origin] }).on('exit', resolve).on('error', reject))
  const child = spawnSync(process.execPath, [process.argv[1], origin], { env: { ...process.env, WHERE: 'child' }, encoding: 'utf8' })
  process.stdout.write(child.stdout); process.stderr.write(child.stderr); process.exitCode = child.status
}
`

test('V128 Node: built-in fetch, https and what stands on it, in main thread, worker and child, go through the proxy', async () => {
  const world = await granted()
  const file = script(world, 'agent.mjs', NODE)
  const got = await ran(world, [process.execPath, file, world.origin])
  expect([got.code, got.stderr]).toEqual([0, ''])
  for (const where of ['main', 'worker', 'child'])
    for (const [how, method] of [
      ['fetch', 'GET'],
      ['https', 'GET'],
      ['named', 'GET'],
      ['post', 'POST'],
    ]) {
      expect(got.stdout).toContain(`${where} ${how} 200 ${method} /${how}/${where}\n`)
      expect(got.seen).toContainEqual({ method, url: `/${how}/${where}`, authorization: `Bearer ${world.canary}` })
    }
}, 240_000)

testWith('python3', 'V127 Python’s own client is answered, and trusts the run’s authority by its environment alone', async () => {
  const world = await granted()
  const text = `import urllib.request, sys\nprint(urllib.request.urlopen(sys.argv[1] + '/py').read().decode())\n`
  const got = await ran(world, ['python3', script(world, 'agent.py', text), world.origin])
  expect([got.code, got.stderr]).toEqual([0, ''])
  expect(got.stdout.trim().endsWith('GET /py')).toBe(true)
  expect(got.seen).toEqual([{ method: 'GET', url: '/py', authorization: `Bearer ${world.canary}` }])
})

testWith(
  'python3 requests',
  'V127 §12.17 Python’s requests, by itself and in a session',
  async () => {
    const world = await granted()
    const text = `import requests, sys
print(requests.get(sys.argv[1] + '/requests').text)
print(requests.Session().post(sys.argv[1] + '/session', data='x').text)
`
    const got = await ran(world, ['python3', script(world, 'agent.py', text), world.origin])
    expect([got.code, got.stderr]).toEqual([0, ''])
    const authorization = `Bearer ${world.canary}`
    expect(got.seen).toEqual([
      { method: 'GET', url: '/requests', authorization },
      { method: 'POST', url: '/session', authorization },
    ])
  },
  { shows: ['-c', 'import requests'] },
)

test('V128 §12.17 undici from npm, by its own request and its own fetch', async () => {
  const world = await granted()
  const text = `const { fetch, request } = await import(process.argv[3])
const { statusCode, body } = await request(process.argv[2] + '/request')
console.log(statusCode, await body.text())
console.log(await fetch(process.argv[2] + '/fetch').then((answer) => answer.text()))
`
  const got = await ran(world, [process.execPath, script(world, 'agent.mjs', text), world.origin, import.meta.resolve('undici')])
  expect([got.code, got.stderr]).toEqual([0, ''])
  expect(got.stdout).toMatch(/200 GET \/request\nGET \/fetch\n$/)
  expect(got.seen.map(({ authorization }) => authorization)).toEqual(Array(2).fill(`Bearer ${world.canary}`))
}, 240_000)

const GO = `package main

import ("fmt"; "io"; "net/http"; "os")

func main() {
	answer, err := http.Get(os.Args[1] + "/go")
	if err != nil { fmt.Println(err); os.Exit(1) }
	body, _ := io.ReadAll(answer.Body)
	fmt.Println(answer.StatusCode, string(body))
}
`

testWith(
  'go',
  'V127 §12.17 Go’s own client',
  async () => {
    const world = await granted()
    const file = script(world, 'agent.go', GO)
    const program = join(world.folder, 'agent')
    // Before the run, so that what it takes to compile is not its.
    const env = {
      ...process.env,
      GOFLAGS: '-mod=mod',
      GO111MODULE: 'off',
      CGO_ENABLED: '0',
    }
    execFileSync('go', ['build', '-o', program, file], { env, cwd: world.folder, stdio: 'pipe' })
    const got = await ran(world, [program, world.origin])
    expect([got.code, got.stderr]).toEqual([0, ''])
    expect(got.stdout.trim().endsWith('200 GET /go')).toBe(true)
    expect(got.seen).toEqual([{ method: 'GET', url: '/go', authorization: `Bearer ${world.canary}` }])
  },
  // A machine that never built it before compiles its standard library first.
  { shows: ['version'], ms: 900_000 },
)

testWith(
  'curl',
  'V127 a proxy behind TLS is reached through a forwarder on loopback, which is gone with the command',
  async () => {
    const world = await openRunWorld({ tls: true })
    await grantAll(world)
    const running = world.run(['--', 'sh', '-c', 'echo "at $HTTPS_PROXY"; curl -sS "$1/far"', 'sh', world.origin], {
      env: { NODE_EXTRA_CA_CERTS: world.proxyCertificate },
    })
    expect([(await running.ended).code, running.stderr()]).toEqual([0, ''])
    const [, host = '', port = ''] = /^at http:\/\/run:cs_live_prx_\w+@([\d.]+):(\d+)$/m.exec(running.stdout()) ?? []
    expect(host).toBe('127.0.0.1')
    expect(port).not.toBe(String(world.proxyPort))
    expect(world.service.seen).toEqual([{ method: 'GET', url: '/far', authorization: `Bearer ${world.canary}` }])
    const after = start('curl', ['-sS', '-m', '30', '-x', `http://127.0.0.1:${port}`, world.origin])
    expect((await after.ended).code).toBe(7)
  },
)

testWith(
  'curl',
  'V84 V127 §12.18 another process without the token gets 407 from the proxy, and no name is asked for',
  async () => {
    const world = await granted()
    const curl = start('curl', ['-sS', '-m', '30', '-x', `http://127.0.0.1:${world.proxyPort}`, `${world.origin}/`])
    expect((await curl.ended).code).toBe(56)
    expect(curl.stderr()).toContain('407')
    expect(world.asked()).toEqual([])
    expect(world.service.seen).toEqual([])
  },
)
