// What the record and the waits hear of a verification: ids, states and names, never what was said.
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import { type EventData, record } from '../../events/event.ts'
import type { TasksHouse } from '../house.ts'
import { notify, rewriteNotices } from '../notices/notice.ts'
import { findPlaces } from '../notices/sql.ts'
import { taskTopic, tellOfEnd } from '../settle.ts'
import type { TaskRow } from '../sql.ts'
import { attemptsOf, isModel, type Verifier } from './config.ts'
import type { At, By, RunState, Spent } from './sql.ts'
import type { Verdict } from './verdict.ts'

const briefly = (one: Verifier): EventData => ({
  provider: one.provider,
  ...(isModel(one) ? { model: one.model } : {}),
  ...(one.verifier_id === null ? {} : { verifier_id: one.verifier_id }),
})
const resourceOf = (row: TaskRow) => ({ resource: { type: 'task' as const, id: row.id } })

/** How a verifier's part ended: by its verdict, without one, or by an operator. */
export type How = { verdict: Verdict; state: Exclude<RunState, 'waiting' | 'ended'>; spent: Spent | null; data?: EventData }

export async function tellHanded(t: Tx, scope: Scope, now: TaskRow, before: TaskRow, at: At): Promise<void> {
  const about = { from: before.status, to: now.status, decision_id: at.decisionId, agent_id: now.agent_id }
  await record(
    t,
    scope,
    'task.verifying',
    { ...about, ...briefly((now.verifier_config ?? [])[at.position] as Verifier) },
    resourceOf(now),
  )
  t.wake(taskTopic(now.id))
}

export const tellVerified = (t: Tx, scope: Scope, row: TaskRow, at: At, how: How): Promise<string> =>
  record(
    t,
    scope,
    how.state === 'overridden' ? 'task.overridden' : 'task.verified',
    {
      decision_id: at.decisionId,
      ...briefly((row.verifier_config ?? [])[at.position] as Verifier),
      how: how.state,
      ...how.data,
      agent_id: row.agent_id,
    },
    resourceOf(row),
  )

export async function tellRefused(
  house: TasksHouse,
  t: Tx,
  scope: Scope,
  now: TaskRow,
  before: TaskRow,
  at: At,
  verdict: Verdict,
  by: By,
): Promise<void> {
  const verifiers = before.verifier_config ?? []
  const data = {
    decision_id: at.decisionId,
    attempt: now.verification_attempt,
    attempts: attemptsOf(verifiers),
    fields: verdict.field_errors.map(({ path }) => path),
    ...briefly(verifiers[at.position] as Verifier),
  }
  if (now.status === 'verification_exhausted') return tellOfEnd(house, t, scope, now, before.status, data)
  await record(
    t,
    scope,
    'task.returned',
    { from: before.status, to: now.status, agent_id: now.agent_id, ...data },
    resourceOf(now),
  )
  // Before what is new: who has an older message reads there how things stand (T105).
  if (now.status === 'returned') await rewriteNotices(t, scope, [now])
  await tellPerson(house, t, scope, now, by)
  t.wake(taskTopic(now.id))
}

/** Where they answered (T132): pages see it live and programs in their answer; whoever answered from elsewhere is written to. */
async function tellPerson(house: TasksHouse, t: Tx, scope: Scope, row: TaskRow, { channel, email, user_id }: By): Promise<void> {
  if (channel === 'email' && email !== null)
    return notify(house, t, scope, [row], { purpose: 'returned', entries: [`email:${email}`] })
  // The chat finds its member by the address; by preference they might be told elsewhere.
  if (channel === 'slack' && email !== null)
    return notify(house, t, scope, [row], { purpose: 'returned', entries: [`slack:${email}`] })
  if (channel === 'webhook') {
    const places = await findPlaces(t, scope, row.id, 'webhook')
    const entries = places.map(({ target }) => `webhook:${target}`)
    if (entries.length > 0) return notify(house, t, scope, [row], { purpose: 'returned', entries })
  }
  const person = user_id ?? email
  if ((channel === 'slack' || channel === 'webhook') && person !== null)
    await notify(house, t, scope, [row], { purpose: 'returned', people: [person] })
}
