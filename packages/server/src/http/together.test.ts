import { expect, test } from 'vitest'
import { together } from './together.ts'

function given(atOnce: number) {
  const runs: { all: readonly string[]; end(failure?: Error): void }[] = []
  const ask = together<string, string>({
    groupOf: (one) => one.slice(0, 1),
    atOnce,
    run: (all) =>
      new Promise((resolve, reject) => {
        runs.push({ all, end: (failure) => (failure ? reject(failure) : resolve(all.map((one) => one.toUpperCase()))) })
      }),
  })
  const turn = () => new Promise((resume) => setImmediate(() => setImmediate(resume)))
  return { ask, runs, turn }
}

test('those of one turn go together by group and hear their own answer', async () => {
  const { ask, runs, turn } = given(1)
  const answers = Promise.all(['a1', 'b1', 'a2'].map(ask))
  await turn()
  expect(runs.map(({ all }) => all)).toEqual([['a1', 'a2'], ['b1']])
  for (const { end } of runs) end()
  expect(await answers).toEqual(['A1', 'B1', 'A2'])
})

test('who comes while as much as may be is under way waits, and leaves with the others who waited', async () => {
  const { ask, runs, turn } = given(1)
  const first = ask('a1')
  await turn()
  const later = Promise.all([ask('a2'), ask('a3')])
  await turn()
  expect(runs.length).toBe(1)
  runs[0]?.end()
  expect(await first).toBe('A1')
  await turn()
  expect(runs[1]?.all).toEqual(['a2', 'a3'])
  runs[1]?.end()
  expect(await later).toEqual(['A2', 'A3'])
})

test('a failure is told to those who went with it and to nobody behind them', async () => {
  const { ask, runs, turn } = given(1)
  const failing = Promise.allSettled([ask('a1'), ask('a2')])
  await turn()
  const next = ask('a3')
  runs[0]?.end(new Error('away'))
  expect((await failing).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  await turn()
  runs[1]?.end()
  expect(await next).toBe('A3')
})
