// Which fields go through (V89). Those between two neighbours never do, nor does what Countersign says to or hears from its own side; so nobody can have an
// injected field stripped by naming it, and no upstream can speak as if it were the proxy.
import type { Field } from './flow.ts'
import { elementsOf, valuesOf } from './http1/head.ts'

const HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
])
/** Said anew by whoever writes the message. */
const FRAMING = new Set(['content-length', 'host', 'expect', 'via'])
/** Never in trailers, whoever sends them: a receiver may merge them into the head. */
const NO_TRAILER = new Set([
  ...FRAMING,
  'authorization',
  'cookie',
  'set-cookie',
  'content-type',
  'content-encoding',
  'location',
  'cache-control',
])

const ours = (name: string): boolean => name.startsWith('proxy-') || name.startsWith('countersign-')

const namedIn = (fields: readonly Field[]): ReadonlySet<string> | null => {
  const values = valuesOf(fields, 'connection')
  return values.length === 0 ? null : new Set(elementsOf(values))
}

/** A request's fields as they go on; Host, length and Via are set by who sends. */
export function requestFields(fields: readonly Field[]): Field[] {
  const named = namedIn(fields)
  return fields.filter(([raw]) => {
    const name = raw.toLowerCase()
    return !(HOP.has(name) || FRAMING.has(name) || ours(name) || named?.has(name))
  })
}

/** An answer's fields as they go back. HTTP/3 is not offered, so nobody is sent to it (V86). */
export function answerFields(fields: readonly Field[]): Field[] {
  const named = namedIn(fields)
  return fields.filter(([raw]) => {
    const name = raw.toLowerCase()
    return !(HOP.has(name) || name === 'content-length' || name === 'alt-svc' || ours(name) || named?.has(name))
  })
}

export const trailerFields = (fields: readonly Field[]): Field[] =>
  fields.filter(([raw]) => {
    const name = raw.toLowerCase()
    return !(HOP.has(name) || NO_TRAILER.has(name) || ours(name))
  })

export const lowered = (fields: readonly Field[]): [string, string][] =>
  fields.map(([name, value]) => [name.toLowerCase(), value])
