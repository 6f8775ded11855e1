import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type Allowed,
  describeAllowed,
  isAllowed,
  isPublic,
  isWithin,
  type Network,
  parseAddress,
  parseAllowed,
  parseNetwork,
} from './address.ts'

const denied4 =
  '0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 168.63.129.16/32'.split(
    ' ',
  )
const denied6 = '2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20'.split(' ')

const toNumber = (bytes: Uint8Array) => bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
const toBytes = (value: bigint, length: number) =>
  Uint8Array.from(Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex'))
const network = (text: string) => parseNetwork(text) as Network
const inAny = (value: bigint, length: number, blocks: string[]) =>
  blocks.some((text) => isWithin(toBytes(value, length), network(text)))

function edges(text: string): { value: bigint; length: number }[] {
  const { bytes, bits } = network(text)
  const size = 1n << BigInt(bytes.length * 8 - bits)
  const first = toNumber(bytes)
  const limit = 1n << BigInt(bytes.length * 8)
  return [first - 1n, first, first + 1n, first + size / 2n, first + size - 2n, first + size - 1n, first + size]
    .filter((value) => value >= 0n && value < limit)
    .map((value) => ({ value, length: bytes.length }))
}

test('P98 P106 first, last, middle and ±1 of every denied IPv4 block are judged as the list says, also mapped into IPv6', () => {
  const points = denied4.flatMap(edges)
  expect(points.length).toBeGreaterThan(100)
  for (const { value, length } of points) {
    const expected = !inAny(value, length, denied4)
    expect(isPublic(toBytes(value, 4)), toBytes(value, 4).join('.')).toBe(expected)
    expect(isPublic(toBytes((0xffffn << 32n) | value, 16))).toBe(expected)
  }
})

test('P99 P106 first, last, middle and ±1 of every IPv6 block are judged as the list says', () => {
  for (const { value, length } of [
    ...denied6,
    '2000::/3',
    '64:ff9b::/96',
    '64:ff9b:1::/48',
    '::/8',
    'fc00::/7',
    'fe80::/10',
    'ff00::/8',
  ].flatMap(edges)) {
    if (value >> 32n === 0xffffn) continue // mapped: judged as IPv4 above
    const expected = inAny(value, length, ['2000::/3']) && !inAny(value, length, denied6)
    expect(isPublic(toBytes(value, 16)), toBytes(value, 16).join(',')).toBe(expected)
  }
})

test('P98 P99 any address is public exactly when no denied block holds it', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }),
      (value) => isPublic(toBytes(value, 4)) === !inAny(value, 4, denied4),
    ),
  )
  fc.assert(
    fc.property(fc.constantFrom(...denied4), fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }), (text, some) => {
      const { bytes, bits } = network(text)
      const inside = toNumber(bytes) + (some & ((1n << BigInt(32 - bits)) - 1n))
      return !isPublic(toBytes(inside, 4)) && !isPublic(toBytes((0xffffn << 32n) | inside, 16))
    }),
  )
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }),
      (value) =>
        isPublic(toBytes(value, 16)) === (inAny(value, 16, ['2000::/3']) && !inAny(value, 16, denied6)) ||
        value >> 32n === 0xffffn ||
        ((value >> 32n) & 0xfdffffffn) === 0x5efen,
    ),
  )
})

test('P99 an ISATAP interface id is judged by the IPv4 address in it, either form', () => {
  for (const [text, expected] of [
    ['2606:4700::5efe:7f00:1', false],
    ['2606:4700::200:5efe:a00:1', false],
    ['2606:4700::5efe:808:808', true],
  ] as const) {
    expect(isPublic(parseAddress(text) as Uint8Array)).toBe(expected)
  }
})

test('P99 with the operator’s own NAT64 prefix the IPv4 address in it must pass', () => {
  const nat64 = network('64:ff9b::/96')
  const judge = (text: string) => isPublic(parseAddress(text) as Uint8Array, nat64)
  expect([judge('64:ff9b::808:808'), judge('64:ff9b::7f00:1'), judge('64:ff9b:1::808:808'), judge('8.8.8.8')]).toEqual([
    true,
    false,
    false,
    true,
  ])
})

