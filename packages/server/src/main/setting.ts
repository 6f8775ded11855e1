// The kinds of values a setting may have: each reads a text or says in words what it wants instead. Knows no setting by name and reads no environment.
import { isAbsolute, resolve } from 'node:path'
import { Secret } from '../crypto/secret.ts'
import { type Allowed, parseAddress, parseAllowed, parseNetwork } from '../egress/address.ts'
import { parseProxy } from '../egress/proxy.ts'
import { BUCKETS, type Bucket, type BucketName, type Buckets } from '../http/bucket.ts'
import { nearest } from '../http/nearest.ts'
import { tenantUuid } from '../std/id.ts'

/** What a default or a relative path may depend on. */
export type Context = { cwd: string; isRoot: boolean }

export type Kind<T> = {
  /** As the docs call it. */
  type: string
  secret?: true
  /** Throws what the text should have been, as the end of the sentence "NAME …". */
  parse(text: string, context: Context): T
}

const wants = (what: string): never => {
  throw new Error(`must be ${what}.`)
}

export const items = (text: string): string[] =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean)

const each =
  <T>(what: string, parse: (item: string) => T | null) =>
  (text: string): T[] =>
    items(text).map((item) => parse(item) ?? wants(`${what}; ${JSON.stringify(item)} is not`))

const port = (text: string, least: number): number => {
  const value = Number(text)
  return /^\d{1,5}$/.test(text) && value >= least && value <= 65_535 ? value : wants(`a port, ${least} to 65535`)
}

function httpUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : wants('a URL such as https://countersign.example.com')
  if (!['http:', 'https:'].includes(url.protocol)) wants('a http or https URL')
  if (url.username || url.password || url.pathname !== '/' || url.search || url.hash)
    wants('an origin only: no user, path, query or fragment')
  return url
}

export const flag: Kind<boolean> = {
  type: '0 or 1',
  parse: (text) => (/^(1|true|yes)$/i.test(text) ? true : /^(0|false|no)$/i.test(text) ? false : wants('0 or 1')),
}

export const text: Kind<string> = { type: 'text', parse: (value) => value }

export const secretText: Kind<Secret> = { type: 'text', secret: true, parse: (value) => new Secret(value) }

export const list: Kind<string[]> = { type: 'texts, comma-separated', parse: items }

export const path: Kind<string> = { type: 'path', parse: (value, { cwd }) => (isAbsolute(value) ? value : resolve(cwd, value)) }

export const portNumber: Kind<number> = { type: 'port, 0 = any free one', parse: (value) => port(value, 0) }

export const portList: Kind<number[]> = {
  type: 'ports, comma-separated',
  parse: (value) => items(value).map((item) => port(item, 1)),
}

export const origin: Kind<URL> = { type: 'URL', parse: httpUrl }

/** A URL below which others lie: with a path, without a query. */
export const prefixUrl: Kind<URL> = {
  type: 'URL',
  parse(text) {
    const url = URL.canParse(text) ? new URL(text) : wants('a URL such as https://witness.example.com/countersign')
    if (!['http:', 'https:'].includes(url.protocol) || url.username || url.password || url.search || url.hash)
      wants('a http or https URL without credentials and query')
    return url
  },
}

export const choice = <const T extends readonly string[]>(...values: T): Kind<T[number]> => ({
  type: values.join(', '),
  parse: (value) => values.find((one) => one === value) ?? wants(`one of ${values.join(', ')}`),
})

export const choices = <const T extends readonly string[]>(...values: T): Kind<T[number][]> => ({
  type: `some of ${values.join(', ')}`,
  parse: (value) => {
    const chosen = each(`some of ${values.join(', ')}`, (item) => values.find((one) => one === item) ?? null)(value)
    return chosen.length > 0 ? [...new Set(chosen)] : wants(`at least one of ${values.join(', ')}`)
  },
})

