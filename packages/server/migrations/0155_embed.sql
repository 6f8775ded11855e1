-- Questions inside pages of others: which origins may hold them, the tokens that open one task each, and keys that may mint such tokens and do nothing else.
-- A token stands here as its hash; the page is found by the id of its embed, which is no secret.

-- A key of this kind names the agents whose tasks it may show, and may name where; empty means what the tenant allows.
alter table countersign.keys
  drop constraint keys_kind_check,
  add constraint keys_kind_check check (kind in ('agt', 'usr', 'adm', 'emb')),
  add column agent_ids text[] collate "C" not null default '{}' check (cardinality(agent_ids) <= 50),
  add column origins text[] not null default '{}' check (cardinality(origins) <= 50),
  add constraint keys_embed check (kind = 'emb' or (agent_ids = '{}' and origins = '{}'));

create table countersign.embed_origins (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  -- `https://app.example.com`, or with one leading wildcard label: `https://*.example.com`.
  origin text collate "C" not null check (char_length(origin) between 1 and 256),
  created_by text collate "C" not null,
  created_at timestamptz(3) not null,
  primary key (tenant_id, id),
  unique (tenant_id, origin)
);
select countersign.make_tenant_table('embed_origins', array['select', 'insert', 'delete']);

create table countersign.embed_tokens (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  token_hash bytea not null unique check (octet_length(token_hash) = 32),
  task_id text collate "C" not null,
  agent_id text collate "C",
  -- Who answers, as whoever minted it says; one person has one `person` on a task, however often their token is renewed.
  sub text check (char_length(sub) between 1 and 256),
  person text collate "C" not null,
  origin text collate "C" not null check (char_length(origin) <= 256),
  allow text[] not null check (allow <@ array['decide', 'comment']),
  theme text not null check (theme in ('auto', 'light', 'dark')),
  dialect text not null check (dialect in ('native', 'compatible')),
  -- The key that minted it: a token does not outlive its key. Null: a signed-in person minted it.
  key_id text collate "C",
  created_by text collate "C" not null,
  created_at timestamptz(3) not null,
  expires_at timestamptz(3) not null,
  last_used_at timestamptz(3),
  revoked_at timestamptz(3),
  revoked_by text collate "C",
  primary key (tenant_id, id),
  foreign key (tenant_id, task_id) references countersign.tasks (tenant_id, id),
  foreign key (tenant_id, key_id) references countersign.keys (tenant_id, id)
);
create index embed_tokens_task on countersign.embed_tokens (tenant_id, task_id, id);
select countersign.make_tenant_table('embed_tokens', array['select', 'insert', 'update', 'delete']);
select countersign.grant_engine('embed_tokens',
  'select (id, tenant_id, token_hash, task_id, sub, person, origin, allow, theme, dialect, key_id, created_at, expires_at, last_used_at, revoked_at)',
  'update (last_used_at)');

set local role countersign_engine;

-- Whose token this is, and what could stand against it: no tenant is known yet. Notes the last use at most once a minute.
create function countersign_engine.use_embed(hash bytea)
returns table (
  id text, tenant_id uuid, task_id text, person text, sub text, allow text[], key_id text, tenant_state text, settled boolean, ended boolean
)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  at timestamptz := countersign.now();
begin
  return query
  with found as (
    select e.id, e.tenant_id, e.task_id, e.person, e.sub, e.allow, e.key_id, e.expires_at, e.revoked_at,
      k.revoked_at is not null or k.expires_at <= at as key_ended
    from countersign.embed_tokens e
    left join countersign.keys k on k.tenant_id = e.tenant_id and k.id = e.key_id
    where e.token_hash = hash
  ), used as (
    update countersign.embed_tokens e set last_used_at = at
    from found f
    where e.tenant_id = f.tenant_id and e.id = f.id and (e.last_used_at is null or e.last_used_at <= at - interval '1 minute')
  )
  select f.id, f.tenant_id, f.task_id, f.person, f.sub, f.allow, f.key_id, n.state,
    t.status in ('completed', 'timed_out', 'cancelled', 'verification_exhausted'),
    f.revoked_at is not null or f.expires_at <= at or coalesce(f.key_ended, false)
  from found f
  join countersign.tenants n on n.id = f.tenant_id
  join countersign.tasks t on t.tenant_id = f.tenant_id and t.id = f.task_id;
end
$$;
grant execute on function countersign_engine.use_embed(bytea) to countersign_runtime;

-- What the page of an embed needs before anybody has shown a token: where it may stand, and how it looks. Nothing about the task.
create function countersign_engine.embed_page(embed text, task text)
returns table (origin text, theme text, dialect text, created_at timestamptz, expires_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select e.origin, e.theme, e.dialect, e.created_at, e.expires_at
  from countersign.embed_tokens e where e.id = embed and e.task_id = task limit 1
$$;
grant execute on function countersign_engine.embed_page(text, text) to countersign_runtime;

set local role countersign_owner;
