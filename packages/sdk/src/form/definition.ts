// Reads a `form_definition` (T77, T78): every member against its kind's table, every fault with its path. A field with a fault is handed to `mend`, so that one reading serves
// who refuses (native) and who repairs (compatible, T63). It knows no schema.
import {
  type AnyKind,
  COLUMN_KINDS,
  type Column,
  FILES,
  type Field,
  type Form,
  isRecord,
  type Kind,
  MOST_FIELDS,
  MOST_LEVELS,
  SHOWN,
  sentence,
} from './kinds.ts'
import { readMembers, refuseUnknown, type Wrong } from './members.ts'
import { isPointer, step } from './place.ts'
import { COLUMN, COMMON, columnAgrees, RULES } from './rules.ts'

export type Fault = { path: string; code: string; message: string }
/** What stands in for a field that cannot be used, if anything does. `path` is null when even its place is unknown. */
export type Mend = (path: string | null, required: boolean) => Field | null

type Given = Record<string, unknown>
/** Names and places that are taken, in one flat scope: the form, or an entry of a subform. */
type Names = { names: Set<string>; paths: Set<string> }
type Place = { level: number; names: Names; entry: boolean; mend: Mend }

export function readDefinition(given: unknown, at: string, mend: Mend): { form: Form | null; faults: Fault[] } {
  const reader = new Reader()
  const form = reader.form(given, at, mend)
  return { form, faults: reader.faults }
}

/** One field alone, as a schema's hint gives it. */
export function readField(given: Given, at: string): { field: Field | null; faults: Fault[] } {
  const reader = new Reader()
  const [field] = reader.fields([given], at, { level: 1, names: fresh(), entry: true, mend: () => null })
  return { field: reader.faults.length > 0 ? null : (field ?? null), faults: reader.faults }
}

const fresh = (): Names => ({ names: new Set(), paths: new Set() })
const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)
const isKind = (kind: unknown): kind is Kind => typeof kind === 'string' && Object.hasOwn(RULES, kind)

class Reader {
  readonly faults: Fault[] = []
  private count = 0
  private readonly wrong: Wrong = (path, code, message) => void this.faults.push({ path, code, message })

  form(given: unknown, at: string, mend: Mend): Form | null {
    if (!isRecord(given)) {
      this.wrong(at, 'type', 'A form is an object.')
      return null
    }
    if (given.version !== 1) this.wrong(`${at}/version`, 'version', 'The version of a form is 1.')
    refuseUnknown(given, ['version', 'fields', 'title', 'submit_label', 'layout'], at, this.wrong)
    const { title, submit_label } = given
    for (const [name, value] of Object.entries({ title, submit_label }))
      if (value !== undefined && value !== null && (typeof value !== 'string' || value.length > 300))
        this.wrong(`${at}/${name}`, 'type', 'This is a text of at most 300 characters.')
    const layout = given.layout ?? 'one_column'
    if (layout !== 'one_column' && layout !== 'two_column')
      this.wrong(`${at}/layout`, 'enum', 'This is one of one_column, two_column.')
    if (!Array.isArray(given.fields)) this.wrong(`${at}/fields`, 'type', 'This is a list of fields.')
    const list = Array.isArray(given.fields) ? given.fields : []
    const fields = this.fields(list, `${at}/fields`, { level: 1, names: fresh(), entry: false, mend })
    if (this.count > MOST_FIELDS) this.wrong(`${at}/fields`, 'too_many', `A form has at most ${MOST_FIELDS} fields.`)
    return {
      version: 1,
      ...(text(title) && { title: text(title) }),
      ...(text(submit_label) && { submit_label: text(submit_label) }),
      layout: layout === 'two_column' ? 'two_column' : 'one_column',
      fields,
      objects: [],
    }
  }

  fields(list: readonly unknown[], at: string, place: Place): Field[] {
    return list.flatMap((given, i) => {
      const before = this.faults.length
      const field = this.field(given, `${at}/${i}`, place, i)
      // What is wrong inside of a section or an entry was mended there.
      const own = this.faults.slice(before).some(({ path }) => !path.startsWith(`${at}/${i}/fields/`))
      if (field && !own) return [field]
      const path = isRecord(given) ? placeOf(given) : null
      const mended = place.mend(path, isRecord(given) && given.required !== false)
      return mended ? [mended] : []
    })
  }

