// What the settling of all asks has in common (relay.md R77, R82): the judgement of this moment, the hash of what is there now, and the event that says who answered what.
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import type { EventData } from '../../events/event.ts'
import { tellDecided } from '../../identity/policies/denial.ts'
import type { ActEnd } from '../../tasks/asks/held.ts'
import { findDecisions, type TaskRow } from '../../tasks/sql.ts'
import type { RelayHouse } from '../house.ts'
import type { ThreadReason } from '../model.ts'
import { type About, judgeMessage } from '../threads/gate.ts'
import { isWhole, openPayloads, type Payload } from '../threads/payload.ts'
import { type CardRow, findPeer, type GrantRow, type MessageRow, type ThreadRow, usageToday } from '../threads/sql.ts'
import type { News } from '../threads/tell.ts'
import { sideAsked } from './ask.ts'
import type { MessageAsk } from './sql.ts'

export type Settle = (house: RelayHouse, t: Tx, scope: Scope, task: TaskRow, ask: MessageAsk, end: ActEnd) => Promise<void>

export const REASON: Record<Exclude<ActEnd, 'agreed'>, ThreadReason> = {
  refused: 'approval_denied',
  withdrawn: 'approval_denied',
  expired: 'approval_timeout',
}

/** Who answered stands in the record of the tenant that was asked; the other side learns that it was answered. */
export async function decidedNews(
  t: Tx,
  scope: Scope,
  task: TaskRow,
  ask: MessageAsk,
  end: ActEnd,
  more: { reason: ThreadReason | null; message?: MessageRow; editedHash?: string | null },
): Promise<News> {
  const side = sideAsked(ask.what)
  const data = {
    ...{ task_id: task.id, side, decision: end, action: ask.action, asked_hash: ask.payload_hash },
    ...(more.editedHash ? { edited_hash: more.editedHash } : {}),
    ...{ policy_version: ask.policy_version, policy_ids: ask.policy_ids, reason: more.reason },
  }
  const answers = await answersOf(t, scope, task)
  const told = ask.response === null ? { data, own: answers } : { data: { side }, own: { ...data, ...answers } }
  return { type: 'approval.decided', ...(more.message ? { message: more.message } : {}), ...told }
}

/** Each who answered, by the id of their decision, with what proved who they are. */
export async function answersOf(t: Tx, scope: Scope, task: TaskRow): Promise<EventData> {
  const rows = (await findDecisions(t, scope, [task.id])).filter((one) => one.state === 'counted')
  return {
    asked: task.asked.filter((name) => name.startsWith('usr_') || name.startsWith('pool_')),
    answered: Object.fromEntries(
      rows.map((one) => [
        one.id,
        { user_id: one.user_id, type: one.type, assurance: one.assurance, channel: one.channel, at: one.decided_at },
      ]),
    ),
  }
}

export type Stored = { thread: ThreadRow; message: MessageRow; card: CardRow; grant: GrantRow; payload: Payload }

/** As it was judged when it came, with what has changed since. */
export async function aboutStored(
  t: Tx,
  scope: Scope,
  { thread, message, card, grant, payload }: Stored,
  how: Pick<About, 'action' | 'direction'>,
): Promise<About> {
  const used = await usageToday(t, scope, grant.id)
  return {
    ...how,
    card,
    grant,
    peer: await findPeer(t, grant.id, 'caller'),
    ...{
      threadId: thread.id,
      face: thread.face,
      first: how.action === 'thread.start',
      sequence: message.sequence,
      skill: message.skill,
    },
    ...{ parts: payload.parts, partKinds: message.part_kinds, mediaTypes: message.media_types },
    ...{ sizeBytes: message.size_bytes, payloadHash: message.payload_hash },
    facts: (message.facts ?? {}) as About['facts'],
    ...{ openThreads: 0, messagesToday: used.messages },
  }
}

/** Null where what is there is not what people saw; that goes nowhere. */
export async function wholePayload(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  message: MessageRow,
  ask: MessageAsk,
): Promise<Payload | null> {
  const payload = (await openPayloads(house, t, scope, [message])).get(message.id)
  if (payload && message.payload_hash === ask.payload_hash && isWhole(message, payload)) return payload
  house.log.error({ thread_id: message.thread_id, message_id: message.id }, 'a message is not what was approved; it goes nowhere')
  return null
}

/** A changed policy that now denies wins over an approval given under the old one. */
export async function stillPasses(house: RelayHouse, t: Tx, scope: Scope, who: Scope, about: About): Promise<boolean> {
  const judged = await judgeMessage(house, t, who, about)
  if (judged.outcome.outcome !== 'deny') return true
  await tellDecided(house, t, scope, judged, { payload_hash: about.payloadHash })
  return false
}
