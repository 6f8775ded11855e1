// A message that may go to the owner's agent is sent on its way in the transaction that let it go (relay.md R40, R42): as it is accepted, as people release it, and when the card's
// mode changes. Each message once, in the order of its thread; behind one that people are asked about nothing leaves.
import { enqueue } from '@countersign/queue'
import type { Scope, Tx } from '../../db/tx.ts'
import type { ThreadHook, Told } from '../house.ts'
import { isEnded } from '../model.ts'
import { openPayloads } from '../threads/payload.ts'
import { linksOf, showMessage, showThread } from '../threads/show.ts'
import { listUndelivered, lockThread, type MessageRow, type ThreadRow } from '../threads/sql.ts'
import type { DeliveryHouse, Telling } from './house.ts'
import { eventOf, findPushed, findSending, forgetSendings, insertSendings, type Mode, threadsWithWaiting } from './sql.ts'
import { openUpstream } from './upstream/sql.ts'

export const CALL = 'relay.call'
export const CANCEL = 'relay.call_cancel'
export const MOVE = 'relay.move'

/** A message may be ready with it: as it came, or as people agreed to it. */
const LETS_GO = ['message.accepted', 'approval.decided']

/** Registered among what follows the events of threads. */
export const followDeliveries =
  (house: DeliveryHouse): ThreadHook =>
  async (t, scope, told) => {
    await takeBack(
      house,
      t,
      scope,
      told.filter((one) => isTakenBack(one)),
    )
    const going = new Map<string, Told>()
    for (const one of told)
      if (one.type === 'thread.queued' || (LETS_GO.includes(one.type) && one.message?.side === 'caller'))
        going.set(one.thread.id, { ...one, ...going.get(one.thread.id) })
    await sendWaiting(
      house,
      t,
      scope,
      [...going.values()].map(({ thread, ...just }) => ({ thread, just })),
    )
    const ended = told.filter(({ thread, type }) => isEnded(thread.state) && type === `thread.${thread.state}`)
    for (const { thread_id } of await openUpstream(
      t,
      scope,
      ended.map(({ thread }) => thread.id),
    ))
      await enqueue(t, { kind: CANCEL, tenantId: scope.tenantId, payload: { thread_id } })
  }

/** Somebody else than its delivery has settled it: withdrawn, or answered from the inbox. */
const isTakenBack = ({ type, data, message }: Told): boolean =>
  message !== null &&
  (type === 'message.withdrawn' || (type === 'message.delivered' && data.via !== 'push' && data.via !== 'a2a'))

async function takeBack(house: DeliveryHouse, t: Tx, scope: Scope, gone: readonly Told[]): Promise<void> {
  const ids = gone.flatMap(({ message }) => message?.id ?? [])
  for (const { thread_id, message_id } of await findPushed(t, scope, ids))
    await house.deliveries.cancel(t, scope, thread_id, 'owner', [message_id])
}

/** What told of it, where it was just accepted: its event, and how long its caller waits for the answer. */
type Just = { id: string; message: MessageRow | null; waitMs?: number | undefined }

/** Threads of which something may go, each once; `just`: what was accepted in it a moment ago. */
type Ready = { thread: ThreadRow; just: Just | null }
type Sending = {
  thread: ThreadRow
  message: MessageRow
  mode: 'push' | 'a2a'
  /** What told of it. */
  toldBy: string | null
  waitMs: number | undefined
  /** Until when this process has it to itself; null: it leaves it to the job. */
  runsUntil: Date | null
}

export async function sendWaiting(house: DeliveryHouse, t: Tx, scope: Scope, all: readonly Ready[]): Promise<void> {
  const going = await goingOf(house, t, scope, all)
  if (going.length === 0) return
  const rows = going.map(({ message, mode, runsUntil }) => ({ message, mode, runsUntil }))
  const begun = new Set((await insertSendings(t, scope, rows)).map(({ message_id }) => message_id))
  const fresh = going.filter(({ message }) => begun.has(message.id))
  const pushed = fresh.filter(({ mode }) => mode === 'push')
  if (pushed.length > 0) await deliver(house, t, scope, pushed)
  for (const { thread, message, mode, runsUntil } of fresh) {
    if (mode !== 'a2a') continue
    await enqueueCall(t, scope, message, runsUntil)
    if (runsUntil) house.runner?.offer(t, thread.card_id, (signal) => house.call(scope.tenantId, message, signal))
  }
}

