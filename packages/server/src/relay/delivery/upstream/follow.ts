// A task upstream is followed to where the turn changes (relay.md R44): on the stream of its send, then by SubscribeToTask, then by looks, a second apart at first and a minute at last.
// One job follows a thread; who comes later takes over, and what both might have heard is told once.

import type { StreamResponse } from '@a2a-js/sdk'
import type { Client } from '@a2a-js/sdk/client'
import { TaskNotFoundError } from '@a2a-js/sdk/errors'
import { type Outcome, snooze } from '@countersign/queue'
import { type Scope, tx } from '../../../db/tx.ts'
import type { DeliveryHouse } from '../house.ts'
import { openClient } from './client.ts'
import { faultOf } from './fault.ts'
import { type Plan, settle } from './plan.ts'
import { moveStage, notePolls, taskBehind } from './sql.ts'
import { type Call, failThread, type Heard, hear } from './tell.ts'

const LONGEST_POLL_MS = 60_000

/** Reads what `open` opens until the turn changes, somebody else follows, or the stream ends. */
export async function readStream(
  house: DeliveryHouse,
  scope: Scope,
  call: Call,
  signal: AbortSignal,
  open: (signal: AbortSignal) => AsyncIterable<StreamResponse>,
): Promise<Heard> {
  const leave = new AbortController()
  let heard: Heard = 'go_on'
  const frames = open(AbortSignal.any([signal, leave.signal]))[Symbol.asyncIterator]()
  try {
    while (heard === 'go_on' && !signal.aborted) {
      const { done, value } = await frames.next()
      if (done) break
      heard = await hear(house, scope, call, value)
    }
    return heard
  } finally {
    if (heard === 'turn') void letEnd(frames, leave)
    else leave.abort()
  }
}

/** Whoever said its last word ends its stream right after it: left to do so, its connection is good for the next call. */
const LAST_MS = 1_000
async function letEnd(frames: AsyncIterator<StreamResponse>, leave: AbortController): Promise<void> {
  AbortSignal.timeout(LAST_MS).addEventListener('abort', () => leave.abort(), { once: true })
  try {
    while (!(await frames.next()).done);
  } catch {
    // It was heard; how it ends is nobody's matter any more.
  } finally {
    leave.abort()
  }
}

/** `later`: it was seen just now. */
export async function followTask(
  house: DeliveryHouse,
  scope: Scope,
  plan: Plan,
  signal: AbortSignal,
  when: 'now' | 'later' = 'now',
): Promise<Outcome | undefined> {
  const { threadId, messageId } = plan.call
  const behind = await tx(house.db, scope, (t) => taskBehind(t, scope, threadId), { readOnly: true })
  if (!behind || behind.is_over || behind.followed_by !== messageId) return undefined
  if (when === 'later') return comeAgain(house, scope, plan, behind.polls)
  const { client, isStreaming } = await openClient(house, scope.tenantId, plan.upstream)
  if (isStreaming && behind.polls === 0) {
    const heard = await subscribed(house, scope, plan, client, behind.upstream_task_id, signal)
    if (heard !== 'go_on') return undefined
    if (signal.aborted) return snooze(0)
  }
  const heard = await look(house, scope, plan, client, behind.upstream_task_id, signal)
  return heard === 'go_on' ? comeAgain(house, scope, plan, behind.polls) : undefined
}

/** A stream that cannot be had, or breaks, is no fault: the looks go on. */
async function subscribed(
  house: DeliveryHouse,
  scope: Scope,
  { call }: Plan,
  client: Client,
  id: string,
  signal: AbortSignal,
): Promise<Heard> {
  try {
    return await readStream(house, scope, call, signal, (own) => client.resubscribeTask({ tenant: '', id }, { signal: own }))
  } catch (error) {
    house.log.debug({ ...faultOf(error), thread_id: call.threadId }, 'the stream of a task upstream broke')
    return 'go_on'
  }
}

const LOST = 'The agent does not know its own task any more.'

async function look(
  house: DeliveryHouse,
  scope: Scope,
  plan: Plan,
  client: Client,
  id: string,
  signal: AbortSignal,
): Promise<Heard> {
  try {
    const task = await client.getTask({ tenant: '', id, historyLength: 0 }, { signal })
    return await hear(house, scope, plan.call, { payload: { $case: 'task', value: task } })
  } catch (error) {
    if (error instanceof TaskNotFoundError) {
      await settle(house, scope, plan, async (t) => {
        await moveStage(t, scope, plan.call.messageId, { stage: 'done' })
        await failThread(house, t, scope, plan.call, LOST)
        return undefined
      })
      return 'turn'
    }
    house.log.debug({ ...faultOf(error), thread_id: plan.call.threadId }, 'a look at a task upstream failed')
    return 'go_on'
  }
}

async function comeAgain(house: DeliveryHouse, scope: Scope, { call }: Plan, polls: number): Promise<Outcome> {
  await tx(house.db, scope, (t) => notePolls(t, scope, call.threadId, polls + 1))
  return snooze(Math.min(1_000 * 2 ** Math.min(polls, 16), LONGEST_POLL_MS))
}
