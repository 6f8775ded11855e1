// Whether a message may pass, by the policies of the tenant whose data it becomes or leaves (relay.md R71, R73). Judged in the transaction that accepts it, so an activation counts
// from the next message in every process. What is refused leaves nothing but the attempt, on the record of both sides.
import { Problem } from '@countersign/sdk'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { composeEvents, record } from '../../events/event.ts'
import { digestOf } from '../../identity/policies/countersign.ts'
import { denialOf, tellDecided } from '../../identity/policies/denial.ts'
import { judgeFacts } from '../../identity/policies/facts-schema.ts'
import type { Judged } from '../../identity/policies/judge.ts'
import type { ActiveRow } from '../../identity/policies/sql.ts'
import { tenantWire } from '../../std/id.ts'
import type { RelayHouse } from '../house.ts'
import type { Part } from '../model.ts'
import { tellAsker } from '../sql.ts'
import type { GrantRow, PeerRow } from './sql.ts'

export type Face = 'native' | 'a2a' | 'mcp'
export type About = {
  action: 'thread.start' | 'thread.send' | 'thread.respond'
  direction: 'in' | 'out'
  card: { id: string; delivery_mode?: string; delivery_host?: string | null }
  grant: Pick<GrantRow, 'id' | 'state' | 'created_at' | 'scopes' | 'sandbox'>
  /** The other side, as far as policies may know it. */
  peer: PeerRow | null
  threadId: string
  face: Face
  first: boolean
  sequence: number
  skill: string | null
  parts: readonly Part[]
  partKinds: readonly string[]
  mediaTypes: readonly string[]
  sizeBytes: number
  payloadHash: string
  facts: Readonly<Record<string, number | boolean | string>>
  openThreads: number
  messagesToday: number
}

const DAY_MS = 86_400_000

/** `active`: the policies in force, where they were read in this transaction. */
export function judgeMessage(house: RelayHouse, t: Tx, scope: Scope, about: About, active?: ActiveRow): Promise<Judged> {
  const { action, card } = about
  const resource = action === 'thread.start' ? { type: 'Card', id: card.id } : { type: 'Thread', id: about.threadId }
  return judgeFacts(house, t, { scope, act: { action, resource, context: contextOf(about, t.now) } }, active)
}

const contextOf = (about: About, now: Date) => ({
  direction: about.direction,
  face: about.face,
  first: about.first,
  skill: about.skill ?? '',
  part_kinds: [...about.partKinds],
  media_types: [...about.mediaTypes],
  size_bytes: about.sizeBytes,
  sequence: about.sequence,
  encrypted: false,
  payload_hash: about.payloadHash,
  facts: { ...about.facts },
  content: contentOf(about.parts),
  relay_grant: {
    id: about.grant.id,
    state: about.grant.state,
    age_days: daysSince(about.grant.created_at, now),
    scopes: [...about.grant.scopes],
    open_threads: about.openThreads,
    messages_today: about.messagesToday,
    sandbox: about.grant.sandbox,
  },
  peer: about.peer ? peerOf(about.peer, now) : undefined,
  delivery:
    about.card.delivery_mode === undefined ? undefined : { mode: about.card.delivery_mode, host: about.card.delivery_host ?? '' },
})

const daysSince = (at: Date, now: Date): number => Math.max(0, Math.floor((now.getTime() - at.getTime()) / DAY_MS))

/** A caller without an account has no tenant, no agent and no age. */
const peerOf = ({ tenant_id, agent_id, since, external, domains, card_proved }: PeerRow, now: Date) => ({
  tenant: tenant_id === null ? '' : tenantWire(tenant_id),
  agent: agent_id ?? '',
  domains: [...domains],
  // Who signs is who owns a name only where a domain is proved for that card (R118).
  card_signed: card_proved,
  account_age_days: since === null ? 0 : daysSince(since, now),
  external,
})

const MOST_CONTENT = 8_192
/** Words of a stranger: what policies may read of them, cut. */
const contentOf = (parts: readonly Part[]): string =>
  parts
    .flatMap(({ text }) => (text === undefined ? [] : [text]))
    .join('\n')
    .slice(0, MOST_CONTENT)

/** What the event of a message says of its judgement (R75). */
export const decidedOf = ({ request, outcome }: Judged) => ({
  decision: outcome.outcome,
  policy_ids: outcome.policy_ids,
  policy_version: outcome.policy_version,
  context_digest: digestOf(request).toString('hex'),
})

/**
 * As whom an agent of the other side is judged here. Whoever has no account is an agent all the same, known by the relay grant: policies over agents hold for it.
 */
