-- The proxy as a process of its own: it hears of each change at once (V82), and the house looks how its nodes are.

-- Said in the channel that every process listens to: a proxy that hears it looks at once. It asks every 200 ms in any case, for a pooler may drop the word.
create or replace function countersign.raise_vault_revision() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  tenant uuid := case when tg_op = 'DELETE' then old.tenant_id else new.tenant_id end;
begin
  insert into countersign.vault_revisions (tenant_id, changed_at)
  values (tenant, countersign.now())
  on conflict (tenant_id) do update set revision = countersign.vault_revisions.revision + 1, changed_at = excluded.changed_at;
  perform pg_notify('countersign_wake', 'database vault');
  return null;
end
$$;

-- What a host lets one tenant reach is part of what its agents reach (V108).
create trigger raise_vault_revision after insert or delete on countersign.egress_allows
  for each row execute function countersign.raise_vault_revision();

grant select (seen_at, lag_ms) on countersign.proxy_nodes to countersign_engine;

set local role countersign_engine;

-- How the nodes are that were not expelled: how many, how many of them have been silent for so long, and the longest that one was behind. No name and no tenant.
create function countersign_engine.proxy_nodes_lag(silent interval)
returns table (nodes integer, silent_nodes integer, lag_ms integer)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select count(*)::integer,
    count(*) filter (where n.seen_at is null or n.seen_at < countersign.now() - silent)::integer,
    max(n.lag_ms) filter (where n.seen_at >= countersign.now() - silent)
  from countersign.proxy_nodes n where n.expelled_at is null
$$;
revoke all on function countersign_engine.proxy_nodes_lag(interval) from public;
grant execute on function countersign_engine.proxy_nodes_lag(interval) to countersign_runtime, countersign_maintenance;

set local role countersign_owner;
