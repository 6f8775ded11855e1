// The owner's side answers (relay.md T5, T8–T11, §3.2, R53): message, artifacts, settled deliveries and the next state in one transaction.
import { Problem } from '@countersign/sdk'
import { sha256 } from '../../crypto/token.ts'
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import type { EventData } from '../../events/event.ts'
import type { ActiveRow } from '../../identity/policies/sql.ts'
import { newId } from '../../std/id.ts'
import { comeIn } from '../asks/coming.ts'
import { heldBack, holdReply, type JudgedReply, judgeReply } from '../asks/hold.ts'
import { findAnswered } from '../asks/sql.ts'
import type { RelayHouse } from '../house.ts'
import type { Part, ResponseOutcome } from '../model.ts'
import { changeThread, type Next, openWhole, refuseClosed, type Step, writeBefore } from './change.ts'
import { throughGate } from './gate.ts'
import { mediaTypes, partKinds } from './parts.ts'
import { keptFor, type Payload, payloadHash, sealPayload } from './payload.ts'
import {
  type ApprovalRow,
  type CardRow,
  findCard,
  findClaimed,
  type GrantRow,
  insertMessages,
  listUndelivered,
  type MessageRow,
  settleMessages,
  type ThreadRow,
  withMessages,
} from './sql.ts'
import type { News } from './tell.ts'

export type ArtifactInput = {
  artifact_id: string
  name?: string | undefined
  description?: string | undefined
  parts: Part[]
  append?: boolean | undefined
  last_chunk?: boolean | undefined
}
export type ResponseInput = {
  outcome: ResponseOutcome
  /** null: the response has artifacts or an end alone. */
  payload: Payload | null
  artifacts: readonly ArtifactInput[]
  error?: { code: string; message: string } | undefined
  claim_token?: string | undefined
  /** Of the upstream's own message, where there is one. */
  client_message_id?: string | undefined
  /** It answers no message that waits: what nobody has taken yet is still to be delivered. */
  settlesNothing?: boolean
  /** Its artifacts came before it: it is none itself. */
  hasArtifacts?: boolean
}
export type Via = 'inbox' | 'person' | 'push' | 'a2a'
/** `approval`: people are asked before the caller has it. */
export type Responded = { thread: ThreadRow; messages: MessageRow[]; approval: ApprovalRow | null }

export const NEXT: Record<ResponseOutcome, Next> = {
  progress: { state: 'waiting_owner', reason: 'progress' },
  reply: { state: 'responded', reason: 'responded' },
  ask: { state: 'waiting_caller', reason: 'asked' },
  completed: { state: 'closed', outcome: 'completed', reason: 'completed' },
  message: { state: 'closed', outcome: 'completed', reason: 'completed' },
  failed: { state: 'failed', reason: 'agent_error' },
  rejected: { state: 'rejected', reason: 'agent_rejected' },
}

export const respond = <T>(
  house: RelayHouse,
  scope: Scope,
  threadId: string,
  via: Via,
  input: ResponseInput,
  show: (t: Tx, done: Responded) => Promise<T>,
): Promise<T> => throughGate(house, scope, async (t) => show(t, await respondIn(house, t, scope, threadId, via, input)))

/** Within `throughGate`, for policy may refuse it (R80). */
export async function respondIn(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  threadId: string,
  via: Via,
  input: ResponseInput,
): Promise<Responded> {
  const { thread, grant } = await openWhole(t, scope, threadId)
  const card = await findCard(t, scope, { id: thread.card_id })
  if (!card) throw new Problem('not_found')
  return respondTo(house, t, scope, { thread, grant, card, before: [] }, via, input)
}

/** A thread that is held with its relay grant, as all of it is now; `before`: what goes with its next change, emptied as that is written. */
export type Answered = { thread: ThreadRow; grant: GrantRow; card: CardRow; before: Step[]; asked?: AskedRow | undefined }
/** What stands in the way of an answer, and what whoever judges it knows, read under the lock. `active`: the policies in force for who answers. */
export type AskedRow = NonNullable<Awaited<ReturnType<typeof findAnswered>>> & { active?: ActiveRow | undefined }

