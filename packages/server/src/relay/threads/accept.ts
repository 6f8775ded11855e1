// A message of a caller is taken (relay.md T1, T12, R30, R57): thread, message, event, usage and whatever follows commit together, and the answer leaves after that. What is refused
// leaves nothing. Messages of different threads wait for no row in common.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import { writeJson } from '../../http/json.ts'
import { scopeOf } from '../../identity/matrix.ts'
import { keepDecisions } from '../../identity/policies/recorded.ts'
import { newId, tenantWire } from '../../std/id.ts'
import { type Asked, openAsk } from '../asks/ask.ts'
import { type FactDeclaration, readFacts } from '../cards/facts.ts'
import { holdSend, holdStart, type OwnerSide } from '../held/hold.ts'
import type { RelayHouse } from '../house.ts'
import type { ThreadState } from '../model.ts'
import { changeThread, deadlineOf, dueOf, openThread, refuseInactive, ringing, ringsUntil } from './change.ts'
import { type About, callerScope, decidedOf, type Face, judgeMessage, refuseDenied, throughGate } from './gate.ts'
import { refuseLoops } from './hops.ts'
import { judgeOut } from './out.ts'
import { isAccepted, mediaTypeOf, mediaTypes, partKinds } from './parts.ts'
import { keptFor, type Payload, payloadHash, sealPayload } from './payload.ts'
import {
  type ApprovalRow,
  addUsage,
  type CardRow,
  countOpen,
  findCard,
  findPeer,
  type GrantRow,
  insertMessages,
  insertThread,
  lockStarts,
  type MessageRow,
  type NewThread,
  shareGrant,
  type ThreadRow,
  usageToday,
} from './sql.ts'
import { tellThread } from './tell.ts'

export type { Face } from './gate.ts'
export type SendInput = {
  payload: Payload
  skill?: string | undefined
  operation_id?: string | undefined
  client_message_id?: string | undefined
  reference_thread_ids?: string[] | undefined
  /** Where the caller's data part stands in its body, for what is said of a fact. */
  dataAt?: (index: number) => string
  /** Of the whole body, where there is one. */
  bodyBytes?: number
  /** How long the sender waits for the answer. */
  waitMs?: number | undefined
  /** Puts what the sender wants to be told by, before anything is told. Answers the thread as it is then. */
  bind?: ((t: Tx, thread: ThreadRow) => Promise<ThreadRow>) | undefined
}
export type StartInput = SendInput & {
  context_id?: string | undefined
  accepted_output_modes?: string[] | undefined
  expires_in_seconds?: number | undefined
  live?: boolean | undefined
}
/** `approval`: that of this message, where people are asked about it. */
export type Accepted = { thread: ThreadRow; message: MessageRow; card: CardRow; approval: ApprovalRow | null }
type Show<T> = (t: Tx, accepted: Accepted) => Promise<T>

export const QUOTAS = { max_open_threads: 100, messages_per_day: 10_000, bytes_per_day: 1_073_741_824 } as const
// So many starts of one relay grant may be on their way at once without taking turns.
const NEAR_LIMIT = 64
const PARTS_OF_USAGE = 16
const MAX_MESSAGES = 10_000

/** Which message it is. What its caller's own side held back comes in under the ids that it was given there. */
export type Place = { id: string; messageId?: string; face: Face }

const OWNER: OwnerSide = { admit: (...asked) => admit(...asked), sendIn: (...sent) => sendIn(...sent) }

/** T1. `show` makes the answer inside the transaction. */
export const startThread = async <T>(
  house: RelayHouse,
  scope: Scope,
  slug: string,
  face: Face,
  input: StartInput,
  show: Show<T>,
): Promise<T> => {
  const id = newId('thr', house.db.now().getTime())
  const out = await judgeOut(house, scope, { id, face, first: true, slug }, input)
  return throughGate(house, scope, async (t) => {
    const place = { id, face }
    return show(
      t,
      out
        ? await holdStart(house, t, scope, OWNER, { out, place, slug }, input)
        : await startIn(house, t, scope, slug, place, input),
    )
  })
}

