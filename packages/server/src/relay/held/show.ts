// What a caller's own side holds back, as the messages of its thread that they will be (relay.md R7): without a number.
import type { MessageRow } from '../threads/sql.ts'
import type { HeldRow } from './sql.ts'

type Shown = Omit<MessageRow, 'sequence'> & { sequence: number; home: string }
type Held = Pick<
  HeldRow,
  | 'id'
  | 'thread_id'
  | 'card_id'
  | 'relay_grant_id'
  | 'state'
  | 'skill'
  | 'payload'
  | 'subject'
  | 'payload_hash'
  | 'size_bytes'
  | 'part_kinds'
  | 'media_types'
  | 'client_message_id'
  | 'operation_id'
  | 'reference_thread_ids'
  | 'agent_id'
  | 'created_at'
  | 'expires_at'
  | 'task_id'
> & { state_reason?: string | null; erased_at?: Date | null }

/** `home`: the tenant in which it lies. */
export const messageOfHeld = (home: string, row: Held): Shown => ({
  ...{ id: row.id, thread_id: row.thread_id, card_id: row.card_id, relay_grant_id: row.relay_grant_id, home },
  ...{ sequence: -1, side: 'caller', kind: 'message', outcome: null, skill: row.skill },
  state: row.state === 'asked' || row.state === 'ready' ? 'held' : row.state,
  ...{ state_reason: row.state_reason ?? null, payload: row.payload, subject: row.subject, payload_hash: row.payload_hash },
  ...{
    payload_state: row.payload !== null ? 'present' : row.erased_at ? 'erased' : 'expired',
    size_bytes: row.size_bytes,
    part_kinds: row.part_kinds,
  },
  ...{ media_types: row.media_types, facts: null, client_message_id: row.client_message_id, operation_id: row.operation_id },
  ...{ reference_thread_ids: row.reference_thread_ids, artifact_id: null, artifact_name: null, artifact_description: null },
  ...{ append: null, last_chunk: null, created_by: row.agent_id, created_at: row.created_at, expires_at: row.expires_at },
  ...{ attempts: 0, next_attempt_at: null, claimed_by: null, claimed_until: null, delivered_at: null, delivered_via: null },
  task_id: row.task_id,
})
