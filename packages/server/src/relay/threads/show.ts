// Threads, messages and events as they are spoken (relay.md R33, R57). What is not the reader's is not there.
import type { Scope } from '../../db/scope.ts'
import { tenantWire } from '../../std/id.ts'
import type { Message, Part, Thread, ThreadEvent } from '../model.ts'
import { isReadable, type Payload } from './payload.ts'
import type { CallerThreadRow, MessageRow, ThreadEventRow, ThreadRow } from './sql.ts'

export const taskUrl = (origin: string, taskId: string): string => `${origin}/tasks/${taskId}`

export const showThread = (row: ThreadRow, origin: string): Thread => ({
  id: row.id,
  agent: row.slug,
  card_version: row.card_version,
  relay_grant_id: row.relay_grant_id,
  context_id: row.context_id,
  state: row.state,
  outcome: row.outcome,
  reason: row.reason,
  turn: row.turn,
  sequence: row.sequence,
  skill: row.skill,
  operation_id: row.operation_id,
  reference_thread_ids: row.reference_thread_ids,
  ...partiesOf(row),
  live: row.live,
  answered_at: row.answered_at?.toISOString() ?? null,
  duration_ms: durationOf(row),
  approval: row.approval && { ...row.approval, url: taskUrl(origin, row.approval.task_id) },
  error: row.error,
  created_at: row.created_at.toISOString(),
  updated_at: row.updated_at.toISOString(),
  expires_at: row.expires_at?.toISOString() ?? null,
  ended_at: row.ended_at?.toISOString() ?? null,
})

const partiesOf = (row: ThreadRow) => ({
  caller: {
    tenant_id: row.asker_tenant === null ? null : tenantWire(row.asker_tenant),
    agent_id: row.asker_agent,
    label: row.label,
  },
  callee: { tenant_id: tenantWire(row.tenant_id), agent: row.slug },
})

/** Of a thread that was answered, from then on. */
const durationOf = ({ answered_at, ended_at }: Pick<ThreadRow, 'answered_at' | 'ended_at'>): number | null =>
  answered_at && ended_at ? Math.max(0, ended_at.getTime() - answered_at.getTime()) : null

type Envelope = Pick<
  ThreadRow,
  | 'slug'
  | 'relay_grant_id'
  | 'context_id'
  | 'state'
  | 'outcome'
  | 'reason'
  | 'turn'
  | 'sequence'
  | 'skill'
  | 'operation_id'
  | 'live'
  | 'answered_at'
  | 'approval'
  | 'created_at'
  | 'updated_at'
  | 'ended_at'
>

const envelope = (row: Envelope, origin: string) => ({
  agent: row.slug,
  relay_grant_id: row.relay_grant_id,
  context_id: row.context_id,
  state: row.state,
  outcome: row.outcome,
  reason: row.reason,
  turn: row.turn,
  sequence: row.sequence,
  skill: row.skill,
  operation_id: row.operation_id,
  live: row.live,
  answered_at: row.answered_at?.toISOString() ?? null,
  duration_ms: durationOf(row),
  approval: row.approval && { ...row.approval, url: taskUrl(origin, row.approval.task_id) },
  created_at: row.created_at.toISOString(),
  updated_at: row.updated_at.toISOString(),
  ended_at: row.ended_at?.toISOString() ?? null,
})

/** As each side's list shows it, beside who the other is. `tenantId`: of the caller. */
export const showCallerThread = (row: CallerThreadRow, tenantId: string, origin: string) => ({
  ...{ id: row.thread_id, side: 'caller' as const, with: row.card_name },
  ...envelope({ ...row, live: row.live ?? false, approval: row.held_approval ?? row.approval }, origin),
  caller: { tenant_id: tenantWire(tenantId), agent_id: row.agent_id, label: row.label ?? row.agent_id },
  callee: { tenant_id: tenantWire(row.owner_tenant), agent: row.slug },
})
export const showOwnerThread = (row: ThreadRow, origin: string) => ({
  ...{ id: row.id, side: 'owner' as const, with: row.label },
  ...envelope(row, origin),
  ...partiesOf(row),
})

/** `payload`: as opened; undefined where it is gone. */
export function showMessage(row: MessageRow, payload: Payload | undefined, now: Date): Message {
  const { artifact_id, artifact_name, artifact_description, append, last_chunk } = row
  const gone = row.payload_state !== 'present' ? row.payload_state : isReadable(row, now) && payload ? 'present' : 'expired'
  return {
    id: row.id,
    thread_id: row.thread_id,
    // Held, it has no number yet.
    sequence: row.sequence < 0 ? null : row.sequence,
    side: row.side,
    kind: row.kind,
    outcome: row.outcome,
    ...(payload ? { parts: payload.parts as Part[] } : {}),
    ...(payload?.metadata ? { metadata: payload.metadata } : {}),
    skill: row.skill,
    client_message_id: row.client_message_id,
    operation_id: row.operation_id,
    reference_thread_ids: row.reference_thread_ids,
    ...(artifact_id === null ? {} : { artifact_id, append: append ?? false, last_chunk: last_chunk ?? true }),
    ...(artifact_name === null ? {} : { name: artifact_name }),
    ...(artifact_description === null ? {} : { description: artifact_description }),
    payload_hash: row.payload_hash,
    payload_state: gone,
    state: row.state,
    created_at: row.created_at.toISOString(),
    expires_at: row.expires_at?.toISOString() ?? null,
  }
}

/** The caller is not told who of the owner's side it was; who of the caller's it was is not written here. */
export const showEvent = (scope: Scope, thread: Told, row: ThreadEventRow): ThreadEvent => ({
  id: row.id,
  sequence: row.sequence,
  type: row.type,
  at: row.at.toISOString(),
  actor:
    scope.relaySide === 'caller' && ![thread.asker_agent, thread.relay_grant_id, scope.actor.id].includes(row.actor.id)
      ? { type: 'agent', id: thread.card_id }
      : row.actor,
  data: row.data,
})

type Told = Pick<ThreadRow, 'card_id' | 'asker_agent' | 'relay_grant_id'>

export const linksOf = (origin: string, thread: Pick<ThreadRow, 'id' | 'slug'>) => {
  const inspect = `${origin}/api/v1/threads/${thread.id}`
  return {
    inspect,
    messages: `${inspect}/messages`,
    events: `${inspect}/events`,
    stream: `${inspect}/events`,
    access_tokens: `${inspect}/access-tokens`,
    close: `${inspect}/close`,
    a2a_task: `${origin}/agents/${thread.slug}/a2a/rest/tasks/${thread.id}`,
  }
}
