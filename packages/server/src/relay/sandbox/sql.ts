// The statements of the sandbox: its tenant, its card, what its own threads said before, and of whoever tries it the agent in whose name they do.
import type { Scope, Tx } from '../../db/tx.ts'
import type { CardContent } from '../cards/input.ts'

/** The first of several waits for nobody; the others wait for its commit and insert nothing. */
export const insertSandboxTenant = (t: Tx, scope: Scope) => t.run`
  insert into tenants (id, name, state_since, created_at)
  values (${scope.tenantId}::uuid, 'Sandbox', ${t.now}::timestamptz, ${t.now}::timestamptz)
  on conflict (id) do nothing`

export type SandboxCard = { id: string; content: CardContent; content_hash: Buffer }
export const findSandboxCard = (t: Tx, scope: Scope, slug: string) => t.maybe<SandboxCard>`
  select c.id, v.content, v.content_hash
  from cards c join card_versions v on v.tenant_id = c.tenant_id and v.card_id = c.id and v.number = c.version
  where c.tenant_id = ${scope.tenantId}::uuid and c.slug = ${slug}::text`

/** What the agent said last in a thread, progress and artifacts apart. */
export const lastSaid = (t: Tx, scope: Scope, threadId: string) => t.maybe<{ outcome: string }>`
  select outcome from messages
  where tenant_id = ${scope.tenantId}::uuid and thread_id = ${threadId}::text and side = 'owner' and kind = 'message' and sequence > 0
  order by sequence desc limit 1`

/** An agent of this person alone. */
export const findOwnAgent = (t: Tx, scope: Scope, userId: string, by: { id?: string; name?: string }) => t.maybe<{
  id: string
  name: string
}>`
  select id, name from agents
  where tenant_id = ${scope.tenantId}::uuid and user_id = ${userId}::text and state = 'active'
    and (id = ${by.id ?? null}::text or name = ${by.name ?? null}::text)
  order by id limit 1`

/** Of two calls of one person one makes the agent, and the other finds it. */
export const lockTries = (t: Tx, scope: Scope, userId: string) =>
  t.run`select pg_advisory_xact_lock(hashtextextended('sandbox ' || ${scope.tenantId}::text || ${userId}::text, 0))`

/** Whether a card is this person's own: made by them, or served by an agent of theirs. */
export const isOwnCard = (t: Tx, scope: Scope, cardId: string, userId: string) => t.one<{ own: boolean }>`
  select exists (
    select from cards c left join agents a on a.tenant_id = c.tenant_id and a.id = c.agent_id
    where c.tenant_id = ${scope.tenantId}::uuid and c.id = ${cardId}::text and case when c.agent_id is null then c.created_by else a.user_id end = ${userId}::text
  ) as own`
