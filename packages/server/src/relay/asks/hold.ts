// An answer of the owner's side before its own policies (relay.md R80): judged as it goes out, and held where they ask. Held pieces have numbers below zero, so that nothing reads them
// as part of the thread; the caller learns that the work goes on, and nothing else.
import { type Scope, systemScope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import type { Judged } from '../../identity/policies/judge.ts'
import { keepDecisions } from '../../identity/policies/recorded.ts'
import { isJudged } from '../../identity/policies/request.ts'
import { type ActiveRow, findRole } from '../../identity/policies/sql.ts'
import { newId } from '../../std/id.ts'
import type { RelayHouse } from '../house.ts'
import type { Part } from '../model.ts'
import { type About, judgeMessage, refuseDenied } from '../threads/gate.ts'
import { mediaTypes, partKinds } from '../threads/parts.ts'
import { payloadHash } from '../threads/payload.ts'
import type { ResponseInput } from '../threads/respond.ts'
import {
  type ApprovalRow,
  type CardRow,
  findPeer,
  type GrantRow,
  type MessageRow,
  type PeerRow,
  shareGrant,
  type ThreadRow,
  type Usage,
  usageToday,
} from '../threads/sql.ts'
import type { News } from '../threads/tell.ts'
import { openAsk } from './ask.ts'

export type Reply = { card: CardRow; thread: ThreadRow; messages: readonly MessageRow[]; input: ResponseInput }
export type JudgedReply = Judged & { reply: Reply; about: About; leadId: string }

/** Throws inside `throughGate` where it is denied. */
export async function judgeReply(house: RelayHouse, t: Tx, scope: Scope, reply: Reply, known: Known): Promise<JudgedReply> {
  const { card, thread, messages, input } = reply
  const parts = partsOf(input)
  const lead = messages.find((one) => one.kind !== 'artifact') ?? messages.at(-1)
  const whole = { card, thread, parts, payloadHash: payloadHash(parts, thread.skill, thread.id) }
  const about = aboutOf({ ...whole, bytes: messages.reduce((sum, one) => sum + one.size_bytes, 0) }, known)
  const judged = await judgeMessage(house, t, responder(scope, card), about, known.active)
  const grant = { id: thread.relay_grant_id, asker_tenant: null }
  refuseDenied(judged, { action: about.action, slug: card.slug, grant, threadId: thread.id, payloadHash: about.payloadHash })
  await keepDecisions(house, t, scope, [judged])
  return { ...judged, reply, about, leadId: lead?.id ?? newId('msg', t.now.getTime()) }
}

/** All that the caller would read of it. */
const partsOf = ({ payload, artifacts, error }: ResponseInput): Part[] => [
  ...(payload?.parts ?? []),
  ...artifacts.flatMap((one) => one.parts),
  ...(error ? [{ data: { ...error } }] : []),
]

type Whole = {
  card: Pick<CardRow, 'id' | 'delivery_mode'>
  thread: ThreadRow
  parts: readonly Part[]
  payloadHash: string
  bytes: number
}
export async function replyAbout(t: Tx, scope: Scope, whole: Whole): Promise<About> {
  const { thread } = whole
  const grant = await shareGrant(t, scope, thread.relay_grant_id)
  if (!grant) throw new Error(`The relay grant of thread ${thread.id} is not there.`)
  const used = await usageToday(t, scope, grant.id)
  return aboutOf(whole, { grant, used, peer: await findPeer(t, grant.id, 'caller') })
}

/** What of a judgement is no part of the answer, read under a share of the relay grant. */
export type Known = { grant: GrantRow; peer: PeerRow | null; used: Pick<Usage, 'messages'>; active?: ActiveRow | undefined }
function aboutOf({ card, thread, parts, payloadHash: hash, bytes }: Whole, { grant, peer, used }: Known): About {
  return {
    ...{ action: 'thread.respond', direction: 'out', card, grant, peer },
    ...{ threadId: thread.id, face: thread.face, first: false, sequence: thread.sequence + 1, skill: thread.skill },
    ...{ parts, partKinds: partKinds(parts), mediaTypes: mediaTypes(parts), sizeBytes: bytes, payloadHash: hash, facts: {} },
    ...{ openThreads: 0, messagesToday: used.messages },
  }
}

/** What comes back from an agent's own server is that agent's. */
const responder = (scope: Scope, card: Pick<CardRow, 'id' | 'agent_id'>): Scope => {
  if (isJudged(scope)) return scope
  const id = card.agent_id ?? card.id
  return { ...scope, principal: id, actor: { type: 'agent', id }, agentId: card.agent_id }
}

/** Who answered, as they are now: their role may have changed since. */
export async function responderAgain(t: Tx, scope: Scope, id: string, card: Pick<CardRow, 'id' | 'agent_id'>): Promise<Scope> {
  const base = systemScope('relay', scope.tenantId)
  if (id.startsWith('usr_'))
    return {
      ...base,
      principal: id,
      actor: { type: 'user', id },
      userId: id,
      role: ((await findRole(t, scope, id))?.role as Scope['role']) ?? null,
    }
  if (id.startsWith('key_')) return { ...base, principal: id, actor: { type: 'key', id } }
  return id.startsWith('agt_') ? { ...base, principal: id, actor: { type: 'agent', id }, agentId: id } : responder(base, card)
}

export type HeldReply = { messages: MessageRow[]; news: News; approval: ApprovalRow }

export async function holdReply(house: RelayHouse, t: Tx, scope: Scope, judged: JudgedReply): Promise<HeldReply> {
  const { reply, about, leadId } = judged
  const { card, thread, messages, input } = reply
  const who = responder(scope, card)
  const asker: Scope = {
    ...systemScope('relay', scope.tenantId),
    principal: who.principal,
    actor: who.actor,
    agentId: who.agentId,
    userId: who.userId,
    displayName: who.displayName,
    scopes: [],
    requestId: scope.requestId,
  }
  const told = {
    ...{ what: 'reply_out' as const, judged, about, messageId: leadId, slug: card.slug, grantLabel: thread.label, risk: null },
    sender: { label: who.displayName, tenant: null, agent: who.agentId },
    editable: input.payload !== null && input.artifacts.length === 0 && input.error === undefined,
  }
  const response = { outcome: input.outcome, error: input.error ?? null }
  const { approval, news } = await openAsk(house, t, asker, told, null, response)
  return { messages: heldBack(thread, messages, approval.task_id), news, approval }
}

/** `taskId` null: it is refused at once. */
export const heldBack = (
  thread: Pick<ThreadRow, 'sequence'>,
  messages: readonly MessageRow[],
  taskId: string | null,
): MessageRow[] =>
  messages.map((one, i) => ({
    ...one,
    ...(taskId === null ? { state: 'refused' as const, state_reason: 'policy_denied' } : { state: 'held' as const }),
    ...{ delivered_at: null, task_id: taskId },
    // Below zero and told apart from every other of its thread.
    sequence: -(thread.sequence * 1_000 + i + 1),
  }))