  private field(given: unknown, at: string, place: Place, index: number): Field | null {
    this.count++
    if (!isRecord(given)) {
      this.wrong(at, 'type', 'A field is an object.')
      return null
    }
    const { kind } = given
    if (!isKind(kind)) {
      this.wrong(`${at}/kind`, 'kind_unknown', `This is one of the kinds ${Object.keys(RULES).join(', ')}.`)
      return null
    }
    if (place.level > MOST_LEVELS) {
      this.wrong(at, 'too_deep', `Fields are nested at most ${MOST_LEVELS} deep.`)
      return null
    }
    const rules = RULES[kind]
    const nested = kind === 'section_collapse' || kind === 'subform' ? ['fields'] : kind === 'table' ? ['columns'] : []
    refuseUnknown(
      given,
      ['kind', 'name', 'path', ...Object.keys(COMMON), ...Object.keys(rules.members), ...nested],
      at,
      this.wrong,
    )
    const common = this.common(given, kind, at, place, index)
    const members = readMembers(given, rules.members, at, this.wrong)
    rules.agree?.(members, at, this.wrong)
    const inner = this.inner(given, kind, at, place)
    return { kind, ...common, ...members, ...inner } as Field
  }

  private common(given: Given, kind: Kind, at: string, place: Place, index: number): Given {
    const asks = !SHOWN.includes(kind) && kind !== 'section_collapse'
    const name = text(given.name) ?? (asks ? undefined : `${kind}_${index}`)
    if (name === undefined || name.length > 200)
      this.wrong(`${at}/name`, 'required', 'A field has a name of 1 to 200 characters.')
    else if (asks && place.names.names.has(name)) this.wrong(`${at}/name`, 'doubled', 'Another field has this name.')
    if (asks && name !== undefined) place.names.names.add(name)
    const common = readMembers(given, COMMON, at, this.wrong)
    if (asks && FILES.includes(kind) && common.required === true)
      this.wrong(
        `${at}/kind`,
        'files_unavailable',
        'Files are not available in this version, so no required field can ask for one.',
      )
    return {
      ...common,
      name: name ?? '',
      label: text(common.label) ?? sentence(name ?? ''),
      required: asks && common.required === true,
      path: asks ? this.path(given, at, place) : '',
    }
  }

  private path(given: Given, at: string, place: Place): string {
    const path = placeOf(given) ?? ''
    const whole = path === '' && !place.entry
    if (given.path !== undefined && given.path !== null && (!isPointer(String(given.path)) || whole))
      this.wrong(`${at}/path`, 'format', 'This is a JSON Pointer into the response, such as /address/street.')
    const taken = [...place.names.paths].find((other) => other === path)
    if (taken !== undefined) this.wrong(`${at}/path`, 'doubled', 'Another field writes to this place.')
    place.names.paths.add(path)
    return path
  }

  private inner(given: Given, kind: AnyKind, at: string, place: Place): Given {
    if (kind === 'table') return { columns: this.columns(given.columns, `${at}/columns`) }
    if (kind !== 'section_collapse' && kind !== 'subform') return {}
    if (!Array.isArray(given.fields) || given.fields.length === 0) {
      this.wrong(`${at}/fields`, 'type', 'This is a list of at least one field.')
      return { fields: [] }
    }
    const deeper = { ...place, level: place.level + 1 }
    return {
      fields: this.fields(
        given.fields,
        `${at}/fields`,
        kind === 'section_collapse' ? deeper : { ...deeper, names: fresh(), entry: true, mend: () => null },
      ),
    }
  }

  private columns(given: unknown, at: string): Column[] {
    if (!Array.isArray(given) || given.length === 0 || given.length > 50) {
      this.wrong(at, 'type', 'This is a list of 1 to 50 columns.')
      return []
    }
    const names = new Set<unknown>()
    return given.map((one, i) => {
      this.count++
      const here = `${at}/${i}`
      if (!isRecord(one)) {
        this.wrong(here, 'type', 'A column is an object.')
        return { name: '', label: '', kind: COLUMN_KINDS[0], required: false }
      }
      refuseUnknown(one, Object.keys(COLUMN), here, this.wrong)
      const column = readMembers(one, COLUMN, here, this.wrong)
      columnAgrees(column, here, this.wrong)
      if (names.has(column.name)) this.wrong(`${here}/name`, 'doubled', 'Another column has this name.')
      names.add(column.name)
      return { label: sentence(String(column.name ?? '')), ...column } as Column
    })
  }
}

/** Where a definition says that its value stands. */
function placeOf(given: Given): string | null {
  if (typeof given.path === 'string') return given.path
  return typeof given.name === 'string' && given.name !== '' ? step(given.name) : null
}

export const hintMembers = (kind: string): string[] => (isKind(kind) ? Object.keys(RULES[kind].members) : [])
