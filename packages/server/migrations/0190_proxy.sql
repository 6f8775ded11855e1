-- The proxy: its processes (nodes), requests that wait for people (holds), and the eight functions that its login may call. Each demands an enrolled node and
-- a run that is open; none returns an envelope, the hash of a token, or another tenant's row (V79).

-- A process that lets agents' calls out. Its key was made on its machine; only the fingerprint of its certificate is known here.
create table countersign.proxy_nodes (
  id text collate "C" primary key,
  fingerprint bytea not null unique check (octet_length(fingerprint) = 32),
  name text not null check (char_length(name) between 1 and 100),
  enrolled_by text collate "C" not null,
  enrolled_at timestamptz(3) not null,
  expelled_at timestamptz(3),
  expelled_by text collate "C",
  -- Of its last beat.
  seen_at timestamptz(3),
  version text check (char_length(version) <= 100),
  lag_ms integer,
  leases integer,
  runs integer
);
grant select, insert, update on countersign.proxy_nodes to countersign_runtime;
grant select (id, expelled_at), update (seen_at, version, lag_ms, leases, runs) on countersign.proxy_nodes to countersign_engine;

-- One proxied request that waits until people have agreed (V100). The digest binds what they see to what may then be sent, once.
-- open → agreed → spent → sent | unknown; or refused, expired, lapsed (agreed and not used), closed (decided anew, more strictly).
create table countersign.proxy_holds (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  task_id text collate "C" not null,
  digest bytea not null check (octet_length(digest) = 32),
  agent_id text collate "C" not null,
  run_id text collate "C" not null,
  connection_id text collate "C" not null,
  grant_id text collate "C" not null,
  grant_generation bigint not null,
  policy_version integer not null,
  state text not null check (state in ('open', 'agreed', 'refused', 'expired', 'lapsed', 'closed', 'spent', 'sent', 'unknown')),
  state_since timestamptz(3) not null,
  opened_at timestamptz(3) not null,
  expires_at timestamptz(3) not null,
  -- An agreed one that nobody uses is over then.
  lapses_at timestamptz(3),
  -- What a person made of the request: sent in place of the original.
  edited bytea,
  edited_digest bytea check (octet_length(edited_digest) = 32),
  spent_request text collate "C",
  spent_by text collate "C",
  primary key (tenant_id, id),
  unique (tenant_id, task_id),
  foreign key (tenant_id, task_id) references countersign.tasks (tenant_id, id),
  foreign key (tenant_id, run_id) references countersign.runs (tenant_id, id),
  foreign key (tenant_id, connection_id) references countersign.connections (tenant_id, id),
  foreign key (tenant_id, grant_id) references countersign.grants (tenant_id, id)
);
-- The same request asks once while it waits.
create unique index proxy_holds_live on countersign.proxy_holds (tenant_id, run_id, digest) where state in ('open', 'agreed');
create index proxy_holds_run on countersign.proxy_holds (tenant_id, run_id, digest, opened_at);
create index proxy_holds_grant on countersign.proxy_holds (tenant_id, grant_id) where state in ('open', 'agreed');
create index proxy_holds_connection on countersign.proxy_holds (tenant_id, connection_id) where state in ('open', 'agreed');
create index proxy_holds_spent on countersign.proxy_holds (tenant_id, state_since) where state = 'spent';
select countersign.make_tenant_table('proxy_holds', array['select', 'insert', 'update']);
select countersign.grant_engine('proxy_holds',
  'select (id, tenant_id, digest, run_id, connection_id, grant_id, grant_generation, state, lapses_at, spent_by)',
  'update (state, state_since, spent_request, spent_by)');

-- Events of the proxy that endpoints of the tenant may want: rendered and handed to them by a worker.
create table countersign.untold_events (
  event_id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  primary key (tenant_id, event_id)
);
select countersign.make_tenant_table('untold_events', array['select', 'delete']);
select countersign.grant_engine('untold_events', 'insert', 'select');

