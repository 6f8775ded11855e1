// The one way out (V16): one field at a time, by a person, with a reason, where the tenant has switched it on. One event a field. What could renew or sign never leaves.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import { Document } from '../../http/route.ts'
import type { VaultHouse } from '../house.ts'
import { openMaterial } from '../material/material.ts'
import { invalid } from '../problem.ts'
import type { Definition } from '../providers/definition.ts'
import { actOnConnection } from './act.ts'
import { lockOrThrow, seeConnection } from './connection.ts'
import { definitionOf } from './definition.ts'
import { exportIsOn } from './sql.ts'
import { tellConnection } from './store.ts'

export const FORMATS = ['env', 'json', 'shell', 'dotenv'] as const
export type Format = (typeof FORMATS)[number]
export type Export = { fields: string[]; format: Format; reason: string }

/** Whatever a definition calls them. */
const NEVER = /^(?:refresh_token|client_secret|private_key|signing_key|id_token|extra)$/
const HOLDS_A_KEY = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----|"(?:d|private_key)"\s*:/

export const exportFields = (house: VaultHouse, scope: Scope, id: string, input: Export): Promise<Document> => {
  if (scope.actor.type !== 'user') throw new Problem('forbidden', { action: 'connection.export' })
  const fields = [...new Set(input.fields)]
  return house.countersign(
    scope,
    async (t) => {
      const row = await seeConnection(t, scope, id, 'connection.export')
      return actOnConnection('connection.export', scope, row, { fields, body: { connection_id: id, ...input } })
    },
    async (t) => {
      const row = await lockOrThrow(t, scope, id, 'connection.export')
      if (!(await exportIsOn(t, scope)).on) throw new Problem('export_off')
      if (row.material === null || row.status === 'suspended') throw new Problem('state_conflict', { state: row.status })
      const material = await openMaterial(house, t, scope, row)
      const values = fields.map((field) => [field, exportable(material, field)] as const)
      for (const [field] of values)
        await tellConnection(t, scope, 'connection.exported', row, { field, format: input.format, reason: input.reason })
      return new Document('text/plain', write(input.format, values, await namesOf(t, scope, row)))
    },
  )
}

function exportable(material: Readonly<Record<string, unknown>>, field: string): string {
  const value = Object.hasOwn(material, field) ? material[field] : undefined
  if (NEVER.test(field) || (typeof value === 'string' && HOLDS_A_KEY.test(value))) throw new Problem('not_exportable', { field })
  if (typeof value !== 'string') throw invalid('/fields', 'unknown', `The connection has no field ${field}.`)
  return value
}

type Names = (field: string) => string

/** As the definition calls the variable of a child, else by provider and field. */
async function namesOf(t: Tx, scope: Scope, row: { provider: string; definition_version: number }): Promise<Names> {
  const env: Definition['env'] = (await definitionOf(t, scope, row))?.env ?? {}
  return (field) =>
    Object.entries(env).find(([, named]) => named === field)?.[0] ??
    `${row.provider}_${field}`.toUpperCase().replace(/[^A-Z0-9_]/g, '_')
}

function write(format: Format, values: readonly (readonly [string, string])[], nameOf: Names): string {
  if (format === 'json') return `${JSON.stringify(Object.fromEntries(values))}\n`
  return values.map(([field, value]) => `${WRITERS[format](nameOf(field), value)}\n`).join('')
}

const WRITERS: Record<Exclude<Format, 'json'>, (name: string, value: string) => string> = {
  env: (name, value) => {
    if (/[\r\n\0]/.test(value)) throw invalid('/format', 'not_one_line', 'This value has line breaks: choose shell or json.')
    return `${name}=${value}`
  },
  // In single quotes nothing means anything to a POSIX shell but the quote itself, so `eval` gives back each byte and runs nothing.
  shell: (name, value) => {
    if (value.includes('\0')) throw invalid('/format', 'nul', 'No shell variable holds a NUL: choose json.')
    return `export ${name}='${value.replaceAll("'", `'\\''`)}'`
  },
  dotenv: (name, value) =>
    `${name}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('$', '\\$').replaceAll('\n', '\\n').replaceAll('\r', '\\r')}"`,
}
