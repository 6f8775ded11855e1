// A connection request as each side sees it: what was asked beside what was given (relay.md R24), and of the note what is meant for the asking side (C4).
import { tenantWire } from '../../std/id.ts'
import type { Side } from '../model.ts'
import type { Conduct } from './conduct.ts'
import type { RequestRow } from './sql.ts'

export type ShownRequest = ReturnType<typeof showRequest>

/** `conduct`: for the owner's people alone. */
export const showRequest = (house: { origin(): string }, row: RequestRow, side: Side, conduct?: Conduct) => ({
  id: row.id,
  side,
  agent: row.slug,
  card_id: row.card_id,
  state: row.state,
  asker: { tenant_id: tenantWire(row.asker_tenant), agent_id: row.asker_agent, name: row.asker_name },
  purpose: row.purpose,
  asked: row.asked,
  given: row.given,
  relay_grant_id: row.relay_grant_id,
  issue: row.issue,
  token_issued_at: row.issued_at,
  thread_id: row.thread_id,
  task_url: row.task_id === null ? null : `${house.origin()}/tasks/${row.task_id}`,
  note: side === 'owner' || row.note_visible ? row.note : null,
  created_at: row.created_at,
  decided_at: row.state === 'pending' ? null : row.state_since,
  expires_at: row.expires_at,
  // Of the owner's people and policies the other side learns nothing.
  ...(side === 'owner' && conduct ? { conduct } : {}),
  ...(side === 'owner'
    ? { task_id: row.task_id, note_visible: row.note_visible, decided_by: row.decided_by, policy_version: row.policy_version }
    : {}),
})

/** Who asked, as the relay grant names it. */
export const callerOf = (row: RequestRow) => ({
  request_id: row.id,
  asker_tenant: row.asker_tenant,
  asker_agent: row.asker_agent,
  label: row.asker_name,
  purpose: row.purpose,
})
