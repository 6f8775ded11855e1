// Who can vote (T38, T41, T42): the people behind what was asked, without the requester's side where duties are separated. Counts no vote.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import { judgeUnder, type PolicyHouse } from '../../identity/policies/judge.ts'
import { resolveAssignment } from '../assignment.ts'
import { couldDecide, type Decided, type Voter as Judged } from '../decision-judgement.ts'
import { type DecisionSettings, rulesIn } from '../decision-settings.ts'
import { isSeparated, neededAssurance, requestersOf } from '../may-decide.ts'
import type { Person } from '../person.ts'
import { findDeactivated, findPeopleAsked, mayDecide } from '../routing/sql.ts'
import type { DecisionRow, TaskRow } from '../sql.ts'
import { canFill } from './count.ts'
import { type Quorum, refused, type Wanted } from './quorum.ts'
import { findDelegates, findOwners } from './sql.ts'

/** Somebody who could be counted; without a role: an address that is no user's here. */
type Voter = Judged & { names: string[] }

async function votersOf(t: Tx, scope: Scope, keys: readonly string[]): Promise<Voter[]> {
  if (keys.length === 0) return []
  const people = await findPeopleAsked(t, scope, keys)
  const known = new Set(people.flatMap(({ emails }) => emails))
  const unknown = keys.filter((key) => key.includes('@') && !known.has(key))
  const gone = unknown.length === 0 ? [] : (await findDeactivated(t, scope, unknown)).map(({ email }) => email)
  return [
    ...people.filter(mayDecide).map(({ id, emails, role }) => ({ id, names: [id, ...emails], role })),
    ...unknown.filter((key) => !gone.includes(key)).map((key) => ({ id: key, names: [key], role: null })),
  ]
}

/** Whom nobody counts: the requester's side, who cannot bring the proof that is needed, and whom policy lets decide by no way. */
type Without = { side: ReadonlySet<string>; insideOnly: boolean; passes(voter: Judged): boolean }
const mayCount =
  ({ side, insideOnly, passes }: Without) =>
  (voter: Voter): boolean =>
    !voter.names.some((name) => side.has(name)) && !(voter.role === null && insideOnly) && passes(voter)

/** Of each group, who may still vote there now. */
export async function leftIn(
  house: PolicyHouse,
  t: Tx,
  scope: Scope,
  { row, content }: Decided & { row: TaskRow },
  quorum: Quorum,
  voted: ReadonlySet<string>,
): Promise<Set<string>[]> {
  const { settings, policyVersion } = await rulesIn(t, scope)
  const counts = mayCount({
    side: isSeparated(row, settings) ? await sideOf(t, scope, row) : new Set(),
    insideOnly: needsAccount(row, settings),
    passes: couldDecide(await judgeUnder(house, t, scope, policyVersion), scope, { row, content }),
  })
  const idsOf = async (keys: readonly string[]) =>
    (await votersOf(t, scope, keys)).filter((voter) => counts(voter) && !voted.has(voter.id)).map(({ id }) => id)
  const added = await idsOf(addedTo(row.asked, quorum))
  const left: Set<string>[] = []
  for (const { keys } of quorum.groups) left.push(new Set([...(await idsOf(keys ?? row.asked)), ...added]))
  return left
}

/** Of what the relay asks: whoever has left since, or may decide no more, has said nothing (relay.md §10). */
export async function thoseOfPeopleWhoMay(t: Tx, scope: Scope, row: TaskRow, votes: DecisionRow[]): Promise<DecisionRow[]> {
  const ids = votes.flatMap(({ user_id }) => user_id ?? [])
  if (row.origin !== 'relay' || ids.length === 0) return votes
  const there = new Set((await findPeopleAsked(t, scope, ids)).filter(mayDecide).map(({ id }) => id))
  return votes.filter(({ user_id }) => user_id === null || there.has(user_id))
}

/** Who was added after the task was made helps in every group: an escalation, a reassignment. */
const addedTo = (asked: readonly string[], quorum: Quorum): string[] => asked.filter((key) => !quorum.asked.includes(key))

