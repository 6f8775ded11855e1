// A person's decision on a task: looked at and judged before any transaction, then one conditional update (T12, T13, T15, T19, T75).
// Decisions that come together share a transaction as creates do (T168); where several people have to agree, each vote has one of its own. No agent gets here.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import { type Tx, tx } from '../db/tx.ts'
import { writeJson } from '../http/json.ts'
import { together } from '../http/together.ts'
import { isKeyScope, reach } from '../identity/matrix.ts'
import { passedOf } from '../identity/policies/denial.ts'
import { judgeUnder } from '../identity/policies/judge.ts'
import { keepDecisions } from '../identity/policies/recorded.ts'
import { attestedScope } from './attested.ts'
import { type Company, openCompany } from './company.ts'
import { type Opener, openContents, sealIf } from './content.ts'
import {
  channelOf,
  type DecideInput,
  type Decision,
  decisionRow,
  eventOf,
  judged,
  type Look,
  type Provenance,
  revisedSince,
  whyNotDecided,
} from './decided.ts'
import { type Judge, judgeDecision } from './decision-judgement.ts'
import type { TasksHouse } from './house.ts'
import { tellIfDenied } from './judgement.ts'
import { showDecided } from './look.ts'
import { assuranceOf, type Circumstances, circumstancesOf, refuseUnlessAllowed, STRONGEST } from './may-decide.ts'
import { isPerson, type Person, personOf, within } from './person.ts'
import { castVote } from './quorum/vote.ts'
import { notOpen, tellOfEnds } from './settle.ts'
import { decideIfOpen, type Ending, findTasks, insertDecisions, OPEN, type TaskRow } from './sql.ts'
import { needsVerifier } from './verifiers/hold.ts'
import type { Task } from './wire.ts'

export type { DecideInput, Provenance } from './decided.ts'

export async function decideTask(
  house: TasksHouse,
  caller: Scope,
  id: string,
  input: DecideInput,
  from: Provenance,
): Promise<Task> {
  const scope = input.on_behalf_of ? await attestedScope(house, caller, id, input.on_behalf_of) : caller
  const seen = await lookFor(house, { scope, id, input })
  const answer = await judged(house, seen, input)
  const decision: Decision = { ...seen, ...answer, scope, input, from, bytes: writeJson(answer.answer).length }
  // A stored reply is completed in the transaction of its own effect and of no other (P77).
  const isAlone = scope.beforeCommit || isVote(decision)
  const decided = isAlone ? decideAlone(house, decision) : companiesOf(house).decisions.join(decision)
  return decided.catch((error: unknown) => tellIfDenied(house, error))
}

/** The task as its decider finds it, within their rights and what policy permits; throws what stands against it. */
export async function lookFor(house: TasksHouse, ask: Ask): Promise<Look> {
  refuseNameless(ask.scope)
  const seen = await companiesOf(house).looks(ask)
  return seen instanceof Problem ? tellIfDenied(house, seen) : seen
}

/** A key that only relays has nothing to say in its own name (T19). */
function refuseNameless(scope: Scope): void {
  if (!isKeyScope(scope) || reach(scope, 'task.decide') !== 'none') return
  throw isPerson(scope) ? new Problem('scope_missing', { needed: 'tasks:decide' }) : new Problem('agent_may_not_decide')
}

/** What is counted, judged again or remembered takes its turn at the row; everything else is settled by one statement for many. */
const isVote = ({ row, type, input }: Pick<Decision, 'row' | 'type' | 'input'>): boolean =>
  row.quorum !== null || type === 'edit' || Boolean(input.remember || input.assertion) || needsVerifier({ row, type })

/** `fixing`: nothing is decided yet, and the proof of it comes later (T152). */
type Ask = { scope: Scope; id: string; input: DecideInput; fixing?: true }
type Companies = { looks(ask: Ask): Promise<Look | Problem>; decisions: Company<Decision, Task> }

const companies = new WeakMap<TasksHouse, Companies>()

function companiesOf(house: TasksHouse): Companies {
  const made = companies.get(house) ?? {
    // Whoever has the same rights by the same credential looks with one pair of eyes.
    looks: together<Ask, Look | Problem>({
      groupOf: ({ scope }) => JSON.stringify({ ...scope, requestId: null }),
      atOnce: 2,
      run: (asks) => lookTogether(house, asks),
    }),
    decisions: openCompany<Decision, Task>({
      groupOf: ({ scope }) => scope.tenantId,
      sizeOf: ({ bytes }) => bytes,
      together: (all) => tx(house.db, (all[0] as Decision).scope, (t) => decideAll(house, t, all)),
      alone: (one) => decideAlone(house, one),
    }),
  }
  companies.set(house, made)
  return made
}

