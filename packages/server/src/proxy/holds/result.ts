// A hold as a node hears of it: its state, where people see it, what they said, and what they made of it.
import type { Scope, Tx } from '../../db/tx.ts'
import { tx } from '../../db/tx.ts'
import { openContents } from '../../tasks/content.ts'
import { EVERY, findDecisions, findTask } from '../../tasks/sql.ts'
import type { GateHouse } from '../gate/house.ts'
import type { AskResult } from '../gate/wire.ts'
import type { HoldRow } from './sql.ts'
import { holdKey, openEdited } from './stored.ts'

const SAID: Readonly<Record<HoldRow['state'], AskResult['state']>> = {
  open: 'open',
  agreed: 'agreed',
  refused: 'refused',
  expired: 'expired',
  lapsed: 'expired',
  closed: 'expired',
  spent: 'spent',
  sent: 'spent',
  not_sent: 'spent',
  unknown: 'spent',
}

export const resultOf = (house: GateHouse, scope: Scope, row: HoldRow): Promise<AskResult> =>
  tx(
    house.vault.db,
    scope,
    async (t) => {
      const comment = row.state === 'refused' ? await commentOn(house, t, scope, row.task_id) : null
      const edited = row.state === 'agreed' && row.edited ? row.edited : null
      return {
        hold_id: row.id,
        task_id: row.task_id,
        task_url: `${house.tasks.origin()}/tasks/${row.task_id}`,
        digest: row.digest.toString('hex'),
        expires_at: row.expires_at.toISOString(),
        state: SAID[row.state],
        ...(comment === null ? {} : { comment }),
        ...(row.spent_request === null ? {} : { sent: row.spent_request }),
        ...(edited ? { edited_body: openEdited(await holdKey(house, t, scope, row.task_id), scope, row.id, edited) } : {}),
      }
    },
    { readOnly: true },
  )

/** What the person who refused said to the asking side: the reason, else the comment of their decision. */
export async function commentOn(house: Pick<GateHouse, 'tasks'>, t: Tx, scope: Scope, taskId: string): Promise<string | null> {
  const task = await findTask(t, scope, taskId, EVERY)
  if (!task) return null
  const opener = await openContents(house.tasks, t, scope, [taskId])
  const { reason } = (opener.task(task).response ?? {}) as { reason?: unknown }
  if (typeof reason === 'string') return reason
  const comments = (await findDecisions(t, scope, [taskId])).map((one) => opener.decision(one).comment)
  const last = comments.findLast((comment) => typeof comment === 'string')
  return typeof last === 'string' ? last : null
}
