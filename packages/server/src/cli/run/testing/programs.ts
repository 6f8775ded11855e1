// Programs of the machine that tests of `run` start. `npm test` installs what is missing where it may (scripts/programs.mjs); what truly cannot be had is said in the
// test's name.
import { spawnSync } from 'node:child_process'
import { test } from 'vitest'

const MS = 240_000

const isThere = (program: string): boolean => spawnSync(program, [program === 'java' ? '-version' : '--version']).status === 0

export function testWith(program: string, name: string, act: () => Promise<void>): void {
  if (isThere(program)) test(name, act, MS)
  else test.skip(`${name} (this machine has no ${program}, and none could be installed)`, act)
}
