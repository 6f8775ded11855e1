// Who may decide a task, and with what proof (T19, T20, T41, T151). Reads nothing but the rows it is given and those of the requester's side; counts no vote.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import type { Tx } from '../db/tx.ts'
import { foldEmail } from '../identity/email.ts'
import { reach } from '../identity/matrix.ts'
import { isFresh } from '../identity/proof.ts'
import { type DecisionSettings, rulesIn } from './decision-settings.ts'
import { isEligible, type Person } from './person.ts'
import { findDelegates, findOwners } from './quorum/sql.ts'
import type { TaskRow } from './sql.ts'

export const ASSURANCES = ['link', 'channel', 'session', 'step_up', 'passkey'] as const
export type Assurance = (typeof ASSURANCES)[number]
export const rank = (assurance: Assurance): number => ASSURANCES.indexOf(assurance)

/** Until there are passkeys a fresh sign-in is the strongest proof, also where the risk asks for more (ADR 0012). */
export const STRONGEST: Assurance = 'step_up'
const BY_RISK: Record<TaskRow['risk'], Assurance> = { low: 'link', normal: 'link', high: 'step_up', critical: 'passkey' }

/** What this decision is proven by. */
export function assuranceOf(t: Tx, scope: Scope): Exclude<Assurance, 'passkey'> {
  if (scope.guest) return scope.guest.assurance
  if (scope.scopes !== null) return 'link'
  return isFresh(scope.stepUpAt, t.now) ? 'step_up' : 'session'
}

/** The highest of what risk, asker and tenant want. */
export function neededAssurance(row: Pick<TaskRow, 'risk' | 'assurance'>, { decision_assurance }: DecisionSettings): Assurance {
  const wanted = Math.max(...[BY_RISK[row.risk], row.assurance, decision_assurance].map(rank))
  return ASSURANCES[Math.min(wanted, rank(STRONGEST))] as Assurance
}

/** What has to be known beside the row. */
export type Circumstances = {
  settings: DecisionSettings
  /** Of the policies that are active now (T8). */
  policyVersion: number | null
  /** Of agents, whose they are. */
  owners: ReadonlyMap<string, string>
  /** Of people on a requester's side, who stands in for them now. */
  delegates: ReadonlyMap<string, string>
}

type Separable = Pick<TaskRow, 'separate' | 'risk'>

export const isSeparated = ({ separate, risk }: Separable, { separate_duties }: DecisionSettings): boolean =>
  separate || separate_duties === 'all' || (separate_duties === 'high' && (risk === 'high' || risk === 'critical'))

export async function circumstancesOf(t: Tx, scope: Scope, rows: readonly TaskRow[]): Promise<Circumstances> {
  const { settings, policyVersion } = await rulesIn(t, scope)
  const separated = rows.filter((row) => isSeparated(row, settings))
  if (separated.length === 0) return { settings, policyVersion, owners: new Map(), delegates: new Map() }
  const agents = [...new Set(separated.flatMap(({ agent_id }) => agent_id ?? []))]
  const found = agents.length === 0 ? [] : await findOwners(t, scope, agents)
  const owners = new Map(found.map(({ id, user_id }) => [id, user_id]))
  const side = [...new Set(separated.flatMap((row) => [...requestersOf(row, owners)]))]
  const delegates = (await findDelegates(t, scope, side)).map(
    ({ user_id, delegate_user_id }) => [user_id, delegate_user_id] as const,
  )
  return { settings, policyVersion, owners, delegates: new Map(delegates) }
}

type Requested = Pick<TaskRow, 'asker' | 'created_by' | 'on_behalf_of' | 'agent_id'>

/** The names of everybody on the requester's side (T41): who asked, for whom, and whose agent it is. */
export function requestersOf(row: Requested, owners: ReadonlyMap<string, string>): Set<string> {
  const owner = row.agent_id === null ? undefined : owners.get(row.agent_id)
  const behalf = row.on_behalf_of === null ? [] : [row.on_behalf_of, foldEmail(row.on_behalf_of)]
  return new Set([row.asker, row.created_by, owner, ...behalf].filter((name): name is string => typeof name === 'string'))
}

export function isRequester(
  row: Requested,
  person: Pick<Person, 'id' | 'emails'>,
  { owners, delegates }: Pick<Circumstances, 'owners' | 'delegates'>,
): boolean {
  const side = requestersOf(row, owners)
  return (
    [person.id, ...person.emails].some((name) => side.has(name)) || [...side].some((name) => delegates.get(name) === person.id)
  )
}

/** An operator, admin or owner may decide what they were not asked, with a reason; where several people, a critical risk or separated duties
 *  are at stake that would undo what they are for (T20). */
export function mayStepIn(scope: Scope, row: TaskRow, person: Person, around: Circumstances): boolean {
  const { settings } = around
  if (reach(scope, 'task.decide') !== 'any' || !settings.step_in) return false
  if (row.quorum !== null || row.risk === 'critical') return false
  return !(isSeparated(row, settings) && isRequester(row, person, around))
}

export type Asking = {
  scope: Scope
  row: TaskRow
  person: Person
  reason: string | null | undefined
  around: Circumstances
  /** How it is proven. */
  have: Assurance
  openUrl: string
}

/** Whether this person steps in; throws what stands against a decision of theirs. */
export function refuseUnlessAllowed({ scope, row, person, reason, around, have, openUrl }: Asking): boolean {
  const { settings } = around
  const eligible = isEligible(row, person)
  if (isSeparated(row, settings) && isRequester(row, person, around)) throw new Problem('separation_of_duties')
  if (!eligible && !mayStepIn(scope, row, person, around)) throw new Problem('not_eligible')
  if (!eligible && !reason?.trim()) {
    const message = 'You were not asked: to decide anyway, say why.'
    throw new Problem('validation_failed', { errors: [{ path: '/reason', code: 'reason_required', message }] })
  }
  const need = neededAssurance(row, settings)
  if (rank(have) < rank(need)) throw stepUpRequired(need, have, openUrl)
  return !eligible
}

/** With the page on which the person goes on where they were. */
export const stepUpRequired = (need: Assurance, have: Assurance, openUrl: string): Problem =>
  new Problem('step_up_required', { need, have, methods: ['password'], open_url: openUrl })
