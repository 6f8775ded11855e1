// Which members each kind has, in the words of the editor and with the input that asks for each (T78). What a member may be the model of forms says; this table only asks.
import type { Raw } from './kinds.ts'

type As = 'text' | 'area' | 'code' | 'number' | 'flag' | 'date' | 'time' | 'choice' | 'lines'
export type Member = {
  member: string
  label: string
  as: As
  hint?: string
  /** What it is where nothing is said. */
  fallback?: unknown
  options?: readonly { value: string; label: string }[]
}

const ask =
  (as: As) =>
  (member: string, label: string, more: Omit<Member, 'member' | 'label' | 'as'> = {}): Member => ({ member, label, as, ...more })
const text = ask('text')
const area = ask('area')
const code = ask('code')
const number = ask('number')
const flag = ask('flag')
const date = ask('date')
const time = ask('time')
const choice = ask('choice')
const lines = ask('lines')

const MOMENT = 'With its offset, such as 2026-01-31T08:30:00Z.'
const placeholder = text('placeholder', 'Example in the empty field')
const lengths = [number('min_length', 'Characters at least'), number('max_length', 'Characters at most')]
const counts = [number('min_count', 'At least'), number('max_count', 'At most')]
const subtitle = text('subtitle', 'Words below it')
const currency = text('currency_code', 'Currency', { hint: 'Such as EUR.' })
const address = (label: string) => text('url', label, { hint: 'https://…; it loads after a click.' })

const SUBTYPES = [
  { value: 'plain', label: 'Any text' },
  { value: 'email', label: 'E-mail address' },
  { value: 'url', label: 'Web address' },
  { value: 'phone', label: 'Telephone number' },
  { value: 'number', label: 'Number' },
  { value: 'currency', label: 'Amount of money' },
  { value: 'password', label: 'Secret, hidden while typed' },
]

export const isNumeric = (field: Raw): boolean =>
  field.kind === 'short_text' && (field.subtype === 'number' || field.subtype === 'currency')

const MEMBERS: Record<string, readonly Member[]> = {
  display_text: [area('text', 'Words'), flag('markdown', 'Read it as Markdown')],
  long_text: [placeholder, ...lengths, number('rows', 'Lines high'), area('default', 'Filled in at first')],
  rich_text: [placeholder, number('max_length', 'Characters at most'), area('default', 'Filled in at first')],
  switch: [text('true_label', 'Word for yes', { fallback: 'Yes' }), text('false_label', 'Word for no', { fallback: 'No' })],
  multi_select: counts,
  picture_choice: [flag('multiple', 'Several may be chosen')],
  slider: [
    number('min', 'From', { fallback: 0 }),
    number('max', 'To', { fallback: 100 }),
    number('step', 'In steps of', { fallback: 1 }),
    number('default', 'Stands at first at'),
    text('prefix', 'Before the number'),
    text('suffix', 'Behind the number'),
  ],
  star_rating: [number('max', 'Stars', { fallback: 5 }), number('default', 'Lit at first')],
  opinion_scale: [
    number('min', 'From', { fallback: 1 }),
    number('max', 'To', { fallback: 10 }),
    text('min_label', 'Word at the low end'),
    text('max_label', 'Word at the high end'),
    number('default', 'Chosen at first'),
  ],
  date: [date('min_date', 'Not before'), date('max_date', 'Not after'), date('default', 'Filled in at first')],
  datetime: [
    text('min_datetime', 'Not before', { hint: MOMENT }),
    text('max_datetime', 'Not after', { hint: MOMENT }),
    text('timezone', 'Time zone', { hint: 'Such as Europe/Vienna; else that of whoever answers.' }),
    text('default', 'Filled in at first', { hint: MOMENT }),
  ],
  date_range: [
    date('min_date', 'Not before'),
    date('max_date', 'Not after'),
    number('min_days', 'Days at least'),
    number('max_days', 'Days at most'),
  ],
  time: [
    time('min_time', 'Not before'),
    time('max_time', 'Not after'),
    number('step_minutes', 'In steps of minutes'),
    time('default', 'Filled in at first'),
  ],
  file_upload: [
    lines('accept', 'Types that are taken', { hint: 'One a line, such as application/pdf or .png.' }),
    number('max_size_bytes', 'Bytes at most'),
    flag('multiple', 'Several files'),
    ...counts,
  ],
  signature: [
    choice('format', 'Kept as', {
      fallback: 'png',
      options: [
        { value: 'png', label: 'PNG' },
        { value: 'svg', label: 'SVG' },
      ],
    }),
  ],
  image: [
    address('Address of the picture'),
    text('alt', 'What it shows, for who does not see it'),
    number('width', 'Pixels wide'),
    number('height', 'Pixels high'),
  ],
  video: [address('Address of the video'), text('poster_url', 'Address of its still'), flag('autoplay', 'Plays by itself')],
  pdf_viewer: [address('Address of the PDF'), number('height', 'Pixels high')],
  html: [
    code('html', 'HTML', { hint: 'Shown in a frame of its own, without scripts of the page and without loading anything.' }),
  ],
  section: [text('title', 'Heading'), subtitle],
  section_collapse: [text('title', 'Heading'), subtitle, flag('default_open', 'Open at first', { fallback: true })],
  table: [
    number('min_rows', 'Rows at least'),
    number('max_rows', 'Rows at most'),
    number('initial_rows', 'Empty rows at first', { fallback: 1 }),
    flag('allow_add_row', 'Rows can be added', { fallback: true }),
    flag('allow_remove_row', 'Rows can be removed', { fallback: true }),
  ],
  subform: [
    number('min_count', 'Entries at least'),
    number('max_count', 'Entries at most'),
    number('initial_count', 'Empty entries at first', { fallback: 1 }),
    text('add_label', 'Button that adds one', { fallback: 'Add' }),
    text('remove_label', 'Button that removes one', { fallback: 'Remove' }),
  ],
}

export function membersOf(field: Raw): readonly Member[] {
  if (field.kind !== 'short_text') return MEMBERS[String(field.kind)] ?? []
  const subtype = choice('subtype', 'What is typed', { fallback: 'plain', options: SUBTYPES })
  const first = text('default', 'Filled in at first')
  if (isNumeric(field)) return [subtype, ...(field.subtype === 'currency' ? [currency] : []), placeholder, first]
  return [
    subtype,
    placeholder,
    ...lengths,
    code('pattern', 'Pattern', { hint: 'A regular expression, such as ^[A-Z]{2}$.' }),
    first,
  ]
}

const COLUMN_KINDS = [
  { value: 'short_text', label: 'Short text' },
  { value: 'long_text', label: 'Long text' },
  { value: 'number', label: 'Number' },
  { value: 'currency', label: 'Amount of money' },
  { value: 'switch', label: 'Yes or no' },
  { value: 'single_select', label: 'One of several' },
  { value: 'date', label: 'Date' },
  { value: 'datetime', label: 'Date and time' },
]

export function membersOfColumn(column: Raw): readonly Member[] {
  const isNumber = column.kind === 'number' || column.kind === 'currency'
  return [
    choice('kind', 'Kind', { options: COLUMN_KINDS }),
    ...(column.kind === 'currency' ? [currency] : []),
    ...(isNumber ? [number('min_value', 'At least'), number('max_value', 'At most')] : []),
    ...(column.kind === 'switch' || column.kind === 'single_select' ? [] : [placeholder]),
    flag('required', 'Required', { fallback: true }),
  ]
}
