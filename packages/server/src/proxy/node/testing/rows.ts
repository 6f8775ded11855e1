// A tenant with an agent, a connection, a grant and an open run, as rows: what the functions of a node look at.
import type { Admin } from '#harness'
import { newId, newTenantUuid, tenantWire } from '../../../std/id.ts'

export type Rows = Awaited<ReturnType<typeof putRows>>

export async function putRows(admin: Admin) {
  const tenantId = newTenantUuid()
  const ids = {
    user: newId('usr'),
    agent: newId('agt'),
    connection: newId('conn'),
    grant: newId('grt'),
    authority: newId('aut'),
    run: newId('run'),
    node: newId('nod'),
  }
  const hash = Buffer.from(crypto.getRandomValues(new Uint8Array(32)))
  await admin.run`insert into tenants (id, name) values (${tenantId}::uuid, 'Acme')`
  await admin.run`insert into users (id, display_name, created_at) values (${ids.user}::text, 'Ada', countersign.now())`
  await admin.run`insert into roles (tenant_id, user_id, role, given_by, given_at) values (${tenantId}::uuid, ${ids.user}::text, 'owner', 'test', countersign.now())`
  await admin.run`
    insert into agents (id, tenant_id, user_id, name, environment, state, state_since, state_by, created_at, created_by, updated_at, labels)
    values (${ids.agent}::text, ${tenantId}::uuid, ${ids.user}::text, 'bot', 'live', 'active', countersign.now(), 'test', countersign.now(), 'test', countersign.now(), '{money}')`
  await admin.run`
    insert into connections (id, tenant_id, provider, definition_version, name, method, status, status_since, generation, material, created_by, created_at, updated_at)
    values (${ids.connection}::text, ${tenantId}::uuid, 'stripe', 0, 'default', 'api_key', 'connected', countersign.now(), 1, '\\x01'::bytea, 'test', countersign.now(), countersign.now())`
  await admin.run`
    insert into grants (id, tenant_id, agent_id, connection_id, rules, starts_at, expires_at, max_uses, status, status_since, created_by, created_at, updated_at)
    values (${ids.grant}::text, ${tenantId}::uuid, ${ids.agent}::text, ${ids.connection}::text, '[{"effect":"allow"}]', countersign.now(),
      countersign.now() + interval '1 day', 5, 'active', countersign.now(), 'test', countersign.now(), countersign.now())`
  await admin.run`
    insert into authorities (id, tenant_id, run_id, certificate, made_at, expires_at)
    values (${ids.authority}::text, ${tenantId}::uuid, ${ids.run}::text, 'PEM', countersign.now(), countersign.now() + interval '1 day')`
  await admin.run`
    insert into runs (id, tenant_id, agent_id, environment, purpose, mode, proof, opened_by, token_hash, authority_id, created_at, expires_at)
    values (${ids.run}::text, ${tenantId}::uuid, ${ids.agent}::text, 'live', 'a test', 'enforce', 'key', 'test', ${hash}::bytea, ${ids.authority}::text,
      countersign.now(), countersign.now() + interval '8 hours')`
  await admin.run`
    insert into proxy_nodes (id, fingerprint, name, enrolled_by, enrolled_at)
    values (${ids.node}::text, ${hash}::bytea, 'node', 'test', countersign.now())`
  return { tenantId, tenant: tenantWire(tenantId), ...ids }
}
