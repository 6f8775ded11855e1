// The hosted inbox, pulled (relay.md T4–T7, R41): any number of workers share it with disjoint claims, in order within a thread and in turns between relay grants. A claim is a lease
// with a fence of its own; whoever comes late with an old one changes nothing.
import { Problem } from '@countersign/sdk'
import { randomToken, sha256 } from '../../crypto/token.ts'
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { timeUp } from '../../db/version-waits.ts'
import { reach } from '../../identity/matrix.ts'
import { noteWorker } from '../health/claimed.ts'
import type { RelayHouse } from '../house.ts'
import { isEnded } from '../model.ts'
import { type Change, changeThread, changeThreads, type Step, stepOf } from './change.ts'
import { isWhole, openPayloads, type Payload } from './payload.ts'
import {
  type CardRow,
  type ClaimedRow,
  claimMessages,
  extendClaim,
  findCard,
  findOnceClaimed,
  listUndelivered,
  lockClaimable,
  lockClaimed,
  type MessageRow,
  requeueMessage,
  settleMessages,
  type ThreadRow,
  withSettled,
} from './sql.ts'
import type { News } from './tell.ts'
import { inboxTopic } from './wait.ts'

/** After so many leases without an answer nobody is handed the message any more; people can answer it. */
export const MAX_LEASES = 10
const RETRY_MS = [5_000, 300_000, 1_800_000, 7_200_000] as const

export type ClaimInput = { limit: number; lease_seconds: number; wait_seconds: number; skills?: string[] | undefined }
export type Claimed = { thread: ThreadRow; message: MessageRow; payload: Payload; token: string }

/** The card that this scope may serve. */
export async function servedCard(t: Tx, scope: Scope, slug: string): Promise<CardRow> {
  const card = await findCard(t, scope, { slug })
  const own = reach(scope, 'thread.serve') === 'any' || card?.agent_id === null || card?.agent_id === scope.agentId
  if (!card || !own || card.state === 'retired') throw new Problem('not_found')
  return card
}

/** Answers at once when there is something, else when there is, else nothing after `wait_seconds`. */
export async function claim<T>(
  house: RelayHouse,
  scope: Scope,
  slug: string,
  input: ClaimInput,
  signal: AbortSignal,
  show: (t: Tx, all: Claimed[]) => Promise<T>,
): Promise<T> {
  let served: CardRow | undefined
  const attempt = (isLast: boolean) =>
    tx(house.db, scope, async (t) => {
      const card = served ?? (await servedInbox(t, scope, slug))
      served = card
      // Whoever has hung up would take what nobody else gets before its lease is over.
      const all = signal.aborted ? [] : await claimIn(house, t, scope, card, input)
      // An answer that says nothing yet is no answer: the next one is what a repeat is told.
      return all.length > 0 || isLast ? await show(t, all) : undefined
    })
  const over = timeUp(house.db.clock, input.wait_seconds * 1000, signal)
  let unsubscribe: () => void = () => undefined
  try {
    const first = await attempt(input.wait_seconds === 0)
    const { id } = served as unknown as CardRow
    // What was taken is answered, whether or not this could be written down.
    await noteWorker(house, scope, id).catch((error: unknown) => house.log.warn({ err: error }, 'a worker could not be noted'))
    if (first !== undefined) return first
    let woken: () => void = () => undefined
    unsubscribe = house.db.listen.subscribe(inboxTopic(id), () => woken())
    for (;;) {
      const rung = new Promise<void>((resolve) => {
        woken = resolve
      })
      const found = await attempt(over.is())
      if (found !== undefined) return found
      await Promise.race([rung, over.promise])
    }
  } finally {
    over.cancel()
    unsubscribe()
  }
}

async function servedInbox(t: Tx, scope: Scope, slug: string): Promise<CardRow> {
  const card = await servedCard(t, scope, slug)
  if (card.delivery_mode !== 'inbox') throw new Problem('delivery_mode', { mode: card.delivery_mode })
  return card
}

// Of threads that others hold at this moment some more are looked at, and where all were held, many more.
const LOOKS = 4
const LOOKS_AGAIN = 64

