// What the holder of a link may do: look at the one task behind it, and answer it; from the page of a review link also claim it, remark on it and send it back
// (T109–T111). The decision is `decideTask`'s own; the link is consumed in the very
// transaction in which that counts, so that a refusal, older content or a crash leaves it as good as it was (T110).
import { Problem } from '@countersign/sdk'
import { sha256 } from '../../crypto/token.ts'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import type { AskLimits, RequestInfo } from '../../http/route.ts'
import { guestScope } from '../../identity/guest.ts'
import { originOf } from '../../identity/origin.ts'
import { type Done, type Heard, heard, type Saying } from '../channels/heard.ts'
import type { DecideInput } from '../decided.ts'
import type { TasksHouse } from '../house.ts'
import { listComments } from '../talk/comments.ts'
import type { Task } from '../wire.ts'
import { type LinkAnswer, makeSession, refuseDead } from './link.ts'
import { newNonce, revisionOfNonce } from './nonce.ts'
import { consumeIfFree, findLink, findLinkTenant, type LinkRow, touchSession } from './sql.ts'

/** What is done from the page of a review link besides answering (T111). */
export type LinkAct =
  | { type: 'claim' }
  | { type: 'release' }
  | { type: 'comment'; body: string }
  | { type: 'send_back'; comment: string }

export type LinkAsk = { token: string; nonce?: string; answer?: LinkAnswer; act?: LinkAct }
type Opened = { link: LinkRow; scope: Scope }

const COMMENTS = 100
const TOKEN = /^[A-Za-z0-9_-]{43}$/

/** Without a nonce it looks; with one it decides, or does what is asked. */
export async function heardByLink(house: TasksHouse, ask: LinkAsk, request: RequestInfo, limits: AskLimits): Promise<Heard> {
  if (!TOKEN.test(ask.token)) throw new Problem('link_invalid')
  await limits.take('link.token', sha256(ask.token).toString('base64url'))
  const { link, scope } = await openLink(house, ask.token, request)
  if (ask.act !== undefined && ask.answer !== undefined)
    throw new Problem('link_invalid', { detail: 'One thing at a time: send an answer or an act.' })
  if (ask.nonce !== undefined && ask.act !== undefined) return actInSession(house, scope, link, ask.nonce, ask.act, request)
  if (ask.nonce !== undefined) return decideByLink(house, scope, link, ask.nonce, ask.answer, request)
  if (ask.answer !== undefined || ask.act !== undefined)
    throw new Problem('link_invalid', { detail: 'An answer needs the nonce of its page.' })
  const done = async ({ task }: Done) => ({ reply: await viewOf(house, scope, link, task as Task) })
  return heard({ person: scope, from: request, done }, { verb: 'read' })
}

/** The link behind a token, with the scope of its person. Throws why it opens nothing. */
async function openLink(house: TasksHouse, token: string, request: Asked): Promise<Opened> {
  const { tenantId, link, now } = await findByToken(house, token)
  if (link.purpose === 'reply') throw new Problem('link_invalid')
  refuseDead(link, now)
  return { link, scope: scopeOf(house, tenantId, link, request) }
}

export type Found = { tenantId: string; link: LinkRow; now: Date }

/** Whatever it opens, or opens no more. `link_invalid` for what was never one. */
export async function findByToken(house: Pick<TasksHouse, 'db'>, token: string): Promise<Found> {
  const hash = sha256(token)
  const found = await tx(house.db, systemScope('links'), (t) => findLinkTenant(t, hash), { readOnly: true })
  if (!found) throw new Problem('link_invalid')
  const scope = systemScope('links', found.tenant_id)
  const look = async (t: Tx) => ({ link: await findLink(t, scope, found.id), now: t.now })
  const { link, now } = await tx(house.db, scope, look, { readOnly: true })
  if (!link) throw new Problem('link_invalid')
  return { tenantId: found.tenant_id, link, now }
}

export type Asked = Pick<RequestInfo, 'id' | 'address' | 'client'>

export function scopeOf(house: TasksHouse, tenantId: string, link: LinkRow, request: Asked): Scope {
  const guest = {
    taskId: link.task_id,
    channel: link.channel,
    assurance: 'link',
    ref: link.id,
    email: link.email,
    slackUserId: null,
    vouched: link.vouched,
    acts: null,
  } as const
  const from = { requestId: request.id, address: request.address, traceId: null }
  const scope = guestScope(tenantId, guest, { userId: link.user_id, displayName: link.display_name }, from)
  const subject = link.user_id ? `user:${link.user_id}` : `guest:${link.id}`
  const values = { address: request.address, client: request.client, email: link.email, name: link.display_name }
  return { ...scope, origin: originOf(house, scope, subject, values) }
}