test('P98 only four decimal parts and zone-free IPv6 are addresses', () => {
  for (const text of [
    '127.1',
    '0x7f.0.0.1',
    '0177.0.0.1',
    '2130706433',
    '256.1.1.1',
    '1.2.3',
    '',
    'fe80::1%eth0',
    'example.com',
    '1.2.3.4.5',
    ':',
  ])
    expect(parseAddress(text)).toBeNull()
  for (const text of ['10.0.0.1/8', '10.0.0.0/33', '10.0.0.0/x', '::1/64', '10.0.0.0/']) expect(parseNetwork(text)).toBeNull()
})

test('P104 an exception is an exact host or network with one port, and no exception reaches a metadata address', () => {
  const allowed = ['127.0.0.1:4000', 'receiver.example:8443', '10.1.0.0/16:443', '[::1]:4000', '[fd00:1::]/32:443'].map((text) =>
    parseAllowed(text),
  )
  expect(allowed.every(Boolean)).toBe(true)
  const ask = (host: string, port: number, address: string) =>
    isAllowed(allowed as never, host, port, parseAddress(address) as Uint8Array)
  expect(ask('127.0.0.1', 4000, '127.0.0.1')).toBe(true)
  expect(ask('127.0.0.1', 4001, '127.0.0.1')).toBe(false)
  expect(ask('a.receiver.example', 8443, '10.0.0.1')).toBe(false)
  expect(ask('receiver.example', 8443, '10.0.0.1')).toBe(true)
  expect(ask('receiver.example', 8443, '169.254.169.254')).toBe(false)
  expect(ask('x.example', 443, '10.1.2.3')).toBe(true)
  expect(ask('x.example', 443, '::ffff:10.1.2.3')).toBe(true)
  expect(ask('x.example', 443, '10.2.0.1')).toBe(false)
  for (const bad of [
    '169.254.169.254:80',
    '169.254.0.0/16:80',
    '0.0.0.0/0:443',
    '[::]/0:443',
    '[fd00:ec2::254]:80',
    '*.example:443',
    '.example:443',
    'example',
    'example:0',
    'example:70000',
    '10.0.0.1/8:443',
    '127.1:80',
  ])
    expect(parseAllowed(bad), bad).toBeNull()
})

test('P104 an exception for a network never reaches a metadata address behind a translator, a tunnel or a mapped spelling', () => {
  const allowed = [
    '[64:ff9b::]/96:80',
    '[64:ff9b:1::]/48:80',
    '[2002::]/16:80',
    '[fd00:64::]/96:80',
    '[::ffff:10.0.0.0]/104:80',
  ].map((text) => parseAllowed(text))
  expect(allowed.every(Boolean)).toBe(true)
  const ask = (address: string) => isAllowed(allowed as never, 'x.example', 80, parseAddress(address) as Uint8Array)
  expect(ask('64:ff9b::a00:1')).toBe(true)
  expect(ask('10.1.2.3')).toBe(true)
  for (const address of [
    '64:ff9b::a9fe:a9fe',
    '64:ff9b:1:a9fe:a9:fe00::',
    '2002:a9fe:a9fe::1',
    'fd00:64::a9fe:a9fe',
    '64:ff9b::6464:64c8',
  ])
    expect([address, ask(address)]).toEqual([address, false])
  for (const bad of [
    '[::ffff:169.254.169.254]:80',
    '[::ffff:169.254.0.0]/112:80',
    '[64:ff9b::a9fe:a9fe]:80',
    '[fd20:ce::254]:443',
    '100.100.100.200:80',
    '192.0.0.192:80',
  ])
    expect(parseAllowed(bad), bad).toBeNull()
})

test('P104 an exception has one spelling', () => {
  const spelled = (text: string) => describeAllowed(parseAllowed(text) as Allowed)
  expect(spelled('Receiver.Example:8443')).toBe('receiver.example:8443')
  expect(spelled('10.1.0.0/16:443')).toBe('10.1.0.0/16:443')
  expect(spelled('[FD00:1:0::]/32:443')).toBe('[fd00:1::]/32:443')
  expect(spelled('[::ffff:10.0.0.1]:80')).toBe('10.0.0.1:80')
  expect(spelled('[0:0::1]:4000')).toBe('[::1]:4000')
})
