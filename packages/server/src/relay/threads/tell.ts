// What is written when a thread changes (relay.md R7, R34, R36): its numbered events, the same rows in the record of the owner's tenant, their copies in the caller's, the caller's list,
// and whatever follows from them. All of it in the transaction of the change. Holds no payload and no secret.
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import { composeEvents, type EventData, recordMany } from '../../events/event.ts'
import type { EventType } from '../../events/types.ts'
import type { RelayHouse } from '../house.ts'
import { mirrorThread, tellAsker } from '../sql.ts'
import { insertThreadEvents, type MessageRow, type ThreadRow } from './sql.ts'
import { inboxTopic, threadTopic } from './wait.ts'

export type News = { type: EventType; data?: EventData; message?: MessageRow }

/** `after`: the sequence of the thread before them; they take the numbers that follow, in this order. */
export async function tellThread(
  house: Pick<RelayHouse, 'follows'>,
  t: Tx,
  scope: Scope,
  thread: ThreadRow,
  after: number,
  news: readonly News[],
): Promise<void> {
  const lines = news.map((one, i) => ({ ...one, sequence: after + i + 1, data: dataOf(thread, one, after + i + 1) }))
  const resource = { type: 'thread', id: thread.id }
  const ids = await recordMany(
    t,
    lines.map(({ type, data }) => ({ scope, type, data, options: { resource } })),
  )
  const events = lines.map((line, i) => ({ ...line, id: ids[i] as string }))
  await insertThreadEvents(
    t,
    scope,
    thread,
    events.map(({ sequence, id, type, data }) => ({
      ...{ sequence, id, type },
      actor: JSON.stringify({ type: scope.actor.type, id: scope.actor.id }),
      data: JSON.stringify(data),
    })),
  )
  if (thread.asker_tenant !== null) await tellCaller(t, scope, thread, lines, thread.asker_tenant)
  for (const follow of house.follows)
    for (const { id, type, sequence, data, message } of events)
      await follow(t, scope, thread, { id, type, sequence, data, message: message ?? null })
  t.wake(threadTopic(thread.id))
  if (news.some(({ message }) => message?.side === 'caller' && message.state === 'queued')) t.wake(inboxTopic(thread.card_id))
}

async function tellCaller(
  t: Tx,
  scope: Scope,
  thread: ThreadRow,
  lines: readonly { type: EventType; data: EventData }[],
  asker: string,
): Promise<void> {
  await mirrorThread(t, thread.id)
  // Both sides in one tenant have one record.
  if (asker === thread.tenant_id) return
  const there = { ...scope, tenantId: asker, actor: seenFromOutside(scope, thread) }
  const bodies = composeEvents(
    t,
    lines.map(({ type, data }) => ({
      ...{ scope: there, type, data },
      options: { resource: { type: 'thread', id: thread.id }, onBehalfOf: [] },
    })),
  )
  await tellAsker(
    t,
    thread.relay_grant_id,
    bodies.map(({ body }) => body),
  )
}

/** Who of the owner's people or agents it was is the owner's to know. */
const seenFromOutside = (scope: Scope, thread: ThreadRow): Scope['actor'] =>
  scope.relaySide === 'caller' ? { type: scope.actor.type, id: scope.actor.id } : { type: 'agent', id: thread.card_id }

const dataOf = (thread: ThreadRow, { data, message }: News, sequence: number): EventData => ({
  thread_id: thread.id,
  agent: thread.slug,
  relay_grant_id: thread.relay_grant_id,
  sequence,
  ...(message
    ? {
        message_id: message.id,
        side: message.side,
        kind: message.kind,
        payload_hash: message.payload_hash,
        size_bytes: message.size_bytes,
      }
    : {}),
  ...data,
})
