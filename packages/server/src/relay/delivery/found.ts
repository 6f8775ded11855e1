// What deliveries of messages are about, read once for all of them: their threads as they are under their locks, the messages with the fence of whoever took them last, and the
// cards. Changes nothing.
import { sha256 } from '../../crypto/token.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import { lockedThread } from '../threads/locked.ts'
import { type CardRow, findCard, lockThreads, type ThreadRow } from '../threads/sql.ts'
import type { BoundDelivery } from './house.ts'
import { type FencedRow, findFenced } from './sql.ts'

export type Found = { thread: ThreadRow; message: FencedRow; card: CardRow }

/** By the delivery's id; one that is about no message, or about one that is gone, is not in the answer. */
export async function findAll(t: Tx, scope: Scope, deliveries: readonly BoundDelivery[]): Promise<Map<string, Found>> {
  const found = new Map<string, Found>()
  const all = deliveries.flatMap(({ id, key, messageId }) => (messageId === null ? [] : [{ id, key, messageId }]))
  if (all.length === 0) return found
  const threads = await threadsOf(t, scope, [...new Set(all.map(({ key }) => key))])
  const rows = await findFenced(
    t,
    scope,
    all.map(({ messageId }) => messageId),
  )
  const messages = new Map(rows.map((row) => [row.id, row]))
  const cards = new Map<string, CardRow | null>()
  for (const { id, key, messageId } of all) {
    const thread = threads.get(key)
    const message = messages.get(messageId)
    if (!thread || message?.thread_id !== key) continue
    if (!cards.has(thread.card_id)) cards.set(thread.card_id, await findCard(t, scope, { id: thread.card_id }))
    const card = cards.get(thread.card_id)
    if (card) found.set(id, { thread, message, card })
  }
  return found
}

async function threadsOf(t: Tx, scope: Scope, ids: readonly string[]): Promise<Map<string, ThreadRow>> {
  const known = ids.flatMap((id) => lockedThread(t, id) ?? [])
  const missing = ids.filter((id) => lockedThread(t, id) === undefined)
  const rows = missing.length === 0 ? [] : await lockThreads(t, scope, missing)
  return new Map([...known, ...rows].map((row) => [row.id, row]))
}

/** The fence of one attempt; names no secret and needs none. */
export const fenceOf = ({ id, attempt }: BoundDelivery): Buffer => sha256(`${id}.${attempt}`)

/** Whether this very attempt still holds the message. */
export const isHeld = ({ message: { state, claim_hash } }: Found, delivery: BoundDelivery): boolean =>
  state === 'delivering' && claim_hash !== null && claim_hash.equals(fenceOf(delivery))

/** Each thread once in a round: of two deliveries about one thread the second stands on what the first makes of it. */
export function roundsOf<T>(all: readonly T[], threadOf: (one: T) => string): T[][] {
  const rounds: T[][] = []
  const met = new Map<string, number>()
  for (const one of all) {
    const n = met.get(threadOf(one)) ?? 0
    met.set(threadOf(one), n + 1)
    rounds[n] = [...(rounds[n] ?? []), one]
  }
  return rounds
}

/** What is written of threads is written for one card at a time. */
export function byCard<T extends Found>(all: readonly T[]): { card: CardRow; ofCard: T[] }[] {
  const cards = new Map(all.map(({ card }) => [card.id, card]))
  return [...cards.values()].map((card) => ({ card, ofCard: all.filter((one) => one.card.id === card.id) }))
}
