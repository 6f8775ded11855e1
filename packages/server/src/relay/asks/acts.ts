// What tasks ask and tell of messages that wait for people (relay.md R76): whatever ends the task moves the message in the same transaction, from whatever channel it came.
import { Problem } from '@countersign/sdk'
import type { Tx } from '../../db/tx.ts'
import type { HeldActs } from '../../tasks/asks/held.ts'
import { settleOut } from '../held/release.ts'
import { settleHeldIf } from '../held/sql.ts'
import type { RelayHouse } from '../house.ts'
import { isOfAskingSide } from '../requests/sql.ts'
import { findPeer } from '../threads/sql.ts'
import { isTakenBack } from './ask.ts'
import { settleComing } from './came.ts'
import { judgeEditedReply, settleReply } from './reply.ts'
import { settleSend } from './send.ts'
import type { Settle } from './settle.ts'
import { escalateAskIf, findMessageAsk, type MessageAsk, settleAskIf, settleReplies, type What } from './sql.ts'

const SETTLES: Record<What, Settle> = { send_in: settleSend, send_out: settleOut, reply_out: settleReply, reply_in: settleComing }

/** Of another tenant that is the asking side; who belongs to this one alone is told apart by the task itself. */
async function isOfOtherSide(t: Tx, { relay_grant_id, what }: MessageAsk, userId: string): Promise<boolean> {
  const isTheirs = what === 'send_in' || what === 'reply_in'
  const peer = isTheirs ? await findPeer(t, relay_grant_id, what === 'send_in' ? 'caller' : 'owner') : null
  return peer?.tenant_id != null && peer.external && (await isOfAskingSide(t, peer.tenant_id, userId)).is
}

export const messageActs = (house: RelayHouse): HeldActs => ({
  async waiting(t, scope, taskId) {
    const ask = await findMessageAsk(t, scope, taskId)
    return ask?.state === 'open' ? ask : null
  },
  async escalated(t, scope, taskId, until) {
    await escalateAskIf(t, scope, taskId, until)
  },
  async refuseDecider(t, scope, { id }) {
    const ask = await findMessageAsk(t, scope, id)
    if (ask && scope.userId !== null && (await isOfOtherSide(t, ask, scope.userId))) throw new Problem('separation_of_duties')
  },
  async settled(t, scope, task, end) {
    const ask = await findMessageAsk(t, scope, task.id)
    if (ask?.state !== 'open') return
    if (isTakenBack(t, task.id)) {
      await settleAskIf(t, scope, task.id, { state: 'withdrawn' })
      await settleReplies(t, scope, task.id, 'withdrawn', 'thread_ended')
      if (ask.what === 'send_out') await settleHeldIf(t, scope, ask.message_id, { state: 'withdrawn', reason: 'thread_ended' })
    } else await SETTLES[ask.what](house, t, scope, task, ask as MessageAsk, end)
  },
  async judgeEdit(t, scope, task, args) {
    const ask = await findMessageAsk(t, scope, task.id)
    if (!ask) throw new Problem('task_not_open', { status: task.status })
    return judgeEditedReply(house, t, scope, task, ask, args)
  },
})
