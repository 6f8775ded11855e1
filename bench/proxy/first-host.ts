// From CONNECT to the first byte of the answer, for hosts that this process has never seen: name, dial, TLS to the service, leaf, TLS to the client. A run may meet only
// so many new names a second (V119), so the hosts are shared among runs whose authority has signed before.
import { percentile } from '../figure.ts'
import { askOnce } from './client.ts'
import { MANY, type Rig } from './rig.ts'
import type { Options } from './rows.ts'

const A_RUN = 18

export async function firstHost(rig: Rig, { quick, say }: Options): Promise<void> {
  const hosts = quick ? 36 : 200
  const took: number[] = []
  for (let i = 0; i < hosts; ) {
    const run = await rig.house.run()
    const way = { ...rig.ours, ca: run.ca, proxy: { port: rig.proxies[0].port, token: run.token } }
    await askOnce(way, '/v1/warm')
    for (const end = Math.min(hosts, i + A_RUN); i < end; i++) {
      const began = performance.now()
      const { status, firstByteAt } = await askOnce({ ...way, host: `h${i}.${MANY}` }, '/v1/first')
      if (status !== 200) throw new Error(`A new host was answered ${status}.`)
      took.push(firstByteAt - began)
    }
  }
  const p95 = percentile(took, 0.95)
  const direct: number[] = []
  for (let i = 0; i < 20; i++) {
    const began = performance.now()
    direct.push((await askOnce(rig.direct, '/v1/first')).firstByteAt - began)
  }
  say({
    ...{ bench: 'proxy-first-host', metric: `CONNECT to first byte, ${hosts} hosts never seen, p95`, unit: 'ms', ours: p95 },
    ...{ peer_name: 'direct', peer: percentile(direct, 0.95), goal: '<= 15', met: p95 <= 15 },
  })
}
