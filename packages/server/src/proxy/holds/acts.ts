// What tasks ask and tell of requests that wait (T9): whatever ends the task moves the hold in the same transaction, and edited arguments are judged as the request
// that they would be (V103). The one way in which a hold hears of people.
import { Problem } from '@countersign/sdk'
import type { Scope, Tx } from '../../db/tx.ts'
import type { ActEnd, HeldActs } from '../../tasks/asks/held.ts'
import { openContents } from '../../tasks/content.ts'
import type { TaskRow } from '../../tasks/sql.ts'
import { bodyDigest, requestDigest } from '../decide/digest.ts'
import type { GateHouse } from '../gate/house.ts'
import { editedBody } from './edit.ts'
import { tellHold } from './end.ts'
import { askingOf, asksPeople, judgeStored } from './judge.ts'
import { escalateIfOpen, findHoldOfTask, type HoldRow, type HoldState, settleIf } from './sql.ts'
import { holdKey, openStored, type Stored, sealEdited } from './stored.ts'
import { holdTopic } from './wait.ts'

/** An approval that nobody uses is over then (V106). */
const LAPSES_MS = 600_000

const STATE_AT: Readonly<Record<ActEnd, HoldState>> = {
  agreed: 'agreed',
  refused: 'refused',
  expired: 'expired',
  withdrawn: 'closed',
}

export const holdActs = (house: GateHouse): HeldActs => ({
  async waiting(t, scope, taskId) {
    const row = await findHoldOfTask(t, scope, taskId)
    return row?.state === 'open' ? row : null
  },
  async escalated(t, scope, taskId, until) {
    await escalateIfOpen(t, scope, taskId, until)
  },
  settled: (t, scope, task, end) => settle(house, t, scope, task, end),
  async judgeEdit(t, scope, task, args) {
    const { row, stored } = await requestOf(house, t, scope, task.id)
    if (!row || !stored) throw new Problem('task_not_open', { status: task.status })
    const judged = (await judgeStored(house, t, scope, withBody(stored, editedBody(stored, args))))?.judged
    if (!judged) throw new Problem('task_not_open', { status: task.status, detail: 'The run that asked has ended.' })
    if (judged.outcome === 'deny') {
      const detail = `As it is edited the request would be refused: ${judged.reason}.`
      const errors = [{ path: '/args', field: '', code: 'denied', message: detail }]
      const policy = judged.policy ? { policy_ids: judged.policy.policy_ids, policy_version: judged.policy.policy_version } : {}
      throw new Problem('edited_action_denied', { errors, ...policy, detail })
    }
    return asksPeople(judged) ? askingOf(judged).quorum : 1
  },
})

async function settle(house: GateHouse, t: Tx, scope: Scope, task: TaskRow, end: ActEnd): Promise<void> {
  const { row, stored } = await requestOf(house, t, scope, task.id)
  if (row?.state !== 'open') return
  const edited = end === 'agreed' && stored ? await editedOf(house, t, scope, task, row, stored) : null
  const to = {
    state: STATE_AT[end],
    from: ['open'] as const,
    ...(end === 'agreed' ? { lapsesAt: new Date(t.now.getTime() + LAPSES_MS) } : {}),
    ...(edited ? { edited } : {}),
  }
  const settled = await settleIf(t, scope, row.id, to)
  if (!settled) return
  if (end === 'agreed') await tellHold(t, scope, 'proxy.hold_agreed', settled)
  if (end === 'refused') await tellHold(t, scope, 'proxy.hold_refused', settled)
  t.wake(holdTopic(row.id))
}

async function requestOf(
  house: GateHouse,
  t: Tx,
  scope: Scope,
  taskId: string,
): Promise<{ row: HoldRow | null; stored: Stored | null }> {
  const row = await findHoldOfTask(t, scope, taskId)
  if (!row?.request) return { row, stored: null }
  return { row, stored: openStored(await holdKey(house, t, scope, taskId), scope, row.id, row.request) }
}

const withBody = (stored: Stored, body: Buffer): Stored => ({
  ...stored,
  body: body.toString('base64'),
  request: { ...stored.request, body_bytes: body.length, body_sha256: bodyDigest(body) },
})

/** What a person made of it, where they changed something: sealed, with a digest of its own. */
async function editedOf(house: GateHouse, t: Tx, scope: Scope, task: TaskRow, row: HoldRow, stored: Stored) {
  const answer = (await openContents(house.tasks, t, scope, [task.id])).task(task).response as unknown as {
    type?: string
    args?: Record<string, unknown>
  } | null
  if (answer?.type !== 'edit' || !answer.args) return null
  const body = editedBody(stored, answer.args)
  const key = await holdKey(house, t, scope, task.id)
  return { body: sealEdited(key, scope, row.id, body), digest: requestDigest(withBody(stored, body).request) }
}
