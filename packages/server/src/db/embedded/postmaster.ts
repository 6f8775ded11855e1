// Runs one postmaster on one data folder and keeps it running: what dies by itself is started again on the same port.
// Signals only a process that it started, or one that the data folder's own pid file names and that really is PostgreSQL on this folder.
import type { ChildProcess } from 'node:child_process'
import {
  closeSync,
  constants,
  existsSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { backoffMs } from '../../std/backoff.ts'
import type { Log } from '../../std/log.ts'
import { type Account, spawnAs } from './account.ts'
import { commandOf, markOf } from './process-mark.ts'
import { isRefusal, refusal } from './refusal.ts'

type PostmasterOptions = {
  home: string
  data: string
  /** The binary. */
  postgres: string
  account: Account | null
  settings: Record<string, string>
  pickPort: () => number
  log?: Pick<Log, 'info' | 'warn'>
}

// After a crash a backend may be busy with its last statement for a while; elsewise only a port or a bad setting is in the way.
const PATIENCE_MS = { afterCrash: 30_000, otherwise: 1_500 }
const FAST_STOP_MS = 30_000
const LONG_START_MS = 10_000
const LOG_LIMIT = 16 * 1024 * 1024

export class Postmaster {
  port = 0
  readonly #options: PostmasterOptions
  #child: ChildProcess | null = null
  #ended: Promise<void> = Promise.resolve()
  #isWanted = true
  #watched: Promise<void> = Promise.resolve()
  #stopped: Promise<void> | null = null

  private constructor(options: PostmasterOptions) {
    this.#options = options
  }

  // A start fails for a port that somebody took, a leftover that had not yet written its pid file, or dying backends that still hold the memory.
  static async start(options: PostmasterOptions): Promise<Postmaster> {
    const postmaster = new Postmaster(options)
    standAtTheDoor(postmaster)
    const begun = performance.now()
    const patience = pidFile(options.data).length > 0 ? PATIENCE_MS.afterCrash : PATIENCE_MS.otherwise
    for (let attempt = 1; ; attempt++) {
      await stopLeftover(options.data)
      postmaster.port = options.pickPort()
      const failure = await postmaster.#launch()
      if (!failure) break
      if (failure.isFinal || performance.now() - begun > patience) {
        leaveTheDoor(postmaster)
        throw failure.error
      }
      options.log?.warn({ err: failure.error, attempt }, 'PostgreSQL does not start yet')
      await pause(backoffMs(attempt, { firstMs: 20, maxMs: 500 }))
    }
    postmaster.#watched = postmaster.#watch()
    return postmaster
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  /** Ends every session, writes a checkpoint, ends. Safe to call twice. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  /** Asks it to end and does not wait: for a process that is itself ending. */
  abandon(): void {
    this.#isWanted = false
    this.#signal('SIGINT')
  }

  async #stop(): Promise<void> {
    this.abandon()
    this.#child?.ref()
    // Immediate: without a checkpoint, so the next start recovers from the log. Nothing that was acknowledged is lost by it.
    const late = setTimeout(() => this.#signal('SIGQUIT'), FAST_STOP_MS)
    await this.#watched
    clearTimeout(late)
    leaveTheDoor(this)
  }

  async #watch(): Promise<void> {
    const { log } = this.#options
    for (await this.#ended; this.#isWanted; await this.#ended) {
      log?.warn({ pid: this.pid }, 'PostgreSQL ended by itself; starting it again')
      for (let attempt = 1; this.#isWanted; attempt++) {
        const failure = await this.#launch()
        if (!failure) {
          log?.info({ pid: this.pid, port: this.port }, 'PostgreSQL is back')
          break
        }
        if (!this.#isWanted) break
        log?.warn({ err: failure.error, attempt }, 'PostgreSQL does not come back yet')
        await pause(backoffMs(attempt, { firstMs: 50, maxMs: 2_000 }), undefined, { ref: false })
      }
    }
  }

  async #launch(): Promise<{ error: Error; isFinal: boolean } | null> {
    const options = this.#options
    const settings = Object.entries({ ...options.settings, port: String(this.port) }).map(([name, value]) => `--${name}=${value}`)
    try {
      const child = spawnLogged(options, ['-D', options.data, ...settings])
      this.#child = child
      let broken: Error | undefined
      this.#ended = new Promise((resolve) => {
        child.once('exit', () => resolve())
        child.once('error', (error) => {
          broken = error
          resolve()
        })
      })
      if (await this.#becomesReady(child)) {
        child.unref()
        return null
      }
      await this.#ended
      if (broken) throw broken
    } catch (cause) {
      const error = isRefusal(cause) ? cause : refusal(`PostgreSQL could not be run: ${(cause as Error).message}.`, cause)
      return { error, isFinal: true }
    }
    return { error: refusal(`PostgreSQL does not start. Its log ends with: ${logTail(options.home)}`), isFinal: false }
  }

  async #becomesReady(child: ChildProcess): Promise<boolean> {
    const { data, log } = this.#options
    const begun = performance.now()
    for (let isSaid = false; isRunning(child); await pause(5)) {
      // Line 1 is the pid, line 8 the state, in the postmaster's own words (miscadmin.h, LOCK_FILE_LINE_PM_STATUS).
      const lines = pidFile(data)
      if (Number(lines[0]) === child.pid && lines[7]?.startsWith('ready')) return true
      if (isSaid || performance.now() - begun < LONG_START_MS) continue
      isSaid = true
      log?.info({ pid: child.pid }, 'PostgreSQL is recovering from its log, which takes as long as there is log to read')
    }
    return false
  }

  #signal(name: NodeJS.Signals): void {
    if (this.#child && isRunning(this.#child)) this.#child.kill(name)
  }
}

