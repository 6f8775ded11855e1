// The agent changes what it asks (T53): another revision of the same task, whose earlier votes count no more, for they were about something else (T13, T43).
// What was shown before is kept, so that people see what changed. Changes nothing but content: who is asked, how long and for what answer stays.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { type Json as WireJson, writeJson } from '../../http/json.ts'
import { prepareAction } from '../actions/action.ts'
import type { Action, ActionIn } from '../actions/proposal.ts'
import { type Content, openContents, sealIf, sealValue } from '../content.ts'
import { PAYLOAD_BYTES } from '../creation.ts'
import { enqueueExpiries } from '../deadline.ts'
import type { TasksHouse } from '../house.ts'
import { type Creation, judgeRevision, tellIfDenied } from '../judgement.ts'
import { seeTask, showWhole } from '../look.ts'
import { mask } from '../redaction.ts'
import { invalid, notOpen, taskTopic } from '../settle.ts'
import { EVERY, findTask, isFinal, type TaskRow } from '../sql.ts'
import { momentsOf } from '../time/moments.ts'
import { tellOfChange } from '../time/tell.ts'
import { surfaceOf, type Task } from '../wire.ts'
import { changedPointers } from './changed.ts'
import { findRevisions, insertRevision, MOST_REVISION, reviseIfAt, voidDecisions } from './sql.ts'

type Json = Record<string, unknown>
export type ReviseInput = { payload?: Json; description?: string | null; action?: ActionIn; note: string }

/** What the human judges, by member. */
const SHOWN = ['description', 'payload', 'action'] as const
type Judged = Record<(typeof SHOWN)[number], unknown>
const judgedOf = ({ description, payload, action }: Content): Judged => ({ description, payload, action })

export const reviseTask = (house: TasksHouse, scope: Scope, id: string, input: ReviseInput): Promise<Task> =>
  revise(house, scope, id, input).catch((error: unknown) => tellIfDenied(house, error))

async function revise(house: TasksHouse, scope: Scope, id: string, input: ReviseInput): Promise<Task> {
  const given = SHOWN.filter((name) => input[name as keyof ReviseInput] !== undefined)
  if (given.length === 0) throw invalid('', 'nothing_to_change', 'Send at least one of payload, action, description.')
  const seen = await tx(house.db, scope, (t) => seeTask(t, scope, id, 'task.revise'), { readOnly: true })
  await checkPayload(house, seen.row, input)
  const action = input.action && (await newAction(house, seen.row, input.action))
  return tx(house.db, scope, async (t) => {
    const { row, person } = await seeTask(t, scope, id, 'task.revise')
    refuseUnlessRevisable(row, t.now)
    const opener = await openContents(house, t, scope, [id])
    const before = judgedOf(opener.task(row))
    const after: Judged = {
      description: input.description === undefined ? before.description : input.description,
      payload: input.payload ?? before.payload,
      action: action ?? before.action,
    }
    const changed = changedPointers(before, after)
    if (changed.length === 0) throw invalid('', 'nothing_changed', 'This says what the task says already.')
    await judgeRevision(house, t, scope, creationOf(row, after))
    const key = opener.key(id)
    const sealed = (column: string, value: unknown) => sealIf(key, scope, 'tasks', column, id, value)
    const revised = await reviseIfAt(t, scope, id, {
      revision: row.revision,
      description: sealed('description', after.description),
      payload: sealed('payload', after.payload),
      action: sealed('action', after.action),
      ...movedTime(row, t.now),
    })
    if (!revised) throw await whyNotRevised(t, scope, row)
    const place = `${id}/${row.revision}`
    await insertRevision(t, scope, {
      revision: row.revision,
      task_id: id,
      content: sealValue(key, scope, 'revisions', 'content', place, before),
      note: sealValue(key, scope, 'revisions', 'note', place, input.note),
      changed,
      revised_by: scope.agentId ?? scope.principal,
      revised_at: t.now,
    })
    const voided = await voidDecisions(t, scope, id)
    await enqueueExpiries(t, scope, rests(row) ? [revised] : [])
    const data = {
      from: row.status,
      to: revised.status,
      revision: revised.revision,
      changed,
      voided: voided.length,
      agent_id: row.agent_id,
    }
    await record(t, scope, 'task.revised', data, { resource: { type: 'task', id } })
    const voters = voided.flatMap(({ user_id }) => (user_id === null ? [] : [user_id]))
    await tellOfChange(house, t, scope, revised, { purpose: 'revised', also: voters })
    t.wake(taskTopic(id))
    return showWhole(house, t, scope, revised, null, person)
  })
}

