// The contents of a message as they come in (relay.md §3.1, R33, R37): one of text, data or parts; each part exactly one content. Throws `validation_failed` with the path of the
// fault; opens no URL and reads no file.
import { Problem } from '@countersign/sdk'
import { s } from '../../http/route.ts'
import type { Part } from '../model.ts'

export const MAX_PARTS = 32
const MAX_TEXT_BYTES = 512 * 1024
const MAX_RAW_BYTES = 512 * 1024
const MAX_METADATA_BYTES = 16 * 1024
const MAX_DEPTH = 32
const MAX_URL = 2_048
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const MEDIA_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}(?: *; *[\x20-\x7e]{1,200})?$/i

const Metadata = s.record(s.json())
export const PartBody = s.named(
  'Part',
  s.object({
    text: s.optional(s.text({ max: MAX_TEXT_BYTES })),
    data: s.optional(s.json()),
    raw: s.optional(s.text({ max: Math.ceil(MAX_RAW_BYTES / 3) * 4 })).describe('base64'),
    url: s.optional(s.text({ max: 5_000 })).describe('https; passed on and never opened.'),
    media_type: s.optional(s.text({ min: 3, max: 255 })),
    filename: s.optional(s.line({ max: 255 })),
    metadata: s.optional(Metadata),
  }),
  'One content: `text`, `data`, `raw` or `url`.',
)
export const Content = {
  text: s.optional(s.text({ min: 1, max: MAX_TEXT_BYTES })),
  data: s.optional(s.json()),
  parts: s.optional(s.array(PartBody, { max: MAX_PARTS })),
  metadata: s.optional(Metadata),
}
export type ContentInput = {
  text?: string | undefined
  data?: unknown
  parts?: readonly PartInput[] | undefined
  metadata?: Record<string, unknown> | undefined
}
type PartInput = { [K in keyof Part]?: Part[K] | undefined }

type Fault = { path: string; code: string; message: string }
const refuse = (path: string, code: string, message: string): never => {
  throw new Problem('validation_failed', { errors: [{ path, code, message } satisfies Fault] })
}

/** `at`: where the content stands in the body, as a path. */
export function readContent(input: ContentInput, at = ''): { parts: Part[]; metadata?: Record<string, unknown> } {
  const given = (['text', 'data', 'parts'] as const).filter((name) => input[name] !== undefined)
  if (given.length !== 1) refuse(at || '/', 'one_of', 'Exactly one of text, data and parts must be there.')
  const parts = partsOf(input)
  if (parts.length === 0) refuse(`${at}/parts`, 'too_small', 'At least one part must be there.')
  parts.forEach((part, i) => {
    checkPart(part, input.parts ? `${at}/parts/${i}` : at)
  })
  checkMetadata(input.metadata, `${at}/metadata`)
  return { parts, ...(input.metadata === undefined ? {} : { metadata: input.metadata }) }
}

function partsOf({ text, data, parts }: ContentInput): Part[] {
  if (text !== undefined) return [{ text }]
  if (data !== undefined) return [{ data }]
  return (parts ?? []).map((part) => Object.fromEntries(Object.entries(part).filter(([, value]) => value !== undefined)) as Part)
}

function checkPart(part: Part, at: string): void {
  const kinds = kindsOf(part)
  if (kinds.length !== 1) refuse(at || '/', 'one_of', 'A part has exactly one content: text, data, raw or url.')
  const { text, data, raw, url, media_type: type } = part
  if (text !== undefined && Buffer.byteLength(text) > MAX_TEXT_BYTES)
    refuse(`${at}/text`, 'too_big', `At most ${MAX_TEXT_BYTES} bytes.`)
  if (data !== undefined && depthOf(data) > MAX_DEPTH) refuse(`${at}/data`, 'too_deep', `At most ${MAX_DEPTH} levels.`)
  if (raw !== undefined) checkRaw(raw, `${at}/raw`)
  if (url !== undefined) checkUrlText(url, `${at}/url`)
  if (type !== undefined && !MEDIA_TYPE.test(type)) refuse(`${at}/media_type`, 'invalid_format', 'Must be a media type.')
  checkMetadata(part.metadata, `${at}/metadata`)
}

function checkRaw(raw: string, at: string): void {
  if (!BASE64.test(raw)) refuse(at, 'invalid_format', 'Must be base64.')
  if (Buffer.byteLength(raw, 'base64') > MAX_RAW_BYTES) refuse(at, 'too_big', `At most ${MAX_RAW_BYTES} bytes when decoded.`)
}

// A text that is shown and passed on; nobody here follows it.
function checkUrlText(url: string, at: string): void {
  if (url.length > MAX_URL) refuse(at, 'too_big', `At most ${MAX_URL} characters.`)
  if (!/^https:\/\/[^\s/?#@]+(?:[/?#][^\s]*)?$/i.test(url)) refuse(at, 'invalid_format', 'Must be an https URL.')
}

function checkMetadata(metadata: Record<string, unknown> | undefined, at: string): void {
  if (metadata !== undefined && Buffer.byteLength(JSON.stringify(metadata)) > MAX_METADATA_BYTES)
    refuse(at, 'too_big', `At most ${MAX_METADATA_BYTES} bytes.`)
}

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  return 1 + Math.max(0, ...Object.values(value).map(depthOf))
}

const CONTENTS = ['text', 'data', 'raw', 'url'] as const
const kindsOf = (part: Part) => CONTENTS.filter((name) => part[name] !== undefined)
/** Which contents there are, each once. */
export const partKinds = (parts: readonly Part[]): string[] => [...new Set(parts.flatMap(kindsOf))]

/** What a part counts as where it says nothing (R105). */
export const mediaTypeOf = (part: Part): string =>
  (
    part.media_type ??
    (part.text !== undefined ? 'text/plain' : part.data !== undefined ? 'application/json' : 'application/octet-stream')
  )
    .split(';')[0]
    ?.trim()
    .toLowerCase() as string
export const mediaTypes = (parts: readonly Part[]): string[] => [...new Set(parts.map(mediaTypeOf))]

/** Whether an agent that takes `modes` takes this type: exactly, by its family (`image/*`), or anything (`*\/*`). */
export const isAccepted = (type: string, modes: readonly string[]): boolean =>
  modes.some((mode) => mode === type || mode === '*/*' || (mode.endsWith('/*') && type.startsWith(mode.slice(0, -1))))
