// A person's decision on a task: judged by the task's own schema before any transaction, then one conditional update (T12, T13, T15, T19–T21, T75).
// Decisions that come together share a transaction as creates do (T168). // Who decided comes from the authenticated request alone; no agent gets here.
import { Problem } from '@countersign/sdk'
import { hmacSha256, sha256 } from '../crypto/token.ts'
import type { Guest, Scope } from '../db/scope.ts'
import { type Tx, tx } from '../db/tx.ts'
import { record } from '../events/event.ts'
import { writeJson } from '../http/json.ts'
import { together } from '../http/together.ts'
import { newId } from '../std/id.ts'
import { countVote, isAct } from './asks/ask.ts'
import { countIfOpen } from './asks/sql.ts'
import { type Company, openCompany } from './company.ts'
import { type Content, type Opener, openContents, sealIf } from './content.ts'
import { RESPONSE_BYTES } from './creation.ts'
import { type Decided, decidedText, shownText } from './digest.ts'
import type { TasksHouse } from './house.ts'
import { showDecided } from './look.ts'
import { isEligible, mayStepIn, type Person, personOf, within } from './person.ts'
import { invalid, notOpen, taskTopic, tellOfEnds, whyNotOpen } from './settle.ts'
import {
  decideIfOpen,
  type Ending,
  EVERY,
  findTask,
  findTasks,
  insertDecisions,
  type NewDecision,
  OPEN,
  type TaskRow,
} from './sql.ts'
import { approves } from './verdict.ts'
import type { Task } from './wire.ts'

export type DecideInput = {
  type: 'respond'
  response: Record<string, unknown>
  reason?: string | null
  comment?: string | null
  /** Null: whatever revision is there now; the compatible clients know no other (§3.4). */
  seen_revision: number | null
}
/** Of the request, for the record. */
export type Provenance = { address: string | null }

const STEP_UP_MS = 10 * 60_000

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
  const response = await judged(house, seen.row, input.response)
  const decision: Decision = { ...seen, scope, input, from, response, bytes: writeJson(response).length }
  // A stored reply is completed in the transaction of its own effect and of no other (P77).
  // Votes on an act that waits for several people are counted one after another.
  return scope.beforeCommit || isAct(seen.row) ? decideAlone(house, decision) : decisions.join(decision)
}

type Channel = Guest['channel'] | 'dashboard' | 'api'
type Ask = { scope: Scope; id: string; input: DecideInput }
type Look = { row: TaskRow; person: Person; steppedIn: boolean; opener: Opener }
type Decision = Look & { scope: Scope; input: DecideInput; from: Provenance; response: Json; bytes: number }
type Json = Record<string, unknown>
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
    const rows = new Map((await findTasks(t, scope, ids, within(scope, 'task.decide', person))).map((row) => [row.id, row]))
    const opener = await openContents(house, t, scope, [...rows.keys()])
    return asks.map((ask) => orProblem(() => lookAt(t, ask, rows.get(ask.id), person, opener)))
  }
  return tx(house.db, scope, look, { readOnly: true })
}

function lookAt(t: Tx, { scope, input }: Ask, row: TaskRow | undefined, person: Person | null, opener: Opener): Look {
  if (!row) throw new Problem('not_found')
  const steppedIn = refuseUnlessAllowed(t, scope, row, person, input)
  return { row, person: person as Person, steppedIn, opener }
}

function orProblem<T>(made: () => T): T | Problem {
  try {
    return made()
  } catch (error) {
    if (error instanceof Problem) return error
    throw error
  }
}

const decideAlone = (house: TasksHouse, decision: Decision): Promise<Task> =>
  tx(house.db, decision.scope, async (t) => {
    const { scope, row, person, response } = decision
    const vote = { row, userId: person.id, approves: approves(response, row.verdict) }
    if (isAct(row) && !(await countVote(t, scope, vote))) return recordVote(house, t, decision)
    const [task] = await decideAll(house, t, [decision])
    if (task instanceof Problem) throw task
    return task as Task
  })

/** One of several approvals that policy wants: it counts, and the task stays open for the others (T38). */
async function recordVote(house: TasksHouse, t: Tx, decision: Decision): Promise<Task> {
  const { scope } = decision
  const row = await countIfOpen(t, scope, decision.row.id, decision.row.revision)
  if (!row) throw await whyNotDecided(t, scope, decision.row)
  const { decided, end, ...shown } = countedOf(house, t, decision, row)
  await insertDecisions(t, scope, [decided])
  const data = { ...end.data, agent_id: row.agent_id }
  await record(t, scope, 'task.decision_recorded', data, { resource: { type: 'task', id: row.id } })
  t.wake(taskTopic(row.id))
  return (await showDecided(house, t, [shown]))[0] as Task
}

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
  const counted = ended.map((row) => countedOf(house, t, first.get(row.id) as Decision, row))
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

