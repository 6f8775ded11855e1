// Reading threads (relay.md R34, R38, R53, R59, R97): by either side, in the order of the one counter, and waiting for the next number without a connection of the database.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { timeUp } from '../../db/version-waits.ts'
import { openCursor, pageOf } from '../../http/cursor.ts'
import type { EventStream } from '../../http/route.ts'
import { reach } from '../../identity/matrix.ts'
import { homeOf } from '../held/home.ts'
import { eventsAfter, heldMessages, openHeld } from '../held/read.ts'
import { type CallerRow, findCallerThread } from '../held/sql.ts'
import type { RelayHouse } from '../house.ts'
import { type Artifact, isEnded, type Message, type MessageKind, type Thread } from '../model.ts'
import { readTogether } from './page.ts'
import { openPayloads } from './payload.ts'
import { linksOf, showCallerThread, showEvent, showMessage, showOwnerThread, showThread } from './show.ts'
import {
  findMessage,
  findThread,
  listCallerThreads,
  listMessages,
  listThreads,
  type MessageRow,
  newestMessages,
  type ThreadFilter,
  type ThreadRow,
} from './sql.ts'
import { isPerson, noteView } from './view.ts'

const ALL_KINDS: readonly MessageKind[] = ['message', 'progress', 'artifact']
const MOST = 10_000
const STREAM_PAGE = 200

/** `not_found` also once its envelope's time is over. */
export async function seeThread(t: Tx, scope: Scope, id: string): Promise<ThreadRow | CallerRow> {
  // To its caller a thread is also what waits of it on the caller's own side.
  const row = homeOf(scope) ? await findCallerThread(t, scope, id) : await findThread(t, scope, id)
  if (!row || (row.kept_until !== null && row.kept_until <= t.now)) throw new Problem('not_found')
  return row
}

export async function getThread(
  house: RelayHouse,
  scope: Scope,
  id: string,
  query: { wait_seconds?: number | undefined; after?: number | undefined },
  signal: AbortSignal,
) {
  const { wait_seconds = 0, after } = query
  if (after !== undefined) await checkResume(house, scope, id, after)
  const row = await untilMoved(
    house,
    scope,
    id,
    (one) => isEnded(one.state) || one.sequence > (after ?? Number.POSITIVE_INFINITY),
    wait_seconds * 1000,
    signal,
  )
  return { ...showThread(row, house.origin()), links: linksOf(house.origin(), row) }
}

/** The thread once `enough` holds, or as it is when `ms` are over or the client has left. `seen`: a number at which it did not hold. */
export const untilMoved = (
  house: RelayHouse,
  scope: Scope,
  id: string,
  enough: (row: ThreadRow) => boolean,
  ms: number,
  signal: AbortSignal,
  seen: number | null = null,
): Promise<ThreadRow> =>
  readOnceMoved(house, scope, id, enough, { ms, signal, seen }, async () => {
    const row = await tx(house.db, scope, (t) => seeThread(t, scope, id), { readOnly: true })
    return { row, read: row }
  })

type Wait = { ms: number; signal: AbortSignal; seen: number | null }
/** The same for what is read with its row. */
async function readOnceMoved<T>(
  house: RelayHouse,
  scope: Scope,
  id: string,
  enough: (row: ThreadRow) => boolean,
  { ms, signal, seen }: Wait,
  look: () => Promise<{ row: ThreadRow; read: T }>,
): Promise<T> {
  if (ms === 0) return (await look()).read
  // To a caller of another tenant it is also what waits on their own side, of which nobody is told here.
  const wants = homeOf(scope) ? undefined : enough
  const watch = house.waits.watch(scope.tenantId, id)
  const over = timeUp(house.db.clock, ms, signal)
  try {
    if (seen !== null) {
      watch.look()
      await Promise.race([over.promise, watch.moved(seen, wants)])
    }
    for (;;) {
      const { row, read } = await look()
      if (enough(row) || over.is()) return read
      await Promise.race([over.promise, watch.moved(row.sequence, wants)])
    }
  } finally {
    over.cancel()
    watch.end()
  }
}

