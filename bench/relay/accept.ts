// Accepted messages a second, each committed before its 202 and each with an Idempotency-Key: half starts, half follow-ups, over 200 relay grants. First of callers without an
// account, then of agents of one other tenant, where each message is judged on both sides and told in both records.
import { percentile } from '../figure.ts'
import { hammer } from '../tasks/load.ts'
import { expect, type Run, type Stage, stage, TEXT } from './rig.ts'

const CONNECTIONS = 48
const GRANTS = 200

export async function accept(run: Run): Promise<void> {
  const strangers = await rate(run, await stage(run, GRANTS))
  run.say({
    metric: 'accept, messages',
    unit: '1/s',
    ours: strangers.perSecond,
    goal: '>= 1200',
    met: strangers.perSecond >= 1_200,
  })
  run.say({ metric: 'accept p99', unit: 'ms', ours: strangers.p99, goal: null, met: null })
  run.say({ metric: 'accept, processor time of the server a message', unit: 'ms', ours: strangers.cpu, goal: null, met: null })
  const agents = await rate(run, await stage(run, GRANTS, undefined, 'agents'))
  run.say({ metric: 'accept, messages of agents of another tenant', unit: '1/s', ours: agents.perSecond, goal: null, met: null })
  run.say({ metric: 'accept p99, agents of another tenant', unit: 'ms', ours: agents.p99, goal: null, met: null })
  run.say({
    ...{ metric: 'accept, processor time of the server a message, agents of another tenant', unit: 'ms', ours: agents.cpu },
    ...{ goal: null, met: null },
  })
}

async function rate(run: Run, { slug, grants }: Stage): Promise<{ perSecond: number; p99: number; cpu: number }> {
  const threads: { at: number; id: string }[] = []
  let turn = 0
  const act = async () => {
    const n = turn++
    const known = n % 2 === 0 ? undefined : threads[Math.floor(n / 2) % Math.max(1, threads.length)]
    const at = known?.at ?? n % GRANTS
    const { call } = grants[at] as Stage['grants'][number]
    const path = known ? `/threads/${known.id}/messages` : `/agents/${slug}/threads`
    const answer = expect(202, await call('POST', path, { text: TEXT }, { 'idempotency-key': crypto.randomUUID() }))
    if (!known) threads.push({ at, id: String(answer.body.thread_id) })
    return true
  }
  await hammer(CONNECTIONS, 1, act)
  const before = run.bench.cpuMs()
  const { perSecond, latencies } = await hammer(CONNECTIONS, run.quick ? 5 : 60, act)
  return { perSecond, p99: percentile(latencies, 0.99), cpu: (run.bench.cpuMs() - before) / latencies.length }
}
