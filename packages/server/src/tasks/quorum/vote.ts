// A vote among several (T38–T43), an edit that policy judges again (T46) and what is remembered (T48): one after another under the lock of the task's row, so
// that none is lost and nothing settles twice. The only place in which votes settle a task.
import { Problem } from '@countersign/sdk'
import { canonical } from '../../crypto/canonical.ts'
import { isUniqueViolation } from '../../db/errors.ts'
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import { type EventData, record } from '../../events/event.ts'
import type { Passed } from '../../identity/policies/countersign.ts'
import { passedOf } from '../../identity/policies/denial.ts'
import { keepDecisions } from '../../identity/policies/recorded.ts'
import { stricterQuorum } from '../actions/policy.ts'
import type { Action, ActionType } from '../actions/proposal.ts'
import { rememberAct } from '../actions/remember.ts'
import { spendChallenge } from '../challenge/challenge.ts'
import { type Content, type DecisionContent, type Opener, openContents, sealValue } from '../content.ts'
import { type Decision, decisionRow, eventOf, whyNotDecided } from '../decided.ts'
import type { TasksHouse } from '../house.ts'
import { showDecided } from '../look.ts'
import { notify } from '../notices/notice.ts'
import { taskTopic, tellOfEnds } from '../settle.ts'
import { type DecisionRow, EVERY, findTask, insertDecisions, type TaskRow } from '../sql.ts'
import { beginEscalation } from '../time/escalation.ts'
import { approves, denies } from '../verdict.ts'
import { holdForVerifiers, needsVerifier } from '../verifiers/hold.ts'
import type { Task } from '../wire.ts'
import { answerBy } from './answer.ts'
import { groupFor, type Standing, standingOf, type Vote } from './count.ts'
import { groupsOf, leftIn, thoseOfPeopleWhoMay } from './eligible.ts'
import { neededOf, type Quorum } from './quorum.ts'
import { completeIfOpen, findVotes, freeHolder, lockIfOpen, raiseQuorum, updateVotes, voidVotesOf } from './sql.ts'

export async function castVote(house: TasksHouse, t: Tx, decision: Decision): Promise<Task | Problem> {
  const { scope, person, opener } = decision
  const seen = await lockIfOpen(t, scope, decision.row.id)
  if (!seen) return whyNotDecided(t, scope, decision.row)
  if (seen.revision !== decision.row.revision) return whyNotDecided(t, scope, decision.row)
  const heldByAnother = seen.assigned_to_user_id !== null && seen.assigned_to_user_id !== person.id
  if (heldByAnother && !decision.steppedIn) return whyNotDecided(t, scope, decision.row)
  const row = await raisedFor(house, t, decision, seen)
  const quorum = row.quorum ?? ALONE
  const before = (await findVotes(t, scope, row.id)).map((one) =>
    voteOf(row, decision.content, quorum, one, opener.decision(one)),
  )
  if (before.some((vote) => vote.person === person.id)) return new Problem('already_decided')
  const groups = groupsOf(row, quorum, person)
  // Stepping in is for tasks that need nobody else (T20).
  if (groups.length === 0 && !decision.steppedIn) return new Problem('not_eligible')
  const group = groupFor(quorum, before, groups.length > 0 ? groups : [0], likeOf(row, quorum, decision))
  const decided = decisionRow(house, t, decision, { state: 'counted', group: row.quorum ? group : null })
  if (decision.input.assertion) {
    const openUrl = `${house.origin()}/tasks/${row.id}`
    await spendChallenge(t, scope, decided, { ...decision.input.assertion, openUrl })
  }
  await keepDecisions(house, t, scope, [decision.policy])
  const hold = needsVerifier(decision) ? await holdForVerifiers(house, t, decision, decided, row) : 'passed'
  if (hold === null) return whyNotDecided(t, scope, decision.row)
  if (hold !== 'passed') {
    await orVoted(insertDecisions(t, scope, [{ ...decided, state: hold.state }]))
    return (await showDecided(house, t, [{ scope, row: hold.row, person, opener }]))[0] as Task
  }
  if (decision.input.remember) Object.assign(decided, await rememberAct(house, t, decision))
  await orVoted(insertDecisions(t, scope, [decided]))
  const { row: now } = await countVotes(house, t, scope, row, {
    opener,
    data: eventOf(decided, decision),
    cast: decided.id,
    passed: passedOf(decision.policy.outcome),
  })
  return (await showDecided(house, t, [{ scope, row: now, person, opener }]))[0] as Task
}

