// Every statement of Slack, one function each.
import { sql } from '../../../db/sql.ts'
import type { Scope, Tx } from '../../../db/tx.ts'

export type AppRow = {
  id: string
  app_id: string | null
  client_id: string | null
  client_secret: Buffer | null
  signing_secret: Buffer
  updated_at: Date
}

export const findApp = (t: Tx, scope: Scope) => t.maybe<AppRow>`
  select id, app_id, client_id, client_secret, signing_secret, updated_at from slack_apps where tenant_id = ${scope.tenantId}::uuid`

export type NewApp = Omit<AppRow, 'updated_at'>

export const putApp = (t: Tx, scope: Scope, app: NewApp) => t.one<AppRow>`
  insert into slack_apps (id, tenant_id, app_id, client_id, client_secret, signing_secret, created_by, created_at, updated_at)
  values (${app.id}::text, ${scope.tenantId}::uuid, ${app.app_id}::text, ${app.client_id}::text, ${app.client_secret}::bytea,
    ${app.signing_secret}::bytea, ${scope.principal}::text, ${t.now}::timestamptz, ${t.now}::timestamptz)
  on conflict (tenant_id) do update set app_id = excluded.app_id, client_id = excluded.client_id, client_secret = excluded.client_secret,
    signing_secret = excluded.signing_secret, updated_at = excluded.updated_at
  returning id, app_id, client_id, client_secret, signing_secret, updated_at`

export const nameAppIfUnknown = (t: Tx, scope: Scope, appId: string) => t.run`
  update slack_apps set app_id = ${appId}::text where tenant_id = ${scope.tenantId}::uuid and app_id is null`

/** Across tenants: who could have signed for this app in this workspace. */
export const findCandidates = (appId: string | null, teamId: string | null) => sql`
  select tenant_id from countersign_engine.slack_candidates(${appId}::text, ${teamId}::text)`

export type InstallationRow = {
  id: string
  team_id: string
  team_name: string
  bot_user_id: string
  bot_token: Buffer
  scopes: string[]
  via: 'oauth' | 'token'
  state: 'active' | 'revoked'
  state_reason: string | null
  state_since: Date
  limited_until: Date | null
  members_at: Date | null
  channels_at: Date | null
  installed_by: string
  created_at: Date
  updated_at: Date
}

const installation = sql`
  id, team_id, team_name, bot_user_id, bot_token, scopes, via, state, state_reason, state_since, limited_until, members_at, channels_at,
  installed_by, created_at, updated_at`

export const findInstallations = (t: Tx, scope: Scope) => t.rows<InstallationRow>`
  select ${installation} from slack_installations where tenant_id = ${scope.tenantId}::uuid order by created_at, id`

export const findInstallation = (t: Tx, scope: Scope, teamId: string) => t.maybe<InstallationRow>`
  select ${installation} from slack_installations where tenant_id = ${scope.tenantId}::uuid and team_id = ${teamId}::text`

export const hasInstallation = (t: Tx, scope: Scope) => t.maybe<{ one: number }>`
  select 1 as one from slack_installations where tenant_id = ${scope.tenantId}::uuid and state = 'active' limit 1`

export type NewInstallation = Pick<
  InstallationRow,
  'id' | 'team_id' | 'team_name' | 'bot_user_id' | 'bot_token' | 'scopes' | 'via'
>

/** A workspace that is there already keeps its id: its messages and its people belong to it. */
export const putInstallation = (t: Tx, scope: Scope, one: NewInstallation) => t.one<InstallationRow>`
  insert into slack_installations (id, tenant_id, team_id, team_name, bot_user_id, bot_token, scopes, via, state, state_since, installed_by,
    created_at, updated_at)
  values (${one.id}::text, ${scope.tenantId}::uuid, ${one.team_id}::text, ${one.team_name}::text, ${one.bot_user_id}::text,
    ${one.bot_token}::bytea, ${one.scopes}::text[], ${one.via}::text, 'active', ${t.now}::timestamptz, ${scope.principal}::text,
    ${t.now}::timestamptz, ${t.now}::timestamptz)
  on conflict (tenant_id, team_id) do update set team_name = excluded.team_name, bot_user_id = excluded.bot_user_id,
    bot_token = excluded.bot_token, scopes = excluded.scopes, via = excluded.via, state = 'active', state_reason = null,
    state_since = excluded.state_since, limited_until = null, members_at = null, channels_at = null, installed_by = excluded.installed_by,
    updated_at = excluded.updated_at
  returning ${installation}`

// Of many calls that learn it at once one tells: the others find it revoked already.
export const revokeIfActive = (t: Tx, scope: Scope, teamId: string, reason: string) => t.maybe<InstallationRow>`
  update slack_installations set state = 'revoked', state_reason = ${reason}::text, state_since = ${t.now}::timestamptz, updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and team_id = ${teamId}::text and state = 'active'
  returning ${installation}`

