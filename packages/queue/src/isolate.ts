// Handlers in a thread or a process of their own (Q94): a memory limit, and a hard end at the deadline, which is the only cure for a loop that never
// yields. What happens there is this attempt's alone: a crash is an error of the attempt, never of the worker. Decides nothing about outcomes.
import { type ChildProcess, spawn } from 'node:child_process'
import { Worker } from 'node:worker_threads'
import { type Attempt, Crashed } from './attempt.ts'
import type { Callback } from './callback.ts'
import type { Clock, Log } from './host.ts'
import type { CallbackOptions, Context, Job, Kind } from './kind.ts'
import { asOutcome } from './outcome.ts'

export type Isolates = {
  /** Runs a handler of this kind apart. */
  run(kind: Kind, job: Job, ctx: Context, attempt: Attempt): Promise<unknown>
  close(): void
}

const MEMORY_MIB = 256
/** An isolate with nothing to do stays this long for the next job of its kind. */
const IDLE_MS = 10_000

/**
 * Runs in the isolate; nothing of ours is imported there but the module that exports the kind. What crosses is plain data: outcomes are spelled out,
 * and each function of the context is a question to the worker.
 */
const PROGRAM = `
const { parentPort } = require('node:worker_threads')
const port = parentPort || process
const send = (message) => parentPort ? parentPort.postMessage(message) : process.send(message)
const OUTCOME = Symbol.for('countersign.queue.outcome')
const questions = new Map()
let asked = 0
let aborter = new AbortController()

const ask = (name, ...args) => new Promise((resolve, reject) => {
  questions.set(++asked, { resolve, reject })
  send({ question: asked, name, args })
})
const plain = (error) => error instanceof Error
  ? { name: error.name, message: error.message, stack: error.stack }
  : { name: 'Error', message: String(error) }
const spelled = (value) => {
  if (typeof value !== 'object' || value === null || !(OUTCOME in value)) return { value }
  const { [OUTCOME]: outcome, ...rest } = value
  return { outcome: String(outcome), rest }
}
const contextOf = (facts) => {
  const log = Object.fromEntries(['debug', 'info', 'warn', 'error'].map((level) =>
    [level, (fields, message) => send({ level, fields: { ...fields, ...(fields && fields.err ? { err: plain(fields.err) } : {}) }, message })]))
  return {
    signal: aborter.signal,
    ...facts,
    log,
    logger: log,
    progress: (percent, message, data) => send({ progress: [percent, message, data] }),
    flush: () => ask('flush'),
    heartbeat: () => ask('heartbeat'),
    enqueue: (job) => send({ enqueue: job }),
    async callback(name, options) {
      const callback = await ask('callback', name, options)
      return { ...callback, wait: () => ask('wait', name) }
    },
    async finishIn(tx, outcome) {
      const { text, values } = await ask('finishIn', spelled(outcome))
      await tx.query(text, values)
    },
  }
}
async function run({ module, kind, job, facts }) {
  const face = await import(module)
  const found = Object.values(face).flat().find((one) => one && one.name === kind && typeof one.run === 'function')
  if (!found) throw new Error('the module exports no kind ' + kind)
  return spelled(await found.run(job, contextOf(facts)))
}
port.on('message', (message) => {
  if (message.run) {
    aborter = new AbortController() // before the module is there: an abort may come meanwhile
    run(message.run).then(
      (ended) => {
        try {
          send({ ended })
        } catch (error) {
          send({ invalid: plain(error).message })
        }
      },
      (error) => send({ threw: plain(error) }),
    )
  } else if (message.abort) {
    aborter.abort(message.abort)
  } else if (message.answer) {
    const { resolve, reject } = questions.get(message.answer)
    questions.delete(message.answer)
    if (message.error) reject(Object.assign(new Error(message.error.message), message.error))
    else resolve(message.value)
  }
})
if (!parentPort) process.on('disconnect', () => process.exit(1))
`

type Spelled = { value?: unknown; outcome?: string; rest?: object }
type Said = {
  ended?: Spelled
  invalid?: string
  threw?: { name: string; message: string; stack?: string }
  level?: keyof Log
  fields?: object
  message?: string
  progress?: Parameters<Context['progress']>
  enqueue?: Parameters<Context['enqueue']>[0]
  question?: number
  name?: 'flush' | 'heartbeat' | 'callback' | 'wait' | 'finishIn'
  args?: unknown[]
}

/** A thread or a process, seen from the worker. */
type Isolate = {
  post(message: object): void
  kill(): void
  /** Whether it keeps this process alive. */
  hold(on: boolean): void
  hear(said: (said: Said) => void, gone: (how: string) => void): void
}

type Idle = { isolate: Isolate; cancel: () => void }

