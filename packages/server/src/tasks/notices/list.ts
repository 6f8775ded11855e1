// Who was told of a task, how, and what became of it (T104), and telling somebody once more. Addresses are for those who may see the task's content.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { mayChange } from '../acts.ts'
import type { ChannelName } from '../channels/channel.ts'
import type { TasksHouse } from '../house.ts'
import { seeTask } from '../look.ts'
import { notOpen } from '../settle.ts'
import { OPEN } from '../sql.ts'
import { seesContent } from '../wire.ts'
import { tellAgain } from './notice.ts'
import { findNews, findNotice, findNotices, findTroubles, type NoticeRow } from './sql.ts'

export async function listNotices(house: TasksHouse, scope: Scope, taskId: string) {
  return tx(
    house.db,
    scope,
    async (t) => {
      await seeTask(t, scope, taskId, 'task.read')
      const rows = await findNotices(t, scope, taskId)
      return { data: rows.map((row) => showNotice(row, seesContent(scope))), next_cursor: null }
    },
    { readOnly: true },
  )
}

const showNotice = (row: NoticeRow, whole: boolean) => ({
  id: row.id,
  task_id: row.task_id,
  revision: row.revision,
  purpose: row.purpose,
  channel: row.channel,
  identity: row.identity,
  target: whole ? row.target : null,
  user_id: row.user_id,
  display_name: whole ? row.display_name : null,
  state: row.state,
  attempts: row.attempts,
  reasons: row.reasons,
  digest_id: row.digest_id,
  instead_of: row.instead_of,
  created_at: row.created_at,
  sent_at: row.sent_at,
  failed_at: row.failed_at,
  rewritten_at: row.rewritten_at,
})

/** A notice of its own: the provider has taken the first one's id already. */
export async function resendNotice(house: TasksHouse, scope: Scope, taskId: string, id: string) {
  return tx(house.db, scope, async (t) => {
    const { row, person } = await seeTask(t, scope, taskId, 'task.update')
    if (!mayChange(scope, row, person, 'task.update')) throw new Problem('forbidden', { action: 'task.update' })
    const notice = await findNotice(t, scope, id)
    if (!notice || notice.task_id !== taskId) throw new Problem('not_found')
    if (!OPEN.includes(row.status)) throw notOpen(row)
    if (notice.state === 'queued')
      throw new Problem('state_conflict', { state: notice.state, detail: 'It is on its way already.' })
    const again = await tellAgain(t, scope, notice, row)
    const data = { notice_id: again, channel: notice.channel, again: true }
    await record(t, scope, 'task.notice_resent', data, { resource: { type: 'task', id: taskId } })
    return showNotice((await findNotice(t, scope, again)) as NoticeRow, seesContent(scope))
  })
}

const LATELY_MS = 3_600_000

/** Channels by which notices failed within the hour: what a banner says. */
export const listTroubles = (house: TasksHouse, scope: Scope) =>
  tx(
    house.db,
    scope,
    async (t) => ({ data: await findTroubles(t, scope, new Date(t.now.getTime() - LATELY_MS)), next_cursor: null }),
    { readOnly: true },
  )

const DAY_MS = 86_400_000

/** The ways in which people can be told here: whether each is set up, and whether it gets through (T162). */
export const listChannels = (house: TasksHouse, scope: Scope) =>
  tx(
    house.db,
    scope,
    async (t) => {
      const news = await findNews(t, scope, [...house.channels.keys()], new Date(t.now.getTime() - DAY_MS))
      const data = []
      for (const one of news) {
        const isReady = house.channels.get(one.channel as ChannelName)?.isReady
        data.push({ ...one, ready: isReady ? await isReady(t, scope) : true })
      }
      return { data, next_cursor: null }
    },
    { readOnly: true },
  )
