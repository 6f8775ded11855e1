// The child: started in a process group of its own, told every signal that the command is told, awaited until it and its group are gone. What it writes and reads goes
// straight to and from where the command's own streams lead, unless its output is masked.
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'

/** Before the child began: 125 for what is ours, 126 for what cannot be executed, 127 for what is not there (V124). */
export class NotStarted extends Error {
  readonly exit: 125 | 126 | 127
  constructor(exit: 125 | 126 | 127, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'NotStarted'
    this.exit = exit
  }
}

export type Ended = { code: number | null; signal: NodeJS.Signals | null }

/** Its own code, or 128 and the number of the signal that killed it. */
export const codeOf = ({ code, signal }: Ended): number => code ?? 128 + (signal === null ? 0 : constants.signals[signal])

const SIGNALS = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGCONT'] as const
/** What a terminal sends to everybody in front of it: the child has had it already. */
const OF_TERMINAL: readonly string[] = ['SIGINT', 'SIGQUIT', 'SIGWINCH', 'SIGCONT']
const LOOK_MS = 100
const SAY_AFTER_MS = 3_000

/**
 * `own`: a group of its own, the rule. `terminal`: the command's group, which is the one in front; in another the child could neither read its terminal nor be stopped
 * from it. `told`: a group whose members somebody else tells every signal.
 */
export type Grouping = 'own' | 'terminal' | 'told'

export const groupingHere = (): Grouping => (process.stdin.isTTY || process.platform === 'win32' ? 'terminal' : 'own')

const PASSES: Readonly<Record<Grouping, (signal: string) => boolean>> = {
  own: () => true,
  terminal: (signal) => !OF_TERMINAL.includes(signal),
  told: () => false,
}

export type Child = { pid: number; process: ChildProcess; ended: Promise<Ended> }
export type ChildOptions = {
  env: NodeJS.ProcessEnv
  grouping: Grouping
  stdio?: StdioOptions
  note(text: string): void
}

export async function startChild(command: readonly string[], options: ChildOptions): Promise<Child> {
  const { env, grouping, stdio = 'inherit', note } = options
  const [program = '', ...words] = command
  // Before the child is there: on a busy machine it may have spoken, and somebody answered with a signal, before this process is asked again.
  const signals = passSignals(grouping)
  const child = spawn(program, words, { env, stdio, detached: grouping === 'own' })
  const exited = new Promise<Ended>((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })))
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', (error: NodeJS.ErrnoException) => {
      signals.forget()
      reject(notStarted(program, error))
    })
  })
  const pid = child.pid as number
  signals.to(grouping === 'own' ? -pid : pid)
  const ended = exited.then(async (how) => {
    if (grouping === 'own') await groupGone(pid, note)
    signals.forget()
    return how
  })
  return { pid, process: child, ended }
}

/** With handlers of its own the command outlives what ends the child, and can say how it ended. What comes before it is known whom to tell is told then. */
export function passSignals(grouping: Grouping): { to(pid: number): void; forget(): void } {
  let whom: number | null = null
  const early: NodeJS.Signals[] = []
  const pass = (signal: NodeJS.Signals): void => {
    if (!PASSES[grouping](signal)) return
    if (whom === null) early.push(signal)
    else send(whom, signal)
  }
  for (const signal of SIGNALS) process.on(signal, pass)
  return {
    to(pid) {
      whom = pid
      for (const signal of early.splice(0)) send(pid, signal)
    },
    forget() {
      for (const signal of SIGNALS) process.off(signal, pass)
    },
  }
}

function notStarted(program: string, error: NodeJS.ErrnoException): NotStarted {
  if (error.code === 'ENOENT') return new NotStarted(127, `${program}: there is no such program.`, { cause: error })
  return new NotStarted(126, `${program} cannot be executed (${error.code ?? error.message}).`, { cause: error })
}

function send(to: number, signal: NodeJS.Signals): void {
  try {
    process.kill(to, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** What a program leaves behind in its group still holds the token: the run goes on as long as it does. */
async function groupGone(group: number, note: (text: string) => void): Promise<void> {
  for (let waited = 0; isThere(group); waited += LOOK_MS) {
    if (waited === SAY_AFTER_MS) note('the command has ended and left processes behind: the run goes on until they end')
    await pause(LOOK_MS)
  }
}

function isThere(group: number): boolean {
  try {
    process.kill(-group, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  return process.platform !== 'linux' || hasLiving(group)
}

/**
 * Whether anybody in the group lives. Whoever ended and is awaited by nobody stays a member for ever, in containers whose first process awaits no one.
 * `besides`: a member that does not count.
 */
export function hasLiving(group: number, besides = 0): boolean {
  return readdirSync('/proc').some((name) => {
    if (!/^\d+$/.test(name) || Number(name) === besides) return false
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      const [state = '', , own] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return Number(own) === group && state !== 'Z' && state !== 'X'
    } catch (error) {
      if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return false
      throw error
    }
  })
}
