// A program around the queue in a process of its own, for the tests that need one to die, to block or to be stopped. Gone when the test is over.
import { type ChildProcess, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished } from 'vitest'

export type WorkerProcess = {
  child: ChildProcess
  /** The lines of its output so far. */
  words: string[]
  errors(): string
  said(word: string | RegExp): Promise<void>
  /** How it ended. */
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

const FACE = fileURLToPath(new URL('../index.ts', import.meta.url))

/**
 * Runs `program`, the body of a module that finds the queue's exports in `face` and the database in `url`. It ends by itself after half a minute,
 * should its test be gone.
 */
export function startProgram(url: string, program: string): WorkerProcess {
  const tsx = createRequire(import.meta.url).resolve('tsx')
  const text = `
    const face = await import(process.env.FACE)
    const url = process.env.URL
    setTimeout(() => process.exit(3), 30_000).unref()
    ${program}`
  const child = spawn(process.execPath, ['--import', tsx, '--input-type=module', '-e', text], {
    env: { ...process.env, URL: url, FACE },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const words: string[] = []
  let errors = ''
  child.stdout.on('data', (chunk: Buffer) => words.push(...chunk.toString().trim().split('\n')))
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk
  })
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.on('close', (code, signal) => resolve({ code, signal })),
  )
  const has = (word: string | RegExp) => words.some((one) => (typeof word === 'string' ? one === word : word.test(one)))
  return {
    child,
    words,
    errors: () => errors,
    said: (word) => expect.poll(() => has(word) || errors, { timeout: 20_000 }).toBe(true),
    ended,
  }
}