/** One decision settles. */
const ALONE: Quorum = {
  groups: [{ name: null, need: 1, all: false, assign_to: null, keys: null }],
  asked: [],
  sent: null,
  on_deny: 'first',
  combine: 'last',
  separate: false,
  blind: false,
}

async function orVoted(inserted: Promise<unknown>): Promise<void> {
  try {
    await inserted
  } catch (error) {
    if (isUniqueViolation(error, 'decisions_one_vote')) throw new Problem('already_decided')
    throw error
  }
}

/** What policy wants for edited arguments (T46): more people than before void the votes of those who saw something else. */
async function raisedFor(house: TasksHouse, t: Tx, decision: Decision, row: TaskRow): Promise<TaskRow> {
  const { scope } = decision
  const stricter = decision.type === 'edit' ? await stricterQuorum(house, t, decision, row) : null
  if (!stricter) return row
  const voters = await voidVotes(t, scope, row)
  await raiseQuorum(t, scope, row.id, stricter)
  if (row.assigned_to_user_id !== null) await freeHolder(t, scope, row.id)
  const data = { agent_id: row.agent_id, need: neededOf(stricter), was: row.quorum ? neededOf(row.quorum) : 1 }
  await record(t, scope, 'task.quorum_raised', data, { resource: { type: 'task', id: row.id } })
  const raised = (await findTask(t, scope, row.id, EVERY)) as TaskRow
  if (voters.length > 0) await notify(house, t, scope, [raised], { purpose: 'revised', people: voters })
  return raised
}

/** Nobody has agreed to what is there now (T46): their votes stay in the record and count no more. Whose they were, of those who are users. */
async function voidVotes(t: Tx, scope: Scope, row: TaskRow): Promise<string[]> {
  const voided = await voidVotesOf(t, scope, row.id)
  const user_ids = voided.flatMap(({ user_id }) => user_id ?? [])
  const data = { agent_id: row.agent_id, reason: 'edited', decision_ids: voided.map(({ id }) => id), user_ids }
  if (voided.length > 0) await record(t, scope, 'task.votes_voided', data, { resource: { type: 'task', id: row.id } })
  return user_ids
}

export type Counted = { row: TaskRow; state: Standing['state'] }

/**
 * Counts what counts now, and settles, records or says that it cannot be reached any more. The row is locked by the caller. `cast`: the decision that
 * brought it about; without one a vote went, came through a verifier, or people left.
 */
export async function countVotes(
  house: TasksHouse,
  t: Tx,
  scope: Scope,
  row: TaskRow,
  more: { opener: Opener; data?: EventData; cast?: string; passed?: Passed; looking?: true },
): Promise<Counted> {
  const { opener, data = {}, passed } = more
  const quorum = row.quorum ?? ALONE
  const content = opener.task(row)
  const counted = (await findVotes(t, scope, row.id)).filter(({ state }) => state === 'counted')
  const rows = await thoseOfPeopleWhoMay(t, scope, row, counted)
  const votes = rows.map((one) => voteOf(row, content, quorum, one, opener.decision(one)))
  const voted = new Set(votes.map(({ person }) => person))
  const left = row.quorum ? await leftIn(house, t, scope, { row, content }, quorum, voted) : [new Set<string>()]
  const standing = row.quorum || votes.length > 0 ? standingOf(quorum, votes, left) : { state: 'open' as const }
  const resource = { type: 'task', id: row.id }
  const options = { resource, ...(passed ? { decision: passed } : {}) }
  if (standing.state === 'agreed' || standing.state === 'denied') {
    const { by } = standing
    const deciding = rows.find(({ id }) => id === by.id) as DecisionRow
    const answer = answerOf(row, content, quorum, standing.state, { deciding, rows, votes, opener, like: by.like })
    const response = sealValue(opener.key(row.id), scope, 'tasks', 'response', row.id, answer)
    const outcome = outcomeOf(row, deciding.type as ActionType, standing.state)
    const ended = await completeIfOpen(t, scope, row.id, { outcome, response, by: deciding, votes: rows.length })
    if (!ended) throw await whyNotDecided(t, scope, row)
    const votesOf = row.quorum ? { votes: rows.length, needed: neededOf(quorum) } : {}
    const end = { scope, row: ended, from: row.status, data: { ...data, ...votesOf }, approved: by.says === 'yes', passed }
    await tellOfEnds(house, t, [end])
    return { row: ended, state: standing.state }
  }
  const unreachableAt = standing.state === 'unreachable' ? (row.unreachable_at ?? t.now) : null
  // Who only looked and found everything as it was leaves no trace.
  const asBefore = rows.length === row.votes && unreachableAt?.getTime() === row.unreachable_at?.getTime()
  if (more.looking && asBefore) return { row, state: standing.state }
  const updated = await updateVotes(t, scope, row.id, { votes: rows.length, unreachableAt })
  if (more.cast) await record(t, scope, 'task.decision_recorded', { ...data, agent_id: row.agent_id }, options)
  if (unreachableAt !== null && row.unreachable_at === null) {
    const short = { agent_id: row.agent_id, votes: rows.length, needed: neededOf(quorum) }
    await record(t, scope, 'task.quorum_unreachable', short, { resource })
    const escalated = await beginEscalation(house, t, scope, updated)
    if (escalated) return { row: escalated, state: standing.state }
  }
  t.wake(taskTopic(row.id))
  return { row: updated, state: standing.state }
}

