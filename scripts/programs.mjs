// The clients that are tried under `countersign run`: what this machine lacks of them is installed with apt, as root; elsewhere their tests say what is missing.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

const PROGRAMS = ['curl', 'git', 'python3']

const isThere = (program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0
const run = (command, args) =>
  spawnSync(command, args, { stdio: ['ignore', 2, 2], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }).status === 0

/** Those that are there at the end. */
export function findPrograms() {
  const missing = PROGRAMS.filter((program) => !isThere(program))
  if (missing.length > 0 && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    process.stderr.write(`installing ${missing.join(', ')} with apt-get …\n`)
    if (run('apt-get', ['update', '-qq']))
      run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing, 'ca-certificates'])
  }
  return PROGRAMS.filter(isThere)
}
