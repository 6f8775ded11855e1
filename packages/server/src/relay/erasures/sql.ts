// The statements over erasures (relay.md R109): what one would take away, how it stands, and one thread after the other.
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'

export type Subject = 'thread' | 'relay_grant' | 'card'
export type Counts = { threads: number; messages: number; tasks: number; deliveries: number; keys: number }
export type Plan = { threads: number; open_threads: number; messages: number; tasks: number; deliveries: number; exports: number }
export type ErasureRow = {
  id: string
  subject: Subject
  subject_id: string
  state: 'planned' | 'running' | 'done' | 'cancelled'
  plan: Plan
  counts: Counts | null
  event_id: string | null
  planned_by: string
  created_at: Date
  confirmed_by: string | null
  confirmed_at: Date | null
  finished_at: Date | null
}
const ERASURE: Sql = sql`id, subject, subject_id, state, plan, counts, event_id, planned_by, created_at, confirmed_by, confirmed_at, finished_at`

/** Threads `h` that a thread's, relay grant's or card's id is about. */
const about = (scope: Scope, id: string): Sql =>
  sql`h.tenant_id = ${scope.tenantId}::uuid and ${id.startsWith('thr_') ? sql`h.id` : id.startsWith('rgr_') ? sql`h.relay_grant_id` : sql`h.card_id`} = ${id}::text`

/** Rows of what this tenant's own side keeps of threads that may lie elsewhere. Cards of others have no rows here that are called by them. */
const kept = (scope: Scope, id: string): Sql =>
  sql`k.tenant_id = ${scope.tenantId}::uuid and ${id.startsWith('thr_') ? sql`k.thread_id` : sql`k.relay_grant_id`} = ${id}::text`

/** Of somebody else's thread or relay grant. */
export const keepsOf = (t: Tx, scope: Scope, id: string) => t.one<{ some: boolean }>`
  select exists (select from held_messages k where ${kept(scope, id)}) or exists (select from message_asks k where ${kept(scope, id)}) as some`

const keptThreads = (scope: Scope, id: string): Sql => sql`
  select h.id, h.ended_at is null as is_open from threads h where ${about(scope, id)}
  union all select k.thread_id, k.state in ('asked', 'ready') from held_messages k where ${kept(scope, id)}
  union all select k.thread_id, false from message_asks k where ${kept(scope, id)}`

export const countAbout = (t: Tx, scope: Scope, id: string) => t.one<Plan>`
  with theirs as materialized (select x.id, bool_or(x.is_open) as is_open from (${keptThreads(scope, id)}) x group by x.id)
  select (select count(*)::integer from theirs) as threads, (select count(*)::integer from theirs where is_open) as open_threads,
    (select count(*)::integer from messages m where m.tenant_id = ${scope.tenantId}::uuid and m.payload_state = 'present' and m.thread_id in (select id from theirs))
      + (select count(*)::integer from held_messages k where k.tenant_id = ${scope.tenantId}::uuid and k.payload is not null and k.thread_id in (select id from theirs)) as messages,
    (select count(distinct a.task_id)::integer from message_asks a where a.tenant_id = ${scope.tenantId}::uuid and a.thread_id in (select id from theirs)) as tasks,
    (select count(*)::integer from deliveries d where d.tenant_id = ${scope.tenantId}::uuid and d.side is not null and d.resource_id in (select id from theirs)) as deliveries,
    (select count(*)::integer from exports e where e.tenant_id = ${scope.tenantId}::uuid and e.state = 'ready' and (e.subject = 'tenant' or e.subject_id = ${id}::text or e.subject_id in (select id from theirs))) as exports`

/** Something of it is held. */
export const holdsOf = (t: Tx, scope: Scope, id: string) => t.one<{ held: boolean }>`
  select exists (select from holds k where k.tenant_id = ${scope.tenantId}::uuid and k.subject_id = ${id}::text)
    or exists (select from threads h join holds k on k.tenant_id = h.tenant_id and k.subject_id in (h.id, h.relay_grant_id, h.card_id) where ${about(scope, id)}) as held`

export const insertErasure = (
  t: Tx,
  scope: Scope,
  one: Pick<ErasureRow, 'id' | 'subject' | 'subject_id' | 'plan'>,
) => t.maybe<ErasureRow>`
  insert into erasures (id, tenant_id, subject, subject_id, plan, planned_by, created_at)
  values (${one.id}::text, ${scope.tenantId}::uuid, ${one.subject}::text, ${one.subject_id}::text, ${JSON.stringify(one.plan)}::jsonb, ${scope.principal}::text,
    ${t.now}::timestamptz)
  on conflict (tenant_id, subject_id) where state in ('planned', 'running') do nothing
  returning ${ERASURE}`

