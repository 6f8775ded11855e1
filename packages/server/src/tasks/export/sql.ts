// The statements of exports: tasks in the order of their creation, a page at a time, and all that hangs on them.
import type { Sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import type { TaskRow } from '../sql.ts'
import type { CommentRow } from '../talk/sql.ts'

export const findExported = (
  t: Tx,
  scope: Scope,
  matching: Sql,
  page: { after: string | null; limit: number },
) => t.rows<TaskRow>`
  select tasks.* from tasks
  where tenant_id = ${scope.tenantId}::uuid and (${page.after}::text is null or id > ${page.after}::text) and ${matching}
  order by id limit ${page.limit}::integer`

export const findCommentsOf = (t: Tx, scope: Scope, ids: readonly string[], audiences: readonly string[]) => t.rows<CommentRow>`
  select id, task_id, revision, audience, purpose, author_type, author_id, author_name, channel, body, created_at from comments
  where tenant_id = ${scope.tenantId}::uuid and task_id = any(${ids}::text[]) and audience = any(${audiences}::text[]) order by id`
