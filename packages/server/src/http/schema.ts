// `s`: the words in which routes describe what goes over the wire; thin names over zod. A schema checks form and nothing else: no row, no clock, no right.
import * as z from 'zod'
import type { IdPrefix } from '../std/id.ts'
import { Digits, type Json, type JsonObject } from './json.ts'

export type Shape = Record<string, z.ZodType>
/** What a verb receives once a value has passed the schema. */
export type Parsed<T extends z.ZodType> = z.output<T>
export type ParsedShape<T extends Shape> = z.output<z.ZodObject<T>>

type Range = { min?: number; max?: number }

const inRange = (value: number, { min = -Infinity, max = Infinity }: Range) => value >= min && value <= max
const say = ({ min, max }: Range) => `between ${min ?? 'any'} and ${max ?? 'any'}`

const NOT_IN_A_LINE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u
const EMAIL =
  /^[^\s@<>"(),:;\\[\]\p{C}]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]$/u
// Year, month, day, hour, minute, second; a leap second and the year 10000 are not times here.
const TIME =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/

/** `Date` rolls 30 February over into March; a day that does not exist is no time. */
const dayExists = (text: string): boolean => {
  const [year, month, day] = text.slice(0, 10).split('-').map(Number) as [number, number, number]
  return day <= new Date(Date.UTC(year, month, 0)).getUTCDate()
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Digits)

/** One schema for all that ask for the same: hundreds of routes do, a schema never changes (what describes one makes another), and each holds a kilobyte. */
function once<Args extends readonly unknown[], T>(make: (...args: Args) => T): (...args: Args) => T {
  const made = new Map<string, T>()
  return (...args) => {
    const key = JSON.stringify(args)
    const schema = made.get(key) ?? make(...args)
    made.set(key, schema)
    return schema
  }
}

/** The same for what wraps another schema, for as long as that one is there. */
function onceFor<T>(wrap: (schema: z.ZodType) => T): (schema: z.ZodType) => T {
  const made = new WeakMap<z.ZodType, T>()
  return (schema) => {
    const wrapped = made.get(schema) ?? wrap(schema)
    made.set(schema, wrapped)
    return wrapped
  }
}

const one = {
  id: once((...prefixes: string[]) =>
    z
      .string()
      .regex(
        new RegExp(`^(?:${prefixes.join('|')})_[0-7][0-9A-HJKMNP-TV-Z]{25}$`),
        `Must be an id that starts with ${prefixes.map((p) => `${p}_`).join(' or ')}.`,
      ),
  ),
  text: once((min: number, max: number) => {
    const text = z.string().min(min).max(max)
    return min > 0 ? text.regex(/^$|\S/, 'May not be blank.') : text
  }),
  line: once((min: number, max: number) =>
    z
      .string()
      .min(min)
      .max(max)
      .refine((text) => min === 0 || /^$|\S/.test(text), 'May not be blank.')
      .refine((text) => !NOT_IN_A_LINE.test(text), 'May hold no control characters.'),
  ),
  email: once(() => z.string().max(320).regex(EMAIL, 'Must be an e-mail address.').meta({ format: 'email' })),
  time: once(() =>
    z
      .string()
      .regex(TIME, 'Must be a time such as 2026-01-31T12:00:00.000Z.')
      .refine((text) => !TIME.test(text) || dayExists(text), 'This day does not exist.')
      .meta({ format: 'date-time', pattern: undefined })
      .transform((text) => new Date(text)),
  ),
  int: once((min: number, max: number) => z.int().min(min).max(max)),
  boolean: once(() => z.boolean()),
  literal: once((value: string | number | boolean | null) => z.literal(value)),
  oneOf: once((...values: string[]) => z.enum(values)),
  json: once(() =>
    z.custom<Json>((value) => value !== undefined, 'Must be a JSON value.').meta({ description: 'Any JSON value.' }),
  ),
  jsonObject: once(() =>
    z.custom<JsonObject>(isObject, 'Must be an object.').meta({ type: 'object', additionalProperties: true }),
  ),
  nullable: onceFor((schema) => z.nullable(schema)),
  optional: onceFor((schema) => z.optional(schema)),
  nullish: onceFor((schema) => z.nullish(schema)),
  arrays: onceFor((item) => once((min: number, max: number) => z.array(item).min(min).max(max))),
  record: onceFor((value) => z.record(z.string(), value)),
  cursor: once(() => z.nullable(z.string()).describe('Hand it back as `cursor` for what follows; null at the end.')),
  page: once(() => ({
    limit: z._default(z.int().min(1).max(200), 50).describe('How many to answer, 1 to 200.'),
    cursor: z
      .optional(z.string().min(1).max(2_000))
      .describe('The `next_cursor` of the answer before; it ends 24 hours after that answer.'),
  })),
}

export const s = {
  /** An id as it is spoken: `task_…`. Elsewhere than in a path, another text is 422. */
  id: (...prefixes: [IdPrefix, ...IdPrefix[]]) => one.id(...prefixes),

  /** Free text, line breaks and all. With `min` of 1 or more it may not be blank. */
  text: ({ min = 0, max = 10_000 }: Range = {}) => one.text(min, max),

  /** One line that people read in lists: no control character, nothing that turns the direction of writing. */
  line: ({ min = 1, max = 200 }: Range = {}) => one.line(min, max),

  pattern: (pattern: RegExp, message: string) => z.string().regex(pattern, message),

  email: () => one.email(),

  /** RFC 3339 on the wire; a `Date` for the verb. Rows are answered as `Date` and leave with milliseconds and `Z`. */
  time: () => one.time(),

  /** An integer that a double holds exactly. */
  int: ({ min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER }: Range = {}) => one.int(min, max),

  number: (range: Range = {}) =>
    z
      .custom<number | Digits>((value) => typeof value === 'number' || value instanceof Digits, 'Must be a number.')
      .refine((value) => inRange(Number(value), range), `Must be ${say(range)}.`)
      .meta({ type: 'number', minimum: range.min, maximum: range.max })
      .transform((value) => Number(value)),

  boolean: () => one.boolean(),
  literal: <const T extends string | number | boolean | null>(value: T) => one.literal(value) as z.ZodLiteral<T>,
  oneOf: <const T extends [string, ...string[]]>(...values: T) =>
    one.oneOf(...values) as unknown as z.ZodEnum<z.core.util.ToEnum<T[number]>>,
  either: <const T extends [z.ZodType, z.ZodType, ...z.ZodType[]]>(...schemas: T) => z.union(schemas),

  /** Members by name; an unknown one is refused (and only named, on the compatible surface). */
  object: <T extends Shape>(shape: T) => z.strictObject(shape),
  array: <T extends z.ZodType>(item: T, { min = 0, max = 1_000 }: Range = {}) => one.arrays(item)(min, max) as z.ZodArray<T>,
  record: <T extends z.ZodType>(value: T) => one.record(value) as z.ZodRecord<z.ZodString, T>,

  /** May be null. */
  maybe: <T extends z.ZodType>(schema: T) => one.nullable(schema) as z.ZodNullable<T>,
  /** May be left out. */
  optional: <T extends z.ZodType>(schema: T) => one.optional(schema) as z.ZodOptional<T>,
  /** May be left out or null. */
  nullish: <T extends z.ZodType>(schema: T) => one.nullish(schema) as z.ZodOptional<z.ZodNullable<T>>,
  withDefault: <T extends z.ZodType>(schema: T, value: z.util.NoUndefined<z.output<T>>) => z._default(schema, value),

  /** Any JSON value, its digits kept (T6). */
  json: () => one.json(),
  /** A JSON object of any members, its digits kept (T6). */
  jsonObject: () => one.jsonObject(),

  /** Gives a schema a name of its own in the OpenAPI document and in the SDK's types. */
  named: <T extends z.ZodType>(name: string, schema: T, description?: string): T =>
    schema.meta({ id: name, ...(description ? { description } : {}) }) as T,

  /** What every list answers. */
  list: <T extends z.ZodType>(item: T) =>
    z.strictObject({
      data: z.array(item),
      next_cursor: one.cursor(),
    }),
  /** What every list asks for: spread it into `query`. */
  page: () => one.page(),
}