export const postgresUrl: Kind<Secret> = {
  type: 'postgres:// URL',
  secret: true,
  parse: (value) =>
    URL.canParse(value) && /^postgres(ql)?:$/.test(new URL(value).protocol)
      ? new Secret(value)
      : wants('a URL such as postgres://user:password@host:5432/database'),
}

export const token: Kind<Secret> = {
  type: 'token',
  secret: true,
  parse: (value) => (/^[\w-]{32,256}$/.test(value) ? new Secret(value) : wants('32 to 256 letters, digits, - or _')),
}

const HOST = /^[a-z0-9.-]{1,253}(:\d{1,5})?$|^\[[0-9a-f:.]+\](:\d{1,5})?$/i
export const hosts: Kind<string[]> = {
  type: 'host[:port], comma-separated',
  parse: each('host names with or without a port', (item) => (HOST.test(item) ? item.toLowerCase() : null)),
}

export const allowed: Kind<Allowed[]> = {
  type: 'host:port or CIDR:port, comma-separated',
  parse: each('exact hosts or networks, each with a port, and never a metadata address', parseAllowed),
}

export type NameServer = { address: string; port: number }
export const nameServers: Kind<NameServer[]> = {
  type: 'address[:port], comma-separated',
  parse: each('addresses of name servers', (item) => {
    const [, six, four, digits = '53'] = /^(?:\[([^\]]+)\]|([\d.]+))(?::(\d{1,5}))?$/.exec(item) ?? []
    const address = six ?? four ?? item
    return parseAddress(address) && Number(digits) > 0 && Number(digits) <= 65_535 ? { address, port: Number(digits) } : null
  }),
}

export const forwardProxy: Kind<Secret> = {
  type: 'http:// or https:// URL',
  secret: true,
  parse: (value) => {
    parseProxy(value)
    return new Secret(value)
  },
}

export const prefix96: Kind<string> = {
  type: 'IPv6 /96 prefix',
  parse: (value) => {
    const network = parseNetwork(value)
    return network?.bytes.length === 16 && network.bits === 96 ? value : wants('an IPv6 prefix of 96 bits such as 64:ff9b::/96')
  },
}

