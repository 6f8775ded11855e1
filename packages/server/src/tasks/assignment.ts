// Who is asked (T91–T96, T98): a form of `assign_to` becomes the names under which people may answer and, where one person is meant, who holds it. Nobody is
// picked who is away, full, or on the asking side. What people may do with the task, this does not decide.
import type { Scope } from '../db/scope.ts'
import type { Tx } from '../db/tx.ts'
import { nearest } from '../http/nearest.ts'
import { foldEmail } from '../identity/email.ts'
import { standInFor } from './routing/delegate.ts'
import { fallbackKeys, poolKey } from './routing/fallback.ts'
import { type Assignment, type Labels, readAssignment, refuse, type Simple } from './routing/form.ts'
import { countPick, markPicks, type Pick, type Picks, pickOne, type Source } from './routing/pick.ts'
import {
  findDeactivated,
  findLabelled,
  findMembers,
  findPeopleAsked,
  findPool,
  findPoolNamed,
  findPoolNames,
  findRouting,
  mayDecide,
  type PoolRow,
  type RoutedPerson,
  type RoutingRow,
  RUNNERS,
} from './routing/sql.ts'

export { type Assignment, readAssignment }

export type Asked = {
  asked: string[]
  assigned_to_user_id: string | null
  assigned_to_email: string | null
  assigned_to_display_name: string | null
  /** In whose place the holder is asked (T98). */
  assigned_for_user_id: string | null
  claim_seconds: number | null
  /** Nobody matched: the fallback pool has it (T95). */
  unrouted: boolean
  /** Whose turn it was; written by whoever brings `picks`. */
  pick: Pick | null
}

export type Routing = {
  /** What the tenant has set; read when left out. */
  settings?: RoutingRow
  /** Of a transaction that routes several and writes their picks itself, once it knows which of them came to be. */
  picks?: Picks
  /** All who match are asked and nobody is picked: groups of a quorum. */
  everyone?: boolean
  /** A pool that nobody has made is nobody, and no mistake (T64). */
  compatible?: boolean
  /** false: nobody stands in for who is away (T98). */
  delegable?: boolean
  /** Ids of users who are passed over: the asking side, whoever gives it away. */
  without?: readonly string[]
  /** Names under which those may answer who are told (T101), where nobody is named. */
  reached?: readonly string[]
}

type Given = { t: Tx; scope: Scope; routing: Routing; settings: RoutingRow; picks: Picks }
type Found = Partial<Omit<Asked, 'asked'>> & { asked: string[] }

/** One person named is the holder at once; several, or nobody, are asked until one claims or answers. */
export async function resolveAssignment(t: Tx, scope: Scope, { form }: Assignment, routing: Routing = {}): Promise<Asked> {
  const settings = routing.settings ?? (await findRouting(t, scope))
  const given: Given = { t, scope, routing, settings, picks: routing.picks ?? new Map() }
  const found =
    form === null ? await nobodyNamed(given) : 'any' in form ? await firstOf(given, form.any) : await simple(given, form)
  const asked = { ...NOBODY, ...(found ?? { asked: fallbackKeys(settings), unrouted: true }) }
  if (asked.pick) countPick(given.picks, asked.pick)
  if (asked.pick && routing.picks === undefined) await markPicks(t, scope, [asked.pick])
  return asked
}

export const NOBODY = {
  assigned_to_user_id: null,
  assigned_to_email: null,
  assigned_to_display_name: null,
  assigned_for_user_id: null,
  claim_seconds: null,
  unrouted: false,
  pick: null,
}

/** The tenant's default pool; where it has none, those who run the work, and with them the owner of an asking agent. */
async function nobodyNamed(given: Given): Promise<Found | null> {
  const { t, scope, routing, settings } = given
  if (routing.reached && routing.reached.length > 0) return { asked: [...routing.reached] }
  const pool = settings.default_pool_id === null ? null : await findPool(t, scope, settings.default_pool_id)
  if (pool) return fromPool(given, pool, pool.strategy)
  const owner = scope.agentId !== null && scope.userId !== null ? [scope.userId] : []
  return { asked: [RUNNERS, ...owner] }
}

async function firstOf(given: Given, forms: readonly Simple[]): Promise<Found | null> {
  for (const form of forms) {
    const found = await simple(given, form, { onlyPresent: true })
    if (found) return found
  }
  return null
}

async function simple(given: Given, form: Simple, { onlyPresent = false } = {}): Promise<Found | null> {
  if ('email' in form) return oneAddress(given, form.email, onlyPresent)
  if ('emails' in form) return addresses(given, form.emails)
  if ('user_id' in form) return oneUser(given, form.user_id, onlyPresent)
  if ('users' in form) return users(given, form.users)
  if (form.pool !== undefined && form.role === undefined && form.access_level === undefined) {
    const pool = await poolNamed(given, form.pool)
    return pool && fromPool(given, pool, ('strategy' in form ? form.strategy : undefined) ?? pool.strategy)
  }
  return labelled(given, form)
}

