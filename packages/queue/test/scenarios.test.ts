// Every directed scenario on the ring and on the oracle, one database each.
import { afterAll, beforeAll, test } from 'vitest'
import { type Engine, openEngine } from './harness.ts'
import { BOTH, type Pair } from './model/world.ts'
import { SCENARIOS, type Scenario } from './scenarios.ts'

let engines: Pair<Engine>

beforeAll(async () => {
  const [ring, oracle] = await Promise.all(BOTH.map((which) => openEngine(which, { sessions: 3 })))
  engines = { ring, oracle } as Pair<Engine>
})
afterAll(() => Promise.all(BOTH.map((which) => engines[which].close())))

for (const scenario of Object.values<Scenario>(SCENARIOS))
  test(scenario.says, async () => {
    for (const which of BOTH) {
      await engines[which].empty()
      await scenario.play(engines[which])
    }
  })
