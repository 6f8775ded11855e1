// The statements over agents that answer elsewhere: their cards, and what stands there behind a context and a thread of ours.
import { type Sql, sql } from '../../../db/sql.ts'
import type { Scope, Tx } from '../../../db/tx.ts'
import { type ActiveRow, activeColumns } from '../../../identity/policies/sql.ts'
import { answeredColumns, askedOf } from '../../asks/sql.ts'
import type { AskedRow } from '../../threads/respond.ts'
import { CARD, type CardRow, type GrantRow, MESSAGE, PEER, peerAs, THREAD, THREADS, type ThreadRow } from '../../threads/sql.ts'
import { type SentRow, type Stage, takenMessage } from '../sql.ts'

export type UpstreamRow = {
  card_id: string
  card_url: string
  connection_id: string | null
  origin: string
  /** As it was read from the wire. */
  card: Record<string, unknown>
  signers: string[]
  answers_directly: boolean
  checked_at: Date
}

export const findUpstream = (t: Tx, scope: Scope, cardId: string) => t.maybe<UpstreamRow>`
  select card_id, card_url, connection_id, origin, card, signers, answers_directly, checked_at from card_upstreams
  where tenant_id = ${scope.tenantId}::uuid and card_id = ${cardId}::text`

/** With the card that it stands behind. */
export type CardBehind = CardRow & UpstreamRow

/** A thread that is held, with its relay grant and its card, and one message of it that is on its way; null where none is. */
export type Standing = { thread: ThreadRow; grant: GrantRow; card: CardRow; message: SentRow | null }
/** With what stands behind the card. */
export async function findStanding(
  t: Tx,
  scope: Scope,
  at: StandingAt,
): Promise<(Omit<Standing, 'card'> & { card: CardBehind | null }) | null> {
  const row = await t.maybe<Record<string, unknown>>`
    select ${standing(t)}, ${under('u', UPSTREAM)} from ${STANDS} left join card_upstreams u on u.tenant_id = c.tenant_id and u.card_id = c.id ${ofStanding(scope, at)}`
  if (!row) return null
  const found = standingIn(row)
  return { ...found, card: row['u card_id'] === null ? null : { ...found.card, ...rowUnder<UpstreamRow>('u', row) } }
}

/** With what stands in the way of an answer and what whoever judges it knows. `agentId`: as whom it answers. */
export type AnsweredStanding = Standing & { asked: AskedRow & { is_asked: boolean } }
export async function findAnsweredStanding(
  t: Tx,
  scope: Scope,
  at: StandingAt,
  agentId: string | null,
): Promise<AnsweredStanding | null> {
  const row = await t.maybe<Record<string, unknown>>`
    select ${standing(t)}, ${under('p', PEER)}, ${answeredColumns(t, scope, at.threadId, sql`h.relay_grant_id`)}, ${askedOf(scope, [at.threadId])} as is_asked, ${activeColumns(scope, agentId === null ? [] : [agentId])}
    from ${STANDS} cross join lateral ${peerAs(sql`h.relay_grant_id`, 'caller')} ${ofStanding(scope, at)}`
  if (!row) return null
  const { has_held, is_asked, messages, version, agents } = row as unknown as AskedRow & ActiveRow & { is_asked: boolean }
  return {
    ...standingIn(row),
    asked: { ...rowUnder<AskedRow>('p', row), has_held, is_asked, messages, active: { version, agents } },
  }
}

export type StandingAt = { threadId: string; messageId: string }

const SENDING: Sql = sql`s.mode, s.runs_until, s.stage, s.tries, s.looks`
const UPSTREAM: Sql = sql`u.card_id, u.card_url, u.connection_id, u.origin, u.card, u.signers, u.answers_directly, u.checked_at`
const GRANT: Sql = sql`g.id, g.card_id, g.asker_tenant, g.asker_agent, g.label, g.skills, g.scopes, g.limits, g.state, g.sandbox, g.created_at`
const standing = (t: Tx): Sql => sql`${under('h', THREAD)}, ${under('g', GRANT)},
  coalesce(g.expires_at <= ${t.now}::timestamptz, false) as "g is_over", n.state as "g tenant_state",
  g.asker_tenant is not null and exists (select from blocks b where b.tenant_id = g.tenant_id)
    and countersign_engine.is_blocked_by(g.tenant_id, g.asker_tenant, g.asker_agent) as "g is_blocked", ${under('c', CARD)},
  ${under('m', MESSAGE)}, ${under('s', SENDING)}`
const STANDS: Sql = sql`${THREADS}
  join card_versions v on v.tenant_id = c.tenant_id and v.card_id = c.id and v.number = c.version
  join tenants n on n.id = h.tenant_id`
const ofStanding = (scope: Scope, at: StandingAt): Sql => sql`
  left join (message_sendings s join messages m on m.tenant_id = s.tenant_id and m.id = s.message_id)
    on s.tenant_id = h.tenant_id and s.message_id = ${at.messageId}::text and s.thread_id = h.id
  where h.tenant_id = ${scope.tenantId}::uuid and h.id = ${at.threadId}::text`

