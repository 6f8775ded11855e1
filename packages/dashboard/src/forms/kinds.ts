// The kinds of fields by the words of the editor, and a new field of each: what it needs, and nothing that its author has to take away again. Knows no schema.
import { type Kind, sentence } from '@countersign/sdk/form'
import { t } from '../text/t.ts'

/** A field as a definition holds it, whatever stands in it. */
export type Raw = Record<string, unknown>

export const KINDS: readonly { group: string; kinds: readonly (readonly [Kind, string])[] }[] = [
  {
    group: t('Text'),
    kinds: [
      ['short_text', t('Short text or number')],
      ['long_text', t('Long text')],
      ['rich_text', t('Formatted text')],
    ],
  },
  {
    group: t('Choice'),
    kinds: [
      ['switch', t('Yes or no')],
      ['single_select', t('One of several')],
      ['multi_select', t('Any of several')],
      ['picture_choice', t('Pictures to choose from')],
      ['ranking', t('An order to find')],
    ],
  },
  {
    group: t('Number'),
    kinds: [
      ['slider', t('Slider')],
      ['star_rating', t('Stars')],
      ['opinion_scale', t('Scale')],
    ],
  },
  {
    group: t('Time'),
    kinds: [
      ['date', t('Date')],
      ['time', t('Time of day')],
      ['datetime', t('Date and time')],
      ['date_range', t('First and last day')],
    ],
  },
  {
    group: t('Several at once'),
    kinds: [
      ['table', t('Table')],
      ['subform', t('List of entries')],
    ],
  },
  {
    group: t('Order on the page'),
    kinds: [
      ['section', t('Heading')],
      ['section_collapse', t('Section that folds')],
      ['divider', t('Line')],
    ],
  },
  {
    group: t('Shown, not asked'),
    kinds: [
      ['display_text', t('Words')],
      ['image', t('Picture')],
      ['video', t('Video')],
      ['pdf_viewer', t('PDF')],
      ['html', t('HTML')],
    ],
  },
  {
    group: t('Files (not in this version)'),
    kinds: [
      ['file_upload', t('Files')],
      ['signature', t('Signature')],
    ],
  },
]

const WORDS = new Map<unknown, string>(KINDS.flatMap(({ kinds }) => kinds.map(([kind, word]) => [kind, word] as const)))
export const wordOf = (kind: unknown): string => WORDS.get(kind) ?? t('Unknown kind {kind}', { kind: String(kind) })
export const isKind = (kind: unknown): kind is Kind => WORDS.has(kind)

export const asText = (value: unknown): string => (typeof value === 'string' ? value : '')
export const rows = (value: unknown): Raw[] =>
  Array.isArray(value) ? value.map((one) => (typeof one === 'object' && one !== null ? (one as Raw) : {})) : []

/** `Why not, Ann?` as a name of a member: `why_not_ann`. */
export const slug = (text: string): string =>
  text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\p{M}/gu, '')
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .slice(0, 60)

export function unused(name: string, taken: readonly string[]): string {
  for (let n = 1; ; n++) {
    const tried = n === 1 ? name : `${name}_${n}`
    if (!taken.includes(tried)) return tried
  }
}

/** What a person calls it. */
export const titleOf = ({ kind, label, title, name, text }: Raw): string =>
  asText(label) || asText(title) || asText(text).slice(0, 60) || (asText(name) && sentence(asText(name))) || wordOf(kind)

/** Its name was given by the editor and by nobody else: the first label replaces it. */
export const isNameless = ({ kind, name }: Raw): boolean => new RegExp(`^${String(kind)}(_\\d+)?$`).test(asText(name))

export const newOption = (taken: readonly Raw[], pictures = false): Raw => {
  const value = unused(
    `option_${taken.length + 1}`,
    taken.map(({ value }) => String(value)),
  )
  return { value, label: sentence(value), ...(pictures ? { image_url: '' } : {}) }
}
export const newColumn = (taken: readonly Raw[]): Raw => {
  const name = unused(
    'column',
    taken.map(({ name }) => asText(name)),
  )
  return { name, label: sentence(name), kind: 'short_text' }
}

const twoOptions = () => {
  const first = newOption([])
  return [first, newOption([first])]
}

const NEEDED: Partial<Record<Kind, () => Raw>> = {
  display_text: () => ({ text: t('Words that everybody reads first.') }),
  single_select: () => ({ options: twoOptions() }),
  multi_select: () => ({ options: twoOptions() }),
  ranking: () => ({ options: twoOptions() }),
  picture_choice: () => ({ options: [newOption([], true)] }),
  image: () => ({ url: '' }),
  video: () => ({ url: '' }),
  pdf_viewer: () => ({ url: '' }),
  html: () => ({ html: `<p>${t('Words that everybody reads first.')}</p>` }),
  section: () => ({ title: t('Heading') }),
  section_collapse: () => ({ title: t('Section'), fields: [] }),
  table: () => ({ columns: [newColumn([])] }),
  subform: () => ({ fields: [{ kind: 'short_text', name: 'text', label: t('Text') }] }),
}

export const asks = (kind: unknown): boolean =>
  isKind(kind) &&
  !['display_text', 'image', 'video', 'pdf_viewer', 'html', 'section', 'divider', 'section_collapse'].includes(kind)
export const isFile = (kind: unknown): boolean => kind === 'file_upload' || kind === 'signature'

export function newField(kind: Kind, taken: readonly string[]): Raw {
  const needed = NEEDED[kind]?.() ?? {}
  if (kind === 'section_collapse') return { kind, ...needed, fields: [newField('short_text', taken)] }
  if (!asks(kind)) return { kind, ...needed }
  return { kind, name: unused(kind, taken), label: wordOf(kind), ...(isFile(kind) ? { required: false } : {}), ...needed }
}

const KEPT = [
  'name',
  'label',
  'hint',
  'required',
  'path',
  'options',
  'placeholder',
  'title',
  'subtitle',
  'fields',
  'url',
] as const

/** The same field as another kind: what both have stays. */
export function asKind(field: Raw, kind: Kind, taken: readonly string[]): Raw {
  const fresh = newField(kind, taken)
  const known = new Set([...Object.keys(fresh), ...(asks(kind) ? ['hint', 'required', 'path', 'label', 'name'] : [])])
  const kept = Object.fromEntries(
    KEPT.filter((name) => known.has(name) && field[name] !== undefined).map((name) => [name, field[name]]),
  )
  const pictures = kind === 'picture_choice' && {
    options: rows(kept.options ?? fresh.options).map((one) => ({ image_url: '', ...one })),
  }
  const words = kind !== 'picture_choice' &&
    kept.options !== undefined && { options: rows(kept.options).map(({ image_url: _, ...one }) => one) }
  const name = isNameless(field) ? { name: fresh.name, label: field.label === wordOf(field.kind) ? fresh.label : kept.label } : {}
  const whole = { ...fresh, ...kept, ...pictures, ...words, ...(asks(kind) ? name : {}), kind }
  return isFile(kind) ? { ...whole, required: false } : whole
}

/** The names that stand in one flat scope with these fields. */
export const namesIn = (fields: readonly Raw[]): string[] =>
  fields.flatMap((field) =>
    field.kind === 'section_collapse' ? namesIn(rows(field.fields)) : asks(field.kind) ? [asText(field.name)] : [],
  )
