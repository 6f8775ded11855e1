// An agent asks to be connected to one of another owner (relay.md C1, C2): judged in its own tenant first, then in the owner's (R71), where it waits for people unless policy lets it
// through. A block answers as policy would, so that nobody learns of it (R120). Opens no second question while one waits.
import { Problem } from '@countersign/sdk'
import { canonical } from '../../crypto/canonical.ts'
import { sha256Hex } from '../../crypto/token.ts'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { reach } from '../../identity/matrix.ts'
import { tellDecided } from '../../identity/policies/denial.ts'
import { type Judged, judgeOne } from '../../identity/policies/judge.ts'
import { keepDecisions } from '../../identity/policies/recorded.ts'
import type { Act } from '../../identity/policies/request.ts'
import type { Asking } from '../../policy/decide.ts'
import { newId, tenantWire } from '../../std/id.ts'
import type { Prepared } from '../../tasks/creation.ts'
import { expireTask } from '../../tasks/deadline.ts'
import { createTaskIn } from '../../tasks/task.ts'
import type { CallbackWishes } from '../endpoints/house.ts'
import { expireIn } from '../grants/end.ts'
import { openGrant } from '../grants/grant.ts'
import { type CardRow, findActiveBetween, findCard, hasReadAll } from '../grants/sql.ts'
import { refuseFaulty, type Terms, type TermsIn, termErrors, usualTerms } from '../grants/terms.ts'
import type { RelayHouse } from '../house.ts'
import type { Part } from '../model.ts'
import { partyScope, placeOfCard } from '../party.ts'
import type { CardPlace } from '../sql.ts'
import { tellSides } from '../tell.ts'
import { prepareTelling, putTelling, type RequestEnd, type Telling, tellEnd } from './callback.ts'
import { type Conduct, conductOf } from './conduct.ts'
import { ACTION, prepareQuestion } from './question.ts'
import { callerOf, type ShownRequest, showRequest } from './show.ts'
import {
  type AskingAgent,
  findAskingAgent,
  findPending,
  insertIfNonePending,
  isBlocked,
  ownersOfCard,
  peerProofs,
  peerTenant,
  type RequestRow,
  setGrant,
} from './sql.ts'

const ATTEMPTS = 4
const DAY_MS = 86_400_000
const USUAL: Asking = { quorum: 1, expires_seconds: 86_400, on_timeout: 'deny', texts: [] }

export type Asked = TermsIn & { purpose: string; from_agent_id?: string | undefined; callback?: CallbackWishes | undefined }

type Asker = { agent: AskingAgent; tenantId: string }
/** Of one request: who, for what card, in the tenant of its owner. */
type Way = {
  id: string
  place: CardPlace
  asker: Asker
  purpose: string
  wishes: TermsIn
  acting: Scope
  judgedAs: Scope
  slug: string
  first: First | null
  telling: Telling | null
}

/** A message that waits for it (R103). `hold` runs in the transaction that makes the request, as `acting`. */
export type First = {
  thread_id: string
  opens_grant_id: string
  skill: string | null
  parts: readonly Part[]
  payload_hash: string
  hold(t: Tx, acting: Scope, row: RequestRow): Promise<void>
}

export async function askConnection(
  house: RelayHouse,
  caller: Scope,
  slug: string,
  input: Asked,
): Promise<ShownRequest & { callback?: NonNullable<Telling['told']> }> {
  const { row, telling } = await askOnce(house, caller, slug, input, null)
  return { ...showRequest(house, row, 'caller'), ...(telling?.told ? { callback: telling.told } : {}) }
}

/** `first`: the message that it is made of. */
export const askFor = async (house: RelayHouse, caller: Scope, slug: string, input: Asked, first: First): Promise<RequestRow> =>
  (await askOnce(house, caller, slug, input, first)).row

