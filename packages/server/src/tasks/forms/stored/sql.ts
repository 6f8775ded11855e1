// Every statement over stored forms. A version is inserted and never changed; retiring a name leaves its versions where they are.
import type { Scope, Tx } from '../../../db/tx.ts'

type Json = Record<string, unknown>

export type FormRow = {
  name: string
  version: number
  title: string | null
  response_schema: Json
  form_definition: Json | null
  created_by: string
  created_at: Date
  retired_at: Date | null
}

/** The newest version of each name in use, by name. */
export const listNewestAfter = (t: Tx, scope: Scope, after: string | null, limit: number) => t.rows<FormRow>`
  select distinct on (name) name, version, title, response_schema, form_definition, created_by, created_at, retired_at from forms
  where tenant_id = ${scope.tenantId}::uuid and retired_at is null and (${after}::text is null or name > ${after}::text)
  order by name, version desc limit ${limit}::integer`

/** One version, or with null the newest; also of a retired name. */
export const findForm = (t: Tx, scope: Scope, name: string, version: number | null) => t.maybe<FormRow>`
  select name, version, title, response_schema, form_definition, created_by, created_at, retired_at from forms
  where tenant_id = ${scope.tenantId}::uuid and name = ${name}::text and (${version}::integer is null or version = ${version}::integer)
  order by version desc limit 1`

// Versions of one name are made one after another: two writers at once would both count up to the same number.
export const lockForm = (t: Tx, scope: Scope, name: string) => t.run`
  select pg_advisory_xact_lock(hashtextextended('form ' || ${scope.tenantId}::text || ' ' || ${name}::text, 0))`

export type NewForm = {
  name: string
  version: number
  title: string | null
  response_schema: string
  form_definition: string | null
}

export const insertForm = (t: Tx, scope: Scope, form: NewForm) => t.one<FormRow>`
  insert into forms (name, tenant_id, version, title, response_schema, form_definition, created_by, created_at)
  values (${form.name}::text, ${scope.tenantId}::uuid, ${form.version}::integer, ${form.title}::text, ${form.response_schema}::json,
    ${form.form_definition}::json, ${scope.principal}::text, ${t.now}::timestamptz)
  returning name, version, title, response_schema, form_definition, created_by, created_at, retired_at`

export const retireForm = (t: Tx, scope: Scope, name: string) => t.run`
  update forms set retired_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and name = ${name}::text and retired_at is null`
