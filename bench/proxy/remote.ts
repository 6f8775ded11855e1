// A part of a benchmark in a process of its own: calls to it and what it uses. One that ends unasked fails every call that waits; stopped parts are waited for.
import { type ChildProcess, fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// The argument of each verb is its own; nobody but `Remote` looks at it.
type Verbs = Record<string, (argument: never) => unknown>
type Call = { call: number; verb: string; argument: unknown }
type Said = { call: number; result?: unknown; error?: string }

export type Remote<V extends Verbs> = {
  [K in keyof V]: (...argument: Parameters<V[K]>) => Promise<Awaited<ReturnType<V[K]>>>
}
export type Part<V extends Verbs> = Remote<V> & { part: Process }
export type Process = {
  pid: number
  /** In its own code and in the kernel's, in ticks of 10 ms. */
  cpuMs(): number
  residentMb(): number
  stop(): Promise<void>
}

/** In the child: answers until the parent goes or says `stop`. */
export function serve(verbs: Verbs, stop: () => Promise<void> | void = () => undefined): void {
  let isEnding = false
  const end = async (): Promise<void> => {
    if (isEnding) return
    isEnding = true
    await stop()
    process.exit(0)
  }
  process.on('disconnect', () => void end())
  process.on('message', ({ call, verb, argument }: Call) => {
    if (verb === 'stop') return void end()
    const told = (said: Omit<Said, 'call'>) => process.send?.({ call, ...said })
    Promise.resolve()
      .then(() => (verbs[verb] as (argument: unknown) => unknown)(argument))
      .then(
        (result) => told({ result }),
        (error: unknown) => told({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
      )
  })
}

export function openPart<V extends Verbs>(file: string, execArgv: readonly string[] = []): Part<V> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), {
    execArgv: ['--import', 'tsx', ...execArgv],
    // What it logs is written, as it is in a process of the product, and read by nobody.
    stdio: ['ignore', 'ignore', process.env.BENCH_LOUD ? 'inherit' : 'ignore', 'ipc'],
  })
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  let calls = 0
  const ended = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      for (const one of waiting.values()) one.reject(new Error(`${file} ended with ${signal ?? code}.`))
      waiting.clear()
      resolve()
    })
  })
  child.on('message', ({ call, result, error }: Said) => {
    const one = waiting.get(call)
    waiting.delete(call)
    if (error === undefined) one?.resolve(result)
    else one?.reject(new Error(error))
  })
  const part: Process = { ...uses(child), stop: () => stopped(child, ended) }
  return new Proxy({ part } as Part<V>, {
    get(own, verb) {
      if (verb === 'part') return own.part
      if (typeof verb !== 'string' || verb === 'then') return undefined
      return (argument: unknown) =>
        new Promise((resolve, reject) => {
          if (!child.connected) return reject(new Error(`${file} has ended.`))
          waiting.set(++calls, { resolve, reject })
          child.send({ call: calls, verb, argument } satisfies Call)
        })
    },
  })
}

const uses = ({ pid = 0 }: ChildProcess): Omit<Process, 'stop'> => ({
  pid,
  cpuMs() {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
    return (Number(fields[11]) + Number(fields[12])) * 10
  },
  residentMb: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024,
})

async function stopped(child: ChildProcess, ended: Promise<void>): Promise<void> {
  if (child.connected) child.send({ call: 0, verb: 'stop', argument: null })
  const late = setTimeout(() => child.kill('SIGKILL'), 60_000)
  await ended
  clearTimeout(late)
}