export function outcomeOf(row: TaskRow, type: ActionType, state: 'agreed' | 'denied') {
  if (state === 'denied') return row.quorum || row.action ? 'denied' : 'answered'
  return row.action === null
    ? 'answered'
    : ({ accept: 'accepted', edit: 'edited', respond: 'responded', ignore: 'ignored', deny: 'denied' } as const)[type]
}

type Answering = { deciding: DecisionRow; rows: DecisionRow[]; votes: Vote[]; opener: Opener; like: string }

function answerOf(row: TaskRow, content: Content, quorum: Quorum, state: 'agreed' | 'denied', given: Answering): unknown {
  const { deciding, rows, votes, opener, like } = given
  if (row.action !== null || quorum.combine !== 'list') return answerBy(row, content, deciding, opener.decision(deciding))
  const counted = rows.filter((_, i) => state === 'denied' || votes[i]?.like === like)
  return { decisions: counted.map((one) => ({ by: one.person, response: opener.decision(one).response })) }
}

function voteOf(row: TaskRow, content: Content, quorum: Quorum, one: DecisionRow, said: DecisionContent): Vote {
  const type = one.type as ActionType
  const says =
    row.action === null
      ? saysOf(row, said.response)
      : type === 'accept' || type === 'edit'
        ? 'yes'
        : type === 'deny'
          ? 'no'
          : 'other'
  const args = type === 'accept' ? (content.action as unknown as Action | null)?.args : said.args
  const like = likeOf(row, quorum, { type, says, response: said.response, args })
  return { id: one.id, person: one.person, group: one.counted_in ?? 0, says, like }
}

const saysOf = (row: TaskRow, response: unknown): Vote['says'] =>
  approves(response, row.verdict) ? 'yes' : denies(response, row.verdict) ? 'no' : 'other'

/** Votes with the same text count together: for an action those for the same arguments, whatever the quorum says. */
function likeOf(
  row: TaskRow,
  quorum: Quorum,
  {
    type,
    says,
    response,
    args,
    content,
  }: Pick<Vote, 'says'> & { type: ActionType; response: unknown; args: unknown; content?: Content },
): string {
  if (says === 'no') return 'no'
  if (row.action !== null) {
    if (says === 'other') return `${type} ${canonical(response ?? null)}`
    const approved = type === 'accept' && content ? (content.action as unknown as Action).args : args
    return `run ${canonical(approved ?? null)}`
  }
  return says === 'yes' && quorum.combine !== 'agree' ? 'yes' : `answer ${canonical(response ?? null)}`
}

/** For who changed a vote without casting one, or only looks who is left. */
export const recount = async (
  house: TasksHouse,
  t: Tx,
  scope: Scope,
  row: TaskRow,
  more: { data?: EventData; looking?: true } = {},
): Promise<Counted> => countVotes(house, t, scope, row, { ...more, opener: await openContents(house, t, scope, [row.id]) })