/** T1, where the owner's side judges it. Within `throughGate`, or as somebody who answers for what it throws. */
export async function startIn(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  slug: string,
  { id, messageId, face }: Place,
  input: StartInput,
): Promise<Accepted> {
  const card = await findCard(t, scope, { slug })
  if (!card) throw new Problem('not_found')
  refusePaused(card, t.now)
  const grant = await takeGrant(t, scope, card, 'thread.start')
  const open = await withinOpen(t, scope, card, grant)
  const deadline = deadlineOf(t.now, input.expires_in_seconds)
  const made = await judge(house, t, scope, card, grant, { id, messageId, face, first: true, sequence: 2, open }, input)
  const asks = made.judged.outcome.outcome === 'ask'
  const state: ThreadState = asks ? 'awaiting_approval' : 'queued'
  const asked = await askIf(house, t, scope, made)
  const rings = input.live && !asked ? ringsUntil(t.now, card) : null
  const row: NewThread = {
    ...{
      id,
      card_id: card.id,
      card_version: card.version,
      relay_grant_id: grant.id,
      face,
      state,
      turn: asks ? 'human' : 'owner',
      sequence: asked ? 4 : rings ? 3 : 2,
      approval: asked?.approval ?? null,
    },
    context_id: input.context_id ?? newId('ctx', t.now.getTime()),
    skill: input.skill ?? null,
    operation_id: input.operation_id ?? null,
    reference_thread_ids: input.reference_thread_ids ?? [],
    accepted_output_modes: input.accepted_output_modes ?? [],
    live: input.live ?? false,
    deadline_at: deadline,
    due_at: rings ?? dueOf(t.now, state, deadline, card),
    expires_at: made.message.expires_at,
  }
  await insertThread(t, scope, row)
  const opened: ThreadRow = {
    ...row,
    ...{
      tenant_id: scope.tenantId,
      slug: card.slug,
      delivery_mode: card.delivery_mode,
      asker_tenant: grant.asker_tenant,
      asker_agent: grant.asker_agent,
      label: grant.label,
    },
    ...{ outcome: null, reason: null, answered_at: null, error: null, claimed_until: null },
    ...{ created_at: t.now, updated_at: t.now, ended_at: null, kept_until: null },
    has_endpoints: false,
  }
  const thread = (await input.bind?.(t, opened)) ?? opened
  const message = { ...made.message, task_id: asked?.approval.task_id ?? null }
  await insertMessages(t, scope, [message])
  await count(t, scope, grant, message)
  await tellThread(house, t, scope, thread, 0, [
    { type: 'thread.accepted', data: { state, context_id: thread.context_id, skill: thread.skill, ...decidedOf(made.judged) } },
    { type: 'message.accepted', message, ...waiting(input) },
    ...(rings ? [ringing(rings)] : []),
    ...(asked
      ? [
          asked.news,
          {
            type: 'thread.awaiting_approval' as const,
            data: { state, message_id: message.id, approval: { ...asked.approval } },
          },
        ]
      : []),
  ])
  return { thread, message, card, approval: asked?.approval ?? null }
}

/** T12: any open thread takes it; while people are asked about an earlier message it waits behind that one. */
export const sendMessage = async <T>(
  house: RelayHouse,
  scope: Scope,
  threadId: string,
  face: Face,
  input: SendInput,
  show: Show<T>,
): Promise<T> => {
  const out = await judgeOut(house, scope, { id: threadId, face, first: false, slug: null }, input)
  return throughGate(house, scope, async (t) => {
    const place = { id: threadId, face }
    return show(
      t,
      out ? await holdSend(house, t, scope, OWNER, { out, place }, input) : await sendIn(house, t, scope, place, input),
    )
  })
}

