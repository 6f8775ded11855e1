// What one run of a call has to do, as the rows say, and how it writes down what came of it: under the lock of the thread, and only while that is open. Calls nobody.
import type { Outcome } from '@countersign/queue'
import { type Scope, type Tx, tx } from '../../../db/tx.ts'
import { isEnded } from '../../model.ts'
import type { MessageRow, ThreadRow } from '../../threads/sql.ts'
import type { DeliveryHouse } from '../house.ts'
import { holdThreads, type SendingRow } from '../sql.ts'
import type { UpstreamRequest } from './send.ts'
import type { UpstreamRow } from './sql.ts'
import type { Call } from './tell.ts'

/** What a run has to do, as the rows say. */
export type Plan = {
  call: Call
  upstream: UpstreamRow
  thread: ThreadRow
  message: MessageRow
  sending: Pick<SendingRow, 'tries' | 'looks'>
  contextId: string
  taskId: string | null
  /** As it was made with the claim; made anew where it is sent again. */
  request?: UpstreamRequest
}

/** While a person has not looked, the message comes back so often. */
export const PAUSED = '1m'

type InTx = (t: Tx, thread: ThreadRow) => Promise<Outcome | undefined>

/** On the rows as they are now; nothing, where the thread ended meanwhile. */
export const settle = (house: DeliveryHouse, scope: Scope, { call }: Plan, fn: InTx): Promise<Outcome | undefined> =>
  tx(house.db, scope, async (t) => {
    const [thread] = await holdThreads(t, scope, [call.threadId])
    return !thread || isEnded(thread.state) ? undefined : fn(t, thread)
  })