const standingIn = (row: Record<string, unknown>): Standing => ({
  thread: rowUnder('h', row),
  grant: rowUnder('g', row),
  card: rowUnder('c', row),
  message: row['m id'] === null ? null : { ...rowUnder<SentRow>('m', row), ...rowUnder<SentRow>('s', row) },
})

/** Columns of one of several rows that are read as one: each by its own name after its row's. None has a comma in it. */
function under(name: string, columns: Sql): Sql {
  const named = columns.text.split(',').map((column) => {
    const [said = '', own = said.split('.').at(-1)] = column.trim().split(' as ')
    return `${said} as "${name} ${own}"`
  })
  return sql([named.join(', ')])
}

function rowUnder<T>(name: string, row: Record<string, unknown>): T {
  const found: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(row)) if (key.startsWith(`${name} `)) found[key.slice(name.length + 1)] = value
  return found as T
}

export type NewUpstream = Pick<UpstreamRow, 'card_id' | 'card_url' | 'connection_id' | 'origin' | 'card' | 'signers'>

export const putUpstream = (t: Tx, scope: Scope, one: NewUpstream) => t.run`
  insert into card_upstreams as u (card_id, tenant_id, card_url, connection_id, origin, card, signers, checked_at, created_at)
  values (${one.card_id}::text, ${scope.tenantId}::uuid, ${one.card_url}::text, ${one.connection_id}::text, ${one.origin}::text,
    ${JSON.stringify(one.card)}::json, ${one.signers}::text[], ${t.now}::timestamptz, ${t.now}::timestamptz)
  on conflict (tenant_id, card_id) do update set card_url = excluded.card_url, connection_id = excluded.connection_id, origin = excluded.origin,
    card = excluded.card, signers = excluded.signers, checked_at = excluded.checked_at,
    answers_directly = u.answers_directly and u.card_url = excluded.card_url`

export const forgetUpstream = (t: Tx, scope: Scope, cardId: string) => t.run`
  delete from card_upstreams where tenant_id = ${scope.tenantId}::uuid and card_id = ${cardId}::text`

export const markDirect = (t: Tx, scope: Scope, cardId: string) => t.run`
  update card_upstreams set answers_directly = true where tenant_id = ${scope.tenantId}::uuid and card_id = ${cardId}::text and not answers_directly`

/** Who signed it beside a key that is known is known from then on: so keys are exchanged. */
export const checkedAgain = (
  t: Tx,
  scope: Scope,
  cardId: string,
  card: Record<string, unknown>,
  signers: readonly string[],
) => t.run`
  update card_upstreams set card = ${JSON.stringify(card)}::json, checked_at = ${t.now}::timestamptz,
    signers = case when ${signers}::text[] = '{}' then signers else ${signers}::text[] end
  where tenant_id = ${scope.tenantId}::uuid and card_id = ${cardId}::text`

export type CardVerification = 'ignore' | 'prefer' | 'require'
export const findVerification = (t: Tx, scope: Scope) => t.one<{ mode: CardVerification }>`
  select card_verification as mode from tenants where id = ${scope.tenantId}::uuid`

/** Zero rows: it is paused already. */
export const pauseCardIfActive = (t: Tx, scope: Scope, cardId: string, reason: string) => t.run`
  update cards set state = 'paused', state_since = ${t.now}::timestamptz, paused_reason = ${reason}::text, updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${cardId}::text and state = 'active'`

type ContextPlace = { cardId: string; grantId: string; contextId: string }

const putContext = (t: Tx, scope: Scope, at: ContextPlace, theirs: string, counts: Sql): Sql => sql`
  insert into upstream_contexts (card_id, tenant_id, relay_grant_id, context_id, upstream_context_id, created_at)
  values (${at.cardId}::text, ${scope.tenantId}::uuid, ${at.grantId}::text, ${at.contextId}::text, ${theirs}::text, ${t.now}::timestamptz)
  on conflict (tenant_id, card_id, relay_grant_id, context_id) do update set upstream_context_id = ${counts}
  returning upstream_context_id as id`
const THERE: Sql = sql`upstream_contexts.upstream_context_id`

/** The context of theirs that stands behind one of ours; the one that is there counts. */
export const contextBehind = (t: Tx, scope: Scope, at: ContextPlace, made: string) => t.one<{ id: string }>`
  ${putContext(t, scope, at, made, THERE)}`

/** Theirs, as they say it. */
export const renameContext = (t: Tx, scope: Scope, at: ContextPlace, theirs: string) => t.run`
  ${putContext(t, scope, at, theirs, sql`excluded.upstream_context_id`)}`

