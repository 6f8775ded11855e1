// A call begun by the process that accepted its message (relay.md R43): the same verb as the job's, under a claim in the row that the job respects. What is left to do afterwards is
// the job's again; where this process dies, the claim ends by itself and the job goes on from the row.
import { systemScope } from '../../../db/scope.ts'
import { tx } from '../../../db/tx.ts'
import type { MessageRow } from '../../threads/sql.ts'
import { enqueueCall } from '../dispatch.ts'
import type { DeliveryHouse } from '../house.ts'
import { callUpstream } from './call.ts'
import { giveToJob, RUNS_MS, runOn } from './sql.ts'

export type RunCall = (tenantId: string, message: Pick<MessageRow, 'id' | 'thread_id'>, signal: AbortSignal) => Promise<void>

export const openRunCall =
  (house: DeliveryHouse): RunCall =>
  async (tenantId, message, signal) => {
    const scope = systemScope('relay', tenantId)
    const { clock } = house.db
    let stop: () => void
    const holdOn = () => {
      const until = (now: Date) => new Date(now.getTime() + RUNS_MS)
      tx(house.db, scope, (t) => runOn(t, scope, message.id, until(t.now))).catch((error: unknown) =>
        house.log.warn({ err: error, message_id: message.id }, 'a call could not be kept'),
      )
      stop = clock.timer(RUNS_MS / 3, holdOn)
    }
    stop = clock.timer(RUNS_MS / 3, holdOn)
    try {
      const payload = { thread_id: message.thread_id, message_id: message.id }
      const left = await callUpstream(house, tenantId, payload, signal, 'runner')
      if (left === undefined) return
      const { at, after_ms = 0 } = left as { at?: string; after_ms?: number }
      await tx(house.db, scope, async (t) => {
        if ((await giveToJob(t, scope, message.id)) === 0) return
        await enqueueCall(t, scope, message, at === undefined ? new Date(t.now.getTime() + after_ms) : new Date(at))
      })
    } finally {
      stop()
    }
  }
