// The special-purpose address registries of IANA (RFC 6890 and its successors), as they stand, against the classifier: every block of both is denied, and what
// lies beside a block is public exactly when no other block holds it. The judge here counts with whole numbers and shares nothing with what it judges.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isPublic, parseAddress } from './address.ts'

// Those that IANA calls globally reachable (192.0.0.9, 192.31.196.0/24, 2001:4:112::/48 …) are services of the network itself; nobody's receiver lives there.
const IPV4 = [
  ...['0.0.0.0/8', '0.0.0.0/32', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.0.0.0/29', '192.0.0.8/32', '192.0.0.9/32', '192.0.0.10/32', '192.0.0.170/32', '192.0.0.171/32'],
  ...['192.0.2.0/24', '192.31.196.0/24', '192.52.193.0/24', '192.88.99.0/24', '192.88.99.2/32', '192.168.0.0/16'],
  ...['192.175.48.0/24', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '240.0.0.0/4', '255.255.255.255/32'],
  // Multicast has a registry of its own; the last is where a cloud answers its guests.
  ...['224.0.0.0/4', '168.63.129.16/32'],
]
const IPV6 = [
  ...['::1/128', '::/128', '::ffff:0:0/96', '64:ff9b::/96', '64:ff9b:1::/48', '100::/64', '100:0:0:1::/64', '2001::/23'],
  ...['2001::/32', '2001:1::1/128', '2001:1::2/128', '2001:1::3/128', '2001:2::/48', '2001:3::/32', '2001:4:112::/48'],
  ...['2001:10::/28', '2001:20::/28', '2001:30::/28', '2001:db8::/32', '2002::/16', '2620:4f:8000::/48', '3fff::/20'],
  ...['5f00::/16', 'fc00::/7', 'fe80::/10', 'ff00::/8'],
]

type Block = { text: string; first: bigint; last: bigint; bytes: 4 | 16 }

const numberOf = (bytes: Uint8Array): bigint => bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n)
const bytesOf = (value: bigint, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => Number((value >> BigInt(8 * (length - 1 - i))) & 255n))

function blockOf(text: string): Block {
  const [address = '', bits] = text.split('/')
  const bytes = parseAddress(address) as Uint8Array
  const first = numberOf(bytes)
  return { text, first, last: first + (1n << BigInt(bytes.length * 8 - Number(bits))) - 1n, bytes: bytes.length as 4 | 16 }
}

const V4 = IPV4.map(blockOf)
const V6 = IPV6.map(blockOf)
const UNICAST = blockOf('2000::/3')
const MAPPED = blockOf('::ffff:0:0/96')
const holds = (block: Block, value: bigint) => block.first <= value && value <= block.last

const expected4 = (value: bigint) => !V4.some((block) => holds(block, value))
function expected6(value: bigint): boolean {
  if (holds(MAPPED, value)) return expected4(value & 0xffffffffn)
  if (!holds(UNICAST, value) || V6.some((block) => holds(block, value))) return false
  return ((value >> 32n) & 0xfdffffffn) !== 0x5efen || expected4(value & 0xffffffffn)
}
const shown = (value: bigint, length: number) => Buffer.from(bytesOf(value, length)).toString('hex')

/** First, last, middle, and one beside each of them on both sides. */
const pointsOf = ({ first, last, bytes }: Block): bigint[] => {
  const limit = 1n << BigInt(bytes * 8)
  const middle = (first + last) / 2n
  return [...new Set([first, last, middle].flatMap((point) => [point - 1n, point, point + 1n]))].filter(
    (point) => point >= 0n && point < limit,
  )
}

test('P98 P106 every block of the IPv4 registry: its first, last and middle address are denied, and those beside it are judged as the registry says', () => {
  for (const block of V4) {
    for (const inside of [block.first, (block.first + block.last) / 2n, block.last])
      expect([block.text, shown(inside, 4), isPublic(bytesOf(inside, 4))]).toEqual([block.text, shown(inside, 4), false])
    for (const point of pointsOf(block)) {
      expect([shown(point, 4), isPublic(bytesOf(point, 4))]).toEqual([shown(point, 4), expected4(point)])
      const mapped = (0xffffn << 32n) | point
      expect([shown(mapped, 16), isPublic(bytesOf(mapped, 16))]).toEqual([shown(mapped, 16), expected4(point)])
    }
  }
})

test('P99 P106 every block of the IPv6 registry likewise; nothing outside 2000::/3 passes but what is IPv4 inside', () => {
  for (const block of [...V6, UNICAST]) {
    if (block !== UNICAST && block !== MAPPED && block.text !== MAPPED.text)
      for (const inside of [block.first, (block.first + block.last) / 2n, block.last])
        expect([block.text, shown(inside, 16), isPublic(bytesOf(inside, 16))]).toEqual([block.text, shown(inside, 16), false])
    for (const point of pointsOf(block))
      expect([shown(point, 16), isPublic(bytesOf(point, 16))]).toEqual([shown(point, 16), expected6(point)])
  }
})

test('P98 P99 any address at all, and any address inside or just outside a block, is judged as the registries say', () => {
  const near = (blocks: Block[]) =>
    fc.constantFrom(...blocks).chain((block) => {
      const limit = (1n << BigInt(block.bytes * 8)) - 1n
      const low = block.first > 1_000n ? block.first - 1_000n : 0n
      return fc.bigInt({ min: low, max: block.last + 1_000n > limit ? limit : block.last + 1_000n })
    })
  const any = (bits: bigint) => fc.bigInt({ min: 0n, max: (1n << bits) - 1n })
  fc.assert(
    fc.property(fc.oneof(any(32n), near(V4)), (value) => isPublic(bytesOf(value, 4)) === expected4(value)),
    { numRuns: 2_000 },
  )
  fc.assert(
    fc.property(
      fc.oneof(
        any(128n),
        near(V6),
        near([UNICAST]),
        any(125n).map((rest) => (1n << 125n) | rest),
      ),
      (value) => isPublic(bytesOf(value, 16)) === expected6(value),
    ),
    { numRuns: 4_000 },
  )
})

test('P99 an interface id of ISATAP is as public as the IPv4 address in it, whatever network it stands in', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 0xffffffffn }), fc.constantFrom(0x5efen, 0x02005efen, 0x2005efen), (low, tag) => {
      const value = (0x26064700n << 96n) | (tag << 32n) | low
      return isPublic(bytesOf(value, 16)) === expected6(value)
    }),
  )
})
