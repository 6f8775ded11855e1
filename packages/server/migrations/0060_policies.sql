-- Policies (P64–P70): sets as rows that never change, which of them is active as history, what decisions were asked, and acts that wait for people.

-- A set, as it was saved. Nothing changes or removes one: what decided once can be read for ever.
create table countersign.policies (
  version integer not null check (version >= 1),
  tenant_id uuid not null references countersign.tenants,
  text text not null check (octet_length(text) <= 4194304),
  note text check (char_length(note) <= 500),
  -- starting: the set that was shipped with the build when the tenant began.
  origin text not null check (origin in ('starting', 'saved')),
  saved_by text collate "C" not null,
  saved_at timestamptz(3) not null,
  primary key (tenant_id, version)
);
select countersign.make_tenant_table('policies', array['select', 'insert']);
select countersign.grant_engine('policies', 'select (tenant_id, version, text)');

-- The last row says which version is active. Of two activations at once the second meets the first's ordinal.
create table countersign.policy_activations (
  ordinal integer not null check (ordinal >= 1),
  tenant_id uuid not null references countersign.tenants,
  version integer not null,
  activated_by text collate "C" not null,
  activated_at timestamptz(3) not null,
  primary key (tenant_id, ordinal),
  foreign key (tenant_id, version) references countersign.policies (tenant_id, version)
);
select countersign.make_tenant_table('policy_activations', array['select', 'insert']);
select countersign.grant_engine('policy_activations', 'select (tenant_id, ordinal, version)');

-- What was asked of the judge, for dry runs: the request stands in an envelope under the tenant's key, beside it nothing but the answer.
create table countersign.policy_decisions (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  action text collate "C" not null,
  outcome text not null check (outcome in ('allow', 'ask', 'deny')),
  reason text not null check (reason in ('permitted', 'asked', 'forbidden', 'no_permit', 'policy_error')),
  policy_version integer not null,
  policy_ids text[] collate "C" not null,
  request bytea not null,
  decided_at timestamptz(3) not null,
  primary key (tenant_id, id)
);
select countersign.make_tenant_table('policy_decisions', array['select', 'insert']);
-- For rewraps, which write the wrap in front of the sealed request and nothing else (V72).
grant update (request) on countersign.policy_decisions to countersign_runtime;
select countersign.grant_engine('policy_decisions', 'select (tenant_id, id)', 'delete');

-- An act that waits until people have agreed (P68). Its task asks them; the digest binds what they see to what may then be done once.
-- open → agreed → spent, or refused, expired, withdrawn.
create table countersign.policy_asks (
  task_id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  digest bytea not null check (octet_length(digest) = 32),
  principal text collate "C" not null,
  -- The human on the asking side; counts nowhere where duties are separated.
  principal_user text collate "C",
  action text collate "C" not null,
  policy_version integer not null,
  policy_ids text[] collate "C" not null,
  quorum integer not null check (quorum between 1 and 10),
  on_timeout text not null check (on_timeout in ('deny', 'escalate')),
  state text not null check (state in ('open', 'agreed', 'spent', 'refused', 'expired', 'withdrawn')),
  opened_at timestamptz(3) not null,
  expires_at timestamptz(3) not null,
  escalated_at timestamptz(3),
  settled_at timestamptz(3),
  spent_at timestamptz(3),
  spent_request text,
  primary key (tenant_id, task_id),
  foreign key (tenant_id, task_id) references countersign.tasks (tenant_id, id),
  check ((state = 'open') = (settled_at is null)),
  check ((state = 'spent') = (spent_at is not null))
);
-- The same act asks once, however often it is tried meanwhile, and an agreed one is found by what was agreed to.
create unique index policy_asks_live on countersign.policy_asks (tenant_id, digest) where state in ('open', 'agreed');
create index policy_asks_digest on countersign.policy_asks (tenant_id, digest, task_id);
create index policy_asks_open on countersign.policy_asks (tenant_id, principal) where state = 'open';
select countersign.make_tenant_table('policy_asks', array['select', 'insert', 'update']);

set local role countersign_engine;

-- At the start: tenants that have no set yet, and active sets that this build might not understand.
create function countersign_engine.active_policies()
returns table (tenant_id uuid, version integer, text text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select t.id, p.version, p.text
  from countersign.tenants t
  left join lateral (
    select a.version from countersign.policy_activations a where a.tenant_id = t.id order by a.ordinal desc limit 1
  ) a on true
  left join countersign.policies p on p.tenant_id = t.id and p.version = a.version
  where t.state <> 'erased'
$$;
grant execute on function countersign_engine.active_policies() to countersign_runtime;

-- Of each tenant the newest `keep` stay.
create function countersign_engine.prune_policy_decisions(keep integer)
returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  pruned integer;
begin
  delete from countersign.policy_decisions d
  using countersign.tenants t
  where d.tenant_id = t.id and d.id <= (
    select n.id from countersign.policy_decisions n where n.tenant_id = t.id order by n.id desc offset keep limit 1);
  get diagnostics pruned = row_count;
  return pruned;
end
$$;
grant execute on function countersign_engine.prune_policy_decisions(integer) to countersign_runtime;

set local role countersign_owner;
