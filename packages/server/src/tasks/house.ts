// What this room needs from the outside; main wires it once. Holds nothing by itself.
import type { Keyring } from '../crypto/keyring.ts'
import type { Scope } from '../db/scope.ts'
import type { Db, Tx } from '../db/tx.ts'
import type { Door } from '../egress/fetch.ts'
import type { Continuation } from '../identity/policies/countersign.ts'
import type { Policies } from '../identity/policies/judge.ts'
import type { Log } from '../std/log.ts'
import type { HeldActs } from './asks/held.ts'
import type { Channel, ChannelName } from './channels/channel.ts'
import type { Forms } from './forms/answer.ts'
import type { Waits } from './wait.ts'
import type { WaitSlots } from './wait-slots.ts'

/** One delivery each, in the transaction of the event that it tells of: sent, tried again, logged and replayed like any other. */
export type DeliverCallbacks = (
  t: Tx,
  scope: Scope,
  callbacks: readonly { eventId: string; type: string; taskId: string; url: string; mode: 'standard' | 'awaithumans' }[],
) => Promise<void>

export type TasksHouse = {
  db: Db
  keyring: Keyring
  log: Log
  forms: Forms
  waits: Waits
  slots: WaitSlots
  /** Where people reach the server, without a slash at the end; known once it listens. */
  origin(): string
  policies: Policies
  /** The ways in which people are told and heard, each handed in by main. */
  channels: ReadonlyMap<ChannelName, Channel>
  /** What the house does by itself once people have agreed, by the action that policy asked about; each handed in by main. */
  continuations: ReadonlyMap<string, Continuation>
  /** Rooms that keep their waiting acts themselves, by the origin of their tasks. */
  held: ReadonlyMap<string, HeldActs>
  /** In development notices go to any address. */
  development: boolean
  deliver: DeliverCallbacks
  /** The only way out: what verifiers ask models through. */
  door: Door
  /** An address before anything is stored: the normalised URL, or `url_invalid`, `url_not_allowed`. */
  checkUrl(url: string, path: string, tenantId: string): string | Promise<string>
}
