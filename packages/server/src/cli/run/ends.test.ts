// Acceptance 36 (V124, V126, V23): how a run ends, however its command or the command's own process did.
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { grantAll, openRunWorld } from './testing/world.ts'

/** Null: somebody listens there. */
const refusal = (port: number): Promise<string | null> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(null))
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
    socket.on('connect', () => socket.destroy())
  })

test('V124 V126 §12.36 exit 37, TERM, a missing program and kill -9 of the command: 37, 143, 127, and no live run, no listener, no temporary file', async () => {
  const world = await openRunWorld({ tls: true })
  await grantAll(world)
  const env = { NODE_EXTRA_CA_CERTS: world.proxyCertificate }
  const live = async () => (await world.house.alice.get('/api/v1/runs?state=live')).body.data
  const left = () => readdirSync(world.folder).filter((name) => name.startsWith('countersign-run-'))
  const ended = async (command: string[]) => (await world.run(['--', ...command], { env }).ended).code
  expect(await ended(['sh', '-c', 'exit 37'])).toBe(37)
  expect(await ended(['sh', '-c', 'kill -TERM $$'])).toBe(143)
  expect(await ended(['/no/such/program'])).toBe(127)
  expect([await live(), left()]).toEqual([[], []])

  // Its proxy is behind TLS, so that the command itself listens, and its output is masked, so that it has more files.
  const running = world.run(['--mask', '--', 'sh', '-c', 'echo "child $$ at $HTTPS_PROXY"; exec sleep 600'], { env })
  const [, pid, port] = /^child (\d+) at .*:(\d+)$/.exec(await running.line(/^child /)) ?? []
  onTestFinished(() => void process.kill(Number(pid), 'SIGKILL'))
  expect(await refusal(Number(port))).toBe(null)
  expect(left()).toHaveLength(1)
  const gone = once(running.child, 'exit')
  running.child.kill('SIGKILL')
  await gone
  expect(await refusal(Number(port))).toBe('ECONNREFUSED')
  await world.house.clock.advance('91s')
  await world.house.server.queue.enqueueMany([{ kind: 'run.sweep' }])
  await world.house.runJobs()
  expect(await live()).toEqual([])
  expect(await ended(['true'])).toBe(0)
  expect(left()).toEqual([])
}, 240_000)
