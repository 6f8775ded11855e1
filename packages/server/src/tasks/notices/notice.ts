// Notices are written with what they tell of, in its transaction, and their jobs with them (T104): who is told, by what, and when. Sends nothing; send.ts does.
// Whoever has nobody to tell outside the inbox pays no statement.
import { enqueueMany } from '@countersign/queue'
import type { Scope, Tx } from '../../db/tx.ts'
import { newId } from '../../std/id.ts'
import type { TasksHouse } from '../house.ts'
import { findPeopleAsked, type RoutedPerson } from '../routing/sql.ts'
import type { TaskRow } from '../sql.ts'
import { type Entry, readNotify } from './grammar.ts'
import { isTold, preferred } from './preference.ts'
import { endOfQuiet } from './quiet.ts'
import {
  countNotices,
  findNotices,
  findOpenDigest,
  findShown,
  insertNotices,
  markNoticed,
  type NewNotice,
  type NoticeRow,
  type Purpose,
} from './sql.ts'

export type Telling = {
  purpose: Exclude<Purpose, 'digest'>
  /** Told instead of what the task says in `notify`. */
  entries?: readonly string[]
  /** Told instead of everybody who is asked: ids of users, folded addresses, names of pools. */
  people?: readonly string[]
  /** Ids of users who are not told: they have voted, or did it themselves. */
  without?: readonly string[]
  /** false: nobody of this tenant wants to hear of what is asked of several. Left out: they are asked. */
  shared?: boolean
}

type Draft = Omit<NewNotice, 'id' | 'digest_id'> & { urgent: boolean }

const A_HOUR = 30
const HOUR_MS = 3_600_000

export const noticeJobs = (
  scope: Scope,
  kind: 'notice.send' | 'notice.rewrite',
  notices: readonly { id: string; due_at?: Date }[],
) => notices.map(({ id, due_at }) => ({ kind, tenantId: scope.tenantId, payload: { notice_id: id }, runAt: due_at }))

/** Writes what is to be told of these tasks of one tenant. */
export async function notify(
  house: Pick<TasksHouse, 'channels'>,
  t: Tx,
  scope: Scope,
  rows: readonly TaskRow[],
  telling: Telling,
): Promise<void> {
  const drafts: Draft[] = []
  for (const row of rows)
    if (concernsAnybody(house, row, telling)) drafts.push(...(await draftsOf(house, t, scope, row, telling)))
  if (drafts.length === 0) return
  await write(t, scope, drafts)
}

const isDirect = (row: TaskRow): boolean => row.assigned_to_user_id !== null || row.assigned_to_email !== null

function concernsAnybody(
  { channels }: Pick<TasksHouse, 'channels'>,
  row: TaskRow,
  { entries, shared, purpose }: Telling,
): boolean {
  if (purpose === 'reminder' && entries === undefined) return row.noticed_at !== null
  if (entries !== undefined || row.notify !== null) return true
  return channels.size > 0 && (isDirect(row) || shared !== false)
}

async function draftsOf(
  house: Pick<TasksHouse, 'channels'>,
  t: Tx,
  scope: Scope,
  row: TaskRow,
  telling: Telling,
): Promise<Draft[]> {
  if (telling.purpose === 'reminder' && telling.entries === undefined) return remindersOf(t, scope, row, telling)
  const named = telling.entries ?? (telling.people === undefined ? row.notify : null)
  return named === null ? byPreference(house, t, scope, row, telling) : byEntries(t, scope, row, telling, readNotify(named))
}

const draft = (t: Tx, row: TaskRow, purpose: Purpose, more: Partial<Draft> & Pick<Draft, 'channel' | 'target'>): Draft => ({
  task_id: row.id,
  revision: row.revision,
  purpose,
  identity: null,
  user_id: null,
  email: null,
  display_name: null,
  slack_user_id: null,
  party: null,
  instead_of: null,
  due_at: t.now,
  urgent: row.priority === 'urgent',
  ...more,
})

