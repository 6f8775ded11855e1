import { expect, test } from 'vitest'
import { globalsFirst } from './global-flags.ts'
import { commandLine } from './program.ts'

const { program } = commandLine()

test.each([
  ['tasks list --json', '--json tasks list'],
  ['tasks list --limit 5 --server http://a --quiet', '--server http://a --quiet tasks list --limit 5'],
  ['--json tasks list --profile=acme', '--json --profile=acme tasks list'],
  // A command's own options are its own, whatever else is called so.
  ['tasks create Ask? --timeout 2h --json', '--json tasks create Ask? --timeout 2h'],
  ['availability set --quiet 22:00-07:00@Europe/Berlin', 'availability set --quiet 22:00-07:00@Europe/Berlin'],
  ['evidence --tenant --out folder', 'evidence --tenant --out folder'],
  ['profiles add acme --server https://a.example', 'profiles add acme --server https://a.example'],
  ['connections revoke dub --yes', 'connections revoke dub --yes'],
  // The value of an option is no option and no command.
  ['jobs list --q --json', 'jobs list --q --json'],
  ['connections show dub --field --yes', 'connections show dub --field --yes'],
  ['run --purpose x --json -- curl --json --server y', '--json run --purpose x -- curl --json --server y'],
  ['connections list --nope', 'connections list --nope'],
])('V123 flags of every command may stand behind it: %s', (words, sorted) => {
  expect(globalsFirst(program, words.split(' ')).join(' ')).toBe(sorted)
})
