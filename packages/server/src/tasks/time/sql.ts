// The statements of time: each a conditional update that says what must still hold, so that of many processes one acts.
import type { Scope, Tx } from '../../db/tx.ts'
import type { Level } from '../redaction.ts'
import { OPEN, type TaskRow } from '../sql.ts'
import type { Reminder } from './moments.ts'

// The state is checked where the reminder is marked: whoever answers at this moment goes first or finds it sent, and no second process marks it (T37).
export const markRemindedIfOpen = (t: Tx, scope: Scope, id: string, mask: number) => t.maybe<TaskRow>`
  update tasks set reminded = reminded | ${mask}::smallint, reminded_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status = any(${OPEN}::text[]) and reminded & ${mask}::smallint = 0
    and deadline_at > ${t.now}::timestamptz
  returning *`

/** Who may answer from now on. `holder`: nobody holds it when several can. */
export type Handing = {
  asked: readonly string[]
  holder: { user_id: string | null; email: string | null; display_name: string | null } | null
}

const holderOf = ({ holder }: Handing) => ({
  user_id: holder?.user_id ?? null,
  email: holder?.email ?? null,
  display_name: holder?.display_name ?? null,
})

// Steps, level and deadline are those that were read: a second process finds them moved on, as does who comes after a later deadline, and matches nothing.
export const escalateIfAt = (
  t: Tx,
  scope: Scope,
  row: Pick<TaskRow, 'id' | 'deadline_at' | 'escalation_step' | 'timeout_step' | 'escalation_level'>,
  to: Handing & { took: 'step' | 'timeout' | 'neither'; deadline: Date | null; raise: boolean; urgent?: boolean },
) => {
  const holder = holderOf(to)
  const held = holder.user_id !== null || holder.email !== null
  return t.maybe<TaskRow>`
  update tasks set asked = ${to.asked}::text[], assigned_to_user_id = ${holder.user_id}::text, assigned_to_email = ${holder.email}::text,
    assigned_to_display_name = ${holder.display_name}::text, assigned_to_slack_user_id = null, assigned_for_user_id = null,
    assigned_at = ${held ? t.now : null}::timestamptz, claimed_at = null,
    escalation_step = escalation_step + ${to.took === 'step' ? 1 : 0}::integer, timeout_step = timeout_step + ${to.took === 'timeout' ? 1 : 0}::integer,
    escalation_level = escalation_level + 1, escalated_at = ${t.now}::timestamptz,
    deadline_at = coalesce(${to.deadline}::timestamptz, deadline_at),
    status = case when ${to.deadline}::timestamptz is null then status else 'open' end,
    opened_at = case when ${to.deadline}::timestamptz is null then opened_at else ${t.now}::timestamptz end,
    priority = case when ${to.urgent === true}::boolean then 'urgent' when ${to.raise}::boolean then case priority when 'low' then 'normal' when 'normal' then 'high' else 'urgent' end else priority end,
    version = version + 1, updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${row.id}::text and escalation_level = ${row.escalation_level}::smallint
    and escalation_step = ${row.escalation_step}::smallint and timeout_step = ${row.timeout_step}::smallint
    and (status = any(${OPEN}::text[])
      or ${to.deadline !== null}::boolean and (status = 'revising' and not pause_while_revising
        or status = 'verifying' and verifying_at <= ${t.now}::timestamptz - interval '1 hour'))
    and deadline_at = ${row.deadline_at}::timestamptz
  returning *`
}

export type TaskDefaults = {
  retention_days: number
  reminders: Reminder[] | null
  redact: Level
  compat_strict_replay: boolean
  erased_before: string | null
}

export const findTaskDefaults = (t: Tx, scope: Scope) => t.maybe<TaskDefaults>`
  select retention_days, reminders, redact, compat_strict_replay, erased_before from task_defaults
  where tenant_id = ${scope.tenantId}::uuid`

export const putTaskDefaults = (t: Tx, scope: Scope, next: Omit<TaskDefaults, 'erased_before'>) => t.run`
  insert into task_defaults (retention_days, tenant_id, reminders, redact, compat_strict_replay)
  values (${next.retention_days}::integer, ${scope.tenantId}::uuid, ${next.reminders && JSON.stringify(next.reminders)}::json,
    ${next.redact}::text, ${next.compat_strict_replay}::boolean)
  on conflict (tenant_id) do update set retention_days = excluded.retention_days, reminders = excluded.reminders, redact = excluded.redact,
    compat_strict_replay = excluded.compat_strict_replay`

/** Users whose votes count now. */
export const findVotersOf = (t: Tx, scope: Scope, taskId: string) => t.rows<{ user_id: string }>`
  select user_id from decisions
  where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text and state in ('pending', 'counted') and user_id is not null`