/** As it would be asked now. */
const creationOf = (row: TaskRow, { description, payload, action }: Judged): Creation => ({
  ...row,
  assigned: row.assign_to === null ? 'nobody' : 'emails' in row.assign_to ? 'several' : 'one',
  callback: row.callback_url !== null,
  bytes: writeJson((payload ?? null) as WireJson).length + writeJson((action ?? null) as WireJson).length,
  description: description as string | null,
  payload,
  action: action as Action | null,
})

/** Another proposal in the place of one: a question never becomes an action, for its answer would be of another kind. */
async function newAction(house: TasksHouse, row: TaskRow, given: ActionIn): Promise<Action> {
  if (row.action === null) throw invalid('/action', 'no_action', 'This task proposes no action.')
  return prepareAction(house.forms, given)
}

async function checkPayload(house: TasksHouse, row: TaskRow, { payload }: ReviseInput): Promise<void> {
  if (!payload) return
  if (Buffer.byteLength(writeJson(payload)) > PAYLOAD_BYTES)
    throw invalid('/payload', 'too_large', 'A payload has at most 5 MiB.')
  if (!row.payload_schema) return
  const gated = await house.forms.gate(row.payload_schema, '/payload_schema', { mustBeObject: false })
  const errors = await house.forms.check(gated, payload, '/payload')
  if (errors.length > 0) throw new Problem('payload_invalid', { errors })
}

const rests = (row: TaskRow): boolean => row.status === 'revising' && row.pause_while_revising

function refuseUnlessRevisable(row: TaskRow, now: Date): void {
  if (isFinal(row.status) || (row.deadline_at <= now && !rests(row))) throw notOpen(row)
  if (row.status === 'verifying') throw new Problem('task_verifying', { status: row.status })
  if (row.revision >= MOST_REVISION)
    throw new Problem('state_conflict', { state: row.status, detail: 'A task is revised at most 20 times.' })
}

/** A deadline that rested moves on by the time that it did; nobody is reminded of what they could not answer. */
function movedTime(row: TaskRow, now: Date): { deadline: Date; reminded: number } {
  const rested = rests(row) && row.revising_at ? now.getTime() - row.revising_at.getTime() : 0
  const deadline = new Date(row.deadline_at.getTime() + rested)
  const reminded = momentsOf({ ...row, deadline_at: deadline }).reduce((mask, at, i) => (at <= now ? mask | (1 << i) : mask), 0)
  return { deadline, reminded }
}

async function whyNotRevised(t: Tx, scope: Scope, seen: TaskRow): Promise<Problem> {
  const row = await findTask(t, scope, seen.id, EVERY)
  if (!row) return new Problem('not_found')
  if (row.revision !== seen.revision)
    return new Problem('task_revised', { revision: row.revision, changed: await changedSince(t, scope, row.id, seen.revision) })
  return row.status === 'verifying' ? new Problem('task_verifying', { status: row.status }) : notOpen(row)
}

/** What differs from the revision that somebody saw (T13). */
export async function changedSince(t: Tx, scope: Scope, id: string, seen: number): Promise<string[]> {
  const rows = await findRevisions(t, scope, id, seen)
  return [...new Set(rows.flatMap(({ changed }) => changed))].slice(0, 200)
}

/** Each change, oldest first, with what was shown before it. */
export async function listRevisions(house: TasksHouse, scope: Scope, id: string) {
  return tx(
    house.db,
    scope,
    async (t) => {
      const { row } = await seeTask(t, scope, id, 'task.read')
      const rows = await findRevisions(t, scope, id)
      const opener = rows.length === 0 ? null : await openContents(house, t, scope, [id])
      const surface = surfaceOf(scope)
      const data = rows.map((one) => {
        const open = (column: 'content' | 'note') =>
          opener?.of(id, 'revisions', column, `${id}/${one.revision}`, one[column]) ?? null
        const before = open('content') as Judged | null
        return {
          revision: one.revision + 1,
          ...mask({ note: open('note') }, row, surface),
          changed: one.changed,
          before: before === null ? null : mask(before, row, surface),
          revised_by: one.revised_by,
          revised_at: one.revised_at,
        }
      })
      return { data, next_cursor: null }
    },
    { readOnly: true },
  )
}