/** A kind whose reading is another room's, which says itself what is wrong. */
export const read = <T>(type: string, parse: (value: string) => T): Kind<T> => ({
  type,
  parse: (value) => {
    try {
      return parse(value)
    } catch (error) {
      throw new Error(`is refused. ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    }
  },
})

/** Where something listens or is reached: an address and a port, or a socket in a folder that nobody else enters. */
export type Endpoint = { host: string; port: number } | { path: string }

const readEndpoint = (value: string): { host: string; port: number } | null => {
  const [, six, name, digits = ''] = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]{1,253})):(\d{1,5})$/i.exec(value) ?? []
  const host = six ?? name
  return host !== undefined && Number(digits) <= 65_535 ? { host, port: Number(digits) } : null
}

export const tenant: Kind<string> = {
  type: 'id of a tenant',
  parse: (value) => tenantUuid(value) ?? wants('an id such as ten_…'),
}

export const address: Kind<{ host: string; port: number }> = {
  type: 'address:port, port 0 = any free one',
  parse: (value) => readEndpoint(value) ?? wants('an address and a port such as 127.0.0.1:7980'),
}

export const endpoint: Kind<Endpoint> = {
  type: 'address:port or unix:path',
  parse: (value) => {
    const [, socket] = /^unix:(\/.+)$/.exec(value) ?? []
    // Longer paths are cut silently by the system.
    if (socket !== undefined) return socket.length <= 100 ? { path: socket } : wants('a path of at most 100 characters')
    return readEndpoint(value) ?? wants('an address and a port such as 127.0.0.1:7981, or unix: and the path of a socket')
  },
}

export const fingerprint: Kind<string> = {
  type: '64 hexadecimal digits',
  parse: (value) =>
    /^(?:[0-9a-f]{2}:?){32}$/i.test(value)
      ? value.replaceAll(':', '').toLowerCase()
      : wants('the SHA-256 of a certificate, 64 hexadecimal digits'),
}

export const nodeId: Kind<string> = {
  type: 'nod_…',
  parse: (value) => (/^nod_[0-9A-HJKMNP-TV-Z]{26}$/.test(value) ? value : wants('the id of an enrolled node, nod_…')),
}

const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400 }

/** In seconds. */
export const duration = (least: number, most: number): Kind<number> => ({
  type: `time such as 30s, 5m, 1h, 7d; ${least} to ${most} s`,
  parse: (value) => {
    const [, count = '', unit = 's'] = /^(\d{1,7})\s?([smhd])?$/.exec(value) ?? []
    const seconds = count === '' ? Number.NaN : Number(count) * (SECONDS[unit] ?? 1)
    return seconds >= least && seconds <= most ? seconds : wants(`a time of ${least} to ${most} seconds, such as 30s or 5m`)
  },
})

const UNITS: Record<string, number> = { '': 1, KiB: 1_024, MiB: 1_048_576 }

export const bytes = (least: number, most: number): Kind<number> => ({
  type: `bytes such as 65536, 64KiB or 1MiB; ${least} to ${most}`,
  parse: (value) => {
    const [, count = '', unit = ''] = /^(\d{1,9})\s?(KiB|MiB)?$/.exec(value) ?? []
    const size = count === '' ? Number.NaN : Number(count) * (UNITS[unit] ?? 1)
    return size >= least && size <= most ? size : wants(`a number of bytes from ${least} to ${most}, such as 64KiB`)
  },
})

export const count = (least: number, most: number): Kind<number> => ({
  type: `number, ${least} to ${most}`,
  parse: (value) => {
    const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN
    return number >= least && number <= most ? number : wants(`a whole number from ${least} to ${most}`)
  },
})

export const limits: Kind<Buckets> = {
  type: 'name=limit/per[+burst], comma-separated',
  parse: (value) => Object.assign({ ...BUCKETS } as Buckets, ...items(value).map(limit)) as Buckets,
}

const UNREACHED = 100_000_000
const OFF = { kind: 'gcra', limit: UNREACHED, per: 60, burst: 10_000_000 } as const

function limit(item: string): Partial<Buckets> {
  const [, name = '', count, every, unit, burst] =
    /^([a-z._]+)=(\d{1,9})(?:\/(\d{0,6})([smhd]))?(?:\+(\d{1,9}))?$/.exec(item) ?? []
  const known = Object.hasOwn(BUCKETS, name) ? (BUCKETS[name as BucketName] as Bucket) : null
  if (!known) {
    const meant = nearest(name || item, Object.keys(BUCKETS))
    return wants(
      `limits such as api.key=1200/1m+240; there is no bucket in ${JSON.stringify(item)}${meant ? `, perhaps ${meant} is meant` : ''}`,
    )
  }
  // R112: those of the relay can be switched off, which is a rate that nobody reaches.
  if (name.startsWith('relay.') && Number(count) === 0)
    return { [name]: known.kind === 'concurrency' ? { ...known, limit: UNREACHED } : { ...OFF, by: known.by } }
  if (known.kind === 'backoff' || !(Number(count) > 0))
    return wants(`limits above 0 of buckets that count; ${JSON.stringify(item)} is not`)
  if (known.kind === 'concurrency') return { [name]: { ...known, limit: Number(count) } }
  const per = unit ? Number(every || 1) * (SECONDS[unit] ?? 1) : known.per
  if (known.kind === 'window' && (Number(count) > 100 || burst)) return wants(`at most 100 and without a burst for ${name}`)
  if (known.signIn && (Number(count) > known.limit || Number(count) / per > known.limit / known.per))
    return wants(`no looser than ${known.limit} in ${known.per} s for ${name}, which guards sign-in`)
  const next = { ...known, limit: Number(count), per }
  return { [name]: next.kind === 'gcra' && burst ? { ...next, burst: Number(burst) } : next }
}
