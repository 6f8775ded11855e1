// A person's decision on a task: looked at and judged before any transaction, then one conditional update (T12, T13, T15, T19, T75).
// Decisions that come together share a transaction as creates do (T168); where several people have to agree, each vote has one of its own. No agent gets here.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import { type Tx, tx } from '../db/tx.ts'
import { writeJson } from '../http/json.ts'
import { together } from '../http/together.ts'
import { tellIfEditDenied } from './actions/policy.ts'
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
import type { TasksHouse } from './house.ts'
import { showDecided } from './look.ts'
import { type Circumstances, circumstancesOf, refuseUnlessAllowed } from './may-decide.ts'
import { type Person, personOf, within } from './person.ts'
import { castVote } from './quorum/vote.ts'
import { notOpen, tellOfEnds } from './settle.ts'
import { decideIfOpen, type Ending, findTasks, insertDecisions, OPEN, type TaskRow } from './sql.ts'
import { needsVerifier } from './verifiers/hold.ts'
import type { Task } from './wire.ts'

export type { DecideInput, Provenance } from './decided.ts'

export async function decideTask(
  house: TasksHouse,
  scope: Scope,
  id: string,
  input: DecideInput,
  from: Provenance,
): Promise<Task> {
  const { looks, decisions } = companiesOf(house)
  const seen = await looks({ scope, id, input })
  if (seen instanceof Problem) throw seen
  const answer = await judged(house, seen, input)
  const decision: Decision = { ...seen, ...answer, scope, input, from, bytes: writeJson(answer.answer).length }
  // A stored reply is completed in the transaction of its own effect and of no other (P77).
  const decided = scope.beforeCommit || isVote(decision) ? decideAlone(house, decision) : decisions.join(decision)
  return decided.catch((error: unknown) => tellIfEditDenied(house, error))
}

/** What is counted, judged again or remembered takes its turn at the row; everything else is settled by one statement for many. */
const isVote = ({ row, type, input }: Pick<Decision, 'row' | 'type' | 'input'>): boolean =>
  row.quorum !== null || type === 'edit' || Boolean(input.remember) || needsVerifier({ row, type })

type Ask = { scope: Scope; id: string; input: DecideInput }
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
    const eyes = { person, opener, around }
    return Promise.all(asks.map((ask) => orProblem(lookAt(house, t, ask, rows.get(ask.id), eyes))))
  }
  return tx(house.db, scope, look, { readOnly: true })
}

type Eyes = { person: Person | null; opener: Opener; around: Circumstances }

async function lookAt(house: TasksHouse, t: Tx, { scope, input }: Ask, row: TaskRow | undefined, eyes: Eyes): Promise<Look> {
  if (!row) throw new Problem('not_found')
  const { person, opener, around } = eyes
  if (!person) throw new Problem('agent_may_not_decide')
  if (!OPEN.includes(row.status) || row.deadline_at <= t.now)
    throw row.status === 'verifying' ? new Problem('task_verifying', { status: row.status }) : notOpen(row)
  if (input.seen_revision !== null && input.seen_revision !== row.revision)
    throw await revisedSince(t, scope, row, input.seen_revision)
  const openUrl = `${house.origin()}/tasks/${row.id}`
  const steppedIn = refuseUnlessAllowed(t, { scope, row, person, reason: input.reason, around, openUrl })
  return { row, content: opener.task(row), person, steppedIn, opener, around }
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
  const counted = ended.map((row) => {
    const one = first.get(row.id) as Decision
    const decided = decisionRow(house, t, one, { state: 'counted', group: null })
    const end = { scope: one.scope, row, from: one.row.status, data: eventOf(decided, one), approved: one.says === 'yes' }
    return { ...one, one, row, decided, end }
  })
  if (counted.length > 0) {
    await insertDecisions(
      t,
      scope,
      counted.map(({ decided }) => decided),
    )
    await tellOfEnds(
      house,
      t,
      counted.map(({ end }) => end),
    )
  }
  const shown = counted.length === 0 ? [] : await showDecided(house, t, counted)
  const tasks = new Map(counted.map(({ one }, i) => [one, shown[i] as Task]))
  const answers: (Task | Problem)[] = []
  for (const one of all) answers.push(tasks.get(one) ?? (await whyNotDecided(t, one.scope, one.row)))
  return answers
}

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