async function claimIn(house: RelayHouse, t: Tx, scope: Scope, card: CardRow, input: ClaimInput): Promise<Claimed[]> {
  const { limit, skills = null } = input
  let free = await lockClaimable(t, scope, card.id, { limit, looks: limit * LOOKS, skills })
  if (free.length === 0) free = await lockClaimable(t, scope, card.id, { limit, looks: limit * LOOKS_AGAIN, skills })
  if (free.length === 0) return []
  const tokens = new Map(free.map(({ message_id }) => [message_id, randomToken()]))
  const until = new Date(t.now.getTime() + input.lease_seconds * 1000)
  const rows = await claimMessages(
    t,
    scope,
    [...tokens].map(([id, token]) => ({ id, hash: sha256(token) })),
    scope.principal,
    until,
  )
  const payloads = await openPayloads(house, t, scope, rows)
  const claimed = new Map(rows.map((message) => [message.id, message]))
  const good: Taken[] = []
  for (const { message_id, ...thread } of free) {
    const message = claimed.get(message_id)
    if (!message) continue
    const fault = faultOf(message, payloads.get(message.id))
    if (fault) await exhaust(house, t, scope, card, thread, message, fault)
    else good.push({ thread, message })
  }
  const to = { state: 'delivering', claimedUntil: until } as const
  const threads = await changeThreads(
    house,
    t,
    scope,
    card,
    good.map(({ thread }) => ({ thread, to })),
  )
  return good.map(({ message }, i) => ({
    thread: threads[i] as ThreadRow,
    message,
    payload: payloads.get(message.id) as Payload,
    token: tokens.get(message.id) as string,
  }))
}

function faultOf(message: MessageRow, payload: Payload | undefined): string | null {
  if (message.attempts > MAX_LEASES) return 'leases_exhausted'
  if (!payload) return 'payload_expired'
  return isWhole(message, payload) ? null : 'payload_mismatch'
}

/** T7: it waits for a person, and holds up nobody behind it. */
export async function exhaust(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  card: CardRow,
  thread: ThreadRow,
  message: MessageRow,
  reason: string,
): Promise<ThreadRow> {
  if (reason === 'payload_mismatch')
    house.log.error({ thread_id: thread.id, message_id: message.id }, 'a message is not what was accepted; it goes nowhere')
  await requeueMessage(t, scope, message.id, { state: 'exhausted', at: null, reason })
  const news: News[] = [{ type: 'message.exhausted', message: { ...message, state: 'exhausted' }, data: { reason } }]
  const next =
    card.on_exhausted === 'fail'
      ? ({ state: 'failed', reason: 'delivery_exhausted', claimedUntil: null } as const)
      : ({ state: 'queued', claimedUntil: null } as const)
  return changeThread(house, t, scope, thread, card, next, news)
}

export type SettleInput = {
  claim_token: string
  action: 'ack' | 'extend' | 'release' | 'fail'
  reason?: string | undefined
  lease_seconds?: number | undefined
}
export type Settled = {
  claim_token: string
  status: 'ok' | 'lease_stale'
  message_id: string | null
  lease_expires_at: string | null
}

export const settle = <T>(
  house: RelayHouse,
  scope: Scope,
  slug: string,
  items: readonly SettleInput[],
  show: (all: Settled[]) => T,
): Promise<T> =>
  tx(house.db, scope, async (t) => {
    const card = await servedCard(t, scope, slug)
    const hashes = items.map(({ claim_token }) => sha256(claim_token))
    const threads = await lockClaimed(t, scope, card.id, hashes)
    // Read under the locks: whoever came first has changed it by now.
    const now = await findOnceClaimed(t, scope, hashes)
    const acks: Taken[] = []
    const all: Settled[] = []
    for (const [i, item] of items.entries()) {
      const message = now.find((one) => one.card_id === card.id && one.claim_hash.equals(hashes[i] as Buffer))
      const thread = threads.find((one) => one.id === message?.thread_id)
      all.push(message && thread ? await settleOne(house, t, scope, card, thread, message, item, acks) : staleOf(item))
    }
    await acknowledgeAll(house, t, scope, card, acks, 'inbox')
    return show(all)
  })

const AFTER: Record<SettleInput['action'], readonly MessageRow['state'][]> = {
  ack: ['delivered'],
  extend: [],
  release: ['queued'],
  fail: ['queued', 'exhausted'],
}
const staleOf = ({ claim_token }: SettleInput): Settled => ({
  ...{ claim_token, status: 'lease_stale', message_id: null, lease_expires_at: null },
})

export type Taken = { thread: ThreadRow; message: MessageRow }

