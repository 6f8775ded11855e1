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
  const both = (status: number): Promise<number[]> => Promise.all(ways.map((way) => until(way, status)))
  for (let i = 0; i < trials; i++) {
    await both(200)
    const [grant] = await rig.house.grantsOf(connectionId)
    if (grant === undefined) throw new Error('Nothing is granted.')
    const began = performance.now()
    const revoked = rig.house.revoke(grant)
    try {
      took.push(Math.max(...(await both(403))) - began)
      await revoked
    } finally {
      await rig.house.grant(connectionId)
    }
  }
  await both(200)
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

/** Asks again and again, on a new connection where one was cut in the middle of an answer, until the answer is this one; when it came. */
async function until(way: Way, status: number): Promise<number> {
  const end = performance.now() + GIVE_UP_MS
  let socket: Socket | null = null
  let last = 'nothing'
  try {
    while (performance.now() < end) {
      socket ??= await reach(way)
      const answer = await ask(socket, way, '/v1/things').catch(() => null)
      if (answer?.status === status) return answer.firstByteAt
      last = answer ? `${answer.status} ${answer.body}` : 'a cut'
      if (!answer) socket = null
    }
    throw new Error(`Still no ${status} after ${GIVE_UP_MS} ms, but ${last}`)
  } finally {
    if (socket) drop(socket)
  }
}