export const foreignScope = (tenantId: string, agent: { id: string; label: string }, requestId: string | null): Scope => ({
  ...systemScope('relay', tenantId),
  principal: agent.id,
  actor: { type: 'agent', id: agent.id },
  scopes: [],
  displayName: agent.label,
  requestId,
})

/** As whom a caller is judged where it comes in, and named by the tasks about it. */
export const callerScope = (scope: Scope, grant: Pick<GrantRow, 'id' | 'asker_agent' | 'label'>): Scope => ({
  ...foreignScope(scope.tenantId, { id: grant.asker_agent ?? grant.id, label: grant.label }, scope.requestId),
  address: scope.address ?? null,
})

/** Ends the transaction of a message that policy refuses; `throughGate` says so and answers the problem. */
export class Denied extends Error {
  readonly judged: Judged | null
  readonly about: Refusal
  constructor(judged: Judged | null, about: Refusal) {
    super('Policy refuses this message.')
    this.judged = judged
    this.about = about
  }
}
export type Refusal = {
  action: string
  slug: string
  grant: Pick<GrantRow, 'id' | 'asker_tenant'>
  /** Where there is one already. */
  threadId: string | null
  payloadHash: string | null
}

/** `judged` null: as though policy had said no, which a block looks like (R120). */
export function refuseDenied(judged: Judged | null, about: Refusal): void {
  if (judged === null || judged.outcome.outcome === 'deny') throw new Denied(judged, about)
}

/** Runs what judges messages in a transaction of its own: where policy denies, nothing of it is left, and the attempt is told (R75). */
export async function throughGate<T>(house: RelayHouse, scope: Scope, run: (t: Tx) => Promise<T>): Promise<T> {
  try {
    return await tx(house.db, scope, run)
  } catch (error) {
    if (!(error instanceof Denied)) throw error
    throw await problemOfDenied(house, scope, error)
  }
}

/** Tells the attempt in a transaction of its own, and says what its sender hears. */
export async function problemOfDenied(house: RelayHouse, scope: Scope, denied: Denied): Promise<Problem> {
  await tellRefused(house, scope, denied)
  return problemOf(denied.judged)
}

/** What one of them brought about must not fall on the others: each goes alone then. That the store is away is everybody's. */
export function notTheirs(error: unknown): never {
  if (error instanceof Problem && !['store_unavailable', 'read_only'].includes(error.code))
    throw new Error('One of several messages could not be taken.', { cause: error })
  throw error
}

/** Whether the transaction can go on: it was refused by a rule, and nothing of the database failed. */
export const isSaid = (error: unknown): boolean => error instanceof Denied || error instanceof Problem

/** Where the transaction goes on: whether policy refused, told in it. What was judged must have written nothing. */
export async function tellIfDenied(house: RelayHouse, t: Tx, scope: Scope, error: unknown): Promise<boolean> {
  if (!(error instanceof Denied)) return false
  await tellRefusedIn(house, t, scope, error.judged, error.about)
  return true
}

export const problemOf = (judged: Judged | null): Problem =>
  judged ? denialOf(judged) : new Problem('policy_denied', { reason: 'no_permit', policy_ids: [] })

/** The refusal is the answer; its transaction carries no stored reply. */
function tellRefused(house: RelayHouse, { beforeCommit: _reply, ...scope }: Scope, { judged, about }: Denied): Promise<void> {
  return tx(house.db, scope, (t) => tellRefusedIn(house, t, scope, judged, about))
}

export async function tellRefusedIn(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  judged: Judged | null,
  { action, slug, grant, threadId, payloadHash }: Refusal,
): Promise<void> {
  const data = {
    ...{ agent: slug, relay_grant_id: grant.id, action, reason: 'policy_denied' },
    ...(threadId === null ? {} : { thread_id: threadId }),
    ...(payloadHash === null ? {} : { payload_hash: payloadHash }),
  }
  const resource = threadId === null ? { type: 'relay_grant', id: grant.id } : { type: 'thread', id: threadId }
  if (judged) await tellDecided(house, t, scope, judged, payloadHash === null ? {} : { payload_hash: payloadHash })
  const decided = judged && { ...decidedOf(judged), outcome: judged.outcome.outcome }
  await record(
    t,
    scope,
    'thread.refused',
    { ...data, ...(decided ? { context_digest: decided.context_digest } : {}) },
    {
      resource,
      ...(decided
        ? { decision: { outcome: decided.outcome, policy_ids: decided.policy_ids, policy_version: decided.policy_version } }
        : {}),
    },
  )
  const { asker_tenant: asker } = grant
  if (asker === null || asker === scope.tenantId) return
  const there = { ...scope, tenantId: asker }
  const [told] = composeEvents(t, [{ scope: there, type: 'thread.refused', data, options: { resource, onBehalfOf: [] } }])
  await tellAsker(t, grant.id, [(told as { body: string }).body])
}
