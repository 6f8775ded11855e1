// Decisions for spreadsheets and for training (T56): read a page at a time in a transaction each, under the caller's rights and each task's redaction, as lists
// are. A cell never begins a formula. That somebody exported is on the record before the first line leaves.
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { csvCell } from '../../events/audit/csv.ts'
import { record } from '../../events/event.ts'
import { Digits, writeJson } from '../../http/json.ts'
import { Download } from '../../http/route.ts'
import { openContents } from '../content.ts'
import type { TasksHouse } from '../house.ts'
import { listFilter } from '../list/sql.ts'
import { type Person, personOf, within } from '../person.ts'
import { mask, type Surface } from '../redaction.ts'
import { invalid } from '../settle.ts'
import { type DecisionRow, EVERY, findDecisions, type Status, type TaskRow } from '../sql.ts'
import { audiencesOf, openComment } from '../talk/comments.ts'
import { seesContent } from '../wire.ts'
import { findCommentsOf, findExported } from './sql.ts'

export type ExportInput = {
  format: 'csv' | 'ndjson'
  include?: 'learning'
  status?: Status[]
  agent_id?: string
  tag?: string
  created_after?: Date
  created_before?: Date
}

const PAGE = 200
const TYPES = { csv: 'text/csv; charset=utf-8', ndjson: 'application/x-ndjson; charset=utf-8' }

export async function exportTasks(house: TasksHouse, scope: Scope, input: ExportInput): Promise<Download> {
  const { format, include, ...filter } = input
  if (include === 'learning' && format === 'csv')
    throw invalid('include', 'ndjson_only', 'What is learned from is nested: ask for format=ndjson.')
  const person = await tx(house.db, scope, async (t) => {
    const names = Object.keys(filter).filter((name) => filter[name as keyof typeof filter] !== undefined)
    await record(t, scope, 'task.exported', { format, include: include ?? null, filters: names })
    return personOf(t, scope)
  })
  return new Download(TYPES[format], `decisions.${format}`, piecesOf(house, { ...scope, beforeCommit: undefined }, person, input))
}

async function* piecesOf(house: TasksHouse, scope: Scope, person: Person | null, input: ExportInput): AsyncGenerator<string> {
  if (input.format === 'csv') yield `${COLUMNS.join(',')}\r\n`
  const matching = listFilter(within(scope, 'task.export', person), { ...input, among: null, asker: person, folded: null })
  for (let after: string | null = null; ; ) {
    const page: { text: string; last: string | null } = await tx(
      house.db,
      scope,
      async (t) => {
        const rows = await findExported(t, scope, matching, { after, limit: PAGE })
        return {
          text: rows.length === 0 ? '' : await writePage(house, t, scope, person, rows, input),
          last: rows.at(-1)?.id ?? null,
        }
      },
      { readOnly: true },
    )
    if (page.last === null) return
    yield page.text
    after = page.last
  }
}

async function writePage(
  house: TasksHouse,
  t: Tx,
  scope: Scope,
  person: Person | null,
  rows: readonly TaskRow[],
  input: ExportInput,
) {
  if (input.include === 'learning') {
    const lessons = await lessonsOf(house, t, scope, rows, audiencesOf(scope, person))
    return lessons.map(({ lesson }) => jsonLine(lesson)).join('')
  }
  const each = await readEach(house, t, scope, rows)
  return each
    .map(({ row, own }) => {
      const lines = own.length > 0 ? own : [null]
      return lines.map((one) => (input.format === 'csv' ? csvLine(row, one) : jsonLine(decisionOf(row, one)))).join('')
    })
    .join('')
}

/** Each task with its decisions, as lists show them. */
async function readEach(house: TasksHouse, t: Tx, scope: Scope, rows: readonly TaskRow[]) {
  const ids = rows.map(({ id }) => id)
  const [decisions, opener] = [await findDecisions(t, scope, ids), await openContents(house, t, scope, ids)]
  const surface: Surface = seesContent(scope) ? 'list' : 'nobody'
  return rows.map((row) => {
    const own = decisions
      .filter((one) => one.task_id === row.id)
      .map((one) => ({ row: one, ...mask(opener.decision(one), row, surface, 'decision') }))
    return { row, own, content: mask(opener.task(row), row, surface), opener, surface }
  })
}

type Audiences = readonly ('all' | 'humans')[]
export type Lesson = { id: string; status: Status; lesson: object }