export function makeIsolates(clock: Clock): Isolates {
  const idle = new Map<string, Idle[]>()
  const alive = new Set<Isolate>()

  function take(kind: Kind): Isolate {
    const waiting = idle.get(kind.name)?.pop()
    if (waiting) {
      waiting.cancel()
      waiting.isolate.hold(true)
      return waiting.isolate
    }
    const isolate = kind.isolate === 'process' ? startProcess(kind) : startThread(kind)
    alive.add(isolate)
    return isolate
  }

  function giveBack(kind: Kind, isolate: Isolate): void {
    const list = idle.get(kind.name) ?? []
    idle.set(kind.name, list)
    const place: Idle = { isolate, cancel: () => undefined }
    const leave = () => {
      place.cancel()
      const at = list.indexOf(place)
      if (at >= 0) list.splice(at, 1)
      alive.delete(isolate)
      isolate.kill()
    }
    isolate.hold(false)
    isolate.hear(() => undefined, leave)
    place.cancel = clock.timer(IDLE_MS, leave)
    list.push(place)
  }

  return {
    run(kind, job, ctx, attempt) {
      const isolate = take(kind)
      return new Promise((resolve, reject) => {
        const callbacks = new Map<string, Callback>()
        const onAbort = () => isolate.post({ abort: attempt.aborted })
        const over = (end: () => void, usable: boolean) => {
          ctx.signal.removeEventListener('abort', onAbort)
          attempt.kill = undefined
          if (usable) giveBack(kind, isolate)
          else alive.delete(isolate)
          end()
        }
        attempt.kill = () => isolate.kill()
        ctx.signal.addEventListener('abort', onAbort)
        isolate.hear(
          (said) => {
            if (said.ended) over(() => resolve(asOutcome(said.ended as Spelled)), true)
            else if (said.invalid !== undefined)
              over(() => resolve(() => said.invalid), true) // no JSON, and so refused as an output
            else if (said.threw) over(() => reject(Object.assign(new Error(said.threw?.message), said.threw)), true)
            else if (said.question) void answer(said, isolate, ctx, attempt, callbacks)
            else if (said.level) ctx.log[said.level](said.fields ?? {}, said.message ?? '')
            else tell(said, ctx, reject)
          },
          (how) => over(() => reject(new Crashed(`the ${kind.isolate} of the handler ended: ${how}`)), false),
        )
        const { attempt: n, lease, idempotencyKey } = ctx
        const plainJob = JSON.parse(JSON.stringify(job)) as Record<string, unknown>
        for (const time of ['runAt', 'enqueuedAt', 'deadlineAt'] as const) plainJob[time] = job[time]
        const facts = { attempt: n, lease, idempotencyKey }
        isolate.post({ run: { module: kind.module, kind: kind.name, job: plainJob, facts } })
      })
    },
    close() {
      for (const isolate of alive) isolate.kill()
      alive.clear()
      for (const list of idle.values()) for (const one of list.splice(0)) one.cancel()
    },
  }
}

/** What needs no answer. An argument that is refused fails the attempt, for the handler did not wait for it. */
function tell(said: Said, ctx: Context, fail: (error: unknown) => void): void {
  try {
    if (said.progress) ctx.progress(...said.progress)
    if (said.enqueue) ctx.enqueue(said.enqueue)
  } catch (error) {
    fail(error)
  }
}

async function answer(
  said: Said,
  isolate: Isolate,
  ctx: Context,
  attempt: Attempt,
  callbacks: Map<string, Callback>,
): Promise<void> {
  const { question, name, args = [] } = said
  const ask = async (): Promise<unknown> => {
    if (name === 'flush') return ctx.flush()
    if (name === 'heartbeat') return ctx.heartbeat()
    if (name === 'finishIn') return attempt.finishInStatement(asOutcome(args[0] as Spelled))
    const [of, options] = args as [string, CallbackOptions | undefined]
    if (name === 'wait') return callbacks.get(of)?.wait()
    const callback = await ctx.callback(of, options)
    callbacks.set(of, callback)
    const { wait: _, ...facts } = callback
    return facts
  }
  try {
    const value = await ask()
    isolate.post({ answer: question, value })
  } catch (error) {
    const { name: kind, message, stack } = error instanceof Error ? error : new Error(String(error))
    isolate.post({ answer: question, error: { name: kind, message, stack } })
  }
}

function startThread({ memory = MEMORY_MIB }: Kind): Isolate {
  const worker = new Worker(PROGRAM, {
    eval: true,
    execArgv: loaders(),
    resourceLimits: { maxOldGenerationSizeMb: memory },
  })
  let why: string | undefined
  worker.on('error', (error) => {
    why = error.message
  })
  return {
    post: (message) => worker.postMessage(message),
    kill: () => void worker.terminate(),
    hold: (on) => (on ? worker.ref() : worker.unref()),
    hear(said, gone) {
      worker.removeAllListeners('message')
      worker.removeAllListeners('exit')
      worker.on('message', said)
      worker.on('exit', (code) => gone(why ?? `exit code ${code}`))
    },
  }
}

function startProcess({ memory = MEMORY_MIB }: Kind): Isolate {
  const child: ChildProcess = spawn(process.execPath, [...loaders(), `--max-old-space-size=${memory}`, '-e', PROGRAM], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  })
  let why: string | undefined
  child.on('error', (error) => {
    why = error.message
  })
  // A message to a process that just ended has nobody to hear it; the exit says what is to be said.
  const post = (message: object) => {
    if (child.connected) child.send(message, () => undefined)
  }
  return {
    post,
    kill: () => void child.kill('SIGKILL'),
    hold(on) {
      if (on) {
        child.ref()
        child.channel?.ref()
      } else {
        child.unref()
        child.channel?.unref()
      }
    },
    hear(said, gone) {
      child.removeAllListeners('message')
      child.removeAllListeners('exit')
      child.on('message', (message) => said(message as Said))
      child.on('exit', (code, signal) => gone(why ?? signal ?? `exit code ${code}`))
    },
  }
}

const TAKES_VALUE = new Set(['--import', '--require', '-r', '--loader', '--experimental-loader', '--conditions', '-C'])

/** Of the flags of this process those that say how modules are found and loaded. */
function loaders(): string[] {
  const flags: string[] = []
  for (let i = 0; i < process.execArgv.length; i++) {
    const flag = process.execArgv[i] as string
    if (TAKES_VALUE.has(flag)) flags.push(flag, process.execArgv[++i] as string)
    else if (TAKES_VALUE.has(flag.split('=')[0] as string)) flags.push(flag)
  }
  return flags
}
