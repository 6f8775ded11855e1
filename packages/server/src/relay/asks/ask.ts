// People are asked about a message (relay.md R75, R76): one task in the inbox of the tenant whose policy asks, in the transaction of the message that it is about. Judges nothing, for
// that was done; a message is asked about once, and an agreed ask permits one delivery of exactly what people saw.
import { across } from '../../db/across.ts'
import { type Scope, systemScope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import { withdrawTaskIn } from '../../tasks/change.ts'
import { prepareTask } from '../../tasks/creation.ts'
import { createTaskIn } from '../../tasks/task.ts'
import { askedElsewhere, withdrawReady } from '../held/sql.ts'
import type { RelayHouse } from '../house.ts'
import type { ApprovalRow } from '../threads/sql.ts'
import type { News } from '../threads/tell.ts'
import { askingOf, questionOf, type Told } from './question.ts'
import {
  findAskOfMessage,
  insertMessageAsk,
  isAsked,
  type NewAsk,
  openAsksOfGrant,
  openAsksOfThreads,
  settleReplies,
  type What,
} from './sql.ts'

export type Asked = { approval: ApprovalRow; news: News }

const SIDE = { send_in: 'owner', reply_out: 'owner', send_out: 'caller', reply_in: 'caller' } as const
export const sideAsked = (what: What) => SIDE[what]

/** `asker`: as whom the task is made. `behalf`: whose agent asks, who may not decide it; null where nobody is to be kept out (R6). */
export async function openAsk(
  house: RelayHouse,
  t: Tx,
  asker: Scope,
  told: Told,
  behalf: { userId: string | null } | null,
  response: NewAsk['response'] = null,
): Promise<Asked> {
  const { about, judged, messageId, what } = told
  const { policy_ids, policy_version } = judged.outcome
  const asking = askingOf(judged)
  const input = { ...questionOf(told), ...(behalf?.userId ? { on_behalf_of: behalf.userId } : {}) }
  // Nothing of it needs a row or anything outside: it is made of constants and of what was judged.
  const prepared = await prepareTask(house.tasks, asker, input, 'native')
  const act = { origin: 'relay' as const, ref: messageId, ...(behalf ? { separate: true as const } : {}) }
  const task = await createTaskIn(house.tasks, t, { ...prepared, act })
  await insertMessageAsk(t, asker, {
    ...{ task_id: task.id, message_id: messageId, thread_id: about.threadId, relay_grant_id: about.grant.id, what },
    ...{ action: about.action, payload_hash: about.payloadHash, response, policy_version, policy_ids },
    ...{ quorum: asking.quorum, on_timeout: asking.on_timeout, expires_at: task.deadline_at },
  })
  const approval = { task_id: task.id, side: sideAsked(what), expires_at: task.deadline_at.toISOString() }
  const data = {
    ...approval,
    message_id: messageId,
    action: about.action,
    payload_hash: about.payloadHash,
    quorum: asking.quorum,
    policy_ids,
    policy_version,
  }
  // Of a reply that may never come the caller learns nothing.
  const news = response === null ? { data } : { data: { side: approval.side }, own: data }
  return { approval, news: { type: 'approval.requested', ...news } }
}

// What ends with its thread is no answer of people: whoever settles asks is told so.
const takenBack = new WeakMap<Tx, Set<string>>()
export const isTakenBack = (t: Tx, taskId: string): boolean => takenBack.get(t)?.has(taskId) === true

const ENDED = 'The thread that this message belongs to has ended: there is nothing left that could be delivered.'

/** With the end of a thread, in its transaction. Called before the thread is locked, for whoever decides holds the task first. */
export async function withdrawAsksOfThreads(house: RelayHouse, t: Tx, scope: Scope, ids: readonly string[]): Promise<void> {
  if (ids.length === 0 || !(await isAsked(t, scope, ids)).is) return
  await withdrawAsks(house, t, scope, await openAsksOfThreads(t, scope, ids))
  await withdrawElsewhere(house, t, scope, { threads: ids })
}

/** The same before a relay grant is taken back. */
export async function withdrawAsksOfGrant(house: RelayHouse, t: Tx, scope: Scope, grantId: string): Promise<void> {
  await withdrawAsks(house, t, scope, await openAsksOfGrant(t, scope, grantId))
  await withdrawElsewhere(house, t, scope, { grant: grantId })
}

/** What people of the callers' sides are asked about it, in their tenants. */
async function withdrawElsewhere(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  of: { grant?: string; threads?: readonly string[] },
): Promise<void> {
  const found = await askedElsewhere(t, of)
  for (const tenantId of new Set(found.map((one) => one.tenant_id))) {
    const there = systemScope('relay', tenantId)
    const own = found.filter((one) => one.tenant_id === tenantId)
    await across(t, scope, there, async () => {
      await withdrawAsks(
        house,
        t,
        there,
        own.flatMap(({ task_id }) => (task_id ? [{ task_id }] : [])),
      )
      await withdrawReady(
        t,
        there,
        own.map((one) => one.thread_id),
      )
    })
    // An answer that they were asked about lies here.
    for (const { task_id } of own) if (task_id !== null) await settleReplies(t, scope, task_id, 'withdrawn', 'thread_ended')
  }
}

/** With a message that its sender takes back. */
export const withdrawAsksOfMessage = async (house: RelayHouse, t: Tx, scope: Scope, messageId: string): Promise<void> => {
  const ask = await findAskOfMessage(t, scope, messageId, 'send_in')
  if (ask?.state === 'open') await withdrawAsks(house, t, scope, [ask])
}

export async function withdrawAsks(house: RelayHouse, t: Tx, scope: Scope, asks: readonly { task_id: string }[]): Promise<void> {
  const own = takenBack.get(t) ?? new Set<string>()
  takenBack.set(t, own)
  for (const { task_id } of asks) {
    own.add(task_id)
    await withdrawTaskIn(house.tasks, t, scope, task_id, ENDED)
  }
}
