// Relay grants (relay.md §2.4): made by an owner for a caller without an account here (R29), read by both sides, changed by the owner. What an owner agreed to is
// requests/. Whoever is neither side of one is told that there is none.
import { Problem } from '@countersign/sdk'
import type { Scope, Tx } from '../../db/tx.ts'
import type { EventData } from '../../events/event.ts'
import type { EventType } from '../../events/types.ts'
import { reach } from '../../identity/matrix.ts'
import { newId } from '../../std/id.ts'
import type { Limits } from '../cards/input.ts'
import type { RelayHouse } from '../house.ts'
import { enterThing, sideOf } from '../party.ts'
import { reachesCard } from '../sql.ts'
import { tellSides } from '../tell.ts'
import { judgedGrant } from './act.ts'
import { showGrant } from './show.ts'
import { type CardRow, findCard, findGrant, type GrantRow, insertGrant, lockGrant, updateGrantIfActive } from './sql.ts'
import { cidrOf, refuseFaulty, type Terms, type TermsIn, termErrors, usualTerms } from './terms.ts'
import { mintToken } from './token.ts'

type House = Pick<RelayHouse, 'db' | 'countersign'>

/** `RouteSpec.enter` of the routes under `/relay-grants/:id`. */
export const enterGrant =
  (house: Pick<RelayHouse, 'db'>, action: string) =>
  async (scope: Scope, params: { id?: string }): Promise<Scope> =>
    (await enterThing(house as RelayHouse, scope, params.id ?? '', action)).scope

export type OwnGrant = TermsIn & { agent: string; label: string; purpose: string }

/** For a caller that has no account here: whoever holds the token is the caller (R29). */
export const createGrant = (house: House, scope: Scope, input: OwnGrant) => {
  const { agent, label, purpose, ...wishes } = input
  return judgedGrant(house, scope, { action: 'relay_grant.create', resource: agent, body: input }, async (t) => {
    const card = await ownCard(t, scope, agent, 'relay_grant.create')
    const terms = usualTerms(wishes)
    refuseFaulty(termErrors(terms, card.skills))
    const caller = { request_id: null, asker_tenant: null, asker_agent: null, label, purpose }
    const row = await openGrant(t, scope, card, terms, caller)
    const { token, expiresAt } = await mintToken(t, scope, row)
    return { relay_grant: await showGrant(t, scope, row, 'owner'), relay_token: token, expires_at: expiresAt }
  })
}

/** A card of this tenant, within what this caller reaches. Named by slug or by id. */
export async function ownCard(t: Tx, scope: Scope, named: string, action: string): Promise<CardRow> {
  const card = await findCard(t, scope, named.startsWith('card_') ? { id: named } : { slug: named })
  if (!card || card.state === 'retired') throw new Problem('not_found')
  if (reach(scope, action) === 'own' && !(await reachesCard(t, scope, card.id)).own) throw new Problem('not_found')
  return card
}

type Caller = Pick<GrantRow, 'request_id' | 'asker_tenant' | 'asker_agent' | 'label' | 'purpose'>

/** `sandbox`: to try something out, and over when its first life is (R6). `id`: where it was given out before. `only_thread`: for that one alone. */
type How = { sandbox?: boolean; id?: string; only_thread?: string | null }

/** From its commit on the caller is let in, as narrowly as the terms say. */
export async function openGrant(
  t: Tx,
  scope: Scope,
  card: Pick<CardRow, 'id' | 'slug' | 'environment'>,
  terms: Terms,
  { sandbox = false, id = newId('rgr', t.now.getTime()), only_thread = null, ...caller }: Caller & How,
): Promise<GrantRow> {
  const row = await insertGrant(t, scope, {
    ...caller,
    id,
    card_id: card.id,
    skills: terms.skills,
    scopes: terms.scopes,
    limits: terms.limits,
    addresses: terms.bind.addresses?.map((one) => cidrOf(one) as string) ?? null,
    dpop_jkt: terms.bind.dpop_jkt,
    environment: card.environment,
    sandbox,
    token_seconds: terms.expires_in_seconds,
    only_thread,
  })
  await tellGrant(t, scope, 'relay_grant.created', row, { skills: row.skills, scopes: row.scopes })
  return row
}

