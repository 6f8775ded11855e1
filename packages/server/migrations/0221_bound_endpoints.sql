-- Endpoints that are bound to one card, thread, relay grant or request, and their deliveries (relay.md §4.3, §4.4, R100, R101). They lie beside a tenant's own endpoints and
-- are none of them: `bound_to` tells them apart, and `side` whose they are. Those of the caller's side lie in the owner's tenant and are nobody's there to see (R70).

alter table countersign.endpoints
  add column bound_to text collate "C" check (bound_to ~ '^(card|thr|rgr|creq)_[0-9A-HJKMNP-TV-Z]{26}$'),
  add column side text check (side in ('owner', 'caller')),
  -- Through which the caller came; no other caller reaches the row.
  add column relay_grant_id text collate "C",
  -- Whose exceptions of the egress guard count on the way there: never those of the tenant that the row lies in, where somebody else named the address.
  add column caller_tenant uuid,
  -- Of an A2A push config: the name that the client gave it, and the scheme of the credentials that lie in `headers`.
  add column client_id text check (char_length(client_id) between 1 and 200),
  add column auth_scheme text check (char_length(auth_scheme) <= 64),
  add constraint endpoints_bound check ((bound_to is null) = (side is null) and (side = 'caller' or num_nonnulls(relay_grant_id, caller_tenant) = 0)),
  add constraint endpoints_config check ((mode = 'a2a') = (client_id is not null) and (client_id is null or bound_to is not null));
alter table countersign.endpoints drop constraint endpoints_mode_check;
alter table countersign.endpoints add constraint endpoints_mode_check
  check (mode in ('standard', 'stripe', 'github', 'awaithumans', 'foragent', 'a2a'));
-- Whether a tenant has endpoints of its own is asked by every event; those of a thousand threads are not looked at for it.
create index endpoints_own on countersign.endpoints (tenant_id) where state <> 'deleted' and bound_to is null;
create index endpoints_bound_to on countersign.endpoints (tenant_id, bound_to) where bound_to is not null and state <> 'deleted';
create unique index endpoints_client on countersign.endpoints (tenant_id, bound_to, side, client_id) where client_id is not null and state <> 'deleted';

alter table countersign.deliveries
  add column side text check (side in ('owner', 'caller')),
  add column relay_grant_id text collate "C",
  -- What a delivery to an owner's agent brings: its Idempotency-Key.
  add column message_id text collate "C",
  -- So long somebody waits for what is answered to it (R60).
  add column wait_until timestamptz(3),
  add constraint deliveries_bound check ((form in ('owner', 'owner_thin', 'caller', 'caller_thin', 'a2a')) = (side is not null));
alter table countersign.deliveries drop constraint deliveries_form_check;
alter table countersign.deliveries add constraint deliveries_form_check
  check (form in ('full', 'thin', 'callback', 'owner', 'owner_thin', 'caller', 'caller_thin', 'a2a'));
create index deliveries_thread on countersign.deliveries (tenant_id, resource_id, ord) where side is not null;

alter table countersign.event_bodies drop constraint event_bodies_form_check;
-- What the two sides get holds contents: it is sealed, and goes with its thread.
alter table countersign.event_bodies add constraint event_bodies_form_check
  check (form in ('full', 'thin', 'callback') or (form in ('owner', 'owner_thin', 'caller', 'caller_thin', 'a2a') and subject is not null));
grant delete on countersign.event_bodies to countersign_runtime;

alter table countersign.delivery_attempts drop constraint delivery_attempts_class_check;
-- answer_invalid: it was taken with 2xx, and what it answered is no answer.
alter table countersign.delivery_attempts add constraint delivery_attempts_class_check check (class in
  ('status', 'timeout', 'unreachable', 'tls', 'too_large', 'url_not_allowed', 'url_invalid', 'lost', 'answer_invalid'));
grant update (excerpt) on countersign.delivery_attempts to countersign_runtime;

-- Whoever acts here through a relay grant writes events of this tenant and messages to its agent, so what is the tenant's own stays in reach of its
-- statements; what belongs to another caller never is (R7).
create policy caller on countersign.endpoints as restrictive to countersign_runtime
  using (relay_grant_id is null or (select nullif(current_setting('countersign.relay_party', true), '')) is null
    or relay_grant_id = (select nullif(current_setting('countersign.relay_party', true), '')))
  with check (relay_grant_id is null or (select nullif(current_setting('countersign.relay_party', true), '')) is null
    or relay_grant_id = (select nullif(current_setting('countersign.relay_party', true), '')));
create policy caller on countersign.deliveries as restrictive to countersign_runtime
  using (relay_grant_id is null or (select nullif(current_setting('countersign.relay_party', true), '')) is null
    or relay_grant_id = (select nullif(current_setting('countersign.relay_party', true), '')))
  with check (relay_grant_id is null or (select nullif(current_setting('countersign.relay_party', true), '')) is null
    or relay_grant_id = (select nullif(current_setting('countersign.relay_party', true), '')));

-- One row an address of every thread that there ever was would stay for ever: what was taken away goes once its deliveries are gone.
create index endpoints_taken_away on countersign.endpoints (updated_at) where bound_to is not null and state = 'deleted';
grant select (bound_to, updated_at), delete on countersign.endpoints to countersign_engine;
grant delete on countersign.endpoint_secrets to countersign_engine;
select countersign.grant_engine('endpoint_health', 'select (tenant_id, endpoint_id)', 'delete');
grant select (endpoint_id) on countersign.deliveries to countersign_engine;

set local role countersign_engine;

create function countersign_engine.prune_bound_endpoints(older_than timestamptz, most integer) returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  tenants uuid[];
  ids text[];
begin
  select array_agg(x.tenant_id), array_agg(x.id) into tenants, ids from (
    select e.tenant_id, e.id from countersign.endpoints e
    where e.bound_to is not null and e.state = 'deleted' and e.updated_at < older_than
      and not exists (select from countersign.deliveries d where d.tenant_id = e.tenant_id and d.endpoint_id = e.id)
    order by e.updated_at limit most) x;
  if ids is null then
    return 0;
  end if;
  delete from countersign.endpoint_secrets s using unnest(tenants, ids) g (tenant, endpoint) where s.tenant_id = g.tenant and s.endpoint_id = g.endpoint;
  delete from countersign.endpoint_health h using unnest(tenants, ids) g (tenant, endpoint) where h.tenant_id = g.tenant and h.endpoint_id = g.endpoint;
  delete from countersign.endpoints e using unnest(tenants, ids) g (tenant, endpoint) where e.tenant_id = g.tenant and e.id = g.endpoint;
  return cardinality(ids);
end
$$;
grant execute on function countersign_engine.prune_bound_endpoints(timestamptz, integer) to countersign_runtime;

set local role countersign_owner;

-- The public halves of the keys that say who calls and that sign what is pushed to A2A clients (R14, R46, R101).
alter table countersign.signing_keys drop constraint signing_keys_purpose_check;
alter table countersign.signing_keys add constraint signing_keys_purpose_check
  check (purpose in ('audit-sign', 'receipt', 'relay-sign', 'webhook-ed25519'));
