// Q81: the harness is itself tested. A few mutants in the suite, others each time; all of them with PROPERTY_MUTANTS=all.
import { expect, test } from 'vitest'
import { type Engine, openEngine } from './harness.ts'
import { MUTANTS, type Mutant, mutate, Rotten } from './mutants.ts'
import { SCENARIOS } from './scenarios.ts'

const FEW = 6

test('Q81 there are at least twenty mutants, and each finds the words that it replaces', async () => {
  expect(MUTANTS.length).toBeGreaterThanOrEqual(20)
  expect(new Set(MUTANTS.map((one) => one.name)).size).toBe(MUTANTS.length)
  const engine = await openEngine('ring', { sessions: 1 })
  // Each into the untouched functions: what one replaced another may need.
  const rotten: string[] = []
  for (const mutant of MUTANTS) {
    await engine.look('begin')
    try {
      await mutate(engine, mutant)
    } catch (error) {
      if (!(error instanceof Rotten)) throw error
      rotten.push(error.message)
    }
    await engine.look('rollback')
  }
  expect(rotten).toEqual([])
})

test('Q81 a fault in a function is found by its scenario', async () => {
  const all = process.env.PROPERTY_MUTANTS === 'all'
  const first = Math.floor(Date.now() / 60_000)
  const mutants = all ? MUTANTS : Array.from({ length: FEW }, (_, n) => MUTANTS[(first * FEW + n) % MUTANTS.length] as Mutant)
  const engine = await openEngine('ring', { sessions: 3 })
  const survived: string[] = []
  for (const mutant of mutants) {
    const began = performance.now()
    const found = await tryOut(engine, mutant)
    process.stdout.write(`mutant: ${mutant.name}: ${found ?? 'SURVIVED'} (${Math.round(performance.now() - began)} ms)\n`)
    if (found === null || performance.now() - began > 120_000) survived.push(mutant.name)
  }
  expect(survived).toEqual([])
}, 600_000)

/** What broke, null when nothing did. */
async function tryOut(engine: Engine, mutant: Mutant): Promise<string | null> {
  const restore = await mutate(engine, mutant)
  try {
    await SCENARIOS[mutant.caughtBy].play(engine)
    return null
  } catch (error) {
    return (error as Error).message.slice(0, 120)
  } finally {
    await restore()
    await engine.empty()
  }
}