export const tellGrant = (
  t: Tx,
  scope: Scope,
  type: Extract<EventType, `relay_grant.${string}`>,
  row: GrantRow,
  more: EventData = {},
): Promise<string> => {
  const data = {
    relay_grant_id: row.id,
    agent: row.slug,
    card_id: row.card_id,
    asker_agent: row.asker_agent,
    label: row.label,
    ...more,
  }
  return tellSides(t, scope, row, type, data, { resource: { type: 'relay_grant', id: row.id } })
}

export async function seeGrant(t: Tx, scope: Scope, id: string): Promise<GrantRow> {
  const row = await findGrant(t, scope, id)
  if (!row) throw new Problem('not_found')
  return row
}

/** One after another: what is done here to a grant waits for the row, and reads it as it is then. */
export async function takeGrant(t: Tx, scope: Scope, id: string): Promise<GrantRow> {
  const row = await lockGrant(t, scope, id)
  if (!row) throw new Problem('not_found')
  return row
}

/** What is over stays over; how it ended is told. */
export const refuseEnded = (row: GrantRow, now: Date): void => {
  if (row.state !== 'active') throw new Problem('grant_ended', { state: row.state })
  if (row.expires_at !== null && row.expires_at <= now) throw new Problem('grant_ended', { state: 'expired' })
}

export type GrantWishes = { label?: string; limits?: Partial<Limits>; ends_at?: Date | null }

/** What is the same already changes nothing. */
export const changeGrant = (house: House, scope: Scope, id: string, wishes: GrantWishes, ifMatch: string | undefined) =>
  judgedGrant(house, scope, { action: 'relay_grant.update', resource: id, body: wishes }, async (t) => {
    refuseCaller(scope)
    const row = await takeGrant(t, scope, id)
    const wanted = versionOf(ifMatch)
    if (wanted !== null && wanted !== row.revision) throw new Problem('version_conflict', { version: row.revision })
    refuseEnded(row, t.now)
    if (row.sandbox && wishes.ends_at !== undefined && (wishes.ends_at === null || wishes.ends_at > (row.ends_at as Date)))
      refuseFaulty([{ path: '/ends_at', code: 'too_late', message: 'What is for trying out ends a day after it was made.' }])
    const change = {
      label: wishes.label ?? row.label,
      limits: wishes.limits ?? row.limits,
      ends_at: wishes.ends_at === undefined ? row.ends_at : wishes.ends_at,
    }
    if (change.ends_at !== null && change.ends_at <= t.now)
      refuseFaulty([{ path: '/ends_at', code: 'past', message: 'This time has passed; revoke it to end it now.' }])
    const fields = (Object.keys(change) as (keyof typeof change)[]).filter((name) => !isSame(change[name], row[name]))
    if (fields.length === 0) return showGrant(t, scope, row, 'owner')
    const changed = await updateGrantIfActive(t, scope, id, change, soonest(row, change.ends_at, t.now))
    if (!changed) throw new Problem('grant_ended', { state: row.state })
    await tellGrant(t, scope, 'relay_grant.updated', changed, { fields })
    return showGrant(t, scope, changed, 'owner')
  })

/** An end that is taken back leaves a life of its usual length. */
function soonest(row: GrantRow, endsAt: Date | null, now: Date): Date {
  const life = new Date(now.getTime() + row.token_seconds * 1_000)
  const usual = row.ends_at !== null && row.expires_at?.getTime() === row.ends_at.getTime() ? life : (row.expires_at ?? life)
  return endsAt !== null && endsAt < usual ? endsAt : usual
}

export function refuseCaller(scope: Scope): void {
  if (sideOf(scope) === 'caller') throw new Problem('not_owner')
}

const isSame = (a: unknown, b: unknown): boolean => {
  const flat = (value: unknown): string =>
    JSON.stringify(
      value instanceof Date ? value.getTime() : value,
      value && typeof value === 'object' ? Object.keys(value).sort() : undefined,
    )
  return flat(a) === flat(b)
}

/** The ETag is the version; `*` matches whatever is there. */
function versionOf(ifMatch: string | undefined): number | null {
  if (ifMatch === undefined || ifMatch.trim() === '*') return null
  const version = /^(?:W\/)?"(\d{1,9})"$/.exec(ifMatch.trim())?.[1]
  if (version === undefined)
    throw new Problem('request_invalid', { detail: 'If-Match is the ETag of the relay grant, such as "3".' })
  return Number(version)
}