export const pauseInstallation = (t: Tx, scope: Scope, teamId: string, until: Date) => t.run`
  update slack_installations set limited_until = greatest(limited_until, ${until}::timestamptz)
  where tenant_id = ${scope.tenantId}::uuid and team_id = ${teamId}::text`

/* Names */

export type NameRow = { slack_id: string; handle: string; display_name: string }
export type NameKind = 'member' | 'channel'

export const findNames = (t: Tx, scope: Scope, teamId: string, kind: NameKind, handle: string) => t.rows<NameRow>`
  select slack_id, handle, display_name from slack_names
  where tenant_id = ${scope.tenantId}::uuid and team_id = ${teamId}::text and kind = ${kind}::text and handle = ${handle}::text`

export const putNames = (t: Tx, scope: Scope, teamId: string, kind: NameKind, names: readonly NameRow[]) => t.run`
  insert into slack_names (slack_id, tenant_id, team_id, kind, handle, display_name)
  select slack_id, ${scope.tenantId}::uuid, ${teamId}::text, ${kind}::text, handle, display_name
  from json_to_recordset(${JSON.stringify(names)}::json) as n (slack_id text, handle text, display_name text)
  order by slack_id
  on conflict (tenant_id, team_id, kind, slack_id) do update set handle = excluded.handle, display_name = excluded.display_name`

export const deleteNamesBut = (t: Tx, scope: Scope, teamId: string, kind: NameKind, ids: readonly string[]) => t.run`
  delete from slack_names where tenant_id = ${scope.tenantId}::uuid and team_id = ${teamId}::text and kind = ${kind}::text
    and slack_id <> all(${ids}::text[])`

export const markListed = (t: Tx, scope: Scope, teamId: string, kind: NameKind) => t.run`
  update slack_installations set
    members_at = case when ${kind}::text = 'member' then ${t.now}::timestamptz else members_at end,
    channels_at = case when ${kind}::text = 'channel' then ${t.now}::timestamptz else channels_at end
  where tenant_id = ${scope.tenantId}::uuid and team_id = ${teamId}::text`

export type MemberRow = NameRow & { user_id: string | null; how: 'mail' | 'sign_in' | null; user_name: string | null }

export const findMembers = (
  t: Tx,
  scope: Scope,
  teamId: string,
  page: { after: string | null; limit: number },
) => t.rows<MemberRow>`
  select n.slack_id, n.handle, n.display_name, p.user_id, p.how, u.display_name as user_name
  from slack_names n
  left join slack_people p on p.tenant_id = n.tenant_id and p.team_id = n.team_id and p.slack_user_id = n.slack_id
  left join users u on u.id = p.user_id
  where n.tenant_id = ${scope.tenantId}::uuid and n.team_id = ${teamId}::text and n.kind = 'member'
    and (${page.after}::text is null or n.slack_id > ${page.after}::text collate "C")
  order by n.slack_id limit ${page.limit}::integer`

/* People */

export type LinkedRow = { user_id: string; display_name: string; email: string | null }

/** Somebody who can act in this tenant now. */
export const findLinked = (t: Tx, scope: Scope, teamId: string, slackUserId: string) => t.maybe<LinkedRow>`
  select u.id as user_id, u.display_name, e.email
  from slack_people p join roles r on r.tenant_id = p.tenant_id and r.user_id = p.user_id and r.deactivated_at is null
  join users u on u.id = p.user_id left join user_emails e on e.user_id = u.id and e.is_primary
  where p.tenant_id = ${scope.tenantId}::uuid and p.team_id = ${teamId}::text and p.slack_user_id = ${slackUserId}::text`

/** Whose verified address this is, of those who can act in this tenant now. */
export const findVerified = (t: Tx, scope: Scope, email: string) => t.maybe<{ user_id: string }>`
  select u.user_id from user_emails u join roles r on r.user_id = u.user_id
  where r.tenant_id = ${scope.tenantId}::uuid and r.deactivated_at is null and u.email = ${email}::text and u.verified_at is not null`

export const linkPerson = (
  t: Tx,
  scope: Scope,
  link: { teamId: string; slackUserId: string; userId: string; how: 'mail' | 'sign_in' },
) => t.run`
  insert into slack_people (slack_user_id, tenant_id, team_id, user_id, how, linked_at)
  values (${link.slackUserId}::text, ${scope.tenantId}::uuid, ${link.teamId}::text, ${link.userId}::text, ${link.how}::text, ${t.now}::timestamptz)
  on conflict (tenant_id, team_id, slack_user_id) do update set user_id = excluded.user_id, how = excluded.how, linked_at = excluded.linked_at`

