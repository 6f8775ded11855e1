// Which addresses may be dialled (P98, P99). Addresses are compared as 4 or 16 bytes, never as text. Resolves nothing, opens nothing.
import ipaddr from 'ipaddr.js'

export type Network = { bytes: Uint8Array; bits: number }
/** An operator's exception (P104): an exact host or a network, each with one port. */
export type Allowed = { host: string; port: number } | { network: Network; port: number }

const IPV4_DENIED = (
  '0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 ' +
  '192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 168.63.129.16/32'
).split(' ')
const IPV6_DENIED = '2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20'.split(' ')
/** For whoever drops the same outside of the process (P105). */
export const DENIED_RANGES: readonly string[] = [...IPV4_DENIED, ...IPV6_DENIED]
/** Where clouds keep the credentials of the machine: no exception reaches them (P104). */
const NEVER = '169.254.169.254 169.254.170.2 168.63.129.16 100.100.100.200 192.0.0.192 fd00:ec2::254 fd20:ce::254'.split(' ')

const HOST_NAME = /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/

/** Four decimal parts or an IPv6 address without zone; anything else (`127.1`, `0x7f.1`) is not an address here. */
export function parseAddress(text: string): Uint8Array | null {
  if (!text.includes(':')) return parseFour(text)
  if (text.includes('%') || !IPV6_SHAPE.test(text)) return null
  try {
    return Uint8Array.from(ipaddr.IPv6.parse(text).toByteArray())
  } catch (error) {
    // The library has no other way to say that a text is no address.
    if (error instanceof Error) return null
    throw error
  }
}

const IPV6_SHAPE = /^[0-9a-f:.]{2,45}$/i
const DECIMAL = /^(?:0|[1-9]\d{0,2})$/

function parseFour(text: string): Uint8Array | null {
  const parts = text.split('.', 5)
  if (parts.length !== 4) return null
  const bytes = new Uint8Array(4)
  for (let i = 0; i < 4; i++) {
    const part = parts[i] as string
    const value = Number(part)
    if (!DECIMAL.test(part) || value > 255) return null
    bytes[i] = value
  }
  return bytes
}

/** `10.0.0.0/8`; a single address is a network of one. Bits behind the prefix must be zero. */
export function parseNetwork(text: string): Network | null {
  const [address = '', prefix] = text.split('/')
  const bytes = parseAddress(address)
  if (!bytes || (prefix !== undefined && !/^\d{1,3}$/.test(prefix))) return null
  const bits = prefix === undefined ? bytes.length * 8 : Number(prefix)
  if (bits > bytes.length * 8) return null
  const clean = bytes.every((byte, i) => (byte & (0xff >> Math.min(Math.max(bits - i * 8, 0), 8))) === 0)
  return clean ? { bytes, bits } : null
}

export function isWithin(address: Uint8Array, { bytes, bits }: Network): boolean {
  if (address.length !== bytes.length) return false
  const whole = bits >> 3
  for (let i = 0; i < whole; i++) if (address[i] !== bytes[i]) return false
  const rest = bits & 7
  return rest === 0 || ((address[whole] as number) ^ (bytes[whole] as number)) >> (8 - rest) === 0
}

const networks = (texts: readonly string[]): Network[] => texts.map((text) => parseNetwork(text) as Network)
const DENIED4 = networks(IPV4_DENIED)
const DENIED6 = networks(IPV6_DENIED)
const NEVER_ALLOWED = networks(NEVER)
const MAPPED = parseNetwork('::ffff:0:0/96') as Network
const GLOBAL = parseNetwork('2000::/3') as Network

/** IPv4 inside IPv6 is IPv4. */
const unwrap = (address: Uint8Array): Uint8Array => (isWithin(address, MAPPED) ? address.subarray(12) : address)

/** `0:5efe` or `200:5efe` before an IPv4 address: an ISATAP tunnel to it. */
const isIsatap = (address: Uint8Array): boolean =>
  ((address[8] as number) & 0xfd) === 0 && address[9] === 0 && address[10] === 0x5e && address[11] === 0xfe

