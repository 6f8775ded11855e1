// Parts between the two wires: ours (`media_type`, snake case) and A2A's ProtoJSON. Content goes through untouched; only the spelling of base64 is made one.
import { Part as PartCodec } from '@a2a-js/sdk'
import type { Part } from '../model.ts'

export type WireObject = Record<string, unknown>
/** As the SDK holds it. */
export type SdkPart = ReturnType<typeof PartCodec.fromJSON>

/** ProtoJSON takes a member by its camel case name and by the one of the schema. */
export const member = (object: WireObject, name: string): unknown => {
  const own = object[name]
  if (own !== undefined && own !== null) return own
  return object[name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)] ?? undefined
}

export const isObject = (value: unknown): value is WireObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.getPrototypeOf(value) === Object.prototype

/** The contents that a part of the wire holds. `data` is any JSON value, null as well; of the others null means: not there. */
export const contentsOf = (part: WireObject): ('text' | 'data' | 'raw' | 'url')[] => [
  ...(['text', 'raw', 'url'] as const).filter((name) => part[name] !== undefined && part[name] !== null),
  ...('data' in part && part.data !== undefined ? (['data'] as const) : []),
]

/** Base64 in either alphabet, padded or not; null for anything else. */
export function base64Of(text: string): Buffer | null {
  const plain = text.replaceAll('-', '+').replaceAll('_', '/').replace(/=+$/, '')
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text.replaceAll('-', '+').replaceAll('_', '/')) || plain.length % 4 === 1) return null
  return Buffer.from(plain, 'base64')
}

/** Of a part that `check.ts` has passed. */
export function partFromWire(wire: WireObject): Part {
  const [content] = contentsOf(wire)
  const part: Part = {}
  if (content === 'text') part.text = wire.text as string
  if (content === 'data') part.data = wire.data
  if (content === 'raw') part.raw = (base64Of(wire.raw as string) as Buffer).toString('base64')
  if (content === 'url') part.url = wire.url as string
  const mediaType = member(wire, 'mediaType')
  if (typeof mediaType === 'string' && mediaType !== '') part.media_type = mediaType
  if (typeof wire.filename === 'string' && wire.filename !== '') part.filename = wire.filename
  if (isObject(wire.metadata)) part.metadata = wire.metadata
  return part
}

/** As the codec would read it; but for `data: null`, which it takes for a part without content. */
export function partToSdk(part: Part): SdkPart {
  const { media_type: mediaType, ...rest } = part
  const made = PartCodec.fromJSON({ ...rest, ...(mediaType === undefined ? {} : { mediaType }) })
  return part.data === null ? { ...made, content: { $case: 'data', value: null } } : made
}
