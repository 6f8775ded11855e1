// The one statement of lists, and its filters as predicates: keyset, never an offset but for the clients that know nothing else.
import { join, type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import { firstIdAt, isId } from '../../std/id.ts'
import { isFinal, type ListRow, type Status } from '../sql.ts'
import { type InboxView, inboxPage } from './inbox/sql.ts'

/** The last row of the page before: its sort key (null when the id is the key) and its id. */
export type Place = { key: string | number | null; id: string }
export type Page = {
  sort: 'created' | 'deadline' | 'priority' | 'updated'
  order: 'asc' | 'desc'
  after: Place | null
  limit: number
  offset?: number
  include: readonly string[]
}

const LIST_COLUMNS = sql`id, version, revision, origin, origin_ref, agent_id, created_by, asker, on_behalf_of, idempotency_key, key_reuse, key_freed_at,
  replay_mismatch_at, task, verdict, quorum, separate, assurance, votes, unreachable_at, status, outcome, timeout_seconds, deadline_at, on_timeout, assign_to, asked, assigned_to_user_id,
  assigned_to_email, assigned_to_display_name, assigned_to_slack_user_id, priority, priority_rank, tags, metadata, risk, redact, redact_pointers, callback_url,
  notify, require_assignee, answer_by_reply, delegable, claim_seconds, assigned_for_user_id, unrouted_at, noticed_at,
  callback_mode, completed_by_user_id, completed_by_email, completed_by_display_name, completed_by_slack_user_id, completed_via_channel,
  verification_attempt, created_at, updated_at, opened_at, verifying_at, returned_at, revising_at, completed_at, timed_out_at, cancelled_at,
  verification_exhausted_at, assigned_at, claimed_at, first_notified_at, first_viewed_at, collected_at, erased_at,
  reminders, reminded, reminded_at, escalation, escalation_step, timeout_escalations, timeout_step, escalation_level, escalated_at,
  pause_while_revising, comment_count, expect_outcome_seconds, agent_outcome, agent_outcome_at, outcome_missing_at, verification_skipped,
  (select json_agg(json_build_object('provider', one ->> 'provider', 'model', one ->> 'model', 'verifier_id', one ->> 'verifier_id',
    'name', one ->> 'name', 'max_attempts', one -> 'max_attempts')) from json_array_elements(verifier_config) as one) as verifier_config`

// Ids are UUIDv7 of the database's time, so their order is the order of creation.
const SORT_KEY = { created: null, deadline: sql`deadline_at`, priority: sql`priority_rank`, updated: sql`updated_at` }
const KEY_TYPE = { created: sql`text`, deadline: sql`timestamptz`, priority: sql`smallint`, updated: sql`timestamptz` }

const IS_OPEN = sql`status in ('open', 'verifying', 'returned', 'revising')`
const IS_ENDED = sql`status in ('completed', 'timed_out', 'cancelled', 'verification_exhausted')`

/** `statuses`: what the filter lets through, all when it is left out. `view`: the inbox that holds every row of it. */
export const findTaskPage = (
  t: Tx,
  scope: Scope,
  matching: Sql,
  page: Page,
  { statuses, view }: { statuses?: readonly Status[]; view?: InboxView | null } = {},
) => {
  const key = SORT_KEY[page.sort]
  const down = page.order === 'desc'
  const [way, beyond] = down ? [sql`desc`, sql`<`] : [sql`asc`, sql`>`]
  const after = page.after
  const place = !after
    ? sql`true`
    : key
      ? sql`(${key}, id) ${beyond} (${after.key}::${KEY_TYPE[page.sort]}, ${after.id}::text)`
      : sql`id ${beyond} ${after.id}::text`
  const columns = sql`${LIST_COLUMNS}
      ${page.include.includes('payload') ? sql`, payload` : sql``} ${page.include.includes('response') ? sql`, response` : sql``}`
  const order = sql`order by ${key ? sql`${key} ${way},` : sql``} id ${way}`
  const among = (ids: Sql) => t.rows<ListRow>`
    select ${columns} from tasks where tenant_id = ${scope.tenantId}::uuid and id = any(array(${ids})) and ${matching} ${order}`
  if (view) return among(inboxPage(scope, matching, view, page))
  const half = (which: Sql) => sql`
    (select id, ${key ?? sql`null`} as place from tasks where tenant_id = ${scope.tenantId}::uuid and ${which} and ${matching} and ${place}
     ${order} limit ${page.limit}::integer)`
  // What is open and what has ended each stand in an index of their own by these two: a list of both merges the two.
  const byHalves = page.sort === 'deadline' || page.sort === 'priority'
  if (byHalves && isMixed(statuses))
    return among(sql`
    select id from (${half(IS_OPEN)} union all ${half(IS_ENDED)}) as every order by place ${way}, id ${way} limit ${page.limit}::integer`)
  return t.rows<ListRow>`
    select ${columns} from tasks
    where tenant_id = ${scope.tenantId}::uuid and ${byHalves ? (statuses?.some(isFinal) ? IS_ENDED : IS_OPEN) : sql`true`} and ${matching} and ${place}
    ${order} limit ${page.limit}::integer offset ${page.offset ?? 0}::integer`
}

const isMixed = (statuses: readonly Status[] | undefined): boolean =>
  !statuses || statuses.length === 0 || new Set(statuses.map(isFinal)).size > 1

export type ListFilter = {
  status?: Status[]
  outcome?: string[]
  assigned_to?: string
  /** `assigned_to` as addresses are compared, when it is one. */
  folded: string | null
  unassigned?: boolean
  unrouted?: boolean
  mine?: boolean
  claimable?: boolean
  team?: boolean
  metadata?: Record<string, string>
  /** Ids that an index has found already; null: it found too many, or was not asked. */
  among: readonly string[] | null
  /** Who `mine` means; nobody for agents and keys of a tenant. */
  asker: { id: string; keys: string[] } | null
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
}

export function listFilter(reached: Sql, input: ListFilter): Sql {
  const parts = [reached]
  const add = (value: unknown, part: Sql) => void (value !== undefined && parts.push(part))
  if (input.status) parts.push(sql`status = any(${input.status}::text[])`)
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
  // Ids are in the order of creation, so a time is a place in the primary key.
  if (input.created_after) parts.push(sql`id >= ${firstIdAt('task', input.created_after.getTime())}::text`)
  if (input.created_before) parts.push(sql`id < ${firstIdAt('task', input.created_before.getTime())}::text`)
  if (input.among) parts.push(sql`id = any(${input.among}::text[])`)
  add(input.deadline_before, sql`deadline_at < ${input.deadline_before}::timestamptz`)
  add(input.idempotency_key, sql`idempotency_key = ${input.idempotency_key}::text`)
  if (input.unassigned !== undefined) {
    const free = sql`(assigned_to_user_id is null and assigned_to_email is null)`
    parts.push(input.unassigned ? free : sql`not ${free}`)
  }
  if (input.metadata !== undefined) parts.push(sql`metadata @> any(${describing(input.metadata)}::jsonb[])`)
  if (input.unrouted !== undefined) {
    const lost = sql`(status in ('open', 'returned') and unrouted_at is not null)`
    parts.push(input.unrouted ? lost : sql`not ${lost}`)
  }
  if (input.claimable !== undefined) parts.push(claimable(input.asker, input.claimable))
  if (input.mine !== undefined) parts.push(mine(input.asker, input.mine))
  if (input.team !== undefined) parts.push(ofTeam(input.asker, input.team))
  if (input.assigned_to !== undefined) parts.push(heldBy(input.assigned_to, input.folded))
  if (input.q !== undefined) parts.push(saying(input.q))
  return join(parts, ' and ')
}

/** Held by me, or free and asked of me. */
function mine(person: ListFilter['asker'], wanted: boolean): Sql {
  const own = person
    ? sql`(assigned_to_user_id = ${person.id}::text or (assigned_to_user_id is null and asked && ${person.keys}::text[]))`
    : sql`false`
  return wanted ? own : sql`not ${own}`
}

/** Open, free, and asked of me. */
function claimable(person: ListFilter['asker'], wanted: boolean): Sql {
  const free = person
    ? sql`(status in ('open', 'returned') and assigned_to_user_id is null and assigned_to_email is null and asked && ${person.keys}::text[])`
    : sql`false`
  return wanted ? free : sql`not ${free}`
}

/** Asked of a pool that I am in, whoever holds it. */
function ofTeam(person: ListFilter['asker'], wanted: boolean): Sql {
  const pools = person?.keys.filter((key) => key.startsWith('pool:')) ?? []
  const ours = pools.length === 0 ? sql`false` : sql`asked && ${pools}::text[]`
  return wanted ? ours : sql`not ${ours}`
}

// The index of what is open holds all that is asked for where everything is reached (0200), and gives the most pressing ones in their order; the limit stands inside:
// however many are open, so many are looked at and no more. Where few ids are known to concern the caller, those are read instead.
/** Of what is open, how many the caller reaches, and how many were looked at to know it. */
export const countOpen = (
  t: Tx,
  scope: Scope,
  reached: Sql,
  { among, most }: { among: readonly string[] | null; most: number },
) => t.one<{ looked: number; reached: number }>`
  select count(*)::integer as looked, (count(*) filter (where ${reached}))::integer as reached from (
    select * from tasks where tenant_id = ${scope.tenantId}::uuid and status in ('open', 'verifying', 'returned', 'revising')
      ${among === null ? sql`` : sql`and id = any(${among}::text[])`}
    order by deadline_at, id limit ${most + 1}::integer
  ) as tasks`

/** A value of a query is text; what it is compared with may be a number, true, false or null as well: each reading of them all. */
export function describing(metadata: Record<string, string>): string[] {
  const readings = Object.entries(metadata).map(([name, text]) => {
    const exact = /^(?:true|false|null|-?(?:0|[1-9]\d{0,14})(?:\.\d{1,14})?)$/.test(text) ? [JSON.parse(text) as unknown] : []
    return [text, ...exact].map((value) => [name, value] as const)
  })
  const all = readings.reduce<(readonly [string, unknown])[][]>(
    (sets, one) => sets.flatMap((set) => one.map((pair) => [...set, pair])),
    [[]],
  )
  return all.map((pairs) => JSON.stringify(Object.fromEntries(pairs)))
}

/** A user's id, an address, a Slack id, or part of a name. */
function heldBy(text: string, folded: string | null): Sql {
  const isUser: boolean = isId('usr', text)
  if (isUser) return sql`assigned_to_user_id = ${text}::text`
  const part = `%${text.replace(/[\\%_]/g, '\\$&')}%`
  return sql`(assigned_to_user_id = ${text}::text or assigned_to_slack_user_id = ${text}::text or assigned_to_display_name ilike ${part}::text
    ${folded === null ? sql`` : sql`or lower(assigned_to_email) = ${folded}::text or asked @> array[${folded}::text]`})`
}

/** Every word of the query begins a word of the question: the query as the index reads it, or null when it holds no word. */
export function wordsOf(q: string): string | null {
  const words = q.normalize('NFKC').match(/[\p{L}\p{N}]+/gu) ?? []
  return words.length === 0
    ? null
    : words
        .slice(0, 10)
        .map((word) => `${word}:*`)
        .join(' & ')
}

function saying(q: string): Sql {
  const words = wordsOf(q)
  return words === null ? sql`true` : sql`countersign.says(task, to_tsquery('simple', ${words}::text))`
}

/** So many ids are read by their key quicker than tasks in their order. */
export const MOST_IDS = 5_000

// Under row security an operator over words, tags or metadata may not use an index: these functions look it up, and what they find is read again as the caller.
export const findByIndex = (
  t: Tx,
  scope: Scope,
  by: { words: string | null; tags: string[] | null; metadata: string[] | null },
) => t.one<{
  ids: string[] | null
}>`
  select countersign_engine.tasks_found(${scope.tenantId}::uuid, to_tsquery('simple', ${by.words}::text), ${by.tags}::text[], ${by.metadata}::jsonb[],
    ${MOST_IDS}::integer) as ids`

export const findOfPerson = (t: Tx, scope: Scope, person: { id: string; keys: readonly string[] }) => t.one<{
  ids: string[] | null
}>`
  select countersign_engine.tasks_of_person(${scope.tenantId}::uuid, ${person.id}::text, ${person.keys}::text[],
    array(select a.id from agents a where a.tenant_id = ${scope.tenantId}::uuid and a.user_id = ${person.id}::text), ${MOST_IDS}::integer) as ids`
