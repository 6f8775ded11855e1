// Finds a Chromium for the browser tests, or installs one: Debian's through apt as root, else Playwright's own. Prints what it does, never asks.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

const KNOWN = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
]

const run = (command, args) =>
  spawnSync(command, args, { stdio: ['ignore', 2, 2], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }).status === 0

async function playwrights() {
  const { chromium } = await import('playwright-core')
  const path = chromium.executablePath()
  return path && existsSync(path) ? path : null
}

/** The path of a Chromium that starts; throws one sentence where none can be had. */
export async function findBrowser() {
  const given = process.env.COUNTERSIGN_TEST_BROWSER
  if (given) return given
  const known = KNOWN.find(existsSync) ?? (await playwrights())
  if (known) return known
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    process.stderr.write('no browser found: installing chromium with apt-get …\n')
    if (
      run('apt-get', ['update', '-qq']) &&
      run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium', 'fonts-dejavu-core'])
    )
      return '/usr/bin/chromium'
  }
  process.stderr.write('no browser found: installing Playwright’s chromium …\n')
  const cli = new URL('../node_modules/playwright-core/cli.js', import.meta.url).pathname
  if (run(process.execPath, [cli, 'install', 'chromium'])) {
    const path = await playwrights()
    if (path) return path
  }
  throw new Error('The browser tests need a Chromium: install one and name it in COUNTERSIGN_TEST_BROWSER.')
}
