// The Temporal adapter with Temporal's own runtime of workflows and of activities against a real server; there is no Temporal server here (sandbox.ts says what stands in for it).
import { asyncLocalStorage } from '@temporalio/activity'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { type House, setup } from '#harness'
import { awaitHumanHere, countersignActivities, signalWorkflow } from '../../../packages/sdk/src/adapters/temporal-worker.ts'
import { Countersign } from '../../../packages/sdk/src/index.ts'
import { type Activities, contextOf, type Run, type RunOptions, work } from './sandbox.ts'

const at = (id: string, act = '') => `/api/v1/tasks/${id}${act && `/${act}`}`
type Listed = { id: string; task: string; status: string; metadata: Record<string, string> }

async function given() {
  const house = await setup()
  const client = new Countersign({ url: house.url, key: house.agent.key })
  const activities = countersignActivities({ client }) as unknown as Activities
  const start = (options: Partial<RunOptions> & Pick<RunOptions, 'type'>) =>
    work({ workflowId: 'refund-1042', runId: 'run-1', activities, ...options })
  return { house, client, start }
}

const tasksOf = async (house: House) => (await house.alice.get('/api/v1/tasks?sort=created')).body.data as Listed[]
const openTask = async (house: House, words: string): Promise<Listed> => {
  const found = (await tasksOf(house)).find(({ task, status }) => task === words && status === 'open')
  if (!found) throw new Error(`${words} is not asked`)
  return found
}
const answer = async (house: House, id: string, ok: boolean) =>
  expect((await house.alice.post(at(id, 'decide'), { type: 'respond', response: { ok }, seen_revision: 1 })).status).toBe(200)
const eventOf = (id: string) => ({ data: { resource: { type: 'task', id } } })

/** Temporal's client, as far as the receiver uses it: to a workflow that runs here. */
const clientTo = (run: Run, workflowId = 'refund-1042') => ({
  getHandle: (id: string) => ({
    async signal(name: string, ...args: unknown[]) {
      if (id !== workflowId || run.ended) throw Object.assign(new Error('not found'), { name: 'WorkflowNotFoundError' })
      await run.signal(name, ...args)
    },
  }),
})

test('T143 A34 two questions of one workflow are two tasks, each with its own answer, although the worker dies between them and the workflow is replayed', async () => {
  const { house, client, start } = await given()
  const first = await start({ type: 'twice', args: ['Ship?', 'Ship?'] })
  expect(first.ended).toBeNull()
  const one = await openTask(house, 'Ship?')
  expect(one.metadata).toEqual({ temporal_workflow_id: 'refund-1042', temporal_signal: 'countersign:refund-1042/run-1/1' })
  await answer(house, one.id, true)

  // Another worker, which has only what was recorded: nothing is asked and nothing is run again.
  const second = await start({ type: 'twice', args: ['Ship?', 'Ship?'], history: first.history })
  expect([second.ran, await tasksOf(house)]).toMatchObject([[], [{ id: one.id }]])
  expect(await signalWorkflow(clientTo(second), eventOf(one.id), { client })).toBe(true)
  expect(second.ran).toEqual(['countersignRead', 'countersignAsk'])
  const two = await openTask(house, 'Ship?')
  expect(two.metadata.temporal_signal).toBe('countersign:refund-1042/run-1/2')
  expect(two.id).not.toBe(one.id)

  await answer(house, two.id, false)
  const third = await start({ type: 'twice', history: second.history })
  expect(await signalWorkflow(clientTo(third), eventOf(two.id), { client })).toBe(true)
  expect(third.ended).toEqual({ result: 'Ship? true, Ship? false' })
  expect(third.ran).toEqual(['countersignRead'])
  expect(await tasksOf(house)).toHaveLength(2)
  expect(await signalWorkflow(clientTo(third), eventOf(two.id), { client })).toBe(false)
})

test('T143 a worker that dies after it asked and before it could say so finds the same task', async () => {
  const { house, start } = await given()
  const first = await start({ type: 'once', args: ['Publish?', 'leave'] })
  // Only the start was recorded; the activity is run once more.
  const second = await start({ type: 'once', args: ['Publish?', 'leave'], history: first.history.slice(0, 1) })
  expect(second.ran).toEqual(['countersignAsk'])
  expect(await tasksOf(house)).toHaveLength(1)
})

