// Mail as a channel (T103, T108): a notice becomes one mail with links of its own, sent once. What was sent cannot be changed, so its links say how things stand (T105).
import { randomToken, sha256 } from '../../../crypto/token.ts'
import type { Scope } from '../../../db/scope.ts'
import { systemScope } from '../../../db/scope.ts'
import { type Tx, tx } from '../../../db/tx.ts'
import { foldEmail } from '../../../identity/email.ts'
import { tenantKey } from '../../../identity/keys-at-rest/tenant-key.ts'
import { heardByLink } from '../../links/action.ts'
import { type MadeLink, makeLinks, type Reader, takeBackLinks, type Wanted } from '../../links/link.ts'
import { type Channel, ChannelFault, type Notice, noDoor, type Shown } from '../channel.ts'
import { choicesOf } from '../choices.ts'
import type { EmailHouse } from './house.ts'
import { heardByMail } from './inbound.ts'
import { digestMail, taskMail, type Words, wordMail } from './message.ts'
import { messageIdOf, postAs, type Sender } from './post.ts'
import { findDefaultIdentity, findIdentity, findMail, findThread, type IdentityRow, insertMail } from './sql.ts'
import { openIdentity } from './transport.ts'

export const openEmail = (house: EmailHouse): Channel => ({
  name: 'email',
  can({ task }) {
    const { choices, why } = choicesOf(task)
    return { means: choices.length > 0 ? 'buttons' : 'link', why }
  },
  isReady: (t, scope) => hasMailIdentity(t, scope, null),
  knows: async (t, scope, { identity }) => ((await hasMailIdentity(t, scope, identity)) || identity === null ? null : 'identity'),
  send: (notice, shown) => sendNotice(house, notice, shown),
  // A mail cannot be changed: its links answer with how things stand now.
  rewrite: async () => undefined,
  tell: ({ party, target, ...notice }, message) =>
    tellByMail(house, { ...notice, email: party?.email ?? target, displayName: party?.displayName ?? '' }, message),
  async receive(incoming) {
    const { request, limits } = incoming
    if (incoming.door === 'link') return heardByLink(house.tasks, incoming.ask, request, limits)
    if (incoming.door === 'reply') return heardByMail(house, incoming.identity, incoming.bytes, request)
    return noDoor('email', incoming)
  },
})

type Ready = {
  sender: Sender
  to: { name: string; address: string }
  toHash: Buffer
  thread: string | null
  links: MadeLink[]
  replyTo: string | null
  now: Date
}

async function sendNotice(house: EmailHouse, notice: Notice, shown: Shown): Promise<{ ref: Record<string, unknown> }> {
  const scope = systemScope('mail', notice.tenantId)
  const { choices, why } = notice.digest ? { choices: [], why: null } : choicesOf(shown.task)
  const wanted: Wanted[] = [
    ...choices.map(({ label, answer }) => ({ purpose: 'answer' as const, choice: { label, answer } })),
    { purpose: 'review' },
  ]
  const before = await tx(house.tasks.db, scope, (t) => findMail(t, scope, notice.id), { readOnly: true })
  // The provider took it before: whoever asks again gets the same answer and nobody a second mail (T104).
  if (before) return { ref: { message_id: before.message_id, provider_id: before.provider_id } }
  const ready = await tx(house.tasks.db, scope, (t) => prepare(house, t, scope, notice, shown, wanted))
  const buttons = choices.map(({ label, tone }, i) => ({ label, tone, url: (ready.links[i] as MadeLink).url }))
  if (notice.digest)
    return post(house, scope, notice, ready, digestMail({ digest: notice.digest, url: `${house.tasks.origin()}/inbox` }))
  const mail = taskMail({
    ...{ notice, shown, buttons, why },
    reviewUrl: (ready.links[choices.length] as MadeLink).url,
    canReply: ready.replyTo !== null,
    isFollowUp: ready.thread !== null,
  })
  return post(house, scope, notice, ready, mail)
}

