// Sealing (Q88): payload, output and progress data of a kind with a codec are stored as `{"countersign:sealed": "<text>"}`, and only a process that
// declares the kind can read them. The database, a reader without the codec and every log see no more than that there is something. Never holds a key,
// and never stores in plain what it could not encode.
import { isDeepStrictEqual } from 'node:util'
import type { Enqueue, UniqueRule } from './enqueue.ts'
import { QueueError } from './error.ts'
import { jsonText, MAX_PAYLOAD } from './json.ts'
import type { JobRow } from './sql.ts'

/**
 * Both work on JSON text. What `encode` makes is stored, and is what size limits count; `decode` gives the text back. A job whose `decode` throws is
 * tried again like any other, for a key may be on its way.
 */
export type Codec = {
  encode(text: string): string | Promise<string>
  decode(text: string): string | Promise<string>
}

const MEMBER = 'countersign:sealed'
export type Sealed = { readonly [MEMBER]: string }

/** What stands in place of a sealed value wherever it cannot be opened. */
export const SHOWN = '[sealed]'

/** The kinds of a process, as far as their codecs are concerned. */
export type Codecs = ReadonlyMap<string, { readonly codec?: Codec | undefined }>

export const hasCodecs = (kinds: Codecs): boolean => {
  for (const { codec } of kinds.values()) if (codec) return true
  return false
}

export const isSealed = (value: unknown): value is Sealed =>
  typeof value === 'object' && value !== null && typeof (value as Sealed)[MEMBER] === 'string' && Object.keys(value).length === 1

/** `path` names the value in a refusal. Nothing of the value stands in one. */
export async function seal(codec: Codec, value: unknown, path: string, most: number = MAX_PAYLOAD): Promise<Sealed> {
  const text = await codec.encode(jsonText(value, path, Number.POSITIVE_INFINITY))
  if (typeof text !== 'string') throw QueueError.invalid(path, 'the codec of its kind encodes to a text', 'codec')
  const sealed: Sealed = { [MEMBER]: text }
  jsonText(sealed, path, most)
  return sealed
}

/** What was stored before the kind had a codec, or by a producer without one, is plain and stays so. */
export const open = async (codec: Codec, value: unknown): Promise<unknown> =>
  isSealed(value) ? JSON.parse(await codec.decode(value[MEMBER])) : value

/** For readers: opened where this process can, `[sealed]` where it cannot, at whatever depth a follow-up put it. Never fails. */
export async function show(codec: Codec | undefined, value: unknown): Promise<unknown> {
  if (!codec || !isSealed(value)) return masked(value)
  try {
    return await open(codec, value)
  } catch {
    // A reader without the right key is told what one without any is told.
    return SHOWN
  }
}

function masked(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (isSealed(value)) return SHOWN
  if (Array.isArray(value)) return value.map(masked)
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, masked(member)]))
}

type ShownData = NonNullable<JobRow['progress']>['data']
type Progressed = { percent?: number; message?: string; data?: unknown }

export async function sealProgress<P extends Progressed>(
  codec: Codec | undefined,
  progress: P,
  most: number,
): Promise<Progressed> {
  if (!codec || progress.data === undefined) return progress
  return { ...progress, data: await seal(codec, progress.data, '/progress/data', most) }
}

export async function openProgress<P extends Progressed>(codec: Codec, progress: P | null): Promise<P | null> {
  return progress?.data === undefined ? progress : { ...progress, data: await open(codec, progress.data) }
}

/** A job as this process may see it. */
export async function showJob(kinds: Codecs, job: JobRow): Promise<JobRow> {
  const codec = kinds.get(job.kind)?.codec
  const [payload, output, data] = await Promise.all([job.payload, job.output, job.progress?.data].map((one) => show(codec, one)))
  const { progress } = job
  if (progress?.data === undefined) return { ...job, payload, output }
  return { ...job, payload, output, progress: { ...progress, data: data as ShownData } }
}

/** What a unique rule reads of the plain payload: sent beside the sealed one for its hash to be taken, and stored nowhere. */
const PARTS = Symbol('countersign.queue.parts')
type WithParts = { [PARTS]?: { of: unknown } }

export const uniquePartsOf = (job: Enqueue): { of?: unknown } => (job as WithParts)[PARTS] ?? {}

/** The job as it is to be stored. The keys of limits are what their functions made of the plain payload. */
export async function sealJob(codec: Codec | undefined, job: Enqueue): Promise<Enqueue> {
  if (!codec) return job
  const payload = await seal(codec, job.payload, '/payload')
  const by = job.unique?.by
  const parts: WithParts = by === undefined ? {} : { [PARTS]: { of: partsOf(job.payload, by) } }
  return { ...job, ...parts, payload }
}

function partsOf(payload: unknown, by: NonNullable<UniqueRule['by']>): unknown {
  const plain: unknown = JSON.parse(jsonText(payload, '/payload', Number.POSITIVE_INFINITY))
  if (by === 'payload') return plain
  const parts: Record<string, unknown> = {}
  // The shorter first: what lies inside of it is there by then.
  for (const path of by.map((one) => one.split('.')).sort((a, b) => a.length - b.length)) {
    const value = at(plain, path)
    if (value !== undefined) put(parts, path, value)
  }
  return parts
}

/** As `#>` of PostgreSQL finds it: members of objects, places of arrays, those below 0 from the end. */
function at(value: unknown, path: readonly string[]): unknown {
  let found = value
  for (const step of path) {
    if (Array.isArray(found)) found = /^-?\d+$/.test(step) ? found.at(Number(step)) : undefined
    else if (typeof found === 'object' && found !== null && Object.hasOwn(found, step))
      found = (found as Record<string, unknown>)[step]
    else return undefined
  }
  return found
}

function put(parts: Record<string, unknown>, [step = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) {
    define(parts, step, value)
    return
  }
  if (!Object.hasOwn(parts, step)) define(parts, step, {})
  const inner = parts[step]
  // In an array, or in a value that is named as a whole, it is already.
  if (typeof inner === 'object' && inner !== null && !Array.isArray(inner)) put(inner as Record<string, unknown>, rest, value)
}

// Not by assignment: a member may be named __proto__.
const define = (object: object, name: string, value: unknown): void => {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
}

/** An answer that has been given is given again as it is stored, so that the identical one stays no error. */
export async function sealAnswer(
  codec: Codec | undefined,
  callback: { state: string; payload: unknown },
  payload: unknown,
): Promise<unknown> {
  if (!codec) return payload
  if (callback.state !== 'open' && isSealed(callback.payload)) {
    const before = await open(codec, callback.payload)
    if (isDeepStrictEqual(before, JSON.parse(jsonText(payload, '/payload', Number.POSITIVE_INFINITY)))) return callback.payload
  }
  return seal(codec, payload, '/payload')
}
