-- Messages that come at the same time share a transaction (relay.md R30): the setting `countersign.relay_party` may then name several relay grants, with a space between them, and the
-- restrictive policies hold the transaction to the rows of those. Of one it says what it said before.

create or replace function countersign.confine_to_party(name text, party_column text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  fits text := format('(select nullif(current_setting(''countersign.relay_party'', true), '''')) is null or %I = any ((select string_to_array(current_setting(''countersign.relay_party'', true), '' ''))::text[])', party_column);
begin
  execute format('drop policy if exists caller on countersign.%I', name);
  execute format('create policy caller on countersign.%I as restrictive to countersign_runtime using (%s) with check (%s)', name, fits, fits);
end
$$;

select countersign.confine_to_party('connection_requests', 'id');
select countersign.confine_to_party('relay_grants', 'id');
select countersign.confine_to_party('relay_tokens', 'relay_grant_id');
select countersign.confine_to_party('relay_usage', 'relay_grant_id');
select countersign.confine_to_party('threads', 'relay_grant_id');
select countersign.confine_to_party('messages', 'relay_grant_id');
select countersign.confine_to_party('thread_events', 'relay_grant_id');
select countersign.confine_to_party('thread_tokens', 'relay_grant_id');
select countersign.confine_to_party('message_asks', 'relay_grant_id');
select countersign.confine_to_party('message_sendings', 'relay_grant_id');
select countersign.confine_to_party('upstream_contexts', 'relay_grant_id');
select countersign.confine_to_party('upstream_tasks', 'relay_grant_id');

-- What is the tenant's own stays in reach, as 0221 says.
alter policy caller on countersign.endpoints
  using (relay_grant_id is null or (select nullif(current_setting('countersign.relay_party', true), '')) is null
    or relay_grant_id = any ((select string_to_array(current_setting('countersign.relay_party', true), ' '))::text[]))
  with check (relay_grant_id is null or (select nullif(current_setting('countersign.relay_party', true), '')) is null
    or relay_grant_id = any ((select string_to_array(current_setting('countersign.relay_party', true), ' '))::text[]));
alter policy caller on countersign.deliveries
  using (relay_grant_id is null or (select nullif(current_setting('countersign.relay_party', true), '')) is null
    or relay_grant_id = any ((select string_to_array(current_setting('countersign.relay_party', true), ' '))::text[]))
  with check (relay_grant_id is null or (select nullif(current_setting('countersign.relay_party', true), '')) is null
    or relay_grant_id = any ((select string_to_array(current_setting('countersign.relay_party', true), ' '))::text[]));
