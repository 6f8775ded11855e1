// A node that waits for people while its gate comes and goes. What the gate answers is this test's.
import { Problem } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { movableClock } from '#harness'
import type { Judged } from '../decide/judge.ts'
import { connection, definition, GRANT, view } from '../decide/testing/view.fixture.ts'
import type { AskParams, AskResult } from '../gate/wire.ts'
import type { AskedRequest } from '../gatekeeper.ts'
import { type HoldPort, holdRequest } from './hold.ts'

const ANSWER: AskResult = {
  ...{ hold_id: 'hld_1', task_id: 'task_1', task_url: 'https://x.example/tasks/task_1', digest: 'd' },
  ...{ expires_at: '2031-01-01T00:00:00.000Z', state: 'open' },
}
const unreachable = (): Problem => new Problem('control_unreachable', { retry_after: 1 })

/** `answers`: one for each time that the gate is asked; the last one stays. */
function waiting(
  answers: (AskResult['state'] | Problem)[],
  more: { wait?: string; runWaitMs?: number; signal?: AbortSignal } = {},
) {
  const clock = movableClock(async () => undefined)
  const asked: AskParams[] = []
  const one = connection('a', definition('a', [{ host: 'api.example.com' }]))
  const policy = { outcome: 'ask' as const, policy_ids: [], policy_version: 1, reason: 'asked' as const }
  const judged: Extract<Judged, { outcome: 'ask' | 'allow' }> = {
    ...{
      outcome: 'ask',
      facts: { values: {}, missing: new Map() },
      rpc: null,
      mcp: false,
      policy,
      body: undefined,
      cached: false,
    },
    use: { connection: one, grant: GRANT, effect: 'ask', minting: false },
  }
  const request: AskedRequest = {
    ...{ id: 'req_1', scheme: 'https', host: 'api.example.com', port: 443, method: 'POST', path: '/', query: '' },
    ...{
      headers: more.runWaitMs === undefined ? [['countersign-wait', more.wait ?? '50']] : [],
      protocol: 'http/1.1',
      clientAddress: '127.0.0.1',
    },
    body: async () => Buffer.from('x'),
    signal: more.signal ?? new AbortController().signal,
  }
  const port: HoldPort = {
    async ask(params) {
      asked.push(params)
      const next = answers.length > 1 ? answers.shift() : answers[0]
      if (next instanceof Problem) throw next
      return { ...ANSWER, state: next as AskResult['state'] }
    },
    spend: async () => true,
  }
  const answer = holdRequest(
    port,
    { body: 1_048_576, defaultWaitMs: 50_000 },
    { view: view([one], { waitMs: more.runWaitMs ?? null }), request, judged, clock },
  )
  const codeOf = async () => {
    const found = await answer.catch((error: unknown) => error as Problem)
    return found instanceof Problem ? found.code : found
  }
  return { clock, asked, codeOf }
}

const askedAtLeast = (asked: readonly unknown[], times: number) =>
  expect.poll(() => asked.length, { timeout: 20_000, interval: 10 }).toBeGreaterThanOrEqual(times)

test('§10.2 a gate that is killed while people are asked is asked again, and what they agreed to goes out', async () => {
  const { clock, asked, codeOf } = waiting([unreachable(), unreachable(), 'agreed'])
  const found = codeOf()
  for (const times of [1, 2]) {
    await askedAtLeast(asked, times)
    await clock.advance('1s')
  }
  expect(await found).toMatchObject({ holdId: 'hld_1', taskId: 'task_1' })
  expect(asked.map(({ waited_ms }) => waited_ms >= 0)).toEqual([true, true, true])
})

test('§10.2 a gate that stays away is heard when the time to wait is over', async () => {
  expect(await waiting([unreachable()], { wait: '0' }).codeOf()).toBe('control_unreachable')
})

test('V104 a gate that does not wait itself is asked each second, until the time is over', async () => {
  const { clock, asked, codeOf } = waiting(['open'], { wait: '2' })
  const found = codeOf()
  for (let second = 1; second <= 2; second++) {
    await askedAtLeast(asked, second)
    await clock.advance('1s')
  }
  expect(await found).toBe('approval_pending')
})

test('V104 V126 a request that does not say how long it waits waits as long as its run was told to', async () => {
  const { asked, codeOf } = waiting(['refused'], { runWaitMs: 7_000 })
  expect(await codeOf()).toBe('human_denied')
  expect(asked.map(({ wait_ms }) => wait_ms)).toEqual([7_000])
})

test('§10.2 a client that has gone uses no approval', async () => {
  const gone = AbortSignal.abort()
  expect(await waiting(['agreed'], { signal: gone }).codeOf()).toBe('approval_pending')
})