async function askOnce(
  house: RelayHouse,
  caller: Scope,
  slug: string,
  input: Asked,
  first: First | null,
): Promise<{ row: RequestRow; telling: Telling | null }> {
  // Its stored reply lies with the asker, and the request with the owner: kept after the answer, for the one that waits is the answer to a repeat.
  const scope: Scope = { ...caller, beforeCommit: undefined }
  const place = await placeOfCard(house, slug)
  if (place.visibility !== 'public' && place.tenant_id !== scope.tenantId) throw new Problem('not_found')
  const agent = await askingAgent(house, scope, input.from_agent_id)
  const { purpose, from_agent_id: _, callback, ...wishes } = input
  await refuseUnproved(house, scope, place)
  const id = newId('creq', house.db.now().getTime())
  const way: Way = {
    ...{ id, slug, place, purpose, wishes, first, telling: null },
    asker: { agent, tenantId: scope.tenantId },
    ...scopesThere(scope, place, id, agent),
  }
  // What would be refused anyway bothers nobody at home.
  const stale = await tx(house.db, way.acting, async (t) => refuseStanding(house, t, way, await cardOf(t, way)))
  if (stale?.task_id) await expireTask(house.tasks, place.tenant_id, stale.task_id)
  way.telling = await prepareTelling(house, scope, { agentId: agent.id, slug }, callback)
  await house.countersign(
    scope,
    (t) => outbound(t, way),
    async () => null,
  )
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const made = await open(house, way)
    if (made instanceof Problem) throw made
    if (made) return { row: made, telling: way.telling }
  }
  throw new Problem('busy', { retry_after: 1 })
}

/** Where the operator wants to know who asks: whoever proved no domain asks nobody but themselves (R121). */
async function refuseUnproved(house: RelayHouse, scope: Scope, place: CardPlace): Promise<void> {
  if (!house.requestsNeedDomain || place.tenant_id === scope.tenantId) return
  const { domains } = await tx(house.db, scope, (t) => peerProofs(t, scope.tenantId, ''), { readOnly: true })
  if (domains.length === 0)
    throw new Problem('policy_denied', { action: ACTION, reason: 'domain_proof_required', policy_ids: [] })
}

/** An agent asks for itself; people name one of theirs. */
async function askingAgent(house: RelayHouse, scope: Scope, named: string | undefined): Promise<AskingAgent> {
  const id = named ?? scope.agentId
  const fault = (code: string, message: string) =>
    new Problem('validation_failed', { errors: [{ path: '/from_agent_id', code, message }] })
  if (id === null) throw fault('required', 'Say which of your agents asks.')
  if (scope.agentId !== null && id !== scope.agentId) throw fault('not_allowed', 'An agent asks for itself alone.')
  const ownedBy = scope.agentId === null && reach(scope, ACTION) === 'own' ? scope.userId : null
  const agent = await tx(house.db, scope, (t) => findAskingAgent(t, scope, id, ownedBy), { readOnly: true })
  if (!agent || agent.state === 'revoked') throw fault('not_found', 'There is no such agent.')
  return agent
}

/** Whoever acts, for the record; and the agent, as the owner's policies and people are asked about it. Neither has a right in that tenant. */
function scopesThere(scope: Scope, place: CardPlace, id: string, agent: AskingAgent): { acting: Scope; judgedAs: Scope } {
  const party = partyScope(scope, { ...place, party: id, label: agent.name, asker_agent: agent.id }, [])
  const acting: Scope = { ...party, relayParty: undefined, relayScopes: undefined }
  return { acting, judgedAs: { ...acting, principal: agent.id, actor: { type: 'agent', id: agent.id } } }
}

async function cardOf(t: Tx, { slug, acting }: Way): Promise<CardRow> {
  const card = await findCard(t, acting, { slug })
  if (!card || card.state === 'retired') throw new Problem('not_found')
  return card
}

/** What stands between the two already. Answers a request whose time is over, and whose end nobody has written yet. */
async function refuseStanding(
  house: RelayHouse,
  t: Tx,
  { acting, asker: { agent } }: Way,
  card: CardRow,
): Promise<RequestRow | null> {
  const pending = await findPending(t, acting, card.id, agent.id)
  if (pending && pending.expires_at > t.now) throw duplicate(pending.id, 'pending')
  const active = await findActiveBetween(t, acting, card.id, agent.id)
  const isOver = active?.expires_at && active.expires_at <= t.now && (await expireIn(house, t, acting, active.id))
  if (active && !isOver) throw duplicate(active.request_id ?? active.id, 'approved')
  return pending
}

const duplicate = (id: string, state: string): Problem => new Problem('duplicate_request', { existing_id: id, state })

/** Before the asking side's own policies. */
export async function outbound(
  t: Tx,
  { place, slug, asker, purpose, wishes }: Pick<Way, 'place' | 'slug' | 'asker' | 'purpose' | 'wishes'>,
) {
  const asked = usualTerms(wishes)
  const peer = await peerOf(t, { tenantId: place.tenant_id, agent: slug, proves: place.card_id }, asker.tenantId)
  return {
    ...{ origin: 'relay' as const, action: ACTION, resource: { type: 'Card', id: place.card_id } },
    context: contextOf('out', asked, purpose, peer),
    body: { agent: slug, from_agent_id: asker.agent.id, purpose, ...asked },
  }
}

