// What deliveries need beside the relay's house; main hands it in, for the rooms that know endpoints and stored credentials are none that the relay may know. Holds nothing by itself.

import type { CallerClaims } from '../../crypto/caller-proof.ts'
import type { Runner } from '../../db/runner.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import type { CardsHouse } from '../cards/house.ts'
import type { RelayHouse } from '../house.ts'
import type { Side } from '../model.ts'
import type { RunCall } from './upstream/run.ts'

export type EndpointWishes = {
  url: string
  secret?: string
  endpoint_id?: string
  generate_secret?: boolean
  mode?: 'foragent' | 'standard'
  thin?: boolean
  ed25519?: boolean
}
/** Checked and ready to be put; what is in it is the other room's. */
export type PreparedEndpoint = object
export type Binding = { boundTo: string; side: Side }
export type ShownEndpoint = { id: string; url: string; mode: string; state: string }

export type Telling = {
  eventId: string
  type: string
  side: Side
  subjects: readonly string[]
  key: string
  messageId?: string | null
  /** Somebody waits for the answer, and for so long (R60). */
  waitMs?: number
  relayGrantId: string | null
  sealedUnder: string
  data(form: 'full' | 'thin'): unknown
}

/** Signed deliveries to endpoints that are bound to a card. Methods, so that whoever hands them in may know more of their arguments. */
export type Deliveries = {
  /** Asks the network; before the transaction. */
  prepare(whose: { side: 'owner'; tenantId: string }, wishes: EndpointWishes, at?: string): Promise<PreparedEndpoint>
  put(
    t: Tx,
    scope: Scope,
    place: Binding & { relayGrantId: string | null },
    wanted: PreparedEndpoint,
  ): Promise<{ endpoint: ShownEndpoint; secret: string | null }>
  list(t: Tx, scope: Scope, binding: Binding): Promise<ShownEndpoint[]>
  remove(t: Tx, scope: Scope, binding: Binding, which: 'all'): Promise<number>
  deliverAll(t: Tx, scope: Scope, all: readonly Telling[]): Promise<{ id: string }[][]>
  /** One signed request to each endpoint of a card; what came of it reaches `settled`. */
  ping(t: Tx, scope: Scope, binding: Binding): Promise<{ id: string }[]>
  cancel(t: Tx, scope: Scope, key: string, side: Side, messageIds?: readonly string[] | null): Promise<number>
}

/** As the room of deliveries tells of one. */
export type BoundDelivery = {
  id: string
  boundTo: string
  side: Side
  key: string
  type: string
  messageId: string | null
  attempt: number
  trigger: 'auto' | 'manual' | 'bulk' | 'test'
}
export type BoundAttempt = { caller?: CallerClaims; replyToken?: string; replyBytes?: number }
export type BoundAnswer = { status: number; type: string | null; body: Buffer }
export type BoundResult = {
  state: 'succeeded' | 'exhausted' | 'pending' | 'held' | 'cancelled'
  status: number | null
  class: string | null
  nextAt: Date | null
}

/** Headers that open what the connection is for, fresh; null: it cannot be used just now, or not for this origin. */
export type CredentialFor = (tenantId: string, connectionId: string, origin: string) => Promise<Record<string, string> | null>

/** Throws `forbidden` or `not_found` for whoever may not have others act with the connection. */
export type MayNameConnection = (scope: Scope, connectionId: string) => Promise<void>

/** The keys that the operator knows cards of this origin by; null: none are pinned for it. */
export type PinnedKeys = (origin: string) => readonly Readonly<Record<string, unknown>>[] | null

export type DeliveryHouse = RelayHouse &
  CardsHouse & {
    pinnedKeys: PinnedKeys
    deliveries: Deliveries
    credentialFor: CredentialFor
    mayNameConnection: MayNameConnection
    /** Where this process runs jobs: what it accepts, it also begins (R43). */
    runner: Runner | null
    call: RunCall
  }
