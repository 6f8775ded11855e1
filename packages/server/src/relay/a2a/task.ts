// R92, R93, R88: a thread as A2A shows it: a Task with its status, history and artifacts, or the one Message of an answer that needed no task. Everything is made by the
// SDK's own codecs, so both bindings recognise it; nothing here reads a row or a clock.
import {
  Artifact as ArtifactCodec,
  TaskArtifactUpdateEvent as ArtifactUpdateCodec,
  Message as MessageCodec,
  TaskStatusUpdateEvent as StatusUpdateCodec,
  Task as TaskCodec,
} from '@a2a-js/sdk'
import type { Approval, Artifact, Message, Thread, ThreadEvent } from '../model.ts'
import { RELAY_EXTENSION, withoutOurs } from './extension.ts'
import { taskStateOf } from './map.ts'
import { isObject, partToSdk, type WireObject } from './parts.ts'

export type SdkTask = ReturnType<typeof TaskCodec.fromJSON>
export type SdkMessage = ReturnType<typeof MessageCodec.fromJSON>
type SdkArtifact = ReturnType<typeof ArtifactCodec.fromJSON>
export type SdkStatusUpdate = ReturnType<typeof StatusUpdateCodec.fromJSON>
export type SdkArtifactUpdate = ReturnType<typeof ArtifactUpdateCodec.fromJSON>

/** What is known of a thread when it is shown. */
export type View = { thread: Thread; messages: readonly Message[]; artifacts: readonly Artifact[] }

export type TaskOptions = {
  /** Unset: the newest hundred; 0: none. */
  historyLength?: number | undefined
  /** false: left out. */
  artifacts?: boolean
  /** R94: a wait that ended before the turn did. */
  waitLimitReached?: true
}

const MOST_HISTORY = 100

export function taskOf({ thread, messages, artifacts }: View, options: TaskOptions = {}): SdkTask {
  const spoken = conversationOf(messages)
  const last = newestOfTurn(spoken)
  const history = spoken.filter((one) => one !== last)
  const most = Math.min(options.historyLength ?? MOST_HISTORY, MOST_HISTORY)
  const task = TaskCodec.fromJSON({
    id: thread.id,
    contextId: thread.context_id,
    metadata: {
      [RELAY_EXTENSION]: { ...taskMetadata(thread, messages), ...(options.waitLimitReached ? { wait_limit_reached: true } : {}) },
    },
  })
  return {
    ...task,
    status: {
      ...statusOf(thread, thread.updated_at, last),
    },
    history: most === 0 ? [] : history.slice(-most).map((one) => messageOf(one, thread)),
    artifacts: options.artifacts === false ? [] : artifacts.map(artifactOf),
  }
}

/** R93: an answer without a task; its metadata names the thread that it left behind. */
export function directMessageOf(thread: Thread, message: Message): SdkMessage {
  const shown = messageOf(message, thread)
  const ours = { thread_id: thread.id, sequence: message.sequence, payload_hash: message.payload_hash }
  return { ...shown, taskId: '', metadata: { ...shown.metadata, [RELAY_EXTENSION]: ours } }
}

/** The message that was the whole answer, if the thread ended with one (R93). */
export const directAnswerOf = ({ thread, messages }: Pick<View, 'thread' | 'messages'>): Message | null => {
  const last = conversationOf(messages).at(-1)
  return thread.state === 'closed' && last?.side === 'owner' && last.outcome === 'message' ? last : null
}

/** A caller's message keeps its own id, extensions and metadata, byte for byte. */
export function messageOf(message: Message, thread: Pick<Thread, 'id' | 'context_id'>): SdkMessage {
  const own = withoutOurs(message.metadata)
  const kept = message.metadata?.[RELAY_EXTENSION]
  const extensions = isObject(kept) && Array.isArray(kept.extensions) ? kept.extensions : []
  const made = MessageCodec.fromJSON({
    messageId: message.client_message_id ?? message.id,
    contextId: thread.context_id,
    taskId: thread.id,
    role: message.side === 'caller' ? 'ROLE_USER' : 'ROLE_AGENT',
    extensions,
    referenceTaskIds: message.reference_thread_ids,
    ...(own ? { metadata: own } : {}),
  })
  return { ...made, parts: (message.parts ?? []).map(partToSdk) }
}

export function artifactOf(artifact: Pick<Artifact, 'artifact_id' | 'name' | 'description' | 'parts' | 'metadata'>): SdkArtifact {
  const own = withoutOurs(artifact.metadata)
  const made = ArtifactCodec.fromJSON({
    artifactId: artifact.artifact_id,
    name: artifact.name,
    description: artifact.description,
    ...(own ? { metadata: own } : {}),
  })
  return { ...made, parts: artifact.parts.map(partToSdk) }
}

