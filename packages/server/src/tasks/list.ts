// The inbox and every other list of tasks (T18, T55): filters narrow what the caller reaches and never widen it; keyset cursors; content only where asked and small.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import { join, type Sql, sql } from '../db/sql.ts'
import { type Tx, tx } from '../db/tx.ts'
import { openCursor, pageOf } from '../http/cursor.ts'
import type { Json } from '../http/json.ts'
import { foldEmail } from '../identity/email.ts'
import { openContents } from './content.ts'
import type { TasksHouse } from './house.ts'
import { type Person, personOf, within } from './person.ts'
import { findAgentNames, findTaskPage, type ListRow, type Place, type Status } from './sql.ts'
import { type Dialect, mask, seesContent, showRow, statusesOf } from './wire.ts'

export type SortBy = 'created' | 'deadline' | 'priority' | 'updated'
export type Include = 'payload' | 'response'

export type ListInput = {
  status?: string[]
  outcome?: string[]
  assigned_to?: string
  unassigned?: boolean
  mine?: boolean
  agent_id?: string
  origin?: string
  tag?: string
  priority?: string
  risk?: string
  created_after?: Date
  created_before?: Date
  deadline_before?: Date
  idempotency_key?: string
  q?: string
  terminal?: boolean
  sort: SortBy
  order?: 'asc' | 'desc'
  include?: Include[]
  limit: number
  cursor?: string
}

/** The direction in which each sort is read unless said otherwise: what needs doing first stands first. */
const DIRECTION: Record<SortBy, 'asc' | 'desc'> = { created: 'desc', deadline: 'asc', priority: 'desc', updated: 'desc' }

export async function listTasks(house: TasksHouse, scope: Scope, input: ListInput, dialect: Dialect) {
  const { limit, cursor, ...filter } = input
  const order = input.order ?? DIRECTION[input.sort]
  const at = { tenantId: scope.tenantId, route: 'GET /tasks', filter: { ...filter, order, by: scope.principal } }
  return tx(
    house.db,
    scope,
    async (t) => {
      const person = await personOf(t, scope)
      const after = cursor === undefined ? null : openCursor<Place>(house.keyring, at, cursor, t.now)
      const page = { sort: input.sort, order, after, limit: limit + 1, include: input.include ?? [] }
      const rows = await findTaskPage(t, scope, matching(scope, person, input, dialect), page)
      const answer = pageOf(house.keyring, at, rows, { limit, now: t.now, position: (row) => placeOf(row, input.sort) })
      return { ...answer, data: await showRows(house, t, scope, answer.data, input.include ?? []) }
    },
    { readOnly: true },
  )
}

/** The other clients' page: newest first, by offset, everything included (§3.4). */
export async function listByOffset(
  house: TasksHouse,
  scope: Scope,
  input: Omit<ListInput, 'sort' | 'cursor'> & { offset: number },
) {
  return tx(
    house.db,
    scope,
    async (t) => {
      const person = await personOf(t, scope)
      const include: Include[] = ['payload', 'response']
      const page = {
        sort: 'created' as const,
        order: 'desc' as const,
        after: null,
        limit: input.limit,
        offset: input.offset,
        include,
      }
      const rows = await findTaskPage(t, scope, matching(scope, person, { ...input, sort: 'created' }, 'compatible'), page)
      return showRows(house, t, scope, rows, include)
    },
    { readOnly: true },
  )
}

async function showRows(house: TasksHouse, t: Tx, scope: Scope, rows: ListRow[], include: readonly Include[]) {
  const agents = [...new Set(rows.flatMap((row) => (row.agent_id === null ? [] : [row.agent_id])))]
  const names = new Map((agents.length === 0 ? [] : await findAgentNames(t, scope, agents)).map(({ id, name }) => [id, name]))
  const opener =
    include.length === 0
      ? null
      : await openContents(
          house,
          t,
          scope,
          rows.map((row) => row.id),
        )
  return rows.map((row) => {
    const content = opener?.task(row)
    const asked = content ? Object.fromEntries(include.map((name) => [name, content[name]])) : {}
    const shown = showRow(row, {
      agentName: (row.agent_id !== null && names.get(row.agent_id)) || null,
      publicUrl: house.origin(),
    })
    return { ...shown, ...mask(asked, row.redact, 'list', seesContent(scope)) }
  })
}

