// What the two faces of the relay speak of: threads, messages, parts and events, as the native API shows them (relay.md §2.5, §2.6). Types and closed lists only; the A2A face
// maps these and reads no row of its own.

/** Who of the two: the caller's side asked for the thread, the owner's side holds the card. */
export type Side = 'caller' | 'owner'

export const OPEN_STATES = ['awaiting_approval', 'queued', 'delivering', 'waiting_owner', 'waiting_caller', 'responded'] as const
export const ENDED_STATES = ['closed', 'failed', 'rejected', 'revoked', 'expired'] as const
export type OpenState = (typeof OPEN_STATES)[number]
export type EndedState = (typeof ENDED_STATES)[number]
export type ThreadState = OpenState | EndedState
export const THREAD_STATES = [...OPEN_STATES, ...ENDED_STATES] as const
export const isEnded = (state: ThreadState): state is EndedState => (ENDED_STATES as readonly string[]).includes(state)

export type ThreadOutcome = 'completed' | 'canceled'

/** Why a thread is in its state: a closed list (R91). */
export const THREAD_REASONS = [
  'progress',
  'reply_held',
  'asked',
  'responded',
  'completed',
  'closed_by_caller',
  'closed_by_owner',
  'agent_error',
  'delivery_exhausted',
  'outcome_unknown',
  'reply_refused',
  'deadline_passed',
  'no_answer',
  'approval_denied',
  'approval_timeout',
  'policy_denied',
  'agent_rejected',
  'grant_revoked',
  'grant_expired',
] as const
export type ThreadReason = (typeof THREAD_REASONS)[number]
export type Turn = 'caller' | 'owner' | 'human' | 'none'

/** Exactly one of the four contents. */
export type Part = {
  text?: string
  data?: unknown
  /** base64 */
  raw?: string
  url?: string
  media_type?: string
  filename?: string
  metadata?: Record<string, unknown>
}

export type MessageKind = 'message' | 'progress' | 'artifact'
export type MessageState = 'held' | 'queued' | 'delivering' | 'delivered' | 'exhausted' | 'withdrawn' | 'refused'
export type PayloadState = 'present' | 'expired' | 'erased'

export type Message = {
  id: string
  thread_id: string
  /** Of the event that recorded it; null while it is held on the caller's side. */
  sequence: number | null
  side: Side
  kind: MessageKind
  /** What the owner's response said of the work; null on the caller's messages. */
  outcome: ResponseOutcome | null
  /** Left out where the payload is gone. */
  parts?: Part[]
  skill: string | null
  metadata?: Record<string, unknown>
  client_message_id: string | null
  operation_id: string | null
  reference_thread_ids: string[]
  artifact_id?: string
  name?: string
  description?: string
  append?: boolean
  last_chunk?: boolean
  /** `sha256:` + hex (R35) */
  payload_hash: string
  payload_state: PayloadState
  state: MessageState
  created_at: string
  expires_at: string | null
}

export type Artifact = {
  artifact_id: string
  name: string | null
  description: string | null
  parts: Part[]
  /** false while chunks are still to come. */
  is_complete: boolean
  /** Of the newest message that made it. */
  sequence: number
  metadata?: Record<string, unknown>
}

export const RESPONSE_OUTCOMES = ['reply', 'progress', 'ask', 'completed', 'failed', 'rejected', 'message'] as const
export type ResponseOutcome = (typeof RESPONSE_OUTCOMES)[number]

/** An approval that stands in the way of the thread's newest message. */
export type Approval = { task_id: string; side: Side; url: string; expires_at: string }

/** The envelope: what is known of a thread without its contents. */
export type Thread = {
  id: string
  agent: string
  card_version: number
  relay_grant_id: string
  context_id: string
  state: ThreadState
  outcome: ThreadOutcome | null
  reason: ThreadReason | null
  turn: Turn
  /** Of its last event. */
  sequence: number
  skill: string | null
  operation_id: string | null
  reference_thread_ids: string[]
  caller: { tenant_id: string | null; agent_id: string | null; label: string }
  callee: { tenant_id: string; agent: string }
  /** It rings until somebody answers (R20). */
  live: boolean
  answered_at: string | null
  duration_ms: number | null
  approval: Approval | null
  error: { code: string; message: string } | null
  created_at: string
  updated_at: string
  expires_at: string | null
  ended_at: string | null
}

/** One numbered fact of a thread (R36); without payload and without secret. */
export type ThreadEvent = {
  id: string
  sequence: number
  type: string
  at: string
  actor: { type: string; id: string }
  /** Of a message: `message_id`, `payload_hash`, `kind`; of a state: `state`, `outcome`, `reason`. */
  data: Record<string, unknown>
}