export const findSlackUser = (t: Tx, scope: Scope, teamId: string, userId: string) => t.maybe<{ slack_user_id: string }>`
  select slack_user_id from slack_people
  where tenant_id = ${scope.tenantId}::uuid and team_id = ${teamId}::text and user_id = ${userId}::text order by linked_at desc limit 1`

export const unlinkPerson = (t: Tx, scope: Scope, teamId: string, slackUserId: string) => t.maybe<{ user_id: string }>`
  delete from slack_people where tenant_id = ${scope.tenantId}::uuid and team_id = ${teamId}::text and slack_user_id = ${slackUserId}::text
  returning user_id`

export const insertLink = (
  t: Tx,
  scope: Scope,
  link: { hash: Buffer; teamId: string; slackUserId: string; expiresAt: Date },
) => t.run`
  insert into slack_links (token_hash, tenant_id, team_id, slack_user_id, created_at, expires_at)
  values (${link.hash}::bytea, ${scope.tenantId}::uuid, ${link.teamId}::text, ${link.slackUserId}::text, ${t.now}::timestamptz,
    ${link.expiresAt}::timestamptz)`

export const deleteOldLinks = (t: Tx, scope: Scope, before: Date) => t.run`
  delete from slack_links where tenant_id = ${scope.tenantId}::uuid and expires_at < ${before}::timestamptz`

export type LinkRow = { team_id: string; slack_user_id: string; expired: boolean; used: boolean }

export const findLink = (t: Tx, scope: Scope, hash: Buffer) => t.maybe<LinkRow>`
  select team_id, slack_user_id, expires_at <= ${t.now}::timestamptz as expired, used_at is not null as used
  from slack_links where tenant_id = ${scope.tenantId}::uuid and token_hash = ${hash}::bytea`

// Of two at once one uses it.
export const useLinkIfFresh = (t: Tx, scope: Scope, hash: Buffer) => t.run`
  update slack_links set used_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and token_hash = ${hash}::bytea and used_at is null and expires_at > ${t.now}::timestamptz`

/* Messages */

export type MessageRow = {
  notice_id: string
  task_id: string
  team_id: string
  channel: string | null
  ts: string | null
  target: string
  gone_at: Date | null
}

export const findMessage = (t: Tx, scope: Scope, noticeId: string) => t.maybe<MessageRow>`
  select notice_id, task_id, team_id, channel, ts, target, gone_at from slack_messages
  where tenant_id = ${scope.tenantId}::uuid and notice_id = ${noticeId}::text`

export const findMessageAt = (t: Tx, scope: Scope, teamId: string, channel: string, ts: string) => t.maybe<MessageRow>`
  select notice_id, task_id, team_id, channel, ts, target, gone_at from slack_messages
  where tenant_id = ${scope.tenantId}::uuid and team_id = ${teamId}::text and channel = ${channel}::text and ts = ${ts}::text`

/** Before it leaves: what is here without a place may or may not have arrived. 0: an attempt was made before. */
export const beginMessage = (
  t: Tx,
  scope: Scope,
  one: { noticeId: string; taskId: string; teamId: string; channel: string; target: string },
) => t.run`
  insert into slack_messages (notice_id, tenant_id, task_id, team_id, channel, target, created_at)
  values (${one.noticeId}::text, ${scope.tenantId}::uuid, ${one.taskId}::text, ${one.teamId}::text, ${one.channel}::text,
    ${one.target}::text, ${t.now}::timestamptz)
  on conflict (tenant_id, notice_id) do nothing`

export const placeMessage = (t: Tx, scope: Scope, noticeId: string, channel: string, ts: string) => t.run`
  update slack_messages set channel = ${channel}::text, ts = ${ts}::text, sent_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and notice_id = ${noticeId}::text and ts is null`

export const markGone = (t: Tx, scope: Scope, noticeId: string) => t.run`
  update slack_messages set gone_at = coalesce(gone_at, ${t.now}::timestamptz)
  where tenant_id = ${scope.tenantId}::uuid and notice_id = ${noticeId}::text`

/** 1: never seen before. */
export const noteBody = (t: Tx, scope: Scope, hash: Buffer) => t.run`
  insert into slack_bodies (body_hash, tenant_id, seen_at) values (${hash}::bytea, ${scope.tenantId}::uuid, ${t.now}::timestamptz)
  on conflict (tenant_id, body_hash) do nothing`

// A signature counts for five minutes on either side; a body older than that can only come with a new one, which nobody else can make.
export const forgetBodies = (t: Tx, scope: Scope, before: Date) => t.run`
  delete from slack_bodies where tenant_id = ${scope.tenantId}::uuid and body_hash in (
    select body_hash from slack_bodies where tenant_id = ${scope.tenantId}::uuid and seen_at < ${before}::timestamptz
    order by body_hash limit 200 for update skip locked)`
