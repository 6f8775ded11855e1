// The members of each kind of field (T78) as a table, and what has to agree with what.
import { dayOf, momentOf, secondOf } from './calendar.ts'
import { COLUMN_KINDS, type Kind, SUBTYPES } from './kinds.ts'
import {
  any,
  clock,
  currency,
  day,
  flag,
  type Given,
  listOf,
  type Member,
  moment,
  needed,
  number,
  oneOf,
  optional,
  options,
  picture,
  text,
  value,
  type Wrong,
  wants,
  web,
  whole,
  zone,
} from './members.ts'

const pattern = text(1_000)
const ordered =
  (low: string, high: string, order: (one: unknown) => number | null) => (field: Given, at: string, wrong: Wrong) => {
    const [from, to] = [order(field[low]), order(field[high])]
    if (from !== null && to !== null && from > to) wrong(`${at}/${high}`, 'min_above_max', `${high} is below ${low}.`)
  }
const asNumber = (one: unknown): number | null => (typeof one === 'number' ? one : null)
type Agree = (field: Given, at: string, wrong: Wrong) => void
const both =
  (...all: Agree[]): Agree =>
  (field, at, wrong) =>
    all.forEach((one) => void one(field, at, wrong))

const offered: Agree = (field, at, wrong) => {
  const given = field.default === undefined ? [] : [field.default].flat()
  const values = ((field.options ?? []) as Given[]).map((option) => option.value)
  if (given.some((one) => !values.includes(one))) wrong(`${at}/default`, 'enum', 'The default is none of the options.')
}
const within =
  (low: string, high: string, order: (one: unknown) => number | null): Agree =>
  (field, at, wrong) => {
    const [from, own, to] = [order(field[low]), order(field.default), order(field[high])]
    if (own !== null && ((from !== null && own < from) || (to !== null && own > to)))
      wrong(`${at}/default`, 'out_of_range', `The default lies outside of ${low} and ${high}.`)
  }
const range = (low: string, high: string, order: (one: unknown) => number | null) =>
  both(ordered(low, high, order), within(low, high, order))
const counts = (low: string, high: string, most = 10_000) => ({
  [low]: optional(whole(0, most)),
  [high]: optional(whole(0, most)),
})

export const COLUMN: Record<string, Member> = {
  name: needed(text(200)),
  kind: needed(oneOf(COLUMN_KINDS)),
  label: optional(text(300)),
  required: optional(flag, true),
  placeholder: optional(text(300)),
  options: optional(options(false)),
  currency_code: optional(currency),
  min_value: optional(number),
  max_value: optional(number),
  default: optional(any),
}
export const columnAgrees: Agree = both(ordered('min_value', 'max_value', asNumber), (column, at, wrong) => {
  if (column.kind === 'single_select' && column.options === undefined) wrong(`${at}/options`, 'required', 'This is required.')
})

type Rules = { members: Record<string, Member>; agree?: Agree }
const length = counts('min_length', 'max_length', 1_000_000)

