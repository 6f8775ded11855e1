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
import { endLetter, findDefaultIdentity, findLetter, insertLetter, type LetterKind } from './sql.ts'
import { openIdentity } from './transport.ts'

const place = (scope: Scope, row: string) => ({ tenant: tenantWire(scope.tenantId), table: 'letters', column: 'body', row })

/** What was given up since the last one: numbers and ids of endpoints. */
type ExhaustedLetter = {
  to: string
  many: number
  endpoints: readonly { id: string | null; side: 'owner' | 'caller' | null; many: number; lastStatus: number | null }[]
}
type Letters = { invitation: InvitationLetter; exhausted: ExhaustedLetter }

export async function writeInvitation(house: EmailHouse, t: Tx, scope: Scope, invitation: InvitationLetter): Promise<void> {
  if (await findDefaultIdentity(t, scope)) await write(house, t, scope, 'invitation', invitation)
}

export async function writeExhausted(
  house: EmailHouse,
  t: Tx,
  scope: Scope,
  { to, ...report }: Omit<ExhaustedLetter, 'to'> & { to: readonly string[] },
): Promise<void> {
  if (!(await findDefaultIdentity(t, scope))) return
  for (const one of to) await write(house, t, scope, 'exhausted', { to: one, ...report })
}

async function write<K extends LetterKind>(house: EmailHouse, t: Tx, scope: Scope, kind: K, letter: Letters[K]): Promise<void> {
  const id = newId('ltr', t.now.getTime())
  const key = await tenantKey(house.tasks, t, scope)
  await insertLetter(t, scope, id, kind, sealText(key, place(scope, id), JSON.stringify(letter)))
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
      const said = JSON.parse(openText(key, place(scope, id), letter.body)) as { to: string; expiresAt?: string }
      const mail =
        letter.kind === 'invitation' ? invites(said as unknown as InvitationLetter) : exhausted(house, said as ExhaustedLetter)
      return {
        ...{ to: said.to, until: said.expiresAt, mail },
        sender: { row, secret: openIdentity(key, scope, 'secret', row) },
        now: t.now,
      }
    },
    { readOnly: true },
  )
  if (!ready || (ready.until !== undefined && new Date(ready.until) <= ready.now)) return undefined
  const { to, mail, sender, now } = ready
  const posted = await postAs(house, tenantId, sender, { id, to: { name: '', address: to }, mail, now })
  if (!posted.sent && posted.retry)
    return retry({ ...(posted.afterMs === null ? {} : { after: posted.afterMs }), error: posted.reason })
  await tx(house.tasks.db, scope, (t) => endLetter(t, scope, id, posted.sent))
  return undefined
}

const invites = ({ link, role, tenant, by, expiresAt }: InvitationLetter) =>
  platformMail({
    subject: `${by} invites you to ${tenant}`,
    lines: [
      `${by} invites you to ${tenant} on Countersign, as ${role}.`,
      `The link is for this address alone and good until ${new Date(expiresAt).toISOString().slice(0, 10)}. If you expected nothing of the kind, there is nothing to do.`,
    ],
    url: link,
    act: 'Join',
  })

const MOST_LINES = 20
const times = (many: number): string => (many === 1 ? '1 delivery' : `${many} deliveries`)

const exhausted = (house: EmailHouse, { many, endpoints }: ExhaustedLetter) =>
  platformMail({
    subject: `${times(many)} given up`,
    lines: [
      `${times(many)} did not arrive. Each was tried for as long as its schedule says.`,
      ...endpoints.slice(0, MOST_LINES).map(({ id, side, many: n, lastStatus }) => {
        const whose =
          side === 'owner'
            ? ' (messages to an agent of yours)'
            : side === 'caller'
              ? ' (news of threads that your agents started)'
              : ''
        return `${id ?? 'Callbacks of tasks'}${whose}: ${n}${lastStatus === null ? '' : `, last answered with ${lastStatus}`}`
      }),
      ...(endpoints.length > MOST_LINES ? [`And ${endpoints.length - MOST_LINES} more endpoints.`] : []),
      'Once the other end takes them again they can be sent again, as often as you like: by the page, by POST /replays, or by countersign replays start.',
    ],
    url: `${house.tasks.origin()}/webhooks`,
    act: 'See what failed',
  })
