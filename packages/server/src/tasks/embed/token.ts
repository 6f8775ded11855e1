// Tokens that open one task in a page of somebody else's (T122, T125): minted by a key for what its agents asked, hashed at rest, short-lived, revocable.
// A token is answered once and never again; whom it stands for is the word of whoever minted it.
import { Problem } from '@countersign/sdk'
import { randomToken, sha256 } from '../../crypto/token.ts'
import type { Sql } from '../../db/sql.ts'
import { type Scope, type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { openCursor, pageOf } from '../../http/cursor.ts'
import { isKeyScope, reach } from '../../identity/matrix.ts'
import { newId } from '../../std/id.ts'
import type { TasksHouse } from '../house.ts'
import { EVERY, findTask, NONE, ofAgent } from '../sql.ts'
import { matches, readOrigin } from './origin.ts'
import {
  type Allow,
  deleteLongEnded,
  findLimits,
  findOrigins,
  findPersonOfSub,
  findTokens,
  insertToken,
  ofAgents,
  revokeToken,
  type Theme,
  type TokenRow,
} from './sql.ts'

/** What a bearer of this kind begins with: no key and no session looks like it. */
export const EMBED_PREFIX = 'cse_'

export type MintInput = {
  task_id: string
  parent_origin: string
  sub?: string | null
  ttl_seconds?: number | null
  allow?: readonly Allow[] | null
  theme?: Theme | null
}
export type MintedEmbed = { id: string; embed_token: string; embed_url: string; expires_at: Date }

const SHORTEST = 60
const LONGEST = 3_600
const USUAL = 300
const DAY_MS = 86_400_000

export async function mintEmbed(
  house: Pick<TasksHouse, 'db' | 'origin'>,
  scope: Scope,
  input: MintInput,
  dialect: 'native' | 'compatible',
): Promise<MintedEmbed> {
  return tx(house.db, scope, async (t) => {
    const limits = await limitsOf(t, scope)
    const task = await findTask(t, scope, input.task_id, limits.reached)
    if (!task) throw new Problem('not_found')
    const origin = await allowedOrigin(t, scope, input.parent_origin, limits.origins)
    if (task.redact === 'strict')
      throw new Problem('forbidden', { detail: 'This task is redacted strictly: it is not shown inside other pages.' })
    const ttl = Math.min(LONGEST, Math.max(SHORTEST, Math.trunc(input.ttl_seconds ?? USUAL)))
    const id = newId('emb', t.now.getTime())
    const token = EMBED_PREFIX + randomToken()
    const expiresAt = new Date(t.now.getTime() + ttl * 1_000)
    const sub = input.sub?.trim() || null
    const allow = [...new Set(input.allow ?? ['decide' as const])].sort()
    const known = sub === null ? undefined : await findPersonOfSub(t, scope, task.id, sub)
    const keyId = scope.actor.key_id ?? null
    await insertToken(t, scope, {
      id,
      hash: sha256(token),
      taskId: task.id,
      agentId: task.agent_id,
      sub,
      person: known?.person ?? id,
      origin,
      allow,
      theme: input.theme ?? 'auto',
      dialect,
      keyId,
      expiresAt,
    })
    await deleteLongEnded(t, scope, new Date(t.now.getTime() - DAY_MS))
    const data = { embed_id: id, agent_id: task.agent_id, key_id: keyId, allow, expires_at: expiresAt.toISOString() }
    await record(t, scope, 'embed.minted', data, { resource: { type: 'task', id: task.id } })
    const embed_url = `${house.origin()}/embed?id=${task.id}&e=${id}#token=${token}`
    return { id, embed_token: token, embed_url, expires_at: expiresAt }
  })
}

/** Whose tasks, and where: an agent's key its own agent's; a key for embeds what it was made for; a person what their role reaches. */
async function limitsOf(t: Tx, scope: Scope): Promise<{ reached: Sql; origins: readonly string[] }> {
  if (isKeyScope(scope) && scope.keyKind === 'emb') {
    const limits = await findLimits(t, scope, scope.actor.key_id as string)
    return { reached: ofAgents(limits?.agent_ids ?? []), origins: limits?.origins ?? [] }
  }
  if (scope.agentId !== null) return { reached: ofAgent(scope.agentId), origins: [] }
  return { reached: reach(scope, 'task.embed') === 'any' ? EVERY : NONE, origins: [] }
}

/** Both must allow it: the tenant, and the key where it names any. */
async function allowedOrigin(t: Tx, scope: Scope, given: string, ofKey: readonly string[]): Promise<string> {
  const origin = readOrigin(given)
  const ofTenant = origin === null ? [] : (await findOrigins(t, scope)).map((row) => row.origin)
  const isIn = (patterns: readonly string[]) => patterns.some((one) => matches(origin as string, one))
  if (origin === null || !isIn(ofTenant) || (ofKey.length > 0 && !isIn(ofKey)))
    throw new Problem('embed_origin_not_allowed', { origin: given.slice(0, 256) })
  return origin
}

export type ListInput = { task_id?: string; live?: boolean; limit: number; cursor?: string }

export async function listEmbeds(house: TasksHouse, scope: Scope, input: ListInput) {
  return tx(
    house.db,
    scope,
    async (t) => {
      const { reached } = await limitsOf(t, scope)
      const { limit, cursor, ...filter } = input
      const at = { tenantId: scope.tenantId, route: 'GET /embed/tokens', filter }
      const before = cursor === undefined ? null : openCursor<string>(house.keyring, at, cursor, t.now)
      const page = { taskId: filter.task_id ?? null, live: filter.live ?? false, before, limit: limit + 1 }
      const rows: TokenRow[] = await findTokens(t, scope, reached, page)
      return pageOf(house.keyring, at, rows, { limit, now: t.now, position: (row) => row.id })
    },
    { readOnly: true },
  )
}

/** At once: the next request with it is refused. */
export const revokeEmbed = (house: Pick<TasksHouse, 'db'>, scope: Scope, id: string): Promise<null> =>
  tx(house.db, scope, async (t) => {
    const { reached } = await limitsOf(t, scope)
    const revoked = await revokeToken(t, scope, id, reached)
    if (!revoked) throw new Problem('not_found')
    if (revoked.was_live) {
      const data = { embed_id: id, agent_id: revoked.agent_id }
      await record(t, scope, 'embed.revoked', data, { resource: { type: 'task', id: revoked.task_id } })
    }
    return null
  })
