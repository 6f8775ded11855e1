// One job in this process, without a worker around it: for tests and for functions that end. Claims nothing and stores nothing.
import { Attempt, type AttemptHouse, type Keeper } from './attempt.ts'
import { runBatch } from './batch.ts'
import { Held } from './claim.ts'
import { makeDeadlines } from './deadline.ts'
import type { Kind } from './kind.ts'
import type { HandedJob, Result } from './sql.ts'

/** One job in this process, without a worker around it: what becomes of it, for whoever claimed it to store. */
export function runAlone(house: AttemptHouse, kind: Kind, job: HandedJob, token: string): Promise<Result | null> {
  return new Promise((resolve) => {
    const deadlines = makeDeadlines<Attempt>(house.clock)
    const held = Held.ofRow(job, token, performance.now())
    const keeper: Keeper = {
      settle(_, ending) {
        deadlines.close()
        resolve(ending === undefined ? { ...held.fence, outcome: 'completed' } : ending)
      },
      returned: () => undefined,
    }
    const attempt = new Attempt(house, kind, held, keeper, held.heldAt)
    if (held.deadlineInMs !== null) deadlines.watch(attempt, held.deadlineInMs, held.heldAt)
    if (kind.batch) void runBatch(kind, [attempt], house.log)
    else attempt.begin((given, ctx) => kind.run(given, ctx))
  })
}
