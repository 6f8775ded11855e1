// The statements over notices. A transition is one conditional update; zero rows is an answer.
import type { Scope, Tx } from '../../db/tx.ts'
import type { NoticeChannel } from './grammar.ts'

export type Purpose = 'asked' | 'reminder' | 'escalated' | 'returned' | 'revised' | 'digest'
export type NoticeState = 'queued' | 'sent' | 'failed' | 'rewritten' | 'expired'
export type Reason = { at: string; reason: string }

export type NoticeRow = {
  id: string
  task_id: string
  revision: number
  purpose: Purpose
  channel: NoticeChannel
  identity: string | null
  target: string
  user_id: string | null
  email: string | null
  display_name: string | null
  slack_user_id: string | null
  party: string | null
  state: NoticeState
  ref: Record<string, unknown> | null
  attempts: number
  reasons: Reason[]
  busy_until: Date | null
  shows_version: number | null
  digest_id: string | null
  instead_of: string | null
  created_at: Date
  due_at: Date
  sent_at: Date | null
  failed_at: Date | null
  rewritten_at: Date | null
}

export type NewNotice = Pick<
  NoticeRow,
  | 'id'
  | 'task_id'
  | 'revision'
  | 'purpose'
  | 'channel'
  | 'identity'
  | 'target'
  | 'user_id'
  | 'email'
  | 'display_name'
  | 'slack_user_id'
  | 'party'
  | 'digest_id'
  | 'instead_of'
  | 'due_at'
>

// Of two that begin a digest for one person at once the second waits, inserts nothing and finds the other's. Sorted by party, so that they wait in one order.
export const insertNotices = (t: Tx, scope: Scope, notices: readonly NewNotice[]) => t.rows<{ id: string }>`
  insert into notices (id, tenant_id, task_id, revision, purpose, channel, identity, target, user_id, email, display_name, slack_user_id, party,
    digest_id, instead_of, created_at, due_at)
  select id, ${scope.tenantId}::uuid, task_id, revision, purpose, channel, identity, target, user_id, email, display_name, slack_user_id, party,
    digest_id, instead_of, ${t.now}::timestamptz, due_at
  from json_to_recordset(${JSON.stringify(notices)}::json) as g (id text, task_id text, revision integer, purpose text, channel text,
    identity text, target text, user_id text, email text, display_name text, slack_user_id text, party text, digest_id text, instead_of text,
    due_at timestamptz)
  order by party, id
  on conflict (tenant_id, party, channel, target) where purpose = 'digest' and state = 'queued' do nothing
  returning id`

export const findOpenDigest = (t: Tx, scope: Scope, of: Pick<NoticeRow, 'party' | 'channel' | 'target'>) => t.maybe<{
  id: string
}>`
  select id from notices
  where tenant_id = ${scope.tenantId}::uuid and party = ${of.party}::text and channel = ${of.channel}::text and target = ${of.target}::text
    and purpose = 'digest' and state = 'queued'`

/** How many each of them was sent, or is about to be, since then. */
export const countNotices = (t: Tx, scope: Scope, parties: readonly string[], since: Date) => t.rows<{
  party: string
  count: number
}>`
  select party, count(*)::integer as count from notices
  where tenant_id = ${scope.tenantId}::uuid and party = any(${parties}::text[]) and created_at > ${since}::timestamptz
    and purpose <> 'digest' and digest_id is null
  group by party`

/** To the same place about the same task, and written before: what still waits, and what is on its way at this moment. */
export const findOlder = (t: Tx, scope: Scope, one: NoticeRow) => t.rows<{ id: string; busy_until: Date | null }>`
  select id, busy_until from notices
  where tenant_id = ${scope.tenantId}::uuid and task_id = ${one.task_id}::text and channel = ${one.channel}::text and target = ${one.target}::text
    and identity is not distinct from ${one.identity}::text and id < ${one.id}::text and created_at < ${one.created_at}::timestamptz
    and state = 'queued' and purpose <> 'digest' and digest_id is null`