/** The groups of somebody, in the order of the quorum. Whoever let them in may vouch that they were asked. */
export function groupsOf(
  { asked }: Pick<TaskRow, 'asked'>,
  quorum: Quorum,
  { keys, vouched }: Pick<Person, 'keys' | 'vouched'>,
): number[] {
  const all = quorum.groups.map((_, i) => i)
  const own = all.filter((i) => (quorum.groups[i]?.keys ?? asked).some((key) => keys.includes(key)))
  if (own.length > 0) return own
  return vouched === true || addedTo(asked, quorum).some((key) => keys.includes(key)) ? all : []
}

/** Nobody outside can bring the proof that is needed. */
export const needsAccount = (row: Pick<TaskRow, 'risk' | 'assurance'>, settings: DecisionSettings): boolean =>
  !['link', 'channel'].includes(neededAssurance(row, settings))

export type ToResolve = {
  wanted: Wanted
  /** Whom the task itself asks. */
  asked: string[]
  requested: Parameters<typeof requestersOf>[0]
  /** Where the quorum does not say: of the risk. */
  separateByDefault: boolean
  /** Whatever the quorum says: of the tenant. */
  separateAnyway: boolean
  insideOnly: boolean
  /** Whether policy would let them decide at all. */
  passes(voter: Judged): boolean
  /** A room's act is not refused for want of people: its task says that it is unreachable. */
  refuse: boolean
}
export type Resolved = { quorum: Quorum; asked: string[]; reachable: boolean }

const MOST_ASKED = 400

/** The people of now: `all` is frozen as they are, and too few of them are refused. */
export async function resolveQuorum(t: Tx, scope: Scope, given: ToResolve): Promise<Resolved> {
  const { wanted, requested } = given
  const total = wanted.groups.reduce((sum, { need }) => sum + (need === 'all' ? 2 : need), 0)
  const separate = wanted.separate ?? (given.separateByDefault || total >= 2)
  const side = separate || given.separateAnyway ? await sideOf(t, scope, requested) : new Set<string>()
  const counts = mayCount({ side, insideOnly: given.insideOnly, passes: given.passes })
  const groups = []
  for (const { name, need, assignment } of wanted.groups) {
    const keys = assignment === null ? given.asked : (await resolveAssignment(t, scope, assignment, { everyone: true })).asked
    const members = (await votersOf(t, scope, keys)).filter(counts).map(({ id }) => id)
    const all = need === 'all'
    const count = all ? Math.max(1, members.length) : need
    if (members.length < count && given.refuse) throw tooFew(name, members.length, count)
    const group = { name, need: count, all, assign_to: assignment?.form ?? null, keys: all ? members : assignment && keys }
    groups.push({ group, keys, members: new Set(members) })
  }
  const asked = [...new Set(groups.flatMap(({ keys }) => keys))]
  if (asked.length > MOST_ASKED) throw refused('/quorum', 'too_many', `At most ${MOST_ASKED} people and pools can be asked.`)
  const needs = groups.map(({ group }) => group.need)
  const people = groups.map(({ members }) => members)
  const reachable = canFill(needs, people)
  if (!reachable && given.refuse)
    throw tooFew(
      null,
      new Set(people.flatMap((members) => [...members])).size,
      needs.reduce((a, b) => a + b, 0),
    )
  const { on_deny, combine, blind, sent } = wanted
  const quorum = { groups: groups.map(({ group }) => group), asked, sent, on_deny, combine, separate, blind }
  return { quorum, asked, reachable }
}

function tooFew(name: string | null, eligible: number, need: number): Problem {
  const where = name === null ? '' : ` in the group ${name}`
  const detail = `${eligible} ${eligible === 1 ? 'person' : 'people'}${where} can be counted, and ${need} ${need === 1 ? 'is' : 'are'} needed.`
  return new Problem('quorum_unreachable', { eligible, need, detail })
}

/** The requester's side, with whoever stands in for one of them now. */
export async function sideOf(t: Tx, scope: Scope, row: ToResolve['requested']): Promise<Set<string>> {
  const owners = row.agent_id === null ? [] : await findOwners(t, scope, [row.agent_id])
  const side = requestersOf(row, new Map(owners.map(({ id, user_id }) => [id, user_id])))
  const delegates = await findDelegates(t, scope, [...side])
  return new Set([...side, ...delegates.map(({ delegate_user_id }) => delegate_user_id)])
}