async function byEntries(t: Tx, scope: Scope, row: TaskRow, telling: Telling, entries: readonly Entry[]): Promise<Draft[]> {
  const keys = entries.flatMap(({ folded, channel, target }) => (folded !== null ? [folded] : channel === 'push' ? [target] : []))
  const people = keys.length === 0 ? [] : await findPeopleAsked(t, scope, keys)
  return entries.flatMap((entry) => {
    const person = people.find(
      ({ id, emails }) => id === entry.target || (entry.folded !== null && emails.includes(entry.folded)),
    )
    if (person && telling.without?.includes(person.id)) return []
    const { channel, identity, target, folded } = entry
    const slackId = channel === 'slack' && /^[UW][A-Z0-9]+$/.test(target) ? target : null
    const party = entry.names === 'place' ? null : (person?.id ?? folded ?? `${channel}:${target}`)
    const email = entry.names === 'place' ? null : folded === null ? (person?.email ?? null) : target
    return [
      draft(t, row, telling.purpose, {
        ...{ channel, identity, target, party, email, slack_user_id: slackId },
        user_id: person?.id ?? null,
        display_name: entry.names === 'place' ? null : (person?.display_name ?? target),
      }),
    ]
  })
}

/** Each as their own preferences say (T102); an address that belongs to nobody here hears by mail. */
async function byPreference(
  house: Pick<TasksHouse, 'channels'>,
  t: Tx,
  scope: Scope,
  row: TaskRow,
  telling: Telling,
): Promise<Draft[]> {
  const direct = isDirect(row) && telling.people === undefined
  const keys = direct ? holderOf(row) : (telling.people ?? row.asked)
  const people = (await findPeopleAsked(t, scope, keys)).filter(({ id }) => !telling.without?.includes(id))
  const drafts: Draft[] = []
  for (const person of people) {
    const [first] = await preferred(house, t, scope, person, direct)
    if (first) drafts.push(draft(t, row, telling.purpose, { ...partyOf(person), ...first }))
  }
  const known = new Set(people.flatMap(({ emails }) => emails))
  const outside = keys.filter((key) => key.includes('@') && !known.has(key))
  if (outside.length > 0 && (await isTold(house, t, scope, 'email')))
    for (const address of outside)
      drafts.push(
        draft(t, row, telling.purpose, {
          ...{ channel: 'email', target: address, email: address, display_name: address, party: address },
        }),
      )
  return drafts
}

const holderOf = (row: TaskRow): string[] =>
  row.assigned_to_user_id !== null ? [row.assigned_to_user_id] : row.asked.filter((key) => key.includes('@'))

const partyOf = (person: RoutedPerson) => ({
  user_id: person.id,
  email: person.email,
  display_name: person.display_name,
  party: person.id,
})

/** Through what reached them (T37), to those who can still decide; not in their quiet hours unless it is urgent. */
async function remindersOf(t: Tx, scope: Scope, row: TaskRow, telling: Telling): Promise<Draft[]> {
  const holder = row.assigned_to_user_id
  const reached = (await findNotices(t, scope, row.id)).filter(
    ({ state, purpose, user_id }) =>
      (state === 'sent' || state === 'rewritten') &&
      purpose !== 'digest' &&
      (holder === null || user_id === holder) &&
      !(user_id !== null && telling.without?.includes(user_id)),
  )
  const once = new Map(reached.map((notice) => [`${notice.channel} ${notice.identity} ${notice.target}`, notice]))
  const ids = [...once.values()].flatMap(({ user_id }) => user_id ?? [])
  const people = new Map((ids.length === 0 ? [] : await findPeopleAsked(t, scope, ids)).map((one) => [one.id, one]))
  return [...once.values()].flatMap(({ channel, identity, target, user_id, email, display_name, slack_user_id, party }) => {
    const person = user_id === null ? undefined : people.get(user_id)
    if (user_id !== null && person === undefined) return []
    const due_at = person && row.priority !== 'urgent' ? endOfQuiet(person, t.now) : t.now
    const whom = { channel, identity, target, user_id, email, display_name, slack_user_id, party }
    return [draft(t, row, telling.purpose, { ...whom, due_at })]
  })
}