async function post(house: EmailHouse, scope: Scope, notice: Notice, ready: Ready, mail: Words) {
  const { sender, to, thread, replyTo, now } = ready
  const letter = { id: notice.id, to, mail, now, inReplyTo: thread, replyTo }
  const posted = await postAs(house, notice.tenantId, sender, letter)
  const messageId = messageIdOf(house, notice.id)
  await tx(house.tasks.db, scope, async (t) => {
    // Nobody was sent these.
    const ids = ready.links.map(({ id }) => id)
    if (!posted.sent) return void (await takeBackLinks(t, scope, ids))
    const { row } = sender
    const sent = {
      id: notice.id,
      identityId: row.id,
      taskId: notice.taskId,
      toHash: ready.toHash,
      messageId,
      providerId: posted.id,
    }
    await insertMail(t, scope, sent)
  })
  if (!posted.sent) throw new ChannelFault(posted.reason, posted.retry, posted.afterMs)
  return { ref: { message_id: messageId, provider_id: posted.id } }
}

async function prepare(
  house: EmailHouse,
  t: Tx,
  scope: Scope,
  notice: Notice,
  shown: Shown,
  wanted: readonly Wanted[],
): Promise<Ready> {
  const row = await identityOf(t, scope, notice)
  const address = notice.party?.email ?? notice.target
  const folded = foldEmail(address)
  if (folded === null) throw new ChannelFault('There is no mail address to write to.', false)
  const toHash = sha256(folded)
  const reader: Reader = {
    userId: notice.party?.userId ?? null,
    email: folded,
    displayName: notice.party?.displayName ?? address,
    vouched: false,
  }
  const { task } = shown
  const about = { id: task.id, revision: task.revision, deadline_at: new Date(task.deadline_at) }
  const replies: Wanted[] = row.inbound_domain === null ? [] : [{ purpose: 'reply' }]
  const links = await makeLinks(house.tasks, t, scope, { channel: 'email', task: about, reader, noticeId: notice.id }, [
    ...wanted,
    ...replies,
  ])
  const reply = row.inbound_domain === null ? null : `reply+${(links.at(-1) as MadeLink).token}@${row.inbound_domain}`
  const key = await tenantKey(house.tasks, t, scope)
  return {
    sender: { row, secret: openIdentity(key, scope, 'secret', row) },
    to: { name: notice.party?.displayName ?? '', address: folded },
    toHash,
    thread: (await findThread(t, scope, notice.taskId, toHash))?.message_id ?? null,
    links,
    replyTo: reply,
    now: t.now,
  }
}

async function identityOf(t: Tx, scope: Scope, { identity }: Pick<Notice, 'identity'>): Promise<IdentityRow> {
  const row = identity === null ? await findDefaultIdentity(t, scope) : await findIdentity(t, scope, identity)
  if (!row)
    throw new ChannelFault(
      identity === null ? 'No mail identity is set up.' : `There is no mail identity called ${identity}.`,
      false,
    )
  return row
}

/** Whether `email+name:` names a sender; null asks for the default one. */
const hasMailIdentity = async (t: Tx, scope: Scope, name: string | null): Promise<boolean> =>
  (name === null ? await findDefaultIdentity(t, scope) : await findIdentity(t, scope, name)) !== null

export type Told = {
  id: string
  tenantId: string
  taskId: string
  identity: string | null
  email: string | null
  displayName: string
}

/** One sentence, in the thread of what it is about. Throws `ChannelFault`. */
export async function tellByMail(house: EmailHouse, told: Told, message: string): Promise<void> {
  const scope = systemScope('mail', told.tenantId)
  const address = foldEmail(told.email ?? '')
  if (address === null) throw new ChannelFault('There is no mail address to write to.', false)
  const { sender, thread, now } = await tx(
    house.tasks.db,
    scope,
    async (t) => {
      const row = await identityOf(t, scope, told)
      const key = await tenantKey(house.tasks, t, scope)
      const found = await findThread(t, scope, told.taskId, sha256(address))
      return { sender: { row, secret: openIdentity(key, scope, 'secret', row) }, thread: found?.message_id ?? null, now: t.now }
    },
    { readOnly: true },
  )
  const letter = {
    id: `${told.id}-${randomToken(9)}`,
    to: { name: told.displayName, address },
    mail: wordMail({ message, url: `${house.tasks.origin()}/tasks/${told.taskId}` }),
    now,
    inReplyTo: thread,
  }
  const posted = await postAs(house, told.tenantId, sender, letter)
  if (!posted.sent) throw new ChannelFault(posted.reason, posted.retry, posted.afterMs)
}
