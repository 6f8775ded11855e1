// What tasks ask and tell of messages that wait for people (relay.md R76): whatever ends the task moves the message in the same transaction, from whatever channel it came.
import { Problem } from '@countersign/sdk'
import type { HeldActs } from '../../tasks/asks/held.ts'
import type { RelayHouse } from '../house.ts'
import { isTakenBack } from './ask.ts'
import { settleSend } from './send.ts'
import type { Settle } from './settle.ts'
import { escalateAskIf, findMessageAsk, type MessageAsk, settleAskIf, type What } from './sql.ts'

const SETTLES: Partial<Record<What, Settle>> = { send_in: settleSend }

export const messageActs = (house: RelayHouse): HeldActs => ({
  async waiting(t, scope, taskId) {
    const ask = await findMessageAsk(t, scope, taskId)
    return ask?.state === 'open' ? ask : null
  },
  async escalated(t, scope, taskId, until) {
    await escalateAskIf(t, scope, taskId, until)
  },
  async settled(t, scope, task, end) {
    const ask = await findMessageAsk(t, scope, task.id)
    if (ask?.state !== 'open') return
    if (isTakenBack(t, task.id)) await settleAskIf(t, scope, task.id, { state: 'withdrawn' })
    else await (SETTLES[ask.what] as Settle)(house, t, scope, task, ask as MessageAsk, end)
  },
  async judgeEdit(_t, _scope, task) {
    throw new Problem('task_not_open', { status: task.status })
  },
})