/** Above so many in an hour the rest become one digest; what is urgent never waits for it. */
async function write(t: Tx, scope: Scope, drafts: readonly Draft[]): Promise<void> {
  const parties = [...new Set(drafts.flatMap(({ party }) => party ?? []))]
  const counts = new Map(
    (parties.length === 0 ? [] : await countNotices(t, scope, parties, new Date(t.now.getTime() - HOUR_MS))).map((one) => [
      one.party,
      one.count,
    ]),
  )
  const notices: NewNotice[] = []
  const digests = new Map<string, string>()
  for (const { urgent, ...one } of drafts) {
    const count = one.party === null ? 0 : (counts.get(one.party) ?? 0)
    if (one.party !== null) counts.set(one.party, count + 1)
    const digest_id = count >= A_HOUR && !urgent ? await digestFor(t, scope, one, digests) : null
    notices.push({ ...one, id: newId('ntc', t.now.getTime()), digest_id })
  }
  await insertNotices(t, scope, notices)
  await markNoticed(t, scope, [...new Set(notices.map(({ task_id }) => task_id))])
  const alone = notices.filter(({ digest_id }) => digest_id === null)
  if (alone.length > 0)
    await enqueueMany(
      t,
      noticeJobs(
        scope,
        'notice.send',
        alone.map((one) => dueOf(t, one)),
      ),
    )
}

const dueOf = (t: Tx, { id, due_at }: NewNotice) => (due_at > t.now ? { id, due_at } : { id })

async function digestFor(
  t: Tx,
  scope: Scope,
  of: Omit<NewNotice, 'id' | 'digest_id'>,
  made: Map<string, string>,
): Promise<string> {
  const name = `${of.party} ${of.channel} ${of.target}`
  const known = made.get(name) ?? (await findOpenDigest(t, scope, of))?.id ?? (await beginDigest(t, scope, of))
  made.set(name, known)
  return known
}

async function beginDigest(t: Tx, scope: Scope, of: Omit<NewNotice, 'id' | 'digest_id'>): Promise<string> {
  const due_at = new Date(t.now.getTime() + HOUR_MS)
  const digest = {
    ...of,
    id: newId('ntc', t.now.getTime()),
    purpose: 'digest' as const,
    digest_id: null,
    instead_of: null,
    due_at,
  }
  const [begun] = await insertNotices(t, scope, [digest])
  if (!begun) return ((await findOpenDigest(t, scope, of)) as { id: string }).id
  await enqueueMany(t, noticeJobs(scope, 'notice.send', [digest]))
  return begun.id
}

/** After a change that matters to a reader (T105): what people have before them will say so. Rows without notices cost nothing. */
export async function rewriteNotices(t: Tx, scope: Scope, rows: readonly Pick<TaskRow, 'id' | 'noticed_at'>[]): Promise<void> {
  const ids = rows.filter(({ noticed_at }) => noticed_at !== null).map(({ id }) => id)
  if (ids.length === 0) return
  const shown = await findShown(t, scope, ids)
  if (shown.length > 0) await enqueueMany(t, noticeJobs(scope, 'notice.rewrite', shown))
}

/** Another try of the same telling: a notice of its own, for the first one's id was used. */
export async function tellAgain(
  t: Tx,
  scope: Scope,
  notice: NoticeRow,
  row: TaskRow,
  more: Partial<NewNotice> = {},
): Promise<string> {
  const { task_id, channel, identity, target, user_id, email, display_name, slack_user_id, party } = notice
  const purpose = notice.purpose === 'digest' ? 'asked' : notice.purpose
  const again: NewNotice = {
    ...{ id: newId('ntc', t.now.getTime()), task_id, revision: row.revision, purpose, channel, identity, target },
    ...{ user_id, email, display_name, slack_user_id, party, digest_id: null, instead_of: null, due_at: t.now },
    ...more,
  }
  await insertNotices(t, scope, [again])
  await enqueueMany(t, noticeJobs(scope, 'notice.send', [{ id: again.id }]))
  return again.id
}
