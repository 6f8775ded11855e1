// How a thread ends that waits on its caller's side (relay.md T13–T15, R32): closed or taken back by its caller, with its relay grant, or because its time is over. The owner's side
// never knew of it and is told nothing; where its caller wanted to be told it is.
import { across } from '../../db/across.ts'
import { atHome, type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { withdrawAsks } from '../asks/ask.ts'
import { tellEndpoints } from '../endpoints/tell.ts'
import type { RelayHouse, Told } from '../house.ts'
import { withdrawWith } from '../requests/withdraw.ts'
import { threadTopic } from '../threads/wait.ts'
import { homeOf, partyOf } from './home.ts'
import {
  endHeldThreadIf,
  findCallerThread,
  type HeldEnd,
  type HeldRow,
  listHeld,
  lockHeld,
  markHeld,
  nameEnd,
  openHeldStarts,
  settleHeldIf,
} from './sql.ts'

/** In the caller's tenant, under the lock of the thread. Its other messages are taken back with their questions. False: it has ended, or gone in. */
export async function endHeldThread(house: RelayHouse, t: Tx, scope: Scope, threadId: string, end: HeldEnd): Promise<boolean> {
  if ((await endHeldThreadIf(t, scope, threadId, end)) === 0) return false
  const rows = await listHeld(t, scope, threadId)
  for (const one of rows.filter(({ state }) => state === 'asked' || state === 'ready'))
    await settleHeldIf(t, scope, one.id, { state: 'withdrawn', reason: 'thread_ended' })
  await withdrawAsks(
    house,
    t,
    scope,
    rows.flatMap(({ state, task_id }) => (state === 'asked' && task_id ? [{ task_id }] : [])),
  )
  const [first] = rows
  const data = { thread_id: threadId, agent: first?.slug ?? null, relay_grant_id: first?.relay_grant_id ?? null, ...end }
  const id = await record(t, scope, `thread.${end.state}`, data, { resource: { type: 'thread', id: threadId } })
  await nameEnd(t, scope, threadId, id)
  if (first?.has_endpoints) await tellThere(house, t, scope, first, { id, type: `thread.${end.state}`, data })
  t.wake(threadTopic(threadId))
  return true
}

/** Its endpoints lie where its thread would: they hear of it all the same, and the owner's side sees none of that. */
const tellThere = (
  house: RelayHouse,
  t: Tx,
  home: Scope,
  held: HeldRow,
  event: Pick<Told, 'id' | 'type' | 'data'>,
): Promise<void> => {
  const party = partyOf(home.tenantId, held)
  return across(t, home, party, async () => {
    const thread = await findCallerThread(t, party, held.thread_id)
    if (thread) await tellEndpoints(house, t, party, { ...event, thread, sequence: thread.sequence, message: null })
  })
}

/** By its caller. False: it does not wait here. */
export async function closeHeldThread(house: RelayHouse, t: Tx, scope: Scope, threadId: string): Promise<boolean> {
  const home = homeOf(scope)
  if (home === null) return false
  const end = { state: 'closed', outcome: 'canceled', reason: 'closed_by_caller' } as const
  return across(t, scope, home, async () => {
    await takeQuestionsBack(house, t, home, threadId, end)
    await lockHeld(t, threadId)
    const actor = atHome(scope)
    const by = { ...home, principal: actor.id, actor }
    return (await endHeldThread(house, t, by, threadId, end)) || (await endedSo(t, home, threadId, end))
  })
}

/** Before its contents are erased: nothing of it waits any more, and one that never began is over, with where it was to be told. In the caller's tenant. */
export async function endKept(house: RelayHouse, t: Tx, home: Scope, threadId: string): Promise<void> {
  const end = { state: 'closed', outcome: 'canceled', reason: 'closed_by_caller' } as const
  await takeQuestionsBack(house, t, home, threadId, end)
  await lockHeld(t, threadId)
  const rows = await listHeld(t, home, threadId)
  for (const one of rows.filter(({ state }) => state === 'asked' || state === 'ready'))
    await settleHeldIf(t, home, one.id, { state: 'withdrawn', reason: 'by_caller' })
  const first = rows.find(({ starts }) => starts)
  if (!first) return
  await endHeldThread(house, t, home, threadId, end)
  await forgetHeldTelling(house, t, home, first)
}

/** Where it was to be told; what is on its way there goes nowhere. */
export async function forgetHeldTelling(
  house: RelayHouse,
  t: Tx,
  home: Scope,
  { thread_id, owner_tenant }: Pick<HeldRow, 'thread_id' | 'owner_tenant'>,
): Promise<void> {
  const there = systemScope('relay', owner_tenant)
  await across(t, home, there, () => house.callbacks.remove(t, there, { boundTo: thread_id, side: 'caller' }, 'all'))
  await markHeld(t, home, thread_id, { endpoints: false })
}

/** What a relay grant that ends leaves behind on its caller's side (T14). */
export async function endHeldOfGrant(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  { id, asker_tenant }: { id: string; asker_tenant: string | null },
  reason: 'grant_revoked' | 'grant_expired',
): Promise<void> {
  if (asker_tenant === null || asker_tenant === scope.tenantId) return
  const home = systemScope('relay', asker_tenant)
  await across(t, scope, home, async () => {
    for (const { thread_id } of await openHeldStarts(t, home, id))
      await endHeldThread(house, t, home, thread_id, { state: 'revoked', outcome: null, reason })
  })
}

/** T15: it waited longer than it may. */
export function expireHeld(house: RelayHouse, tenantId: string, threadId: string): Promise<boolean> {
  const scope = systemScope('relay', tenantId)
  return tx(house.db, scope, async (t) => {
    const [first] = await listHeld(t, scope, threadId)
    if (!first?.starts || first.deadline_at > t.now) return false
    const end = { state: 'expired', outcome: null, reason: 'deadline_passed' } as const
    await takeQuestionsBack(house, t, scope, threadId, end)
    await lockHeld(t, threadId)
    return (await endHeldThread(house, t, scope, threadId, end)) || (await endedSo(t, scope, threadId, end))
  })
}

/** Before the lock, for whoever decides one holds it first. */
async function takeQuestionsBack(house: RelayHouse, t: Tx, scope: Scope, threadId: string, end: HeldEnd): Promise<void> {
  const asked = (await listHeld(t, scope, threadId)).filter(({ state }) => state === 'asked')
  await withdrawAsks(
    house,
    t,
    scope,
    asked.flatMap(({ task_id }) => (task_id ? [{ task_id }] : [])),
  )
  for (const { request_id, owner_tenant, agent_id } of asked)
    if (request_id !== null) await withdrawWith(house, t, scope, { request_id, owner_tenant, agent_id, end })
}

/** With the connection request that it waited for. */
const endedSo = async (t: Tx, scope: Scope, threadId: string, end: HeldEnd): Promise<boolean> => {
  const [first] = await listHeld(t, scope, threadId)
  return first?.request_id != null && first.thread_reason === end.reason && first.ended_at?.getTime() === t.now.getTime()
}
