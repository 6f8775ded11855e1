// Kinds that run many jobs at once (Q93): jobs gather, without a permit, until there are enough or the first of them has waited; then one run
// has them all, and each still ends by its own outcome under its own fence. Never waits longer than the rule says.
import { type Attempt, contextOf } from './attempt.ts'
import { type Held, HeldJob } from './claim.ts'
import { milliseconds } from './duration.ts'
import { QueueError } from './error.ts'
import type { Clock, Log } from './host.ts'
import type { BatchContext, BatchRule, Context, Job, Kind } from './kind.ts'
import { isOutcome } from './outcome.ts'

export type Batch = { readonly kind: string; readonly queue: string; readonly heldAt: number; readonly held: readonly Held[] }

export type Gathering = {
  add(held: Held, rule: BatchRule): void
  /** Takes out everything that this says yes to, whatever it waits for. */
  remove(which: (held: Held) => boolean): Held[]
}

type Filling = { kind: string; queue: string; heldAt: number; held: Held[]; cancel: () => void }

/** `full` is told of each batch that is to run. */
export function gather(clock: Clock, full: (batch: Batch) => void): Gathering {
  const fillings = new Map<string, Filling>()
  const close = (key: string, filling: Filling) => {
    filling.cancel()
    fillings.delete(key)
    const { kind, queue, heldAt, held } = filling
    if (held.length > 0) full({ kind, queue, heldAt, held })
  }
  return {
    add(held, { max, wait }) {
      const { kind, queue, heldAt } = held
      const key = `${kind}\n${queue}`
      let filling = fillings.get(key)
      if (!filling) {
        const fresh: Filling = { kind, queue, heldAt, held: [], cancel: () => undefined }
        fresh.cancel = clock.timer(milliseconds(wait, '/batch/wait'), () => close(key, fresh))
        fillings.set(key, fresh)
        filling = fresh
      }
      filling.held.push(held)
      if (filling.held.length >= max) close(key, filling)
    },
    remove(which) {
      const out: Held[] = []
      for (const [key, filling] of [...fillings]) {
        out.push(...filling.held.filter(which))
        filling.held = filling.held.filter((one) => !which(one))
        if (filling.held.length > 0) continue
        filling.cancel()
        fillings.delete(key)
      }
      return out
    },
  }
}

type BatchRun = (jobs: readonly Job[], ctx: BatchContext) => unknown

/** Runs one batch; resolves when the handler has ended. Each attempt tells its keeper by itself. */
export async function runBatch(kind: Kind, attempts: readonly Attempt[], log: Log): Promise<void> {
  const payloads = await Promise.all(attempts.map((one) => one.payload()))
  const members = new Map<string, Attempt>()
  const jobs: Job[] = []
  attempts.forEach((attempt, i) => {
    const parsed = payloads[i]
    if (!parsed) return // it ended over its payload
    members.set(attempt.held.id, attempt)
    jobs.push(new HeldJob(attempt.held, parsed.value))
  })
  if (jobs.length === 0) return
  try {
    // A kind with `batch` was declared with a handler of many (kind.ts, BatchKindOptions).
    const value = await (kind.run as unknown as BatchRun)(jobs, batchContext(members, log))
    const each = outcomesOf(value, members)
    for (const [id, attempt] of members) {
      if (!each) attempt.gave(value)
      else if (each.has(id)) attempt.gave(each.get(id))
      else attempt.invalid('the batch gave no outcome for this job')
    }
  } catch (error) {
    for (const attempt of members.values()) attempt.threw(error) // those that have an outcome keep it
  }
  await Promise.all([...members.values()].map((attempt) => attempt.concluded))
}

/** What was returned for each job; null: one outcome for all. */
function outcomesOf(value: unknown, members: ReadonlyMap<string, Attempt>): ReadonlyMap<unknown, unknown> | null {
  if (value instanceof Map) return value
  if (typeof value !== 'object' || value === null || Array.isArray(value) || isOutcome(value)) return null
  const entries = Object.entries(value)
  return entries.length > 0 && entries.every(([id]) => members.has(id)) ? new Map(entries) : null
}

function batchContext(members: ReadonlyMap<string, Attempt>, log: Log): BatchContext {
  const aborter = new AbortController()
  for (const attempt of members.values()) {
    const look = () => {
      const all = [...members.values()].every((one) => one.aborted !== undefined)
      if (all || attempt.aborted === 'shutdown' || attempt.aborted === 'lease_lost') aborter.abort(attempt.aborted)
    }
    if (attempt.aborted) look()
    else attempt.signal.addEventListener('abort', look, { once: true })
  }
  const member = ({ id }: { id: string }): Attempt => {
    const attempt = members.get(id)
    if (!attempt) throw new QueueError('not_found', `job ${id} is not one of this batch`)
    return attempt
  }
  const contexts = new Map<string, Context>()
  return {
    signal: aborter.signal,
    log,
    logger: log,
    heartbeat: () => (members.values().next().value as Attempt).heartbeat(),
    of(job) {
      const attempt = member(job)
      let context = contexts.get(job.id)
      if (!context) {
        context = contextOf(attempt)
        contexts.set(job.id, context)
      }
      return context
    },
    settle: (job, outcome) => member(job).gave(outcome),
  }
}