/** Under its thread's lock, at once: the message is taken, its sending has come to the call, and the context of theirs is named. */
export const beginCall = (
  t: Tx,
  scope: Scope,
  messageId: string,
  at: ContextPlace & { made: string },
  to: { hash: Buffer; until: Date; tries: number; runsUntil: Date | null },
) => t.one<{ id: string }>`
  with context as (${putContext(t, scope, at, at.made, THERE)}),
  taken as (${takenMessage(scope, messageId, 'a2a', to.hash, to.until)}),
  moved as (
    update message_sendings set stage = 'calling', tries = ${to.tries}::integer, looks = 0, runs_until = ${to.runsUntil}::timestamptz
    where tenant_id = ${scope.tenantId}::uuid and message_id = ${messageId}::text)
  select id from context`

/** Digests of what was told of a task. */
export type Seen = { status?: string; artifacts?: Record<string, { parts: number; digest: string }> }
export type TaskBehind = {
  upstream_task_id: string
  seen: Seen
  is_over: boolean
  followed_by: string
  polls: number
}

export const taskBehind = (t: Tx, scope: Scope, threadId: string) => t.maybe<TaskBehind>`
  select upstream_task_id, seen, is_over, followed_by, polls from upstream_tasks
  where tenant_id = ${scope.tenantId}::uuid and thread_id = ${threadId}::text`

export const putTaskBehind = (
  t: Tx,
  scope: Scope,
  thread: { id: string; relay_grant_id: string },
  one: { taskId: string; followedBy: string },
) => t.one<TaskBehind>`
  insert into upstream_tasks as k (thread_id, tenant_id, relay_grant_id, upstream_task_id, followed_by, created_at)
  values (${thread.id}::text, ${scope.tenantId}::uuid, ${thread.relay_grant_id}::text, ${one.taskId}::text, ${one.followedBy}::text, ${t.now}::timestamptz)
  on conflict (tenant_id, thread_id) do update set followed_by = excluded.followed_by, polls = 0, is_over = false,
    seen = case when k.upstream_task_id = excluded.upstream_task_id then k.seen else '{}' end, upstream_task_id = excluded.upstream_task_id
  returning upstream_task_id, seen, is_over, followed_by, polls`

export const noteSeen = (t: Tx, scope: Scope, threadId: string, seen: Seen, isOver: boolean) => t.run`
  update upstream_tasks set seen = ${JSON.stringify(seen)}::jsonb, is_over = ${isOver}::boolean
  where tenant_id = ${scope.tenantId}::uuid and thread_id = ${threadId}::text`

export const notePolls = (t: Tx, scope: Scope, threadId: string, polls: number) => t.run`
  update upstream_tasks set polls = ${polls}::integer where tenant_id = ${scope.tenantId}::uuid and thread_id = ${threadId}::text`

export const takeOver = (t: Tx, scope: Scope, threadId: string, messageId: string) => t.run`
  update upstream_tasks set followed_by = ${messageId}::text, polls = 0 where tenant_id = ${scope.tenantId}::uuid and thread_id = ${threadId}::text`

/** Those of these threads whose tasks upstream are not over. */
export const openUpstream = async (t: Tx, scope: Scope, threadIds: readonly string[]): Promise<{ thread_id: string }[]> =>
  threadIds.length === 0
    ? []
    : t.rows`
  select thread_id from upstream_tasks
  where tenant_id = ${scope.tenantId}::uuid and thread_id = any (${threadIds}::text[]) and not is_over order by thread_id`

/** `runsUntil`: whose it is from now on; left out: as before. */
export type ToStage = { stage: Stage; tries?: number; looks?: number; runsUntil?: Date | null }
export const moveStage = (t: Tx, scope: Scope, messageId: string, to: ToStage) => t.run`${movedStage(scope, messageId, to)}`
/** The same as a part of the statement that records what follows. */
export const withStage = (scope: Scope, messageId: string, to: ToStage): Sql =>
  sql`moved as (${movedStage(scope, messageId, to)})`
const movedStage = (scope: Scope, messageId: string, to: ToStage): Sql => sql`
  update message_sendings set stage = ${to.stage}::text, tries = coalesce(${to.tries ?? null}::integer, tries),
    looks = coalesce(${to.looks ?? null}::integer, looks),
    runs_until = case when ${to.runsUntil !== undefined}::boolean then ${to.runsUntil ?? null}::timestamptz else runs_until end
  where tenant_id = ${scope.tenantId}::uuid and message_id = ${messageId}::text`

/** How long a process keeps a call without a word. */
export const RUNS_MS = 30_000

export const runOn = (t: Tx, scope: Scope, messageId: string, until: Date) => t.run`
  update message_sendings set runs_until = ${until}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and message_id = ${messageId}::text and runs_until is not null and stage in ('calling', 'following')`

/** Zero rows: it is over, or the job has it already. */
export const giveToJob = (t: Tx, scope: Scope, messageId: string) => t.run`
  update message_sendings set runs_until = null
  where tenant_id = ${scope.tenantId}::uuid and message_id = ${messageId}::text and runs_until is not null and stage <> 'done'`
