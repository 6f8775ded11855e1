// The keys of a callback receiver (Q132): a list of one's own, or a file that is read again when it changes. The first key signs, all verify.
// Never prints a key, never uses a file that others can reach, and never gives up keys that work for a file that does not.
import { readFileSync, statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { QueueError } from './error.ts'
import type { Log } from './host.ts'
import { type CallbackKey, checkKeys } from './signature.ts'

export type CallbackKeys = {
  readonly keys: readonly CallbackKey[]
  /** Of version 1, each 32 bytes, without ids. */
  readonly awa: readonly Uint8Array[]
}

export type KeySource = { read(): Promise<CallbackKeys> }

/** Keys that do not change while this process lives. */
export function fixedKeys(keys: readonly CallbackKey[], awa: readonly Uint8Array[] = []): KeySource {
  const all = checked({ keys, awa })
  return { read: async () => all }
}

function checked(all: CallbackKeys): CallbackKeys {
  checkKeys(all.keys)
  for (const [i, key] of all.awa.entries())
    if (key.length !== 32) throw QueueError.invalid(`/awa/${i}`, 'a key of version 1 has exactly 32 bytes')
  return all
}

/** The first key that may sign now. */
export const signingKey = ({ keys }: CallbackKeys, now: Date): CallbackKey | undefined =>
  keys.find(({ notAfter }) => !notAfter || notAfter > now)

export type KeyFileOptions = {
  log?: Log
  /** What the file calls a tenant, as its uuid. */
  tenantOf?: (spoken: string) => string
}

/**
 * Keys from a JSON file of mode 0600: `{ "keys": [{ "id": "k2", "secret": "<64 or more hex digits>", "not_after"?, "tenant"? }], "awa"?: ["<64 hex digits>"] }`.
 * Throws when it cannot be used now; later, a file that cannot be used is said in the log and the keys before stay.
 * @example const keys = openKeyFile('/run/secrets/callback-keys.json')
 */
export function openKeyFile(path: string, options: KeyFileOptions = {}): KeySource {
  const { log, tenantOf = (spoken) => spoken } = options
  let { mark, all } = load(path, tenantOf)
  return {
    async read() {
      const now = await markOf(path)
      if (now === mark) return all
      mark = now
      try {
        const changed = load(path, tenantOf)
        mark = changed.mark
        all = changed.all
        log?.info({ file: path, keys: all.keys.map((key) => key.id) }, 'the callback keys were read again')
      } catch (error) {
        log?.error({ err: error, file: path }, 'the callback keys cannot be used as they stand now; those before stay')
      }
      return all
    },
  }
}

type Marked = { ino: number; size: number; mtimeMs: number; mode: number }

/** What changes when the file does, also when another takes its place. */
const spokenMark = ({ ino, size, mtimeMs, mode }: Marked): string => [ino, size, mtimeMs, mode].join(' ')

const markOf = (path: string): Promise<string> =>
  stat(path).then(spokenMark, (error: unknown) => `none ${error instanceof Error && 'code' in error ? error.code : ''}`)

const unusable = (sentence: string, cause?: unknown) => new QueueError('validation_failed', sentence, {}, { cause })

function load(path: string, tenantOf: (spoken: string) => string): { mark: string; all: CallbackKeys } {
  const { found, text } = readMarked(path)
  if (found.mode & 0o077)
    throw unusable(`the key file ${path} has mode ${(found.mode & 0o777).toString(8)}: others can reach it; use 600`)
  return { mark: spokenMark(found), all: checked(parseKeys(text, tenantOf)) }
}

function readMarked(path: string): { found: Marked; text: string } {
  try {
    return { found: statSync(path), text: readFileSync(path, 'utf8') }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : 'unreadable'
    throw unusable(`the key file ${path} cannot be read (${code})`, error)
  }
}

function parseKeys(text: string, tenantOf: (spoken: string) => string): CallbackKeys {
  // The parser's own message would quote the file.
  const file = parsed(text)
  const { keys = [], awa = [], ...rest } = asObject(file, '')
  const [strange] = Object.keys(rest)
  if (strange !== undefined) throw QueueError.invalid(`/${strange}`, 'a key file has keys and awa')
  return {
    keys: asList(keys, '/keys').map((one, i) => keyOf(asObject(one, `/keys/${i}`), `/keys/${i}`, tenantOf)),
    awa: asList(awa, '/awa').map((one, i) => bytesOf(one, `/awa/${i}`)),
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw unusable('a key file is JSON')
  }
}

function keyOf(one: Record<string, unknown>, path: string, tenantOf: (spoken: string) => string): CallbackKey {
  const { id, secret, not_after, tenant, ...rest } = one
  const [strange] = Object.keys(rest)
  if (strange !== undefined) throw QueueError.invalid(`${path}/${strange}`, 'a key has id, secret, not_after and tenant')
  const notAfter = not_after === undefined ? undefined : new Date(String(not_after))
  if (notAfter && Number.isNaN(notAfter.getTime())) throw QueueError.invalid(`${path}/not_after`, 'is an RFC 3339 time')
  const tenantId = tenant === undefined ? undefined : tenantOf(String(tenant)).toLowerCase()
  if (tenantId !== undefined && !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(tenantId))
    throw QueueError.invalid(`${path}/tenant`, 'is the id of a tenant')
  return { id: String(id), secret: bytesOf(secret, `${path}/secret`), notAfter, tenantId }
}

function bytesOf(value: unknown, path: string): Uint8Array {
  if (typeof value !== 'string' || !/^([0-9a-fA-F]{2})+$/.test(value)) throw QueueError.invalid(path, 'is hexadecimal')
  return new Uint8Array(Buffer.from(value, 'hex'))
}

function asObject(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw QueueError.invalid(path, 'is an object')
  return value as Record<string, unknown> // every object is one
}

function asList(value: unknown, path: string): unknown[] {
  if (!Array.isArray(value)) throw QueueError.invalid(path, 'is a list')
  return value
}
