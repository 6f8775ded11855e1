import { Problem } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { assignmentOf, keyOf, readNotify, spokenEntry } from './grammar.ts'
import { endOfQuiet, isTimeZone } from './quiet.ts'

const USER = 'usr_01JQZV6W4X2F3Y8K7M9N0P1Q2R'

const READ: [string, 'email' | 'slack' | 'webhook' | 'push', string | null, string, 'person' | 'place'][] = [
  ['email:Ann@Example.com', 'email', null, 'Ann@Example.com', 'person'],
  ['email+billing:ann@example.com', 'email', 'billing', 'ann@example.com', 'person'],
  ['slack:#finance', 'slack', null, '#finance', 'place'],
  ['slack:C012AB3CD', 'slack', null, 'C012AB3CD', 'place'],
  ['slack:G012AB3CD', 'slack', null, 'G012AB3CD', 'place'],
  ['slack:@ann', 'slack', null, '@ann', 'person'],
  ['slack:U012AB3CD', 'slack', null, 'U012AB3CD', 'person'],
  ['slack+acme:W012AB3CD', 'slack', 'acme', 'W012AB3CD', 'person'],
  ['slack:ann@example.com', 'slack', null, 'ann@example.com', 'person'],
  ['webhook:teams-bridge', 'webhook', null, 'teams-bridge', 'place'],
  ['webhook:Teams bridge 2', 'webhook', null, 'Teams bridge 2', 'place'],
  [`push:${USER}`, 'push', null, USER, 'person'],
  ['push:ann@example.com', 'push', null, 'ann@example.com', 'person'],
]

test.each(READ)('T100 an entry of notify is read: %s', (text, channel, identity, target, names) => {
  const [entry] = readNotify([text])
  expect(entry).toMatchObject({ channel, identity, target, names })
  expect(entry && spokenEntry(entry)).toBe(text)
})

const REFUSED: [string, unknown, string, string | undefined][] = [
  ['an unknown channel', 'sms:1', 'channel_unknown', undefined],
  ['a channel that is nearly one', 'emial:ann@example.com', 'channel_unknown', 'email:ann@example.com'],
  ['a channel alone', 'slack', 'notify_form', undefined],
  ['an address alone', 'ann@example.com', 'notify_form', 'email:ann@example.com'],
  ['no target', 'email:', 'target_invalid', undefined],
  ['no address', 'email:ann', 'target_invalid', undefined],
  ['an address with a line break', 'email:ann@example.com\r\nBcc: x@y.example', 'notify_form', undefined],
  ['two addresses', 'email:ann@example.com,bob@example.com', 'target_invalid', undefined],
  ['an empty identity', 'email+:ann@example.com', 'identity_unknown', undefined],
  ['an identity that is none', 'email+a b:ann@example.com', 'identity_unknown', undefined],
  ['a place that Slack does not have', 'slack:finance', 'target_invalid', undefined],
  ['no endpoint', 'webhook:', 'target_invalid', undefined],
  ['a target of push that is nobody', 'push:browser', 'target_invalid', undefined],
  ['no text', 7, 'notify_form', undefined],
  ['a very long text', `email:${'a'.repeat(500)}@example.com`, 'notify_form', undefined],
]

const refusal = (given: readonly unknown[]) => {
  try {
    readNotify(given)
  } catch (problem) {
    if (problem instanceof Problem)
      return problem as Problem & { members: { errors: { path: string; code: string }[]; did_you_mean?: string } }
    throw problem
  }
  return null
}

test.each(REFUSED)('T100 T166 an entry of notify is refused at its place: %s', (_name, given, code, meant) => {
  const problem = refusal(['slack:#ops', given])
  expect(problem?.code).toBe('notify_invalid')
  expect(problem?.members.errors.map((error) => `${error.path} ${error.code}`)).toEqual([`/notify/1 ${code}`])
  expect(problem?.members.did_you_mean).toBe(meant)
})

test('T100 every entry that is wrong is named, and there are 1 to 20 of them', () => {
  expect(refusal(['x:1', 'slack:#ops', 'email:'])?.members.errors.map(({ path }) => path)).toEqual(['/notify/0', '/notify/2'])
  expect(refusal([])?.members.errors).toMatchObject([{ path: '/notify', code: 'count' }])
  expect(refusal(Array.from({ length: 21 }, (_, i) => `email:p${i}@example.com`))?.members.errors).toMatchObject([
    { code: 'count' },
  ])
  expect(readNotify(['email:ann@example.com', 'email:ANN@example.com'])).toHaveLength(1)
})

test('T101 one entry that names a person makes them the assignee, several or a place the first to claim', () => {
  const of = (...lines: string[]) => assignmentOf(readNotify(lines))
  expect(of('email:Ann@example.com')).toEqual({
    assignment: { form: { email: 'Ann@example.com' }, folded: ['ann@example.com'] },
    reached: ['ann@example.com'],
  })
  expect(of(`push:${USER}`).assignment.form).toEqual({ user_id: USER })
  expect(of('slack:#ops')).toEqual({ assignment: { form: null, folded: [] }, reached: ['slack:#ops'] })
  expect(of('email:ann@example.com', 'slack:U012AB3CD')).toEqual({
    assignment: { form: null, folded: [] },
    reached: ['ann@example.com', 'slack:U012AB3CD'],
  })
  expect(readNotify(['webhook:bridge']).map(keyOf)).toEqual(['webhook:bridge'])
})

const NIGHT = { quiet_from: '22:00:00', quiet_until: '07:00:00', time_zone: 'Europe/Berlin' }
const QUIET: [string, typeof NIGHT, string, string][] = [
  ['by day', NIGHT, '2026-06-01T10:00:00.000Z', '2026-06-01T10:00:00.000Z'],
  ['before midnight', NIGHT, '2026-06-01T21:30:00.000Z', '2026-06-02T05:00:00.000Z'],
  ['after midnight', NIGHT, '2026-06-02T01:00:00.000Z', '2026-06-02T05:00:00.000Z'],
  ['in winter an hour later', NIGHT, '2026-01-10T01:00:00.000Z', '2026-01-10T06:00:00.000Z'],
  ['over the night in which clocks go forward', NIGHT, '2026-03-28T22:00:00.000Z', '2026-03-29T05:00:00.000Z'],
  ['over the night in which they go back', NIGHT, '2026-10-24T22:00:00.000Z', '2026-10-25T06:00:00.000Z'],
  ['at noon', { ...NIGHT, quiet_from: '12:00', quiet_until: '13:00' }, '2026-06-01T10:20:30.000Z', '2026-06-01T11:00:00.000Z'],
]
test.each(QUIET)('T37 T102 quiet hours end in the zone of the person: %s', (_name, quiet, now, end) => {
  expect(endOfQuiet(quiet, new Date(now)).toISOString()).toBe(end)
})

test('T102 a name is a time zone or none', () => {
  expect([isTimeZone('Europe/Berlin'), isTimeZone('UTC'), isTimeZone('Mars/Olympus')]).toEqual([true, true, false])
})