function placeOf(row: ListRow, sort: SortBy): Json {
  const key = {
    created: null,
    deadline: row.deadline_at.toISOString(),
    priority: row.priority_rank,
    updated: row.updated_at.toISOString(),
  }
  return { key: key[sort], id: row.id }
}

function matching(scope: Scope, person: Person | null, input: Omit<ListInput, 'limit'>, dialect: Dialect): Sql {
  const parts = [within(scope, 'task.list', person)]
  const add = (value: unknown, part: Sql) => void (value !== undefined && parts.push(part))
  if (input.status) parts.push(sql`status = any(${statusesIn(input.status, dialect)}::text[])`)
  if (input.terminal !== undefined) {
    const ended = sql`status in ('completed', 'timed_out', 'cancelled', 'verification_exhausted')`
    parts.push(input.terminal ? ended : sql`not ${ended}`)
  }
  add(input.outcome, sql`outcome = any(${input.outcome}::text[])`)
  add(input.agent_id, sql`tasks.agent_id = ${input.agent_id}::text`)
  add(input.origin, sql`origin = ${input.origin}::text`)
  add(input.tag, sql`${input.tag}::text = any(tags)`)
  add(input.priority, sql`priority = ${input.priority}::text`)
  add(input.risk, sql`risk = ${input.risk}::text`)
  add(input.created_after, sql`created_at >= ${input.created_after}::timestamptz`)
  add(input.created_before, sql`created_at < ${input.created_before}::timestamptz`)
  add(input.deadline_before, sql`deadline_at < ${input.deadline_before}::timestamptz`)
  add(input.idempotency_key, sql`idempotency_key = ${input.idempotency_key}::text`)
  if (input.unassigned !== undefined) {
    const free = sql`(assigned_to_user_id is null and assigned_to_email is null)`
    parts.push(input.unassigned ? free : sql`not ${free}`)
  }
  if (input.mine !== undefined) parts.push(mine(person, input.mine))
  if (input.assigned_to !== undefined) parts.push(heldBy(input.assigned_to))
  if (input.q !== undefined) parts.push(saying(input.q))
  return join(parts, ' and ')
}

function statusesIn(words: string[], dialect: Dialect): Status[] {
  return words.flatMap((word) => {
    const statuses = statusesOf(word, dialect)
    if (statuses.length > 0) return statuses
    const errors = [{ path: 'status', code: 'not_offered', message: `There is no status "${word.slice(0, 40)}".` }]
    throw new Problem('validation_failed', { errors })
  })
}

/** Held by me, or free and asked of me. */
function mine(person: Person | null, wanted: boolean): Sql {
  const own = person
    ? sql`(assigned_to_user_id = ${person.id}::text or (assigned_to_user_id is null and asked && ${person.keys}::text[]))`
    : sql`false`
  return wanted ? own : sql`not ${own}`
}

/** A user's id, an address, a Slack id, or part of a name. */
function heldBy(text: string): Sql {
  const folded = foldEmail(text)
  const part = `%${text.replace(/[\\%_]/g, '\\$&')}%`
  return sql`(assigned_to_user_id = ${text}::text or assigned_to_slack_user_id = ${text}::text or assigned_to_display_name ilike ${part}::text
    ${folded === null ? sql`` : sql`or lower(assigned_to_email) = ${folded}::text or asked @> array[${folded}::text]`})`
}

/** Every word of the query begins a word of the question. */
function saying(q: string): Sql {
  const words = q.normalize('NFKC').match(/[\p{L}\p{N}]+/gu) ?? []
  if (words.length === 0) return sql`true`
  return sql`to_tsvector('simple', task) @@ to_tsquery('simple', ${words
    .slice(0, 10)
    .map((word) => `${word}:*`)
    .join(' & ')}::text)`
}
