// The processes of a benchmark as the bench sees them: forked from a bundle, so that they run what an installed package runs, and ended with it.
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { Calls } from './orders.ts'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const BUNDLE = at('./dist/actor.js')

export type Actor = {
  readonly child: ChildProcess
  call<Name extends keyof Calls>(name: Name, args: Parameters<Calls[Name]>[0]): ReturnType<Calls[Name]>
  /** Told how far a worker has come. */
  onProgress(listener: (handled: number) => void): void
  credit(handled: number): void
  stop(): Promise<void>
}

let built: Promise<unknown> | undefined
const crew = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of crew) child.kill('SIGKILL')
})

/** TypeScript is taken off once; the libraries stay what npm installed. */
export function buildActor(): Promise<unknown> {
  built ??= build({
    entryPoints: [at('./actor.ts')],
    outfile: BUNDLE,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    logLevel: 'warning',
  })
  return built
}

export async function hire(): Promise<Actor> {
  await buildActor()
  const child = fork(BUNDLE, [], { execArgv: [], stdio: ['ignore', 2, 2, 'ipc'], serialization: 'advanced' })
  crew.add(child)
  const open = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  const listeners: ((handled: number) => void)[] = []
  let number = 0
  let isStopping = false
  let ready: () => void = () => undefined
  const isReady = new Promise<void>((resolve, reject) => {
    ready = resolve
    child.once('error', reject)
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.on('exit', (code, signal) => {
    crew.delete(child)
    for (const { reject, resolve } of open.values())
      if (isStopping) resolve(null)
      else reject(new Error(`a process of the bench ended with ${code ?? signal}`))
  })
  child.on('message', (told: { ready?: true; progress?: number; id?: number; value?: unknown; error?: string }) => {
    if (told.ready) return ready()
    if (told.progress !== undefined) for (const listener of listeners) listener(told.progress)
    if (told.id === undefined) return
    const waiting = open.get(told.id)
    open.delete(told.id)
    if (told.error === undefined) waiting?.resolve(told.value)
    else waiting?.reject(new Error(told.error))
  })
  const call = <Name extends keyof Calls>(name: Name, args: Parameters<Calls[Name]>[0]) =>
    new Promise((resolve, reject) => {
      const id = ++number
      open.set(id, { resolve, reject })
      child.send({ id, call: name, args })
    }) as ReturnType<Calls[Name]>
  await isReady
  return {
    child,
    call,
    onProgress: (listener) => void listeners.push(listener),
    credit: (handled) => void child.send({ credit: handled }),
    async stop() {
      isStopping = true
      if (child.exitCode === null && child.signalCode === null) void call('stop', null)
      const late = setTimeout(() => child.kill('SIGKILL'), 8_000)
      await ended
      clearTimeout(late)
    },
  }
}
