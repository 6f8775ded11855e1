import { describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import * as z3 from 'zod/v3'
import { ask, awaitHuman, resume, wait } from './await-human.ts'
import {
  Aborted,
  KeyReused,
  PayloadInvalid,
  ResponseInvalid,
  SchemaNotConvertible,
  TaskCancelled,
  TaskDenied,
  TaskNotFound,
  TaskTimedOut,
  TimeoutOutOfRange,
  VerificationExhausted,
} from './errors.ts'
import { Problem } from './problem.ts'
import type { AskOptions } from './question.ts'
import { testServer } from './testing/index.ts'

const Refund = z.object({ approved: z.boolean(), note: z.string().max(500).optional() })
const refund = { task: 'Refund order 1042?', payload: { order: 1042, amount: 240 }, response: Refund, timeout: '2h' } as const

describe('asking', () => {
  test('T134 T141 the answer has the type that was asked for', async () => {
    const server = testServer()
    void server.answerNext({ approved: true, note: 'fine' })
    const answer = await awaitHuman({ ...server.through, ...refund })
    expectTypeOf(answer).toEqualTypeOf<{ approved: boolean; note?: string | undefined }>()
    expect(answer).toEqual({ approved: true, note: 'fine' })
    expect(server.questions).toMatchObject([
      { task: 'Refund order 1042?', payload: { order: 1042, amount: 240 }, timeout_seconds: 7200 },
    ])
  })

  test('T134 types come from Zod 3 and from the caller too', async () => {
    const server = testServer()
    void server.answerNext({ n: 3 })
    const three = await awaitHuman({ ...server.through, task: 'a', response: z3.object({ n: z3.number() }), timeout: 10_000 })
    expectTypeOf(three).toEqualTypeOf<{ n: number }>()
    void server.answerNext({ n: 4 })
    const plain = await awaitHuman<{ n: number }>({ ...server.through, task: 'b', response: { type: 'object' }, timeout: 10_000 })
    expectTypeOf(plain).toEqualTypeOf<{ n: number }>()
    void server.answerNext({ n: 5 })
    const unknown = await awaitHuman({ ...server.through, task: 'c', response: { type: 'object' }, timeout: 10_000 })
    expectTypeOf(unknown).toEqualTypeOf<unknown>()
    expect([three, plain, unknown]).toEqual([{ n: 3 }, { n: 4 }, { n: 5 }])
  })

  test('T134 options mirror the task, and what is left out is not sent', async () => {
    const server = testServer()
    const deadlineAt = new Date(server.clock.now().getTime() + 60_000)
    await ask({
      ...server.through,
      task: 'a',
      response: Refund,
      deadlineAt,
      onTimeout: 'deny',
      priority: 'urgent',
      tags: ['x'],
      idempotencyKey: 'mine',
    })
    expect(server.questions[0]).toMatchObject({
      deadline_at: deadlineAt.toISOString(),
      on_timeout: 'deny',
      priority: 'urgent',
      tags: ['x'],
      idempotency_key: 'mine',
      key_reuse: 'forever',
    })
  })

  test('T24 T26 without a key the SDK makes one that is free once its answer was collected', async () => {
    const server = testServer()
    void server.answerNext({ approved: true })
    await awaitHuman({ ...server.through, ...refund })
    expect(server.questions[0]).toMatchObject({
      idempotency_key: expect.stringMatching(/^auto:[0-9a-f]{32}$/),
      key_reuse: 'until_collected',
    })
    void server.answerNext({ approved: false })
    expect(await awaitHuman({ ...server.through, ...refund })).toEqual({ approved: false })
    expect(server.questions).toHaveLength(2)
  })

  test('T2 asked again before the answer, it is the same task; with another run it is not', async () => {
    const server = testServer()
    const first = await ask({ ...server.through, ...refund })
    const second = await ask({ ...server.through, ...refund })
    const third = await ask({ ...server.through, ...refund, run: 'two' })
    expect(second.id).toBe(first.id)
    expect(third.id).not.toBe(first.id)
    void server.answerNext({ approved: true })
    expect(await Promise.all([first.wait(), second.wait()])).toEqual([{ approved: true }, { approved: true }])
  })

  test('T24 an answer under a chosen key is returned for ever', async () => {
    const server = testServer()
    void server.answerNext({ approved: true })
    const asked = { ...server.through, ...refund, idempotencyKey: 'refund-1042' }
    expect([await awaitHuman(asked), await awaitHuman(asked)]).toEqual([{ approved: true }, { approved: true }])
    expect(server.questions).toHaveLength(1)
  })
})

describe('forms of use', () => {
  test('T135 a decision comes with its outcome, its people and the task', async () => {
    const server = testServer()
    void server.answerNext({ approved: true })
    const decision = await awaitHuman.decision({ ...server.through, ...refund })
    expectTypeOf(decision.response).toEqualTypeOf<{ approved: boolean; note?: string | undefined } | null>()
    expect(decision).toMatchObject({
      type: 'respond',
      outcome: 'answered',
      response: { approved: true },
      decisions: [{ display_name: 'A person' }],
      task: { status: 'completed' },
    })
  })

  test('T135 a handle knows id and url, waits, streams and cancels', async () => {
    const server = testServer()
    const handle = await ask({ ...server.through, ...refund })
    expect(handle.url).toBe(`http://countersign.test/tasks/${handle.id}`)
    const seen: string[] = []
    let opened: () => void = () => undefined
    const open = new Promise<void>((resolve) => {
      opened = resolve
    })
    const reading = (async () => {
      for await (const { event } of handle.stream({ onOpen: () => opened() })) {
        seen.push(event)
        return
      }
    })()
    await open
    expect((await handle.cancel('changed my mind')).status).toBe('cancelled')
    await reading
    expect(seen).toEqual(['task.cancelled'])
    const error: unknown = await handle.wait().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(TaskCancelled)
    expect(error).toMatchObject({ members: { detail: 'changed my mind' } })
  })

  test('T135 wait.any gives the first, wait.all gives every one in order', async () => {
    const server = testServer()
    const one = await ask({ ...server.through, task: 'one', response: z.object({ n: z.number() }), timeout: '1h' })
    const two = await ask({ ...server.through, task: 'two', response: z.object({ s: z.string() }), timeout: '1h' })
    const first = wait.any([one, two])
    const both = wait.all([one, two])
    await server.person.tasks.decide(two.id, { type: 'respond', response: { s: 'x' }, seen_revision: 1 })
    expect(await first).toMatchObject({ handle: { id: two.id }, answer: { s: 'x' } })
    await server.person.tasks.decide(one.id, { type: 'respond', response: { n: 1 }, seen_revision: 1 })
    const [a, b] = await both
    expectTypeOf(a).toEqualTypeOf<{ n: number }>()
    expectTypeOf(b).toEqualTypeOf<{ s: string }>()
    expect([a, b]).toEqual([{ n: 1 }, { s: 'x' }])
  })

  test('T135 resume comes back by id and by key', async () => {
    const server = testServer()
    const { id } = await ask({ ...server.through, ...refund, idempotencyKey: 'refund-1042' })
    const byKey = await resume('refund-1042', { ...server.through, response: Refund })
    const byId = await resume(id, { ...server.through, response: Refund })
    expectTypeOf(byId.wait).returns.resolves.toEqualTypeOf<{ approved: boolean; note?: string | undefined }>()
    void server.answerNext({ approved: true })
    expect([byKey.id, await byId.wait()]).toEqual([id, { approved: true }])
    await expect(resume('unknown', server.through)).rejects.toBeInstanceOf(TaskNotFound)
  })
})

describe('errors', () => {
  async function errorOf(more: Partial<AskOptions>, act?: (server: ReturnType<typeof testServer>) => unknown): Promise<Problem> {
    const server = testServer()
    const asked = ask({ ...server.through, ...refund, ...more } as AskOptions)
    const promise = asked.then((handle) => handle.wait())
    const caught = promise.then(
      () => new Error('it was answered'),
      (error: unknown) => error,
    )
    await asked.catch(() => undefined)
    await act?.(server)
    const error: unknown = await caught
    if (error instanceof Problem) return error
    throw error
  }

  test('T138 T33 nobody answers in time: it times out, or gives what the deadline was to mean', async () => {
    const late = await errorOf({}, (server) => server.clock.advance('121m'))
    expect(late).toBeInstanceOf(TaskTimedOut)
    expect(late).toMatchObject({
      code: 'task_timed_out',
      status: 0,
      taskId: expect.stringMatching(/^task_/),
      hint: expect.stringContaining('onTimeout'),
      docs: 'docs/errors.md#task_timed_out',
    })
    const server = testServer()
    const denied = await ask({ ...server.through, ...refund, onTimeout: 'deny' })
    await server.clock.advance('121m')
    expect(await denied.wait()).toEqual({ approved: false })
  })

  test('T138 a denial without an answer throws, but is a decision where the decision is asked for', async () => {
    const server = testServer()
    const handle = await ask({ ...server.through, ...refund })
    await server.answerNext('deny')
    const result = { ...(await server.client.tasks.poll(handle.id)), outcome: 'denied' as const, response: null }
    await expect(handle.settle(result)).rejects.toBeInstanceOf(TaskDenied)
    const answered: typeof fetch = async (input, init) =>
      String(input).includes('/poll') ? Response.json(result) : server.fetch(input, init)
    const again = await resume(handle.id, { ...server.through, fetch: answered, response: Refund })
    expect(await again.decision()).toMatchObject({ type: 'respond', outcome: 'denied', response: null })
  })

  test('T138 an answer that fails a refinement of the agent is named with its path', async () => {
    const response = z.object({ n: z.number().refine((n) => n % 2 === 0, 'must be even') })
    const error = await errorOf({ response, verifier: null }, (server) => server.answerNext({ n: 3 }))
    expect(error).toBeInstanceOf(ResponseInvalid)
    expect(error.errors).toEqual([{ path: '/n', code: 'invalid', message: 'must be even' }])
  })

  test('T129 A20 what only the agent’s own schema refuses goes back to the person, with the field, until an answer fits', async () => {
    const server = testServer()
    const response = z.object({ n: z.number().refine((n) => n % 2 === 0, 'must be even') })
    void server.answerNext({ n: 3 })
    void server.answerNext({ n: 4 })
    const answer = await awaitHuman({ ...server.through, task: 'How many?', response, timeout: '1h' })
    expect(answer).toEqual({ n: 4 })
    const [question] = server.questions
    expect(question).toMatchObject({ status: 'completed', verification_attempt: 1, verifier_config: { provider: 'agent' } })
    expect(question?.decisions.map(({ state }) => state)).toEqual(['returned', 'counted'])
  })

  test('T129 after the third refusal nobody is asked again', async () => {
    const response = z.object({ n: z.number().refine(() => false, 'never') })
    const error = await errorOf({ response }, (server) => {
      for (let i = 0; i < 3; i++) void server.answerNext({ n: i })
    })
    expect(error).toBeInstanceOf(VerificationExhausted)
  })

  test('T138 a payload that does not fit its schema, or is not JSON, is never sent', async () => {
    const wrong = await errorOf({ payload: { amount: 'x' }, payloadSchema: z.object({ amount: z.number() }) }, (server) =>
      expect(server.questions).toEqual([]),
    )
    expect(wrong).toBeInstanceOf(PayloadInvalid)
    expect(wrong.errors[0]?.path).toBe('/payload/amount')
    const odd = await errorOf({ payload: { amount: Number.POSITIVE_INFINITY } })
    expect(odd).toBeInstanceOf(PayloadInvalid)
    expect(odd.errors[0]?.path).toBe('/payload/amount')
  })

  test('T134 a schema that cannot be sent is never sent', async () => {
    expect(
      await errorOf({ response: z.object({ s: z.set(z.string()) }) }, (server) => expect(server.questions).toEqual([])),
    ).toBeInstanceOf(SchemaNotConvertible)
  })

  test.each([
    [{ timeout: 4_000 }],
    [{ timeout: '366d' }],
    [{ timeout: 'soon' }],
    [{ timeout: undefined }],
    [{ timeout: '1h', deadlineAt: new Date() }],
    [{ timeout: -1 }],
  ])('T138 a time of %j is out of range', async (times) => {
    expect(await errorOf(times)).toBeInstanceOf(TimeoutOutOfRange)
  })

  test('T138 a key that was used for another question names what differs', async () => {
    const server = testServer()
    await ask({ ...server.through, ...refund, idempotencyKey: 'k' })
    const error = await ask({ ...server.through, ...refund, idempotencyKey: 'k', payload: {} }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(KeyReused)
    expect(error).toMatchObject({ status: 422, members: { differs: ['payload'] }, requestId: expect.stringMatching(/^req_/) })
  })
})

describe('aborting', () => {
  test('T137 the signal ends the wait at once and leaves the task', async () => {
    const server = testServer()
    const stop = new AbortController()
    const handle = await ask({ ...server.through, ...refund })
    const waiting = handle.wait({ signal: stop.signal })
    stop.abort('enough')
    const error = await waiting.catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(Aborted)
    expect(error).toMatchObject({ cause: 'enough', taskId: handle.id })
    expect(server.questions[0]?.status).toBe('open')
    expect(await (error as Aborted).cancelled).toBe(false)
  })

  test('T137 at once, within 50 ms, even when the network hangs and does not listen', async () => {
    const server = testServer()
    let hanging = 0
    const deaf: typeof fetch = () => {
      hanging++
      return new Promise(() => undefined)
    }
    const stop = new AbortController()
    const handle = await ask({ ...server.through, ...refund })
    const held = await resume(handle.id, { ...server.through })
    const through = { ...server.through, fetch: deaf, signal: stop.signal }
    const waiting = [resume(handle.id, through), ask({ ...refund, ...through }), held.wait({ signal: stop.signal })]
    await expect.poll(() => hanging).toBe(2)
    stop.abort()
    const ended = await Promise.race([Promise.allSettled(waiting), turns().then(() => [])])
    expect(ended).toHaveLength(3)
    for (const { status, ...result } of ended) {
      expect(status).toBe('rejected')
      expect('reason' in result && result.reason).toBeInstanceOf(Aborted)
    }
  })

  test('T137 with onAbort cancel the task is withdrawn, also while it was being created', async () => {
    const server = testServer()
    const stop = new AbortController()
    const waiting = awaitHuman({ ...server.through, ...refund, signal: stop.signal, onAbort: 'cancel' })
    stop.abort()
    const error = (await waiting.catch((thrown: unknown) => thrown)) as Aborted
    expect(error).toBeInstanceOf(Aborted)
    expect(await error.cancelled).toBe(true)
    const handle = await ask({ ...server.through, ...refund, run: '2' })
    const again = new AbortController()
    const later = handle.wait({ signal: again.signal, onAbort: 'cancel' }).catch((thrown: unknown) => thrown as Aborted)
    again.abort()
    expect(await ((await later) as Aborted).cancelled).toBe(true)
    expect(server.questions.map(({ status }) => status)).toEqual(['cancelled', 'cancelled'])
  })
})

/** Over after some turns of the event loop: what is settled by then has waited for no timer and for no network, however slow the machine is. */
async function turns(): Promise<void> {
  for (let n = 0; n < 20; n++) await new Promise((resume) => setImmediate(resume))
}
