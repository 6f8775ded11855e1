// A connection that only a human can help (V49): one change of state, one event, however many notice.
import type { Scope, Tx } from '../../db/tx.ts'
import { findConnection } from '../connections/sql.ts'
import { tellConnection } from '../connections/store.ts'
import { needReauthIf } from './sql.ts'

export const topicOf = (connectionId: string): string => `connection:${connectionId}`

/** `generation`: of what was refused; what was written meanwhile is another credential. False: it was no longer in use. */
export async function needReauth(
  t: Tx,
  scope: Scope,
  id: string,
  cause: string,
  code: string,
  generation: number | null,
): Promise<boolean> {
  if ((await needReauthIf(t, scope, id, cause, code, generation)) === 0) return false
  t.wake(topicOf(id))
  const row = await findConnection(t, scope, id, { owner: null, agent: null })
  if (row) await tellConnection(t, scope, 'connection.needs_reauth', row, { cause, code })
  return true
}
