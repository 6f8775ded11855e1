// npm test: checks, builds, finds a browser, then runs every test. Ends with the plain line `N passed, N failed, N skipped`.
//   --faults   the long fault runs instead (npm run test:faults)
//   further arguments go to vitest
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { findBrowser } from './browser.mjs'
import { buildIfStale } from './build.mjs'
import { findPrograms } from './programs.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const given = process.argv.slice(2)
const faults = given.includes('--faults')
const filters = given.filter((arg) => arg !== '--faults')

const run = (args, env = {}) => {
  const { status, signal } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } })
  return signal ? 1 : (status ?? 1)
}

const step = (what) => process.stdout.write(`\n— ${what}\n`)

step('browser')
const browser = await findBrowser()
process.stdout.write(`${browser}\n`)

process.stdout.write(`${findPrograms().join(', ')}\n`)

step('build')
await buildIfStale()

if (!faults && filters.length === 0) {
  step('check')
  const failed = run(['scripts/check.mjs'])
  if (failed) process.exit(failed)
}

step(faults ? 'fault runs' : 'tests')
process.exit(
  run(
    [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--reporter=default',
      '--reporter=./scripts/plain-reporter.mjs',
      // On a busy machine one of thousands may come too late: it is tried once more, and the reporter names it. Who runs one file wants to see it fail.
      ...(faults || filters.length > 0 ? [] : ['--retry=1']),
      ...(faults ? ['test/faults'] : filters),
    ],
    { COUNTERSIGN_TEST_BROWSER: browser, ...(faults ? { FAULTS: 'long' } : {}) },
  ),
)
