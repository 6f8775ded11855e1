// Handles (relay.md R19): `@name` of a tenant or of a user, one of each, unique in the installation; each leads to a card — the one that it names, or the primary one of its
// tenant. A handle answers nobody until its owner says that it may be found, and leads to public cards alone.
import { Problem } from '@countersign/sdk'
import { once, type Scope, type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { ownOnly } from '../../identity/agent.ts'
import { reach } from '../../identity/matrix.ts'
import { agentUrl } from '../cards/document.ts'
import { isReserved } from '../cards/input.ts'
import { findCard } from '../cards/sql.ts'
import type { RelayHouse } from '../house.ts'
import {
  deleteHandle,
  type FoundHandle,
  findHandle,
  findHandleOf,
  findOwnHandle,
  type HandleRow,
  insertHandleIfFree,
  listHandleRows,
  lockHandles,
  updateHandle,
} from './sql.ts'

type House = Pick<RelayHouse, 'db' | 'origin'>
export type ShownHandle = ReturnType<typeof showHandle>

export async function readHandle(house: House, handle: string) {
  const [found] = await once<FoundHandle>(house.db, findHandle(handle))
  if (!found) throw new Problem('not_found')
  const { slug, name, summary, card_version: version } = found
  return {
    handle: found.handle,
    of: found.of_user ? ('user' as const) : ('tenant' as const),
    card: {
      ...{ slug, name, summary, version },
      url: agentUrl(house.origin(), slug),
      card_url: `${house.origin()}/api/v1/agents/${slug}/card`,
    },
  }
}

export const listHandles = (house: House, scope: Scope) =>
  tx(house.db, scope, async (t) => ({ data: (await listHandleRows(t, scope)).map(showHandle), next_cursor: null }), {
    readOnly: true,
  })

export type HandleWish = { of: 'tenant' | 'user'; card_id?: string | null; findable?: boolean }

/** Taken once, and changed by the same call; whoever wants another name gives up theirs first. */
export const claimHandle = (
  house: House,
  scope: Scope,
  handle: string,
  wish: HandleWish,
  claimed: () => void,
): Promise<ShownHandle> => {
  if (isReserved(handle)) throw invalid('/handle', 'reserved', 'This handle is reserved.')
  if (wish.of === 'tenant' && reach(scope, 'card.publish') !== 'any') throw new Problem('forbidden', { action: 'card.publish' })
  if (scope.userId === null && wish.of === 'user') throw invalid('/of', 'invalid', 'Only a person has a handle of their own.')
  const userId = wish.of === 'user' ? scope.userId : null
  return tx(house.db, scope, async (t) => {
    await lockHandles(t, scope)
    await refuseForeignCard(t, scope, wish.card_id ?? null)
    const own = await findHandleOf(t, scope, userId)
    if (own && own.handle !== handle)
      throw new Problem('state_conflict', { state: own.handle, detail: 'There is a handle already: give it up first.' })
    const next = { card_id: wish.card_id ?? own?.card_id ?? null, findable: wish.findable ?? own?.findable ?? false }
    if (own) {
      const isSame = own.card_id === next.card_id && own.findable === next.findable
      return showHandle(isSame ? own : await updateHandle(t, scope, handle, next))
    }
    const made = await insertHandleIfFree(t, scope, { handle, user_id: userId, ...next, by: scope.principal })
    if (!made) throw new Problem('slug_taken', { slug: handle })
    claimed()
    await record(t, scope, 'handle.claimed', { handle, of: wish.of, ...(next.card_id && { card_id: next.card_id }) })
    return showHandle(made)
  })
}

/** Free for everybody from then on. */
export const releaseHandle = (house: House, scope: Scope, handle: string): Promise<null> =>
  tx(house.db, scope, async (t) => {
    const row = await findOwnHandle(t, scope, handle)
    const isTheirs = row && (row.user_id === scope.userId || reach(scope, 'card.publish') === 'any')
    if (!isTheirs) throw new Problem('not_found')
    await deleteHandle(t, scope, handle)
    await record(t, scope, 'handle.released', { handle })
    return null
  })

async function refuseForeignCard(t: Tx, scope: Scope, cardId: string | null): Promise<void> {
  const card = cardId === null ? null : await findCard(t, scope, cardId, ownOnly(scope, 'card.publish'))
  if (cardId !== null && (!card || card.state === 'retired')) throw invalid('/card_id', 'not_found', 'There is no such card.')
}

const showHandle = (row: HandleRow) => ({
  handle: row.handle,
  of: row.user_id === null ? ('tenant' as const) : ('user' as const),
  user_id: row.user_id,
  card_id: row.card_id,
  findable: row.findable,
  created_at: row.created_at,
})

const invalid = (path: string, code: string, message: string) =>
  new Problem('validation_failed', { errors: [{ path, code, message }] })
