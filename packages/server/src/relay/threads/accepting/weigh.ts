// Whether a message of a caller may be taken (relay.md T1, T12, R74, R75, R112): everything that can refuse it, in the order in which it is said, and then the row that it would be.
// Writes nothing; what it counts, it counts for those that are weighed after it in the same transaction.
import { Problem } from '@countersign/sdk'
import { atHome, type Scope } from '../../../db/scope.ts'
import type { Tx } from '../../../db/tx.ts'
import { scopeOf } from '../../../identity/matrix.ts'
import type { Judged } from '../../../identity/policies/judge.ts'
import { newId } from '../../../std/id.ts'
import { type FactDeclaration, readFacts } from '../../cards/facts.ts'
import type { RelayHouse } from '../../house.ts'
import type { SendInput, Sent } from '../accept.ts'
import { refuseEnded, refuseInactive } from '../change.ts'
import { type About, callerScope, judgeMessage, refuseDenied } from '../gate.ts'
import { refuseLoops } from '../hops.ts'
import { isAccepted, mediaTypeOf, mediaTypes, partKinds } from '../parts.ts'
import { keptFor, type openSealer, type Payload, payloadHash } from '../payload.ts'
import { type CardContent, type CardRow, countOpen, type GrantRow, lockStarts, type MessageRow, type ThreadRow } from '../sql.ts'
import type { Ground, LockedThread, Way } from './sql.ts'

export const QUOTAS = { max_open_threads: 100, messages_per_day: 10_000, bytes_per_day: 1_073_741_824 } as const
// So many starts of one relay grant may be on their way at once without taking turns.
const NEAR_LIMIT = 64
const MAX_MESSAGES = 10_000

/** It has to wait for others, or people are asked about it: it goes in a transaction of its own. */
export const APART = Symbol('apart')

/** What those that are weighed together stand on. */
export type Scales = {
  house: RelayHouse
  t: Tx
  way: Way
  grounds: ReadonlyMap<string, Ground>
  contentOf(card: { id: string; version: number }): CardContent
  threads: ReadonlyMap<string, LockedThread>
  seal: ReturnType<typeof openSealer>
}
type Card = Ground['card']
export type Weighed = {
  sent: Sent
  ground: Ground
  card: CardRow
  /** Null: it is to be started. */
  thread: ThreadRow | null
  message: MessageRow
  judged: Judged
  about: About
  risk: string | null
}

/** Throws what is said to its sender; `Denied` where policy says no. */
export async function weigh(scales: Scales, sent: Sent): Promise<Weighed | typeof APART> {
  const { t, grounds, threads } = scales
  const ground = grounds.get(sent.scope.relayParty ?? '')
  if (sent.slug !== null) {
    if (!ground || ground.card.slug !== sent.slug) throw new Problem('not_found')
    refusePaused(ground.card, t.now)
    refuseGrant(ground, 'thread.start')
    const open = await withinOpen(scales, sent.scope, ground)
    return open === APART ? APART : judge(scales, sent, ground, { thread: null, sequence: 2, open })
  }
  const locked = threads.get(sent.place.id)
  // Those that share a transaction reach the threads of all its relay grants; each message those of its own.
  if (!ground || locked?.relay_grant_id !== ground.grant.id) throw new Problem('not_found')
  if (locked.kept_until !== null && locked.kept_until <= t.now) throw new Problem('not_found')
  refuseEnded(locked)
  const { grant } = ground
  // Its thread may not have ended yet where a grant had very many; nothing is written to it all the same.
  if (grant.state !== 'active' || grant.is_over)
    throw new Problem('thread_revoked', { state: 'revoked', outcome: null, reason: 'grant_revoked' })
  refuseInactive(grant)
  refusePaused(ground.card, t.now)
  refuseGrant(ground, 'thread.send')
  if (locked.sequence >= MAX_MESSAGES)
    throw new Problem('quota_exceeded', { quota: 'messages_per_thread', limit: MAX_MESSAGES, resets_at: null })
  const { asker_tenant, asker_agent, label } = grant
  const { slug, delivery_mode } = ground.card
  const thread: ThreadRow = { ...locked, slug, delivery_mode, asker_tenant, asker_agent, label }
  return judge(scales, sent, ground, { thread, sequence: thread.sequence + 1, open: 0 })
}

export function refusePaused(card: Card, now: Date): void {
  if (card.state === 'retired') throw new Problem('not_found')
  if (card.state !== 'paused') return
  const until = card.paused_until
  const seconds = until ? Math.max(1, Math.ceil((until.getTime() - now.getTime()) / 1000)) : 3_600
  throw new Problem('agent_paused', { until: until?.toISOString() ?? null, retry_after: seconds })
}

/** Shared until the end of the transaction: a revocation comes before or after the whole of it. */
export function refuseGrant({ grant, card }: Pick<Ground, 'grant' | 'card'>, action: About['action']): void {
  // As though policy had said no: a block is told to nobody (R120).
  if (grant.is_blocked) refuseDenied(null, { action, slug: card.slug, grant, threadId: null, payloadHash: null })
  if (grant.state === 'revoked') throw new Problem('key_revoked')
  if (grant.state !== 'active' || grant.is_over) throw new Problem('key_expired')
  // Also where an agent comes with a key of its own: it does no more than it was given.
  if (!grant.scopes.includes(scopeOf(action))) throw new Problem('scope_missing', { needed: scopeOf(action) })
  refuseInactive(grant)
}

