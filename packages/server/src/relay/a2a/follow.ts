// Streams (R93, R96, R97): a snapshot, then a frame for every change of state and every piece of an artifact, each once and in order, equal for every reader. Whoever follows is
// registered before the snapshot is read, so nothing falls between; what ends the stream is what the thread says, and a client that leaves ends it at once.
import type { StreamResponse } from '@a2a-js/sdk'
import { UnsupportedOperationError } from '@a2a-js/sdk/errors'
import { tx } from '../../db/tx.ts'
import { eventsAfter } from '../held/read.ts'
import { isEnded, type Message, type Thread, type ThreadEvent, type ThreadState } from '../model.ts'
import { readerOf } from '../requests/with-message.ts'
import { readTogether } from '../threads/page.ts'
import { readWhole, seeThread, shown, untilMoved } from '../threads/read.ts'
import { showEvent, showThread } from '../threads/show.ts'
import { findMessage } from '../threads/sql.ts'
import { type Call, knowsRelay, refuseScope, refuseUnapproved } from './call.ts'
import { Malformed } from './errors.ts'
import { ARTIFACTS, type Entered, enteredBy, TYPES } from './frames.ts'
import type { A2aHouse } from './house.ts'
import { endsSendStream, taskStateOf } from './map.ts'
import { accept } from './send.ts'
import { lastOfTypes } from './sql.ts'
import { artifactUpdateOf, directAnswerOf, directMessageOf, statusUpdateOf, taskOf } from './task.ts'

const PAGE = 100
/** How long a card that may answer without a task holds the first frame back (R93). */
const DIRECT_MS = 1_000

type Follow = { threadId: string; after: number | null; endsWithTurn: boolean; mayBeDirect: boolean }

export async function* sendAndFollow(house: A2aHouse, call: Call): AsyncGenerator<StreamResponse, void, undefined> {
  const sent = await accept(house, call)
  const mayBeDirect = sent.first && call.card.direct_messages
  const scope = await readerOf(house, call.scope, sent.thread_id)
  if (mayBeDirect) await untilMoved(house, scope, sent.thread_id, hasSpoken, DIRECT_MS, call.signal)
  yield* frames(house, { ...call, scope }, { threadId: sent.thread_id, after: null, endsWithTurn: true, mayBeDirect: sent.first })
}

const hasSpoken = ({ state }: { state: ThreadState }): boolean => !['queued', 'delivering', 'awaiting_approval'].includes(state)

export async function* resubscribe(
  house: A2aHouse,
  call: Call,
  threadId: string,
): AsyncGenerator<StreamResponse, void, undefined> {
  await refuseUnapproved(house, call)
  await refuseScope(call, 'thread.read')
  const thread = await tx(house.db, call.scope, (t) => seeThread(t, call.scope, threadId), { readOnly: true })
  const after = resumedFrom(call.lastEventId, thread.sequence)
  if (isEnded(thread.state) && !(after !== null && knowsRelay(call)))
    throw new UnsupportedOperationError('The task has ended: read it instead.')
  yield* frames(house, call, { threadId, after, endsWithTurn: false, mayBeDirect: false })
}

function resumedFrom(given: string | undefined, last: number): number | null {
  if (given === undefined) return null
  const at = /^\d{1,15}$/.test(given) ? Number(given) : Number.NaN
  if (at <= last) return at
  const description = 'Must be the number of a frame of this task.'
  throw new Malformed('INVALID_PARAMS', `Last-Event-ID: ${description}`, [{ field: 'Last-Event-ID', description }])
}

async function* frames(house: A2aHouse, call: Call, follow: Follow): AsyncGenerator<StreamResponse, void, undefined> {
  const { threadId, endsWithTurn } = follow
  const watch = house.waits.watch(call.scope.tenantId, threadId)
  const left = new Promise<void>((resolve) => {
    if (call.signal.aborted) resolve()
    else call.signal.addEventListener('abort', () => resolve(), { once: true })
  })
  const isOver = (state: Pick<Thread, 'state' | 'outcome'>) =>
    isEnded(state.state) || (endsWithTurn && endsSendStream(taskStateOf(state)))
  try {
    const view = await readWhole(house, call.scope, threadId)
    const direct = follow.mayBeDirect ? directAnswerOf(view) : null
    if (direct) {
      yield { payload: { $case: 'message', value: directMessageOf(view.thread, direct) } }
      return
    }
    yield { payload: { $case: 'task', value: taskOf(view) } }
    let at = follow.after ?? view.thread.sequence
    if (at >= view.thread.sequence && isOver(view.thread)) return
    for (let previous: number | null = null; !call.signal.aborted; ) {
      const page = await readPage(house, call, threadId, at, previous)
      for (const { frame, entered } of page.made) {
        yield frame
        if (entered && isOver(entered)) return
      }
      at = page.at
      previous = page.previous
      if (page.isFull) continue
      if (isEnded(page.thread.state)) return
      await Promise.race([left, watch.moved(at)])
      if (watch.isLost) return
    }
  } finally {
    watch.end()
  }
}

type Made = { frame: StreamResponse; entered: Entered | null }

/** The next events as frames. `previous`: of the last frame before them, if it is known. */
const readPage = (house: A2aHouse, { scope }: Call, threadId: string, after: number, previous: number | null) =>
  readTogether(house, scope, threadId, `frames ${after} ${previous}`, async (t) => {
    const row = await seeThread(t, scope, threadId)
    const thread = showThread(row, house.origin())
    const events = (await eventsAfter(t, scope, row, after, PAGE)).map((one) => showEvent(scope, row, one))
    let before = previous ?? (await lastOfTypes(t, scope, threadId, after, TYPES)).sequence
    const made: Made[] = []
    for (const event of events.filter((one) => TYPES.includes(one.type))) {
      const id = event.data.message_id
      const found = typeof id === 'string' ? await findMessage(t, scope, threadId, id) : undefined
      const isSaid = found && (found.side === 'caller' || (found.state !== 'held' && found.state !== 'refused'))
      const [message = null] = isSaid ? await shown(house, t, scope, [found]) : []
      const one = frameOf(house, thread, event, message, before)
      if (!one) continue
      made.push(one)
      before = event.sequence
    }
    const at = events.at(-1)?.sequence ?? after
    return { thread, made, at, previous: before, isFull: events.length === PAGE }
  })

function frameOf(house: A2aHouse, thread: Thread, event: ThreadEvent, message: Message | null, previous: number): Made | null {
  if (ARTIFACTS.includes(event.type)) {
    if (!message) return null
    const piece = { ...message, last_chunk: event.type === 'artifact.completed' }
    return {
      frame: { payload: { $case: 'artifactUpdate', value: artifactUpdateOf(thread, event, piece, { previous }) } },
      entered: null,
    }
  }
  const entered = enteredBy(house, thread, event)
  const spoken = message?.side === 'owner' ? message : null
  const value = statusUpdateOf(thread, event, entered, spoken, { previous })
  return { frame: { payload: { $case: 'statusUpdate', value } }, entered }
}
