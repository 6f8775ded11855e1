// What comes back by mail (T112): a provider posts it, signed, with its verdict on who sent it; what is kept is a comment, or, where the asker allows and the first line
// is a button's label, a decision. A mail that neither DKIM nor SPF vouches for, or that is from somebody else than was written to, is dropped and noted.
import { type FieldError, Problem } from '@countersign/sdk'
import PostalMime, { type Address, type Email } from 'postal-mime'
import { standardSignature } from '../../../crypto/signature.ts'
import { sameBytes, sha256Hex } from '../../../crypto/token.ts'
import { systemScope } from '../../../db/scope.ts'
import { tx } from '../../../db/tx.ts'
import { record } from '../../../events/event.ts'
import { judge } from '../../../http/input.ts'
import { JsonRefused, readJsonBody } from '../../../http/json.ts'
import type { RequestInfo } from '../../../http/route.ts'
import { foldEmail } from '../../../identity/email.ts'
import { tenantKey } from '../../../identity/keys-at-rest/tenant-key.ts'
import { findByToken } from '../../links/action.ts'
import { type Link, standingOf } from '../../links/link.ts'
import { bounceNotice } from '../../notices/bounce.ts'
import type { Heard, Reply } from '../heard.ts'
import { isAligned, type Verdict } from './alignment.ts'
import type { EmailHouse } from './house.ts'
import { heardReply } from './reply.ts'
import { newText, wordsOf } from './reply-text.ts'
import { InboundBody } from './shapes.ts'
import {
  findIdentityById,
  findIdentityTenant,
  findMailByName,
  findReply,
  type IdentityRow,
  insertReplyIfNew,
  markBounced,
} from './sql.ts'
import { openIdentity } from './transport.ts'

export type Outcome = { outcome: 'comment' | 'decision' | 'dropped' | 'refused' | 'bounced'; reason: string | null }

type Bounce = { message_id?: string; provider_id?: string; reason?: string }
type Given = Verdict & { raw?: string; bounce?: Bounce }

const TOLERANCE_S = 300

export async function heardByMail(
  house: EmailHouse,
  identityId: string,
  bytes: Uint8Array,
  request: RequestInfo,
): Promise<Heard | Reply> {
  const { tenantId, identity } = await signedBy(house, identityId, bytes, request)
  const given = read(bytes)
  if (given.bounce) return { reply: await takeBounce(house, tenantId, given.bounce) }
  const raw = Buffer.from(given.raw as string, 'base64')
  const digest = sha256Hex(raw)
  const email = await PostalMime.parse(raw, { maxNestingDepth: 20 })
  const scope = systemScope('mail', tenantId)
  const found = await linkOf(house, tenantId, identity, email)
  const note = async (outcome: Exclude<Outcome['outcome'], 'bounced'>, reason: string | null): Promise<Reply> => {
    await tx(house.tasks.db, scope, async (t) => {
      const isNew = await insertReplyIfNew(t, scope, { digest, identityId, taskId: found?.task_id ?? null, outcome, reason })
      if (isNew === 0 || !found || outcome !== 'dropped') return
      const data = { link_id: found.id, reason: reason as string }
      await record(t, scope, 'task.reply_dropped', data, { resource: { type: 'task', id: found.task_id } })
    })
    return { reply: { outcome, reason } satisfies Outcome }
  }
  const before = await tx(house.tasks.db, scope, (t) => findReply(t, scope, digest), { readOnly: true })
  if (before) return { reply: { outcome: 'dropped', reason: 'It came before.' } satisfies Outcome }
  const against = found ? whyNot(found, email, given, house.tasks.db.now()) : 'It answers to no mail of ours.'
  if (against !== null || !found) return note('dropped', against)
  const text = newText(email.text ?? wordsOf(email.html ?? ''))
  if (text === '') return note('dropped', 'It holds nothing but what it quotes.')
  return heardReply(house, { tenantId, link: found, text, request }, ({ outcome, reason }) => note(outcome, reason))
}

