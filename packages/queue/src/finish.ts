// Results on their way to the database (Q89, Q54): one call at a time, everything that came meanwhile in the next one, no flush timer. What
// completed with nothing to say goes as positions of its claim, all else as a result of its own. A call whose outcome is unknown is sent again
// until it is answered. Never holds a permit, and never lets one bad result stop the others.
import type { Held, Receipt } from './claim.ts'
import { isStoreAway } from './error.ts'
import type { Log } from './host.ts'
import { finishIfHeld, type Result, settleClaims, type Unsettled, type Verdict } from './sql.ts'
import type { Store } from './store.ts'
import { type Meters, noMeters, noSpans, type Spans } from './telemetry.ts'

/** As much of a result as is of interest once it is stored. */
export type Said = { outcome: string; reason?: unknown; error?: unknown }
/** What became of a result; an error: it could not be stored, and the attempt will be rescued. */
export type Told = (held: Held, result: Said, verdict: Verdict | { error: unknown }, apart: boolean) => void

export type Finisher = {
  /** The attempt completed with nothing to store. */
  complete(held: Held): void
  /** `apart`: a transaction of the handler's own may still hold the job, so that its result waits alone. */
  add(held: Held, result: Result, apart?: boolean): void
  /** How many are not acknowledged. */
  pending(): number
  /** Resolves when none is left. */
  idle(): Promise<void>
}

const A_CALL = 500

type Waiting = { held: Held; result: Result; apart: boolean }
type Part = { receipt: Receipt; done: Held[] }

const completed = ({ id, lease, token }: Held): Result => ({ id, lease, token, outcome: 'completed' })
const COMPLETED: Said = { outcome: 'completed' }

// What ends in the same turn of the loop goes in the same call.
const turn = () => new Promise((resume) => setImmediate(resume))

export function makeFinisher(
  store: Store,
  log: Log,
  giveUp: AbortSignal,
  told: Told,
  meters: Meters = noMeters,
  spans: Spans = noSpans,
): Finisher {
  let marked: Receipt[] = []
  const results: Waiting[] = []
  let settling = false
  let sending = false
  let pending = 0
  let idlers: (() => void)[] = []

  function tell(held: Held, result: Said, verdict: Verdict | { error: unknown }, apart = false): void {
    pending--
    told(held, result, verdict, apart)
    if (pending > 0) return
    for (const resume of idlers) resume()
    idlers = []
  }

  async function call<T>(n: number, fn: () => Promise<T>): Promise<T> {
    if (!meters.on && !spans.on) return fn()
    const began = performance.now()
    const answer = await spans.call('finish', fn)
    meters.finish(performance.now() - began, n)
    return answer
  }

  async function settle(): Promise<void> {
    settling = true
    await turn()
    while (marked.length > 0) {
      const parts = marked.map((receipt): Part => {
        const { done } = receipt
        receipt.done = []
        receipt.marked = false
        return { receipt, done }
      })
      marked = []
      await settleParts(parts)
    }
    settling = false
  }

  async function settleParts(parts: Part[]): Promise<void> {
    const list = parts.map(({ receipt: { lease, token, size }, done }) => ({
      lease,
      token,
      done: done.length === size ? null : done.map((one) => one.place),
    }))
    try {
      const n = parts.reduce((sum, one) => sum + one.done.length, 0)
      const answers = await store.insist(() => call(n, () => settleClaims(store, list)), giveUp)
      parts.forEach((part, i) => {
        close(part, answers[i] ?? null)
      })
    } catch (error) {
      if (isStoreAway(error)) {
        for (const { done } of parts) for (const held of done) tell(held, COMPLETED, { error })
      } else {
        // One claim of them is at fault; as results of their own each is judged alone.
        log.warn({ err: error }, 'completions could not be stored together; each is stored alone')
        for (const { done } of parts) for (const held of done) push({ held, result: completed(held), apart: false })
      }
    }
  }

  function close({ done }: Part, unsettled: readonly Unsettled[] | null): void {
    const others = unsettled && new Map(unsettled.map((one) => [one.i, one.verdict]))
    for (const held of done) {
      const verdict = others?.get(held.place) ?? 'settled'
      // Somebody gave it a row of its own meanwhile, by a request to cancel for one.
      if (verdict === 'moved') {
        held.receipt = null
        push({ held, result: completed(held), apart: false })
      } else tell(held, COMPLETED, verdict)
    }
  }

  function push(waiting: Waiting): void {
    results.push(waiting)
    if (!sending) void send()
  }

  async function send(): Promise<void> {
    sending = true
    await turn()
    while (results.length > 0) await deliver(results.splice(0, A_CALL))
    sending = false
  }

  async function deliver(batch: Waiting[]): Promise<void> {
    try {
      const list = batch.map((one) => one.result)
      const verdicts = await store.insist(() => call(list.length, () => finishIfHeld(store, list)), giveUp)
      batch.forEach(({ held, result, apart }, i) => {
        tell(held, result, verdicts[i] as Verdict, apart)
      })
    } catch (error) {
      if (isStoreAway(error)) {
        for (const { held, result, apart } of batch) tell(held, result, { error }, apart)
        return
      }
      if (batch.length > 1) {
        for (const one of batch) await deliver([one])
        return
      }
      const [{ held, result, apart }] = batch as [Waiting]
      if (result.reason === 'output_invalid') return tell(held, result, { error }, apart)
      log.error({ err: error, job_id: held.id }, 'an outcome could not be stored; the attempt fails for it')
      const instead = { outcome: 'failed', reason: 'output_invalid', error: 'the outcome could not be stored' }
      await deliver([{ held, result: { ...held.fence, ...instead }, apart }])
    }
  }

  return {
    complete(held) {
      const { receipt } = held
      pending++
      if (!receipt) return push({ held, result: completed(held), apart: false })
      receipt.done.push(held)
      if (receipt.marked) return
      receipt.marked = true
      marked.push(receipt)
      if (!settling) void settle()
    },
    add(held, result, apart = false) {
      pending++
      if (apart) void deliver([{ held, result, apart }])
      else push({ held, result, apart })
    },
    pending: () => pending,
    idle: () => (pending === 0 ? Promise.resolve() : new Promise((resume) => idlers.push(resume))),
  }
}
