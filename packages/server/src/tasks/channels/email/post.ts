// One mail as one identity, and what became of it for whoever looks at the identity. Runs outside of any transaction but its own last one.
import type { Secret } from '../../../crypto/secret.ts'
import { systemScope } from '../../../db/scope.ts'
import { tx } from '../../../db/tx.ts'
import type { Mailbox, Posted } from '../../../egress/mail.ts'
import type { EmailHouse } from './house.ts'
import type { Words } from './message.ts'
import { type IdentityRow, noteError, noteSent } from './sql.ts'
import { transportOf } from './transport.ts'

export type Sender = { row: IdentityRow; secret: Secret | null }
export type Letter = { id: string; to: Mailbox; mail: Words; now: Date; inReplyTo?: string | null; replyTo?: string | null }

/** The same for every try of one letter, so that a program that gets it twice shows it once. */
export const messageIdOf = (house: EmailHouse, id: string): string => `<${id}@${new URL(house.tasks.origin()).hostname}>`

export async function postAs(house: EmailHouse, tenantId: string, { row, secret }: Sender, letter: Letter): Promise<Posted> {
  const posted = await house.mailer.send(transportOf(row, secret), {
    tenantId,
    id: letter.id,
    from: { name: row.from_name ?? row.display_name, address: row.from_email },
    to: letter.to,
    replyTo: letter.replyTo ?? row.reply_to,
    ...letter.mail,
    messageId: messageIdOf(house, letter.id),
    inReplyTo: letter.inReplyTo ?? null,
    date: letter.now,
  })
  const scope = systemScope('mail', tenantId)
  await tx(house.tasks.db, scope, (t) => (posted.sent ? noteSent(t, scope, row.id) : noteError(t, scope, row.id, posted.reason)))
  return posted
}
