// Every flag that `run` is promised to have (V126): in its help, on its page, and with a meaning.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { buildCommand, root } from '../../../../../test/harness/process.ts'
import { type RunOptions, readRequest } from './request.ts'

const FLAGS = [
  ...[
    '--agent',
    '--purpose',
    '--connection',
    '--label',
    '--ttl',
    '--mode',
    '--wait',
    '--mask',
    '--mask-env',
    '--isolate',
    '--relay',
  ],
  ...['--trust-keychain', '--pin-hosts', '--no-proxy', '--clean-env', '--with-secret', '--status-fd', '--print-env'],
]

test('V126 every flag stands in the help and on the page, and no other does', async () => {
  const cli = await buildCommand()
  const help = execFileSync(process.execPath, [cli, 'run', '--help'], { encoding: 'utf8' })
  const named = [...help.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, flag]) => flag as string)
  const ofSignIn = ['--email', '--password-from-env', '--password-from-stdin']
  expect(named.sort()).toEqual([...FLAGS, ...ofSignIn].sort())
  const page = readFileSync(join(root, 'docs/proxy/run.md'), 'utf8')
  expect(FLAGS.filter((flag) => !page.includes(`| \`${flag}`))).toEqual([])
})

const read = (own: Partial<RunOptions>, command = ['true']) => readRequest(command, { proxy: true, ...own }, 'linux')

test('V126 what the words mean', () => {
  expect(read({}).waitSeconds).toBe(null)
  expect(read({ wait: '0' }).waitSeconds).toBe(0)
  expect(read({ wait: '10m' }).waitSeconds).toBe(600)
  expect(() => read({ wait: '601' })).toThrow('--wait is 0 to 600 seconds')
  expect(read({ pinHosts: true }).pinsHosts).toBe(true)
  expect(read({})).toMatchObject({ pinsHosts: false, isMasked: false, secrets: [] })
  expect(read({ maskEnv: ['A'] })).toMatchObject({ isMasked: true, maskedVariables: ['A'] })
  expect(read({ withSecret: ['K=alpha:two.words.api_key'] })).toMatchObject({
    isMasked: true,
    secrets: [{ variable: 'K', connection: 'alpha:two.words', field: 'api_key' }],
  })
  for (const wrong of ['K', 'K=alpha', '=alpha.f', '1K=alpha.f', 'K=.f', 'K=alpha.'])
    expect(() => read({ withSecret: [wrong] })).toThrow('--with-secret is VARIABLE=connection.field')
  for (const own of [{ isolate: true }, { relay: true }, { mask: true }, { maskEnv: ['A'] }, { withSecret: ['K=a.b'] }] as const)
    expect(() => read({ ...(own as Partial<RunOptions>), printEnv: true }, [])).toThrow('is for a command that is started here')
})
