// Temporal's own workflow runtime without its server: workflows are bundled and run in a context that has what Temporal's sandbox has (no crypto, no fetch, no process, time and
// timers of the workflow's own), driven by the activations that the Rust core would send. What it executes is @temporalio/workflow itself. Activities run in a real context of
// @temporalio/activity. There is no history service here: a replay is the recorded activations once more, and its commands have to be the same.
import { AsyncLocalStorage } from 'node:async_hooks'
import { fileURLToPath } from 'node:url'
import { createContext, runInContext } from 'node:vm'
import { asyncLocalStorage, Context } from '@temporalio/activity'
import { CancelledFailure } from '@temporalio/common'
import { build } from 'esbuild'

type Job = { variant: string; [name: string]: unknown }
// biome-ignore lint/suspicious/noExplicitAny: commands as the runtime wrote them, of any kind
type Command = any
export type Activities = Readonly<Record<string, (...args: never[]) => Promise<unknown>>>
export type Ended = { result: unknown } | { failure: { message: string; type: string | null; cancelled: boolean } }

type Runtime = {
  initRuntime(options: object): void
  initialize(job: object): void
  activate(activation: { jobs: Job[] }, batch?: number): void
  tryUnblockConditions(): number
  concludeActivation(): { successful: { commands: Command[] } }
}

let bundled: Promise<string> | undefined

/** The workflows of workflows.ts with the runtime that Temporal would put beside them. */
const bundle = (): Promise<string> => {
  bundled ??= build({
    stdin: {
      contents: `
        import * as runtime from '@temporalio/workflow/lib/worker-interface'
        import { overrideGlobals } from '@temporalio/workflow/lib/global-overrides'
        overrideGlobals()
        globalThis.__TEMPORAL__ = {
          runtime,
          importWorkflows: () => require('./workflows.ts'),
          importInterceptors: () => [],
        }`,
      resolveDir: fileURLToPath(new URL('.', import.meta.url)),
      loader: 'ts',
    },
    bundle: true,
    write: false,
    format: 'iife',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['import', 'default'],
    plugins: [
      {
        name: 'converters',
        setup(own) {
          own.onResolve({ filter: /^__temporal_custom_/ }, ({ path }) => ({ path, namespace: 'converter' }))
          own.onLoad({ filter: /.*/, namespace: 'converter' }, () => ({ contents: 'module.exports = {}' }))
        },
      },
    ],
  }).then(({ outputFiles }) => (outputFiles[0] as { text: string }).text)
  return bundled
}

const payload = (value: unknown) => ({
  metadata: { encoding: new TextEncoder().encode('json/plain') },
  data: new TextEncoder().encode(JSON.stringify(value)),
})
const read = (one: { data: Uint8Array } | null | undefined): unknown =>
  one?.data?.length ? JSON.parse(Buffer.from(one.data).toString('utf8')) : undefined

export type RunOptions = {
  type: string
  args?: unknown[]
  workflowId: string
  runId: string
  activities: Activities
  /** What another worker did of this run before it was killed. */
  history?: Job[][]
}

export type Run = {
  /** Every activation until now, to go on from elsewhere. */
  history: Job[][]
  /** Which activities were really run by this worker. */
  ran: string[]
  ended: Ended | null
  signal(name: string, ...args: unknown[]): Promise<void>
  /** Fires the oldest timer that runs; false when none does. */
  fireTimer(): Promise<boolean>
  cancel(): Promise<void>
}