/** From now on whatever changes these tasks looks for their notices. */
export const markNoticed = (t: Tx, scope: Scope, taskIds: readonly string[]) => t.run`
  update tasks set noticed_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = any(${taskIds}::text[]) and noticed_at is null`

export const findNotice = (t: Tx, scope: Scope, id: string) => t.maybe<NoticeRow>`
  select * from notices where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

export const findNotices = (t: Tx, scope: Scope, taskId: string) => t.rows<NoticeRow>`
  select * from notices where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text order by created_at, id`

/** What people have before them and what must say how things stand now. */
export const findShown = (t: Tx, scope: Scope, taskIds: readonly string[]) => t.rows<{ id: string }>`
  select id from notices
  where tenant_id = ${scope.tenantId}::uuid and task_id = any(${taskIds}::text[]) and state in ('sent', 'rewritten') and digest_id is null`

/** The places of one channel where people have this task before them. */
export const findPlaces = (t: Tx, scope: Scope, taskId: string, channel: string) => t.rows<{ target: string }>`
  select distinct target from notices
  where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text and channel = ${channel}::text and digest_id is null
    and state in ('sent', 'rewritten') order by target`

// One at a time sends or rewrites a notice: a second job of the same one finds it busy and comes back.
export const takeIfQueued = (t: Tx, scope: Scope, id: string, until: Date) => t.maybe<NoticeRow>`
  update notices set attempts = attempts + 1, busy_until = ${until}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and state = 'queued' and digest_id is null
    and (busy_until is null or busy_until <= ${t.now}::timestamptz)
  returning *`

/** Overtaken: the later one says all that they would have said. Not what somebody sends at this moment. */
export const expireIfIdle = (t: Tx, scope: Scope, ids: readonly string[]) => t.run`
  update notices set state = 'expired', busy_until = null
  where tenant_id = ${scope.tenantId}::uuid and id = any(${ids}::text[]) and state = 'queued'
    and (busy_until is null or busy_until <= ${t.now}::timestamptz)`

/** It was not tried. */
export const untake = (t: Tx, scope: Scope, id: string) => t.run`
  update notices set attempts = attempts - 1, busy_until = null where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

export const takeIfShown = (t: Tx, scope: Scope, id: string, until: Date) => t.maybe<NoticeRow>`
  update notices set busy_until = ${until}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and state in ('sent', 'rewritten')
    and (busy_until is null or busy_until <= ${t.now}::timestamptz)
  returning *`

export const giveBack = (t: Tx, scope: Scope, id: string) => t.run`
  update notices set busy_until = null where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

// Shared: whoever changes the task meanwhile waits for this transaction, and then finds the notice as sent; whoever has changed it is waited for and its version
// read. Between the two no change is missed.
export const lockVersion = (t: Tx, scope: Scope, taskId: string) => t.maybe<{ version: number }>`
  select version from tasks where tenant_id = ${scope.tenantId}::uuid and id = ${taskId}::text for share`

export const markSent = (t: Tx, scope: Scope, id: string, sent: { ref: Record<string, unknown>; version: number }) => t.run`
  update notices set state = 'sent', ref = ${JSON.stringify(sent.ref)}::json, shows_version = ${sent.version}::integer, busy_until = null,
    sent_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and state = 'queued'`

export const markDigested = (t: Tx, scope: Scope, digestId: string, state: 'sent' | 'failed') => t.run`
  update notices set state = ${state}::text, sent_at = ${state === 'sent' ? t.now : null}::timestamptz,
    failed_at = ${state === 'failed' ? t.now : null}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and digest_id = ${digestId}::text and state = 'queued'`

export const markRewritten = (t: Tx, scope: Scope, id: string, version: number) => t.run`
  update notices set state = 'rewritten', rewritten_at = ${t.now}::timestamptz, shows_version = ${version}::integer, busy_until = null
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and state in ('sent', 'rewritten')`

export const markExpired = (t: Tx, scope: Scope, id: string) => t.run`
  update notices set state = 'expired', busy_until = null
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and state = 'queued'`

const withReason = (t: Tx, reason: string): string => JSON.stringify([{ at: t.now.toISOString(), reason }])

/** It failed and comes again. */
export const noteFault = (t: Tx, scope: Scope, id: string, reason: string) => t.run`
  update notices set reasons = reasons || ${withReason(t, reason)}::jsonb, busy_until = null
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

