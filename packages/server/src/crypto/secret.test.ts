import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { openLog } from '../std/log.ts'
import { Secret } from './secret.ts'

test('P131 a Secret prints [secret] in JSON, inspect, template, concatenation, error and log, and gives itself up only when asked', () => {
  const secret = new Secret('canary-1')
  const lines: string[] = []
  openLog({ sink: (line) => lines.push(line) }).info(
    { plain: secret, list: [{ deep: secret }], err: new Error(`bad: ${secret}`, { cause: secret }) },
    `${secret}`,
  )
  const prints = [
    JSON.stringify({ secret }),
    inspect(secret),
    inspect({ a: [secret] }, { showHidden: true, depth: 9 }),
    `${secret}`,
    ''.concat(secret as unknown as string),
    String(secret),
    ...lines,
  ]
  for (const print of prints) {
    expect(print).toContain('[secret]')
    expect(print).not.toContain('canary')
  }
  expect(Object.keys(secret).concat(Object.values(secret).map(String)).join()).not.toContain('canary')
  expect(secret.reveal()).toBe('canary-1')
  expect(secret.bytes().toString()).toBe('canary-1')
})
