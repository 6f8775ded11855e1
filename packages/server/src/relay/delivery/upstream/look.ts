// Whether an upstream has a message of which nobody knows (relay.md R45): by its own name, in the tasks of the mapped context. Found: that task is ours. Provably absent: it is sent
// again under the same name, as the schedule says. Anything else: a person decides. Never sends on a guess: an agent that answers without tasks, or hides what it was told, proves nothing by silence.
import type { Task } from '@a2a-js/sdk'
import type { Client } from '@a2a-js/sdk/client'
import { type Outcome, snooze } from '@countersign/queue'
import { type Scope, tx } from '../../../db/tx.ts'
import { exhaust } from '../../threads/claim.ts'
import type { DeliveryHouse } from '../house.ts'
import { type Opened, openClient } from './client.ts'
import { followTask } from './follow.ts'
import { type Plan, settle } from './plan.ts'
import { again } from './send.ts'
import { moveStage } from './sql.ts'
import { hear } from './tell.ts'
import { nameOf } from './words.ts'

type Found = { is: 'found'; task: Task } | { is: 'absent' | 'undecidable' | 'unreached' }

/** An agent may write a task down a moment after it was told of it: what is absent must be so twice. */
const LOOKS_TO_BELIEVE = 2
const MOST_LOOKS = 8
const PAGES = 20
const PAGE = 100

export async function lookFor(house: DeliveryHouse, scope: Scope, plan: Plan, signal: AbortSignal): Promise<Outcome | undefined> {
  const opened = await openClient(house, scope.tenantId, plan.upstream)
  const found = await find(opened, plan, signal)
  if (found.is === 'found') {
    const answer = { payload: { $case: 'task' as const, value: found.task } }
    const heard = await hear(house, scope, plan.call, answer)
    return heard === 'go_on' ? followTask(house, scope, plan, signal) : undefined
  }
  const looks = plan.sending.looks + 1
  await tx(house.db, scope, (t) => moveStage(t, scope, plan.call.messageId, { stage: 'calling', looks }))
  if (found.is === 'unreached' && looks < MOST_LOOKS) return snooze(Math.min(5_000 * 4 ** (looks - 1), 3_600_000))
  if (found.is === 'absent' && !plan.upstream.answers_directly)
    return looks < LOOKS_TO_BELIEVE ? snooze('5s') : again(house, scope, plan, 'lost', null)
  return settle(house, scope, plan, async (t, thread) => {
    await moveStage(t, scope, plan.message.id, { stage: 'done' })
    await exhaust(house, t, scope, plan.call.card, thread, plan.message, 'outcome_unknown')
    return undefined
  })
}

async function find({ client, wire }: Opened, plan: Plan, signal: AbortSignal): Promise<Found> {
  const name = nameOf(plan.message)
  try {
    if (plan.taskId !== null) return inTask(await client.getTask({ tenant: '', id: plan.taskId }, { signal }), name)
    return await inContext(client, plan.contextId, name, signal)
  } catch {
    // An answer, whatever it says, is not the list that was asked for; no answer may become one.
    return { is: wire.status !== null && wire.status < 500 ? 'undecidable' : 'unreached' }
  }
}

const holds = (task: Task, name: string): boolean => task.history.some(({ messageId }) => messageId === name)

function inTask(task: Task, name: string): Found {
  if (holds(task, name)) return { is: 'found', task }
  return { is: task.history.length > 0 ? 'absent' : 'undecidable' }
}

async function inContext(client: Client, contextId: string, name: string, signal: AbortSignal): Promise<Found> {
  let pageToken = ''
  let isShown = true
  for (let page = 0; page < PAGES; page++) {
    const asked = {
      tenant: '',
      contextId,
      status: 0,
      pageSize: PAGE,
      pageToken,
      historyLength: PAGE,
      statusTimestampAfter: undefined,
    }
    const { tasks, nextPageToken } = await client.listTasks({ ...asked, includeArtifacts: true }, { signal })
    const task = tasks.find((one) => holds(one, name))
    if (task) return { is: 'found', task }
    isShown &&= tasks.every((one) => one.contextId === contextId && one.history.length > 0)
    if (!nextPageToken) return { is: isShown ? 'absent' : 'undecidable' }
    pageToken = nextPageToken
  }
  return { is: 'undecidable' }
}
