// The real server, over real HTTP and PostgreSQL, held to the same contract as the in-memory one; and awaitHuman against it.

import { expect, test } from 'vitest'
import { type Client, type House, setup } from '#harness'
import { ask, awaitHuman, Countersign, RateLimited, TaskNotFound, Unauthorized } from '../src/index.ts'
import { describeContract } from './contract.ts'

/** A person's client: the SDK over the harness's browser, which keeps the cookie and says where it comes from. */
const asPerson = ({ url }: House, person: Client) =>
  new Countersign({
    url,
    key: null,
    fetch: (input, init) => person.raw(String(input).slice(url.length), init),
  })

const asAgent = ({ url, agent }: House, more: object = {}) => new Countersign({ url, key: agent.key, ...more })

describeContract('the real server', async () => {
  const house = await setup()
  return {
    agent: asAgent(house),
    person: asPerson(house, house.alice),
    advance: async (by) => {
      await house.clock.advance(by)
      await house.runJobs()
    },
    close: () => house.close(),
  }
})

const question = {
  task: 'Refund order 1042?',
  payload: { order: 1042 },
  response: { type: 'object', properties: { approved: { type: 'boolean' } }, required: ['approved'] },
  timeout: '2h',
}

test('T1 T134 T136 an agent asks, a person answers, the agent has the typed answer', async () => {
  const house = await setup()
  const handle = await ask<{ approved: boolean }>({ ...question, url: house.url, key: house.agent.key })
  expect(handle.url).toBe(`${house.url}/tasks/${handle.id}`)
  const waiting = handle.decision()
  await asPerson(house, house.alice).tasks.decide(handle.id, { type: 'respond', response: { approved: true }, seen_revision: 1 })
  expect(await waiting).toMatchObject({
    type: 'respond',
    outcome: 'answered',
    response: { approved: true },
    decisions: [{ display_name: 'Alice', channel: 'dashboard' }],
    task: { status: 'completed', completed_by_display_name: 'Alice' },
  })
})

test('T2 T24 asked again after the answer was collected it is a new question', async () => {
  const house = await setup()
  const through = { url: house.url, key: house.agent.key }
  const answer = async (approved: boolean) => {
    const { data } = await asPerson(house, house.alice).tasks.list({ status: ['open'] })
    const [task] = data
    if (task)
      await asPerson(house, house.alice).tasks.decide(task.id, { type: 'respond', response: { approved }, seen_revision: 1 })
  }
  for (const approved of [true, false]) {
    const handle = await ask<{ approved: boolean }>({ ...question, ...through })
    await answer(approved)
    expect(await awaitHuman<{ approved: boolean }>({ ...question, ...through })).toEqual({ approved })
    expect(await handle.wait()).toEqual({ approved })
  }
})

test('T138 refusals of the real server come back as their classes', async () => {
  const house = await setup({ settings: { LIMITS: 'api.key=1/1m+1' } })
  const wrong = new Countersign({ url: house.url, key: `${house.agent.key.slice(0, -1)}~` })
  await expect(wrong.tasks.list()).rejects.toBeInstanceOf(Unauthorized)
  const agent = asAgent(house, { retryMs: 0 })
  await expect(agent.tasks.get('task_01JD8Z6V3QK8W2N4T6Y8B0C2E4')).rejects.toBeInstanceOf(TaskNotFound)
  const many = Promise.all(Array.from({ length: 10 }, () => agent.tasks.list()))
  await expect(many).rejects.toBeInstanceOf(RateLimited)
})
