// The inbox and every other list of tasks (T18, T55): filters narrow what the caller reaches and never widen it; keyset cursors; content only where asked and small.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { openCursor, pageOf } from '../../http/cursor.ts'
import type { Json } from '../../http/json.ts'
import { foldEmail } from '../../identity/email.ts'
import { openContents } from '../content.ts'
import type { TasksHouse } from '../house.ts'
import { type Person, personOf, within } from '../person.ts'
import { mask } from '../redaction.ts'
import { findAgentNames, type ListRow, type Status } from '../sql.ts'
import { type Dialect, seesContent, showRow, statusesOf } from '../wire.ts'
import { viewOf } from './inbox/view.ts'
import { narrowed } from './narrow.ts'
import { findTaskPage, listFilter, type Place } from './sql.ts'

export type SortBy = 'created' | 'deadline' | 'priority' | 'updated'
export type Include = 'payload' | 'response'

export type ListInput = {
  status?: string[]
  outcome?: string[]
  assigned_to?: string
  unassigned?: boolean
  mine?: boolean
  unrouted?: boolean
  claimable?: boolean
  team?: boolean
  metadata?: Record<string, string>
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
      const statuses = input.status && statusesIn(input.status, dialect)
      const view = viewOf(scope, person, { ...input, status: statuses })
      const inOrder = view !== null && input.sort === 'deadline'
      const among = await narrowed(t, scope, person, input, view && { view, inOrder })
      const matches = matching(scope, person, input, dialect, among)
      const rows = await findTaskPage(t, scope, matches, page, { statuses, view: among === null && inOrder ? view : null })
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
      const among = await narrowed(t, scope, person, input)
      const matches = matching(scope, person, { ...input, sort: 'created' }, 'compatible', among)
      const rows = await findTaskPage(t, scope, matches, page)
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
    return { ...shown, ...mask(asked, row, seesContent(scope) ? 'list' : 'nobody') }
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

/** What is asked for, inside what the caller reaches. */
export const matching = (
  scope: Scope,
  person: Person | null,
  input: Omit<ListInput, 'limit'>,
  dialect: Dialect,
  among: readonly string[] | null,
) =>
  listFilter(within(scope, 'task.list', person), {
    ...input,
    among,
    status: input.status && statusesIn(input.status, dialect),
    asker: person,
    folded: input.assigned_to === undefined ? null : foldEmail(input.assigned_to),
  })

function statusesIn(words: string[], dialect: Dialect): Status[] {
  return words.flatMap((word) => {
    const statuses = statusesOf(word, dialect)
    if (statuses.length > 0) return statuses
    const errors = [{ path: 'status', code: 'not_offered', message: `There is no status "${word.slice(0, 40)}".` }]
    throw new Problem('validation_failed', { errors })
  })
}
