// Reading tasks (R92, R99): one, or the caller's with this agent by their last change. Counts and names nothing of anybody else's.

import { tx } from '../../db/tx.ts'
import { openCursor, sealCursor } from '../../http/cursor.ts'
import { heldMessages } from '../held/read.ts'
import { mergeArtifacts, readWhole, shown } from '../threads/read.ts'
import { showThread } from '../threads/show.ts'
import { listMessages, newestMessages } from '../threads/sql.ts'
import { type Call, refuseScope, refuseUnapproved } from './call.ts'
import type { A2aHouse } from './house.ts'
import { isTaskState, threadStatesOf } from './map.ts'
import { member, type WireObject } from './parts.ts'
import { countTasks, listTasks, type TaskFilter, type TaskPlace } from './sql.ts'
import { type SdkTask, taskOf } from './task.ts'

const PAGE = 50
const MOST_HISTORY = 100
const MOST_PIECES = 10_000

export async function getTask(house: A2aHouse, call: Call, id: string, historyLength: number | undefined): Promise<SdkTask> {
  await refuseUnapproved(house, call)
  await refuseScope(call, 'thread.read')
  // The status takes one of them.
  const most = Math.min(historyLength ?? MOST_HISTORY, MOST_HISTORY) + 1
  return taskOf(await readWhole(house, call.scope, id, most), { historyLength })
}

export type TaskList = { tasks: SdkTask[]; nextPageToken: string; pageSize: number; totalSize: number }

export async function listOwnTasks(house: A2aHouse, call: Call): Promise<TaskList> {
  await refuseUnapproved(house, call)
  await refuseScope(call, 'thread.read')
  const { scope, params, card } = call
  const filter = filterOf(params)
  const historyLength = member(params, 'historyLength') as number | undefined
  const pageSize = (member(params, 'pageSize') as number | undefined) ?? PAGE
  const token = member(params, 'pageToken') as string | undefined
  const withArtifacts = member(params, 'includeArtifacts') === true
  const at = {
    tenantId: scope.tenantId,
    route: 'A2A ListTasks',
    filter: { ...filter, party: scope.relayParty ?? null, card: card.id },
  }
  return tx(
    house.db,
    scope,
    async (t) => {
      const after = token ? openCursor<TaskPlace>(house.keyring, at, token, t.now) : null
      const rows = await listTasks(t, scope, filter, after, pageSize + 1)
      const { n: totalSize } = await countTasks(t, scope, filter)
      const tasks: SdkTask[] = []
      for (const row of rows.slice(0, pageSize)) {
        const most = Math.min(historyLength ?? MOST_HISTORY, MOST_HISTORY) + 1
        const newest = [...(await newestMessages(t, scope, row.id, most)), ...(await heldMessages(t, scope, row))].slice(-most)
        const messages = await shown(house, t, scope, newest)
        const pieces = withArtifacts ? await listMessages(t, scope, row.id, 0, MOST_PIECES, ['artifact']) : []
        const artifacts = mergeArtifacts(await shown(house, t, scope, pieces))
        tasks.push(
          taskOf({ thread: showThread(row, house.origin()), messages, artifacts }, { historyLength, artifacts: withArtifacts }),
        )
      }
      const last = rows[pageSize - 1]
      const place = rows.length > pageSize && last ? { at: last.updated_at.toISOString(), id: last.id } : null
      return { tasks, nextPageToken: place ? sealCursor(house.keyring, at, place, t.now) : '', pageSize, totalSize }
    },
    { readOnly: true, isolation: 'repeatable read' },
  )
}

function filterOf(params: WireObject): TaskFilter {
  const contextId = member(params, 'contextId') as string | undefined
  const since = member(params, 'statusTimestampAfter') as string | undefined
  return {
    states: isTaskState(params.status) ? threadStatesOf(params.status) : null,
    contextId: contextId || null,
    changedSince: since === undefined ? null : new Date(since),
  }
}
