// What the decision of a connection request carries beside its task: what the routes say, and what came of it.
import type { Scope } from '../../db/scope.ts'
import type { showGrant } from '../grants/show.ts'
import type { HeldEnd } from '../held/sql.ts'
import type { showRequest } from './show.ts'

/** What the routes of this room say beside the decision, and are handed of what came of it. By the scope of one call, which nobody else has. */
export type Deciding = {
  issue?: 'on_approve' | 'on_collect'
  note?: string | null
  noteVisible?: boolean
  /** The asking side takes it back. */
  withdrawn?: true
  /** How the thread ends that takes it with it. */
  end?: HeldEnd
  reply?: Decided
}
export type Decided = {
  connection_request: ReturnType<typeof showRequest>
  relay_grant: Awaited<ReturnType<typeof showGrant>> | null
  relay_token?: string
  expires_at: Date | null
}
export const deciding = new WeakMap<Scope, Deciding>()
