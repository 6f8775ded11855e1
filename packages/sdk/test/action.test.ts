// Proposed calls through the in-memory server: what comes back is what a person decided, with its types.
import { expect, test } from 'vitest'
import { z } from 'zod'
import { approve, propose, verdictOf } from '../src/index.ts'
import { testServer } from '../src/testing/index.ts'

const Refund = z.object({ order: z.number(), amount: z.number().max(500) })
const proposed = (server: ReturnType<typeof testServer>) => ({
  ...server.through,
  name: 'refund',
  args: { order: 1042, amount: 240 },
  argsSchema: Refund,
  timeout: '2h' as const,
})

test('T135 T47 an action comes back accepted with its arguments, edited with others, answered, ignored or denied', async () => {
  const server = testServer()
  const ways = [
    [{ type: 'accept' }, { type: 'accept', args: { order: 1042, amount: 240 }, reason: null }],
    [
      { type: 'edit', args: { order: 1042, amount: 99.5 } },
      { type: 'edit', args: { order: 1042, amount: 99.5 }, reason: null },
    ],
    [
      { type: 'respond', response: { message: 'ask Ann' } },
      { type: 'respond', response: { message: 'ask Ann' }, reason: null },
    ],
    [{ type: 'ignore' }, { type: 'ignore', reason: null }],
    [
      { type: 'deny', reason: 'too much' },
      { type: 'deny', reason: 'too much' },
    ],
  ] as const
  for (const [answer, verdict] of ways) {
    server.answerNext(answer)
    const options = { ...proposed(server), allow: ['accept', 'edit', 'respond', 'ignore', 'deny'] as const, run: answer.type }
    expect(await approve({ ...options, allow: [...options.allow] })).toEqual(verdict)
  }
  expect(server.questions[0]).toMatchObject({
    task: 'May I run refund?',
    action: { name: 'refund', args_schema: { type: 'object' } },
  })
})

test('T45 arguments that their type does not take are refused where the person edits them, and by the asking side once more', async () => {
  const server = testServer()
  const handle = await propose(proposed(server))
  await expect(server.answerNext({ type: 'edit', args: { order: 1042, amount: 900 } })).rejects.toMatchObject({
    code: 'args_invalid',
    errors: [{ path: '/args/amount' }],
  })
  const [task] = server.questions
  await server.person.tasks.decide(handle.id, {
    type: 'edit',
    args: { order: 1, amount: 2 },
    seen_revision: task?.revision as number,
  })
  const strict = Refund.extend({ amount: z.number().min(5) })
  await expect(verdictOf(handle, { argsSchema: strict })).rejects.toMatchObject({ code: 'response_invalid' })
})

test('T24 T135 the same call of one run is one question; another run, or another amount, is another', async () => {
  const server = testServer()
  const first = await propose({ ...proposed(server), run: 'a' })
  expect((await propose({ ...proposed(server), run: 'a' })).id).toBe(first.id)
  expect((await propose({ ...proposed(server), run: 'b' })).id).not.toBe(first.id)
  expect((await propose({ ...proposed(server), run: 'a', args: { order: 1042, amount: 241 } })).id).not.toBe(first.id)
})

test('T33 a deadline that denies gives a denial, and one that escalates gives more time first', async () => {
  const server = testServer()
  // biome-ignore lint/suspicious/noThenProperty: the wire's word for what comes after
  const onTimeout = { escalate: { assign_to: null, extra_seconds: 600, then: 'deny' as const } }
  const handle = await propose({ ...proposed(server), timeout: '1m', onTimeout: onTimeout as never })
  await server.clock.advance(61_000)
  expect(server.questions[0]).toMatchObject({ status: 'open', escalation_level: 1 })
  await server.clock.advance(601_000)
  expect(await verdictOf(handle, {})).toEqual({ type: 'deny', reason: null })
})
