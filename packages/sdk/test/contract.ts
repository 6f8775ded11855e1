// What every server with this wire must do, asked through the client alone. The in-memory server and the real one are held to it alike,
// so that a test of an agent against the one says something about the other.

import { describe, expect, test } from 'vitest'
import { type Countersign, type CreateTask, type JsonObject, Problem } from '../src/index.ts'

/** A server to hold to the contract: an agent's client, a person's who may answer, and a way to move time. */
export type ContractTarget = {
  agent: Countersign
  person: Countersign
  advance(by: string): Promise<void>
  close?(): Promise<void>
}

const REFUND: JsonObject = {
  type: 'object',
  properties: { approved: { type: 'boolean' }, note: { type: 'string', maxLength: 10 } },
  required: ['approved'],
  additionalProperties: false,
}

const refund = (more: Partial<CreateTask> = {}): CreateTask => ({
  task: 'Refund order 1042?',
  payload: { order: 1042 },
  response_schema: REFUND,
  timeout_seconds: 3600,
  ...more,
})

async function refusal(promise: Promise<unknown>): Promise<Problem> {
  const error: unknown = await promise.then(
    () => new Error('it was not refused'),
    (thrown: unknown) => thrown,
  )
  if (error instanceof Problem) return error
  throw error
}

export function describeContract(name: string, makeTarget: () => Promise<ContractTarget>): void {
  const contract = (title: string, body: (target: ContractTarget) => Promise<void>) =>
    test(title, async () => {
      const target = await makeTarget()
      try {
        await body(target)
      } finally {
        await target.close?.()
      }
    })

  describe(`contract: ${name}`, () => {
    contract('T141 a task that was created can be read, listed and found by its key', async ({ agent }) => {
      const task = await agent.tasks.create(refund({ idempotency_key: 'k-1', priority: 'high', tags: ['money'] }))
      expect(task).toMatchObject({
        status: 'open',
        version: 1,
        revision: 1,
        outcome: null,
        response: null,
        priority: 'high',
        tags: ['money'],
      })
      expect(task.id).toMatch(/^task_[0-9A-HJKMNP-TV-Z]{26}$/)
      expect(task.created_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
      expect(Date.parse(task.deadline_at) - Date.parse(task.created_at)).toBe(3_600_000)
      expect((await agent.tasks.get(task.id)).task).toBe('Refund order 1042?')
      const page = await agent.tasks.list({ idempotency_key: 'k-1' })
      expect(page).toMatchObject({ data: [{ id: task.id }], next_cursor: null })
    })

    contract(
      'T22 T23 asking twice under one key gives one task, and another question under it is refused by name',
      async ({ agent }) => {
        const first = await agent.tasks.create(refund({ idempotency_key: 'k-1' }))
        expect((await agent.tasks.create(refund({ idempotency_key: 'k-1' }))).id).toBe(first.id)
        const error = await refusal(agent.tasks.create(refund({ idempotency_key: 'k-1', payload: { order: 7 } })))
        expect(error).toMatchObject({ code: 'idempotency_mismatch', members: { task_id: first.id, differs: ['payload'] } })
      },
    )

    contract('T24 an automatic key is free once its answer was collected, a chosen one is not', async ({ agent, person }) => {
      for (const [reuse, same] of [
        ['forever', true],
        ['until_collected', false],
      ] as const) {
        const first = await agent.tasks.create(refund({ idempotency_key: reuse, key_reuse: reuse }))
        await person.tasks.decide(first.id, { type: 'respond', response: { approved: true }, seen_revision: 1 })
        expect((await agent.tasks.poll(first.id, { timeout: 1 })).status).toBe('completed')
        const again = await agent.tasks.create(refund({ idempotency_key: reuse, key_reuse: reuse }))
        expect(again.id === first.id, reuse).toBe(same)
      }
    })

    contract(
      'T27 a poll that is waiting answers when the task is decided, and one that comes later at once',
      async ({ agent, person }) => {
        const { id } = await agent.tasks.create(refund())
        const waiting = agent.tasks.poll(id, { timeout: 30 })
        await person.tasks.decide(id, { type: 'respond', response: { approved: true, note: 'ok' }, seen_revision: 1 })
        const result = await waiting
        expect(result).toMatchObject({
          id,
          status: 'completed',
          outcome: 'answered',
          response: { approved: true, note: 'ok' },
          timed_out_at: null,
        })
        expect(await agent.tasks.poll(id)).toEqual(result)
      },
    )

    contract('T27 a poll takes 1 to 30 seconds and nothing else', async ({ agent }) => {
      const { id } = await agent.tasks.create(refund())
      for (const timeout of [0, 31, 1.5])
        expect(await refusal(agent.tasks.poll(id, { timeout }))).toMatchObject({
          code: 'validation_failed',
          errors: [{ path: 'timeout' }],
        })
    })

    contract('T29 waiting for several ends with any or with all of them', async ({ agent, person }) => {
      const ids = [(await agent.tasks.create(refund())).id, (await agent.tasks.create(refund())).id]
      const any = agent.tasks.wait({ ids, mode: 'any', timeout: 30 })
      const all = agent.tasks.wait({ ids, mode: 'all', timeout: 30 })
      await person.tasks.decide(ids[1] as string, { type: 'respond', response: { approved: false }, seen_revision: 1 })
      const first = await any
      expect(first.final).toEqual([ids[1]])
      expect(first.tasks[ids[0] as string]?.status).toBe('open')
      await person.tasks.decide(ids[0] as string, { type: 'respond', response: { approved: true }, seen_revision: 1 })
      expect([...(await all).final].sort()).toEqual([...ids].sort())
    })

    contract('T30 a stream tells what happens and goes on where it was left', async ({ agent, person }) => {
      const { id } = await agent.tasks.create(refund())
      const open = new Promise<void>((onOpen) => {
        void (async () => {
          const seen: string[] = []
          for await (const { id: eventId, data } of agent.tasks.stream(id, { onOpen })) {
            seen.push(data.type)
            if (data.type === 'task.completed') return finish({ seen, eventId })
          }
        })()
      })
      let finish: (value: { seen: string[]; eventId: string }) => void = () => undefined
      const finished = new Promise<{ seen: string[]; eventId: string }>((resolve) => {
        finish = resolve
      })
      await open
      await person.tasks.claim(id)
      await person.tasks.decide(id, { type: 'respond', response: { approved: true }, seen_revision: 1 })
      const { seen } = await finished
      expect(seen).toEqual(['task.claimed', 'task.completed'])
    })

    contract('T12 T15 of two answers the first counts and the second hears how the task stands', async ({ agent, person }) => {
      const { id } = await agent.tasks.create(refund())
      const answer = (approved: boolean) => person.tasks.decide(id, { type: 'respond', response: { approved }, seen_revision: 1 })
      await answer(true)
      expect(await refusal(answer(false))).toMatchObject({ code: 'task_not_open', status: 409, members: { state: 'completed' } })
      expect((await agent.tasks.poll(id)).response).toEqual({ approved: true })
    })

    contract('T13 a decision on another revision is refused', async ({ agent, person }) => {
      const { id } = await agent.tasks.create(refund())
      const error = await refusal(person.tasks.decide(id, { type: 'respond', response: { approved: true }, seen_revision: 2 }))
      expect(error.status).toBeGreaterThanOrEqual(409)
      expect((await agent.tasks.get(id)).status).toBe('open')
    })

    contract('T19 an agent never decides or claims', async ({ agent }) => {
      const { id } = await agent.tasks.create(refund())
      expect(
        await refusal(agent.tasks.decide(id, { type: 'respond', response: { approved: true }, seen_revision: 1 })),
      ).toMatchObject({ code: 'agent_may_not_decide' })
      expect(await refusal(agent.tasks.claim(id))).toMatchObject({ code: 'agent_may_not_decide' })
    })

    contract('T75 an answer that does not fit lists every error and changes nothing', async ({ agent, person }) => {
      const { id } = await agent.tasks.create(refund())
      const error = await refusal(
        person.tasks.decide(id, { type: 'respond', response: { approved: 'maybe', note: 'far too long' }, seen_revision: 1 }),
      )
      expect(error.code).toBe('response_invalid')
      expect(error.errors.map(({ path }) => path).sort()).toEqual(['/response/approved', '/response/note'])
      expect(await agent.tasks.get(id)).toMatchObject({ status: 'open', version: 1 })
    })

    contract('T32 a passed deadline times out, or gives the default', async ({ agent, advance }) => {
      const plain = await agent.tasks.create(refund())
      const given = await agent.tasks.create(refund({ on_timeout: { default: { approved: false, note: 'nobody' } } }))
      const waiting = Promise.all([plain, given].map(({ id }) => agent.tasks.poll(id, { timeout: 30 })))
      await advance('61m')
      await waiting
      expect(await agent.tasks.poll(plain.id, { timeout: 1 })).toMatchObject({
        status: 'timed_out',
        outcome: null,
        response: null,
      })
      expect(await agent.tasks.poll(given.id, { timeout: 1 })).toMatchObject({
        status: 'completed',
        outcome: 'defaulted',
        response: { approved: false, note: 'nobody' },
      })
    })

    contract('T33 a denial by deadline is the answer that says no, and needs one', async ({ agent, advance }) => {
      const { id } = await agent.tasks.create(refund({ on_timeout: 'deny' }))
      await advance('61m')
      expect(await agent.tasks.poll(id, { timeout: 30 })).toMatchObject({
        status: 'completed',
        outcome: 'denied',
        response: { approved: false },
      })
      const open: JsonObject = { type: 'object', properties: { colour: { type: 'string' } }, required: ['colour'] }
      expect(await refusal(agent.tasks.create(refund({ on_timeout: 'deny', response_schema: open })))).toMatchObject({
        code: 'deny_response_required',
      })
    })

    contract('T5 a deadline moves later and never earlier', async ({ agent }) => {
      const { id, deadline_at } = await agent.tasks.create(refund())
      const later = new Date(Date.parse(deadline_at) + 60_000).toISOString()
      expect((await agent.tasks.update(id, { deadline_at: later, tags: ['a'] })).deadline_at).toBe(later)
      expect((await refusal(agent.tasks.update(id, { deadline_at }))).status).toBe(422)
    })

    contract('T10 a task that was cancelled is final', async ({ agent }) => {
      const { id } = await agent.tasks.create(refund())
      expect((await agent.tasks.cancel(id, { reason: 'not needed' })).status).toBe('cancelled')
      expect(await agent.tasks.poll(id)).toMatchObject({ status: 'cancelled', response: null })
      expect(await refusal(agent.tasks.cancel(id))).toMatchObject({ code: 'task_not_open' })
    })

    contract('T166 what is not acceptable is refused with its path', async ({ agent }) => {
      const bad: [object, string][] = [
        [{ task: '' }, '/task'],
        [{ task: 'x'.repeat(4001) }, '/task'],
        [{ timeout_seconds: 4 }, '/timeout_seconds'],
        [{ payload: [] }, '/payload'],
        [{ idempotency_key: '' }, '/idempotency_key'],
        [{ nonsense: 1 }, '/nonsense'],
      ]
      for (const [members, path] of bad) {
        const error = await refusal(agent.tasks.create(refund(members as Partial<CreateTask>)))
        expect(error, path).toMatchObject({ code: 'validation_failed', status: 422 })
        expect(error.errors.map((each) => each.path)).toContain(path)
      }
      expect((await agent.tasks.list()).data).toEqual([])
    })

    contract('T17 an unknown task is not found', async ({ agent }) => {
      expect(await refusal(agent.tasks.get('task_01JD8Z6V3QK8W2N4T6Y8B0C2E4'))).toMatchObject({
        code: 'not_found',
        status: 404,
        name: 'TaskNotFound',
      })
    })

    contract('T55 a list goes page by page', async ({ agent }) => {
      const ids = new Set<string>()
      for (let i = 0; i < 5; i++) ids.add((await agent.tasks.create(refund())).id)
      const page = await agent.tasks.list({ limit: 2 })
      expect(page.data).toHaveLength(2)
      const all: string[] = []
      for await (const task of agent.tasks.all({ limit: 2 })) all.push(task.id)
      expect(new Set(all)).toEqual(ids)
      expect(all).toHaveLength(5)
      expect(await refusal(agent.tasks.list({ cursor: 'forged' }))).toMatchObject({ code: 'cursor_invalid', status: 400 })
    })
  })
}
