// Senders of mail (T107): who mails come from and how they leave. Their secrets are sealed and never answered; a sender is verified once a test mail of it
// arrived and somebody typed what it said.
import { Problem } from '@countersign/sdk'
import { newSigningSecret } from '../../../crypto/signature.ts'
import { randomInt, sameBytes, sha256 } from '../../../crypto/token.ts'
import type { Scope } from '../../../db/scope.ts'
import { type Tx, tx } from '../../../db/tx.ts'
import { type EventData, record } from '../../../events/event.ts'
import type { EventType } from '../../../events/types.ts'
import { foldEmail } from '../../../identity/email.ts'
import { tenantKey } from '../../../identity/keys-at-rest/tenant-key.ts'
import { newId } from '../../../std/id.ts'
import type { EmailHouse } from './house.ts'
import { testMail } from './message.ts'
import { postAs } from './post.ts'
import {
  clearDefault,
  countTry,
  findIdentity,
  type IdentityRow,
  insertIdentity,
  listIdentities,
  lockIdentity,
  markVerified,
  putCode,
  removeIdentity,
  type TransportKind,
  updateIdentity,
} from './sql.ts'
import { openIdentity, type Read, readSettings, sealIdentity } from './transport.ts'

export type IdentityInput = {
  id: string
  display_name: string
  from_email: string
  from_name?: string | null
  reply_to?: string | null
  transport: TransportKind
  settings?: Record<string, unknown>
  inbound_domain?: string | null
  is_default?: boolean
}
export type IdentityChange = Partial<Omit<IdentityInput, 'id'>>

const CODE_LIFE_MS = 3_600_000
const MOST_TRIES = 5
const MOST = 100

export const listMailIdentities = (house: EmailHouse, scope: Scope) =>
  tx(
    house.tasks.db,
    scope,
    async (t) => ({ data: (await listIdentities(t, scope)).map((row) => show(house, row)), next_cursor: null }),
    { readOnly: true },
  )

export const getMailIdentity = (house: EmailHouse, scope: Scope, name: string) =>
  tx(house.tasks.db, scope, async (t) => show(house, found(await findIdentity(t, scope, name))), { readOnly: true })

export async function createMailIdentity(house: EmailHouse, scope: Scope, input: IdentityInput) {
  const read = await readSettings(house, scope.tenantId, input.transport, input.settings ?? {})
  checkAddresses(input)
  return tx(house.tasks.db, scope, async (t) => {
    const others = await listIdentities(t, scope)
    if (others.some(({ name }) => name === input.id))
      throw new Problem('state_conflict', { detail: 'There is an identity of this name.' })
    if (others.length >= MOST) throw new Problem('state_conflict', { detail: `A tenant has at most ${MOST} identities.` })
    const id = newId('mid', t.now.getTime())
    const key = await tenantKey(house.tasks, t, scope)
    const isDefault = input.is_default ?? others.length === 0
    if (isDefault) await clearDefault(t, scope)
    const inbound = input.inbound_domain ? newSigningSecret() : null
    await insertIdentity(t, scope, id, input.id, {
      display_name: input.display_name,
      from_email: input.from_email,
      from_name: input.from_name ?? null,
      reply_to: input.reply_to ?? null,
      transport: input.transport,
      settings: read.settings,
      secret: read.secret === null ? null : sealIdentity(key, scope, 'secret', id, read.secret),
      inbound_domain: input.inbound_domain ?? null,
      inbound_secret: inbound === null ? null : sealIdentity(key, scope, 'inbound_secret', id, inbound),
      is_default: isDefault,
      verified_at: null,
    })
    await tell(t, scope, 'mail_identity.created', id, { name: input.id, transport: input.transport })
    return { ...show(house, found(await findIdentity(t, scope, input.id))), inbound_secret: inbound }
  })
}

/** What is named is changed. A secret that is not given stays, as long as the transport does. */
export async function changeMailIdentity(house: EmailHouse, scope: Scope, name: string, change: IdentityChange) {
  const before = await tx(house.tasks.db, scope, async (t) => found(await findIdentity(t, scope, name)), { readOnly: true })
  const read = await changedSettings(house, scope, before, change)
  checkAddresses({ ...change })
  return tx(house.tasks.db, scope, async (t) => {
    const row = found(await lockIdentity(t, scope, name))
    if (row.version !== before.version) throw new Problem('version_conflict')
    const key = await tenantKey(house.tasks, t, scope)
    const domain = change.inbound_domain === undefined ? row.inbound_domain : change.inbound_domain
    const inbound = domain !== null && row.inbound_secret === null ? newSigningSecret() : null
    if (change.is_default) await clearDefault(t, scope)
    const isMoved = read !== null || (change.from_email !== undefined && change.from_email !== row.from_email)
    await updateIdentity(t, scope, row.id, {
      display_name: change.display_name ?? row.display_name,
      from_email: change.from_email ?? row.from_email,
      from_name: change.from_name === undefined ? row.from_name : change.from_name,
      reply_to: change.reply_to === undefined ? row.reply_to : change.reply_to,
      transport: change.transport ?? row.transport,
      settings: read?.settings ?? row.settings,
      secret: secretAfter(read, row, change, (text) => sealIdentity(key, scope, 'secret', row.id, text)),
      inbound_domain: domain,
      inbound_secret: inbound === null ? row.inbound_secret : sealIdentity(key, scope, 'inbound_secret', row.id, inbound),
      is_default: change.is_default ?? row.is_default,
      // Another door or another address has not been seen to work.
      verified_at: isMoved ? null : row.verified_at,
    })
    await tell(t, scope, 'mail_identity.updated', row.id, { name, fields: Object.keys(change).sort() })
    return { ...show(house, found(await findIdentity(t, scope, name))), inbound_secret: inbound }
  })
}