/** May this address be dialled by everybody? `nat64`, a /96, is the operator's own translator: the IPv4 address in it is judged. */
export function isPublic(address: Uint8Array, nat64: Network | null = null): boolean {
  if (nat64 && isWithin(address, nat64)) return isPublic(address.subarray(12))
  const own = unwrap(address)
  if (own.length === 4) return !DENIED4.some((network) => isWithin(own, network))
  if (!isWithin(own, GLOBAL) || DENIED6.some((network) => isWithin(own, network))) return false
  return !isIsatap(own) || isPublic(own.subarray(12))
}

/** This machine: 127.0.0.0/8 and ::1. */
export const isLoopback = (address: Uint8Array): boolean =>
  address.length === 4 ? address[0] === 127 : address.every((byte, i) => byte === (i === 15 ? 1 : 0))

export const isNeverAllowed = (address: Uint8Array): boolean =>
  [unwrap(address), ...carried(address)].some((one) => NEVER_ALLOWED.some((network) => isWithin(one, network)))

const NAT64 = networks(['64:ff9b::/96', '64:ff9b:1::/48'])
const SIX_TO_FOUR = parseNetwork('2002::/16') as Network

/** The IPv4 addresses that an IPv6 address may stand for behind a translator or tunnel: an exception for a network of those must not reach what may never be allowed. */
function carried(address: Uint8Array): Uint8Array[] {
  if (address.length !== 16) return []
  if (isWithin(address, SIX_TO_FOUR)) return [address.subarray(2, 6)]
  // Besides the well-known prefixes anybody's /96 may be a NAT64: the last four bytes are judged wherever they stand.
  const last = [address.subarray(12)]
  // RFC 6052 with a /48: two bytes before the reserved octet, two behind it.
  return isWithin(address, NAT64[1] as Network)
    ? [...last, Uint8Array.of(...address.subarray(6, 8), ...address.subarray(9, 11))]
    : last
}

/** Is there an exception for this address, dialled for this host and port? */
export function isAllowed(allowed: readonly Allowed[], host: string, port: number, address: Uint8Array): boolean {
  if (isNeverAllowed(address)) return false
  return allowed.some(
    (item) => item.port === port && ('host' in item ? item.host === host : isWithin(unwrap(address), item.network)),
  )
}

/** `receiver.example:8443`, `127.0.0.1:4000`, `[::1]:4000`, `10.1.0.0/16:443`; null when it is none of these or may never be allowed. */
export function parseAllowed(text: string): Allowed | null {
  const [, bracketed, prefix = '', plain, digits] =
    /^(?:\[([^\]]+)\](\/\d+)?|([^:[\]]+)):(\d{1,5})$/.exec(text.toLowerCase()) ?? []
  const port = Number(digits)
  const target = bracketed === undefined ? plain : bracketed + prefix
  if (target === undefined || port < 1 || port > 65_535) return null
  const network = unmapped(parseNetwork(target))
  if (network) return reachesNever(network) ? null : { network, port }
  return HOST_NAME.test(target) && !/^[\d.]+$/.test(target) ? { host: target, port } : null
}

/** `::ffff:10.0.0.0/104` is 10.0.0.0/8: addresses are unwrapped before they are compared, so exceptions are too. */
function unmapped(network: Network | null): Network | null {
  if (!network || network.bits < MAPPED.bits || !isWithin(network.bytes, MAPPED)) return network
  return { bytes: network.bytes.subarray(12), bits: network.bits - MAPPED.bits }
}

const reachesNever = (network: Network): boolean =>
  NEVER_ALLOWED.some((never) => isWithin(never.bytes, network)) ||
  (network.bits === network.bytes.length * 8 && isNeverAllowed(network.bytes))

/** As it is stored and shown: one spelling for each exception. */
export function describeAllowed(allowed: Allowed): string {
  if ('host' in allowed) return `${allowed.host}:${allowed.port}`
  const { bytes, bits } = allowed.network
  const address = ipaddr.fromByteArray([...bytes])
  const text = address.kind() === 'ipv6' ? `[${address.toString()}]` : address.toString()
  return `${text}${bits === bytes.length * 8 ? '' : `/${bits}`}:${allowed.port}`
}
