// Accepted messages a second, each committed before its 202: half starts, half follow-ups, over 200 relay grants; and what a revocation costs under that load.
import { percentile } from '../figure.ts'
import { hammer } from '../tasks/load.ts'
import { expect, type Run, type Stage, stage, TEXT } from './rig.ts'

const CONNECTIONS = 48
const GRANTS = 200

export async function accept(run: Run): Promise<void> {
  const { slug, grants } = await stage(run, GRANTS)
  const threads: { at: number; id: string }[] = []
  let turn = 0
  const act = async () => {
    const n = turn++
    const known = n % 2 === 0 ? undefined : threads[Math.floor(n / 2) % Math.max(1, threads.length)]
    const at = known?.at ?? n % GRANTS
    const { call } = grants[at] as Stage['grants'][number]
    const path = known ? `/threads/${known.id}/messages` : `/agents/${slug}/threads`
    const answer = expect(202, await call('POST', path, { text: TEXT }))
    if (!known) threads.push({ at, id: String(answer.body.thread_id) })
    return true
  }
  await hammer(CONNECTIONS, 1, act)
  const before = run.bench.cpuMs()
  const { perSecond, latencies } = await hammer(CONNECTIONS, run.quick ? 5 : 60, act)
  const cpu = (run.bench.cpuMs() - before) / latencies.length
  run.say({ metric: 'accept, messages', unit: '1/s', ours: perSecond, goal: '>= 1200', met: perSecond >= 1_200 })
  run.say({ metric: 'accept p99', unit: 'ms', ours: percentile(latencies, 0.99), goal: null, met: null })
  run.say({ metric: 'accept, processor time of the server a message', unit: 'ms', ours: cpu, goal: null, met: null })
}