/** T12, where the owner's side judges it: as `startIn`. */
export async function sendIn(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  { id: threadId, messageId, face }: Place,
  input: SendInput,
): Promise<Accepted> {
  const open = await openThread(t, scope, threadId)
  const card = await findCard(t, scope, { id: open.card_id })
  if (!card) throw new Problem('not_found')
  refusePaused(card, t.now)
  const grant = await takeGrant(t, scope, card, 'thread.send')
  if (open.sequence >= MAX_MESSAGES)
    throw new Problem('quota_exceeded', { quota: 'messages_per_thread', limit: MAX_MESSAGES, resets_at: null })
  const at = { id: open.id, messageId, face, first: false, sequence: open.sequence + 1, open: null }
  const made = await judge(house, t, scope, card, grant, at, { ...input, skill: input.skill ?? open.skill ?? undefined })
  const asked = await askIf(house, t, scope, made)
  const thread = (await input.bind?.(t, open)) ?? open
  const waits = thread.state === 'awaiting_approval'
  const message = { ...made.message, task_id: asked?.approval.task_id ?? null }
  await insertMessages(t, scope, [message])
  await count(t, scope, grant, message)
  const news = [
    { type: 'message.accepted' as const, message, data: decidedOf(made.judged), ...waiting(input) },
    ...(asked ? [asked.news] : []),
  ]
  const next = waits
    ? {}
    : asked
      ? ({ state: 'awaiting_approval', approval: asked.approval } as const)
      : ({ state: 'queued' } as const)
  const data = asked && !waits ? { message_id: message.id, approval: { ...asked.approval } } : {}
  const now = await changeThread(house, t, scope, thread, card, next, news, data)
  return { thread: now, message, card, approval: asked?.approval ?? null }
}

const waiting = ({ waitMs }: SendInput) => (waitMs === undefined ? {} : { waitMs })

function refusePaused(card: CardRow, now: Date): void {
  if (card.state === 'retired') throw new Problem('not_found')
  if (card.state !== 'paused') return
  const until = card.paused_until
  const seconds = until ? Math.max(1, Math.ceil((until.getTime() - now.getTime()) / 1000)) : 3_600
  throw new Problem('agent_paused', { until: until?.toISOString() ?? null, retry_after: seconds })
}

/** Held until the end of the transaction: a revocation comes before or after the whole of it. */
async function takeGrant(t: Tx, scope: Scope, card: CardRow, action: About['action']): Promise<GrantRow> {
  const grant = scope.relayParty === undefined ? null : await shareGrant(t, scope, scope.relayParty)
  if (!grant || grant.card_id !== card.id) throw new Problem('not_found')
  // As though policy had said no: a block is told to nobody (R120).
  if (grant.is_blocked) refuseDenied(null, { action, slug: card.slug, grant, threadId: null, payloadHash: null })
  if (grant.state === 'revoked') throw new Problem('key_revoked')
  if (grant.state !== 'active' || grant.is_over) throw new Problem('key_expired')
  // Also where an agent comes with a key of its own: it does no more than it was given.
  if (!grant.scopes.includes(scopeOf(action))) throw new Problem('scope_missing', { needed: scopeOf(action) })
  refuseInactive(grant)
  return grant
}

const quota = (name: keyof typeof QUOTAS, card: CardRow, grant: GrantRow): number =>
  grant.limits[name] ?? card.limits[name] ?? QUOTAS[name]

/** How many are open; near the limit starts take turns, so that it holds whoever races. */
async function withinOpen(t: Tx, scope: Scope, card: CardRow, grant: GrantRow): Promise<number> {
  const limit = quota('max_open_threads', card, grant)
  let { n } = await countOpen(t, scope, grant.id)
  if (limit > 0 && n + NEAR_LIMIT >= limit) {
    await lockStarts(t, grant.id)
    n = (await countOpen(t, scope, grant.id)).n
  }
  if (limit > 0 && n >= limit)
    throw new Problem('quota_exceeded', { quota: 'max_open_threads', limit, resets_at: null, retry_after: 60 })
  return n
}