export const listThreadMessages = (
  house: RelayHouse,
  scope: Scope,
  id: string,
  query: { limit: number; cursor?: string | undefined },
): Promise<{ data: Message[]; next_cursor: string | null }> => {
  const { limit, cursor } = query
  const at = { tenantId: scope.tenantId, route: 'GET /threads/:id/messages', filter: { id } }
  return tx(
    house.db,
    scope,
    async (t) => {
      const thread = await seeThread(t, scope, id)
      const after = cursor === undefined ? 0 : openCursor<number>(house.keyring, at, cursor, t.now)
      const rows = await listMessages(t, scope, id, after, limit + 1, ALL_KINDS)
      const page = pageOf(house.keyring, at, rows, { limit, now: t.now, position: (row) => row.sequence })
      const held = page.next_cursor === null ? await heldMessages(t, scope, thread) : []
      const data = await shown(house, t, scope, [...page.data, ...held])
      await noteView(t, scope, thread, data)
      return { ...page, data }
    },
    { readOnly: !isPerson(scope) },
  )
}

export async function shown(house: RelayHouse, t: Tx, scope: Scope, rows: readonly MessageRow[]): Promise<Message[]> {
  const payloads = await openPayloads(
    house,
    t,
    scope,
    rows.filter((row) => row.home === undefined),
  )
  const apart = await openHeld(house, t, scope, rows)
  return rows.map((row) => showMessage(row, payloads.get(row.id) ?? apart.get(row.id), t.now))
}

export const getMessage = (house: RelayHouse, scope: Scope, id: string, messageId: string): Promise<Message> =>
  tx(
    house.db,
    scope,
    async (t) => {
      const thread = await seeThread(t, scope, id)
      const row =
        (await findMessage(t, scope, id, messageId)) ?? (await heldMessages(t, scope, thread)).find((one) => one.id === messageId)
      const hidden = scope.relaySide === 'caller' && row?.side === 'owner' && row.sequence < 0
      if (!row || hidden) throw new Problem('not_found')
      const [message] = await shown(house, t, scope, [row])
      const state = (message as Message).payload_state
      if (state !== 'present')
        throw new Problem(state === 'erased' ? 'payload_erased' : 'payload_expired', {
          expired_at: row.expires_at?.toISOString() ?? null,
        })
      await noteView(t, scope, thread, [message as Message])
      return message as Message
    },
    { readOnly: !isPerson(scope) },
  )

export const listArtifacts = (house: RelayHouse, scope: Scope, id: string): Promise<Artifact[]> =>
  tx(
    house.db,
    scope,
    async (t) => {
      const thread = await seeThread(t, scope, id)
      const pieces = await shown(house, t, scope, await listMessages(t, scope, id, 0, MOST, ['artifact']))
      await noteView(t, scope, thread, pieces)
      return mergeArtifacts(pieces)
    },
    { readOnly: !isPerson(scope) },
  )

/** By `artifact_id`, in the order in which each first came: `append` adds parts, anything else replaces them (R53). */
export function mergeArtifacts(messages: readonly Message[]): Artifact[] {
  const merged = new Map<string, Artifact>()
  for (const message of messages) {
    const { artifact_id: id, parts } = message
    if (id === undefined || parts === undefined) continue
    const before = merged.get(id)
    merged.set(id, {
      artifact_id: id,
      name: message.name ?? before?.name ?? null,
      description: message.description ?? before?.description ?? null,
      parts: message.append && before ? [...before.parts, ...parts] : parts,
      is_complete: message.last_chunk !== false,
      sequence: message.sequence as number,
    })
  }
  return [...merged.values()]
}

/** A thread with its newest messages and its artifacts, read at one instant: what a snapshot of the A2A face is made of. */
export const readWhole = async (house: RelayHouse, scope: Scope, id: string, most = MOST_WHOLE): Promise<Whole> =>
  (await lookAtWhole(house, scope, id, most)).read

/** The same once `enough` holds, as `untilMoved`. */
export const readWholeOnceMoved = (
  house: RelayHouse,
  scope: Scope,
  id: string,
  enough: (row: ThreadRow) => boolean,
  wait: Wait,
): Promise<Whole> => readOnceMoved(house, scope, id, enough, wait, () => lookAtWhole(house, scope, id, MOST_WHOLE))

export type Whole = { thread: Thread; messages: Message[]; artifacts: Artifact[] }
/** Of the newest. */
const MOST_WHOLE = 100

const lookAtWhole = (house: RelayHouse, scope: Scope, id: string, most: number): Promise<{ row: ThreadRow; read: Whole }> =>
  tx(
    house.db,
    scope,
    async (t) => {
      const row = await seeThread(t, scope, id)
      const { said, pieces } = await partsOfWhole(t, scope, row, most)
      const all = await shown(house, t, scope, [...said, ...pieces])
      const [messages, artifacts] = [all.slice(0, said.length), mergeArtifacts(all.slice(said.length))]
      return { row, read: { thread: showThread(row, house.origin()), messages, artifacts } }
    },
    { readOnly: true, isolation: 'repeatable read' },
  )