async function lessonsOf(
  house: TasksHouse,
  t: Tx,
  scope: Scope,
  rows: readonly TaskRow[],
  audiences: Audiences,
): Promise<Lesson[]> {
  const ids = rows.map(({ id }) => id)
  const comments = await findCommentsOf(t, scope, ids, audiences)
  const each = await readEach(house, t, scope, rows)
  return each.map(({ row, own, content, opener, surface }) => {
    const said = comments.filter((one) => one.task_id === row.id).map((one) => openComment(one, opener, row, scope))
    const masked = said.map((one) => mask(one, row, surface))
    return { id: row.id, status: row.status, lesson: lessonOf(row, content, own, masked) }
  })
}

/** Every task of a tenant, for an export of all that it has: as in `include=learning`, with what its people said among themselves. The caller says who may. */
export async function* allTasks(house: TasksHouse, scope: Scope): AsyncGenerator<Lesson[]> {
  for (let after: string | null = null; ; ) {
    const rows: Lesson[] = await tx(
      house.db,
      scope,
      async (t) => lessonsOf(house, t, scope, await findExported(t, scope, EVERY, { after, limit: PAGE }), ['all', 'humans']),
      { readOnly: true },
    )
    if (rows.length > 0) yield rows
    const last = rows.at(-1)
    if (!last || rows.length < PAGE) return
    after = last.id
  }
}

const jsonLine = (value: unknown): string => `${writeJson(value as Parameters<typeof writeJson>[0])}\n`

type Own = { row: DecisionRow } & Record<string, unknown>

const COLUMNS = [
  ...[
    'task_id',
    'task',
    'status',
    'outcome',
    'agent_id',
    'priority',
    'risk',
    'tags',
    'created_at',
    'deadline_at',
    'settled_at',
    'channel',
  ],
  ...[
    'decision_id',
    'decided_at',
    'decided_by',
    'decided_by_name',
    'type',
    'state',
    'stepped_in',
    'assurance',
    'response',
    'reason',
    'comment',
  ],
] as const

function csvLine(row: TaskRow, own: Own | null): string {
  const of = flat(row, own)
  return `${COLUMNS.map((name) => csvCell(cellOf(of[name]))).join(',')}\r\n`
}

function cellOf(value: unknown): string | number | null {
  if (value === null || value === undefined || typeof value === 'string' || typeof value === 'number') return value ?? null
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Digits || typeof value === 'boolean') return String(value)
  return writeJson(value as Parameters<typeof writeJson>[0])
}

const settledAt = (row: TaskRow): Date | null =>
  row.completed_at ?? row.timed_out_at ?? row.cancelled_at ?? row.verification_exhausted_at

const flat = (row: TaskRow, own: Own | null): Record<(typeof COLUMNS)[number], unknown> => ({
  task_id: row.id,
  task: row.task,
  status: row.status,
  outcome: row.outcome,
  agent_id: row.agent_id,
  priority: row.priority,
  risk: row.risk,
  tags: row.tags.join(' '),
  created_at: row.created_at,
  deadline_at: row.deadline_at,
  settled_at: settledAt(row),
  channel: own?.row.channel ?? row.completed_via_channel,
  decision_id: own?.row.id,
  decided_at: own?.row.decided_at,
  decided_by: own?.row.user_id ?? own?.row.email,
  decided_by_name: own?.row.display_name,
  type: own?.row.type,
  state: own?.row.state,
  stepped_in: own?.row.stepped_in,
  assurance: own?.row.assurance,
  response: own?.response,
  reason: own?.reason,
  comment: own?.comment,
})

const decisionOf = (row: TaskRow, own: Own | null) => ({
  ...flat(row, own),
  tags: row.tags,
  ...(own ? { decision_sha256: own.row.decision_sha256.toString('hex') } : {}),
})

/** What was proposed, what people made of it, what they said, and what came of it. */
const lessonOf = (row: TaskRow, content: Record<string, unknown>, decisions: readonly Own[], comments: readonly object[]) => ({
  task_id: row.id,
  task: row.task,
  agent_id: row.agent_id,
  tags: row.tags,
  metadata: row.metadata,
  created_at: row.created_at,
  revision: row.revision,
  status: row.status,
  outcome: row.outcome,
  verdict: row.verdict,
  proposed: {
    description: content.description,
    payload: content.payload,
    action: content.action ?? null,
    items: content.items ?? null,
    initial_response: content.initial_response,
  },
  final: content.response,
  decisions: decisions.map(({ row: one, ...said }) => ({
    id: one.id,
    type: one.type,
    state: one.state,
    decided_at: one.decided_at,
    seen_revision: one.seen_revision,
    ...said,
  })),
  comments,
  agent_outcome:
    row.agent_outcome === null
      ? null
      : { status: row.agent_outcome, said: content.agent_outcome_detail, at: row.agent_outcome_at },
})
