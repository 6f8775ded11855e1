// Which members each kind has, in the words of the editor and with the input that asks for each (T78). What a member may be the model of forms says; this table only asks.

import { t } from '../text/t.ts'
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

const MOMENT = t('With its offset, such as 2026-01-31T08:30:00Z.')
const placeholder = text('placeholder', t('Example in the empty field'))
const lengths = [number('min_length', t('Characters at least')), number('max_length', t('Characters at most'))]
const counts = [number('min_count', t('At least')), number('max_count', t('At most'))]
const subtitle = text('subtitle', t('Words below it'))
const currency = text('currency_code', t('Currency'), { hint: t('Such as EUR.') })
const address = (label: string) => text('url', label, { hint: t('https://…; it loads after a click.') })

const SUBTYPES = [
  { value: 'plain', label: t('Any text') },
  { value: 'email', label: t('E-mail address') },
  { value: 'url', label: t('Web address') },
  { value: 'phone', label: t('Telephone number') },
  { value: 'number', label: t('Number') },
  { value: 'currency', label: t('Amount of money') },
  { value: 'password', label: t('Secret, hidden while typed') },
]

export const isNumeric = (field: Raw): boolean =>
  field.kind === 'short_text' && (field.subtype === 'number' || field.subtype === 'currency')

const MEMBERS: Record<string, readonly Member[]> = {
  display_text: [area('text', t('Words')), flag('markdown', t('Read it as Markdown'))],
  long_text: [placeholder, ...lengths, number('rows', t('Lines high')), area('default', t('Filled in at first'))],
  rich_text: [placeholder, number('max_length', t('Characters at most')), area('default', t('Filled in at first'))],
  switch: [
    text('true_label', t('Word for yes'), { fallback: t('Yes') }),
    text('false_label', t('Word for no'), { fallback: t('No') }),
  ],
  multi_select: counts,
  picture_choice: [flag('multiple', t('Several may be chosen'))],
  slider: [
    number('min', t('From'), { fallback: 0 }),
    number('max', t('To'), { fallback: 100 }),
    number('step', t('In steps of'), { fallback: 1 }),
    number('default', t('Stands at first at')),
    text('prefix', t('Before the number')),
    text('suffix', t('Behind the number')),
  ],
  star_rating: [number('max', t('Stars'), { fallback: 5 }), number('default', t('Lit at first'))],
  opinion_scale: [
    number('min', t('From'), { fallback: 1 }),
    number('max', t('To'), { fallback: 10 }),
    text('min_label', t('Word at the low end')),
    text('max_label', t('Word at the high end')),
    number('default', t('Chosen at first')),
  ],
  date: [date('min_date', t('Not before')), date('max_date', t('Not after')), date('default', t('Filled in at first'))],
  datetime: [
    text('min_datetime', t('Not before'), { hint: MOMENT }),
    text('max_datetime', t('Not after'), { hint: MOMENT }),
    text('timezone', t('Time zone'), { hint: t('Such as Europe/Vienna; else that of whoever answers.') }),
    text('default', t('Filled in at first'), { hint: MOMENT }),
  ],
  date_range: [
    date('min_date', t('Not before')),
    date('max_date', t('Not after')),
    number('min_days', t('Days at least')),
    number('max_days', t('Days at most')),
  ],
  time: [
    time('min_time', t('Not before')),
    time('max_time', t('Not after')),
    number('step_minutes', t('In steps of minutes')),
    time('default', t('Filled in at first')),
  ],
  file_upload: [
    lines('accept', t('Types that are taken'), { hint: t('One a line, such as application/pdf or .png.') }),
    number('max_size_bytes', t('Bytes at most')),
    flag('multiple', t('Several files')),
    ...counts,
  ],
  signature: [
    choice('format', t('Kept as'), {
      fallback: 'png',
      options: [
        { value: 'png', label: t('PNG') },
        { value: 'svg', label: t('SVG') },
      ],
    }),
  ],
  image: [
    address(t('Address of the picture')),
    text('alt', t('What it shows, for who does not see it')),
    number('width', t('Pixels wide')),
    number('height', t('Pixels high')),
  ],
  video: [
    address(t('Address of the video')),
    text('poster_url', t('Address of its still')),
    flag('autoplay', t('Plays by itself')),
  ],
  pdf_viewer: [address(t('Address of the PDF')), number('height', t('Pixels high'))],
  html: [
    code('html', t('HTML'), {
      hint: t('Shown in a frame of its own, without scripts of the page and without loading anything.'),
    }),
  ],
  section: [text('title', t('Heading')), subtitle],
  section_collapse: [text('title', t('Heading')), subtitle, flag('default_open', t('Open at first'), { fallback: true })],
  table: [
    number('min_rows', t('Rows at least')),
    number('max_rows', t('Rows at most')),
    number('initial_rows', t('Empty rows at first'), { fallback: 1 }),
    flag('allow_add_row', t('Rows can be added'), { fallback: true }),
    flag('allow_remove_row', t('Rows can be removed'), { fallback: true }),
  ],
  subform: [
    number('min_count', t('Entries at least')),
    number('max_count', t('Entries at most')),
    number('initial_count', t('Empty entries at first'), { fallback: 1 }),
    text('add_label', t('Button that adds one'), { fallback: t('Add') }),
    text('remove_label', t('Button that removes one'), { fallback: t('Remove') }),
  ],
}

export function membersOf(field: Raw): readonly Member[] {
  if (field.kind !== 'short_text') return MEMBERS[String(field.kind)] ?? []
  const subtype = choice('subtype', t('What is typed'), { fallback: 'plain', options: SUBTYPES })
  const first = text('default', t('Filled in at first'))
  if (isNumeric(field)) return [subtype, ...(field.subtype === 'currency' ? [currency] : []), placeholder, first]
  return [
    subtype,
    placeholder,
    ...lengths,
    code('pattern', t('Pattern'), { hint: t("A regular expression, such as ^[A-Z]'{'2'}'$.") }),
    first,
  ]
}

const COLUMN_KINDS = [
  { value: 'short_text', label: t('Short text') },
  { value: 'long_text', label: t('Long text') },
  { value: 'number', label: t('Number') },
  { value: 'currency', label: t('Amount of money') },
  { value: 'switch', label: t('Yes or no') },
  { value: 'single_select', label: t('One of several') },
  { value: 'date', label: t('Date') },
  { value: 'datetime', label: t('Date and time') },
]

export function membersOfColumn(column: Raw): readonly Member[] {
  const isNumber = column.kind === 'number' || column.kind === 'currency'
  return [
    choice('kind', t('Kind'), { options: COLUMN_KINDS }),
    ...(column.kind === 'currency' ? [currency] : []),
    ...(isNumber ? [number('min_value', t('At least')), number('max_value', t('At most'))] : []),
    ...(column.kind === 'switch' || column.kind === 'single_select' ? [] : [placeholder]),
    flag('required', t('Required'), { fallback: true }),
  ]
}