/** Where one event stands among those that were sent: what R97 lets a client prove. */
export type FramePlace = { previous: number }

/** A change of state as a frame; `state` is the one that was entered then, whatever came later. */
export function statusUpdateOf(
  thread: Thread,
  event: ThreadEvent,
  entered: Pick<Thread, 'state' | 'outcome' | 'reason' | 'approval' | 'error'>,
  message: Message | null,
  { previous }: FramePlace,
): SdkStatusUpdate {
  const then: Thread = { ...thread, ...entered }
  const made = StatusUpdateCodec.fromJSON({
    taskId: thread.id,
    contextId: thread.context_id,
    metadata: { [RELAY_EXTENSION]: eventMetadata(then, event, message, previous) },
  })
  return { ...made, status: statusOf(then, event.at, message ?? undefined) }
}

/** One piece of an artifact as a frame. */
export function artifactUpdateOf(
  thread: Thread,
  event: ThreadEvent,
  piece: Message,
  { previous }: FramePlace,
): SdkArtifactUpdate {
  const made = ArtifactUpdateCodec.fromJSON({
    taskId: thread.id,
    contextId: thread.context_id,
    append: piece.append ?? false,
    lastChunk: piece.last_chunk ?? false,
    metadata: {
      [RELAY_EXTENSION]: eventMetadata({ ...thread, reason: null, approval: null }, event, piece, previous),
    },
  })
  const artifact = {
    artifact_id: piece.artifact_id ?? piece.id,
    name: piece.name ?? null,
    description: piece.description ?? null,
    parts: piece.parts ?? [],
    ...(piece.metadata ? { metadata: piece.metadata } : {}),
  }
  return { ...made, artifact: artifactOf(artifact) }
}

/** What the two sides said to each other: artifacts stand elsewhere, and what was held back or refused was never said. */
const conversationOf = (messages: readonly Message[]): Message[] =>
  messages
    .filter((one) => one.kind !== 'artifact' && (one.side === 'caller' || (one.state !== 'held' && one.state !== 'refused')))
    .toSorted((a, b) => (a.sequence ?? Number.MAX_SAFE_INTEGER) - (b.sequence ?? Number.MAX_SAFE_INTEGER))

/** The owner's newest message since the caller last spoke. */
const newestOfTurn = (spoken: readonly Message[]): Message | undefined => {
  const last = spoken.at(-1)
  return last?.side === 'owner' ? last : undefined
}

function statusOf(thread: Thread, at: string, message: Message | undefined): NonNullable<SdkTask['status']> {
  const made = TaskCodec.fromJSON({ status: { state: taskStateOf(thread), timestamp: at } }).status as NonNullable<
    SdkTask['status']
  >
  return { ...made, message: spokenOf(thread, message) }
}

/** While people decide, the status says in words who is asked and where; of a failure that came without a message it says the error. */
function spokenOf(thread: Thread, message: Message | undefined): SdkMessage | undefined {
  if (thread.state === 'awaiting_approval' && thread.approval)
    return wordsOf(thread, thread.approval.task_id, approvalText(thread.approval))
  if (message) return messageOf(message, thread)
  return thread.error ? wordsOf(thread, `${thread.id}-error`, thread.error.message) : undefined
}

/** Words of the relay's own; the id follows from what they are about, so every reader gets the same. */
const wordsOf = (thread: Thread, messageId: string, text: string): SdkMessage =>
  MessageCodec.fromJSON({
    messageId,
    contextId: thread.context_id,
    taskId: thread.id,
    role: 'ROLE_AGENT',
    parts: [{ text, mediaType: 'text/plain' }],
  })

const approvalText = ({ side, url, expires_at }: Approval): string =>
  `This message waits for the approval of a person on the ${side === 'owner' ? "agent's" : "caller's"} side, until ${expires_at}: ${url}`

function taskMetadata(thread: Thread, messages: readonly Message[]): WireObject {
  const newest = messages.reduce<Message | null>(
    (last, one) => ((one.sequence ?? -1) > (last?.sequence ?? -1) ? one : last),
    null,
  )
  return stated({
    thread_id: thread.id,
    sequence: thread.sequence,
    reason: thread.reason,
    approval: thread.approval,
    payload_hash: newest?.payload_hash ?? null,
  })
}

function eventMetadata(thread: Thread, { sequence, data }: ThreadEvent, message: Message | null, previous: number): WireObject {
  return stated({
    thread_id: thread.id,
    sequence,
    previous_sequence: previous,
    reason: thread.reason,
    approval: thread.approval,
    decision_id: data.decision_id ?? null,
    payload_hash: message?.payload_hash ?? data.payload_hash ?? null,
  })
}

/** Without what is not there. */
const stated = (members: WireObject): WireObject =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null))
