import { expect, test } from 'vitest'
import { clientAddress, parseTrustedProxies } from './address.ts'

const proxies = parseTrustedProxies('10.0.0.0/8, 2001:db8:1::/48, 192.0.2.7')

test('P73 without a trusted proxy the peer counts, whatever a header says', () => {
  expect(clientAddress('203.0.113.9', '198.51.100.1', [])).toBe('203.0.113.9')
  expect(clientAddress('203.0.113.9', '198.51.100.1', proxies)).toBe('203.0.113.9')
})

test('P73 behind trusted proxies the right-most hop that none of them is counts, so a forged hop in front adds nothing', () => {
  expect(clientAddress('10.1.1.1', '198.51.100.1', proxies)).toBe('198.51.100.1')
  expect(clientAddress('10.1.1.1', '1.2.3.4, 198.51.100.1, 10.9.9.9, 192.0.2.7', proxies)).toBe('198.51.100.1')
  expect(clientAddress('::ffff:10.1.1.1', '198.51.100.1:4711', proxies)).toBe('198.51.100.1')
  expect(clientAddress('10.1.1.1', '198.51.100.1, unknown', proxies)).toBe('10.1.1.1')
  expect(clientAddress('10.1.1.1', '10.2.2.2, 10.3.3.3', proxies)).toBe('10.2.2.2')
})

test('P73 a v4-mapped address is its v4 address and an IPv6 one its /64', () => {
  expect(clientAddress('::ffff:203.0.113.9', undefined, [])).toBe('203.0.113.9')
  expect(clientAddress('2001:db8:a:b:1:2:3:4', undefined, [])).toBe('2001:db8:a:b::/64')
  expect(clientAddress('2001:db8:a:b:ffff::1', undefined, [])).toBe('2001:db8:a:b::/64')
  expect(clientAddress('fe80::1%eth0', undefined, [])).toBe('fe80:0:0:0::/64')
  expect(clientAddress('2001:db8:1::5', '[2001:db8:a:b::9]:443', proxies)).toBe('2001:db8:a:b::/64')
  expect(clientAddress(undefined, undefined, [])).toBe('unknown')
})

test('P73 §21 networks that would trust everybody, and words that are none, are refused by name', () => {
  for (const all of ['0.0.0.0/0', '::/0', '10.0.0.0/8,0.0.0.0/0'])
    expect(() => parseTrustedProxies(all)).toThrow(/would let every client choose/)
  for (const bad of ['proxy.example', '10.0.0.0/33', '10.0.0', '1'])
    expect(() => parseTrustedProxies(bad)).toThrow(JSON.stringify(bad))
  expect(parseTrustedProxies('')).toEqual([])
})
