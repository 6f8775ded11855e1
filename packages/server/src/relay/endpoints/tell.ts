// What callers are told (relay.md §4.3, R61, R100, R101): in the transaction of the event, to the endpoints of its thread, rendered once and sealed under what its contents are sealed
// under. A thread without endpoints costs nothing here. Never shows what the owner's side holds back, nor who of it acted.
import type { Scope, Tx } from '../../db/tx.ts'
import type { EventData } from '../../events/event.ts'
import { streamOf } from '../a2a/push.ts'
import { tellGrant } from '../grants/grant.ts'
import type { GrantRow } from '../grants/sql.ts'
import type { RelayHouse, ThreadHook, Told } from '../house.ts'
import { type Artifact, isEnded, type Message, THREAD_STATES } from '../model.ts'
import { mergeArtifacts, shown } from '../threads/read.ts'
import { linksOf, showThread, taskUrl } from '../threads/show.ts'
import { findCard, findMessage, listMessages, type MessageRow, type ThreadRow } from '../threads/sql.ts'
import { threadsTelling } from './sql.ts'

const DAY_MS = 86_400_000
/** What holds no contents needs no day of theirs. */
const KEPT_DAYS = 30
const STATES = THREAD_STATES.map((state) => `thread.${state}`)
const MOST_PIECES = 10_000

/** Registered among what follows the events of threads. */
export const followEndpoints =
  (house: RelayHouse): ThreadHook =>
  async (t, scope, all) => {
    for (const told of all)
      if (told.thread.has_endpoints && (told.type === 'artifact.completed' || STATES.includes(told.type)))
        await tellEndpoints(house, t, scope, told)
  }

type News = { message: Message | null; artifact: Artifact | null; sealedUnder: string }

export async function tellEndpoints(house: RelayHouse, t: Tx, scope: Scope, told: Told): Promise<void> {
  const { thread } = told
  const news = await newsOf(house, t, scope, told)
  const frame = await streamOf(house, t, scope, told, news)
  await house.callbacks.deliver(t, scope, {
    ...{ eventId: told.id, type: told.type, side: 'caller', subjects: [thread.id], key: thread.id },
    ...{ relayGrantId: thread.relay_grant_id, sealedUnder: news.sealedUnder },
    data: (form) => bodyOf(house, told, news, form),
    ...(frame === null ? {} : { stream: () => frame }),
  })
}

/** What is told beside the thread itself: the message that brought it there, or the result that is complete. */
async function newsOf(house: RelayHouse, t: Tx, scope: Scope, told: Told): Promise<News> {
  const { thread } = told
  const id = told.message?.id ?? told.data.message_id
  const found = told.message ?? (typeof id === 'string' ? await findMessage(t, scope, thread.id, id) : null)
  const row = found?.side === 'owner' && found.state !== 'held' && found.state !== 'refused' ? found : null
  const sealedUnder = row && (await keptAs(t, scope, thread, row))
  if (!row || !sealedUnder) {
    const day = new Date(t.now.getTime() + KEPT_DAYS * DAY_MS).toISOString().slice(0, 10)
    const [message = null] = row ? await shown(house, t, scope, [{ ...row, payload: null }]) : []
    return { message, artifact: null, sealedUnder: `relay_day:${day}` }
  }
  const [message = null] = await shown(house, t, scope, [row])
  const artifact = row.kind === 'artifact' ? await artifactOf(house, t, scope, thread, row) : null
  return { message, artifact, sealedUnder }
}

/** Null: what it says is gone with the end of the thread, which is now (R108). */
async function keptAs(t: Tx, scope: Scope, thread: ThreadRow, row: MessageRow): Promise<string | null> {
  if (row.subject === null || row.payload === null) return null
  if (!isEnded(thread.state) || row.subject.startsWith('relay_day:')) return row.subject
  const card = await findCard(t, scope, { id: thread.card_id })
  return card?.retention_days === 0 ? null : row.subject
}

/** Whole, whatever the pieces were in which it came. */
async function artifactOf(house: RelayHouse, t: Tx, scope: Scope, thread: ThreadRow, row: MessageRow): Promise<Artifact | null> {
  const pieces = (await listMessages(t, scope, thread.id, 0, MOST_PIECES, ['artifact'])).filter(
    (one) => one.artifact_id === row.artifact_id && one.sequence <= row.sequence,
  )
  return mergeArtifacts(await shown(house, t, scope, pieces))[0] ?? null
}

function bodyOf(house: RelayHouse, told: Told, { message, artifact }: News, form: 'full' | 'thin') {
  const { thread } = told
  const { id, state, outcome, reason, context_id, caller, skill, operation_id, error } = showThread(thread, house.origin())
  const asked = told.data.approval as { task_id: string; side: string; expires_at: string } | undefined
  const approval = asked ? { ...asked, url: taskUrl(house.origin(), asked.task_id) } : null
  return {
    agent: thread.slug,
    thread: {
      ...{ id, state, outcome, reason, context_id, sequence: told.sequence, caller, skill, operation_id },
      ...(approval ? { approval } : {}),
      ...(error ? { error } : {}),
    },
    ...(message ? { message: form === 'thin' || artifact ? envelopeOf(message) : message } : {}),
    ...(artifact && form === 'full' ? { artifact } : {}),
    links: linksOf(house.origin(), thread),
  }
}

function envelopeOf(message: Message) {
  const { parts: _parts, metadata: _metadata, name: _name, description: _description, ...envelope } = message
  return envelope
}

const ADDRESSES_AT_ONCE = 1_000

type GrantNews = 'relay_grant.expiring' | 'relay_grant.rotated' | 'relay_grant.revoked'

/** On the record of both sides, and at each address of the threads of this relay grant once: it is about to end, has another token, or is over. */
export async function tellGrantWide(
  house: Pick<RelayHouse, 'callbacks' | 'origin'>,
  t: Tx,
  scope: Scope,
  type: GrantNews,
  grant: GrantRow,
  more: EventData,
): Promise<void> {
  const eventId = await tellGrant(t, scope, type, grant, more)
  const day = new Date(t.now.getTime() + KEPT_DAYS * DAY_MS).toISOString().slice(0, 10)
  const { id, slug, state, expires_at } = grant
  for (const { endpoint_id, thread_id } of await threadsTelling(t, scope, id, ADDRESSES_AT_ONCE))
    await house.callbacks.deliver(t, scope, {
      ...{ eventId, type, side: 'caller', subjects: [thread_id], only: [endpoint_id], key: thread_id },
      ...{ relayGrantId: id, sealedUnder: `relay_day:${day}` },
      data: () => ({
        agent: slug,
        relay_grant: { id, state, expires_at: expires_at?.toISOString() ?? null, ...more },
        links: { relay_grant: `${house.origin()}/api/v1/relay-grants/${id}` },
      }),
    })
}