/** The same for whoever holds the thread and has read what belongs to it in this transaction. */
export async function respondTo(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  answered: Answered,
  via: Via,
  input: ResponseInput,
): Promise<Responded> {
  const { thread, grant, card, before } = answered
  refuseClosed(thread, grant)
  if (thread.state === 'awaiting_approval') throw new Problem('state_conflict', { state: thread.state })
  const asked: AskedRow | null = answered.asked ?? (await findAnswered(t, scope, grant.id, thread.id))
  // What this piece of the answer makes of it, the next one reads.
  answered.asked = undefined
  if (!asked) throw new Error(`The relay grant of thread ${thread.id} is not there.`)
  if (asked.has_held) throw new Problem('state_conflict', { state: thread.state, reason: 'reply_held' })
  const settled = input.settlesNothing ? [] : await settle(t, scope, thread, via, input)
  const messages = await compose(house, t, scope, card, thread, settled.length, input)
  const judged = await judgeReply(
    house,
    t,
    scope,
    { card, thread, messages, input },
    { grant, peer: asked, used: asked, active: asked.active },
  )
  const change = async (...[to, news, data]: [Next, readonly News[], EventData?]) => {
    const now = await changeThread(house, t, scope, thread, card, to, news, data, before.splice(0))
    answered.thread = now
    return now
  }
  if (judged.outcome.outcome === 'ask') {
    await writeBefore(house, t, scope, before.splice(0))
    const held = await holdReply(house, t, scope, judged)
    await insertMessages(t, scope, held.messages)
    const next: Next = { state: 'waiting_owner', reason: 'reply_held', claimedUntil: null }
    return {
      thread: await change(next, [...settled, held.news]),
      messages: held.messages,
      approval: held.approval,
    }
  }
  const held = await comeIn(house, t, scope, comingOf(judged))
  if (held !== null) return holdComing(t, scope, judged, held, settled, change)
  const earlier = before.at(-1)
  if (earlier) earlier.writes = [...(earlier.writes ?? []), withMessages(t, scope, messages)]
  else await insertMessages(t, scope, messages)
  const news: News[] = [...settled, ...messages.map(newsOf)]
  const { outcome } = input
  const next: Next = {
    ...stateAfter(thread, input),
    error: outcome === 'failed' ? (input.error ?? { code: 'agent_error', message: '' }) : thread.error,
    answeredAt: thread.answered_at ?? t.now,
  }
  const first = messages.find((one) => one.kind !== 'artifact')
  return { thread: await change(next, news, first ? { message_id: first.id } : {}), messages, approval: null }
}

const comingOf = ({ reply: { card, thread, input }, about, leadId }: JudgedReply) => ({
  ...{ card, thread, about, leadId },
  response: { outcome: input.outcome, error: input.error ?? null },
})

/** It stays here, unread by its caller, until people of that side let it come; what they may not have ends its thread (R80). */
async function holdComing(
  t: Tx,
  scope: Scope,
  { reply: { thread, messages } }: JudgedReply,
  held: { approval: ApprovalRow } | 'denied',
  settled: News[],
  change: (to: Next, news: readonly News[]) => Promise<ThreadRow>,
): Promise<Responded> {
  const kept = heldBack(thread, messages, held === 'denied' ? null : held.approval.task_id)
  await insertMessages(t, scope, kept)
  const next: Next =
    held === 'denied' ? { state: 'failed', reason: 'reply_refused' } : { state: 'waiting_owner', reason: 'reply_held' }
  const now = await change({ ...next, claimedUntil: null }, settled)
  return { thread: now, messages: kept, approval: held === 'denied' ? null : held.approval }
}

/** A piece of a result is no news of the state, and news of earlier work leaves what waits where it is. */
function stateAfter(thread: ThreadRow, { outcome, payload, settlesNothing, claim_token: claim }: ResponseInput): Next {
  const waits = thread.state === 'queued' || thread.state === 'delivering'
  const isPiece = outcome === 'progress' && settlesNothing === true && (waits || (thread.state === 'waiting_owner' && !payload))
  if (isPiece) return {}
  return outcome === 'progress' && claim !== undefined ? NEXT.progress : { ...NEXT[outcome], claimedUntil: null }
}