async function viewOf(house: TasksHouse, scope: Scope, link: LinkRow, task: Task) {
  const session = await sessionOf(house, scope.tenantId, link)
  const { nonce, expiresAt } = newNonce(house.keyring, session?.id ?? link.id, task.revision, house.db.now())
  const isNewer = task.revision > link.revision
  return {
    state: task.status === 'verifying' ? ('verifying' as const) : isNewer ? ('revised' as const) : ('open' as const),
    purpose: link.purpose as 'answer' | 'review' | 'session',
    // What was chosen about older content is chosen no more (T13).
    choice: link.choice && !isNewer ? { label: link.label as string, answer: link.choice } : null,
    told_revision: link.revision,
    reader: { user_id: link.user_id, display_name: link.display_name, email: link.email },
    session: session?.token ?? null,
    nonce,
    nonce_expires_at: expiresAt,
    expires_at: link.expires_at,
    task,
    comments: link.purpose === 'answer' ? [] : (await listComments(house, scope, task.id, { limit: COMMENTS })).data,
  }
}

/** A review link is a door to a session of its own (T111), by whose token the page goes on; it lives on by being used. */
async function sessionOf(house: TasksHouse, tenantId: string, link: LinkRow): Promise<{ id: string; token: string } | null> {
  if (link.purpose === 'answer') return null
  const scope = systemScope('links', tenantId)
  return tx(house.db, scope, async (t) => {
    if (link.purpose === 'review') return makeSession(t, scope, link)
    await touchSession(t, scope, link.id)
    return null
  })
}

function decideByLink(
  house: TasksHouse,
  scope: Scope,
  link: LinkRow,
  nonce: string,
  given: LinkAnswer | undefined,
  request: Asked,
): Heard {
  const revision = revisionOf(house, link, nonce)
  const answer = given ?? (link.revision === revision ? link.choice : null)
  if (!answer) throw new Problem('link_invalid', { detail: 'This link stands for no answer of its own.' })
  return answered(scope, link, { ...answer, seen_revision: revision }, request)
}

function revisionOf(house: TasksHouse, link: LinkRow, nonce: string): number {
  const revision = revisionOfNonce(house.keyring, link.id, nonce, house.db.now())
  if (revision === null) throw new Problem('link_invalid', { detail: 'The nonce is not of this page, or too old.' })
  return revision
}

/** In the session that a review link opened, by the rules of any other page; the link is as good as it was afterwards. */
function actInSession(house: TasksHouse, scope: Scope, link: LinkRow, nonce: string, act: LinkAct, from: Asked): Heard {
  if (link.purpose === 'answer') throw new Problem('link_invalid', { detail: 'This link is good for an answer only.' })
  const said = sayingOf(act, revisionOf(house, link, nonce))
  // The page goes on with the task as it is now.
  const shown = (comment: Done['comment']) => async (now: Done) => ({
    reply: { state: 'done' as const, task: now.task, comment },
  })
  const done = async ({ comment }: Done) => heard({ person: scope, from, done: shown(comment) }, { verb: 'read' })
  return heard({ person: scope, from, done }, said)
}

function sayingOf(act: LinkAct, revision: number): Saying {
  if (act.type === 'comment') return { verb: 'comment', body: { body: act.body } }
  if (act.type === 'send_back') return { verb: 'send_back', body: { comment: act.comment, seen_revision: revision } }
  return { verb: act.type }
}

/** By somebody's link; the decision and the end of that link are one transaction. */
export const answered = (scope: Scope, link: LinkRow, body: DecideInput, request: Pick<Asked, 'address'>): Heard =>
  heard(
    {
      person: scope,
      from: { address: request.address },
      spend: (t) => consume(t, scope, link),
      done: async ({ task }) => ({ reply: { state: 'answered' as const, task } }),
    },
    { verb: 'decide', body },
  )

async function consume(t: Tx, scope: Scope, link: LinkRow): Promise<void> {
  const person = link.user_id ?? link.email ?? link.id
  if (await consumeIfFree(t, scope, link.id, { person, actor: scope.actor.id, taskId: link.task_id })) return
  const now = await findLink(t, scope, link.id)
  if (now) refuseDead(now, t.now)
  throw new Problem('link_used', { status: link.task_status, by: link.display_name })
}
