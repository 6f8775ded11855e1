// The hosted inbox: eight workers from claim to ack; and a revocation under load, from its call to the last write that was let through.
import { hammer } from '../tasks/load.ts'
import { expect, type Run, type Stage, stage, TEXT } from './rig.ts'

const WORKERS = 8
const GRANTS = 40

export async function claims(run: Run): Promise<void> {
  const { slug, grants } = await stage(run, GRANTS)
  const count = run.quick ? 1_500 : 20_000
  let left = count
  await hammer(32, 600, async () => {
    if (left-- <= 0) return false
    const { call } = grants[left % GRANTS] as Stage['grants'][number]
    expect(202, await call('POST', `/agents/${slug}/threads`, { text: TEXT }))
    return true
  })
  const seen = new Set<string>()
  let twice = 0
  const before = run.bench.cpuMs()
  const started = performance.now()
  await Promise.all(
    Array.from({ length: WORKERS }, async () => {
      for (;;) {
        const { body } = expect(200, await run.bench.agent('POST', `/agents/${slug}/inbox/claim`, { limit: 50 }))
        const all = body.data as { message: { id: string }; claim_token: string }[]
        if (all.length === 0 && seen.size >= count) return
        for (const { message } of all) {
          if (seen.has(message.id)) twice++
          seen.add(message.id)
        }
        if (all.length > 0)
          expect(
            200,
            await run.bench.agent(
              'POST',
              `/agents/${slug}/inbox/settle`,
              all.map(({ claim_token }) => ({ claim_token, action: 'ack' })),
            ),
          )
      }
    }),
  )
  const perSecond = (seen.size / (performance.now() - started)) * 1000
  run.say({ metric: 'claim to ack, 8 workers', unit: '1/s', ours: perSecond, goal: '>= 1500', met: perSecond >= 1_500 })
  const cpu = (run.bench.cpuMs() - before) / seen.size
  run.say({ metric: 'claim to ack, processor time of the server a message', unit: 'ms', ours: cpu, goal: null, met: null })
  run.say({ metric: 'messages claimed twice', unit: 'messages', ours: twice, goal: '= 0', met: twice === 0 })
}