export const markFailed = (t: Tx, scope: Scope, id: string, reason: string) => t.run`
  update notices set state = 'failed', failed_at = ${t.now}::timestamptz, reasons = reasons || ${withReason(t, reason)}::jsonb, busy_until = null
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and state in ('queued', 'sent', 'rewritten')`

/** Whether anybody was told of the task, or still will be. */
export const findLive = (t: Tx, scope: Scope, taskId: string) => t.maybe<{ id: string }>`
  select id from notices
  where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text and state in ('queued', 'sent', 'rewritten') limit 1`

export const findInstead = (t: Tx, scope: Scope, id: string) => t.maybe<{ id: string }>`
  select id from notices where tenant_id = ${scope.tenantId}::uuid and instead_of = ${id}::text limit 1`

export const findDigested = (t: Tx, scope: Scope, digestId: string) => t.rows<{ task_id: string; task: string; redact: string }>`
  select distinct n.task_id, tasks.task, tasks.redact from notices n
  join tasks on tasks.tenant_id = n.tenant_id and tasks.id = n.task_id
  where n.tenant_id = ${scope.tenantId}::uuid and n.digest_id = ${digestId}::text and tasks.status in ('open', 'returned')
  order by n.task_id limit 200`

export const markNotifiedIfNot = (t: Tx, scope: Scope, taskIds: readonly string[]) => t.run`
  update tasks set first_notified_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = any(${taskIds}::text[]) and first_notified_at is null`

export type Trouble = { channel: NoticeChannel; failed: number; last_failed_at: Date; last_reason: string | null }

/** Channels whose notices failed lately, for the banner. */
export const findTroubles = (t: Tx, scope: Scope, since: Date) => t.rows<Trouble>`
  select channel, count(*)::integer as failed, max(failed_at) as last_failed_at,
    (array_agg(reasons -> -1 ->> 'reason' order by failed_at desc))[1] as last_reason
  from notices
  where tenant_id = ${scope.tenantId}::uuid and failed_at is not null and failed_at > ${since}::timestamptz
  group by channel order by channel`

export type ChannelNews = {
  channel: NoticeChannel
  failed: number
  last_sent_at: Date | null
  last_failed_at: Date | null
  last_reason: string | null
}

/** Of each of these: what failed since then, and when it got through and when it failed last, whenever that was. */
export const findNews = (t: Tx, scope: Scope, channels: readonly string[], since: Date) => t.rows<ChannelNews>`
  select c.channel, f.failed, s.last_sent_at, l.failed_at as last_failed_at, l.reason as last_reason
  from unnest(${channels}::text[]) with ordinality c (channel, nth)
  cross join lateral (select count(*)::integer as failed from notices n
    where n.tenant_id = ${scope.tenantId}::uuid and n.channel = c.channel and n.failed_at is not null and n.failed_at > ${since}::timestamptz) f
  cross join lateral (select max(n.sent_at) as last_sent_at from notices n
    where n.tenant_id = ${scope.tenantId}::uuid and n.channel = c.channel and n.sent_at is not null) s
  left join lateral (select n.failed_at, n.reasons -> -1 ->> 'reason' as reason from notices n
    where n.tenant_id = ${scope.tenantId}::uuid and n.channel = c.channel and n.failed_at is not null
    order by n.failed_at desc limit 1) l on true
  order by c.nth`
