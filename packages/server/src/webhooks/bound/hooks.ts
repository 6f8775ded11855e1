// What whoever binds endpoints is asked, in the transactions that take and settle deliveries (relay.md R42, R46, R60). The room of webhooks knows neither threads nor
// messages: it names what a delivery is about by ids and hands over what came back.
import type { CallerClaims } from '../../crypto/caller-proof.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import type { AttemptClass } from '../sending/outcome.ts'

export type Side = 'owner' | 'caller'

export type BoundDelivery = {
  id: string
  endpointId: string
  /** The card, thread, relay grant or request that its endpoint is bound to. */
  boundTo: string
  side: Side
  /** What it is about, one after the other: a thread, most often. */
  key: string
  eventId: string
  type: string
  messageId: string | null
  relayGrantId: string | null
  attempt: number
  trigger: 'auto' | 'manual' | 'bulk' | 'test'
}

/** What one attempt has and the next has not. */
export type BoundAttempt = {
  /** Says who speaks: `Countersign-Caller`. */
  caller?: CallerClaims
  /** Made for this attempt: `Countersign-Reply-Token`. */
  replyToken?: string
  /** So much of an answer is read; without it none is. */
  replyBytes?: number
}

export type BoundAnswer = { status: number; type: string | null; body: Buffer }

/** `pending`: it is tried again at `nextAt`. */
export type BoundResult = {
  state: 'succeeded' | 'exhausted' | 'pending' | 'held' | 'cancelled'
  status: number | null
  class: AttemptClass
  nextAt: Date | null
}

export type BoundSettled = { delivery: BoundDelivery; result: BoundResult }

export type BoundHooks = {
  /** Locks what these keys name, in their order, before any of their deliveries is locked: who changes a thread and who delivers to it take turns there. */
  hold(t: Tx, scope: Scope, keys: readonly string[]): Promise<void>
  /** As attempts begin. One that is not in the answer may not leave any more, and is cancelled. */
  attempt(t: Tx, scope: Scope, deliveries: readonly BoundDelivery[]): Promise<Map<string, BoundAttempt>>
  /** What an owner's agent answered with 2xx, in the transaction that settles the attempt. `invalid`: it is no answer, and the attempt failed. */
  answered(t: Tx, scope: Scope, delivery: BoundDelivery, answer: BoundAnswer): Promise<'taken' | 'invalid'>
  /** After every attempt. */
  settled(t: Tx, scope: Scope, all: readonly BoundSettled[]): Promise<void>
}
