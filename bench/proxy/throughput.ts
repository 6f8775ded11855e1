// Requests a second and added milliseconds: direct, ours and mockttp in turn, over kept connections with the same client. What of the processor a request costs our
// process stands beside the rate: it says more where others use the machine as well.
import { percentile } from '../figure.ts'
import { load, type Way } from './load.ts'
import type { Rig } from './rig.ts'
import type { Options } from './rows.ts'

const NAMES = ['direct', 'ours', 'mockttp'] as const
type Ways = Record<(typeof NAMES)[number], Way>

const lengths = (quick: boolean): { ms: number; rounds: number } => (quick ? { ms: 600, rounds: 3 } : { ms: 10_000, rounds: 5 })
const middle = (values: readonly number[]): number => percentile(values, 0.5)

async function inRounds(ways: Ways, connections: number, ms: number, rounds: number): Promise<Record<keyof Ways, number[][]>> {
  const all: Record<keyof Ways, number[][]> = { direct: [], ours: [], mockttp: [] }
  for (const name of NAMES) await load(ways[name], connections, ms / 2)
  for (let round = 0; round < rounds; round++) for (const name of NAMES) all[name].push(await load(ways[name], connections, ms))
  return all
}

const waysOf = async (rig: Rig): Promise<Ways> => ({ direct: rig.direct, ours: rig.ours, mockttp: await rig.mockttp() })

export async function throughput(rig: Rig, { quick, say }: Options): Promise<void> {
  const { ms, rounds } = lengths(quick)
  const ways = await waysOf(rig)
  // Its code is compiled as it is met: the first seconds are another program.
  await load(ways.ours, 16, quick ? 1_500 : 5_000)
  const all = await inRounds(ways, 16, ms, rounds)
  const rate = (name: keyof Ways) => middle(all[name].map((took) => (took.length * 1_000) / ms))
  const [direct, ours, mockttp] = [rate('direct'), rate('ours'), rate('mockttp')]
  const said = { bench: 'proxy-throughput', metric: 'c=16, HTTPS, 1 KiB', unit: 'requests/s', ours }
  say({ ...said, peer_name: 'direct', peer: direct, goal: '>= 0.45', met: ours >= 0.45 * direct })
  say({ ...said, peer_name: 'mockttp', peer: mockttp, goal: '>= 4', met: ours >= 4 * mockttp })
  const before = await rig.proxies[0].part.cpu()
  const { length } = await load(ways.ours, 16, ms)
  const after = await rig.proxies[0].part.cpu()
  const used = after.user + after.system - before.user - before.system
  say({
    ...{ bench: 'proxy-throughput', metric: 'processor time of the proxy per request, c=16', unit: 'µs' },
    ...{ ours: used / length, peer_name: null, peer: null, goal: null, met: null },
  })
}

export async function latency(rig: Rig, { quick, say }: Options): Promise<void> {
  const { ms, rounds } = lengths(quick)
  const all = await inRounds(await waysOf(rig), 1, ms, rounds)
  for (const [name, share, goal] of [
    ['p50', 0.5, 0.25],
    ['p99', 0.99, 2],
  ] as const) {
    const at = (way: keyof Ways) => middle(all[way].map((took) => percentile(took, share)))
    const added = at('ours') - at('direct')
    const said = { bench: 'proxy-latency', metric: `c=1 warm ${name}`, unit: 'ms' }
    say({
      ...said,
      ours: at('ours'),
      peer_name: 'direct',
      peer: at('direct'),
      goal: `<= direct + ${goal} ms`,
      met: added <= goal,
    })
    say({ ...said, ours: at('ours'), peer_name: 'mockttp', peer: at('mockttp'), goal: null, met: null })
    say({
      ...said,
      metric: `added over direct, c=1 warm ${name}`,
      ours: added,
      peer_name: null,
      peer: null,
      goal: `<= ${goal}`,
      met: added <= goal,
    })
  }
}