const quota = (name: keyof typeof QUOTAS, card: Card, grant: GrantRow): number =>
  grant.limits[name] ?? card.limits[name] ?? QUOTAS[name]

/** How many are open before it; near the limit starts take turns, so that it holds whoever races. */
async function withinOpen({ t, way }: Scales, scope: Scope, ground: Ground): Promise<number | typeof APART> {
  const { card, grant } = ground
  const limit = quota('max_open_threads', card, grant)
  if (limit > 0 && ground.open + NEAR_LIMIT >= limit) {
    if (way === 'pass') return APART
    await lockStarts(t, grant.id)
    ground.open = (await countOpen(t, scope, grant.id)).n
  }
  if (limit > 0 && ground.open >= limit)
    throw new Problem('quota_exceeded', { quota: 'max_open_threads', limit, resets_at: null, retry_after: 60 })
  return ground.open
}

type At = { thread: ThreadRow | null; sequence: number; open: number }

async function judge(scales: Scales, sent: Sent, ground: Ground, at: At): Promise<Weighed | typeof APART> {
  const { house, t, way } = scales
  const { scope, place, input } = sent
  const { grant, used } = ground
  const card: CardRow = { ...ground.card, content: scales.contentOf(ground.card) }
  const { payload } = input
  const named = input.skill ?? at.thread?.skill ?? undefined
  const { skill, facts } = fit(card, grant, named, input)
  const kept = keptFor(card.retention_days, place.id, t.now)
  const id = place.messageId ?? newId('msg', t.now.getTime())
  const { envelope, bytes } = await scales.seal(kept.subject, id, payload)
  if ((input.bodyBytes || bytes) > card.max_message_bytes)
    throw new Problem('body_too_large', { max_bytes: card.max_message_bytes })
  refuseUsed(t.now, card, grant, used, bytes)
  const hash = payloadHash(payload.parts, named ?? null, place.id)
  const isStart = at.thread === null
  const about: About = {
    action: isStart ? 'thread.start' : 'thread.send',
    direction: 'in',
    ...{ card, grant, peer: ground.peer, threadId: place.id, face: place.face, first: isStart, sequence: at.sequence },
    skill: named ?? null,
    ...{ parts: payload.parts, partKinds: partKinds(payload.parts), mediaTypes: mediaTypes(payload.parts) },
    ...{ sizeBytes: bytes, payloadHash: hash, facts, openThreads: at.open, messagesToday: used.messages },
  }
  const judged = await judgeMessage(house, t, callerScope(scope, grant), about, ground.active)
  refuseDenied(judged, { action: about.action, slug: card.slug, grant, threadId: at.thread?.id ?? null, payloadHash: hash })
  const asks = judged.outcome.outcome === 'ask'
  if (asks && way === 'pass') return APART
  used.messages++
  used.bytes += bytes
  if (isStart) ground.open++
  const message: MessageRow = {
    ...NEW,
    ...{
      id,
      thread_id: place.id,
      card_id: card.id,
      relay_grant_id: grant.id,
      sequence: at.sequence,
      state: asks ? 'held' : 'queued',
    },
    ...{ skill: about.skill, payload: envelope, subject: kept.subject, payload_hash: hash, size_bytes: bytes, facts },
    ...{ part_kinds: partKinds(payload.parts), media_types: mediaTypes(payload.parts) },
    ...{ client_message_id: input.client_message_id ?? null, operation_id: input.operation_id ?? null },
    ...{ reference_thread_ids: input.reference_thread_ids ?? [] },
    ...{ created_by: atHome(scope).id, created_at: t.now, expires_at: kept.expiresAt },
  }
  return { sent, ground, card, thread: at.thread, message, judged, about, risk: skill?.risk ?? null }
}

const NEW = {
  side: 'caller',
  kind: 'message',
  outcome: null,
  state_reason: null,
  payload_state: 'present',
  artifact_id: null,
  artifact_name: null,
  artifact_description: null,
  append: null,
  last_chunk: null,
  attempts: 0,
  next_attempt_at: null,
  claimed_by: null,
  claimed_until: null,
  delivered_at: null,
  delivered_via: null,
  task_id: null,
} as const

/** Whether it is what the card takes: its skill, and the facts that policies read. */
export function fit(card: CardRow, grant: GrantRow, named: string | undefined, { payload, dataAt }: SendInput) {
  refuseLoops(payload.metadata)
  const skill = skillOf(card, grant, named)
  refuseModes(card, skill, payload)
  const facts = skill?.facts ? readFacts({ facts: skill.facts as FactDeclaration[] }, payload.parts, dataAt) : {}
  return { skill, facts }
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

function refuseUsed(now: Date, card: Card, grant: GrantRow, used: Ground['used'], bytes: number): void {
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
  over('bytes_per_day', used.bytes + bytes)
}

const refuse = (path: string, code: string, message: string): never => {
  throw new Problem('validation_failed', { errors: [{ path, code, message }] })
}