type Peer = {
  tenant: string
  agent: string
  account_age_days: number
  external: boolean
  domains: string[]
  card_signed: boolean
}

/** As policies of the one side may know the other (R73). Signed counts with a domain that is proved for the card: who signs is then who owns the name. */
async function peerOf(
  t: Tx,
  { tenantId, agent, proves }: { tenantId: string; agent: string; proves: string },
  from: string,
): Promise<Peer> {
  const tenant = await peerTenant(t, tenantId)
  const { domains, card_proved } = await peerProofs(t, tenantId, proves)
  return {
    tenant: tenantWire(tenantId),
    agent,
    account_age_days: tenant ? Math.max(0, Math.floor((t.now.getTime() - tenant.created_at.getTime()) / DAY_MS)) : 0,
    external: tenantId !== from,
    domains,
    card_signed: card_proved,
  }
}

const contextOf = (direction: 'in' | 'out', asked: Terms, purpose: string, peer: Peer): Act['context'] => ({
  direction,
  face: 'native',
  first: true,
  skill: asked.skills?.length === 1 ? (asked.skills[0] as string) : '',
  ...{ part_kinds: [], media_types: [], size_bytes: Buffer.byteLength(purpose), sequence: 0, encrypted: false },
  payload_hash: hashOf(asked, purpose),
  facts: {},
  content: purpose,
  peer,
})

const hashOf = (asked: Terms, purpose: string): string => `sha256:${sha256Hex(canonical({ asked, purpose }))}`

/** The same to whoever is blocked and to whom policy refuses: it names nothing of the owner's. */
const refusedThere = (): Problem => new Problem('policy_denied', { action: ACTION, reason: 'no_permit', policy_ids: [] })

type Seen = { conduct: Conduct | null; card: CardRow; asked: Terms; judged: Judged; tenantName: string; owners: string[] }

/** Null: what it is judged by changed meanwhile, or somebody asked the same at this moment; look again. */
async function open(house: RelayHouse, way: Way): Promise<RequestRow | Problem | null> {
  const { acting } = way
  const first = await tx(house.db, acting, (t) => look(house, t, way), { readOnly: true })
  const prepared = first?.judged.outcome.outcome === 'ask' ? await questionOf(house, way, first) : null
  const made = tx(house.db, acting, async (t) => {
    const seen = await look(house, t, way)
    if (!seen) return refusedThere()
    await refuseStanding(house, t, way, seen.card)
    const { outcome } = seen.judged.outcome
    if (outcome === 'deny') {
      await tellDecided(house, t, way.judgedAs, seen.judged)
      return refusedThere()
    }
    if (outcome === 'allow') return letIn(house, t, way, seen)
    if (!prepared || first?.judged.outcome.policy_version !== seen.judged.outcome.policy_version) return null
    return wait(house, t, way, seen, prepared)
  })
  return made.catch((error: unknown) => {
    if (error instanceof AskedMeanwhile) return null
    throw error
  })
}

/** Somebody asked the same at the same moment: theirs is the question, and nothing of this one is left. */
class AskedMeanwhile extends Error {}

const questionOf = (
  house: RelayHouse,
  { id, asker, purpose, place, judgedAs, first }: Way,
  { card, asked, judged, tenantName, owners, conduct }: Seen,
) =>
  prepareQuestion(house, judgedAs, {
    ...{ id, card, purpose, asked, owners, conduct },
    message: first && { skill: first.skill, parts: first.parts, payload_hash: first.payload_hash },
    from: {
      tenantName,
      agentId: asker.agent.id,
      agentName: asker.agent.name,
      owner: asker.agent.user_id,
      isExternal: place.tenant_id !== asker.tenantId,
    },
    asking: judged.outcome.ask ?? USUAL,
    policy: { ids: judged.outcome.policy_ids, version: judged.outcome.policy_version },
    hash: hashOf(asked, purpose),
  })

/** What is told to holders of relay grants alone is confirmed to nobody else, not even by its name (R86). */
const namable = async (t: Tx, { acting, asker: { agent } }: Way, card: CardRow): Promise<string[]> =>
  card.skills.length > card.open_skills.length && (await hasReadAll(t, acting, card.id, agent.id)).is
    ? card.skills
    : card.open_skills