const lookTogether = (house: TasksHouse, asks: readonly Ask[]): Promise<(Look | Problem)[]> => {
  const { scope } = asks[0] as Ask
  const look = async (t: Tx) => {
    const person = await personOf(t, scope)
    const ids = [...new Set(asks.map(({ id }) => id))]
    const found = await findTasks(t, scope, ids, within(scope, 'task.decide', person))
    const rows = new Map(found.map((row) => [row.id, row]))
    const opener = await openContents(house, t, scope, [...rows.keys()])
    const around = await circumstancesOf(t, scope, found)
    const eyes = { person, opener, around, judge: await judgeUnder(house, t, scope, around.policyVersion) }
    return Promise.all(asks.map((ask) => orProblem(lookAt(house, t, ask, rows.get(ask.id), eyes))))
  }
  return tx(house.db, scope, look, { readOnly: true })
}

type Eyes = { person: Person | null; opener: Opener; around: Circumstances; judge: Judge }

async function lookAt(
  house: TasksHouse,
  t: Tx,
  { scope, input, fixing }: Ask,
  row: TaskRow | undefined,
  eyes: Eyes,
): Promise<Look> {
  if (!row) throw new Problem('not_found')
  const { person, opener, around, judge } = eyes
  if (!person) throw new Problem('agent_may_not_decide')
  if (!OPEN.includes(row.status) || row.deadline_at <= t.now)
    throw row.status === 'verifying' ? new Problem('task_verifying', { status: row.status }) : notOpen(row)
  if (input.seen_revision !== null && input.seen_revision !== row.revision)
    throw await revisedSince(t, scope, row, input.seen_revision)
  const openUrl = `${house.origin()}/tasks/${row.id}`
  const have = fixing ? STRONGEST : assuranceOf(t, scope)
  await house.held.get(row.origin)?.refuseDecider?.(t, scope, row)
  const steppedIn = refuseUnlessAllowed({ scope, row, person, reason: input.reason, around, have, openUrl })
  const content = opener.task(row)
  const deciding = { scope, row, content, person, steppedIn, have, type: input.type, args: input.args ?? null, openUrl }
  return { row, content, person, steppedIn, policy: judgeDecision(judge, deciding), opener, around }
}

async function orProblem<T>(made: Promise<T>): Promise<T | Problem> {
  try {
    return await made
  } catch (error) {
    if (error instanceof Problem) return error
    throw error
  }
}

const decideAlone = (house: TasksHouse, decision: Decision): Promise<Task> =>
  tx(house.db, decision.scope, async (t) => {
    const [task] = isVote(decision) ? [await castVote(house, t, decision)] : await decideAll(house, t, [decision])
    if (task instanceof Problem) throw task
    return task as Task
  })

/** Any number of decisions in one tenant: a statement each for rows, decisions and events. Who comes too late is refused alone and leaves nothing. */
async function decideAll(house: TasksHouse, t: Tx, all: readonly Decision[]): Promise<(Task | Problem)[]> {
  const { scope } = all[0] as Decision
  const first = new Map<string, Decision>()
  for (const one of all) if (!first.has(one.row.id)) first.set(one.row.id, one)
  const ids = [...first.keys()].sort()
  const ended = await decideIfOpen(
    t,
    scope,
    ids.map((id) => endingOf(first.get(id) as Decision)),
  )
  const agents = new Map(ended.flatMap(({ agent_id, agent_name }) => (agent_id && agent_name ? [[agent_id, agent_name]] : [])))
  const counted = ended.map(({ agent_name: _, ...row }) => {
    const one = first.get(row.id) as Decision
    const decided = decisionRow(house, t, one, { state: 'counted', group: null })
    const end = { scope: one.scope, row, from: one.row.status, data: eventOf(decided, one), ...endOf(one) }
    return { ...one, one, row, decided, end }
  })
  let shown: Task[] = []
  if (counted.length > 0) {
    const decisions = await insertDecisions(
      t,
      scope,
      counted.map(({ decided }) => decided),
    )
    await keepDecisions(
      house,
      t,
      scope,
      counted.map(({ one }) => one.policy),
    )
    await tellOfEnds(
      house,
      t,
      counted.map(({ end }) => end),
    )
    shown = await showDecided(house, t, counted, { decisions, agents })
  }
  const tasks = new Map(counted.map(({ one }, i) => [one, shown[i] as Task]))
  const answers: (Task | Problem)[] = []
  for (const one of all) answers.push(tasks.get(one) ?? (await whyNotDecided(t, one.scope, one.row)))
  return answers
}

const endOf = ({ says, policy }: Decision) => ({ approved: says === 'yes', passed: passedOf(policy.outcome) })

function endingOf({ scope, row, person, steppedIn, opener, answer, outcome }: Decision): Ending {
  return {
    id: row.id,
    outcome,
    response: sealIf(opener.key(row.id), scope, 'tasks', 'response', row.id, answer)?.toString('base64') ?? null,
    user_id: scope.userId,
    email: person.email,
    display_name: person.display_name,
    channel: channelOf(scope),
    revision: row.revision,
    unless_held_by_another: steppedIn ? null : person.id,
  }
}
