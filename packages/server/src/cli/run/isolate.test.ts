// `--isolate` (V130): the only way out is the proxy; where the kernel forbids it nothing starts. Which of the two holds is looked up on the machine of the test.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { grantAll, openRunWorld } from './testing/world.ts'

const makesNamespaces = spawnSync('unshare', ['--user', '--map-root-user', '--net', '--', 'true']).status === 0

const TRIES = `
import net from 'node:net'
const [origin, host, port] = process.argv.slice(2)
const straight = await new Promise((resolve) => net.connect(Number(port), host).on('connect', () => resolve('reached')).on('error', (error) => resolve(error.code)))
console.log('straight', straight)
console.log('through', await fetch(origin + '/isolated').then((answer) => answer.status), process.getuid())
process.exitCode = 6
`

test(makesNamespaces
  ? 'V130 what goes straight finds the network unreachable, what goes through the proxy is answered, and the child is who it was'
  : 'V130 this machine makes no namespaces: --isolate ends with 125 and starts nothing', async () => {
  const world = await openRunWorld()
  await grantAll(world)
  writeFileSync(join(world.folder, 'tries.mjs'), TRIES)
  const { port } = world.service
  const running = world.run([
    '--isolate',
    '--',
    'sh',
    '-c',
    'touch started; exec "$@"',
    'sh',
    process.execPath,
    'tries.mjs',
    world.origin,
    '192.0.2.1',
    String(port),
  ])
  const { code } = await running.ended
  if (!makesNamespaces) {
    expect([code, existsSync(join(world.folder, 'started'))]).toEqual([125, false])
    return
  }
  expect([code, running.stderr()]).toEqual([6, ''])
  expect(running.stdout()).toBe(`straight ENETUNREACH\nthrough 200 ${process.getuid?.()}\n`)
  expect(world.service.seen).toEqual([{ method: 'GET', url: '/isolated', authorization: `Bearer ${world.canary}` }])
  expect((await world.run(['--isolate', '--', '/no/such/program']).ended).code).toBe(127)
  const masked = world.run(['--isolate', '--mask', '--', 'sh', '-c', 'echo "$HTTPS_PROXY"; exit 8'])
  expect([(await masked.ended).code, masked.stdout()]).toEqual([8, `http://run:${'*'.repeat(48)}@127.0.0.1:7980\n`])
  const killed = world.run(['--isolate', '--status-fd', '2', '--', 'sh', '-c', 'echo ready; sleep 600 & wait'])
  await killed.line(/^ready$/)
  killed.child.kill('SIGTERM')
  expect((await killed.ended).code).toBe(143)
  const status = killed
    .stderr()
    .split('\n')
    .find((line) => line.startsWith('{"v"'))
  expect(JSON.parse(status ?? 'null').child).toEqual({ code: null, signal: 'SIGTERM' })
}, 240_000)

test('V130 where the kernel forbids it, or the program for it is not there, --isolate ends with 125 and starts nothing', async () => {
  const world = await openRunWorld()
  const bin = join(world.folder, 'bin')
  mkdirSync(bin)
  const isolated = async () => {
    const running = world.run(['--isolate', '--status-fd', '2', '--', 'touch', 'started'], { env: { PATH: bin } })
    expect([(await running.ended).code, existsSync(join(world.folder, 'started'))]).toEqual([125, false])
    return running.stderr()
  }
  expect(await isolated()).toContain('--isolate needs `unshare`')
  writeFileSync(join(bin, 'unshare'), '#!/bin/sh\necho "unshare failed: Operation not permitted" >&2\nexit 1\n', { mode: 0o755 })
  const refused = await isolated()
  expect(refused).toContain('this machine lets you make no namespaces')
  expect(refused).toContain('"started":false,"child":null')
  expect((await world.house.alice.get('/api/v1/runs?state=live')).body.data).toEqual([])
}, 240_000)