async function signedBy(house: EmailHouse, id: string, bytes: Uint8Array, { header }: RequestInfo) {
  const known = await tx(house.tasks.db, systemScope('mail'), (t) => findIdentityTenant(t, id), { readOnly: true })
  if (!known) throw new Problem('signature_invalid')
  const scope = systemScope('mail', known.tenant_id)
  const { identity, secret, now } = await tx(
    house.tasks.db,
    scope,
    async (t) => {
      const row = (await findIdentityById(t, scope, id)) as IdentityRow
      const key = await tenantKey(house.tasks, t, scope)
      return { identity: row, secret: openIdentity(key, scope, 'inbound_secret', row), now: t.now }
    },
    { readOnly: true },
  )
  const [messageId, timestamp, signature] = ['id', 'timestamp', 'signature'].map(
    (name) => header(`webhook-${name}`) ?? header(`svix-${name}`) ?? '',
  ) as [string, string, string]
  const at = /^\d{1,12}$/.test(timestamp) ? Number(timestamp) : 0
  const isFresh = Math.abs(at - now.getTime() / 1_000) <= TOLERANCE_S
  const right = secret === null ? null : standardSignature([secret.reveal()], messageId, at, Buffer.from(bytes))
  if (right === null || !isFresh || !signature.split(' ').some((one) => sameBytes(one, right)))
    throw new Problem('signature_invalid')
  return { tenantId: known.tenant_id, identity }
}

function read(bytes: Uint8Array): Given {
  const errors: FieldError[] = []
  try {
    const body = judge(InboundBody, readJsonBody(bytes), errors)
    const { raw, bounce } = (body ?? {}) as Given
    if (errors.length === 0 && (raw === undefined) === (bounce === undefined))
      errors.push({ path: '/raw', code: 'either', message: 'Send either `raw` or `bounce`.' })
    if (errors.length > 0) throw new Problem('validation_failed', { errors })
    return body as Given
  } catch (error) {
    if (error instanceof JsonRefused) throw new Problem('json_invalid', { detail: error.message })
    throw error
  }
}

/** The notice has failed after all; whoever posts the same again changes nothing. */
async function takeBounce(house: EmailHouse, tenantId: string, bounce: Bounce): Promise<Outcome> {
  const scope = systemScope('mail', tenantId)
  const mail = await tx(house.tasks.db, scope, async (t) => {
    const found = await findMailByName(t, scope, bounce)
    if (found) await markBounced(t, scope, found.id)
    return found
  })
  const reason = `The mail came back${bounce.reason ? `: ${bounce.reason}` : '.'}`
  if (!mail || !(await bounceNotice(house.tasks, tenantId, mail.id, reason)))
    return { outcome: 'dropped', reason: 'No mail of ours has this name, or it came back before.' }
  return { outcome: 'bounced', reason: null }
}

const REPLY = /^reply\+([0-9a-f]{40})@(.+)$/i

/** The link whose address it was sent to; null for anything else that arrives there. */
async function linkOf(house: EmailHouse, tenantId: string, identity: IdentityRow, email: Email): Promise<Link | null> {
  for (const address of [...boxes(email.to), ...boxes(email.cc), ...(email.deliveredTo ? [email.deliveredTo] : [])]) {
    const [, token, domain] = REPLY.exec(address.trim()) ?? []
    if (!token || domain?.toLowerCase() !== identity.inbound_domain) continue
    const found = await findByToken(house.tasks, token.toLowerCase()).catch((error: unknown) => {
      if (error instanceof Problem && error.code === 'link_invalid') return null
      throw error
    })
    if (found?.tenantId === tenantId && found.link.purpose === 'reply') return found.link
  }
  return null
}

const boxes = (addresses: readonly Address[] | undefined): string[] =>
  (addresses ?? []).flatMap((one) => (one.group ? one.group.map(({ address }) => address) : [one.address ?? '']))

/** Null: nothing stands against it. */
function whyNot(link: Link, email: Email, verdict: Verdict, now: Date): string | null {
  const standing = standingOf(link, now)
  if (standing === 'revoked' || standing === 'expired') return 'Its address is not taken any more.'
  const headerOf = (name: string) => email.headers.find(({ key }) => key === name)?.value.toLowerCase() ?? ''
  const isAutomatic =
    !['', 'no'].includes(headerOf('auto-submitted')) || ['bulk', 'junk', 'auto_reply'].includes(headerOf('precedence'))
  if (isAutomatic) return 'A program wrote it.'
  const from = foldEmail(email.from && 'address' in email.from ? (email.from.address ?? '') : '')
  if (from === null || from !== link.email) return 'It is from another address than the mail went to.'
  return isAligned(from, verdict) ? null : 'Neither DKIM nor SPF vouches for its sender.'
}
