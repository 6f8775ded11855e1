// A task: made once per key, read, changed where it may change, withdrawn. Never decides, never waits, never tells anybody outside: jobs do.
import { Problem } from '@countersign/sdk'
import { canonical } from '../crypto/canonical.ts'
import type { WrappingKey } from '../crypto/seal.ts'
import type { Scope } from '../db/scope.ts'
import { type Tx, tx } from '../db/tx.ts'
import { record, recordMany, type Told } from '../events/event.ts'
import { type Json as WireJson, writeJson } from '../http/json.ts'
import { tenantKey } from '../identity/keys-at-rest/tenant-key.ts'
import type { Passed } from '../identity/policies/countersign.ts'
import { agentsAmong } from '../identity/policies/judge.ts'
import { newId } from '../std/id.ts'
import type { Asked } from './assignment.ts'
import { type Company, openCompany } from './company.ts'
import { type Content, newTaskKey, openContents, sealIf } from './content.ts'
import { type CreateInput, deadlineOf, type Prepared, prepareTask, spokenNotify } from './creation.ts'
import { enqueueExpiries } from './deadline.ts'
import type { TasksHouse } from './house.ts'
import { judgeCreations, tellIfDenied } from './judgement.ts'
import { showWhole } from './look.ts'
import { type Agreed, agreeOnQuorum } from './quorum/prepare.ts'
import { neededOf } from './quorum/quorum.ts'
import { keepRoutes, openRoutes, type Routes, routeOne } from './routing/creating.ts'
import { findBeforeCreating } from './routing/sql.ts'
import {
  collectIfFinal,
  EVERY,
  findTask,
  findTasksByKey,
  insertIfKeyIsFree,
  isFinal,
  markReplayMismatch,
  type NewTask,
  type TaskRow,
} from './sql.ts'
import { taskSettingsIn } from './time/defaults.ts'
import { timeColumns } from './time/prepare.ts'
import type { Dialect, Task } from './wire.ts'

/** `created` false: the task was there already. `mismatch`: under this key something else was asked before (T66). */
export type Created = { task: Task; created: boolean; mismatch: boolean }

type Made = { row: TaskRow; content: Content | null; created: boolean; differs: string[] }

export async function createTask(
  house: TasksHouse,
  scope: Scope,
  input: CreateInput,
  dialect: Dialect = 'native',
): Promise<Created> {
  const prepared = await prepareTask(house, scope, input, dialect)
  // A stored reply is completed in the transaction of its own effect and of no other (P77).
  const made = scope.beforeCommit ? createAlone(house, prepared) : companyOf(house).join(prepared)
  return made.catch((error: unknown) => tellIfDenied(house, error))
}

/** For a room whose act waits for people: its task, in its own transaction. Policy has judged the act. */
export async function createTaskIn(house: TasksHouse, t: Tx, prepared: Prepared): Promise<TaskRow> {
  const [created] = await makeTasks(house, t, [prepared])
  if (created instanceof Problem) throw created
  return (await findTask(t, prepared.scope, (created as Created).task.id, EVERY)) as TaskRow
}

const companies = new WeakMap<TasksHouse, Company<Prepared, Created>>()

function companyOf(house: TasksHouse): Company<Prepared, Created> {
  const company =
    companies.get(house) ??
    openCompany<Prepared, Created>({
      groupOf: ({ scope }) => scope.tenantId,
      sizeOf: ({ bytes }) => bytes,
      together: (all) => createTogether(house, all),
      alone: (one) => createAlone(house, one),
    })
  companies.set(house, company)
  return company
}

const createAlone = (house: TasksHouse, prepared: Prepared): Promise<Created> =>
  tx(house.db, prepared.scope, async (t) => {
    const [created] = await makeTasks(house, t, [prepared])
    if (created instanceof Problem) throw created
    return created as Created
  })

