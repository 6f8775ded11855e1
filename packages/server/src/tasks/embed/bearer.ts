// From the token of an embed to somebody who answers one task (T123, T125): opens the routes that are named here, for that task, and nothing else of the API.
// Decides no right beyond that: what stands in the matrix for guests, narrowed by `allow`, holds at each verb.
import { Problem } from '@countersign/sdk'
import { sha256 } from '../../crypto/token.ts'
import type { Scope } from '../../db/scope.ts'
import { type Db, once } from '../../db/tx.ts'
import type { Route } from '../../http/route.ts'
import { guestScope } from '../../identity/guest.ts'
import type { GuestBearer } from '../../identity/house.ts'
import { type EmbedInUse, useEmbed } from './sql.ts'
import { EMBED_PREFIX } from './token.ts'

/** Read, poll, decide, comment: each of its own task. */
export const EMBED_ROUTES: ReadonlySet<string> = new Set([
  'GET /tasks/:id',
  'GET /tasks/:id/poll',
  'POST /tasks/:id/decide',
  'POST /tasks/:id/complete',
  'GET /tasks/:id/comments',
  'POST /tasks/:id/comments',
])

const TOKEN = /^cse_[A-Za-z0-9_-]{43}$/
const READS = ['task.read', 'task.content', 'task.poll'] as const

export const embedBearer = ({ db }: { db: Db }): GuestBearer => ({
  prefix: EMBED_PREFIX,
  async scopeOf(request, token, route) {
    const [embed] = TOKEN.test(token) ? await once<EmbedInUse>(db, useEmbed(sha256(token))) : []
    if (!embed || embed.ended || embed.tenant_state === 'erased') throw new Problem('embed_token_invalid')
    admit(route, request.path, embed.task_id)
    return scopeOf(embed, request.id)
  },
})

function admit(route: Route | undefined, path: string, taskId: string): void {
  if (!route || !EMBED_ROUTES.has(`${route.method} ${route.path}`))
    throw new Problem('forbidden', { detail: 'The token of an embed opens its one task and nothing else.' })
  if (!path.split('/').includes(taskId)) throw new Problem('embed_token_wrong_task')
}

function scopeOf(embed: EmbedInUse, requestId: string): Scope {
  const { task_id: taskId, person, sub, allow, key_id, settled } = embed
  const acts = [
    ...READS,
    // Once it is settled the verb says so, and by whom; talking is over.
    ...(allow.includes('decide') ? ['task.decide'] : []),
    ...(allow.includes('comment') && !settled ? ['task.comment'] : []),
  ]
  const guest = {
    ...({ taskId, channel: 'embed', assurance: 'link', ref: person, email: null, slackUserId: null } as const),
    vouched: true,
    acts,
  }
  const scope = guestScope(embed.tenant_id, guest, { userId: null, displayName: sub ?? 'Embedded visitor' }, { requestId })
  return { ...scope, actor: { ...scope.actor, ...(key_id === null ? {} : { key_id }) }, tenantState: embed.tenant_state }
}
