// The figures of vault.md §13 for the proxy: `npm run bench -- proxy [--quick]`. Direct, ours and mockttp, each in a process of its own, one after the other in
// one run and in rounds, so that what else the machine does weighs on all. Until the decision path is in, ours allows everything and says so in its label.
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { mintKey } from '../packages/server/src/crypto/token.ts'
import { makeAuthority } from '../packages/server/src/proxy/testing/authority.ts'
import { percentile, report } from './figure.ts'
import { load, type Way } from './proxy/load.ts'

const LABEL = 'data path, everything allowed'

async function start(name: string, message: object, running: ChildProcess[]): Promise<number> {
  const child = fork(fileURLToPath(new URL(`./proxy/${name}.ts`, import.meta.url)), { execArgv: ['--import', 'tsx'] })
  running.push(child)
  child.send(message)
  const [answer] = await new Promise<[{ port: number }]>((resolve, reject) => {
    child.once('message', (said) => resolve([said as { port: number }]))
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code}`)))
  })
  return answer.port
}

async function play(quick: boolean): Promise<void> {
  const running: ChildProcess[] = []
  try {
    const [origin, runs] = await Promise.all([makeAuthority('bench-origin'), makeAuthority('bench-runs')])
    const authority = { id: runs.id, certificate: runs.certificate, key: runs.key.reveal() }
    const upstream = await start('upstream', await origin.issue(['localhost']), running)
    const token = mintKey('test', 'prx')
    const common = { port: upstream, ca: origin.certificate, token, authority }
    const [ours, peer] = await Promise.all([start('ours', common, running), start('peer', common, running)])
    const ways: Record<'direct' | 'ours' | 'mockttp', Way> = {
      direct: { upstream, ca: origin.certificate },
      ours: { upstream, ca: runs.certificate, proxy: { port: ours, token } },
      mockttp: { upstream, ca: runs.certificate, proxy: { port: peer, token } },
    }
    const ms = quick ? 1_500 : 10_000
    const rounds = quick ? 2 : 5
    await throughput(ways, ms, rounds, quick)
    await latency(ways, ms, rounds, quick)
  } finally {
    for (const child of running) child.kill()
  }
}

type Ways = Record<'direct' | 'ours' | 'mockttp', Way>

async function measure(ways: Ways, connections: number, ms: number, rounds: number): Promise<Record<keyof Ways, number[][]>> {
  const all: Record<keyof Ways, number[][]> = { direct: [], ours: [], mockttp: [] }
  for (const name of ['direct', 'ours', 'mockttp'] as const) await load(ways[name], connections, ms / 2)
  for (let round = 0; round < rounds; round++)
    for (const name of ['direct', 'ours', 'mockttp'] as const) all[name].push(await load(ways[name], connections, ms))
  return all
}

const middle = (values: readonly number[]): number => percentile(values, 0.5)

async function throughput(ways: Ways, ms: number, rounds: number, quick: boolean): Promise<void> {
  const all = await measure(ways, 16, ms, rounds)
  const rate = (name: keyof Ways) => middle(all[name].map((took) => (took.length * 1_000) / ms))
  const [direct, ours, mockttp] = [rate('direct'), rate('ours'), rate('mockttp')]
  const said = { bench: 'proxy-throughput', metric: `c=16, 1 KiB, ${LABEL}`, unit: 'requests/s', ours }
  report({ ...said, peer_name: 'direct', peer: direct, goal: '>= 0.45', met: quick ? null : ours >= 0.45 * direct })
  report({ ...said, peer_name: 'mockttp', peer: mockttp, goal: '>= 4', met: quick ? null : ours >= 4 * mockttp })
  if (quick && (ours < 0.8 * 0.45 * direct || ours < 0.8 * 4 * mockttp)) process.exitCode = 1
}

async function latency(ways: Ways, ms: number, rounds: number, quick: boolean): Promise<void> {
  const all = await measure(ways, 1, ms, rounds)
  for (const [name, share, goal] of [
    ['p50', 0.5, 0.25],
    ['p99', 0.99, 2],
  ] as const) {
    const at = (way: keyof Ways) => middle(all[way].map((took) => percentile(took, share)))
    const added = at('ours') - at('direct')
    const said = { bench: 'proxy-latency', unit: 'ms', peer_name: 'direct', peer: at('direct') }
    report({
      ...said,
      metric: `c=1 ${name}, ${LABEL}`,
      ours: at('ours'),
      goal: `<= direct + ${goal} ms`,
      met: quick ? null : added <= goal,
    })
  }
}

await play(process.argv.includes('--quick'))