/** What of these threads may go now, in its order; behind one that people are asked about nothing does. */
async function goingOf(house: DeliveryHouse, t: Tx, scope: Scope, all: readonly Ready[]): Promise<Sending[]> {
  const open = all.filter(
    ({ thread: { state, delivery_mode } }) => !isEnded(state) && state !== 'awaiting_approval' && delivery_mode !== 'inbox',
  )
  const ids = open.flatMap(({ thread, just }) => (isFirst(thread, just) ? [] : [thread.id]))
  const left = ids.length === 0 ? [] : await listUndelivered(t, scope, ids)
  const hasRoom = house.runner?.rooms() ?? (() => false)
  return open.flatMap(({ thread, just }) => {
    const waiting = isFirst(thread, just) ? [just.message] : left.filter(({ thread_id }) => thread_id === thread.id)
    const held = waiting.findIndex(({ state }) => state === 'held')
    return (held < 0 ? waiting : waiting.slice(0, held))
      .filter(({ state }) => state === 'queued')
      .map((message): Sending => {
        const mode = thread.delivery_mode as 'push' | 'a2a'
        const toldBy = just?.message?.id === message.id ? just.id : null
        const waitMs = message === waiting.at(-1) ? just?.waitMs : undefined
        const runsUntil = mode === 'a2a' && hasRoom(thread.card_id) ? new Date(t.now.getTime() + OFFERED_MS) : null
        return { thread, message, mode, toldBy, waitMs, runsUntil }
      })
  })
}

/** Nothing else was ever sent to it. */
const isFirst = (thread: ThreadRow, just: Just | null): just is Just & { message: MessageRow } =>
  just?.message?.sequence === FIRST && thread.sequence === FIRST
const FIRST = 2
/** How long the process that accepted a message has it to itself before its job comes (R43). */
const OFFERED_MS = 5_000

/** `at`: when its job is to come; one that waits comes then instead. */
export const enqueueCall = (t: Tx, scope: Scope, message: Pick<MessageRow, 'id' | 'thread_id'>, at: Date | null = null) =>
  enqueue(t, {
    kind: CALL,
    tenantId: scope.tenantId,
    payload: { thread_id: message.thread_id, message_id: message.id },
    unique: { key: message.id, onConflict: 'replace' },
    ...(at ? { runAt: at } : {}),
  })

async function deliver(house: DeliveryHouse, t: Tx, scope: Scope, all: readonly Sending[]): Promise<void> {
  const messages = all.map(({ message }) => message)
  const payloads = await openPayloads(house, t, scope, messages)
  const tellings: Telling[] = []
  for (const { thread, message, toldBy, waitMs } of all) {
    const eventId = toldBy ?? (await eventOf(t, scope, message))?.id
    const payload = payloads.get(message.id)
    // What is gone is nobody's to send; the inbox says so.
    if (!eventId || !payload) continue
    const shown = showMessage(message, payload, t.now)
    const { parts: _parts, metadata: _metadata, ...envelope } = shown
    tellings.push({
      ...{ eventId, type: 'message.accepted', side: 'owner', subjects: [thread.card_id], key: thread.id },
      ...{ messageId: message.id, relayGrantId: thread.relay_grant_id, sealedUnder: message.subject as string },
      ...(waitMs === undefined ? {} : { waitMs }),
      data: (form) => ({
        agent: thread.slug,
        thread: threadOf(house, thread),
        message: form === 'thin' ? envelope : shown,
        links: linksOf(house.origin(), thread),
      }),
    })
  }
  if (tellings.length > 0) await house.deliveries.deliverAll(t, scope, tellings)
}

function threadOf(house: DeliveryHouse, thread: ThreadRow) {
  const { id, state, outcome, reason, context_id, sequence, caller, skill, operation_id } = showThread(thread, house.origin())
  return { id, state, outcome, reason, context_id, sequence, caller, skill, operation_id }
}

const THREADS_AT_ONCE = 200

/** What nobody has taken yet goes the card's way from now on (R40). An attempt on its way may land: its answer is heard, and nothing is sent twice. */
export async function moveWaiting(house: DeliveryHouse, t: Tx, scope: Scope, cardId: string, mode: Mode): Promise<void> {
  for (let after = ''; ; ) {
    const found = await threadsWithWaiting(t, scope, cardId, after, THREADS_AT_ONCE)
    for (const { id } of found) {
      const thread = await lockThread(t, scope, id)
      if (!thread || isEnded(thread.state)) continue
      const waiting = (await listUndelivered(t, scope, [id])).filter(({ state }) => state === 'queued')
      const others: string[] = []
      for (const message of waiting) {
        const sending = await findSending(t, scope, message.id)
        if (sending && sending.mode !== mode) others.push(message.id)
      }
      if (others.length > 0) {
        await house.deliveries.cancel(t, scope, id, 'owner', others)
        await forgetSendings(t, scope, others)
      }
      await sendWaiting(house, t, scope, [{ thread, just: null }])
    }
    const last = found.at(-1)
    if (!last || found.length < THREADS_AT_ONCE) return
    after = last.id
  }
}
