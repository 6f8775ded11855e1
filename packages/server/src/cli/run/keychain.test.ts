// `--trust-keychain` (V132), with a `security` that writes down what it is asked: what is put into the login keychain is taken out again, also when the command was killed.
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../../../../test/harness/process.ts'
import { openKeychain } from './keychain.ts'
import { readRequest } from './request.ts'

/** `refuses`: of its first words, those that it does not do. */
function standIn(refuses: readonly string[] = []) {
  const folder = temporaryFolder()
  const [bin, run, calls] = [join(folder, 'bin'), join(folder, 'run'), join(folder, 'calls')]
  for (const one of [bin, run]) mkdirSync(one)
  const cases = refuses.map((one) => `  ${one}) exit 1;;\n`).join('')
  writeFileSync(join(bin, 'security'), `#!/bin/sh\necho "$@" >> '${calls}'\ncase "$1" in\n${cases}esac\n`)
  chmodSync(join(bin, 'security'), 0o755)
  const authority = join(run, 'ca-run.pem')
  return {
    run,
    authority,
    keychain: openKeychain({ PATH: `${bin}:/usr/bin:/bin`, HOME: '/Users/ada' }),
    calls: () => (existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : []),
  }
}
const LOGIN = '/Users/ada/Library/Keychains/login.keychain-db'

test('V132 the authority of a run is trusted while it lasts, and taken out by its own name at the end', () => {
  const { run, authority, keychain, calls } = standIn()
  keychain.trust(run, authority, 'Countersign run_1')
  expect(calls()).toEqual([`add-trusted-cert -r trustRoot -p ssl -k ${LOGIN} ${authority}`])
  expect(keychain.forget(run, authority)).toBe(true)
  expect(calls().slice(1)).toEqual([`remove-trusted-cert ${authority}`, `delete-certificate -c Countersign run_1 ${LOGIN}`])
  expect(keychain.forget(run, authority)).toBe(true)
  expect(calls()).toHaveLength(3)
})

test('V132 a folder of which nothing was put into the keychain costs no question', () => {
  const { run, authority, keychain, calls } = standIn()
  expect([keychain.forget(run, authority), calls()]).toEqual([true, []])
})

test('V132 what a person does not let in does not start, and what they do not let out is tried again at the next start', () => {
  const refused = standIn(['add-trusted-cert'])
  expect(() => refused.keychain.trust(refused.run, refused.authority, 'Countersign run_2')).toThrow('did not take the authority')
  expect(refused.calls().at(-1)).toBe(`delete-certificate -c Countersign run_2 ${LOGIN}`)
  const kept = standIn(['delete-certificate'])
  kept.keychain.trust(kept.run, kept.authority, 'Countersign run_3')
  expect(kept.keychain.forget(kept.run, kept.authority)).toBe(false)
  expect(kept.keychain.forget(kept.run, kept.authority)).toBe(false)
  expect(kept.calls().filter((one) => one.startsWith('delete-certificate'))).toHaveLength(2)
})

test('V132 elsewhere than on macOS the flag is refused by its name', () => {
  const read = (platform: NodeJS.Platform) => readRequest(['true'], { proxy: true, trustKeychain: true }, platform)
  expect(() => read('linux')).toThrow('--trust-keychain is for macOS')
  expect(() => read('win32')).toThrow('--trust-keychain is for macOS')
  expect(read('darwin').trustsKeychain).toBe(true)
})
