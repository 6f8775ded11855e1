// The statements over versions of the root key, who holds them, and what hangs on them. They move wrapped and public bytes only.
import { type Sql, sql } from '../../../db/sql.ts'
import type { Scope, Tx } from '../../../db/tx.ts'
import type { KeyState } from '../sql.ts'

export type RootKeyRow = {
  version: number
  fingerprint: string
  source: string
  wrapped: Buffer | null
  state: KeyState
  created_at: Date
  created_by: string
  promoted_at: Date | null
  replaced_at: Date | null
  retired_at: Date | null
  destroy_at: Date | null
  destroyed_at: Date | null
}
export type NewRootKey = Pick<RootKeyRow, 'version' | 'fingerprint' | 'source' | 'wrapped' | 'state'>
export type LeaseRow = { id: string; roles: string[]; versions: number[]; epoch: number; since: Date; expires_at: Date }
export type KeptRow = { purpose: string; version: number; wrapped: Buffer; root_version: number; root_fingerprint: string }
export type WrapCount = { root_version: number; keys: number }

export const listRootKeys = (t: Tx) => t.rows<RootKeyRow>`
  select version, fingerprint, source, wrapped, state, created_at, created_by, promoted_at, replaced_at, retired_at, destroy_at, destroyed_at
  from root_keys order by version`

/** 1, or 0 when the version is there already. */
export const insertRootKeyIfNone = (t: Tx, by: string, row: NewRootKey) => t.run`
  insert into root_keys (version, fingerprint, source, wrapped, state, created_at, created_by, promoted_at)
  values (${row.version}::integer, ${row.fingerprint}::text, ${row.source}::text, ${row.wrapped}::bytea, ${row.state}::text,
    ${t.now}::timestamptz, ${by}::text, case when ${row.state}::text = 'current' then ${t.now}::timestamptz end)
  on conflict do nothing`

export const findEpoch = (): Sql => sql`select epoch::integer from countersign.keyring_state`

export const readEpoch = async (t: Tx): Promise<number> => (await t.one<{ epoch: number }>`select epoch from keyring_state`).epoch

// Whoever changes the ring holds this row until the commit, so of two changes at once one sees what the other did.
export const moveEpoch = async (t: Tx): Promise<number> =>
  (await t.one<{ epoch: number }>`update keyring_state set epoch = epoch + 1 returning epoch`).epoch

export const listLeases = (t: Tx) => t.rows<LeaseRow>`
  select id, roles, versions, epoch, since, expires_at from keyring_leases
  where expires_at > ${t.now}::timestamptz order by since, id`

export const putLease = (
  t: Tx,
  lease: { id: string; roles: readonly string[]; versions: readonly number[]; epoch: number },
  ms: number,
) => t.run`
  insert into keyring_leases (id, roles, versions, epoch, since, expires_at)
  values (${lease.id}::text, ${lease.roles}::text[], ${lease.versions}::integer[], ${lease.epoch}::bigint, ${t.now}::timestamptz,
    ${t.now}::timestamptz + make_interval(secs => ${ms}::float8 / 1000))
  on conflict (id) do update set versions = excluded.versions, epoch = excluded.epoch, expires_at = excluded.expires_at`

export const deleteLease = (t: Tx, id: string) => t.run`
  delete from keyring_leases where id = ${id}::text or expires_at < ${t.now}::timestamptz - interval '1 hour'`

// The old one first: one version at most is current at any moment.
export const demoteCurrent = (t: Tx) => t.run`
  update root_keys set state = 'accepted', replaced_at = ${t.now}::timestamptz where state = 'current'`

export const makeCurrent = (t: Tx, version: number) => t.run`
  update root_keys set state = 'current', promoted_at = ${t.now}::timestamptz, replaced_at = null where version = ${version}::integer`

export const setRetired = (t: Tx, version: number) => t.run`
  update root_keys set state = 'retired', retired_at = ${t.now}::timestamptz where version = ${version}::integer and state = 'accepted'`