/** No message is without a number of its thread: of a short one all are read at once. */
async function partsOfWhole(t: Tx, scope: Scope, thread: ThreadRow, most: number) {
  const held = await heldMessages(t, scope, thread)
  if (thread.sequence <= MOST_WHOLE) {
    const all = await listMessages(t, scope, thread.id, 0, MOST_WHOLE, ALL_KINDS)
    const isPiece = ({ kind }: MessageRow) => kind === 'artifact'
    return { said: [...all.filter((one) => !isPiece(one)), ...held].slice(-most), pieces: all.filter(isPiece) }
  }
  const newest = await newestMessages(t, scope, thread.id, most)
  const pieces = await listMessages(t, scope, thread.id, 0, MOST, ['artifact'])
  return { said: [...newest, ...held].slice(-most), pieces }
}

export const listEvents = (house: RelayHouse, scope: Scope, id: string, query: { after?: number | undefined; limit: number }) =>
  tx(
    house.db,
    scope,
    async (t) => {
      const thread = await seeThread(t, scope, id)
      const { after = 0, limit } = query
      refuseAhead(thread, after)
      const rows = await eventsAfter(t, scope, thread, after, limit)
      return { data: rows.map((row) => showEvent(scope, thread, row)), sequence: thread.sequence }
    },
    { readOnly: true },
  )

/** Every event above `after`, each once and in order, until the thread has ended and all of them were sent. */
export async function streamEvents(house: RelayHouse, scope: Scope, id: string, after: number, out: EventStream): Promise<void> {
  const watch = house.waits.watch(scope.tenantId, id)
  const left = new Promise<void>((resolve) => out.signal.addEventListener('abort', () => resolve(), { once: true }))
  try {
    for (let at = after; !out.signal.aborted; ) {
      const { thread, events } = await readTogether(house, scope, id, `events ${at}`, async (t) => {
        const thread = await seeThread(t, scope, id)
        return { thread, events: await eventsAfter(t, scope, thread, at, STREAM_PAGE) }
      })
      for (const row of events) {
        await out.send({
          id: String(row.sequence),
          event: row.type,
          data: { ...showEvent(scope, thread, row), previous_sequence: at },
        })
        at = row.sequence
      }
      if (events.length === STREAM_PAGE) continue
      if (isEnded(thread.state)) return
      await Promise.race([left, watch.moved(at)])
      if (watch.isLost) return
    }
  } finally {
    watch.end()
  }
}

/** A resumption names a number that this thread has given. */
export const checkResume = async (house: RelayHouse, scope: Scope, id: string, after: number): Promise<void> =>
  refuseAhead(await tx(house.db, scope, (t) => seeThread(t, scope, id), { readOnly: true }), after)

function refuseAhead({ sequence }: Pick<ThreadRow, 'sequence'>, after: number | undefined): void {
  if (after !== undefined && after > sequence)
    throw new Problem('validation_failed', {
      errors: [{ path: '/after', code: 'too_big', message: `The thread has come to ${sequence}.` }],
    })
}

export type ThreadQuery = ThreadFilter & { side?: 'caller' | 'owner' | undefined; limit: number; cursor?: string | undefined }

/** Envelopes of one side; `owner` unless said otherwise. */
export async function listOwnThreads(house: RelayHouse, scope: Scope, query: ThreadQuery) {
  const { limit, cursor, side = 'owner', ...filter } = query
  const at = { tenantId: scope.tenantId, route: 'GET /threads', filter: { ...filter, side } }
  return tx(
    house.db,
    scope,
    async (t) => {
      const before = cursor === undefined ? null : openCursor<string>(house.keyring, at, cursor, t.now)
      const page = { limit, now: t.now }
      if (side === 'owner') {
        const rows = await listThreads(t, scope, filter, before, limit + 1)
        const found = pageOf(house.keyring, at, rows, { ...page, position: (row) => row.id })
        return { ...found, data: found.data.map((row) => showOwnerThread(row, house.origin())) }
      }
      const own = {
        agent: scope.agentId,
        user: scope.agentId === null && reach(scope, 'thread.list') === 'own' ? scope.userId : null,
      }
      const rows = await listCallerThreads(t, scope, filter, own, before, limit + 1)
      const found = pageOf(house.keyring, at, rows, { ...page, position: (row) => row.thread_id })
      return { ...found, data: found.data.map((row) => showCallerThread(row, scope.tenantId, house.origin())) }
    },
    { readOnly: true },
  )
}
