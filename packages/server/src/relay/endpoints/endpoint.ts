// Where a caller wants to be told of a thread (relay.md §3, R63, R66, R70, R117): put, listed and taken away by its own side, native endpoints and A2A push configs alike. A secret is
// in the one answer that made it. Opens no address but through the guard, and shows the owner's side nothing.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import type { RelayHouse } from '../house.ts'
import { sideOf } from '../party.ts'
import { refuseInactive } from '../threads/change.ts'
import { findThread, lockThread, shareGrant, type ThreadRow } from '../threads/sql.ts'
import { tellThread } from '../threads/tell.ts'
import type { CallbackWishes, PreparedCallback, ShownCallback } from './house.ts'
import { judgeSubscribe } from './judge.ts'
import { countEvent, markThread, unmarkThread } from './sql.ts'

type House = Pick<RelayHouse, 'callbacks'>
export type Put = { endpoint: ShownCallback; secret: string | null; replaced: boolean }
export type ShownEndpoint = ReturnType<typeof showEndpoint>

/** Asks the network, so it comes before the transaction. `at`: where the wishes stand in the body. */
export const prepareCallback = (
  house: House,
  scope: Scope,
  wishes: CallbackWishes,
  at = '',
  about: { about?: 'request' } = {},
): Promise<PreparedCallback> => {
  const { signature, url, ...rest } = wishes
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined))
  return house.callbacks.prepare(
    { ...whose(scope), ...about },
    { url, ...given, ...(signature === undefined ? {} : { mode: signature }) },
    at,
  )
}

/** Whose exceptions of the guard count on the way: never those of the owner. */
export const whose = (scope: Scope) => ({ side: 'caller' as const, callerTenant: scope.relayFrom ?? null })

export const placeOf = ({ id, relay_grant_id }: Pick<ThreadRow, 'id' | 'relay_grant_id'>) => ({
  boundTo: id,
  side: 'caller' as const,
  relayGrantId: relay_grant_id,
})

/** Within the transaction of whoever holds the thread. */
export async function bindCallback(house: House, t: Tx, scope: Scope, thread: ThreadRow, wanted: PreparedCallback): Promise<Put> {
  const put = await house.callbacks.put(t, scope, placeOf(thread), wanted)
  await markThread(t, scope, thread.id)
  return put
}

/** R36: numbered like everything else. Of where it leads nothing is said, for both sides read it. */
export async function tellBound(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  thread: ThreadRow,
  { endpoint, replaced }: Put,
): Promise<ThreadRow> {
  // Of a thread that waits on its caller's side nothing is told on the other.
  const isApart = 'is_apart' in thread && thread.is_apart === true
  if (replaced || isApart) return { ...thread, has_endpoints: true }
  await countEvent(t, scope, thread.id)
  const now = { ...thread, has_endpoints: true, sequence: thread.sequence + 1 }
  const data = { endpoint_id: endpoint.id, side: 'caller', mode: endpoint.mode }
  await tellThread(house, t, scope, now, thread.sequence, [{ type: 'endpoint.created', data }])
  return now
}

export async function putEndpoint<T>(
  house: RelayHouse,
  scope: Scope,
  threadId: string,
  wanted: PreparedCallback,
  show: (put: Put) => T,
): Promise<T> {
  refuseOwner(scope)
  return tx(house.db, scope, async (t) => {
    const thread = await lockLive(t, scope, threadId)
    const put = await bindCallback(house, t, scope, thread, wanted)
    await tellBound(house, t, scope, thread, put)
    return show(put)
  })
}

/** The same address again is the same endpoint, with what is said of it now. */
export async function addEndpoint(house: RelayHouse, scope: Scope, threadId: string, wishes: CallbackWishes) {
  refuseOwner(scope)
  await judgeSubscribe(house, scope, threadId, wishes.url)
  const wanted = await prepareCallback(house, scope, wishes)
  return putEndpoint(house, scope, threadId, wanted, ({ endpoint, secret, replaced }) => ({
    replaced,
    ...showEndpoint(endpoint),
    ...(secret === null ? {} : { secret }),
  }))
}

export const listEndpoints = (house: RelayHouse, scope: Scope, threadId: string): Promise<ShownEndpoint[]> => {
  refuseOwner(scope)
  return tx(
    house.db,
    scope,
    async (t) => {
      const thread = await seen(t, scope, threadId)
      return (await house.callbacks.list(t, scope, placeOf(thread))).map(showEndpoint)
    },
    { readOnly: true },
  )
}

export type Which = { id: string } | { url: string } | { clientId: string }

/** What waits for it goes nowhere. Answers how many there were. */
export const removeEndpoint = <T>(
  house: RelayHouse,
  scope: Scope,
  threadId: string,
  which: Which,
  show: (gone: number) => T,
): Promise<T> => {
  refuseOwner(scope)
  return tx(house.db, scope, async (t) => {
    const thread = await seen(t, scope, threadId)
    return show(await house.callbacks.remove(t, scope, placeOf(thread), which))
  })
}

/** With the contents of its thread: where its caller wanted to be told, and what is stored of what was sent to either side (R100, R109). */
export async function forgetTelling(house: House, t: Tx, scope: Scope, threadId: string): Promise<void> {
  await house.callbacks.remove(t, scope, { boundTo: threadId, side: 'caller' }, 'all')
  await house.callbacks.forget(t, scope, threadId)
  await unmarkThread(t, scope, threadId)
}

/** Endpoints of a thread are the caller's: the owner's side has those of its card. */
function refuseOwner(scope: Scope): void {
  if (sideOf(scope) !== 'caller') throw new Problem('not_participant')
}

export async function seen(t: Tx, scope: Scope, id: string): Promise<ThreadRow> {
  const thread = await findThread(t, scope, id)
  if (!thread || (thread.kept_until !== null && thread.kept_until <= t.now)) throw new Problem('not_found')
  return thread
}

/** Locked, the relay grant first; one that has ended takes them and never tells, but nothing is written under a relay grant that is over (R38, R100). */
async function lockLive(t: Tx, scope: Scope, id: string): Promise<ThreadRow> {
  const { relay_grant_id } = await seen(t, scope, id)
  const grant = await shareGrant(t, scope, relay_grant_id)
  const thread = await lockThread(t, scope, id)
  if (!grant || !thread) throw new Problem('not_found')
  if (grant.state !== 'active' || grant.is_over)
    throw new Problem('thread_revoked', { state: 'revoked', outcome: null, reason: 'grant_revoked' })
  refuseInactive(grant)
  return thread
}

export const showEndpoint = (one: ShownCallback) => ({
  id: one.id,
  url: one.url,
  events: one.events,
  signature: one.mode as 'foragent' | 'standard' | 'a2a',
  thin: one.thin,
  state: one.state as 'active' | 'paused' | 'disabled' | 'pending',
  state_reason: one.state_reason,
  state_since: one.state_since.toISOString(),
  public_key: one.public_key,
  config_id: one.client_id,
  secrets: one.secrets.map(({ n, created_at, ends_at }) => ({
    n,
    created_at: created_at.toISOString(),
    ends_at: ends_at?.toISOString() ?? null,
  })),
  created_at: one.created_at.toISOString(),
  updated_at: one.updated_at.toISOString(),
})