const createTogether = (house: TasksHouse, all: readonly Prepared[]): Promise<(Created | Problem)[]> =>
  tx(house.db, (all[0] as Prepared).scope, (t) => makeTasks(house, t, all))

/** Writes any number of tasks of one tenant: one statement each for rows, deadlines and events. A refused one refuses alone and leaves nothing. */
async function makeTasks(house: TasksHouse, t: Tx, all: readonly Prepared[]): Promise<(Created | Problem)[]> {
  const { scope } = all[0] as Prepared
  const parent = await tenantKey(house, t, scope)
  const before = await findBeforeCreating(t, scope, agentsAmong(all))
  const passes = await judgeCreations(house, t, all, before)
  const routes = await openRoutes(t, scope, all, before)
  const drafts = new Map<Prepared, Draft | Problem>()
  for (const prepared of all) {
    const passed = passes.get(prepared)
    drafts.set(prepared, passed instanceof Problem ? passed : await orProblem(draft(house, t, prepared, parent, routes)))
  }
  const rows = [...drafts.values()].flatMap((one) => (one instanceof Problem ? [] : [one.row]))
  rows.sort((a, b) => compare(`${a.asker} ${a.idempotency_key}`, `${b.asker} ${b.idempotency_key}`))
  const inserted = new Map((rows.length === 0 ? [] : await insertIfKeyIsFree(t, scope, rows)).map((row) => [row.id, row]))
  await enqueueExpiries(t, scope, [...inserted.values()])
  const made = all.map((prepared) => {
    const drafted = drafts.get(prepared) as Draft | Problem
    return { prepared, drafted, row: drafted instanceof Problem ? undefined : inserted.get(drafted.row.id) }
  })
  await recordMany(
    t,
    made.flatMap(({ prepared, row }) =>
      row
        ? [
            toldOfCreation(prepared, row, passes.get(prepared) as Passed | undefined),
            ...toldOfRouting(prepared, row),
            ...toldOfSkipping(prepared, row),
            ...toldOfTooFew(prepared, row),
          ]
        : [],
    ),
  )
  const routed = made.flatMap(({ prepared, drafted, row }) =>
    row && !(drafted instanceof Problem) ? [{ prepared, row, asked: drafted.asked }] : [],
  )
  if (routed.length > 0) await keepRoutes(house, t, scope, routed, routes)
  const created: (Created | Problem)[] = []
  for (const { prepared, drafted, row } of made) {
    if (drafted instanceof Problem) created.push(drafted)
    else if (row)
      created.push(await finishCreate(house, t, prepared, { row, content: drafted.content, created: true, differs: [] }))
    else
      created.push(
        await orProblem(repeatOf(house, t, prepared, drafted.row).then((repeat) => finishCreate(house, t, prepared, repeat))),
      )
  }
  return created
}

