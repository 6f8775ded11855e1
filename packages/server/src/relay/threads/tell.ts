// What is written when threads change (relay.md R7, R34, R36): their numbered events, the same rows in the record of the owner's tenant, their copies in the callers', the callers'
// lists, and whatever follows from them. All of it in the transaction of the change. Holds no payload and no secret.
import { atHome, type Scope } from '../../db/scope.ts'
import type { Sql } from '../../db/sql.ts'
import type { Tx } from '../../db/tx.ts'
import { composeEvents, type EventData, recordMany } from '../../events/event.ts'
import type { EventType } from '../../events/types.ts'
import type { RelayHouse } from '../house.ts'
import { mirrorThreads, tellAskers } from '../sql.ts'
import { type MessageRow, type ThreadRow, withThreadEvents } from './sql.ts'
import { inboxTopic, tellWaits, threadTopic } from './wait.ts'

/** `own`: for the record of the owner's tenant alone. */
export type News = { type: EventType; data?: EventData; message?: MessageRow; waitMs?: number; own?: EventData }
/**
 * `after`: the sequence of the thread before them; they take the numbers that follow, in this order. `by`: who brought them about, where several
 * share a transaction.
 */
export type ThreadNews = { thread: ThreadRow; after: number; news: readonly News[]; by?: Scope }

type TellHouse = Pick<RelayHouse, 'follows' | 'waits'>
type Line = News & { by: Scope; thread: ThreadRow; sequence: number; data: EventData }

/** `beside`: what is written in the statement of their events, as parts of its `with`; there are some. */
export async function tellThreads(
  house: TellHouse,
  t: Tx,
  scope: Scope,
  all: readonly ThreadNews[],
  beside: readonly Sql[] = [],
): Promise<void> {
  const lines = linesOf(scope, all)
  if (lines.length === 0 && beside.length > 0) throw new Error('What is written with events is not written without any.')
  if (lines.length === 0) return
  const resourceOf = ({ thread }: Line) => ({ resource: { type: 'thread', id: thread.id } })
  const ids = await recordMany(
    t,
    lines.map((line) => ({ scope: line.by, type: line.type, data: { ...line.data, ...line.own }, options: resourceOf(line) })),
    (made) => [
      ...beside,
      withThreadEvents(
        t,
        scope,
        lines.map(({ thread, sequence, type, data, by: { actor } }, i) => ({
          ...{ thread_id: thread.id, relay_grant_id: thread.relay_grant_id, sequence, id: made[i] as string, type },
          ...{ actor: JSON.stringify({ type: actor.type, id: actor.id }), data: JSON.stringify(data) },
        })),
      ),
    ],
  )
  await tellCallers(
    t,
    lines.filter(({ thread }) => thread.asker_tenant !== null),
  )
  const told = lines.map(({ thread, type, sequence, data, message, waitMs }, i) => ({
    ...{ thread, id: ids[i] as string, type, sequence, data, message: message ?? null },
    ...(waitMs === undefined ? {} : { waitMs }),
  }))
  for (const follow of house.follows) await follow(t, scope, told)
  tellWaits(house, t, all)
  for (const { thread, news } of all) {
    t.wake(threadTopic(thread.id))
    if (news.some(({ message }) => message?.side === 'caller' && message.state === 'queued')) t.wake(inboxTopic(thread.card_id))
  }
}

export const tellThread = (
  house: TellHouse,
  t: Tx,
  scope: Scope,
  thread: ThreadRow,
  after: number,
  news: readonly News[],
): Promise<void> => tellThreads(house, t, scope, [{ thread, after, news }])

const linesOf = (scope: Scope, all: readonly ThreadNews[]): Line[] =>
  all.flatMap(({ thread, after, news, by = scope }) =>
    news.map((one, i): Line => ({ ...one, by, thread, sequence: after + i + 1, data: dataOf(thread, one, after + i + 1) })),
  )

// Whom the owner's side asked, and how often it tried, is on its own record alone.
const MIRRORED = /^(?:thread|message|artifact|payload|thread_token)\./

async function tellCallers(t: Tx, lines: readonly Line[]): Promise<void> {
  if (lines.length === 0) return
  await mirrorThreads(t, [...new Set(lines.map(({ thread }) => thread.id))])
  // Both sides in one tenant have one record.
  const outside = lines.filter(({ thread, type }) => thread.asker_tenant !== thread.tenant_id && MIRRORED.test(type))
  if (outside.length === 0) return
  const bodies = composeEvents(
    t,
    outside.map(({ thread, type, data, by }) => ({
      scope: { ...by, tenantId: thread.asker_tenant as string, actor: seenFromOutside(by, thread) },
      ...{ type, data },
      options: { resource: { type: 'thread', id: thread.id }, onBehalfOf: [] },
    })),
  )
  await tellAskers(
    t,
    bodies.map(({ body }, i) => ({ party: (outside[i] as Line).thread.relay_grant_id, body })),
  )
}

/** Who of the owner's people or agents it was is the owner's to know. */
const seenFromOutside = (scope: Scope, thread: ThreadRow): Scope['actor'] =>
  scope.relaySide === 'caller' ? named(atHome(scope)) : { type: 'agent', id: thread.card_id }
const named = ({ type, id }: Scope['actor']): Scope['actor'] => ({ type, id })

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
