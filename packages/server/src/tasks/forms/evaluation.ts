// Evaluates a value against a gated schema. A schema that can take more than linear time runs in a worker thread, under a deadline that interrupts even a
// regular expression (T74, A21), so no caller's schema can hold the event loop. Never decides what an error means: response.ts does.
import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import { format, type OutputUnit, validate } from '@cfworker/json-schema'
import type { Gated } from './schema.ts'

export type Evaluation = {
  /** What is wrong, or `too_slow` when the deadline passed: then the value counts as wrong. */
  run(gated: Gated, value: unknown): Promise<OutputUnit[] | 'too_slow'>
  /** Those of the patterns that a short text made for them keeps busy beyond the deadline. */
  probe(patterns: readonly string[]): Promise<string[]>
  close(): Promise<void>
}

const DEADLINE_MS = 50
/** Arrays beyond this are not compared pair by pair (T74). */
const LONGEST_COMPARED = 2_000
// The worker interrupts itself; a worker that does not even do that is replaced.
const WORKER_LOST_MS = 2_000

// RFC 3339 wants seconds and an offset in a `time`; forms, Zod and every browser's own field write 08:30 or 08:30:00 (T79).
const TIME = /^(?:[01]\d|2[0-3]):[0-5]\d(?::(?:[0-5]\d|60)(?:\.\d+)?)?(?:z|[+-](?:[01]\d|2[0-3]):[0-5]\d)?$/i
format.time = (text: string) => TIME.test(text)

/** Runs in the worker: nothing of ours is imported there, only the validator and a clock that interrupts. */
const WORKER = `
const { parentPort, workerData } = require('node:worker_threads')
const vm = require('node:vm')
const { validate, format } = require(workerData.library)
const TIME = new RegExp(workerData.time, 'i')
format.time = (text) => TIME.test(text)
const script = new vm.Script('countersignRun()')
// The first run of the validator compiles it; that is no answer's time.
validate({ a: 'a' }, { type: 'object', properties: { a: { type: 'string', pattern: '^a$' } }, required: ['a'] }, '2020-12', undefined, false)
const bounded = (run) => {
  globalThis.countersignRun = run
  try {
    return { value: script.runInThisContext({ timeout: workerData.deadline }) }
  } catch (error) {
    if (error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return { slow: true }
    if (error instanceof RangeError) return { slow: true }
    return { failed: String(error && error.stack || error) }
  }
}
const attacks = (pattern) => {
  const chars = new Set(['a', '0', ' ', '-', '.', '_', ...pattern.replace(/[\\\\^$.*+?()[\\]{}|]/g, '')].slice(0, 24))
  return [...chars].map((char) => char.repeat(40) + '\\u0000')
}
parentPort.on('message', ({ id, gated, value, patterns }) => {
  const answer = gated
    ? bounded(() => validate(value, gated.schema, gated.draft, undefined, false).errors)
    : { value: patterns.filter((pattern) => {
        const regexp = new RegExp(pattern, 'u')
        return bounded(() => { for (const text of attacks(pattern)) regexp.test(text) }).slow
      }) }
  parentPort.postMessage({ id, ...answer })
})
`

type Answer = { id: number; value?: unknown; slow?: true; failed?: string }
type Question = { gated?: Gated; value?: unknown; patterns?: readonly string[] }

export function openEvaluation(): Evaluation {
  let worker: Worker | undefined
  let lastId = 0
  const waiting = new Map<
    number,
    { resolve: (answer: Answer) => void; reject: (error: unknown) => void; timer: NodeJS.Timeout }
  >()

  function start(): Worker {
    const library = createRequire(import.meta.url).resolve('@cfworker/json-schema')
    const fresh = new Worker(WORKER, { eval: true, workerData: { library, deadline: DEADLINE_MS, time: TIME.source }, env: {} })
    fresh.unref()
    fresh.on('message', (answer: Answer) => settle(answer.id, (one) => one.resolve(answer)))
    fresh.on('error', (error) => lost(fresh, error))
    fresh.on('exit', () => lost(fresh, new Error('The evaluation thread ended.')))
    return fresh
  }
  function settle(id: number, fn: (one: { resolve: (answer: Answer) => void; reject: (error: unknown) => void }) => void): void {
    const one = waiting.get(id)
    if (!one) return
    waiting.delete(id)
    clearTimeout(one.timer)
    if (waiting.size === 0) worker?.unref()
    fn(one)
  }
  function lost(one: Worker, error: unknown): void {
    if (worker !== one) return
    worker = undefined
    for (const id of [...waiting.keys()]) settle(id, ({ reject }) => reject(error))
  }
  /** The deadline is one of the clock on the wall: what a busy machine held up gets a second one, what is slow by itself meets it again. */
  async function askTwice(question: Question): Promise<Answer> {
    const answer = await ask(question)
    return answer.slow ? ask(question) : answer
  }
  function ask(question: Question): Promise<Answer> {
    worker ??= start()
    const current = worker
    const id = ++lastId
    return new Promise<Answer>((resolve, reject) => {
      const timer = setTimeout(() => {
        settle(id, (one) => one.resolve({ id, slow: true }))
        lost(current, new Error('The evaluation thread does not answer.'))
        void current.terminate()
      }, WORKER_LOST_MS)
      waiting.set(id, { resolve, reject, timer })
      current.ref()
      current.postMessage({ id, ...question })
    }).then((answer) => {
      if (answer.failed) throw new Error(`A gated schema could not be evaluated: ${answer.failed}`)
      return answer
    })
  }

  return {
    async run(gated, value) {
      if (!gated.guarded) return validate(value, gated.schema, gated.draft, undefined, false).errors
      if (gated.compares && hasLongArray(value)) return 'too_slow'
      const answer = await askTwice({ gated, value })
      return answer.slow ? 'too_slow' : (answer.value as OutputUnit[])
    },
    async probe(patterns) {
      if (patterns.length === 0) return []
      const answer = await ask({ patterns })
      return answer.slow ? [...patterns] : (answer.value as string[])
    },
    async close() {
      const last = worker
      worker = undefined
      for (const id of [...waiting.keys()]) settle(id, ({ reject }) => reject(new Error('The server is shutting down.')))
      await last?.terminate()
    },
  }
}

function hasLongArray(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value) && value.length > LONGEST_COMPARED) return true
  return Object.values(value).some(hasLongArray)
}