/** What the owner's side refuses without asking anybody; reads alone. */
export async function admit(
  t: Tx,
  scope: Scope,
  by: { id?: string; slug?: string },
  action: 'thread.start' | 'thread.send',
  input: SendInput,
): Promise<{ card: CardRow; grant: GrantRow }> {
  const card = await findCard(t, scope, by)
  if (!card) throw new Problem('not_found')
  refusePaused(card, t.now)
  const grant = await takeGrant(t, scope, card, action)
  fit(card, grant, input)
  if (Math.max(Buffer.byteLength(writeJson(input.payload)), input.bodyBytes ?? 0) > card.max_message_bytes)
    throw new Problem('body_too_large', { max_bytes: card.max_message_bytes })
  return { card, grant }
}

/** Whether it is what the card takes: its skill, and the facts that policies read. */
function fit(card: CardRow, grant: GrantRow, input: SendInput) {
  refuseLoops(input.payload.metadata)
  const skill = skillOf(card, grant, input.skill)
  refuseModes(card, skill, input.payload)
  const facts = skill?.facts ? readFacts({ facts: skill.facts as FactDeclaration[] }, input.payload.parts, input.dataAt) : {}
  return { skill, facts }
}

type At = { id: string; messageId: string | undefined; face: Face; first: boolean; sequence: number; open: number | null }

/** Everything that can refuse the message, in the order in which it is said; then the row that would be inserted. */
async function judge(house: RelayHouse, t: Tx, scope: Scope, card: CardRow, grant: GrantRow, at: At, input: SendInput) {
  const { payload } = input
  const { skill, facts } = fit(card, grant, input)
  const used = await usageToday(t, scope, grant.id)
  const kept = keptFor(card.retention_days, at.id, t.now)
  const id = at.messageId ?? newId('msg', t.now.getTime())
  const [sealed] = await sealPayload(house, t, scope, kept.subject, [{ id, payload }])
  const { envelope, bytes } = sealed as { envelope: Buffer; bytes: number }
  if (Math.max(bytes, input.bodyBytes ?? 0) > card.max_message_bytes)
    throw new Problem('body_too_large', { max_bytes: card.max_message_bytes })
  refuseUsed(t.now, card, grant, used, bytes)
  const hash = payloadHash(payload.parts, input.skill ?? null, at.id)
  const about: About = {
    action: at.first ? 'thread.start' : 'thread.send',
    direction: 'in',
    ...{ card, grant, threadId: at.id, face: at.face, first: at.first, sequence: at.sequence },
    peer: await findPeer(t, grant.id, 'caller'),
    skill: input.skill ?? null,
    ...{ parts: payload.parts, partKinds: partKinds(payload.parts), mediaTypes: mediaTypes(payload.parts) },
    ...{ sizeBytes: bytes, payloadHash: hash, facts, openThreads: at.open ?? 0, messagesToday: used.messages },
  }
  const judged = await judgeMessage(house, t, callerScope(scope, grant), about)
  const { action } = about
  refuseDenied(judged, { action, slug: card.slug, grant, threadId: at.first ? null : at.id, payloadHash: hash })
  await keepDecisions(house, t, scope, [judged])
  const { outcome } = judged.outcome
  const message: MessageRow = {
    ...{
      id,
      thread_id: at.id,
      card_id: card.id,
      relay_grant_id: grant.id,
      sequence: at.sequence,
      side: 'caller',
      kind: 'message',
      outcome: null,
    },
    ...{
      state: outcome === 'ask' ? 'held' : 'queued',
      state_reason: null,
      skill: input.skill ?? null,
      payload: envelope,
      subject: kept.subject,
    },
    ...{
      payload_hash: hash,
      payload_state: 'present',
      size_bytes: bytes,
      part_kinds: partKinds(payload.parts),
      media_types: mediaTypes(payload.parts),
      facts,
    },
    ...{ client_message_id: input.client_message_id ?? null, operation_id: input.operation_id ?? null },
    ...{
      reference_thread_ids: input.reference_thread_ids ?? [],
      artifact_id: null,
      artifact_name: null,
      artifact_description: null,
    },
    ...{ append: null, last_chunk: null, created_by: scope.actor.id, created_at: t.now, expires_at: kept.expiresAt },
    ...{
      attempts: 0,
      next_attempt_at: null,
      claimed_by: null,
      claimed_until: null,
      delivered_at: null,
      delivered_via: null,
      task_id: null,
    },
  }
  return { message, judged, about, card, grant, risk: skill?.risk ?? null }
}

