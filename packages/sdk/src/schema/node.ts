// What a schema says, in words that both majors of Zod are read into. One reader per major makes it, one converter spends it.

export type StringFormat = 'date' | 'time' | 'date-time' | 'email' | 'uri' | 'uuid' | 'ipv4' | 'ipv6'

/** `beyond`: it checks more than the JSON Schema that is made of it can say. */
export type Node = { title?: string; description?: string; beyond?: boolean } & (
  | { kind: 'string'; min?: number; max?: number; format?: StringFormat; patterns: RegExp[] }
  | { kind: 'number'; integer: boolean; min?: number; max?: number; above?: number; below?: number; multipleOf?: number }
  | { kind: 'boolean' | 'null' | 'any' }
  | { kind: 'date' }
  | { kind: 'literal'; values: unknown[] }
  | { kind: 'object'; shape: Record<string, unknown>; rest: 'closed' | 'open' | { schema: unknown } }
  | { kind: 'array'; element: unknown; min?: number; max?: number }
  | { kind: 'tuple'; items: unknown[]; rest: unknown }
  | { kind: 'record'; key: unknown; value: unknown; exhaustive: boolean }
  | { kind: 'union'; options: unknown[]; exclusive: boolean }
  | { kind: 'intersection'; left: unknown; right: unknown }
  | { kind: 'optional'; inner: unknown }
  | { kind: 'nullable'; inner: unknown }
  | { kind: 'default'; inner: unknown; value: () => unknown }
  | { kind: 'wrapped'; inner: unknown }
  | { kind: 'lazy'; get: () => unknown }
  | { kind: 'unsaid'; what: string }
)

/** Reads one level of a schema; what stands below is read when it is asked for. */
export type Reader = (schema: unknown) => Node

export const FORMATS: Record<string, StringFormat> = {
  date: 'date',
  time: 'time',
  datetime: 'date-time',
  email: 'email',
  url: 'uri',
  uuid: 'uuid',
  guid: 'uuid',
  uuidv4: 'uuid',
  ipv4: 'ipv4',
  ipv6: 'ipv6',
}

/** JSON Schema has no flags, and the server takes no long pattern. */
export const isPlain = (pattern: RegExp): boolean => !/[ims]/.test(pattern.flags) && pattern.source.length <= 200

export const larger = (a: number | undefined, b: number) => (a === undefined ? b : Math.max(a, b))
export const smaller = (a: number | undefined, b: number) => (a === undefined ? b : Math.min(a, b))
