// What comes back through a channel (T103): a request at one of its doors, and what somebody said by it once it is known who they are. Types, and how one is made.
// Holds no rule: receive.ts does what was said, by the verbs that every page uses.
import type { Guest, Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import type { AskLimits, RequestInfo } from '../../http/route.ts'
import type { DecideInput, Provenance } from '../decided.ts'
import type { LinkAsk } from '../links/action.ts'
import type { CommentInput, CommentShown } from '../talk/comments.ts'
import type { SendBackInput } from '../talk/send-back.ts'
import type { Task } from '../wire.ts'

/** A request as it came, with the door that its route is. Nothing of it is believed before the channel has proven it. */
export type Incoming = { request: RequestInfo; limits: AskLimits } & (
  | { door: 'link'; ask: LinkAsk }
  | { door: 'reply'; identity: string; bytes: Uint8Array }
  | { door: 'press' | 'event' | 'option' | 'program'; bytes: Uint8Array }
)

export type Saying =
  | { verb: 'read' | 'claim' | 'release' }
  | { verb: 'decide'; body: DecideInput }
  | { verb: 'comment'; body: CommentInput }
  | { verb: 'send_back'; body: SendBackInput }

/** What has become of it; `read` shows the task and changes nothing. */
export type Done = { task: Task; comment: null } | { task: null; comment: CommentShown }

/** What the request is answered with, in the words of the medium. */
export type Reply = { reply: unknown }

/** Authenticated: who, by what proof, which act, with what. What follows is said by the channel, of the outcome or of what stood against it. */
export type Heard = Saying & {
  /** A guest of the one task that this is about. */
  person: Scope & { guest: Guest }
  assurance: Guest['assurance']
  from: Provenance
  /** In the transaction of the decision: what its proof is used up by (T110). */
  spend?(t: Tx): Promise<void>
  done(done: Done): Promise<Heard | Reply>
  /** Left out: the problem is the answer. */
  refused?(error: unknown): Promise<Heard | Reply>
}

export type Said = { person: Scope; from: Provenance } & Omit<Heard, 'person' | 'assurance' | 'from' | 'verb' | 'body'>

export function heard({ person, ...rest }: Said, saying: Saying): Heard {
  const { guest } = person
  if (!guest) throw new Error('Through a channel come people who have not signed in here.')
  return { ...rest, ...saying, person: { ...person, guest }, assurance: guest.assurance }
}
