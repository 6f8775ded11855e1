// Every statement over senders of mail and over what was sent and came back. Knows envelopes and hashes, never a password or a code.
import type { Scope } from '../../../db/scope.ts'
import { type Sql, sql } from '../../../db/sql.ts'
import type { Tx } from '../../../db/tx.ts'

export type TransportKind = 'smtp' | 'resend' | 'http' | 'file' | 'log' | 'none'

export type IdentityRow = {
  id: string
  name: string
  display_name: string
  from_email: string
  from_name: string | null
  reply_to: string | null
  transport: TransportKind
  settings: Record<string, unknown>
  secret: Buffer | null
  inbound_domain: string | null
  inbound_secret: Buffer | null
  is_default: boolean
  verified_at: Date | null
  code_hash: Buffer | null
  code_expires_at: Date | null
  code_tries: number
  last_sent_at: Date | null
  last_error: string | null
  last_error_at: Date | null
  version: number
  created_by: string
  created_at: Date
  updated_at: Date
}

const COLUMNS = sql`id, name, display_name, from_email, from_name, reply_to, transport, settings, secret, inbound_domain, inbound_secret, is_default,
  verified_at, code_hash, code_expires_at, code_tries, last_sent_at, last_error, last_error_at, version, created_by, created_at, updated_at`

const livingOf = (scope: Scope): Sql => sql`tenant_id = ${scope.tenantId}::uuid and removed_at is null`

export const listIdentities = (t: Tx, scope: Scope) =>
  t.rows<IdentityRow>`select ${COLUMNS} from mail_identities where ${livingOf(scope)} order by is_default desc, name limit 200`

export const findIdentity = (t: Tx, scope: Scope, name: string) =>
  t.maybe<IdentityRow>`select ${COLUMNS} from mail_identities where ${livingOf(scope)} and name = ${name}::text`

export const findIdentityById = (t: Tx, scope: Scope, id: string) =>
  t.maybe<IdentityRow>`select ${COLUMNS} from mail_identities where ${livingOf(scope)} and id = ${id}::text`

export const findDefaultIdentity = (t: Tx, scope: Scope) =>
  t.maybe<IdentityRow>`select ${COLUMNS} from mail_identities where ${livingOf(scope)} and is_default`

// Two changes of one identity take turns; so do two tries of its code.
export const lockIdentity = (t: Tx, scope: Scope, name: string) =>
  t.maybe<IdentityRow>`select ${COLUMNS} from mail_identities where ${livingOf(scope)} and name = ${name}::text for update`

/** Before the tenant is known. */
export const findIdentityTenant = (t: Tx, id: string) => t.maybe<{ id: string; tenant_id: string }>`
  select id, tenant_id from countersign_engine.find_mail_identity(${id}::text)`

export type IdentityValues = Pick<
  IdentityRow,
  'display_name' | 'from_email' | 'from_name' | 'reply_to' | 'transport' | 'settings' | 'secret'
> &
  Pick<IdentityRow, 'inbound_domain' | 'inbound_secret' | 'is_default' | 'verified_at'>

export const insertIdentity = (t: Tx, scope: Scope, id: string, name: string, v: IdentityValues) => t.run`
  insert into mail_identities (id, tenant_id, name, display_name, from_email, from_name, reply_to, transport, settings, secret, inbound_domain, inbound_secret,
    is_default, created_by, created_at, updated_at)
  values (${id}::text, ${scope.tenantId}::uuid, ${name}::text, ${v.display_name}::text, ${v.from_email}::text, ${v.from_name}::text, ${v.reply_to}::text,
    ${v.transport}::text, ${JSON.stringify(v.settings)}::json, ${v.secret}::bytea, ${v.inbound_domain}::text, ${v.inbound_secret}::bytea,
    ${v.is_default}::boolean, ${scope.principal}::text, ${t.now}::timestamptz, ${t.now}::timestamptz)`

export const updateIdentity = (t: Tx, scope: Scope, id: string, v: IdentityValues) => t.run`
  update mail_identities set display_name = ${v.display_name}::text, from_email = ${v.from_email}::text, from_name = ${v.from_name}::text,
    reply_to = ${v.reply_to}::text, transport = ${v.transport}::text, settings = ${JSON.stringify(v.settings)}::json, secret = ${v.secret}::bytea,
    inbound_domain = ${v.inbound_domain}::text, inbound_secret = ${v.inbound_secret}::bytea, is_default = ${v.is_default}::boolean,
    verified_at = ${v.verified_at}::timestamptz, version = version + 1, updated_at = ${t.now}::timestamptz
  where ${livingOf(scope)} and id = ${id}::text`

/** There is one default; it moves in the transaction that names another. */
export const clearDefault = (t: Tx, scope: Scope) => t.run`
  update mail_identities set is_default = false where ${livingOf(scope)} and is_default`

