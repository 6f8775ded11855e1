// Who is counted when nobody has signed in yet (P73): the peer of the socket, or what a trusted proxy says of it. A header of anybody else counts for nothing.
import ipaddr from 'ipaddr.js'

type Network = [ipaddr.IPv4 | ipaddr.IPv6, number]
export type TrustedProxies = readonly Network[]

/** CIDRs, comma-separated; empty = nobody. Throws a sentence that names the item. */
export function parseTrustedProxies(text: string): TrustedProxies {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean)
    .map((item) => {
      const network = parseNetwork(item)
      if (!network) throw new Error(`TRUSTED_PROXIES: ${JSON.stringify(item)} is not an address or a network such as 10.0.0.0/8.`)
      if (network[1] === 0) throw new Error(`TRUSTED_PROXIES: ${item} would let every client choose its own address.`)
      return network
    })
}

function parseNetwork(item: string): Network | null {
  if (ipaddr.IPv4.isValidCIDRFourPartDecimal(item) || ipaddr.IPv6.isValidCIDR(item)) return ipaddr.parseCIDR(item)
  const address = parse(item)
  return address ? [address, address.kind() === 'ipv4' ? 32 : 128] : null
}

/** A v4-mapped address is the v4 address; a zone says nothing to others. */
function parse(text: string): ipaddr.IPv4 | ipaddr.IPv6 | null {
  const plain = text.replace(/%.*$/, '')
  if (!ipaddr.IPv4.isValidFourPartDecimal(plain) && !ipaddr.IPv6.isValid(plain)) return null
  return ipaddr.process(plain)
}

const isTrusted = (address: ipaddr.IPv4 | ipaddr.IPv6, proxies: TrustedProxies) =>
  proxies.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits))

/** What a bucket counts: a v4 address, or the /64 of a v6 one, since one customer commands a whole /64. */
function counted(address: ipaddr.IPv4 | ipaddr.IPv6): string {
  if (address.kind() === 'ipv4') return address.toString()
  const parts = (address as ipaddr.IPv6).parts.slice(0, 4).map((part) => part.toString(16))
  return `${parts.join(':')}::/64`
}

/** The right-most hop that no trusted proxy wrote. Without a trusted peer the header is not even read. */
export function clientAddress(peer: string | undefined, forwarded: string | undefined, proxies: TrustedProxies): string {
  const socket = peer === undefined ? null : parse(peer)
  if (!socket) return 'unknown'
  if (proxies.length === 0 || forwarded === undefined || !isTrusted(socket, proxies)) return counted(socket)
  let client = socket
  for (const hop of forwarded.split(',').reverse()) {
    const address = parse(hop.trim().replace(/^\[(.*)\](?::\d+)?$|^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1$2'))
    // Something that is no address was written by a proxy we do not understand: the last that we do is the one to count.
    if (!address) break
    client = address
    if (!isTrusted(address, proxies)) break
  }
  return counted(client)
}
