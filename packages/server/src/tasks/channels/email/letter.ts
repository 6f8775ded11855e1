// Letters of the platform itself, where a sender of mail is set up: written in the transaction of what they tell of, sealed until they are sent, and then forgotten.
// Whoever writes one knows nothing of mail; without a sender nothing is written, and the link is handed over as before.
import { enqueue, type Outcome, retry } from '@countersign/queue'
import { openText, sealText } from '../../../crypto/seal.ts'
import { type Scope, systemScope } from '../../../db/scope.ts'
import { type Tx, tx } from '../../../db/tx.ts'
import type { InvitationLetter } from '../../../identity/house.ts'
import { tenantKey } from '../../../identity/keys-at-rest/tenant-key.ts'
import { newId, tenantWire } from '../../../std/id.ts'
import type { EmailHouse } from './house.ts'
import { platformMail } from './message.ts'
import { postAs } from './post.ts'
import { endLetter, findDefaultIdentity, findLetter, insertLetter } from './sql.ts'
import { openIdentity } from './transport.ts'

const place = (scope: Scope, row: string) => ({ tenant: tenantWire(scope.tenantId), table: 'letters', column: 'body', row })

export async function writeInvitation(house: EmailHouse, t: Tx, scope: Scope, invitation: InvitationLetter): Promise<void> {
  if (!(await findDefaultIdentity(t, scope))) return
  const id = newId('ltr', t.now.getTime())
  const key = await tenantKey(house.tasks, t, scope)
  await insertLetter(t, scope, id, 'invitation', sealText(key, place(scope, id), JSON.stringify(invitation)))
  await enqueue(t, { kind: 'mail.letter', tenantId: scope.tenantId, payload: { letter_id: id } })
}

export async function sendLetter(house: EmailHouse, tenantId: string, id: string): Promise<Outcome | undefined> {
  const scope = systemScope('mail', tenantId)
  const ready = await tx(
    house.tasks.db,
    scope,
    async (t) => {
      const [letter, row] = [await findLetter(t, scope, id), await findDefaultIdentity(t, scope)]
      if (!letter?.body || !row) return null
      const key = await tenantKey(house.tasks, t, scope)
      const invitation = JSON.parse(openText(key, place(scope, id), letter.body)) as InvitationLetter
      return { invitation, sender: { row, secret: openIdentity(key, scope, 'secret', row) }, now: t.now }
    },
    { readOnly: true },
  )
  if (!ready || new Date(ready.invitation.expiresAt) <= ready.now) return undefined
  const { invitation, sender, now } = ready
  const posted = await postAs(house, tenantId, sender, {
    id,
    to: { name: '', address: invitation.to },
    mail: wordsOf(invitation),
    now,
  })
  if (!posted.sent && posted.retry)
    return retry({ ...(posted.afterMs === null ? {} : { after: posted.afterMs }), error: posted.reason })
  await tx(house.tasks.db, scope, (t) => endLetter(t, scope, id, posted.sent))
  return undefined
}

const wordsOf = ({ link, role, tenant, by, expiresAt }: InvitationLetter) =>
  platformMail({
    subject: `${by} invites you to ${tenant}`,
    lines: [
      `${by} invites you to ${tenant} on Countersign, as ${role}.`,
      `The link is for this address alone and good until ${new Date(expiresAt).toISOString().slice(0, 10)}. If you expected nothing of the kind, there is nothing to do.`,
    ],
    url: link,
    act: 'Join',
  })
