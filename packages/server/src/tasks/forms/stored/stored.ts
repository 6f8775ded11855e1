// Stored forms (T82): made, given a new version, taken out of use, named by tasks. A version never changes and a task carries the one that it was made with; nothing here touches a task.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../../db/scope.ts'
import { type Tx, tx } from '../../../db/tx.ts'
import { record } from '../../../events/event.ts'
import { openCursor, pageOf } from '../../../http/cursor.ts'
import { writeJson } from '../../../http/json.ts'
import type { TasksHouse } from '../../house.ts'
import { type FormRow, findForm, insertForm, listNewestAfter, lockForm, retireForm } from './sql.ts'

type Json = Record<string, unknown>
export type FormInput = { title?: string | null; response_schema: Json; form_definition?: Json | null }

const show = ({ retired_at, ...row }: FormRow) => ({ ...row, form: `${row.name}@${row.version}`, retired_at })

export async function listForms(house: TasksHouse, scope: Scope, { limit, cursor }: { limit: number; cursor?: string }) {
  const at = { tenantId: scope.tenantId, route: 'GET /forms', filter: {} }
  const read = async (t: Tx) => {
    const after = cursor === undefined ? null : openCursor<string>(house.keyring, at, cursor, t.now)
    const rows = await listNewestAfter(t, scope, after, limit + 1)
    const page = pageOf(house.keyring, at, rows, { limit, now: t.now, position: (row) => row.name })
    return { ...page, data: page.data.map(show) }
  }
  return tx(house.db, scope, read, { readOnly: true })
}

export async function getForm(house: TasksHouse, scope: Scope, name: string, version: number | null) {
  const row = await tx(house.db, scope, (t) => findForm(t, scope, name, version), { readOnly: true })
  if (!row) throw new Problem('not_found')
  return show(row)
}

/** A name in use is not made again; one that was retired goes on with its next version. */
export async function createForm(house: TasksHouse, scope: Scope, name: string, input: FormInput) {
  await checked(house, input)
  return tx(house.db, scope, async (t) => {
    await lockForm(t, scope, name)
    const newest = await findForm(t, scope, name, null)
    if (newest && newest.retired_at === null) throw new Problem('state_conflict', { state: `version ${newest.version}` })
    return insertNext(t, scope, name, input, newest?.version ?? 0)
  })
}

export async function changeForm(house: TasksHouse, scope: Scope, name: string, input: FormInput) {
  await checked(house, input)
  return tx(house.db, scope, async (t) => {
    await lockForm(t, scope, name)
    const newest = await findForm(t, scope, name, null)
    if (!newest || newest.retired_at !== null) throw new Problem('not_found')
    return insertNext(t, scope, name, input, newest.version)
  })
}

async function insertNext(t: Tx, scope: Scope, name: string, input: FormInput, before: number) {
  const row = await insertForm(t, scope, {
    name,
    version: before + 1,
    title: input.title ?? null,
    response_schema: writeJson(input.response_schema),
    form_definition: input.form_definition ? writeJson(input.form_definition) : null,
  })
  await record(t, scope, 'form.stored', { name, version: row.version })
  return show(row)
}

export const removeForm = (house: TasksHouse, scope: Scope, name: string): Promise<null> =>
  tx(house.db, scope, async (t) => {
    if ((await retireForm(t, scope, name)) === 0) throw new Problem('not_found')
    await record(t, scope, 'form.retired', { name })
    return null
  })

/** As a task would be refused (T77). */
const checked = (house: TasksHouse, input: FormInput) =>
  house.forms.gateAsked(input.response_schema, input.form_definition ?? null, 'native')

const NAMED = /^([a-z0-9][a-z0-9_.-]{0,63})@([1-9]\d{0,8})$/

/** What a task asks that names a form: the version's own schema and fields. */
export async function withStoredForm<
  T extends { form?: string | null; response_schema?: Json | null; form_definition?: Json | null },
>(house: TasksHouse, scope: Scope, input: T): Promise<T> {
  if (input.form === undefined || input.form === null) return input
  const beside = (['response_schema', 'form_definition'] as const).filter(
    (name) => input[name] !== undefined && input[name] !== null,
  )
  if (beside.length > 0) {
    const message = 'A named form brings its own; send one or the other.'
    throw new Problem('validation_failed', { errors: beside.map((name) => ({ path: `/${name}`, code: 'exactly_one', message })) })
  }
  const [, name, version] = NAMED.exec(input.form) ?? []
  const found =
    name === undefined ? null : await tx(house.db, scope, (t) => findForm(t, scope, name, Number(version)), { readOnly: true })
  if (!found || found.retired_at !== null) {
    const message = 'There is no such form; name it as name@version.'
    throw new Problem('form_invalid', { errors: [{ path: '/form', code: 'form_unknown', message }] })
  }
  return { ...input, response_schema: found.response_schema, form_definition: found.form_definition }
}
