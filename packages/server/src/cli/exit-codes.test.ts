import { CLIENT_PROBLEMS, PROBLEMS, Problem } from '@countersign/sdk'
import { CommanderError } from 'commander'
import { expect, test } from 'vitest'
import { ConfigRefused } from '../main/config.ts'
import { EXITS, exitCodesPage, exitOfCode } from './exit-codes.ts'
import { asLine, EndsWith, exitCode, GivenUp, type Output, print, printError, usage } from './output.ts'

test('V124 every problem of the catalogue ends a command with one number of the table', () => {
  const codes = [...Object.keys(PROBLEMS), ...Object.keys(CLIENT_PROBLEMS)]
  expect(codes.filter((code) => exitOfCode(code) === undefined)).toEqual([])
  for (const code of codes) expect(Object.keys(EXITS)).toContain(String(exitOfCode(code)))
})

test('V124 no code stands under two numbers', () => {
  const listed = [...exitCodesPage().matchAll(/^\| \d+ \|[^|]+\|(.*)\|$/gm)].flatMap(
    ([, codes = '']) => codes.match(/`(\w+)`/g) ?? [],
  )
  expect(listed.length).toBeGreaterThan(100)
  expect(listed.toSorted()).toEqual([...new Set(listed)].toSorted())
})

test.each([
  [new Problem('needs_reauth'), 5],
  [new Problem('connection_exists'), 6],
  [new Problem('server_unreachable'), 8],
  [new Problem('store_unavailable'), 9],
  [new Problem('key_invalid'), 10],
  [new Problem('policy_denied'), 12],
  [new Problem('approval_pending'), 13],
  [new Problem('forbidden'), 14],
  [new Problem('vault_sealed'), 15],
  [new Problem('timeout'), 17],
  [new Problem('rate_limited'), 18],
  [new Problem('version_conflict'), 19],
  [new EndsWith(3, new Problem('not_found')), 3],
  [usage('no such words'), 2],
  [new CommanderError(1, 'commander.unknownOption', 'unknown'), 2],
  [new GivenUp(), 11],
  [new ConfigRefused(['no such setting']), 78],
  [new Error('anything'), 1],
] as const)('V124 %s ends with %i', (error, exit) => {
  expect(exitCode(error)).toBe(exit)
})

const heard = () => {
  const said: string[] = []
  const errors: string[] = []
  const output: Output = { json: true, stdout: (text) => void said.push(text), stderr: () => undefined }
  return { said, errors, output, say: (text: string) => void errors.push(text) }
}

test('V123 with --json a result is one object with its version, lists too', () => {
  const { said, output } = heard()
  print(output, { id: 'conn_1' }, () => 'never')
  print(output, [1, 2], () => 'never')
  expect(said).toEqual(['{"v":1,"id":"conn_1"}\n', '{"v":1,"data":[1,2]}\n'])
  expect(asLine({})).toBe('{"v":1}\n')
})

test('V123 with --json a failure is one object on stdout and a sentence on stderr', () => {
  const { said, errors, output, say } = heard()
  printError(output, new Problem('not_found', { detail: 'There is no such thing.' }, { requestId: 'req-1' }), say)
  expect(JSON.parse(said.join(''))).toEqual({
    v: 1,
    error: {
      ...{ code: 'not_found', title: 'Not found', detail: 'There is no such thing.' },
      ...{ message: 'Not found: There is no such thing.', status: 404, request_id: 'req-1' },
    },
  })
  expect(errors.join('')).toMatch(/^countersign: Not found\. There is no such thing\.\n/)

  const other = heard()
  printError(other.output, usage('Say which.'), other.say)
  expect(JSON.parse(other.said.join(''))).toEqual({
    v: 1,
    error: { code: 'usage', message: 'Say which.', status: null, request_id: null },
  })
  expect(other.errors).toEqual(['countersign: Say which.\n'])
})