async function orProblem<T>(made: Promise<T>): Promise<T | Problem> {
  try {
    return await made
  } catch (error) {
    if (error instanceof Problem) return error
    throw error
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

type Draft = { row: NewTask; content: Content; asked: Asked }

async function draft(house: TasksHouse, t: Tx, p: Prepared, parent: WrappingKey, routes: Routes): Promise<Draft> {
  const { scope } = p
  const deadline = deadlineOf(p, t.now)
  const asked = await routeOne(house, t, p, routes, p.quorum !== null || p.risk === 'critical')
  const { pick: _, ...routed } = asked
  const id = newId('task', t.now.getTime())
  const origin = p.act?.origin ?? (scope.agentId === null ? 'user' : 'agent')
  const agreed = await agreeOnQuorum(house, t, scope, {
    wanted: p.quorum && p.act?.separate ? { ...p.quorum, separate: true } : p.quorum,
    row: { ...p, id, origin, agent_id: scope.agentId },
    content: p as Pick<Content, 'description' | 'payload' | 'action'>,
    asked: asked.asked,
    requested: { asker: p.asker, created_by: scope.principal, on_behalf_of: p.on_behalf_of, agent_id: scope.agentId },
    refuse: p.act === null,
  })
  const { key, subject, wrapped } = newTaskKey(parent, scope, id)
  const sealed = (column: string, value: unknown) => sealIf(key, scope, 'tasks', column, id, value)?.toString('base64') ?? null
  const content = {
    description: p.description,
    payload: p.payload as WireJson,
    action: p.action as WireJson,
    initial_response: p.initial_response as WireJson,
    timeout_response: p.timeout.response as WireJson,
    response: null,
    cancel_reason: null,
    verifier_result: null,
    agent_outcome_detail: null,
  }
  const row: NewTask = {
    id,
    origin,
    origin_ref: p.act?.ref ?? null,
    agent_id: scope.agentId,
    created_by: scope.principal,
    asker: p.asker,
    on_behalf_of: p.on_behalf_of,
    idempotency_key: p.idempotency_key,
    key_reuse: p.key_reuse,
    task: p.task,
    description: sealed('description', content.description),
    payload: sealed('payload', content.payload),
    payload_schema: p.payload_schema && writeJson(p.payload_schema),
    response_schema: writeJson(p.response_schema),
    form: p.form,
    form_definition: p.form_definition && writeJson(p.form_definition),
    initial_response: sealed('initial_response', content.initial_response),
    verdict: p.verdict && writeJson(p.verdict),
    action: sealed('action', content.action),
    quorum: agreed.quorum && JSON.stringify(agreed.quorum),
    separate: agreed.separate || p.act?.separate === true,
    assurance: p.assurance,
    unreachable: agreed.unreachable,
    timeout_seconds: p.timeout_seconds,
    deadline_at: deadline.toISOString(),
    on_timeout: p.timeout.on_timeout,
    timeout_response: sealed('timeout_response', content.timeout_response),
    ...timeColumns(p.time),
    assign_to: p.assignment.form && JSON.stringify(p.assignment.form),
    ...routed,
    ...heldByNobodyIf(agreed),
    notify: spokenNotify(p.notify),
    require_assignee: p.require_assignee,
    answer_by_reply: p.answer_by_reply,
    delegable: p.delegable,
    priority: p.priority,
    tags: p.tags,
    metadata: writeJson(p.metadata),
    risk: p.risk,
    redact: p.redact,
    redact_pointers: p.redact_pointers && JSON.stringify(p.redact_pointers),
    verifier_config: p.verification.verifiers && writeJson(p.verification.verifiers),
    verification_skipped: p.verification.skipped,
    callback_url: p.callback_url,
    callback_mode: p.callback_mode,
    subject,
    wrapped: wrapped.toString('base64'),
  }
  return { row, content, asked: { ...asked, ...heldByNobodyIf(agreed) } }
}

/** Nobody holds alone what several have to agree to. */
const heldByNobodyIf = ({ asked }: Agreed) =>
  asked === null
    ? {}
    : {
        ...{ asked, assigned_to_user_id: null, assigned_to_email: null, assigned_to_display_name: null },
        ...{ assigned_for_user_id: null, claim_seconds: null },
      }

const toldOfCreation = ({ scope }: Prepared, row: TaskRow, decision?: Passed): Told => ({
  scope,
  type: 'task.created',
  data: {
    to: 'open',
    origin: row.origin,
    agent_id: row.agent_id,
    priority: row.priority,
    risk: row.risk,
    deadline_at: row.deadline_at,
    assigned_to_user_id: row.assigned_to_user_id,
  },
  options: { resource: { type: 'task', id: row.id }, decision },
})

/** Where somebody was named. What names nobody goes to those who run the work, which is no choice that anybody made; what found nobody is told as such (T95). */
const toldOfRouting = ({ scope, assignment }: Prepared, row: TaskRow): Told[] =>
  assignment.form === null || row.unrouted_at !== null
    ? []
    : [
        {
          scope,
          type: 'task.routed',
          // Names of people may be addresses: how many were asked, and who holds it alone.
          data: { asked: row.asked.length, assigned_to_user_id: row.assigned_to_user_id, agent_id: row.agent_id },
          options: { resource: { type: 'task', id: row.id } },
        },
      ]

const toldOfSkipping = ({ scope }: Prepared, row: TaskRow): Told[] =>
  row.verification_skipped === null
    ? []
    : [
        {
          scope,
          type: 'task.verification_skipped',
          data: { why: row.verification_skipped, agent_id: row.agent_id },
          options: { resource: { type: 'task', id: row.id } },
        },
      ]

/** An act that waits for more people than there are is asked all the same; whoever comes may agree (T42). */
const toldOfTooFew = ({ scope }: Prepared, row: TaskRow): Told[] =>
  row.unreachable_at === null || row.quorum === null
    ? []
    : [
        {
          scope,
          type: 'task.quorum_unreachable',
          data: { agent_id: row.agent_id, votes: 0, needed: neededOf(row.quorum) },
          options: { resource: { type: 'task', id: row.id } },
        },
      ]

/** The task that holds the key, whatever its state, and in what it differs from what is asked now (T22, T23). */
async function repeatOf(house: TasksHouse, t: Tx, p: Prepared, drafted: NewTask): Promise<Made> {
  const [row] = await findTasksByKey(t, p.scope, [p.asker], [p.idempotency_key as string])
  // Its answer was collected between our insert and this read: the key is free now (T24).
  if (!row) return remake(t, p, drafted)
  const opener = await openContents(house, t, p.scope, [row.id])
  const content = opener.task(row)
  return { row, content, created: false, differs: row.erased_at ? [] : differences(row, content, p) }
}

async function remake(t: Tx, p: Prepared, drafted: NewTask): Promise<Made> {
  const [row] = await insertIfKeyIsFree(t, p.scope, [drafted])
  if (!row) throw new Error('An idempotency key was freed and taken again in one transaction.')
  await enqueueExpiries(t, p.scope, [row])
  await recordMany(t, [toldOfCreation(p, row), ...toldOfRouting(p, row)])
  return { row, content: null, created: true, differs: [] }
}

/** The members of the fingerprint (T23) that exist so far. */
function differences(row: TaskRow, content: Content, p: Prepared): string[] {
  const pairs: [string, unknown, unknown][] = [
    ['task', row.task, p.task],
    ['payload', content.payload, p.payload],
    ['action', content.action, p.action],
    ['quorum', row.quorum?.sent, p.quorum?.sent],
    ['assign_to', row.assign_to, p.assignment.form],
    ['risk', row.risk, p.risk],
  ]
  return pairs.filter(([, before, now]) => canonical(before ?? null) !== canonical(now ?? null)).map(([name]) => name)
}

async function finishCreate(house: TasksHouse, t: Tx, p: Prepared, made: Made): Promise<Created> {
  const { row, created, differs } = made
  const mismatch = differs.length > 0
  if (mismatch && (p.dialect === 'native' || (await taskSettingsIn(t, p.scope)).compat_strict_replay))
    throw new Problem('idempotency_mismatch', { task_id: row.id, differs })
  if (mismatch) {
    await markReplayMismatch(t, p.scope, row.id)
    await record(t, p.scope, 'task.replay_mismatch', { differs }, { resource: { type: 'task', id: row.id } })
  }
  if (!created && !mismatch)
    await record(
      t,
      p.scope,
      'task.replayed',
      { agent_id: row.agent_id, status: row.status },
      { resource: { type: 'task', id: row.id } },
    )
  if (!created && isFinal(row.status) && row.agent_id !== null && row.agent_id === p.scope.agentId && row.collected_at === null)
    await collectIfFinal(t, p.scope, [row.id])
  return { task: await showWhole(house, t, p.scope, row, made.content), created, mismatch }
}
