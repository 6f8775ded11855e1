// A way to reach a human and hear back (T103). A channel shows what it is given and brings back who said what; it holds no rule of tasks, reads no row of
// theirs, and knows no other channel. What it is shown is masked already; what a person answers goes through the same verbs as from any page.
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import type { Task } from '../wire.ts'
import type { Heard, Incoming, Reply } from './heard.ts'

export type ChannelName = 'email' | 'slack' | 'webhook'

/** Who is told. At least one member says how. */
export type Party = {
  /** `usr_…`; null for an address that belongs to nobody here. */
  userId: string | null
  email: string | null
  displayName: string
  slackUserId: string | null
}

/** One message about one task in one channel, remembered so that it can be rewritten (T104). */
export type Notice = {
  /** `ntc_…`; the channel's own key against sending twice. */
  id: string
  tenantId: string
  taskId: string
  /** Of the task when it was written. */
  revision: number
  purpose: 'asked' | 'reminder' | 'escalated' | 'returned' | 'revised' | 'digest'
  /** Which sender of the channel: a mail identity, a workspace. Null: the default one. */
  identity: string | null
  /** As `notify` says it, without the channel: an address, `#name`, `C…`, `U…`, an endpoint. */
  target: string
  /** Null where a place is told and not a person. */
  party: Party | null
  /** What `send` answered: the provider's name of the message. Null before. */
  ref: Record<string, unknown> | null
  /** One message for many tasks, of which `taskId` is the first; titles are cut, and left out where they may not be shown. */
  digest?: { tasks: number; titles: string[] }
}

/** The task as this surface may show it. */
export type Shown = {
  task: Task
  /** The page with the whole question; people sign in there, or open it by a link of theirs. */
  url: string
  askedBy: string
}

/** How a person can answer there, and why not better (T85). */
export type Means = { means: 'form' | 'buttons' | 'link'; why: string | null }

export type Channel = {
  name: ChannelName
  can(shown: Shown, party: Party | null): Means
  /** Whether this tenant has set it up; where it has not, nobody is told by it who did not ask for it by name. Left out: always. */
  isReady?(t: Tx, scope: Scope): Promise<boolean>
  /** What of an entry of `notify` does not exist, before a task with it is made. Left out: nothing is checked. */
  knows?(t: Tx, scope: Scope, entry: { identity: string | null; target: string }): Promise<'identity' | 'target' | null>
  /** Once accepted by the provider never again under this notice. Outside any transaction. Throws `ChannelFault`. */
  send(notice: Notice, shown: Shown): Promise<{ ref: Record<string, unknown> }>
  /** Makes what was sent say how things stand now; nothing where the medium cannot. */
  rewrite(notice: Notice, shown: Shown): Promise<void>
  /** One sentence to the person behind a notice: a refusal, an end. */
  tell(notice: Notice, message: string): Promise<void>
  /** Who says what by this request, proven as the medium proves it; a problem, or a word of the medium's own, where that fails. Called by receive.ts alone. */
  receive(incoming: Incoming): Promise<Heard | Reply>
}

/** A door that this channel does not have: a route named the wrong one. */
export function noDoor(name: ChannelName, { door }: Incoming): never {
  throw new Error(`The channel ${name} has no door called ${door}.`)
}

/** Why something was not sent. `retry`: it may go later, after `afterMs` when the provider named a time. */
export class ChannelFault extends Error {
  readonly retry: boolean
  readonly afterMs: number | null
  constructor(reason: string, retry: boolean, afterMs: number | null = null) {
    super(reason)
    this.retry = retry
    this.afterMs = afterMs
  }
}
