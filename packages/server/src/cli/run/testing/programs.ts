// Programs of the machine that tests of `run` start. `npm test` installs what is missing where it may (scripts/programs.mjs); what truly cannot be had is said in the
// test's name.
import { spawnSync } from 'node:child_process'
import { test } from 'vitest'

const MS = 240_000

/** `shows`: the words by which it says that it is there, and what the test needs of it. */
export function testWith(
  program: string,
  name: string,
  act: () => Promise<void>,
  { shows = ['--version'], ms = MS }: { shows?: readonly string[]; ms?: number } = {},
): void {
  const [word = ''] = program.split(' ')
  if (spawnSync(word, program === 'java' ? ['-version'] : shows).status === 0) test(name, act, ms)
  else test.skip(`${name} (this machine has no ${program}, and none could be installed)`, act)
}
