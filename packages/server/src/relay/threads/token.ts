// Thread tokens (relay.md R38, R39): each opens one thread for one side, for an hour. A live one renews itself for a day after the first of its line was minted; after that somebody
// of the participants mints anew. Stored is a hash alone.
import { Problem } from '@countersign/sdk'
import { mintKey, parseKey, sha256 } from '../../crypto/token.ts'
import { atHome, type Scope, systemScope } from '../../db/scope.ts'
import { once, type Tx, tx } from '../../db/tx.ts'
import { newId } from '../../std/id.ts'
import { isTokenScope } from '../bearers.ts'
import { findGrant } from '../grants/sql.ts'
import type { RelayHouse } from '../house.ts'
import type { Side } from '../model.ts'
import { sideOf } from '../party.ts'
import { type ThreadTokenInUse, useThreadToken } from '../sql.ts'
import { tellOther, tellOwner } from '../tell.ts'
import { changeThread } from './change.ts'
import { seeThread } from './read.ts'
import { type CardRow, deleteTokenLine, findCard, insertThreadToken, lockThread, type ThreadRow } from './sql.ts'

const LIFE_MS = 3_600_000
const LINE_MS = 86_400_000

export type Minted = { thread_access_token: string; side: Side; expires_at: string }

/** `side` must be the one on which this scope stands; the other is `not_participant`. Works on ended threads too: history stays readable. */
export const mintToken = <T>(
  house: RelayHouse,
  scope: Scope,
  threadId: string,
  side: Side | undefined,
  show: (minted: Minted) => T,
): Promise<T> =>
  tx(house.db, scope, async (t) => {
    const thread = (await lockThread(t, scope, threadId)) ?? (await seeThread(t, scope, threadId))
    if (thread.kept_until !== null && thread.kept_until <= t.now) throw new Problem('not_found')
    const own = sideOf(scope)
    if (side !== undefined && side !== own) throw new Problem('not_participant')
    const first = firstOf(t, scope)
    const card = await findCard(t, scope, { id: thread.card_id })
    if (!card) throw new Problem('not_found')
    const minted = await mintIn(t, scope, thread, card, own, first)
    // Of a thread that waits on its caller's side nothing is told on the other.
    if ('is_apart' in thread && thread.is_apart) return show(minted)
    await changeThread(house, t, scope, thread, card, {}, [
      { type: 'thread_token.minted', data: { side: own, expires_at: minted.expires_at } },
    ])
    return show(minted)
  })

function firstOf(t: Tx, scope: Scope): Date {
  if (!isTokenScope(scope) || scope.firstMintedAt === undefined) return t.now
  if (t.now.getTime() - scope.firstMintedAt.getTime() >= LINE_MS)
    throw new Problem('key_expired', {
      detail: 'This line of thread tokens is a day old: mint a new one with a key or a session.',
    })
  return scope.firstMintedAt
}

/** In the transaction of something else: a start that wants one, an attempt of a delivery. */
export async function mintIn(
  t: Tx,
  scope: Scope,
  thread: ThreadRow,
  { environment }: Pick<CardRow, 'environment'>,
  side: Side,
  first = t.now,
): Promise<Minted> {
  const token = mintKey(environment, 'thr')
  const expiresAt = new Date(Math.min(t.now.getTime() + LIFE_MS, first.getTime() + LINE_MS))
  await insertThreadToken(t, scope, {
    id: newId('ttk', t.now.getTime()),
    thread,
    side,
    hash: sha256(token),
    by: (isTokenScope(scope) && scope.mintedBy) || atHome(scope).id,
    first,
    expiresAt,
  })
  return { thread_access_token: token, side, expires_at: expiresAt.toISOString() }
}

/** Seen where others can read it (P59): with it goes its whole line, for whoever saw it may have renewed it. Told to the side whose it is. */
export const endLeakedLine =
  (house: Pick<RelayHouse, 'db'>) =>
  async (token: string, where: 'url' | 'plain_http'): Promise<void> => {
    if (parseKey(token)?.kind !== 'thr') return
    const [found] = await once<ThreadTokenInUse>(house.db, useThreadToken(sha256(token)))
    if (!found) return
    const scope = systemScope('exposure', found.tenant_id)
    await tx(house.db, scope, async (t) => {
      const grant = await findGrant(t, scope, found.relay_grant_id)
      if (!grant || (await deleteTokenLine(t, scope, found)) === 0) return
      const options = { resource: { type: 'thread', id: found.thread_id } }
      const { asker_tenant: asker } = grant
      if (found.side === 'caller' && asker !== null && asker !== scope.tenantId) {
        const data = { relay_grant_id: grant.id, agent: grant.slug, thread_id: found.thread_id, reason: 'exposed' }
        return tellOther(t, scope, grant, 'relay_grant.updated', { ...data, fields: ['thread_tokens'] }, options)
      }
      const data = { key_id: found.id, thread_id: found.thread_id, where, revoked: true }
      await tellOwner(t, scope, grant, 'key.exposed', data, options)
    })
  }
