// How soon a revoked grant is over everywhere: from the call that revokes it to the first denial, on the slower of two proxy processes that are asked without a pause.
import type { Socket } from 'node:net'
import { percentile } from '../figure.ts'
import { ask, drop } from './client.ts'
import { reach, type Way } from './load.ts'
import type { Rig } from './rig.ts'
import type { Options } from './rows.ts'

const GIVE_UP_MS = 20_000

export async function revocation(rig: Rig, { quick, say }: Options): Promise<void> {
  const trials = quick ? 3 : 200
  const { connectionId } = rig.keys
  const ways: Way[] = rig.proxies.map(({ port }) => ({ ...rig.ours, proxy: { port, token: rig.run.token } }))
  const took: number[] = []
  for (let i = 0; i < trials; i++) {
    const sockets = await Promise.all(ways.map(reach))
    try {
      await Promise.all(sockets.map((socket, n) => until(socket, ways[n] as Way, 200)))
      const [grant] = await rig.house.grantsOf(connectionId)
      if (grant === undefined) throw new Error('Nothing is granted.')
      const began = performance.now()
      const revoked = rig.house.revoke(grant)
      const denied = await Promise.all(sockets.map((socket, n) => until(socket, ways[n] as Way, 403)))
      await revoked
      took.push(Math.max(...denied) - began)
    } finally {
      for (const socket of sockets) drop(socket)
      await rig.house.grant(connectionId)
    }
  }
  for (const way of ways) {
    const socket = await reach(way)
    await until(socket, way, 200)
    drop(socket)
  }
  const most = Math.max(...took)
  const said = { bench: 'revocation', unit: 'ms', peer_name: null, peer: null }
  say({
    ...said,
    ...{
      metric: `revoking call to first denial on two proxies, most of ${trials}`,
      ours: most,
      goal: '<= 1000',
      met: most <= 1_000,
    },
  })
  say({
    ...said,
    metric: `revoking call to first denial on two proxies, p50`,
    ours: percentile(took, 0.5),
    goal: null,
    met: null,
  })
}

/** Asks again and again until the answer is this one; when it came. */
async function until(socket: Socket, way: Way, status: number): Promise<number> {
  const end = performance.now() + GIVE_UP_MS
  for (;;) {
    const answer = await ask(socket, way, '/v1/things')
    if (answer.status === status) return performance.now()
    if (performance.now() > end) throw new Error(`Still ${answer.status} after ${GIVE_UP_MS} ms: ${answer.body}`)
  }
}
