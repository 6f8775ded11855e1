-- Relay grants and the requests for them (relay.md §2.4): what their ends, their questions and their tokens need beside the tables of the relay.

-- What a policy says of silence (R78), and whether a second group of people was asked.
alter table countersign.connection_requests
  add column on_timeout text not null default 'deny' check (on_timeout in ('deny', 'escalate')),
  add column escalated_at timestamptz(3);

alter table countersign.relay_grants
  -- An end that the owner has set: no rotation goes beyond it. `expires_at` is the nearer of this and the life of the newest token.
  add column ends_at timestamptz(3),
  -- Days before its end of which both sides were told, the last one (R26).
  add column warned_days integer;
create index relay_grants_ending on countersign.relay_grants (expires_at) where state = 'active' and warned_days is distinct from 0;

set local role countersign_engine;

-- Where a relay token lies, by its hash; is no use of it.
create function countersign_engine.relay_token_place(asked_hash bytea) returns table (tenant_id uuid, id text, relay_grant_id text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select k.tenant_id, k.id, k.relay_grant_id from countersign.relay_tokens k where k.token_hash = asked_hash
$$;

-- Active relay grants that end within 14 days, and of which the nearest of 14, 3 and 0 days was not told yet.
create function countersign_engine.relay_grants_ending(at_most integer) returns table (tenant_id uuid, id text, days integer)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select due.tenant_id, due.id, due.days
  from (
    select g.tenant_id, g.id, g.warned_days, case
      when g.expires_at <= countersign.now() + interval '1 day' then 0
      when g.expires_at <= countersign.now() + interval '3 days' then 3
      else 14 end as days
    from countersign.relay_grants g
    where g.state = 'active' and g.warned_days is distinct from 0 and g.expires_at > countersign.now() and g.expires_at <= countersign.now() + interval '14 days'
  ) due
  where due.warned_days is null or due.warned_days > due.days
  order by due.tenant_id, due.id
  limit at_most
$$;

-- Whether a user of the current tenant is one of the asking side's too: whoever is decides nothing there (R78).
create function countersign_engine.is_of_asking_side(asked_tenant uuid, asked_user text) returns boolean
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from countersign.roles r
    where r.tenant_id = asked_tenant and r.user_id = asked_user and r.deactivated_at is null
      and exists (select from countersign.roles own
        where own.tenant_id = (select nullif(current_setting('countersign.tenant', true), '')::uuid) and own.user_id = asked_user)
  )
$$;

-- What is known of a tenant to the one that it speaks with: its name, and since when it is here (R73).
create function countersign_engine.peer_tenant(asked_tenant uuid) returns table (name text, created_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select t.name, t.created_at from countersign.tenants t where t.id = asked_tenant and t.state <> 'erased'
$$;

-- A proof of the key that a relay token is bound to (R26): each counts once, in the window and the ring of those of agents. Whose key it is the token has told.
create function countersign_engine.use_relay_proof(thumb text, proof_id text, issued timestamptz) returns table (verdict text, at timestamptz)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  clock timestamptz := countersign.now();
  turn integer := mod(floor(extract(epoch from clock) / 600)::bigint, 8);
  last_turn integer := mod(turn + 7, 8);
begin
  if issued < clock - interval '61 seconds' + interval '1 millisecond' or issued > clock + interval '60 seconds' then
    return query select 'stale', clock;
  elsif issued < countersign_engine.proofs_since() then
    return query select 'recovered', clock;
  else
    perform pg_advisory_xact_lock(hashtextextended(thumb || '.' || proof_id, 0));
    if exists (
      select from countersign.seen_proofs s
      where s.slot in (turn, last_turn) and s.thumbprint = thumb and s.jti = proof_id and s.expires_at > clock
    ) then
      return query select 'replayed', clock;
    else
      delete from countersign.seen_proofs s where s.slot = turn and s.thumbprint = thumb and s.jti = proof_id;
      insert into countersign.seen_proofs (slot, thumbprint, jti, expires_at) values (turn, thumb, proof_id, issued + interval '122 seconds');
      return query select 'fresh', clock;
    end if;
  end if;
end
$$;

grant execute on function countersign_engine.relay_token_place(bytea), countersign_engine.use_relay_proof(text, text, timestamptz), countersign_engine.relay_grants_ending(integer),
  countersign_engine.is_of_asking_side(uuid, text), countersign_engine.peer_tenant(uuid) to countersign_runtime;

set local role countersign_owner;
