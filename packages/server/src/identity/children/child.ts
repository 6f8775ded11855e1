// Child keys: what an agent's key lends for an hour at most, narrower than itself and for one agent alone (relay.md §3, R114). Each counts only while its key does, is stored as a
// hash and shown once. Never lends what a key has only by its own name, and never has children itself.
import { Problem } from '@countersign/sdk'
import { mintKey, parseKey, sha256 } from '../../crypto/token.ts'
import type { Scope } from '../../db/scope.ts'
import { type Db, once, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { newId } from '../../std/id.ts'
import { keyScope, refuseKey } from '../authenticate.ts'
import type { GuestBearer } from '../house.ts'
import { holdsScope } from '../matrix.ts'
import { type ChildInUse, deleteOver, dropChildKey, findEndOfKey, insertChildKey, useChildKey } from './sql.ts'

const LASTS_MS = 60 * 60_000

export type Child = { token: string; expiresIn: number; scopes: readonly string[] }

/** Of the key that `scope` came with. Throws `scope_too_wide` for what that key has not. */
export async function mintChild(
  house: { db: Db },
  scope: Scope,
  wanted: { audience: string; scopes: readonly string[] },
): Promise<Child> {
  const keyId = scope.actor.key_id
  if (keyId === undefined || scope.audience !== undefined) throw new Problem('forbidden', { action: 'key.create' })
  const tooWide = wanted.scopes.filter((one) => !holdsScope(scope.scopes ?? [], one))
  if (tooWide.length > 0) throw new Problem('scope_too_wide', { scopes: tooWide })
  return tx(house.db, scope, async (t) => {
    const key = await findEndOfKey(t, scope, keyId)
    if (!key) throw new Problem('key_invalid')
    const expiresAt = new Date(Math.min(t.now.getTime() + LASTS_MS, key.expires_at.getTime()))
    const token = mintKey(key.environment, 'chd')
    const id = newId('chk', t.now.getTime())
    const { audience, scopes } = wanted
    await deleteOver(t, scope, keyId)
    await insertChildKey(t, scope, { id, keyId, hash: sha256(token), audience, scopes, expiresAt })
    const data = {
      key_id: id,
      parent_key_id: keyId,
      kind: 'chd',
      agent_id: scope.agentId,
      audience,
      scopes,
      expires_at: expiresAt.toISOString(),
    }
    await record(t, scope, 'key.created', data, { resource: { type: 'key', id } })
    return { token, expiresIn: Math.floor((expiresAt.getTime() - t.now.getTime()) / 1_000), scopes }
  })
}

// What stands under the address of one agent, and the threads, which say themselves whose they are.
const OF_AGENT = /^(?:\/api(?:\/v1)?)?\/agents\/([^/]+)\/./
const OF_THREAD = /^\/api(?:\/v1)?\/threads\/[^/]+/

export const childBearers = (house: { db: Db }): GuestBearer[] =>
  (['live', 'test'] as const).map((environment) => ({
    prefix: `cs_${environment}_chd_`,
    unseenWhereOpen: true as const,
    async scopeOf(request, token) {
      const address = /^[0-9a-f.:/]+$/i.test(request.address) ? request.address : null
      const [found] = parseKey(token) ? await once<ChildInUse>(house.db, useChildKey(sha256(token), address)) : []
      const refusal = found ? refuseKey(found) : new Problem('key_invalid')
      if (refusal) throw refusal
      const { audience, child_scopes: scopes, ...key } = found as ChildInUse
      const slug = OF_AGENT.exec(request.path)?.[1]
      if (slug === undefined ? !OF_THREAD.test(request.path) : slug !== audience)
        throw new Problem('wrong_token_kind', { accepted: ['key'], detail: `This key is for the agent ${audience} alone.` })
      return { ...keyScope(key, request.id), scopes: scopes.filter((one) => holdsScope(key.scopes, one)), audience }
    },
  }))

/** One that stood in a URL, or came in the clear (P59). */
export const endLeakedChild =
  (house: { db: Db }) =>
  async (token: string): Promise<void> => {
    if (parseKey(token)?.kind === 'chd') await once(house.db, dropChildKey(sha256(token)))
  }
