// Every statement over the forms of notices at endpoints.
import type { Scope } from '../../../db/scope.ts'
import type { Tx } from '../../../db/tx.ts'

export type Template = 'raw' | 'teams' | 'discord' | 'google_chat'
export type TemplateRow = { endpoint_id: string; template: Template; updated_at: Date }

export const findTemplate = (t: Tx, scope: Scope, endpointId: string) => t.maybe<TemplateRow>`
  select endpoint_id, template, updated_at from notice_templates
  where tenant_id = ${scope.tenantId}::uuid and endpoint_id = ${endpointId}::text`

export const listTemplates = (t: Tx, scope: Scope) => t.rows<TemplateRow>`
  select endpoint_id, template, updated_at from notice_templates where tenant_id = ${scope.tenantId}::uuid order by endpoint_id limit 200`

export const putTemplate = (t: Tx, scope: Scope, endpointId: string, template: Template) => t.one<TemplateRow>`
  insert into notice_templates (endpoint_id, tenant_id, template, updated_by, updated_at)
  values (${endpointId}::text, ${scope.tenantId}::uuid, ${template}::text, ${scope.principal}::text, ${t.now}::timestamptz)
  on conflict (tenant_id, endpoint_id) do update
  set template = excluded.template, updated_by = excluded.updated_by, updated_at = excluded.updated_at
  returning endpoint_id, template, updated_at`