/** What the answer answers: the claim that it names, or everything that nobody has answered; a copy that somebody else holds is theirs no longer. */
async function settle(
  t: Tx,
  scope: Scope,
  thread: ThreadRow,
  via: Via,
  { claim_token: claim, outcome }: ResponseInput,
): Promise<News[]> {
  const claimed = claim === undefined ? null : await findClaimed(t, scope, sha256(claim))
  if (claim !== undefined && claimed?.thread_id !== thread.id) throw new Problem('lease_stale')
  // T8: whoever tells how far it is works on, and keeps the lease under which it does.
  if (outcome === 'progress' && claimed) return []
  const open = (claimed ? [claimed] : await listUndelivered(t, scope, [thread.id])).filter((one) => one.state !== 'held')
  if (open.length === 0) return []
  await settleMessages(
    t,
    scope,
    open.map((one) => one.id),
    { state: 'delivered', reason: via === 'person' ? 'answered_in_inbox' : null, via },
  )
  return open.map((message) => ({ type: 'message.delivered', message: { ...message, state: 'delivered' }, data: { via } }))
}

export const newsOf = (message: MessageRow): News =>
  message.kind === 'artifact'
    ? {
        type: message.last_chunk === false ? 'artifact.updated' : 'artifact.completed',
        message,
        data: { artifact_id: message.artifact_id, append: message.append ?? false },
      }
    : { type: 'message.accepted', message, data: { outcome: message.outcome } }

/** Artifacts before the message that refers to them. A final answer without any is one itself, so that readers of either find it (R53). */
async function compose(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  card: CardRow,
  thread: ThreadRow,
  before: number,
  { outcome, payload, artifacts, client_message_id, hasArtifacts }: ResponseInput,
): Promise<MessageRow[]> {
  const isAnswer = (outcome === 'completed' || outcome === 'reply') && hasArtifacts !== true
  const own: readonly ArtifactInput[] =
    artifacts.length === 0 && isAnswer && payload ? [{ artifact_id: 'response', parts: payload.parts }] : artifacts
  const kind = outcome === 'progress' ? ('progress' as const) : ('message' as const)
  const wanted = [
    ...own.map((artifact) => ({ kind: 'artifact' as const, payload: { parts: artifact.parts }, artifact })),
    ...(payload ? [{ kind, payload, artifact: null }] : []),
  ]
  if (wanted.length === 0) return []
  const kept = keptFor(card.retention_days, thread.id, t.now)
  const ids = wanted.map(() => newId('msg', t.now.getTime()))
  const sealed = await sealPayload(
    house,
    t,
    scope,
    kept.subject,
    wanted.map((one, i) => ({ id: ids[i] as string, payload: one.payload })),
  )
  return wanted.map(({ kind: of, payload: { parts }, artifact }, i) => {
    const { envelope, bytes } = sealed[i] as { envelope: Buffer; bytes: number }
    if (bytes > card.max_message_bytes) throw new Problem('body_too_large', { max_bytes: card.max_message_bytes })
    return {
      ...{
        id: ids[i] as string,
        thread_id: thread.id,
        card_id: card.id,
        relay_grant_id: thread.relay_grant_id,
        sequence: thread.sequence + before + i + 1,
      },
      ...{
        side: 'owner',
        kind: of,
        outcome: of === 'artifact' ? null : outcome,
        state: 'delivered',
        state_reason: null,
        skill: thread.skill,
      },
      ...{
        payload: envelope,
        subject: kept.subject,
        payload_hash: payloadHash(parts, thread.skill, thread.id),
        payload_state: 'present',
        size_bytes: bytes,
      },
      ...{
        part_kinds: partKinds(parts),
        media_types: mediaTypes(parts),
        facts: null,
        client_message_id: of === 'artifact' ? null : (client_message_id ?? null),
      },
      ...{
        operation_id: null,
        reference_thread_ids: [],
        artifact_id: artifact?.artifact_id ?? null,
        artifact_name: artifact?.name ?? null,
      },
      ...{ artifact_description: artifact?.description ?? null, append: artifact ? (artifact.append ?? false) : null },
      ...{
        last_chunk: artifact ? (artifact.last_chunk ?? !artifact.append) : null,
        created_by: scope.actor.id,
        created_at: t.now,
      },
      ...{ expires_at: kept.expiresAt, attempts: 0, next_attempt_at: null, claimed_by: null, claimed_until: null },
      ...{ delivered_at: t.now, delivered_via: null, task_id: null },
    } satisfies MessageRow
  })
}