test('T143 equal questions of two workflows, and of two runs of one, are tasks of their own; two at once each take their own answer', async () => {
  const { house, client, start } = await given()
  await start({ type: 'once', args: ['Publish?', 'leave'] })
  await start({ type: 'once', args: ['Publish?', 'leave'], runId: 'run-2' })
  await start({ type: 'once', args: ['Publish?', 'leave'], workflowId: 'w'.repeat(900) })
  expect(await tasksOf(house)).toHaveLength(3)

  const run = await start({ type: 'both', workflowId: 'both' })
  const [left, right] = [await openTask(house, 'Left?'), await openTask(house, 'Right?')]
  await answer(house, right.id, false)
  await signalWorkflow(clientTo(run, 'both'), eventOf(right.id), { client })
  expect(run.ended).toBeNull()
  await answer(house, left.id, true)
  await signalWorkflow(clientTo(run, 'both'), eventOf(left.id), { client })
  expect(run.ended).toEqual({ result: 'left true, right false' })
})

test('T143 a signal is a hint and no answer: one that nobody owed changes nothing, one that was lost is made good after the deadline', async () => {
  const { house, client, start } = await given()
  const run = await start({ type: 'once', args: ['Publish?', 'leave'] })
  const { id } = await openTask(house, 'Publish?')
  await run.signal('countersign:refund-1042/run-1/1', { task_id: id, status: 'completed', response: { ok: true } })
  expect([run.ended, run.ran]).toEqual([null, ['countersignAsk', 'countersignRead']])
  expect(await signalWorkflow(clientTo(run), eventOf(id), { client })).toBe(false)
  await answer(house, id, true)
  expect(await run.fireTimer()).toBe(true)
  expect(run.ended).toEqual({ result: true })
})

test('T143 a cancelled workflow leaves its question, or takes it back where that was asked for', async () => {
  const { house, start } = await given()
  for (const [how, status] of [
    ['leave', 'open'],
    ['cancel', 'cancelled'],
  ] as const) {
    const run = await start({ type: 'once', args: [`${how} it?`, how], workflowId: how })
    await run.cancel()
    expect(run.ended).toMatchObject({ failure: { cancelled: true } })
    expect((await tasksOf(house)).find(({ task }) => task === `${how} it?`)?.status).toBe(status)
  }
})

test('T143 a question that ends without an answer, or is refused, fails the workflow for good with the code of the problem', async () => {
  const { house, client, start } = await given()
  const run = await start({ type: 'once', args: ['Publish?', 'leave'] })
  const { id } = await openTask(house, 'Publish?')
  await house.agent.post(at(id, 'cancel'), { reason: 'not needed' })
  await signalWorkflow(clientTo(run), eventOf(id), { client })
  expect(run.ended).toMatchObject({ failure: { type: 'task_cancelled', message: expect.stringContaining('not needed') } })
  const refused = await start({ type: 'refused', workflowId: 'refused' })
  expect(refused.ended).toMatchObject({ failure: { type: 'validation_failed' } })
})

const Answer = z.object({ ok: z.boolean() })
const place = { workflowExecution: { workflowId: 'w', runId: 'r' }, activityId: '7', heartbeatTimeoutMs: 30 }

test('T143 an activity waits with heartbeats and needs no receiver; another attempt finds the same task', async () => {
  const { house, client } = await given()
  const ask = (onCancel: 'leave' | 'cancel') =>
    awaitHumanHere({ client, task: 'Publish?', response: Answer, timeout: '1h', onCancel })
  const first = contextOf(place)
  const lost = asyncLocalStorage.run(first.context, () => ask('cancel'))
  await expect.poll(() => first.beats.length, { timeout: 60_000 }).toBeGreaterThan(1)
  await expect.poll(async () => (await tasksOf(house)).length, { timeout: 60_000 }).toBe(1)
  first.shutDown()
  await expect(lost).rejects.toThrow('WORKER_SHUTDOWN')

  const second = contextOf(place)
  const waiting = asyncLocalStorage.run(second.context, () => ask('cancel'))
  const task = await openTask(house, 'Publish?')
  await answer(house, task.id, true)
  expect(await waiting).toEqual({ ok: true })
  expect(await tasksOf(house)).toHaveLength(1)
})

test('T143 a cancelled activity takes its question back where that was asked for', async () => {
  const { house, client } = await given()
  const { context, cancel } = contextOf(place)
  const waiting = asyncLocalStorage.run(context, () =>
    awaitHumanHere({ client, task: 'Publish?', response: Answer, timeout: '1h', onCancel: 'cancel' }),
  )
  await expect.poll(async () => (await tasksOf(house)).length, { timeout: 60_000 }).toBe(1)
  cancel()
  await expect(waiting).rejects.toThrow('CANCELLED')
  expect((await tasksOf(house))[0]?.status).toBe('cancelled')
})