grant select (id, tenant_id, provider, definition_version, name, owner, labels, params, status, generation) on countersign.connections to countersign_engine;
grant select (agent_id, agent_label, connection_id, rules, starts_at, max_uses, uses, client_cidrs, placeholder_required, minting, record, scan, generation),
  update (uses) on countersign.grants to countersign_engine;
select countersign.grant_engine('definitions', 'select (provider, tenant_id, version, definition, state)');
select countersign.grant_engine('vault_revisions', 'select (tenant_id, revision)');
grant select (purpose, labels, mode, proof, chosen, created_at) on countersign.runs to countersign_engine;
grant select (environment, labels) on countersign.agents to countersign_engine;
grant insert (id, tenant_id, type, class, resource_type, resource_id, actor_id, decision, action, occurred_at, body) on countersign.events to countersign_engine;

create trigger raise_vault_revision after insert on countersign.policy_activations
  for each row execute function countersign.raise_vault_revision();

-- What every transaction begins with.
grant usage on schema countersign, countersign_engine to countersign_run_proxy;
grant execute on function countersign.now() to countersign_run_proxy;

-- As it is spoken: `ten_` and 26 Crockford characters of its 128 bits, two zero bits in front.
create function countersign.tenant_wire(tenant uuid) returns text
language sql immutable strict
set search_path = pg_catalog, pg_temp
as $$
  select 'ten_' || string_agg(substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(bits, 5 * i + 1, 5)::bit(5)::integer + 1, 1), '' order by i)
  from (select '00' || ('x' || replace(tenant::text, '-', ''))::bit(128)::text as bits) b, generate_series(0, 25) i
$$;
revoke all on function countersign.tenant_wire(uuid) from public;
grant execute on function countersign.tenant_wire(uuid) to countersign_engine, countersign_runtime;

set local role countersign_engine;

-- Refuses who is no node, or is one no longer.
create function countersign_engine.require_node(node text) returns void
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from countersign.proxy_nodes n where n.id = node and n.expelled_at is null) then
    raise exception 'this node is not enrolled' using errcode = 'insufficient_privilege';
  end if;
end
$$;
revoke all on function countersign_engine.require_node(text) from public;

-- The tenant of a run that is open; null for every other.
create function countersign_engine.open_run_tenant(run text) returns uuid
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select r.tenant_id from countersign.runs r
  where r.id = run and r.ended_at is null and r.expires_at > countersign.now()
    and (r.beat_at is null or r.beat_at > countersign.now() - interval '90 seconds')
$$;
revoke all on function countersign_engine.open_run_tenant(text) from public;

-- How far each tenant's vault is, by run, and which runs are over: read every 200 ms (V82).
create function countersign_engine.proxy_revision(node text, run_ids text[])
returns table (run_id text, is_open boolean, revision bigint)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform countersign_engine.require_node(node);
  return query
  select asked.id, countersign_engine.open_run_tenant(asked.id) is not null, coalesce(v.revision, 0)
  from unnest(run_ids) asked (id)
  left join countersign.runs r on r.id = asked.id
  left join countersign.vault_revisions v on v.tenant_id = r.tenant_id;
end
$$;
grant execute on function countersign_engine.proxy_revision(text, text[]) to countersign_run_proxy;

