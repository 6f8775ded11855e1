import { expect, test } from 'vitest'
import type { Tx } from '../db/tx.ts'
import { above, certificateProbe } from './probe.ts'
import { daysLeft, parseSecurityTxt } from './security-txt.ts'

const DAY = 86_400_000
const now = new Date('2026-11-22T12:00:00Z')
const at = { now } as Tx

test('P140 P142 a certificate is judged by the share of its life that is left, right for one of six days and one of 90', async () => {
  for (const life of [6, 45, 90]) {
    const state = async (left: number) => {
      const until = new Date(now.getTime() + life * left * DAY)
      const { state: said, measured } = await certificateProbe(() => ({
        from: new Date(until.getTime() - life * DAY),
        until,
      })).measure(at)
      expect(measured.share_left).toBeCloseTo(left, 2)
      return said
    }
    expect([
      life,
      await state(0.34),
      await state(0.26),
      await state(0.24),
      await state(0.11),
      await state(0.09),
      await state(-0.1),
    ]).toEqual([life, ...['ok', 'ok', 'warn', 'warn', 'outage', 'outage']])
  }
})

test('P142 what is at its bound is still fine, and nothing is not slow', () => {
  expect([above(null, 1, 2), above(1, 1, 2), above(1.1, 1, 2), above(2, 1, 2), above(2.1, 1, 2)]).toEqual([
    'ok',
    'ok',
    'warn',
    'warn',
    'outage',
  ])
})

test('P153 P158 security.txt is taken by the rules of RFC 9116: a contact that is a URI, one Expires that is a time, fields and comments alone', () => {
  const good =
    '# Thank you\r\nContact: mailto:security@example.com\r\nContact: https://example.com/report\r\nExpires: 2027-01-31T12:00:00Z\r\n\r\nPolicy: https://example.com/policy\r\n'
  expect(parseSecurityTxt(good)).toMatchObject({ expires: new Date('2027-01-31T12:00:00Z') })
  const signed = `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n${good.replaceAll('\r', '')}\n-----BEGIN PGP SIGNATURE-----\n\niHUEARYKAB0WIQ\n-----END PGP SIGNATURE-----\n`
  expect(parseSecurityTxt(signed)).toMatchObject({ text: signed, expires: new Date('2027-01-31T12:00:00Z') })
  for (const [text, why] of [
    ['Expires: 2027-01-31T12:00:00Z\n', 'it names no Contact.'],
    ['Contact: security@example.com\nExpires: 2027-01-31T12:00:00Z\n', 'is no mailto:, https: or tel: URI.'],
    ['Contact: http://example.com\nExpires: 2027-01-31T12:00:00Z\n', 'is no mailto:, https: or tel: URI.'],
    ['Contact: mailto:a@example.com\n', 'it must have exactly one Expires.'],
    [
      'Contact: mailto:a@example.com\nExpires: 2027-01-31T12:00:00Z\nExpires: 2027-01-31T12:00:00Z\n',
      'it must have exactly one Expires.',
    ],
    ['Contact: mailto:a@example.com\nExpires: next year\n', 'its Expires is no time'],
    ['<html>\nContact: mailto:a@example.com\nExpires: 2027-01-31T12:00:00Z\n', 'line 1 is no field'],
    [`Contact: mailto:a@example.com\nExpires: 2027-01-31T12:00:00Z\n# ${'x'.repeat(33_000)}\n`, 'it is larger than 32 kB.'],
  ] as const)
    expect(parseSecurityTxt(text)).toEqual({ refused: expect.stringContaining(why) })
  expect([daysLeft(new Date(now.getTime() + 29.9 * DAY), now), daysLeft(new Date(now.getTime() - 1), now)]).toEqual([29, -1])
})
