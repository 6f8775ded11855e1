// Results on their way to the database (Q89, Q54): one call at a time, everything that came meanwhile in the next one, no flush timer.
// A call whose outcome is unknown is sent again until it is answered. Never holds a permit, and never lets one bad result stop the others.
import { isStoreAway } from './error.ts'
import type { Log } from './host.ts'
import { finishIfHeld, type Result, type Verdict } from './sql.ts'
import type { Store } from './store.ts'

export type Finisher = {
  add(result: Result): Promise<Verdict>
  /** How many are not acknowledged. */
  pending(): number
}

const A_CALL = 500

type Waiting = { result: Result; resolve: (verdict: Verdict) => void; reject: (error: unknown) => void }

export function makeFinisher(store: Store, log: Log, giveUp: AbortSignal): Finisher {
  const queue: Waiting[] = []
  let sending = false
  let underWay = 0

  async function send(): Promise<void> {
    sending = true
    await new Promise((resume) => setImmediate(resume)) // what ends in the same turn of the loop goes in the same call
    while (queue.length > 0) {
      const batch = queue.splice(0, A_CALL)
      underWay = batch.length
      await deliver(batch)
      underWay = 0
    }
    sending = false
  }

  async function deliver(batch: Waiting[]): Promise<void> {
    try {
      const verdicts = await store.insist(
        () =>
          finishIfHeld(
            store,
            batch.map((one) => one.result),
          ),
        giveUp,
      )
      batch.forEach((one, i) => {
        one.resolve(verdicts[i] as Verdict)
      })
    } catch (error) {
      if (isStoreAway(error)) return batch.forEach((one) => void one.reject(error))
      if (batch.length > 1) {
        for (const one of batch) await deliver([one])
        return
      }
      const [one] = batch as [Waiting]
      if (one.result.reason === 'output_invalid') return one.reject(error)
      log.error({ err: error, job_id: one.result.id }, 'an outcome could not be stored; the attempt fails for it')
      const { id, lease, token } = one.result
      const instead = { id, lease, token, outcome: 'failed', reason: 'output_invalid', error: 'the outcome could not be stored' }
      await deliver([{ ...one, result: instead }])
    }
  }

  return {
    add: (result) =>
      new Promise<Verdict>((resolve, reject) => {
        queue.push({ result, resolve, reject })
        if (!sending) void send()
      }),
    pending: () => queue.length + underWay,
  }
}