// The last door: a process that ends without stop() still asks PostgreSQL to go. Of the signals it takes only those that nobody else listens to, and then
// dies of them as it would have; whoever listens drains first and calls stop().
const DEADLY = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const running = new Set<Postmaster>()

function standAtTheDoor(postmaster: Postmaster): void {
  running.add(postmaster)
  if (running.size > 1) return
  process.on('exit', abandonAll)
  for (const signal of DEADLY) process.on(signal, dieOf)
}

function leaveTheDoor(postmaster: Postmaster): void {
  if (!running.delete(postmaster) || running.size > 0) return
  process.off('exit', abandonAll)
  for (const signal of DEADLY) process.off(signal, dieOf)
}

function abandonAll(): void {
  for (const postmaster of running) postmaster.abandon()
}

function dieOf(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return
  abandonAll()
  process.off(signal, dieOf)
  process.kill(process.pid, signal)
}

/** Stops what a killed owner left behind. True when there was something to stop. */
export async function stopLeftover(data: string): Promise<boolean> {
  const pid = Number(pidFile(data)[0])
  if (!Number.isInteger(pid) || pid < 1) return false
  const isOurs = markOf(pid) !== null && `${commandOf(pid) ?? ''} `.includes(` -D ${realpathSync(data)} `)
  if (!isOurs) {
    disown(data)
    return false
  }
  if ((await endsBy('SIGINT', pid)) || (await endsBy('SIGQUIT', pid))) return true
  throw refusal(
    `PostgreSQL still runs on ${data} as process ${pid} and does not end. Stop it by hand (kill -QUIT ${pid}), then start again.`,
  )
}

async function endsBy(signal: NodeJS.Signals, pid: number): Promise<boolean> {
  const mark = markOf(pid)
  if (mark === null) return true
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return true
    throw error
  }
  for (const begun = performance.now(); performance.now() - begun < FAST_STOP_MS; await pause(5)) {
    if (markOf(pid) !== mark) return true
  }
  return false
}

// The number in the pid file is a stranger's by now, or a zombie's that nobody buries, and PostgreSQL would refuse for either. It takes its own parent's
// number for a reuse and still checks that no backend of the dead postmaster holds the shared memory (CreateLockFile in miscinit.c); were the file gone,
// it could not check that. The folder is the account's: a link it may have put there would lead us, as root, elsewhere, and is not followed.
function disown(data: string): void {
  const [, ...rest] = pidFile(data)
  const file = openSync(join(data, 'postmaster.pid'), constants.O_WRONLY | constants.O_TRUNC | constants.O_NOFOLLOW)
  writeFileSync(file, [process.pid, ...rest].join('\n'))
  closeSync(file)
}

// Detached, so that Ctrl-C reaches us first and the database goes after we drained.
function spawnLogged(options: PostmasterOptions, args: string[]): ChildProcess {
  const log = openLog(options.home)
  try {
    return spawnAs(options.account, options.postgres, args, { cwd: options.home, stdio: ['ignore', log, log], detached: true })
  } finally {
    closeSync(log)
  }
}

const isRunning = (child: ChildProcess): boolean =>
  child.pid !== undefined && child.exitCode === null && child.signalCode === null

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