-- What a run may reach, in one reading. A bundled definition is null: the node has it.
create function countersign_engine.proxy_routes(node text, run_id text) returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  tenant uuid;
begin
  perform countersign_engine.require_node(node);
  tenant := countersign_engine.open_run_tenant(run_id);
  if tenant is null then
    return null;
  end if;
  return (
    select jsonb_build_object(
      'revision', coalesce((select v.revision from countersign.vault_revisions v where v.tenant_id = tenant), 0),
      'run', jsonb_build_object('id', r.id, 'tenant', countersign.tenant_wire(tenant), 'tenant_id', tenant, 'agent_id', r.agent_id, 'mode', r.mode,
        'labels', r.labels, 'proof', r.proof, 'created_at', r.created_at, 'expires_at', r.expires_at, 'purpose', r.purpose, 'chosen', r.chosen),
      'agent', jsonb_build_object('id', a.id, 'name', a.name, 'environment', a.environment, 'labels', a.labels, 'owner', a.user_id),
      'connections', coalesce((
        select jsonb_agg(jsonb_build_object(
          'id', c.id, 'provider', c.provider, 'definition_version', c.definition_version,
          'definition', (select d.definition from countersign.definitions d
            where d.tenant_id = tenant and d.provider = c.provider and d.version = c.definition_version),
          'name', c.name, 'owner', c.owner, 'labels', c.labels, 'params', c.params, 'status', c.status, 'generation', c.generation,
          'grants', g.all) order by c.id)
        from (
          select g.connection_id, jsonb_agg(jsonb_build_object(
            'id', g.id, 'rules', g.rules, 'starts_at', g.starts_at, 'expires_at', g.expires_at, 'max_uses', g.max_uses, 'uses', g.uses,
            'client_cidrs', g.client_cidrs, 'placeholder_required', g.placeholder_required, 'minting', g.minting, 'record', g.record,
            'scan', g.scan, 'status', g.status, 'generation', g.generation) order by g.id) as all
          from countersign.grants g
          where g.tenant_id = tenant and g.status in ('active', 'suspended') and (g.agent_id = a.id or g.agent_label = any (a.labels))
          group by g.connection_id
        ) g
        join countersign.connections c on c.tenant_id = tenant and c.id = g.connection_id
        where c.status in ('connected', 'needs_reauth', 'suspended')
      ), '[]'),
      'definitions', coalesce((
        select jsonb_agg(d.definition order by d.provider) from countersign.definitions d where d.tenant_id = tenant and d.state = 'active'
      ), '[]'))
    from countersign.runs r
    join countersign.agents a on a.tenant_id = tenant and a.id = r.agent_id
    where r.tenant_id = tenant and r.id = run_id and a.state = 'active'
  );
end
$$;
grant execute on function countersign_engine.proxy_routes(text, text) to countersign_run_proxy;

-- The active policies of the run's tenant; without their text where the node has that version.
create function countersign_engine.proxy_policies(node text, run_id text, known integer)
returns table (version integer, text text)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  tenant uuid;
begin
  perform countersign_engine.require_node(node);
  tenant := countersign_engine.open_run_tenant(run_id);
  return query
  select p.version, case when p.version is distinct from known then p.text end
  from countersign.policies p
  where p.tenant_id = tenant and p.version = (
    select a.version from countersign.policy_activations a where a.tenant_id = tenant order by a.ordinal desc limit 1);
end
$$;
grant execute on function countersign_engine.proxy_policies(text, text, integer) to countersign_run_proxy;

-- One use of a grant that counts them; false when there is none left. Grants without a ceiling are not counted here.
create function countersign_engine.proxy_reserve(node text, run_id text, grant_id text) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  tenant uuid;
begin
  perform countersign_engine.require_node(node);
  tenant := countersign_engine.open_run_tenant(run_id);
  -- The row's lock makes of N and N + k at once exactly N.
  update countersign.grants g set uses = g.uses + 1
  where g.tenant_id = tenant and g.id = grant_id and g.status = 'active' and g.expires_at > countersign.now()
    and (g.max_uses is null or g.uses < g.max_uses);
  return found;
end
$$;
grant execute on function countersign_engine.proxy_reserve(text, text, text) to countersign_run_proxy;

-- One approval, one send (V106): whoever turns `agreed` into `spent` may send, and nobody else. `judged` is the version of the policies under which the
-- request was allowed to ask a moment ago: a newer one has to be judged first.
create function countersign_engine.proxy_spend(node text, run_id text, hold_id text, hold_digest bytea, judged integer, request_id text)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  tenant uuid;
begin
  perform countersign_engine.require_node(node);
  tenant := countersign_engine.open_run_tenant(run_id);
  update countersign.proxy_holds h
  set state = 'spent', state_since = countersign.now(), spent_request = request_id, spent_by = node
  from countersign.connections c, countersign.grants g
  where h.tenant_id = tenant and h.id = hold_id and h.run_id = proxy_spend.run_id and h.digest = hold_digest
    and h.state = 'agreed' and h.lapses_at > countersign.now()
    and c.tenant_id = tenant and c.id = h.connection_id and c.status = 'connected'
    and g.tenant_id = tenant and g.id = h.grant_id and g.status = 'active' and g.generation = h.grant_generation and g.expires_at > countersign.now()
    and judged = (select a.version from countersign.policy_activations a where a.tenant_id = tenant order by a.ordinal desc limit 1);
  return found;