async function changedSettings(house: EmailHouse, scope: Scope, row: IdentityRow, change: IdentityChange): Promise<Read | null> {
  const transport = change.transport ?? row.transport
  if (change.settings === undefined && transport === row.transport) return null
  const kept = transport === row.transport ? withoutNulls(row.settings) : {}
  return readSettings(house, scope.tenantId, transport, { ...kept, ...change.settings })
}

const withoutNulls = (settings: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== null))

function secretAfter(read: Read | null, row: IdentityRow, change: IdentityChange, seal: (text: string) => Buffer): Buffer | null {
  if (read?.secret) return seal(read.secret)
  return change.transport === undefined || change.transport === row.transport ? row.secret : null
}

export const removeMailIdentity = (house: EmailHouse, scope: Scope, name: string): Promise<null> =>
  tx(house.tasks.db, scope, async (t) => {
    const row = found(await lockIdentity(t, scope, name))
    await removeIdentity(t, scope, row.id)
    await tell(t, scope, 'mail_identity.removed', row.id, { name })
    return null
  })

/** A mail with a code to an address, to oneself unless said. The answer says what the server of mail said; nothing of the code. */
export async function testMailIdentity(house: EmailHouse, scope: Scope, name: string, to: string) {
  const code = Array.from({ length: 8 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')
  const { row, secret, now } = await tx(house.tasks.db, scope, async (t) => {
    const identity = found(await lockIdentity(t, scope, name))
    await putCode(t, scope, identity.id, sha256(`${identity.id} ${code}`), new Date(t.now.getTime() + CODE_LIFE_MS))
    const key = await tenantKey(house.tasks, t, scope)
    return { row: identity, secret: openIdentity(key, scope, 'secret', identity), now: t.now }
  })
  const mail = testMail({ displayName: row.display_name, code, origin: house.tasks.origin() })
  const posted = await postAs(
    house,
    scope.tenantId,
    { row, secret },
    { id: newId('mid', now.getTime()), to: { name: '', address: to }, mail, now },
  )
  return posted.sent ? { sent: true, reason: null } : { sent: false, reason: posted.reason }
}

// Without letters that a person could take for digits.
const ALPHABET = 'ABCDEFGHJKMNPQRSTVWXYZ23456789'

export async function confirmMailIdentity(house: EmailHouse, scope: Scope, name: string, code: string) {
  const confirmed = await tx(house.tasks.db, scope, async (t) => {
    const row = found(await lockIdentity(t, scope, name))
    const isOpen = row.code_hash !== null && (row.code_expires_at as Date) > t.now && row.code_tries < MOST_TRIES
    const isRight = isOpen && sameBytes(row.code_hash as Buffer, sha256(`${row.id} ${code.trim().toUpperCase()}`))
    if (!isRight) {
      await countTry(t, scope, row.id)
      return null
    }
    await markVerified(t, scope, row.id)
    await tell(t, scope, 'mail_identity.verified', row.id, { name })
    return show(house, found(await findIdentity(t, scope, name)))
  })
  // Outside of the transaction, so that the try counts.
  if (!confirmed)
    throw new Problem('validation_failed', {
      errors: [
        {
          path: '/code',
          code: 'code_invalid',
          message: 'This is not the code of the last test mail, or it is too old. Send another one.',
        },
      ],
    })
  return confirmed
}

function checkAddresses(input: { from_email?: string; reply_to?: string | null }): void {
  const errors = (['from_email', 'reply_to'] as const).flatMap((name) => {
    const value = input[name]
    return value === undefined || value === null || foldEmail(value) !== null
      ? []
      : [{ path: `/${name}`, code: 'invalid_email', message: 'Must be an e-mail address.' }]
  })
  if (errors.length > 0) throw new Problem('validation_failed', { errors })
}

function found(row: IdentityRow | null): IdentityRow {
  if (!row) throw new Problem('not_found')
  return row
}

const tell = (t: Tx, scope: Scope, type: EventType, id: string, data: EventData) =>
  record(t, scope, type, { identity_id: id, ...data }, { resource: { type: 'mail_identity', id } })

const show = (house: EmailHouse, row: IdentityRow) => ({
  id: row.name,
  display_name: row.display_name,
  from_email: row.from_email,
  from_name: row.from_name,
  reply_to: row.reply_to,
  transport: row.transport,
  settings: row.settings,
  has_secret: row.secret !== null,
  inbound_domain: row.inbound_domain,
  inbound_url: row.inbound_domain === null ? null : `${house.tasks.origin()}/api/v1/channels/email/inbound/${row.id}`,
  is_default: row.is_default,
  verified_at: row.verified_at,
  last_sent_at: row.last_sent_at,
  last_error: row.last_error,
  last_error_at: row.last_error_at,
  created_at: row.created_at,
  updated_at: row.updated_at,
})
