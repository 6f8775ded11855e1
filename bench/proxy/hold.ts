// From the click of whoever agrees to the request at the service: the socket of the agent waits all the while (V104).
import { percentile } from '../figure.ts'
import { askOnce } from './client.ts'
import type { Rig } from './rig.ts'
import type { Options } from './rows.ts'

export async function hold(rig: Rig, { quick, say }: Options): Promise<void> {
  const trials = quick ? 4 : 50
  const took: number[] = []
  for (let i = 0; i < trials; i++) {
    const answered = askOnce(rig.ours, `/v1/held/${crypto.randomUUID()}`, {
      method: 'POST',
      headers: { 'Content-Length': '0', 'Countersign-Wait': '60' },
    })
    answered.catch(() => undefined)
    const clicked = await rig.house.approveNext()
    const { status, body } = await answered
    if (status !== 200) throw new Error(`An approved request was answered ${status}: ${body}`)
    took.push((await rig.upstream.part.seen()).lastAt - clicked)
  }
  const p50 = percentile(took, 0.5)
  say({
    ...{ bench: 'hold', metric: `approval to request at the service, p50 of ${trials}`, unit: 'ms', ours: p50 },
    ...{ peer_name: null, peer: null, goal: '<= 100', met: p50 <= 100 },
  })
}