/** Null: it is blocked. */
async function look(house: RelayHouse, t: Tx, way: Way): Promise<Seen | null> {
  const { acting, judgedAs, asker, purpose, wishes, place } = way
  const card = await cardOf(t, way)
  if ((await isBlocked(t, acting, { tenant: asker.tenantId, agent: asker.agent.id })).blocked) return null
  const asked = usualTerms(wishes)
  refuseFaulty(termErrors(asked, await namable(t, way, card)))
  const peer = await peerTenant(t, asker.tenantId)
  const who = { tenantId: asker.tenantId, agent: asker.agent.id, proves: asker.agent.id }
  const about = await peerOf(t, who, place.tenant_id)
  const conduct = (await conductOf(t, [asker.tenantId])).get(asker.tenantId) ?? null
  const act: Act = { action: ACTION, resource: { type: 'Card', id: card.id }, context: contextOf('in', asked, purpose, about) }
  const judged = await judgeOne(house, t, { scope: judgedAs, act })
  return { card, asked, judged, conduct, tenantName: peer?.name ?? '', owners: (await ownersOfCard(t, acting, card.id)).owners }
}

const rowOf = ({ id, asker, purpose, acting, first }: Way, { card, asked, judged }: Seen) => ({
  ...{ id, card_id: card.id, purpose, asked },
  asker_tenant: asker.tenantId,
  asker_agent: asker.agent.id,
  asker_name: asker.agent.name,
  asked_by: acting.actor.id,
  policy_version: judged.outcome.policy_version,
  thread_id: first?.thread_id ?? null,
  opens_grant_id: first?.opens_grant_id ?? null,
})

async function wait(house: RelayHouse, t: Tx, way: Way, seen: Seen, prepared: Prepared): Promise<RequestRow | null> {
  const task = await createTaskIn(house.tasks, t, prepared)
  const row = await insertIfNonePending(t, way.acting, {
    ...rowOf(way, seen),
    ...{ given: null, state: 'pending', issue: null, decided_by: null },
    task_id: task.id,
    on_timeout: (seen.judged.outcome.ask ?? USUAL).on_timeout,
    expires_at: task.deadline_at,
  })
  if (!row) throw new AskedMeanwhile()
  await keepDecisions(house, t, way.judgedAs, [seen.judged])
  await tellCreated(house, t, way, seen, row)
  await putTelling(house, t, way.acting, row, way.telling)
  await way.first?.hold(t, way.acting, row)
  return row
}

/** C2: no task, and the same rules of grants; the token is made when its asker collects it. */
async function letIn(house: RelayHouse, t: Tx, way: Way, seen: Seen): Promise<RequestRow> {
  const byPolicy = { ...systemScope('relay', way.acting.tenantId), requestId: way.acting.requestId }
  const row = await insertIfNonePending(t, way.acting, {
    // What was sent goes in by itself then, and has its own ids.
    ...rowOf({ ...way, first: null }, seen),
    ...{
      given: seen.asked,
      state: 'approved',
      issue: 'on_collect',
      task_id: null,
      decided_by: byPolicy.principal,
      on_timeout: 'deny',
    },
    expires_at: t.now,
  })
  if (!row) throw new Error('Only what is pending conflicts.')
  await keepDecisions(house, t, way.judgedAs, [seen.judged])
  await tellCreated(house, t, way, seen, row)
  await putTelling(house, t, way.acting, row, way.telling)
  const grant = await openGrant(t, byPolicy, seen.card, seen.asked, callerOf(row))
  const approved = await setGrant(t, way.acting, row.id, grant.id)
  await tellRequest(house, t, byPolicy, 'connection_request.approved', approved, {
    relay_grant_id: grant.id,
    policy_version: row.policy_version,
  })
  return approved
}

const tellCreated = (
  house: RelayHouse,
  t: Tx,
  { acting }: Way,
  { judged: { outcome } }: Seen,
  row: RequestRow,
): Promise<string> => {
  const { policy_ids, policy_version } = outcome
  const decision = { outcome: outcome.outcome, policy_ids, policy_version }
  return tellRequest(house, t, acting, 'connection_request.created', row, { skills: row.asked.skills ?? undefined }, decision)
}

export async function tellRequest(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  type: RequestEnd | `connection_request.${'created' | 'collected'}`,
  row: RequestRow,
  more: Parameters<typeof tellSides>[4] = {},
  decision?: { outcome: string; policy_ids: string[]; policy_version: number },
): Promise<string> {
  const data = {
    connection_request_id: row.id,
    agent: row.slug,
    card_id: row.card_id,
    asker_agent: row.asker_agent,
    state: row.state,
    ...more,
  }
  const eventId = await tellSides(t, scope, row, type, data, {
    resource: { type: 'connection_request', id: row.id },
    ...(decision ? { decision } : {}),
  })
  if (type !== 'connection_request.created' && type !== 'connection_request.collected')
    await tellEnd(house, t, scope, type, eventId, row)
  return eventId
}