end
$$;
grant execute on function countersign_engine.proxy_spend(text, text, text, bytea, integer, text) to countersign_run_proxy;

-- What became of a request that went out under a hold. A run may have ended meanwhile.
create function countersign_engine.proxy_settle(node text, run_id text, hold_id text, was_sent boolean) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform countersign_engine.require_node(node);
  update countersign.proxy_holds h
  set state = case when was_sent then 'sent' else 'unknown' end, state_since = countersign.now()
  where h.id = hold_id and h.run_id = proxy_settle.run_id and h.state = 'spent' and h.spent_by = node;
  return found;
end
$$;
grant execute on function countersign_engine.proxy_settle(text, text, text, boolean) to countersign_run_proxy;

-- Events of the proxy, idempotent by id (V121). Tenant and agent come from the run; a body that names others is refused whole.
create function countersign_engine.proxy_record(node text, told jsonb) returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  strangers integer;
  written integer;
  topics text;
begin
  perform countersign_engine.require_node(node);
  select count(*) filter (where r.id is null
    or e.type not in ('proxy.allowed', 'proxy.denied', 'proxy.asked', 'proxy.passed', 'proxy.learned', 'proxy.settled')
    or e.body::jsonb ->> 'id' is distinct from e.id or e.body::jsonb ->> 'type' is distinct from e.type
    or e.body::jsonb ->> 'tenant_id' is distinct from countersign.tenant_wire(r.tenant_id)
    or e.body::jsonb #>> '{actor,id}' is distinct from r.agent_id
    or e.body::jsonb #>> '{data,run_id}' is distinct from r.id)
  into strangers
  from jsonb_to_recordset(told) as e (id text, run_id text, type text, body text)
  left join countersign.runs r on r.id = e.run_id and (r.ended_at is null or r.ended_at > countersign.now() - interval '1 hour');
  if strangers > 0 then
    raise exception 'an event that is not of an open run of its tenant is refused' using errcode = 'insufficient_privilege';
  end if;
  with written as (
    insert into countersign.events (id, tenant_id, type, class, resource_type, resource_id, actor_id, decision, action, occurred_at, body)
    select e.id, r.tenant_id, e.type, e.class, e.resource_type, e.resource_id, r.agent_id, e.decision, e.action,
      (e.body::jsonb ->> 'occurred_at')::timestamptz, e.body
    from jsonb_to_recordset(told) as e (id text, run_id text, type text, class text, resource_type text, resource_id text, decision text, action text, body text)
    join countersign.runs r on r.id = e.run_id
    on conflict (id) do nothing
    returning id, tenant_id
  ), untold as (
    insert into countersign.untold_events (event_id, tenant_id)
    select w.id, w.tenant_id from written w
    where exists (select from countersign.endpoints p where p.tenant_id = w.tenant_id and p.state <> 'deleted')
    on conflict do nothing
    returning tenant_id
  )
  select (select count(*) from written), (select string_agg(distinct 'events:' || w.tenant_id, ' ') from written w)
    || case when exists (select from untold) then ' untold_events' else '' end
  into written, topics;
  if topics is not null then
    perform pg_notify('countersign_wake', left('proxy events ' || topics, 7900));
  end if;
  return written;
end
$$;
grant execute on function countersign_engine.proxy_record(text, jsonb) to countersign_run_proxy;

create function countersign_engine.proxy_beat(node text, its_version text, its_lag_ms integer, its_leases integer, its_runs integer) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform countersign_engine.require_node(node);
  update countersign.proxy_nodes n
  set seen_at = countersign.now(), version = its_version, lag_ms = its_lag_ms, leases = its_leases, runs = its_runs
  where n.id = node;
end
$$;
grant execute on function countersign_engine.proxy_beat(text, text, integer, integer, integer) to countersign_run_proxy;

set local role countersign_owner;
