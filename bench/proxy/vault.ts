// The vault under the proxy: reading a connection and opening its material with the tenant's key at hand, as `material` does it, and sealing by itself.
import { randomBytes } from 'node:crypto'
import { open, seal, type WrappingKey } from '../../packages/server/src/crypto/seal.ts'
import { percentile } from '../figure.ts'
import type { Rig } from './rig.ts'
import type { Options } from './rows.ts'

export async function resolve(rig: Rig, { quick, say }: Options): Promise<void> {
  const took = await rig.house.resolve(quick ? 300 : 5_000)
  const [p50, p99] = [percentile(took, 0.5), percentile(took, 0.99)]
  const said = { bench: 'vault-resolve', unit: 'ms', peer_name: null, peer: null }
  say({ ...said, metric: 'row read, key cached, material opened, p50', ours: p50, goal: '<= 1', met: p50 <= 1 })
  say({ ...said, metric: 'row read, key cached, material opened, p99', ours: p99, goal: '<= 5', met: p99 <= 5 })
}

export async function sealing({ quick, say }: Options): Promise<void> {
  const ms = quick ? 300 : 5_000
  const key: WrappingKey = { current: 1, versions: new Map([[1, randomBytes(32)]]) }
  const at = { tenant: 'ten_bench', table: 'connections', column: 'material', row: '1' }
  const plain = randomBytes(1_024)
  const envelope = seal(key, at, plain)
  const perSecond = (work: () => unknown): number => {
    for (let i = 0; i < 2_000; i++) work()
    let done = 0
    const began = process.cpuUsage()
    const until = performance.now() + ms
    while (performance.now() < until) for (let i = 0; i < 100; i++, done++) work()
    const { user, system } = process.cpuUsage(began)
    // A core's second, whatever share of a core the machine gave us.
    return done / ((user + system) / 1e6)
  }
  const said = { bench: 'vault-seal', unit: '1/s', peer_name: null, peer: null, goal: '>= 12000' }
  const [seals, opens] = [perSecond(() => seal(key, at, plain)), perSecond(() => open(key, at, envelope))]
  say({ ...said, metric: 'seals of 1 KiB, per core', ours: seals, met: seals >= 12_000 })
  say({ ...said, metric: 'opens of 1 KiB, per core', ours: opens, met: opens >= 12_000 })
}
