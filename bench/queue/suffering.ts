// B8: the chaos as a figure. The arena and its faults are those of test/chaos; here are their lengths, and what share of the clean rate is back when.
import { openArena } from '../../test/chaos/arena.ts'
import { settleAccounts, suffer } from '../../test/chaos/chaos.ts'
import { backends, exhaustion, type Fault, killLeader, killWorkers, restart } from '../../test/chaos/faults.ts'
import { alone, type Run, type Scenario } from './scenario.ts'

const BACK_MS = 30_000

export const b8: Scenario = {
  name: 'B8',
  title: 'chaos: restart, backends ended, connections exhausted, workers killed',
  async perform(run) {
    const arena = await openArena({
      workers: 3,
      perSecond: run.quick ? 200 : 800,
      concurrency: 32,
      handlerMs: 2,
      heartbeat: '5s',
      lostAfter: '15s',
      deadline: '20s',
      settings: { max_connections: '200' },
    })
    try {
      for (const fault of [restart, backends, exhaustion, killLeader, killWorkers]) await measure(run, arena, fault)
      const { lost, settledTwice, strange, accepted, ranAgain } = await settleAccounts(arena)
      const wrong = lost.length + settledTwice.length + strange.length + arena.died.length
      run.say({
        metric: `B8 jobs lost or settled twice of ${accepted} (${ranAgain} ran again and were settled once)`,
        unit: 'jobs',
        ours: wrong,
        ...alone,
        goal: '<= 0',
        meets: wrong === 0,
      })
      if (wrong > 0) throw new Error(`B8: ${[...lost, ...settledTwice, ...strange, ...arena.died].slice(0, 10).join(', ')}`)
    } finally {
      await arena.close()
    }
  },
}

async function measure(run: Run, arena: Awaited<ReturnType<typeof openArena>>, fault: Fault): Promise<void> {
  const lengths = { cleanMs: run.ms(30_000, 1_000), faultMs: run.ms(60_000, 2_000), afterMs: run.ms(60_000, 1_000) }
  const { recoveredMs, clean, after } = await suffer(arena, fault, lengths)
  const share = after / clean
  run.say({
    metric: `B8 rate after the fault, of the clean rate: ${fault.name}`,
    unit: 'share',
    ours: share,
    ...alone,
    goal: '>= 0.98',
    meets: share >= 0.98 && recoveredMs <= BACK_MS,
  })
  run.say({
    metric: `B8 until all accepted before is settled: ${fault.name}`,
    unit: 'ms',
    ours: recoveredMs,
    ...alone,
    goal: `<= ${BACK_MS}`,
    meets: recoveredMs <= BACK_MS,
  })
}
