// Sending and rewriting a notice (T104, T105), as jobs: taken in one transaction, shown as this surface may show it, sent with no transaction open, settled in
// another. A job that comes again finds that the notice is sent, or busy. Never sends what nobody can act on any more.
import { enqueueMany, type Outcome, retry, snooze } from '@countersign/queue'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { type Channel, ChannelFault, type Notice, type Shown } from '../channels/channel.ts'
import type { TasksHouse } from '../house.ts'
import { showAs } from '../look.ts'
import { EVERY, findTask, isFinal, OPEN, type TaskRow } from '../sql.ts'
import { failOver } from './failure.ts'
import { noticeJobs } from './notice.ts'
import {
  expireIfIdle,
  findDigested,
  findNotice,
  findOlder,
  giveBack,
  lockVersion,
  markDigested,
  markExpired,
  markFailed,
  markNotifiedIfNot,
  markRewritten,
  markSent,
  type NoticeRow,
  noteFault,
  takeIfQueued,
  takeIfShown,
  untake,
} from './sql.ts'

/** Longer than any channel may take over one message. */
const BUSY_MS = 5 * 60_000
/** How soon it is looked again whether what is ahead was sent. */
const AHEAD_MS = 1_000
/** Five further attempts over an hour (T108). */
const AFTER_MS = [60_000, 240_000, 600_000, 1_200_000, 1_500_000]
const NOT_SET_UP = 'This channel is not set up.'

type Taken = { notice: NoticeRow; row: TaskRow; shown: Shown; digest: Notice['digest'] }

export async function sendNotice(house: TasksHouse, tenantId: string, id: string): Promise<Outcome | undefined> {
  const scope = systemScope('notice', tenantId)
  const taken = await tx(house.db, scope, (t) => takeToSend(house, t, scope, id))
  if (!('notice' in taken)) return taken.again === null ? undefined : snooze(taken.again)
  const { notice, shown } = taken
  const channel = channelOf(house, notice)
  try {
    if (channel === undefined) throw new ChannelFault(NOT_SET_UP, false)
    const { ref } = await channel.send(spoken(scope, taken), shown)
    await tx(house.db, scope, (t) => settleSent(t, scope, taken, ref))
    return undefined
  } catch (error) {
    if (error instanceof ChannelFault) return tx(house.db, scope, (t) => settleFault(house, t, scope, taken, error))
    await tx(house.db, scope, (t) => noteFault(t, scope, id, 'Something went wrong here; the log has it.'))
    throw error
  }
}

const channelOf = ({ channels }: TasksHouse, { channel }: NoticeRow): Channel | undefined =>
  channel === 'push' ? undefined : channels.get(channel)

type NotTaken = { again: Date | null }

async function takeToSend(house: TasksHouse, t: Tx, scope: Scope, id: string): Promise<Taken | NotTaken> {
  const notice = await takeIfQueued(t, scope, id, new Date(t.now.getTime() + BUSY_MS))
  if (!notice) return { again: await busyUntil(t, scope, id, ['queued']) }
  if (notice.purpose !== 'digest' && !(await overtake(t, scope, notice))) {
    await untake(t, scope, id)
    return { again: new Date(t.now.getTime() + AHEAD_MS) }
  }
  const row = await findTask(t, scope, notice.task_id, EVERY)
  const digest = notice.purpose === 'digest' ? await digestOf(t, scope, notice) : undefined
  if (!row || (digest ? digest.tasks === 0 : !isNews(row, notice))) {
    await markExpired(t, scope, id)
    return { again: null }
  }
  return { notice, row, shown: await shownOf(house, t, scope, row), digest }
}

/** People hear in the order in which things happened: what waits from before is said by this one too. False: one of those is being sent just now, and goes first. */
async function overtake(t: Tx, scope: Scope, notice: NoticeRow): Promise<boolean> {
  const older = await findOlder(t, scope, notice)
  if (older.length === 0) return true
  if (older.some(({ busy_until }) => busy_until !== null && busy_until > t.now)) return false
  const ids = older.map(({ id }) => id)
  return (await expireIfIdle(t, scope, ids)) === ids.length
}

/** Somebody is at it, or was and died: then it is free at that time. */
async function busyUntil(t: Tx, scope: Scope, id: string, states: readonly string[]): Promise<Date | null> {
  const notice = await findNotice(t, scope, id)
  if (!notice || !states.includes(notice.state) || notice.busy_until === null) return null
  return notice.busy_until > t.now ? new Date(Math.min(notice.busy_until.getTime(), t.now.getTime() + 5_000)) : t.now
}

/** Nobody is told of what has ended, lies with the agent, or is another's meanwhile. */
function isNews(row: TaskRow, notice: NoticeRow): boolean {
  if (isFinal(row.status) || !OPEN.includes(row.status)) return false
  const holder = row.assigned_to_user_id
  return holder === null || notice.user_id === holder || (notice.user_id === null && row.claimed_at === null)
}

