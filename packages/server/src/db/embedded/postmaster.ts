// Runs one postmaster on one data folder and keeps it running: what dies by itself is started again on the same port.
// Signals only a process that it started, or one that the data folder's own pid file names and that really is PostgreSQL on this folder.
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { backoffMs } from '../../std/backoff.ts'
import type { Log } from '../../std/log.ts'
import { type Account, runAs } from './account.ts'
import { commandOf, markOf } from './process-mark.ts'
import { refusal } from './refusal.ts'

export type Postmaster = { readonly pid: number; readonly port: number; stop(): Promise<void>; stopNow(): void }

type Options = {
  home: string
  data: string
  postgres: string
  account: Account | null
  settings: Record<string, string>
  pickPort: () => number
  log?: Pick<Log, 'info' | 'warn'>
}
type Running = { child: ChildProcess; ended: Promise<void> }

const PORT_TRIES = 8
const FAST_STOP_MS = 30_000
const LONG_START_MS = 10_000
const LOG_LIMIT = 16 * 1024 * 1024

export async function startPostmaster(options: Options): Promise<Postmaster> {
  let running: Running | null = null
  let port = 0
  for (let attempt = 1; !running; attempt++) {
    port = options.pickPort()
    running = await launch(options, port)
    if (!running && attempt === PORT_TRIES)
      throw refusal(`PostgreSQL does not start. Its log ends with: ${logTail(options.home)}`)
  }
  return keep(options, port, running)
}

/** Stops what an owner that was killed left behind. True when there was something to stop. */
export async function stopLeftover(data: string): Promise<boolean> {
  const pid = recordedPid(data)
  if (pid === null) return false
  if (!isPostmasterOf(data, pid)) {
    disown(data)
    return false
  }
  const isGone = (signal: NodeJS.Signals, ms: number) => signalAndWait(data, pid, signal, ms)
  if ((await isGone('SIGINT', FAST_STOP_MS)) || (await isGone('SIGQUIT', FAST_STOP_MS))) return true
  throw refusal(
    `PostgreSQL is still running on ${data} as process ${pid} and does not end. Stop it by hand (kill -QUIT ${pid}) and start again.`,
  )
}

function keep(options: Options, port: number, first: Running): Postmaster {
  let running = first
  let stopped: Promise<void> | null = null
  const wanted = new AbortController()

  const watch = async (): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      await running.ended
      if (wanted.signal.aborted) return
      options.log?.warn({ pid: running.child.pid }, 'PostgreSQL ended by itself; starting it again')
      // Backends of the dead postmaster end on their own; until the last is gone the folder cannot be opened, so we ask again.
      for (let next = null; !next; attempt++) {
        next = await launch(options, port)
        if (next) running = next
        else if (wanted.signal.aborted) return
        else await pause(backoffMs(attempt, { firstMs: 50, maxMs: 2_000 }))
      }
      attempt = 0
      options.log?.info({ pid: running.child.pid, port }, 'PostgreSQL is back')
    }
  }
  const watched = watch()

  const signal = (name: NodeJS.Signals): void => {
    if (running.child.exitCode === null && running.child.signalCode === null) running.child.kill(name)
  }
  const stop = async (): Promise<void> => {
    wanted.abort()
    signal('SIGINT') // fast: ends every session, writes a checkpoint
    const late = setTimeout(() => signal('SIGQUIT'), FAST_STOP_MS) // no checkpoint; the next start recovers from the log
    await watched
    signal('SIGINT')
    await running.ended
    clearTimeout(late)
  }
  return {
    get pid() {
      return running.child.pid as number
    },
    port,
    stop: () => (stopped ??= stop()),
    stopNow: () => {
      wanted.abort()
      signal('SIGINT')
    },
  }
}

/** Null when it ended before it was ready: a taken port, or a folder that dead backends still hold. */
async function launch(options: Options, port: number): Promise<Running | null> {
  const log = openLog(options.home)
  const settings = Object.entries({ ...options.settings, port: String(port) }).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ])
  const child = spawn(options.postgres, ['-D', options.data, ...settings], {
    ...runAs(options.account),
    cwd: options.home,
    env: { LC_ALL: 'C', TZ: 'UTC' },
    stdio: ['ignore', log, log],
    detached: true, // Ctrl-C reaches us first, so that we drain before the database goes
  })
  closeSync(log)
  const failed: { cause?: Error } = {}
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', (cause) => {
      failed.cause = cause
      resolve()
    })
  })
  const isReady = await becomesReady(options, child)
  if (failed.cause) throw refusal(`PostgreSQL could not be run: ${failed.cause.message}.`, failed.cause)
  if (!isReady) return null
  child.unref()
  return { child, ended }
}

async function becomesReady(options: Options, child: ChildProcess): Promise<boolean> {
  const begun = performance.now()
  for (let said = false; ; ) {
    await pause(5)
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return false
    // Line 1 is the pid, line 8 the state; the file is the postmaster's own word (miscadmin.h, LOCK_FILE_LINE_PM_STATUS).
    const lines = pidFile(options.data)
    if (Number(lines[0]) === child.pid && lines[7]?.startsWith('ready')) return true
    if (!said && performance.now() - begun > LONG_START_MS) {
      said = true
      options.log?.info({ pid: child.pid }, 'PostgreSQL is still recovering from its log')
    }
  }
}

async function signalAndWait(data: string, pid: number, signal: NodeJS.Signals, ms: number): Promise<boolean> {
  try {
    process.kill(pid, signal)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ESRCH') return true
    throw refusal(
      `PostgreSQL is running on ${data} as process ${pid}, started by another user. Stop it as that user, then start again.`,
      cause,
    )
  }
  for (const begun = performance.now(); performance.now() - begun < ms; await pause(5)) {
    if (markOf(pid) === null) return true
  }
  return false
}

// The number in the pid file was given to another process. PostgreSQL itself takes its parent's number for such a reuse and still checks that
// no backend of the dead postmaster holds the shared memory (CreateLockFile in miscinit.c); with the file gone it could not check that.
function disown(data: string): void {
  const lines = pidFile(data)
  if (markOf(Number(lines[0])) === null) return
  writeFileSync(join(data, 'postmaster.pid'), [process.pid, ...lines.slice(1)].join('\n'), { flag: 'r+' })
}

function recordedPid(data: string): number | null {
  const pid = Number(pidFile(data)[0])
  return Number.isInteger(pid) && pid > 1 ? pid : null
}

function isPostmasterOf(data: string, pid: number): boolean {
  if (markOf(pid) === null) return false
  return `${commandOf(pid) ?? ''} `.includes(` -D ${data} `)
}

function pidFile(data: string): string[] {
  try {
    return readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

const logFile = (home: string): string => join(home, 'postgres.log')

function openLog(home: string): number {
  const file = logFile(home)
  if (existsSync(file) && statSync(file).size > LOG_LIMIT) renameSync(file, `${file}.1`)
  return openSync(file, 'a', 0o600)
}

const logTail = (home: string): string => readFileSync(logFile(home), 'utf8').trim().split('\n').slice(-6).join(' | ')
