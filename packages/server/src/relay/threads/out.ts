// A message before the policies of the side that sends it (relay.md R71): judged in the caller's own tenant, before the owner's side is asked anything. What is refused there is on the
// record of that tenant alone, and what people are asked about waits there (held/). Whoever has no account has no policies, and within one tenant a message is judged once, where it comes in.
import { Problem } from '@countersign/sdk'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { type Json, writeJson } from '../../http/json.ts'
import { tellDecided } from '../../identity/policies/denial.ts'
import type { Judged } from '../../identity/policies/judge.ts'
import { keepDecisions } from '../../identity/policies/recorded.ts'
import { type ActiveRow, findActive } from '../../identity/policies/sql.ts'
import { type Company, openCompany } from '../../tasks/company.ts'
import { readFacts } from '../cards/facts.ts'
import type { RelayHouse } from '../house.ts'
import { RELAY_SCOPES } from '../party.ts'
import { peerProofs, peerTenant } from '../requests/sql.ts'
import { askVisitor } from '../sandbox/approve.ts'
import type { SendInput } from './accept.ts'
import { type About, decidedOf, type Face, judgeMessage, notTheirs, problemOf } from './gate.ts'
import { mediaTypes, partKinds } from './parts.ts'
import { payloadHash } from './payload.ts'
import { skillsFor } from './skills.ts'
import { type CardRow, findAllGranted, type OutRow, type SendingRow } from './sql.ts'

/** `slug` null: the thread is known by its id alone. */
type Sent = { id: string; face: Face; first: boolean; slug: string | null }

/** Why a message does not go in at once: its own policies ask about it, or something of its thread waits already. */
export type Out = { own: Scope; who: Scope; judged: Judged; about: About }

/** Null: it goes in. Throws `policy_denied` or `policy_error`. */
export async function judgeOut(house: RelayHouse, scope: Scope, sent: Sent, input: SendInput): Promise<Out | null> {
  const { relayFrom: home, relayParty: grantId } = scope
  if (!home || grantId === undefined || home === scope.tenantId) return null
  const out = await companyOf(house).join({ home, grantId, scope, sent, input })
  return out && (out.judged.outcome.outcome === 'ask' || out.waits) ? out : null
}

type Sending = { home: string; grantId: string; scope: Scope; sent: Sent; input: SendInput }
type Judgement = (Out & { waits: boolean }) | null

// A judgement waits for no lock: whoever comes while two are under way goes with the next.
const LONGEST_WAIT_MS = 200
const companies = new WeakMap<RelayHouse, Company<Sending, Judgement>>()

/** Messages that leave one tenant at the same time are judged in one transaction, each by itself. */
function companyOf(house: RelayHouse): Company<Sending, Judgement> {
  const company =
    companies.get(house) ??
    openCompany<Sending, Judgement>({
      groupOf: ({ home }) => home,
      sizeOf: ({ input }) => input.bodyBytes ?? 0,
      longestWaitMs: LONGEST_WAIT_MS,
      together: (all) => judgeTogether(house, all).catch(notTheirs),
      async alone(one) {
        const [out] = await judgeTogether(house, [one])
        if (out instanceof Problem) throw out
        return out as Judgement
      },
    })
  companies.set(house, company)
  return company
}

/** A refusal is told in the transaction; whatever else is said to one is said to that one alone. */
function judgeTogether(house: RelayHouse, all: readonly Sending[]): Promise<(Judgement | Problem)[]> {
  const own = systemScope('relay', (all[0] as Sending).home)
  return tx(house.db, own, async (t) => {
    const agents = [...new Set(all.flatMap(({ scope }) => (scope.actor.type === 'agent' ? [scope.actor.id] : [])))]
    const active = await findActive(t, own, agents)
    // Beside what policies may know of the other side, what the relay grant is, and whether something of the thread waits.
    const rows = await findAllGranted(
      t,
      own,
      all.map(({ grantId, sent }) => ({ grantId, threadId: sent.first ? null : sent.id })),
    )
    const granted = new Map(rows.map((row) => [row.nth, row]))
    const outs: (Judgement | Problem)[] = []
    for (const [i, one] of all.entries()) {
      const row = granted.get(i + 1)
      outs.push(row ? await orProblem(judgeOne(house, t, own, one, row, active)) : null)
    }
    const passed = outs.flatMap((out) => (out === null || out instanceof Problem || isDenied(out) ? [] : [out.judged]))
    await keepDecisions(house, t, own, passed)
    for (const [i, out] of outs.entries()) {
      if (out === null || out instanceof Problem || !isDenied(out)) continue
      await tellOut(house, t, out.who, out.judged, out.about, (all[i] as Sending).sent.slug)
      outs[i] = problemOf(out.judged)
    }
    return outs
  })
}

const isDenied = ({ judged }: Out): boolean => judged.outcome.outcome === 'deny'

async function orProblem<T>(made: Promise<T>): Promise<T | Problem> {
  try {
    return await made
  } catch (error) {
    if (error instanceof Problem) return error
    throw error
  }
}