/** `fields` and `columns` are read by who knows how deep they stand. */
export const RULES: Record<Kind, Rules> = {
  display_text: { members: { text: needed(text(20_000)), markdown: optional(flag, false) } },
  short_text: {
    members: {
      subtype: optional(oneOf(SUBTYPES), 'plain'),
      placeholder: optional(text(300)),
      ...length,
      pattern: optional(pattern),
      currency_code: optional(currency),
      default: optional(value),
    },
    agree: ordered('min_length', 'max_length', asNumber),
  },
  long_text: {
    members: { placeholder: optional(text(300)), ...length, rows: optional(whole(1, 100)), default: optional(text(100_000)) },
    agree: ordered('min_length', 'max_length', asNumber),
  },
  rich_text: {
    members: { placeholder: optional(text(300)), max_length: optional(whole(0, 1_000_000)), default: optional(text(100_000)) },
  },
  switch: {
    members: { true_label: optional(text(100), 'Yes'), false_label: optional(text(100), 'No'), default: optional(flag) },
  },
  single_select: { members: { options: needed(options(false)), default: optional(value) }, agree: offered },
  multi_select: {
    members: { options: needed(options(false)), default: optional(listOf(value, 1_000)), ...counts('min_count', 'max_count') },
    agree: both(ordered('min_count', 'max_count', asNumber), offered),
  },
  picture_choice: {
    members: { options: needed(options(true)), multiple: optional(flag, false), default: optional(listOf(value, 1_000)) },
    agree: offered,
  },
  slider: {
    members: {
      min: optional(number, 0),
      max: optional(number, 100),
      step: optional(
        wants('out_of_range', 'This is a number above 0.', (one) => typeof one === 'number' && one > 0),
        1,
      ),
      default: optional(number),
      prefix: optional(text(20)),
      suffix: optional(text(20)),
    },
    agree: range('min', 'max', asNumber),
  },
  star_rating: {
    members: { max: optional(whole(1, 20), 5), default: optional(whole(1, 20)) },
    agree: within('min', 'max', asNumber),
  },
  opinion_scale: {
    members: {
      min: optional(whole(-100, 100), 1),
      max: optional(whole(-100, 100), 10),
      min_label: optional(text(100)),
      max_label: optional(text(100)),
      default: optional(whole(-100, 100)),
    },
    agree: both(range('min', 'max', asNumber), (field, at, wrong) => {
      if ((field.max as number) - (field.min as number) > 30) wrong(`${at}/max`, 'out_of_range', 'A scale has at most 31 points.')
    }),
  },
  ranking: { members: { options: needed(options(false)) } },
  date: {
    members: { min_date: optional(day), max_date: optional(day), default: optional(day) },
    agree: range('min_date', 'max_date', dayOf),
  },
  datetime: {
    members: {
      min_datetime: optional(moment),
      max_datetime: optional(moment),
      timezone: optional(zone),
      default: optional(moment),
    },
    agree: range('min_datetime', 'max_datetime', momentOf),
  },
  date_range: {
    members: { min_date: optional(day), max_date: optional(day), ...counts('min_days', 'max_days', 100_000) },
    agree: both(ordered('min_date', 'max_date', dayOf), ordered('min_days', 'max_days', asNumber)),
  },
  time: {
    members: {
      min_time: optional(clock),
      max_time: optional(clock),
      step_minutes: optional(whole(1, 1_440)),
      default: optional(clock),
    },
    agree: range('min_time', 'max_time', secondOf),
  },
  file_upload: {
    members: {
      accept: optional(listOf(text(200), 50)),
      max_size_bytes: optional(whole(1, 104_857_600)),
      multiple: optional(flag, false),
      ...counts('min_count', 'max_count', 20),
    },
    agree: ordered('min_count', 'max_count', asNumber),
  },
  signature: { members: { format: optional(oneOf(['png', 'svg']), 'png') } },
  image: {
    members: {
      url: needed(picture),
      alt: optional(text(1_000)),
      width: optional(whole(1, 10_000)),
      height: optional(whole(1, 10_000)),
    },
  },
  video: { members: { url: needed(web), poster_url: optional(picture), autoplay: optional(flag, false) } },
  pdf_viewer: { members: { url: needed(web), height: optional(whole(1, 10_000)) } },
  html: { members: { html: needed(text(50_000)) } },
  section: { members: { title: needed(text(300)), subtitle: optional(text(1_000)) } },
  divider: { members: {} },
  section_collapse: {
    members: { title: needed(text(300)), subtitle: optional(text(1_000)), default_open: optional(flag, true) },
  },
  table: {
    members: {
      ...counts('min_rows', 'max_rows', 1_000),
      initial_rows: optional(whole(0, 1_000), 1),
      allow_add_row: optional(flag, true),
      allow_remove_row: optional(flag, true),
    },
    agree: ordered('min_rows', 'max_rows', asNumber),
  },
  subform: {
    members: {
      ...counts('min_count', 'max_count', 1_000),
      initial_count: optional(whole(0, 1_000), 1),
      add_label: optional(text(100), 'Add'),
      remove_label: optional(text(100), 'Remove'),
    },
    agree: ordered('min_count', 'max_count', asNumber),
  },
}

export const COMMON: Record<string, Member> = {
  label: optional(text(300)),
  hint: optional(text(1_000)),
  required: optional(flag, true),
}