async function digestOf(t: Tx, scope: Scope, notice: NoticeRow): Promise<NonNullable<Notice['digest']>> {
  const tasks = await findDigested(t, scope, notice.id)
  return { tasks: tasks.length, titles: tasks.filter(({ redact }) => redact !== 'strict').map(({ task }) => task.slice(0, 150)) }
}

async function shownOf(house: TasksHouse, t: Tx, scope: Scope, row: TaskRow): Promise<Shown> {
  const task = await showAs(house, t, scope, row, 'notice')
  return {
    task,
    url: `${house.origin()}/tasks/${row.id}`,
    askedBy: row.redact === 'strict' ? '' : (task.agent_name ?? 'a colleague'),
  }
}

const spoken = (scope: Scope, { notice, digest }: Pick<Taken, 'notice' | 'digest'>): Notice => ({
  id: notice.id,
  tenantId: scope.tenantId,
  taskId: notice.task_id,
  revision: notice.revision,
  purpose: notice.purpose,
  identity: notice.identity,
  target: notice.target,
  party:
    notice.party === null
      ? null
      : {
          userId: notice.user_id,
          email: notice.email,
          displayName: notice.display_name ?? notice.target,
          slackUserId: notice.slack_user_id,
        },
  ref: notice.ref,
  ...(digest ? { digest } : {}),
})

async function settleSent(t: Tx, scope: Scope, { notice, row, digest }: Taken, ref: Record<string, unknown>): Promise<void> {
  const now = await lockVersion(t, scope, row.id)
  await markSent(t, scope, notice.id, { ref, version: row.version })
  await markNotifiedIfNot(t, scope, [row.id])
  if (digest) await markDigested(t, scope, notice.id, 'sent')
  await record(t, scope, 'task.notified', toldOf(notice), { resource: { type: 'task', id: row.id } })
  if (now && now.version > row.version) await enqueueMany(t, noticeJobs(scope, 'notice.rewrite', [notice]))
}

const toldOf = ({ id, channel, purpose, user_id }: NoticeRow) => ({ notice_id: id, channel, purpose, user_id })

/** Its own text goes to the row, where people of the task read it; the event says which notice, and no more. */
async function settleFault(
  house: TasksHouse,
  t: Tx,
  scope: Scope,
  { notice, row, digest }: Taken,
  fault: ChannelFault,
): Promise<Outcome | undefined> {
  const after = AFTER_MS[notice.attempts - 1]
  const reason = fault.message.slice(0, 500)
  if (fault.retry && after !== undefined) {
    await noteFault(t, scope, notice.id, reason)
    if (notice.attempts === 2) await failOver(house, t, scope, notice, row)
    return retry({ after: Math.max(after, fault.afterMs ?? 0), error: reason })
  }
  await markFailed(t, scope, notice.id, reason)
  if (digest) await markDigested(t, scope, notice.id, 'failed')
  const data = { ...toldOf(notice), attempts: notice.attempts }
  await record(t, scope, 'task.notice_failed', data, { resource: { type: 'task', id: row.id } })
  await failOver(house, t, scope, notice, row, { isFinal: true })
  return undefined
}

/** Makes what was sent say how things stand. A change that comes meanwhile has it done once more. */
export async function rewriteNotice(house: TasksHouse, tenantId: string, id: string): Promise<Outcome | undefined> {
  const scope = systemScope('notice', tenantId)
  const taken = await tx(house.db, scope, (t) => takeToRewrite(house, t, scope, id))
  if (!('notice' in taken)) return taken.again === null ? undefined : snooze(taken.again)
  const { notice, row, shown } = taken
  try {
    await channelOf(house, notice)?.rewrite(spoken(scope, taken), shown)
  } catch (error) {
    const reason = error instanceof ChannelFault ? error.message.slice(0, 500) : 'Something went wrong here; the log has it.'
    await tx(house.db, scope, (t) => noteFault(t, scope, id, reason))
    if (!(error instanceof ChannelFault)) throw error
    return error.retry ? retry({ after: error.afterMs ?? 5_000, error: reason }) : undefined
  }
  await tx(house.db, scope, async (t) => {
    const now = await lockVersion(t, scope, row.id)
    await markRewritten(t, scope, id, row.version)
    if (now && now.version > row.version) await enqueueMany(t, noticeJobs(scope, 'notice.rewrite', [notice]))
  })
  return undefined
}

async function takeToRewrite(house: TasksHouse, t: Tx, scope: Scope, id: string): Promise<Taken | NotTaken> {
  const notice = await takeIfShown(t, scope, id, new Date(t.now.getTime() + BUSY_MS))
  if (!notice) return { again: await busyUntil(t, scope, id, ['sent', 'rewritten']) }
  const row = await findTask(t, scope, notice.task_id, EVERY)
  if (!row || (notice.shows_version !== null && notice.shows_version >= row.version)) {
    await giveBack(t, scope, id)
    return { again: null }
  }
  return { notice, row, shown: await shownOf(house, t, scope, row), digest: undefined }
}
