// Who is who between two tenants (relay.md R7, R114): from a credential and what a route names to a scope in the owner's tenant, held to one relay grant. Whoever is neither side of
// a thing is told that there is none. Never gives a party a right of the matrix: what it may, its relay grant and its credential say together.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import { type Db, once, type Tx, tx } from '../db/tx.ts'
import { reach, scopeOf } from '../identity/matrix.ts'
import type { Side } from './model.ts'
import {
  type CardPlace,
  cardPlace,
  type GrantBetween,
  grantBetween,
  ownsAgent,
  type Place,
  reachesCard,
  relayPlace,
  type WaitingBetween,
  waitingBetween,
} from './sql.ts'

/** What a relay token may carry (R26). */
export const RELAY_SCOPES = ['threads:start', 'threads:send', 'threads:read', 'threads:close', 'threads:subscribe'] as const
export type RelayScope = (typeof RELAY_SCOPES)[number]
const ACTION_OF: Record<RelayScope, string> = {
  'threads:start': 'thread.start',
  'threads:send': 'thread.send',
  'threads:read': 'thread.read',
  'threads:close': 'thread.close',
  'threads:subscribe': 'thread.subscribe',
}

type House = { db: Db }

type Party = Pick<Place, 'tenant_id' | 'tenant_state' | 'party' | 'label'> & Partial<Pick<Place, 'asker_tenant' | 'asker_agent'>>

/** Whoever acts is told apart no further than the other side may know; everything else is the owner's. `scopes`: all that they may here. */
export function partyScope(base: Scope, at: Party, scopes: readonly string[], threadId?: string): Scope {
  // Where they came from lies in an envelope of their own tenant; here it would be a stranger's.
  const { proof: _own, breakGlass: _door, origin: _from, ...rest } = base
  return {
    ...rest,
    ...(at.tenant_id === base.tenantId ? {} : outsider(base, at)),
    tenantId: at.tenant_id,
    principal: at.party,
    role: null,
    isHost: false,
    scopes: [],
    agentId: null,
    userId: null,
    displayName: at.label,
    tenantState: at.tenant_state,
    relayParty: at.party,
    ...(at.tenant_id === base.tenantId ? {} : { isForeign: true as const }),
    relayFrom: at.asker_tenant ?? null,
    relaySide: 'caller',
    relayScopes: scopes,
    ...(threadId === undefined ? {} : { relayThread: threadId }),
  }
}

/** To another tenant its callers are agents, or relay grants where none is known: which of their people acts, with which session or key, is theirs to know. */
function outsider({ actor }: Scope, { asker_agent, party }: Party): Pick<Scope, 'actor' | 'actorAtHome'> {
  if (actor.type === 'system') return { actor }
  const agent = actor.type === 'agent' ? actor.id : asker_agent
  return { actor: agent ? { type: 'agent', id: agent } : { type: 'key', id: party }, actorAtHome: actor }
}

/** What this credential may of all that the relay grant gives. */
const mayOf = (scope: Scope, given: readonly string[]): RelayScope[] =>
  RELAY_SCOPES.filter((one) => given.includes(one) && reach(scope, ACTION_OF[one]) !== 'none')

/**
 * For routes under `/agents/:slug` that callers use. A relay token opens its own agent alone; an agent's key is led to its live relay grant. Without one the scope stays as it
 * is, and the verb says what to do about that (`refuseUnapproved`).
 */
export const enterAgent =
  (house: House) =>
  async (scope: Scope, params: { slug?: string }): Promise<Scope> => {
    const slug = params.slug ?? ''
    if (scope.relayParty !== undefined) return scope
    if (scope.agentId === null) return scope
    refuseAudience(scope, slug)
    const [found] = await once<GrantBetween>(house.db, grantBetween(scope.agentId, slug))
    if (!found || found.grant_over) return scope
    const { dpop_jkt: bound } = found
    if (bound !== null && scope.proof?.thumbprint !== bound) throw new Problem('token_binding_failed')
    return partyScope(scope, { ...found, party: found.relay_grant_id }, mayOf(scope, found.scopes))
  }

/** Of what nobody has agreed to yet. */
const WAITING: readonly RelayScope[] = ['threads:read', 'threads:close']