function endingOf({ scope, row, person, steppedIn, opener, response }: Decision): Ending {
  return {
    id: row.id,
    response: sealIf(opener.key(row.id), scope, 'tasks', 'response', row.id, response)?.toString('base64') ?? null,
    user_id: person.id,
    email: person.email,
    display_name: person.display_name,
    channel: channelOf(scope),
    revision: row.revision,
    unless_held_by_another: steppedIn ? null : person.id,
  }
}

/** What a decision that counts leaves behind, and what its answer shows. */
function countedOf(house: TasksHouse, t: Tx, one: Decision, row: TaskRow) {
  const { scope, person, input, from, steppedIn, opener, response } = one
  const id = newId('dec', t.now.getTime())
  const seal = (column: string, value: unknown) => sealIf(opener.key(row.id), scope, 'decisions', column, id, value)
  const digests = digestsOf(scope, one.row, opener.task(one.row), {
    ...{ type: input.type, response, reason: input.reason ?? null },
    userId: person.id,
  })
  const decided: NewDecision = {
    id,
    task_id: row.id,
    user_id: person.id,
    email: person.email,
    display_name: person.display_name,
    type: input.type,
    response: seal('response', response),
    reason: seal('reason', input.reason),
    comment: seal('comment', input.comment),
    seen_revision: one.row.revision,
    state: 'counted',
    stepped_in: steppedIn,
    channel: channelOf(scope),
    assurance: assuranceOf(t, scope),
    actor_id: scope.actor.id,
    session_id: scope.actor.session_id ?? null,
    key_id: scope.actor.key_id ?? null,
    address_hash: from.address === null ? null : hmacSha256(house.keyring.purpose('bucket'), from.address),
    ...digests,
  }
  const data = {
    decision_id: id,
    stepped_in: steppedIn,
    fields: Object.keys(response),
    decision_sha256: digests.decision_sha256.toString('hex'),
  }
  const approved = approves(response, row.verdict)
  return { one, scope, row, person, opener, decided, end: { scope, row, from: one.row.status, data, approved } }
}

/** Whether this person steps in; throws what stands against a decision of theirs. */
function refuseUnlessAllowed(t: Tx, scope: Scope, row: TaskRow, person: Person | null, input: DecideInput): boolean {
  if (!person) throw new Problem('agent_may_not_decide')
  if (!OPEN.includes(row.status) || row.deadline_at <= t.now)
    throw row.status === 'verifying' ? new Problem('task_verifying', { status: row.status }) : notOpen(row)
  if (input.seen_revision !== null && input.seen_revision !== row.revision)
    throw new Problem('task_revised', { revision: row.revision, changed: ['/payload'] })
  const eligible = isEligible(row, person)
  if (!eligible && !mayStepIn(scope, row)) throw new Problem('not_eligible')
  if (!eligible && !input.reason?.trim())
    throw invalid('/reason', 'reason_required', 'You were not asked: to decide anyway, say why.')
  if (row.risk === 'high' && assuranceOf(t, scope) !== 'step_up')
    throw new Problem('step_up_required', { need: 'step_up', have: assuranceOf(t, scope), methods: ['password'] })
  return !eligible
}

async function judged(house: TasksHouse, row: TaskRow, given: Record<string, unknown>): Promise<Record<string, unknown>> {
  const schema = await house.forms.gate(row.response_schema, '/response_schema', { mustBeObject: true })
  const { value, errors } = await house.forms.judge(schema, given, '/response')
  const size = Buffer.byteLength(writeJson(value))
  if (size > RESPONSE_BYTES)
    errors.push({ path: '/response', field: '', code: 'too_large', message: 'An answer has at most 1 MiB.' })
  if (errors.length > 0) throw new Problem('response_invalid', { errors })
  return value as Record<string, unknown>
}

async function whyNotDecided(t: Tx, scope: Scope, seen: TaskRow): Promise<Problem> {
  const { id } = seen
  const row = await findTask(t, scope, id, EVERY)
  if (!row || !OPEN.includes(row.status) || row.deadline_at <= t.now) return whyNotOpen(t, scope, id)
  if (row.revision !== seen.revision) return new Problem('task_revised', { revision: row.revision, changed: ['/payload'] })
  return new Problem('task_already_claimed', { status: row.status, by: row.assigned_to_display_name })
}

/** A guest's, a signed-in page, or a program with a person's own key. */
const channelOf = (scope: Scope): Channel => scope.guest?.channel ?? (scope.scopes === null ? 'dashboard' : 'api')

function assuranceOf(t: Tx, scope: Scope): 'link' | 'channel' | 'session' | 'step_up' {
  if (scope.guest) return scope.guest.assurance
  if (scope.scopes !== null) return 'link'
  return scope.stepUpAt !== null && t.now.getTime() - scope.stepUpAt.getTime() <= STEP_UP_MS ? 'step_up' : 'session'
}

/** T152: what was shown, and what was decided about it, digit for digit (T6). */
function digestsOf(
  scope: Scope,
  row: TaskRow,
  content: Content,
  decision: Decided,
): { content_sha256: Buffer; decision_sha256: Buffer } {
  const content_sha256 = sha256(shownText(scope, row, content))
  return { content_sha256, decision_sha256: sha256(decidedText(content_sha256.toString('hex'), decision)) }
}
