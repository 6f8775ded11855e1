import { expect, test } from 'vitest'
import { milliseconds } from './duration.ts'
import { cancel, defineKind, discard, isOutcome, kindName, retry, snooze } from './index.ts'
import { spokenOutcome } from './outcome.ts'

test('Q10 type names become kinds as other producers derive them', () => {
  const names = {
    SMTPEmail: 'smtp_email',
    OAuthRefresh: 'o_auth_refresh',
    HTMLToPDF: 'html_to_pdf',
    IOError: 'io_error',
    Simple: 'simple',
    V2Sync: 'v2_sync',
  }
  for (const [type, kind] of Object.entries(names)) expect(kindName(type)).toBe(kind)
})

test('Q82 Q85 a kind that cannot be is refused where it is declared', () => {
  const run = () => undefined
  const bad: [string, object][] = [
    ['Bad Name', {}],
    ['a', { maxAttempts: 0 }],
    ['a', { maxAttempts: 1001 }],
    ['a', { deadline: '10ms' }],
    ['a', { deadline: '10 apples' }],
    ['a', { backoff: { factor: 0.5 } }],
    ['a', { backoff: { jitter: 2 } }],
    ['a', { unique: { key: 'x', while: [] } }],
    ['a', { unique: { by: 'payload', while: ['running', 'completed'] } }],
  ]
  for (const [name, options] of bad)
    expect(() => defineKind(name, { run, ...options }), JSON.stringify(options)).toThrow(
      expect.objectContaining({ code: 'validation_failed' }),
    )
})

test('Q23 outcomes are told from JSON that looks like them', () => {
  expect(isOutcome(retry())).toBe(true)
  expect(isOutcome({ outcome: 'retry' })).toBe(false)
  expect(spokenOutcome(snooze('2m'))).toEqual({ outcome: 'snooze', after_ms: 120_000 })
  expect(spokenOutcome(retry({ after: '1s', error: 'busy' }))).toEqual({ outcome: 'retry', after_ms: 1000, error: 'busy' })
  expect(spokenOutcome(discard('why'))).toEqual({ outcome: 'discard', error: 'why' })
  expect(spokenOutcome(cancel('why'))).toEqual({ outcome: 'cancel', reason: 'why' })
})

test('durations are read as people write them, and nothing else', () => {
  expect(['250ms', '1.5s', '10m', '2h', '7d', 42].map((one) => milliseconds(one as '1s', ''))).toEqual([
    250, 1500, 600_000, 7_200_000, 604_800_000, 42,
  ])
  for (const bad of ['10', '-1s', '1 h', 'soon', -1, Number.NaN, Number.POSITIVE_INFINITY])
    expect(() => milliseconds(bad as '1s', '/x'), String(bad)).toThrow('/x')
})
