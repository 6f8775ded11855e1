// The statements over commands that ask to be signed in. The questions belong to no tenant until somebody answers one, and neither do their rows.
import type { Tx } from '../../db/tx.ts'

export type AskedSignIn = { client: string; address: string | null; asked_at: Date; ends_at: Date }
export type Answered = {
  answer: 'approved' | 'refused'
  client: string
  tenant_id: string | null
  user_id: string | null
  scopes: string[] | null
  lasts_seconds: number | null
}

/** Zero rows: somebody has this code already. */
export const insertSignIn = (
  t: Tx,
  one: { secretHash: Buffer; codeHash: Buffer; client: string; address: string | null; endsAt: Date },
) => t.run`
  insert into cli_sign_ins (secret_hash, code_hash, client, address, asked_at, ends_at)
  values (${one.secretHash}::bytea, ${one.codeHash}::bytea, ${one.client}::text, ${one.address}::text, ${t.now}::timestamptz,
    ${one.endsAt}::timestamptz)
  on conflict (code_hash) do nothing`

export const findSignInIfOpen = (t: Tx, codeHash: Buffer) => t.maybe<AskedSignIn>`
  select client, address, asked_at, ends_at from cli_sign_ins
  where code_hash = ${codeHash}::bytea and answer is null and ends_at > ${t.now}::timestamptz`

/** Once: of two who answer together the second waits for the row and finds it answered. */
export const approveSignInIfOpen = (
  t: Tx,
  codeHash: Buffer,
  by: { tenantId: string; userId: string; scopes: readonly string[]; lastsSeconds: number; endsAt: Date },
) => t.maybe<AskedSignIn>`
  update cli_sign_ins set answer = 'approved', tenant_id = ${by.tenantId}::uuid, user_id = ${by.userId}::text,
    scopes = ${by.scopes}::text[], lasts_seconds = ${by.lastsSeconds}::integer, ends_at = greatest(ends_at, ${by.endsAt}::timestamptz)
  where code_hash = ${codeHash}::bytea and answer is null and ends_at > ${t.now}::timestamptz
  returning client, address, asked_at, ends_at`

export const refuseSignInIfOpen = (t: Tx, codeHash: Buffer) => t.maybe<AskedSignIn>`
  update cli_sign_ins set answer = 'refused'
  where code_hash = ${codeHash}::bytea and answer is null and ends_at > ${t.now}::timestamptz
  returning client, address, asked_at, ends_at`

export const findSignInBySecret = (t: Tx, secretHash: Buffer) => t.maybe<{
  answer: 'approved' | 'refused' | null
  tenant_id: string | null
}>`
  select answer, tenant_id from cli_sign_ins where secret_hash = ${secretHash}::bytea and ends_at > ${t.now}::timestamptz`

/** Once: whoever fetches the answer takes it with them. */
export const takeSignInIfAnswered = (t: Tx, secretHash: Buffer) => t.maybe<Answered>`
  delete from cli_sign_ins
  where secret_hash = ${secretHash}::bytea and answer is not null and ends_at > ${t.now}::timestamptz
  returning answer, client, tenant_id, user_id, scopes, lasts_seconds`

export const dropOldSignIns = (t: Tx) => t.run`
  delete from cli_sign_ins where ends_at <= ${t.now}::timestamptz`