async function judgeOne(
  house: RelayHouse,
  t: Tx,
  own: Scope,
  { scope, grantId, sent, input }: Sending,
  granted: OutRow,
  active: ActiveRow,
): Promise<Out & { waits: boolean }> {
  const agent = scope.actor.type === 'agent' ? scope.actor.id : grantId
  const who: Scope = {
    ...senderOf(own.tenantId, { id: agent, label: scope.displayName }),
    address: scope.address ?? null,
    requestId: scope.requestId,
  }
  const about = outAbout(granted, grantId, sent, await declared(house, t, granted, grantId, sent, input))
  const judged = askVisitor(scope, granted, await judgeMessage(house, t, who, about, active), about.parts)
  return { own, who, judged, about, waits: granted.waits }
}

/** Of a first message without a relay grant (R103): as it would be judged under the one that it asks for. Throws as `judgeOut` does. */
export async function judgeFirst(
  house: RelayHouse,
  scope: Scope,
  sent: Sent,
  to: { id: string; tenantId: string; card: Pick<CardRow, 'id' | 'agent_id' | 'version'>; facts: About['facts'] },
  input: SendInput,
): Promise<'allow' | 'ask'> {
  const own = systemScope('relay', scope.tenantId)
  const who: Scope = {
    ...senderOf(scope.tenantId, { id: scope.agentId as string, label: scope.displayName }),
    ...{ address: scope.address ?? null, requestId: scope.requestId },
  }
  const judged = await tx(house.db, own, async (t) => {
    const granted: SendingRow = {
      ...{ tenant_id: to.tenantId, agent_id: to.card.agent_id, external: true, has_card: true, user_id: null },
      ...{ since: (await peerTenant(t, to.tenantId))?.created_at ?? null, ...(await peerProofs(t, to.tenantId, to.card.id)) },
      ...{ card_id: to.card.id, granted_at: t.now, scopes: [...RELAY_SCOPES], sandbox: false },
      ...{ card_version: to.card.version, skills: null, thread_skill: null, last_sequence: null, open_threads: 0, messages: 0 },
    }
    const about = outAbout(granted, to.id, sent, { ...input, facts: to.facts })
    const made = await judgeMessage(house, t, who, about)
    if (made.outcome.outcome === 'deny') await tellOut(house, t, who, made, about, sent.slug)
    else await keepDecisions(house, t, own, [made])
    return made
  })
  if (judged.outcome.outcome === 'deny') throw problemOf(judged)
  return judged.outcome.outcome
}

/** As whom an agent is judged in its own tenant. */
export const senderOf = (tenantId: string, agent: { id: string; label: string }): Scope => ({
  ...systemScope('relay', tenantId),
  principal: agent.id,
  actor: { type: 'agent', id: agent.id },
  agentId: agent.id,
  displayName: agent.label,
})

/** What its skill declares of it, as the owner's side reads it (R74); a follow-up that names no skill is one of its thread's. Throws 422 as that side would. */
export async function declared<T extends Pick<SendInput, 'payload' | 'skill' | 'dataAt'>>(
  house: RelayHouse,
  t: Tx,
  granted: SendingRow,
  grantId: string,
  { first }: Pick<Sent, 'first'>,
  input: T,
): Promise<T & { facts: About['facts'] }> {
  const named = input.skill ?? (first ? undefined : (granted.thread_skill ?? undefined))
  const only = granted.skills?.length === 1 ? granted.skills[0] : undefined
  const skill = (await skillsFor(house, t, grantId, granted)).find(({ id }) => id === (named ?? only))
  return { ...input, skill: named, facts: skill ? readFacts(skill, input.payload.parts, input.dataAt) : {} }
}

export function outAbout(
  granted: SendingRow,
  grantId: string,
  { id, face, first }: Sent,
  { payload, skill, facts }: Pick<SendInput, 'payload' | 'skill'> & Pick<About, 'facts'>,
): About {
  const { parts } = payload
  return {
    ...{ action: first ? 'thread.start' : 'thread.send', direction: 'out', card: { id: granted.card_id }, peer: granted },
    grant: { id: grantId, state: 'active', created_at: granted.granted_at, scopes: granted.scopes, sandbox: granted.sandbox },
    // Of what waits behind others nobody knows the number yet.
    ...{ threadId: id, face, first, sequence: first ? 2 : (granted.last_sequence ?? -1) + 1, skill: skill ?? null, facts },
    ...{ openThreads: granted.open_threads, messagesToday: granted.messages },
    ...{ parts, partKinds: partKinds(parts), mediaTypes: mediaTypes(parts) },
    ...{
      sizeBytes: Buffer.byteLength(writeJson(payload as unknown as Json)),
      payloadHash: payloadHash(parts, skill ?? null, id),
    },
  }
}

async function tellOut(house: RelayHouse, t: Tx, who: Scope, judged: Judged, about: About, slug: string | null): Promise<void> {
  const { action, payloadHash: payload_hash, first, threadId } = about
  await tellDecided(house, t, who, judged, { payload_hash })
  const { policy_ids, policy_version, context_digest } = decidedOf(judged)
  const resource = first ? { type: 'relay_grant', id: about.grant.id } : { type: 'thread', id: threadId }
  await record(
    t,
    who,
    'thread.refused',
    {
      ...(slug === null ? { thread_id: threadId } : { agent: slug }),
      relay_grant_id: about.grant.id,
      action,
      reason: 'policy_denied',
      direction: 'out',
      payload_hash,
      context_digest,
    },
    { resource, decision: { outcome: judged.outcome.outcome, policy_ids, policy_version } },
  )
}
