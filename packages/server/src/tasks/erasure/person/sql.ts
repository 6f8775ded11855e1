// Where tasks name people by an address, and what stands there instead once the person is erased. A user's id stays: it names nobody by itself.
import { type Sql, sql } from '../../../db/sql.ts'
import type { Scope, Tx } from '../../../db/tx.ts'
import { ERASED } from '../sql.ts'

/** Folded addresses, and the user that they belonged to; null: nobody's here. */
export type Erasing = { userId: string | null; emails: readonly string[] }

const isTheirs = (user: Sql, email: Sql, { userId, emails }: Erasing): Sql => sql`
  (${user} = ${userId}::text or lower(${email}) = any(${emails}::text[]))`

export const forgetNotices = (t: Tx, scope: Scope, who: Erasing) => t.run`
  update notices set target = ${ERASED}::text, email = null, display_name = null, slack_user_id = null, party = null, reasons = '[]'
  where tenant_id = ${scope.tenantId}::uuid and target <> ${ERASED}::text
    and (${isTheirs(sql`user_id`, sql`email`, who)} or lower(target) = any(${who.emails}::text[]) or party = any(${who.emails}::text[]))`

export const forgetLinks = (t: Tx, scope: Scope, who: Erasing) => t.run`
  delete from task_links where tenant_id = ${scope.tenantId}::uuid and ${isTheirs(sql`user_id`, sql`email`, who)}`

export const forgetMails = (t: Tx, scope: Scope, hashes: readonly Buffer[]) => t.run`
  delete from mails where tenant_id = ${scope.tenantId}::uuid and to_hash = any(${hashes}::bytea[])`

export const forgetMessages = (t: Tx, scope: Scope, { emails }: Erasing) => t.run`
  update slack_messages set target = ${ERASED}::text where tenant_id = ${scope.tenantId}::uuid and lower(target) = any(${emails}::text[])`

export const forgetSlackPeople = (t: Tx, scope: Scope, { userId }: Erasing) => t.run`
  delete from slack_people where tenant_id = ${scope.tenantId}::uuid and user_id = ${userId}::text`

export const forgetEmbeds = (t: Tx, scope: Scope, { emails }: Erasing) => t.run`
  update embed_tokens set sub = null where tenant_id = ${scope.tenantId}::uuid and lower(sub) = any(${emails}::text[])`

/** The last fault of a sender may quote the address that it could not reach. */
export const forgetFaults = (t: Tx, scope: Scope, { emails }: Erasing) => t.run`
  update mail_identities set last_error = null, last_error_at = null
  where tenant_id = ${scope.tenantId}::uuid and exists (select from unnest(${emails}::text[]) as e where position(e in lower(last_error)) > 0)`

/** Reasons of notices to others may quote it too: of a list, a digest. */
export const forgetReasons = (t: Tx, scope: Scope, { emails }: Erasing) => t.run`
  update notices set reasons = '[]'
  where tenant_id = ${scope.tenantId}::uuid and failed_at is not null
    and exists (select from unnest(${emails}::text[]) as e where position(e in lower(reasons::text)) > 0)`

// A vote stays one vote: whoever was told apart by an address is told apart by their decision from now on.
export const forgetDecisions = (t: Tx, scope: Scope, who: Erasing) => t.run`
  update decisions set email = null, display_name = ${ERASED}::text, guest = case when guest is null then null else 'erased:' || id end
  where tenant_id = ${scope.tenantId}::uuid and (${isTheirs(sql`user_id`, sql`email`, who)} or lower(guest) = any(${who.emails}::text[]))`

export const forgetComments = (t: Tx, scope: Scope, who: Erasing) => t.run`
  update comments set author_name = ${ERASED}::text, author_id = case when author_id = ${who.userId}::text then author_id else 'erased:' || id end
  where tenant_id = ${scope.tenantId}::uuid and (author_id = ${who.userId}::text or lower(author_id) = any(${who.emails}::text[]))`

const named = (column: Sql, { emails }: Erasing): Sql => sql`
  exists (select from unnest(${emails}::text[]) as e where position(e in lower(${column}::text)) > 0)`

// An open task whose last name goes with it is for those who run the work.
export const forgetTasks = (t: Tx, scope: Scope, who: Erasing) => t.rows<{ id: string; version: number }>`
  update tasks set
    asked = case when not asked && ${who.emails}::text[] then asked
      when exists (select from unnest(asked) as k where k <> all(${who.emails}::text[])) then array(select k from unnest(asked) as k where k <> all(${who.emails}::text[]))
      else array['pool:default'] end,
    assign_to = case when ${named(sql`assign_to`, who)} then null else assign_to end,
    notify = case when not ${named(sql`array_to_string(notify, ' ')`, who)} then notify
      else nullif(array(select n from unnest(notify) as n where not exists (select from unnest(${who.emails}::text[]) as e where position(e in lower(n)) > 0)), '{}') end,
    escalation = case when ${named(sql`escalation`, who)} then null else escalation end,
    timeout_escalations = case when ${named(sql`timeout_escalations`, who)} then null else timeout_escalations end,
    on_behalf_of = case when lower(on_behalf_of) = any(${who.emails}::text[]) then null else on_behalf_of end,
    assigned_to_display_name = case when ${isTheirs(sql`assigned_to_user_id`, sql`assigned_to_email`, who)} then ${ERASED}::text else assigned_to_display_name end,
    assigned_to_email = case when ${isTheirs(sql`assigned_to_user_id`, sql`assigned_to_email`, who)} then null else assigned_to_email end,
    assigned_to_slack_user_id = case when ${isTheirs(sql`assigned_to_user_id`, sql`assigned_to_email`, who)} then null else assigned_to_slack_user_id end,
    completed_by_display_name = case when ${isTheirs(sql`completed_by_user_id`, sql`completed_by_email`, who)} then ${ERASED}::text else completed_by_display_name end,
    completed_by_slack_user_id = case when ${isTheirs(sql`completed_by_user_id`, sql`completed_by_email`, who)} then null else completed_by_slack_user_id end,
    completed_by_email = case when ${isTheirs(sql`completed_by_user_id`, sql`completed_by_email`, who)} then null else completed_by_email end,
    version = version + 1, updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and (
    ${isTheirs(sql`assigned_to_user_id`, sql`assigned_to_email`, who)} or ${isTheirs(sql`completed_by_user_id`, sql`completed_by_email`, who)}
    or asked && ${who.emails}::text[] or lower(on_behalf_of) = any(${who.emails}::text[]) or ${named(sql`assign_to`, who)}
    or ${named(sql`array_to_string(notify, ' ')`, who)} or ${named(sql`escalation`, who)} or ${named(sql`timeout_escalations`, who)})
  returning id, version`

export const findQuorumsNaming = (t: Tx, scope: Scope, who: Erasing) => t.rows<{ id: string; quorum: unknown }>`
  select id, quorum from tasks where tenant_id = ${scope.tenantId}::uuid and quorum is not null and ${named(sql`quorum`, who)}`

export const putQuorum = (t: Tx, scope: Scope, id: string, quorum: unknown) => t.run`
  update tasks set quorum = ${JSON.stringify(quorum)}::json where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`
