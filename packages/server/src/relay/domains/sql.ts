// The statements over proofs of domains (relay.md R23).
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'

export type DomainMethod = 'dns' | 'https'
export type DomainRow = {
  id: string
  card_id: string
  domain: string
  method: DomainMethod
  token: string
  state: 'pending' | 'verified' | 'expired'
  /** Of the last look that found it. */
  verified_at: Date | null
  expires_at: Date | null
  checked_at: Date | null
  failed_at: Date | null
  created_at: Date
}
const DOMAIN: Sql = sql`d.id, d.card_id, d.domain, d.method, d.token, d.state, d.verified_at, d.expires_at, d.checked_at, d.failed_at, d.created_at`

export type NewDomain = Pick<DomainRow, 'id' | 'card_id' | 'domain' | 'method' | 'token'> & { created_by: string }
/** Null: the card has a challenge for this domain. */
export const insertDomainIfNone = (t: Tx, scope: Scope, one: NewDomain) => t.maybe<DomainRow>`
  insert into card_domains as d (id, tenant_id, card_id, domain, method, token, state, created_by, created_at)
  values (${one.id}::text, ${scope.tenantId}::uuid, ${one.card_id}::text, ${one.domain}::text, ${one.method}::text, ${one.token}::text, 'pending',
    ${one.created_by}::text, ${t.now}::timestamptz)
  on conflict (tenant_id, card_id, domain) do nothing
  returning ${DOMAIN}`

/** The token stays: the same challenge, looked for elsewhere. */
export const setMethod = (t: Tx, scope: Scope, cardId: string, domain: string, method: DomainMethod) => t.one<DomainRow>`
  update card_domains d set method = ${method}::text
  where d.tenant_id = ${scope.tenantId}::uuid and d.card_id = ${cardId}::text and d.domain = ${domain}::text returning ${DOMAIN}`

export const findDomain = (t: Tx, scope: Scope, cardId: string, id: string) => t.maybe<DomainRow>`
  select ${DOMAIN} from card_domains d where d.tenant_id = ${scope.tenantId}::uuid and d.card_id = ${cardId}::text and d.id = ${id}::text`

export const findDomainById = (t: Tx, scope: Scope, id: string) => t.maybe<DomainRow>`
  select ${DOMAIN} from card_domains d where d.tenant_id = ${scope.tenantId}::uuid and d.id = ${id}::text`

export const listDomains = (t: Tx, scope: Scope, cardId: string) => t.rows<DomainRow>`
  select ${DOMAIN} from card_domains d where d.tenant_id = ${scope.tenantId}::uuid and d.card_id = ${cardId}::text order by d.domain`

/** Null: it was looked for by another token or in another place meanwhile, or is gone. */
export const verifyIfSame = (t: Tx, scope: Scope, one: DomainRow, until: Date) => t.maybe<DomainRow>`
  update card_domains d set state = 'verified', verified_at = ${t.now}::timestamptz, checked_at = ${t.now}::timestamptz, expires_at = ${until}::timestamptz,
    failed_at = null
  where d.tenant_id = ${scope.tenantId}::uuid and d.id = ${one.id}::text and d.method = ${one.method}::text
  returning ${DOMAIN}`

/** What was proved before counts until its time is over. */
export const missDomain = (t: Tx, scope: Scope, id: string) => t.maybe<DomainRow>`
  update card_domains d set checked_at = ${t.now}::timestamptz, failed_at = ${t.now}::timestamptz,
    state = case when d.state = 'verified' and d.expires_at <= ${t.now}::timestamptz then 'expired' else d.state end
  where d.tenant_id = ${scope.tenantId}::uuid and d.id = ${id}::text
  returning ${DOMAIN}`

export const deleteDomain = (t: Tx, scope: Scope, id: string) => t.run`
  delete from card_domains where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`
