// What waits in the hosted inbox of an agent, for people and agents of its owner (relay.md R40, R128): envelopes with age and claim holder, no content.
import type { Scope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { openCursor, pageOf } from '../../http/cursor.ts'
import type { RelayHouse } from '../house.ts'
import type { MessageState } from '../model.ts'
import { servedCard } from './claim.ts'
import { listWaiting, type WaitingRow } from './sql.ts'

const WAITING: readonly MessageState[] = ['queued', 'delivering', 'exhausted']

export const listInbox = (
  house: RelayHouse,
  scope: Scope,
  slug: string,
  query: { state?: MessageState | undefined; limit: number; cursor?: string | undefined },
) => {
  const { limit, cursor, state } = query
  const at = { tenantId: scope.tenantId, route: 'GET /agents/:slug/inbox', filter: { slug, state: state ?? null } }
  return tx(
    house.db,
    scope,
    async (t) => {
      const card = await servedCard(t, scope, slug)
      const after = cursor === undefined ? null : openCursor<string>(house.keyring, at, cursor, t.now)
      const rows = await listWaiting(t, scope, card.id, state === undefined ? WAITING : [state], after, limit + 1)
      const page = pageOf(house.keyring, at, rows, { limit, now: t.now, position: (row) => row.id })
      return { ...page, data: page.data.map((row) => showWaiting(row, t.now)) }
    },
    { readOnly: true },
  )
}

const showWaiting = (row: WaitingRow, now: Date) => ({
  message_id: row.id,
  thread_id: row.thread_id,
  sequence: row.sequence,
  from: row.label,
  context_id: row.context_id,
  skill: row.skill,
  state: row.state,
  state_reason: row.state_reason,
  thread_state: row.thread_state,
  size_bytes: row.size_bytes,
  age_seconds: Math.max(0, Math.floor((now.getTime() - row.created_at.getTime()) / 1000)),
  attempts: row.attempts,
  claimed_by: row.state === 'delivering' ? row.claimed_by : null,
  claimed_until: row.state === 'delivering' ? (row.claimed_until?.toISOString() ?? null) : null,
  created_at: row.created_at.toISOString(),
})
