// The three standard streams of a child whose output is masked (V131). What leads to a terminal leads the child to a terminal of its own, made by `script`, which every
// system brings along; what leads to a file or a program, to a pipe with a name in the run's folder, so that the child may open it again as it may any other. Where
// standard output and error are one, they stay one: nothing changes places.
import { execFileSync } from 'node:child_process'
import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import { isatty } from 'node:tty'
import { NotStarted } from '../child.ts'
import { ownStreams, type Streams } from '../streams.ts'
import type { Cover } from './cover.ts'
import { openPump, type Pump } from './pump.ts'

/** Where, in there, those stand that lead elsewhere than to the terminal: behind 3, on which the child says how it goes. */
const MOVED_TO = 4

export function maskedStreams(folder: string, cover: () => Cover): Streams {
  const [isIn, isOut, isErr] = [0, 1, 2].map((fd) => isatty(fd)) as [boolean, boolean, boolean]
  const isTerminal = isOut || isErr
  const ends: number[] = []
  const pumps: Pump[] = []
  const pipe = (name: string, to: Writable): number => {
    const path = join(folder, name)
    makePipe(path)
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const end = openSync(path, constants.O_WRONLY)
    ends.push(end)
    pumps.push(openPump(new Socket({ fd: reader, readable: true, writable: false }), to, cover()))
    return end
  }
  const output = isOut ? null : pipe('stdout', process.stdout)
  const error = isErr ? null : output !== null && isSame(1, 2) ? output : pipe('stderr', process.stderr)
  const started = (): void => ends.splice(0).forEach(closeSync)
  const end = async (): Promise<void> => {
    started()
    await Promise.all(pumps.map((pump) => pump.end()))
  }
  if (!isTerminal) return { ...ownStreams, stdio: ['inherit', output ?? 'inherit', error ?? 'inherit'], started, end }
  const terminal = pipe('terminal', isOut ? process.stdout : process.stderr)
  const inputs = [isIn ? null : 0, output, error]
  const moved = inputs.map((fd, i) => (fd === null ? '' : ` ${i}${i === 0 ? '<' : '>'}&${i + MOVED_TO}`)).join('')
  return {
    stdio: [isIn ? 0 : isOut ? 1 : 2, terminal, 'inherit', 'pipe', ...inputs.map((fd) => fd ?? ('ignore' as const))],
    isTerminal,
    around: (command, shell) => inTerminal(`${command.map(quoted).join(' ')}${moved}`, shell),
    ...{ started, end },
  }
}

function makePipe(path: string): void {
  try {
    execFileSync('mkfifo', ['-m', '600', path], { stdio: 'pipe' })
  } catch (cause) {
    throw new NotStarted(125, '--mask needs `mkfifo`, which is a part of coreutils.', { cause })
  }
}

function isSame(one: number, other: number): boolean {
  const [a, b] = [fstatSync(one), fstatSync(other)]
  return a.dev === b.dev && a.ino === b.ino
}

/** `script` reads its line with `$SHELL`, whatever that is; the child is given its own again. */
function inTerminal(line: string, shell: string | undefined): string[] {
  const own = shell === undefined ? 'unset SHELL' : `export SHELL; SHELL=${quoted(shell)}`
  const words = ['sh', '-c', `${own}; exec ${line}`]
  return process.platform === 'linux'
    ? ['script', '-q', '-c', words.map(quoted).join(' '), '/dev/null']
    : ['script', '-q', '/dev/null', ...words]
}

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`