/** What is only acknowledged is gathered: many are one statement. */
async function settleOne(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  card: CardRow,
  thread: ThreadRow,
  message: ClaimedRow,
  item: SettleInput,
  acks: Taken[],
): Promise<Settled> {
  const { action, reason, lease_seconds = 60, claim_token } = item
  const done: Settled = { claim_token, status: 'ok', message_id: message.id, lease_expires_at: null }
  const isMine = message.state === 'delivering' && message.claimed_until !== null && message.claimed_until > t.now
  if (!isMine) return AFTER[action].includes(message.state) ? done : staleOf(item)
  if (isEnded(thread.state)) return staleOf(item)
  if (action === 'extend') {
    const until = new Date(t.now.getTime() + lease_seconds * 1000)
    await extendClaim(t, scope, message.id, until)
    return { ...done, lease_expires_at: until.toISOString() }
  }
  if (action === 'ack') acks.push({ thread, message })
  else await giveBack(house, t, scope, card, thread, message, action === 'fail' ? wordOf(reason) : null)
  return done
}

/** It stands in events, which hold words and no content: what is no word is told as that it failed. */
const wordOf = (reason = 'failed'): string => (/^[a-z][a-z0-9_.:-]{0,63}$/.test(reason) ? reason : 'failed')

/** T5. A message of each thread at most. */
export async function acknowledgeAll(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  card: CardRow,
  taken: readonly Taken[],
  via: 'inbox' | 'push' | 'a2a',
): Promise<ThreadRow[]> {
  if (taken.length === 0) return []
  return changeThreads(
    house,
    t,
    scope,
    card,
    await taking(t, scope, taken, via),
    [],
    [withSettled(t, scope, idsOf(taken), settledBy(via))],
  )
}

/** The same of one whose thread changes once more right away: its messages are settled, and the thread's change is written with the next one. */
export async function acknowledgeFirst(t: Tx, scope: Scope, card: CardRow, taken: Taken, via: 'push' | 'a2a'): Promise<Step> {
  await settleMessages(t, scope, idsOf([taken]), settledBy(via))
  const [change] = await taking(t, scope, [taken], via)
  return stepOf(t.now, card, change as Change)
}

const idsOf = (taken: readonly Taken[]): string[] => taken.map(({ message }) => message.id)
const settledBy = (via: string) => ({ state: 'delivered' as const, reason: null, via })

/** The same, where not even that is written yet. `left`: what of the thread was not handed over yet. */
export function acknowledgeLater(
  t: Tx,
  scope: Scope,
  card: CardRow,
  taken: Taken,
  via: 'a2a',
  left: readonly MessageRow[],
): Step {
  const others = left.filter(({ id }) => id !== taken.message.id)
  const step = stepOf(t.now, card, takenAs(taken, via, others))
  return { ...step, left: others, writes: [withSettled(t, scope, idsOf([taken]), settledBy(via))] }
}

/** What becomes of their threads; they themselves are not read as waiting any more. */
async function taking(t: Tx, scope: Scope, taken: readonly Taken[], via: 'inbox' | 'push' | 'a2a'): Promise<Change[]> {
  const ids = new Set(idsOf(taken))
  const threadIds = taken.map(({ thread }) => thread.id)
  const left = (await listUndelivered(t, scope, threadIds)).filter(({ id }) => !ids.has(id))
  return taken.map((one) =>
    takenAs(
      one,
      via,
      left.filter(({ thread_id }) => thread_id === one.thread.id),
    ),
  )
}

const takenAs = ({ thread, message }: Taken, via: 'inbox' | 'push' | 'a2a', left: readonly MessageRow[]): Change => ({
  thread,
  to: { state: left.some(({ state }) => state === 'queued') ? 'queued' : 'waiting_owner', claimedUntil: null },
  news: [{ type: 'message.delivered', message: { ...message, state: 'delivered' }, data: { via } }],
})

export async function acknowledge(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  card: CardRow,
  thread: ThreadRow,
  message: MessageRow,
  via: 'inbox' | 'push' | 'a2a',
): Promise<ThreadRow> {
  const [now] = await acknowledgeAll(house, t, scope, card, [{ thread, message }], via)
  return now as ThreadRow
}

/** T6: a release costs nothing but the lease; a failure waits longer each time. */
async function giveBack(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  card: CardRow,
  thread: ThreadRow,
  message: MessageRow,
  failure: string | null,
): Promise<ThreadRow> {
  if (failure !== null && message.attempts >= MAX_LEASES) return exhaust(house, t, scope, card, thread, message, failure)
  const wait = RETRY_MS[Math.min(message.attempts, RETRY_MS.length) - 1] ?? 0
  const at = failure === null ? null : new Date(t.now.getTime() + wait)
  await requeueMessage(t, scope, message.id, { state: 'queued', at, reason: failure })
  t.wake(inboxTopic(card.id))
  const news: News[] =
    failure === null
      ? []
      : [{ type: 'delivery.failed', data: { message_id: message.id, reason: failure, attempt: message.attempts } }]
  return changeThread(house, t, scope, thread, card, { state: 'queued', claimedUntil: null }, news)
}
