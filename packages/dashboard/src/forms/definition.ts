// The definition that the list of fields edits: the one that was written, or, where a form has none yet, what its schema asks, written down. Fields that only a schema can ask for stay there.
import { type Field, type Form, step } from '@countersign/sdk/form'
import { asks, type Raw, rows } from './kinds.ts'

export type Definition = Raw & { fields: Raw[] }

export const definitionOf = (written: Raw | null, made: Form): Definition =>
  written ? { ...written, fields: rows(written.fields) } : { version: 1, fields: rawFields(made.fields) }

/** What the list does not hold and is asked all the same, because the schema wants it. */
export function askedBySchema(definition: Definition, made: Form): string[] {
  const listed = names(definition.fields)
  const all = (fields: readonly Field[]): Field[] =>
    fields.flatMap((field) => (field.kind === 'section_collapse' ? all(field.fields) : [field]))
  return all(made.fields)
    .filter(({ name, kind }) => (kind === 'variant' || kind === 'json' || asks(kind)) && !listed.includes(name))
    .map(({ label }) => label)
}

const names = (fields: readonly Raw[]): unknown[] =>
  fields.flatMap((field) => (field.kind === 'section_collapse' ? names(rows(field.fields)) : [field.name]))

const rawFields = (fields: readonly Field[]): Raw[] =>
  fields.flatMap((field): Raw[] => {
    if (field.kind === 'json' || field.kind === 'variant') return []
    if (field.kind === 'section_collapse') {
      const { kind, title, subtitle, default_open } = field
      const inner = rawFields(field.fields)
      return inner.length === 0 ? [] : [{ kind, title, ...(subtitle && { subtitle }), default_open, fields: inner }]
    }
    const { required, path, ...rest } = field as Raw & Field
    const own = Object.fromEntries(Object.entries(rest).filter(([name]) => !INFERRED.includes(name)))
    const place = path === step(field.name) ? {} : { path }
    const optional = required ? {} : { required }
    if (field.kind === 'subform') return [{ ...own, ...place, ...optional, fields: rawFields(field.fields) }]
    if (field.kind === 'table') return [{ ...own, ...place, ...optional, columns: field.columns.map(rawColumn) }]
    return [{ ...own, ...place, ...optional }]
  })

const INFERRED = ['open_is_null', 'within', 'as_text', 'objects']
const rawColumn = ({ open_is_null: _, ...column }: Raw): Raw => column
