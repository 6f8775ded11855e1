// What every row of the proxy's benchmark stands on: the service, the control plane, two enrolled proxies and one run, each a process of its own. Everything is gone after
// `close`, however it came to it.
import { makeAuthority } from '../../packages/server/src/proxy/testing/authority.ts'
import type { HouseKeys, HouseProcess } from './house.ts'
import type { Way } from './load.ts'
import type { NodeProcess } from './node.ts'
import type { Peer } from './peer.ts'
import { openPart, type Part, type Process } from './remote.ts'
import type { Upstream } from './upstream.ts'

export const HOST = 'api.acme.example'
export const MANY = 'many.example'
/** How long the provider of the storm takes to renew a token. */
export const PROVIDER_MS = 300

export type Proxy = { part: Part<NodeProcess>; port: number }
export type Rig = {
  upstream: { part: Part<Upstream>; port: number; ca: string }
  house: Part<HouseProcess>
  keys: HouseKeys
  proxies: [Proxy, Proxy]
  run: { id: string; token: string; ca: string }
  /** Straight, and through the first proxy. */
  direct: Way
  ours: Way
  /** Started when somebody compares with it. */
  mockttp(): Promise<Way>
  close(): Promise<void>
}

export async function openRig(nodeFlags: readonly string[] = []): Promise<Rig> {
  const parts: { part: Process }[] = []
  const close = async () => {
    for (const { part } of parts.splice(0).reverse()) await part.stop()
  }
  const started = <P extends { part: Process }>(part: P): P => {
    parts.push(part)
    return part
  }
  try {
    const origin = await makeAuthority('bench-origin')
    const upstream = started(openPart<Upstream>('./upstream.ts'))
    const port = await upstream.start(await origin.issue([HOST, `*.${MANY}`, 'localhost']))
    const house = started(openPart<HouseProcess>('./house.ts'))
    const tokenPort = await upstream.tokens({ ms: PROVIDER_MS })
    const keys = await house.open({ port, ca: origin.certificate, tokenPort })
    const proxy = async (name: string, replica: 0 | 1, flags: readonly string[] = []): Promise<Proxy> => {
      const given = await house.node({ name, replica, settings: { COUNTERSIGN_PROXY_STREAMS_PER_RUN: '5000' } })
      const part = started(openPart<NodeProcess>('./node.ts', flags))
      return { part, port: await part.start(given) }
    }
    const proxies: [Proxy, Proxy] = [await proxy('bench-1', 0, nodeFlags), await proxy('bench-2', 1)]
    await house.tellProxy(`http://127.0.0.1:${proxies[0].port}`)
    const run = await house.run()
    const direct: Way = { host: HOST, upstream: port, ca: origin.certificate }
    let peer: Promise<Way> | null = null
    const startPeer = async (): Promise<Way> => {
      const runs = await makeAuthority('bench-peer')
      const part = started(openPart<Peer>('./peer.ts'))
      const authority = { certificate: runs.certificate, key: runs.key.reveal() }
      const to = await part.start({ authority, ca: origin.certificate })
      return { host: 'localhost', upstream: port, ca: runs.certificate, proxy: { port: to, token: '' } }
    }
    return {
      ...{ upstream: { part: upstream, port, ca: origin.certificate }, house, keys, proxies, run, direct },
      ours: { host: HOST, upstream: port, ca: run.ca, proxy: { port: proxies[0].port, token: run.token } },
      mockttp() {
        peer ??= startPeer()
        return peer
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
