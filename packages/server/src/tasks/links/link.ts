// Links that open one task for one person (T109, T111, T149): random, kept as hashes, bound to tenant, task, revision, person, purpose and choice. Whether one
// still opens is read off the task each time, so that settling, revising and leaving end it in the moment in which they happen; no row has to be told.
import { Problem } from '@countersign/sdk'
import { randomBytes, randomToken, sha256 } from '../../crypto/token.ts'
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { newId } from '../../std/id.ts'
import type { DecideInput } from '../decision.ts'
import type { TasksHouse } from '../house.ts'
import { seeTask } from '../look.ts'
import { isFinal } from '../sql.ts'
import {
  findLink,
  insertLinks,
  type LinkChannel,
  type LinkRow,
  listLinks,
  type NewLink,
  type Purpose,
  revokeLinkIfLive,
  revokeLinksByIds,
} from './sql.ts'

/** A decision without the revision that was seen: the page says that by its nonce. */
export type LinkAnswer = Omit<DecideInput, 'seen_revision'>

export type Reader = { userId: string | null; email: string | null; displayName: string; vouched: boolean }
export type Wanted = { purpose: Exclude<Purpose, 'session'>; choice?: { label: string; answer: LinkAnswer } }
export type MadeLink = { id: string; token: string; url: string; expiresAt: Date }

const LIFE_MS = 7 * 86_400_000
export const IDLE_MS = 3_600_000

type Told = {
  channel: LinkChannel
  task: { id: string; revision: number; deadline_at: Date }
  reader: Reader
  noticeId: string | null
  /** Of the channel webhook. */
  endpointId?: string
}

/** One for each wish, in their order; good to the deadline and for seven days at most. */
export async function makeLinks(
  house: Pick<TasksHouse, 'origin'>,
  t: Tx,
  scope: Scope,
  told: Told,
  wanted: readonly Wanted[],
): Promise<MadeLink[]> {
  const { task, reader } = told
  const expiresAt = new Date(Math.min(new Date(task.deadline_at).getTime(), t.now.getTime() + LIFE_MS))
  const made = wanted.map(({ purpose, choice }) => {
    // The local part of an address is short, and not everybody keeps its case.
    const token = purpose === 'reply' ? randomBytes(20).toString('hex') : randomToken()
    const row: NewLink = {
      id: newId('lnk', t.now.getTime()),
      token_hash: sha256(token).toString('hex'),
      task_id: task.id,
      revision: task.revision,
      purpose,
      channel: told.channel,
      label: choice?.label.slice(0, 200) ?? null,
      choice: choice?.answer ?? null,
      user_id: reader.userId,
      email: reader.email,
      display_name: reader.displayName,
      vouched: reader.vouched,
      endpoint_id: told.endpointId ?? null,
      notice_id: told.noticeId,
      parent_id: null,
      expires_at: expiresAt.toISOString(),
    }
    return { row, link: { id: row.id, token, url: `${house.origin()}/answer#${token}`, expiresAt } }
  })
  await insertLinks(
    t,
    scope,
    made.map(({ row }) => row),
  )
  return made.map(({ link }) => link)
}

/** The session that a review link opens: for the same task and person, ended by an hour of silence or with its link. */
export async function makeSession(t: Tx, scope: Scope, link: LinkRow): Promise<{ id: string; token: string }> {
  const token = randomToken()
  const { task_id, channel, user_id, email, display_name, vouched, endpoint_id, notice_id } = link
  const id = newId('lnk', t.now.getTime())
  const bound = { task_id, revision: link.task_revision, channel, user_id, email, display_name, vouched, endpoint_id, notice_id }
  const row = { ...bound, id, purpose: 'session' as const, label: null, choice: null, parent_id: link.id }
  await insertLinks(t, scope, [{ ...row, token_hash: sha256(token).toString('hex'), expires_at: link.expires_at.toISOString() }])
  return { id, token }
}

export type Standing = 'live' | 'held' | 'used' | 'settled' | 'expired' | 'revoked'

export function standingOf(link: LinkRow, now: Date): Standing {
  if (link.revoked_at !== null || link.parent_revoked || link.is_gone) return 'revoked'
  if (isFinal(link.task_status)) return 'settled'
  if (link.decision_state === 'counted') return 'used'
  if (link.expires_at <= now || isIdle(link, now)) return 'expired'
  return link.decision_state === 'pending' ? 'held' : 'live'
}

const isIdle = (link: LinkRow, now: Date): boolean =>
  link.purpose === 'session' && now.getTime() - (link.seen_at ?? link.created_at).getTime() > IDLE_MS

/** Throws what stands against opening it; "already answered by … at …" stands in the members. */
export function refuseDead(link: LinkRow, now: Date): void {
  const standing = standingOf(link, now)
  const how = {
    status: link.task_status,
    settled_at: link.settled_at,
    by: link.settled_by,
    channel: link.settled_channel,
  }
  if (standing === 'settled') {
    if (link.task_status === 'completed' || link.task_status === 'verification_exhausted') throw new Problem('link_used', how)
    throw new Problem(link.task_status === 'timed_out' ? 'link_expired' : 'link_revoked', how)
  }
  // It counts, and the task waits for others.
  if (standing === 'used') throw new Problem('link_used', { ...how, settled_at: link.used_at, by: link.display_name })
  if (standing === 'expired') throw new Problem('link_expired', { status: link.task_status })
  if (standing === 'revoked') throw new Problem('link_revoked', { status: link.task_status })
}

/** As channels have them, which read no rows of tasks (T103). */
export type Link = LinkRow
export const linkOf = findLink
/** What was made for a message that nobody took. */
export const takeBackLinks = revokeLinksByIds

/** For who reads the task: which links there are, never how they are opened. */
export const listTaskLinks = (house: Pick<TasksHouse, 'db'>, scope: Scope, taskId: string) =>
  tx(
    house.db,
    scope,
    async (t) => {
      await seeTask(t, scope, taskId, 'task.timeline')
      const data = (await listLinks(t, scope, taskId)).map((link) => showLink(link, t.now))
      return { data, next_cursor: null }
    },
    { readOnly: true },
  )

const showLink = (link: LinkRow, now: Date) => ({
  id: link.id,
  task_id: link.task_id,
  revision: link.revision,
  purpose: link.purpose as Exclude<Purpose, 'session'>,
  channel: link.channel,
  label: link.label,
  user_id: link.user_id,
  display_name: link.display_name,
  notice_id: link.notice_id,
  state: stateOf(link, now),
  created_at: link.created_at,
  expires_at: link.expires_at,
  used_at: link.used_at,
})

/** A choice that was made for older content is worth nothing any more; what its link opens is the new content. */
function stateOf(link: LinkRow, now: Date): Exclude<Standing, 'settled'> {
  const standing = standingOf(link, now)
  if (standing === 'settled') return link.decision_state === 'counted' ? 'used' : 'revoked'
  return standing === 'live' && link.revision < link.task_revision ? 'revoked' : standing
}

export const revokeTaskLink = (house: Pick<TasksHouse, 'db'>, scope: Scope, taskId: string, id: string): Promise<null> =>
  tx(house.db, scope, async (t) => {
    await seeTask(t, scope, taskId, 'task.update')
    if ((await revokeLinkIfLive(t, scope, taskId, id)) === 0) {
      const known = (await listLinks(t, scope, taskId)).some((link) => link.id === id)
      if (!known) throw new Problem('not_found')
      return null
    }
    await record(t, scope, 'task.link_revoked', { link_id: id }, { resource: { type: 'task', id: taskId } })
    return null
  })
