// An endpoint that comes with a message (relay.md §3.1, R66, R100): checked before anything is accepted, put before anything is told, and said in the one answer. What cannot be put is
// not sent either.
import { Problem } from '@countersign/sdk'
import type { Scope, Tx } from '../../db/tx.ts'
import { reach, scopeOf } from '../../identity/matrix.ts'
import type { RelayHouse } from '../house.ts'
import type { Accepted } from '../threads/accept.ts'
import type { ThreadRow } from '../threads/sql.ts'
import { bindCallback, type Put, prepareCallback, tellBound } from './endpoint.ts'
import type { CallbackWishes, PreparedCallback } from './house.ts'
import { judgeSubscribe } from './judge.ts'

export type Carried = {
  /** For what is accepted. */
  bind?: (t: Tx, thread: ThreadRow) => Promise<ThreadRow>
  /** In the transaction of what was accepted: what came of it, and the thread as it is then. */
  told(t: Tx, accepted: Accepted): Promise<{ accepted: Accepted; callback?: { endpoint_id: string; secret?: string } }>
}

export const NOTHING: Carried = { told: async (_t, accepted) => ({ accepted }) }

/** `about`: the thread, or for a first message its agent's card. */
export async function carryCallback(
  house: RelayHouse,
  scope: Scope,
  about: string,
  wishes: CallbackWishes | undefined,
  at = '/callback',
): Promise<Carried> {
  if (wishes === undefined) return NOTHING
  refuseScopeless(scope)
  await judgeSubscribe(house, scope, about, wishes.url)
  return carry(house, scope, await prepareCallback(house, scope, wishes, at))
}

export function carry(house: RelayHouse, scope: Scope, wanted: PreparedCallback): Carried {
  let put: Put | null = null
  return {
    async bind(t, thread) {
      put = await bindCallback(house, t, scope, thread, wanted)
      return { ...thread, has_endpoints: true }
    },
    async told(t, accepted) {
      if (!put) return { accepted }
      const { endpoint, secret } = put
      const thread = await tellBound(house, t, scope, accepted.thread, put)
      return { accepted: { ...accepted, thread }, callback: { endpoint_id: endpoint.id, ...(secret === null ? {} : { secret }) } }
    },
  }
}

/** Whoever may not subscribe may not do so along with a message either. */
export function refuseScopeless(scope: Scope): void {
  if (reach(scope, 'thread.subscribe') === 'none') throw new Problem('scope_missing', { needed: scopeOf('thread.subscribe') })
}
