-- Reads go on while the database takes no writes (queue.md Q136): who asks is found without noting that they asked. Of the same shape as use_session and
-- use_key, and judged alike; a test holds the two pairs against each other.
set local role countersign_engine;

-- Who holds this session token, and whether it still counts. Across tenants, for the tenant is not known before (P7). Writes nothing, takes no lock.
create function countersign_engine.see_session(hash bytea)
returns table (
  id text, tenant_id uuid, user_id text, display_name text, role text, is_host boolean, tenant_state text, methods text[],
  step_up_at timestamptz, rotation_due boolean, started_at timestamptz, ends_at timestamptz, break_glass_id text, verdict text
)
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  with found as (
    select s.id, s.tenant_id, s.user_id, s.methods, s.started_at, s.last_seen_at, s.step_up_at, s.rotation_due_at, s.ended_at, s.break_glass_id,
      k.replaced_at, case when s.break_glass_id is null then r.role end as role_now, l.idle, l.absolute, n.at,
      case when s.break_glass_id is null then r.role is not null
        else b.state = 'open' and n.at < b.ends_at and b.host_id = s.user_id and h.user_id is not null end as is_in,
      b.ends_at as door_closes, h.user_id is not null as is_host
    from countersign.session_tokens k
    cross join (select countersign.now() as at) n
    join countersign.sessions s on s.tenant_id = k.tenant_id and s.id = k.session_id
    left join countersign.roles r on r.tenant_id = s.tenant_id and r.user_id = s.user_id and r.deactivated_at is null
    left join countersign.break_glass b on b.tenant_id = s.tenant_id and b.id = s.break_glass_id
    left join countersign.hosts h on h.user_id = s.user_id
    cross join lateral countersign_engine.session_life(s.user_id) l
    where k.token_hash = hash
  )
  select f.id, f.tenant_id, f.user_id, u.display_name, f.role_now, f.is_host, t.state, f.methods, f.step_up_at,
    f.rotation_due_at is not null, f.started_at, least(f.started_at + f.absolute, f.door_closes), f.break_glass_id,
    case
      when f.ended_at is not null or not f.is_in then 'ended'
      when f.replaced_at < f.at - interval '30 seconds' then 'replayed'
      when f.at >= least(f.started_at + f.absolute, f.last_seen_at + f.idle) then 'expired'
      else 'live' end
  from found f
  join countersign.users u on u.id = f.user_id
  join countersign.tenants t on t.id = f.tenant_id
$$;

-- Who holds this key, and what could stand against it. Writes nothing, takes no lock.
create function countersign_engine.see_key(hash bytea, address inet)
returns table (
  id text, tenant_id uuid, kind text, agent_id text, agent_state text, agent_name text, agent_owner text, name text,
  maker text, maker_name text, maker_role text, scopes text[], tenant_state text, expired boolean, revoked boolean, address_allowed boolean
)
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  select k.id, k.tenant_id, k.kind, k.agent_id, a.state, a.name, a.user_id, k.name, k.user_id, u.display_name, r.role, k.scopes,
    t.state, coalesce(k.expires_at <= n.at or o.ends_at <= n.at, false), k.revoked_at is not null,
    cardinality(k.addresses) = 0 or coalesce(address <<= any (k.addresses), false)
  from countersign.key_tokens o
  cross join (select countersign.now() as at) n
  join countersign.keys k on k.tenant_id = o.tenant_id and k.id = o.key_id
  join countersign.users u on u.id = k.user_id
  join countersign.tenants t on t.id = k.tenant_id
  left join countersign.agents a on a.tenant_id = k.tenant_id and a.id = k.agent_id
  left join countersign.roles r on r.tenant_id = k.tenant_id and r.user_id = k.user_id and r.deactivated_at is null
  where o.token_hash = hash
$$;

grant execute on function countersign_engine.see_session(bytea), countersign_engine.see_key(bytea, inet) to countersign_runtime;

set local role countersign_owner;