export const setDestroyAt = (t: Tx, version: number, at: Date | null) => t.run`
  update root_keys set destroy_at = ${at}::timestamptz where version = ${version}::integer and state = 'retired'`

export const setDestroyed = (t: Tx, version: number) => t.run`
  update root_keys set state = 'destroyed', destroyed_at = ${t.now}::timestamptz, wrapped = null
  where version = ${version}::integer and state = 'retired'`

/** How many keys are wrapped under each version, of tenants, of users and kept ones. */
export const countWraps = (t: Tx) => t.rows<WrapCount>`
  select root_version, sum(keys)::integer as keys from (
    select root_version, keys from countersign_engine.tenant_keys_by_root()
    union all select root_version, count(*) from user_keys where wrapped is not null group by 1
    union all select root_version, count(*) from kept_keys group by 1
  ) as all_of_them group by root_version order by root_version`

export const listPeppers = (t: Tx) => t.rows<{ version: number; passwords: number }>`
  select pepper_version as version, count(*)::integer as passwords from passwords group by 1 order by 1`

export const listKept = (t: Tx) => t.rows<KeptRow>`
  select purpose, version, wrapped, root_version, root_fingerprint from kept_keys order by purpose, version`

export const putKept = (t: Tx, row: KeptRow) => t.run`
  insert into kept_keys (purpose, version, wrapped, root_version, root_fingerprint)
  values (${row.purpose}::text, ${row.version}::integer, ${row.wrapped}::bytea, ${row.root_version}::integer, ${row.root_fingerprint}::text)
  on conflict (purpose, version) do update
    set wrapped = excluded.wrapped, root_version = excluded.root_version, root_fingerprint = excluded.root_fingerprint`

export const insertVerificationKey = (t: Tx, purpose: string, version: number, publicKey: Buffer) => t.run`
  insert into verification_keys (purpose, version, public_key, created_at)
  values (${purpose}::text, ${version}::integer, ${publicKey}::bytea, ${t.now}::timestamptz)
  on conflict (purpose, version) do nothing`

export type VerificationRow = { version: number; public_key: Buffer; state: KeyState | null; replaced_at: Date | null }
export const listVerificationKeys = (t: Tx, purpose: string) => t.rows<VerificationRow>`
  select v.version, v.public_key, r.state, r.replaced_at
  from verification_keys v left join root_keys r on r.version = v.version
  where v.purpose = ${purpose}::text order by v.version desc`

export type UserKeyRow = {
  user_id: string
  version: number
  wrapped: Buffer | null
  root_version: number
  root_fingerprint: string
}
export const findUserKeys = (t: Tx, userId: string) => t.rows<UserKeyRow>`
  select user_id, version, wrapped, root_version, root_fingerprint from user_keys where user_id = ${userId}::text`

export const insertUserKeyIfNone = (t: Tx, row: UserKeyRow) => t.run`
  insert into user_keys (user_id, version, wrapped, root_version, root_fingerprint, created_at)
  values (${row.user_id}::text, ${row.version}::integer, ${row.wrapped}::bytea, ${row.root_version}::integer, ${row.root_fingerprint}::text,
    ${t.now}::timestamptz)
  on conflict (user_id, version) do nothing`

export const destroyUserKeys = (t: Tx, scope: Scope, userId: string) => t.run`
  update user_keys set wrapped = null, destroyed_at = ${t.now}::timestamptz, destroyed_by = ${scope.principal}::text
  where user_id = ${userId}::text and wrapped is not null`

/** How old the oldest secret of each kind is that still counts; null when there is none. */
export const listSecretAges = (t: Tx) => t.rows<{ what: string; oldest: Date | null }>`
  select what, oldest from countersign_engine.secret_ages(${t.now}::timestamptz)`

export type KeySummary = { tenants: number; versions: number; retired: number; oldest: Date | null }
export const summariseTenantKeys = (t: Tx) => t.one<KeySummary>`
  select tenants, versions, retired, oldest from countersign_engine.tenant_keys_summary()`