type Made = Awaited<ReturnType<typeof judge>>

/** In the inbox of whoever owns the agent. Nobody of the asking side decides it, but where somebody plays both sides to try it out (R6). */
async function askIf(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  { message, judged, about, card, grant, risk }: Made,
): Promise<Asked | null> {
  if (judged.outcome.outcome !== 'ask') return null
  const sender = {
    label: grant.label,
    tenant: grant.asker_tenant === null ? null : tenantWire(grant.asker_tenant),
    agent: grant.asker_agent,
  }
  const told = {
    ...{ what: 'send_in' as const, judged, about, sender, risk },
    messageId: message.id,
    slug: card.slug,
    grantLabel: grant.label,
  }
  const asker = { ...callerScope(scope, grant), principal: grant.id }
  return openAsk(house, t, asker, told, grant.sandbox ? null : { userId: about.peer?.user_id ?? null })
}

/** Holders of a relay grant know of those, too, that not everybody is told of (R86). */
const skillsOf = ({ content }: CardRow) => [...content.skills, ...(content.extended?.skills ?? [])]

/** One that the card has, and that the relay grant gives. */
function skillOf(card: CardRow, grant: GrantRow, skill: string | undefined) {
  if (skill === undefined) {
    // Whoever was given some skills alone says which of them it means.
    if (grant.skills !== null && grant.skills.length !== 1)
      refuse('/skill', 'required', 'This relay grant gives some skills alone: say which.')
    return grant.skills === null ? undefined : skillsOf(card).find((one) => one.id === grant.skills?.[0])
  }
  const found = skillsOf(card).find((one) => one.id === skill)
  if (!found) refuse('/skill', 'unknown', 'The card has no such skill.')
  if (grant.skills !== null && !grant.skills.includes(skill)) throw new Problem('scope_missing', { needed: `skill:${skill}` })
  return found
}

function refuseModes(card: CardRow, skill: { input_modes?: string[] } | undefined, { parts }: Payload): void {
  const modes = skill?.input_modes ?? card.content.accepted_inputs
  const at = parts.findIndex((part) => !isAccepted(mediaTypeOf(part), modes))
  if (at >= 0) throw new Problem('media_type_unsupported', { supported: [...modes] })
}

function refuseUsed(now: Date, card: CardRow, grant: GrantRow, used: { messages: number; bytes: string }, bytes: number): void {
  const resets = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate() + 1))
  const over = (name: 'messages_per_day' | 'bytes_per_day', next: number) => {
    const limit = quota(name, card, grant)
    if (limit > 0 && next > limit)
      throw new Problem('quota_exceeded', {
        ...{ quota: name, limit, resets_at: resets.toISOString() },
        retry_after: Math.ceil((resets.getTime() - now.getTime()) / 1000),
      })
  }
  over('messages_per_day', used.messages + 1)
  over('bytes_per_day', Number(used.bytes) + bytes)
}

/** The part is chosen by the message's id, so that equal messages of one moment seldom meet. */
const count = (t: Tx, scope: Scope, grant: GrantRow, { id, size_bytes }: MessageRow) =>
  addUsage(t, scope, grant.id, id.charCodeAt(id.length - 1) % PARTS_OF_USAGE, size_bytes)

const refuse = (path: string, code: string, message: string): never => {
  throw new Problem('validation_failed', { errors: [{ path, code, message }] })
}