export const removeIdentity = (t: Tx, scope: Scope, id: string) => t.run`
  update mail_identities set removed_at = ${t.now}::timestamptz, is_default = false, secret = null, inbound_secret = null, code_hash = null, code_expires_at = null
  where ${livingOf(scope)} and id = ${id}::text`

export const putCode = (t: Tx, scope: Scope, id: string, hash: Buffer, expiresAt: Date) => t.run`
  update mail_identities set code_hash = ${hash}::bytea, code_expires_at = ${expiresAt}::timestamptz, code_tries = 0
  where ${livingOf(scope)} and id = ${id}::text`

export const countTry = (t: Tx, scope: Scope, id: string) => t.run`
  update mail_identities set code_tries = code_tries + 1 where ${livingOf(scope)} and id = ${id}::text`

export const markVerified = (t: Tx, scope: Scope, id: string) => t.run`
  update mail_identities set verified_at = ${t.now}::timestamptz, code_hash = null, code_expires_at = null, version = version + 1
  where ${livingOf(scope)} and id = ${id}::text`

export const noteSent = (t: Tx, scope: Scope, id: string) => t.run`
  update mail_identities set last_sent_at = ${t.now}::timestamptz, last_error = null, last_error_at = null where ${livingOf(scope)} and id = ${id}::text`

export const noteError = (t: Tx, scope: Scope, id: string, reason: string) => t.run`
  update mail_identities set last_error = ${reason.slice(0, 500)}::text, last_error_at = ${t.now}::timestamptz
  where ${livingOf(scope)} and id = ${id}::text`

export type MailRow = {
  id: string
  message_id: string
  provider_id: string | null
  task_id: string | null
  bounced_at: Date | null
}

export const findMail = (t: Tx, scope: Scope, id: string) => t.maybe<MailRow>`
  select id, message_id, provider_id, task_id, bounced_at from mails where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

/** What a later mail about the same task to the same address follows. */
export const findThread = (t: Tx, scope: Scope, taskId: string, toHash: Buffer) => t.maybe<{ message_id: string }>`
  select message_id from mails where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text and to_hash = ${toHash}::bytea
  order by sent_at, id limit 1`

export type NewMail = {
  id: string
  identityId: string
  taskId: string | null
  toHash: Buffer
  messageId: string
  providerId: string | null
}

/** Once a mail; the second of two that sent it leaves the first's row. */
export const insertMail = (t: Tx, scope: Scope, mail: NewMail) => t.run`
  insert into mails (id, tenant_id, identity_id, task_id, to_hash, message_id, provider_id, sent_at)
  values (${mail.id}::text, ${scope.tenantId}::uuid, ${mail.identityId}::text, ${mail.taskId}::text, ${mail.toHash}::bytea, ${mail.messageId}::text,
    ${mail.providerId}::text, ${t.now}::timestamptz)
  on conflict (tenant_id, id) do nothing`

export const findReply = (t: Tx, scope: Scope, digest: string) => t.maybe<{ outcome: string }>`
  select outcome from mail_replies where tenant_id = ${scope.tenantId}::uuid and digest = ${digest}::text`

export type NewReply = { digest: string; identityId: string; taskId: string | null; outcome: string; reason: string | null }

export const insertReplyIfNew = (t: Tx, scope: Scope, one: NewReply) => t.run`
  insert into mail_replies (digest, tenant_id, identity_id, task_id, outcome, reason, received_at)
  values (${one.digest}::text, ${scope.tenantId}::uuid, ${one.identityId}::text, ${one.taskId}::text, ${one.outcome}::text,
    ${one.reason?.slice(0, 300) ?? null}::text, ${t.now}::timestamptz)
  on conflict (tenant_id, digest) do nothing`

export const findMailByName = (t: Tx, scope: Scope, name: { message_id?: string; provider_id?: string }) => t.maybe<MailRow>`
  select id, message_id, provider_id, task_id, bounced_at from mails
  where tenant_id = ${scope.tenantId}::uuid
    and (message_id = ${name.message_id ?? null}::text or provider_id = ${name.provider_id ?? null}::text)
  order by sent_at desc limit 1`

export const markBounced = (t: Tx, scope: Scope, id: string) => t.run`
  update mails set bounced_at = coalesce(bounced_at, ${t.now}::timestamptz) where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

export type LetterKind = 'invitation' | 'exhausted'
export const insertLetter = (t: Tx, scope: Scope, id: string, kind: LetterKind, body: Buffer) => t.run`
  insert into letters (id, tenant_id, kind, body, created_at)
  values (${id}::text, ${scope.tenantId}::uuid, ${kind}::text, ${body}::bytea, ${t.now}::timestamptz)`

export const findLetter = (t: Tx, scope: Scope, id: string) => t.maybe<{ id: string; kind: LetterKind; body: Buffer | null }>`
  select id, kind, body from letters where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

/** Sent or not to be sent: nobody reads it again. */
export const endLetter = (t: Tx, scope: Scope, id: string, isSent: boolean) => t.run`
  update letters set body = null, sent_at = case when ${isSent}::boolean then ${t.now}::timestamptz end
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`