export const replanIfPlanned = (t: Tx, scope: Scope, subjectId: string, plan: Plan) => t.maybe<ErasureRow>`
  update erasures set plan = ${JSON.stringify(plan)}::jsonb
  where tenant_id = ${scope.tenantId}::uuid and subject_id = ${subjectId}::text and state = 'planned' returning ${ERASURE}`

export const findErasure = (t: Tx, scope: Scope, id: string) => t.maybe<ErasureRow>`
  select ${ERASURE} from erasures where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

export const listErasures = (t: Tx, scope: Scope, before: string | null, limit: number) => t.rows<ErasureRow>`
  select ${ERASURE} from erasures where tenant_id = ${scope.tenantId}::uuid ${before === null ? sql`` : sql`and id < ${before}::text`}
  order by id desc limit ${limit}::integer`

export const confirmIfPlanned = (t: Tx, scope: Scope, id: string) => t.maybe<ErasureRow>`
  update erasures set state = 'running', confirmed_by = ${scope.principal}::text, confirmed_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and state = 'planned' returning ${ERASURE}`

export const cancelIfPlanned = (t: Tx, scope: Scope, id: string) => t.maybe<ErasureRow>`
  update erasures set state = 'cancelled', finished_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and state = 'planned' returning ${ERASURE}`

/** So far, in the transaction of each thread. */
export const putCounts = (t: Tx, scope: Scope, id: string, counts: Counts) => t.run`
  update erasures set counts = ${JSON.stringify(counts)}::jsonb where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and state = 'running'`

export const finishIfRunning = (t: Tx, scope: Scope, id: string, counts: Counts, eventId: string) => t.maybe<ErasureRow>`
  update erasures set state = 'done', counts = ${JSON.stringify(counts)}::jsonb, event_id = ${eventId}::text, finished_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and state = 'running' returning ${ERASURE}`

/** In their order, with contents or deliveries or questions that may still tell something. */
export const threadsAbout = (t: Tx, scope: Scope, id: string, after: string, limit: number) => t.rows<{ id: string }>`
  select h.id from threads h where ${about(scope, id)} and h.id > ${after}::text order by h.id limit ${limit}::integer`

/** The same with those that lie elsewhere, of which something is kept here. */
export const keptAbout = (t: Tx, scope: Scope, id: string, after: string, limit: number) => t.rows<{ id: string }>`
  select distinct x.id from (${keptThreads(scope, id)}) x where x.id > ${after}::text order by x.id limit ${limit}::integer`

/** Everything that a thread said, in messages and in what is to be sent of it. Answers how many messages. */
export const eraseThread = (t: Tx, threadId: string) => t.one<{ messages: number }>`
  select countersign.erase_thread(${threadId}::text) as messages`

/** For the ledger: the thread lies under no key of its own, so its line names the thread. */
export const noteErasure = (t: Tx, scope: Scope, threadId: string) => t.run`
  insert into key_erasures (tenant_id, subject, erased_by) values (${scope.tenantId}::uuid, ${`erased_thread:${threadId}`}::text, ${scope.principal}::text)`

export const tasksAbout = (t: Tx, scope: Scope, threadId: string) => t.rows<{ task_id: string }>`
  select distinct task_id from message_asks
  where tenant_id = ${scope.tenantId}::uuid and thread_id = ${threadId}::text and (what <> 'reply_in' or state <> 'open') order by task_id`

export const countDeliveries = (t: Tx, scope: Scope, threadId: string) => t.one<{ n: number }>`
  select count(*)::integer as n from deliveries where tenant_id = ${scope.tenantId}::uuid and side is not null and resource_id = ${threadId}::text`

/** What is named with its relay grant and card, whose exports hold it too. */
export const namesOf = (t: Tx, scope: Scope, id: string) => t.rows<{ id: string }>`
  with theirs as materialized (select h.id, h.relay_grant_id, h.card_id from threads h where ${about(scope, id)})
  select id from theirs union select relay_grant_id from theirs union select card_id from theirs union select ${id}::text
  union select k.relay_grant_id from held_messages k where ${kept(scope, id)} union select k.relay_grant_id from message_asks k where ${kept(scope, id)}
  union select k.thread_id from held_messages k where ${kept(scope, id)} union select k.thread_id from message_asks k where ${kept(scope, id)}`

/** 0: they are gone. Else so many are still being written. */
export const dropExports = (t: Tx, ids: readonly string[]) => t.one<{ running: number }>`
  select countersign_engine.drop_exports(${ids}::text[]) as running`