/** Starts a workflow, or goes on with one, and works until it waits for something from outside. */
export async function work(options: RunOptions): Promise<Run> {
  const { type, args = [], workflowId, runId, activities, history = [] } = options
  const inside = createContext({ AsyncLocalStorage, TextEncoder, TextDecoder, AbortController, URL, URLSearchParams, console })
  runInContext(await bundle(), inside)
  const { runtime } = (inside as { __TEMPORAL__: { runtime: Runtime } }).__TEMPORAL__
  runtime.initRuntime({
    info: {
      ...{
        workflowId,
        runId,
        workflowType: type,
        taskQueue: 'test',
        namespace: 'default',
        attempt: 1,
        firstExecutionRunId: runId,
      },
      ...{ startTime: new Date(0), runStartTime: new Date(0), historyLength: 1, historySize: 1, continueAsNewSuggested: false },
      ...{ searchAttributes: {}, memo: {}, taskTimeoutMs: 10_000, unsafe: { isReplaying: history.length > 0 } },
    },
    randomnessSeed: [1, 2, 3, 4],
    now: 0,
    ...{ showStackTraceSources: false, sourceMap: {}, registeredActivityNames: new Set(Object.keys(activities)) },
    ...{ getTimeOfDay: () => 0n, stackTracesEnabled: false },
  })
  const run: Run & { timers: number[] } = {
    ...{ history: [], ran: [], ended: null, timers: [] },
    signal: (name, ...given) =>
      send([{ variant: 'signalWorkflow', signalWorkflow: { signalName: name, input: given.map(payload), headers: {} } }]),
    async fireTimer() {
      const seq = run.timers.shift()
      if (seq === undefined) return false
      await send([{ variant: 'fireTimer', fireTimer: { seq } }])
      return true
    },
    cancel: () => send([{ variant: 'cancelWorkflow', cancelWorkflow: {} }]),
  }

  async function activation(jobs: Job[]): Promise<Command[]> {
    run.history.push(structuredClone(jobs))
    const [first] = jobs
    if (first?.variant === 'initializeWorkflow') runtime.initialize(first.initializeWorkflow as object)
    runtime.activate({ jobs: [...jobs] })
    // What the runtime left to do in promises is done between two steps, as between two batches of the real worker.
    do await new Promise((resume) => setImmediate(resume))
    while (runtime.tryUnblockConditions() > 0)
    return runtime.concludeActivation().successful.commands
  }

  /** Takes what the workflow asked for: runs its activities, keeps its timers, reads its end. */
  async function take(commands: Command[], isReplay: boolean): Promise<Job[]> {
    const answers: Job[] = []
    for (const {
      scheduleActivity,
      startTimer,
      cancelTimer,
      completeWorkflowExecution,
      failWorkflowExecution,
      ...other
    } of commands) {
      if (startTimer) run.timers.push(startTimer.seq)
      if (cancelTimer) run.timers.splice(run.timers.indexOf(cancelTimer.seq), 1)
      if (completeWorkflowExecution) run.ended = { result: read(completeWorkflowExecution.result) }
      if (failWorkflowExecution || other.cancelWorkflowExecution)
        run.ended = { failure: failureOf(failWorkflowExecution?.failure) }
      if (scheduleActivity && !isReplay) answers.push(await execute(scheduleActivity))
    }
    return answers
  }

  async function execute({ seq, activityType, arguments: given }: Command): Promise<Job> {
    run.ran.push(activityType)
    const activity = activities[activityType] as (...all: unknown[]) => Promise<unknown>
    const { context } = contextOf({ workflowExecution: { workflowId, runId }, activityId: String(seq) })
    try {
      const result = await asyncLocalStorage.run(context, () => activity(...(given as { data: Uint8Array }[]).map(read)))
      return { variant: 'resolveActivity', resolveActivity: { seq, result: { completed: { result: payload(result ?? null) } } } }
    } catch (error) {
      const { message, type, nonRetryable } = error as { message: string; type?: string; nonRetryable?: boolean }
      const cause = { message, applicationFailureInfo: { type, nonRetryable: nonRetryable ?? false } }
      const failure = { message: 'Activity task failed', cause, activityFailureInfo: { activityType: { name: activityType } } }
      return { variant: 'resolveActivity', resolveActivity: { seq, result: { failed: { failure } } } }
    }
  }

  async function send(jobs: Job[]): Promise<void> {
    for (let next = jobs; next.length > 0; ) next = await take(await activation(next), false)
  }

  if (history.length === 0)
    await send([{ variant: 'initializeWorkflow', initializeWorkflow: { arguments: args.map(payload), headers: {} } }])
  else {
    // All but the last activation was answered by the one that follows; what the last one asked for is still to be done.
    for (const [i, jobs] of history.entries()) {
      const last = i === history.length - 1
      const answers = await take(await activation(structuredClone(jobs)), !last)
      if (answers.length > 0) await send(answers)
    }
  }
  return run
}

type Failure = { message?: string; cause?: Failure; applicationFailureInfo?: { type?: string }; canceledFailureInfo?: object }

function failureOf(failure: Failure | undefined): { message: string; type: string | null; cancelled: boolean } {
  if (!failure) return { message: 'cancelled', type: null, cancelled: true }
  const { message = '', cause, applicationFailureInfo: info, canceledFailureInfo } = failure
  if (!info && cause) return failureOf(cause)
  return { message, type: info?.type ?? null, cancelled: Boolean(canceledFailureInfo) }
}

type Given = { workflowExecution: { workflowId: string; runId: string }; activityId: string; heartbeatTimeoutMs?: number }

/** The context of one activity, with its heartbeats and the way to cancel it. */
export function contextOf(info: Given) {
  const beats: unknown[] = []
  const details: { details?: { cancelRequested: boolean } } = {}
  const abort = new AbortController()
  let refuse: (error: Error) => void = () => undefined
  const cancelled = new Promise<never>((_, reject) => {
    refuse = reject
  })
  // Nobody has to listen to it.
  cancelled.catch(() => undefined)
  const [log, meter] = [{} as never, {} as never]
  const context = new Context(
    { ...info, attempt: 1 } as unknown as Context['info'],
    cancelled,
    abort.signal,
    (beat) => void beats.push(beat),
    undefined,
    log,
    meter,
    details as never,
  )
  const end = (reason: string, cancelRequested: boolean) => {
    details.details = { cancelRequested }
    const failure = new CancelledFailure(reason)
    refuse(failure)
    abort.abort(failure)
  }
  return {
    context,
    beats,
    /** Somebody cancelled the workflow, or the activity. */
    cancel: () => end('CANCELLED', true),
    /** The worker goes; another attempt will come. */
    shutDown: () => end('WORKER_SHUTDOWN', false),
  }
}