/** An agent without a live relay grant still reads what it sent without one, and takes it back (R103). */
export async function enterWaiting(house: House, scope: Scope, slug: string): Promise<Scope> {
  if (scope.relayParty !== undefined || scope.agentId === null) return scope
  const [found] = await once<WaitingBetween>(house.db, waitingBetween(scope.agentId, slug))
  return found ? partyScope(scope, found, mayOf(scope, WAITING)) : scope
}

/** A child key is for one agent alone (R114). */
function refuseAudience({ audience }: Scope, slug: string): void {
  if (audience !== undefined && audience !== slug) throw new Problem('wrong_token_kind', { accepted: ['key'] })
}

/** Where the card of a slug lies, for whoever may know of it. Throws `not_found`. */
export async function placeOfCard(house: House, slug: string): Promise<CardPlace> {
  const [place] = await once<CardPlace>(house.db, cardPlace(slug))
  if (!place || place.tenant_state === 'erased' || place.state === 'retired') throw new Problem('not_found')
  return place
}

export type Entered = { scope: Scope; side: Side; place: Place }

/**
 * For routes that name a relay grant, a connection request or a thread: the owner's people and agents act in their own tenant, the asking side as a party of it. Whoever asked for
 * a thing and owns it too (both in one tenant) is its caller by the agent that asked, and its owner otherwise.
 */
export async function enterThing(house: House, scope: Scope, id: string, action: string): Promise<Entered> {
  const [place] = await once<Place>(house.db, relayPlace(id))
  if (!place || (scope.audience !== undefined && scope.audience !== place.slug)) throw new Problem('not_found')
  if (scope.relayThread !== undefined && scope.relayThread !== id) throw new Problem('not_found')
  if (scope.relayParty !== undefined) {
    if (scope.relayParty !== place.party) throw new Problem('not_found')
    return { scope, side: 'caller', place }
  }
  const isAsker = place.asker_tenant === scope.tenantId && (scope.agentId === null || scope.agentId === place.asker_agent)
  const isOwner = place.tenant_id === scope.tenantId
  if (isOwner && !place.is_held && !(isAsker && scope.agentId !== null)) {
    await refuseOthers(house, scope, action, (t) => reachesCard(t, scope, place.card_id))
    return { scope: { ...scope, relaySide: 'owner' }, side: 'owner', place }
  }
  if (!isAsker) throw new Problem('not_found')
  await refuseOthers(house, scope, action, (t) => ownsAgent(t, scope, place.asker_agent))
  if (place.is_waiting && !WAITING.some((one) => ACTION_OF[one] === action))
    throw new Problem('scope_missing', { needed: scopeOf(action) })
  if (place.is_waiting) return { scope: partyScope(scope, place, mayOf(scope, WAITING)), side: 'caller', place }
  // The five words, and the one act of this route: what a key or a session may at home (R72).
  const may: string[] =
    reach(scope, action) === 'none' ? mayOf(scope, RELAY_SCOPES) : [...mayOf(scope, RELAY_SCOPES), scopeOf(action)]
  return { scope: partyScope(scope, place, may), side: 'caller', place }
}

/** Whoever reaches their own alone is told nothing of what is not. */
async function refuseOthers(
  house: House,
  scope: Scope,
  action: string,
  isOwn: (t: Tx) => Promise<{ own: boolean }>,
): Promise<void> {
  if (reach(scope, action) !== 'own') return
  const { own } = await tx(house.db, scope, isOwn, { readOnly: true })
  if (!own) throw new Problem('not_found')
}

/** `RouteSpec.enter` of the routes under `/threads/:id`. A thread token is in its thread already. */
export const enterThread =
  (house: House, action: string) =>
  async (scope: Scope, params: { id?: string }): Promise<Scope> =>
    scope.relayThread !== undefined && scope.relayThread === params.id
      ? scope
      : (await enterThing(house, scope, params.id ?? '', action)).scope

/** Of those by which callers write: a relay token is in the tenant already, and finds nothing there but the threads of its own relay grant, by the verb's own look. */
export const enterOwnThread =
  (house: House, action: string) =>
  (scope: Scope, params: { id?: string }): Promise<Scope> =>
    scope.relayParty !== undefined && scope.relayThread === undefined
      ? Promise.resolve(scope)
      : enterThread(house, action)(scope, params)

/** Which side this scope stands on. */
export const sideOf = (scope: Scope): Side => scope.relaySide ?? 'owner'
