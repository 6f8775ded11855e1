// What a form consists of (T77, T78): the 27 kinds with their members, as every surface reads them once a definition is understood. Types and small tables only: it
// checks nothing and draws nothing.

export type Option = { value: unknown; label: string; hint?: string }
export type Picture = Option & { image_url: string }

export const COLUMN_KINDS = [
  'short_text',
  'long_text',
  'number',
  'currency',
  'switch',
  'single_select',
  'date',
  'datetime',
] as const

export type Column = {
  name: string
  label: string
  kind: (typeof COLUMN_KINDS)[number]
  required: boolean
  placeholder?: string
  options?: Option[]
  currency_code?: string
  min_value?: number
  max_value?: number
  default?: unknown
  /** Left open it is null, for the schema wants the member and takes null. */
  open_is_null?: boolean
}

export const SUBTYPES = ['plain', 'email', 'url', 'phone', 'currency', 'number', 'password'] as const

type Common = {
  name: string
  label: string
  hint?: string
  required: boolean
  /** Where the value stands in the response, or in the entry of a subform. */
  path: string
  /** Left open it is null, for the schema wants the member and takes null. */
  open_is_null?: boolean
  /** The optional object that it belongs to: required only once something of that object is there. */
  within?: string
  /** The schema wants this number as a text. */
  as_text?: boolean
}

type Kinds = {
  display_text: { text: string; markdown: boolean }
  short_text: {
    subtype: (typeof SUBTYPES)[number]
    placeholder?: string
    min_length?: number
    max_length?: number
    pattern?: string
    currency_code?: string
    default?: unknown
  }
  long_text: { placeholder?: string; min_length?: number; max_length?: number; rows?: number; default?: unknown }
  rich_text: { placeholder?: string; max_length?: number; default?: unknown }
  switch: { true_label: string; false_label: string; default?: boolean }
  single_select: { options: Option[]; default?: unknown }
  multi_select: { options: Option[]; default?: unknown[]; min_count?: number; max_count?: number }
  picture_choice: { options: Picture[]; multiple: boolean; default?: unknown[] }
  slider: { min: number; max: number; step: number; default?: number; prefix?: string; suffix?: string }
  star_rating: { max: number; default?: number }
  opinion_scale: { min: number; max: number; min_label?: string; max_label?: string; default?: number }
  ranking: { options: Option[] }
  date: { min_date?: string; max_date?: string; default?: string }
  datetime: { min_datetime?: string; max_datetime?: string; timezone?: string; default?: string }
  date_range: { min_date?: string; max_date?: string; min_days?: number; max_days?: number }
  time: { min_time?: string; max_time?: string; step_minutes?: number; default?: string }
  file_upload: { accept?: string[]; max_size_bytes?: number; multiple: boolean; min_count?: number; max_count?: number }
  signature: { format: 'png' | 'svg' }
  image: { url: string; alt?: string; width?: number; height?: number }
  video: { url: string; poster_url?: string; autoplay: boolean }
  pdf_viewer: { url: string; height?: number }
  html: { html: string }
  section: { title: string; subtitle?: string }
  divider: Record<never, never>
  section_collapse: {
    title: string
    subtitle?: string
    fields: Field[]
    default_open: boolean
  }
  table: {
    columns: Column[]
    min_rows?: number
    max_rows?: number
    initial_rows: number
    allow_add_row: boolean
    allow_remove_row: boolean
  }
  subform: {
    fields: Field[]
    min_count?: number
    max_count?: number
    initial_count: number
    add_label: string
    remove_label: string
    objects?: Objects
  }
}

/** Objects that the schema requires, to be there even when nothing in them is filled in; those `within` an optional one only once that is there. */
export type Objects = { path: string; within?: string }[]

/** What inference adds where none of the 27 kinds can say it: never sent in a definition. */
type Inferred = {
  /** One of several shapes: a choice, and the fields of what was chosen. */
  variant: { discriminator?: string; options: Variant[] }
  /** What is left: JSON, checked against its schema. */
  json: { schema: unknown; default?: unknown }
}
export type Variant = { value: unknown; label: string; fields: Field[]; objects: Objects; schema: unknown }

type All = Kinds & Inferred
export type Kind = keyof Kinds
export type AnyKind = keyof All
export type FieldOf<K extends AnyKind> = Common & { kind: K } & All[K]
export type Field = { [K in AnyKind]: FieldOf<K> }[AnyKind]

export type Form = {
  version: 1
  title?: string
  submit_label?: string
  layout: 'one_column' | 'two_column'
  fields: Field[]
  objects: Objects
}

/** Kinds that show something and never stand in an answer. */
export const SHOWN: readonly AnyKind[] = ['display_text', 'image', 'video', 'pdf_viewer', 'html', 'section', 'divider']
export const FILES: readonly AnyKind[] = ['file_upload', 'signature']

export const MOST_FIELDS = 300
export const MOST_LEVELS = 5

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** `shipping_address` and `shippingAddress` read as "Shipping address". */
export function sentence(name: string): string {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/[_-]+/g, ' ')
    .trim()
    .toLowerCase()
  return words === '' ? name : words.charAt(0).toUpperCase() + words.slice(1)
}

/** The fields that ask for something, those inside of sections among them; not those of entries. */
export function leaves(fields: readonly Field[]): Field[] {
  return fields.flatMap((field) =>
    field.kind === 'section_collapse' ? leaves(field.fields) : SHOWN.includes(field.kind) ? [] : [field],
  )
}