async function oneAddress(given: Given, address: string, onlyPresent: boolean): Promise<Found | null> {
  const { t, scope } = given
  const folded = foldedOf(address)
  const [person] = await findPeopleAsked(t, scope, [folded])
  if (person) return onePerson(given, person, [folded], onlyPresent)
  if ((await findDeactivated(t, scope, [folded])).length > 0) return null
  return { asked: [folded], assigned_to_email: address, assigned_to_display_name: address }
}

async function oneUser(given: Given, userId: string, onlyPresent: boolean): Promise<Found | null> {
  await knownUsers(given, [userId], () => '/assign_to/user_id')
  const [person] = await findPeopleAsked(given.t, given.scope, [userId])
  return person ? onePerson(given, person, person.emails.slice(0, 1), onlyPresent) : null
}

/** Who is away has a delegate, or else those who get what reaches nobody are asked as well. */
async function onePerson(given: Given, person: RoutedPerson, more: string[], onlyPresent: boolean): Promise<Found | null> {
  const { t, scope, routing, settings } = given
  const asked = [...new Set([person.id, ...more])]
  if (!person.away || routing.delegable === false) return { asked, ...held(person) }
  const standIn = await standInFor(t, scope, person, routing.without ?? [])
  if (standIn) return { asked: [standIn.id, ...asked], ...held(standIn), assigned_for_user_id: person.id }
  return onlyPresent ? null : { asked: [...asked, ...fallbackKeys(settings)] }
}

const foldedOf = (address: string): string => foldEmail(address) as string

const held = ({ id, email, display_name }: RoutedPerson) => ({
  assigned_to_user_id: id,
  assigned_to_email: email,
  assigned_to_display_name: display_name,
})

async function addresses({ t, scope }: Given, given: readonly string[]): Promise<Found | null> {
  const folded = [...new Set(given.map(foldedOf))]
  const gone = new Set((await findDeactivated(t, scope, folded)).map(({ email }) => email))
  const asked = folded.filter((address) => !gone.has(address))
  return asked.length === 0 ? null : { asked }
}

async function users(given: Given, ids: readonly string[]): Promise<Found | null> {
  await knownUsers(given, ids, (i) => `/assign_to/users/${i}`)
  const people = await findPeopleAsked(given.t, given.scope, ids)
  const [only] = people
  if (ids.length === 1 && only) return onePerson(given, only, [], false)
  return people.length === 0 ? null : { asked: people.map(({ id }) => id) }
}

async function knownUsers({ t, scope }: Given, ids: readonly string[], pathOf: (i: number) => string): Promise<void> {
  const known = new Set((await findMembers(t, scope, ids)).map(({ user_id }) => user_id))
  const unknown = ids.findIndex((id) => !known.has(id))
  if (unknown >= 0) refuse(pathOf(unknown), 'user_unknown', 'There is no such user.')
}

/** Null: nobody has made it, and the other clients may name it all the same. */
async function poolNamed({ t, scope, routing }: Given, name: string): Promise<PoolRow | null> {
  const pool = await findPoolNamed(t, scope, name)
  if (pool || routing.compatible) return pool
  const near = nearest(
    name,
    (await findPoolNames(t, scope)).map((one) => one.name),
  )
  return refuse('/assign_to/pool', 'pool_unknown', 'There is no such pool.', near ?? undefined)
}

async function fromPool(given: Given, pool: PoolRow, strategy: PoolRow['strategy']): Promise<Found | null> {
  const { t, scope, routing } = given
  const everybody = { asked: [poolKey(pool.id)], claim_seconds: pool.claim_seconds }
  if (routing.everyone) return everybody
  const people = present(given, await findPeopleAsked(t, scope, [poolKey(pool.id)]))
  if (strategy === 'broadcast') return people.length === 0 ? null : everybody
  const source: Source = { pool: pool.id }
  const picked = await pickOne(t, scope, source, { people, strategy, picks: given.picks })
  if (!picked) return null
  const pick = { source, userId: picked.id }
  return { asked: [picked.id, poolKey(pool.id)], ...held(picked), claim_seconds: pool.claim_seconds, pick }
}

async function labelled(given: Given, labels: Labels): Promise<Found | null> {
  const { t, scope, routing, picks } = given
  const { role, access_level } = labels
  const pool = labels.pool === undefined ? undefined : await poolNamed(given, labels.pool)
  if (pool === null) return null
  const all = await findLabelled(t, scope, { role, access_level, poolId: pool?.id })
  if (routing.everyone) return all.length === 0 ? null : { asked: all.map(({ id }) => id) }
  const source: Source = { labels: JSON.stringify([role?.toLowerCase(), access_level?.toLowerCase(), pool?.id]) }
  const picked = await pickOne(t, scope, source, { people: present(given, all), strategy: 'least_recent', picks })
  return picked && { asked: [picked.id], ...held(picked), pick: { source, userId: picked.id } }
}

/** Whoever is on the asking side is passed over. */
const present = ({ routing }: Given, people: readonly RoutedPerson[]): RoutedPerson[] =>
  people.filter((one) => !one.away && mayDecide(one) && !routing.without?.includes(one.id))
