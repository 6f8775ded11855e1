-- Agents that prove that they hold a private key (vault.md V134–V136). A public key stands beside a token of a key, so scopes, expiry, address lists, rotation and
-- revocation are those of every key; the token's text is the thumbprint (RFC 7638), which is public and opens nothing without a proof.

alter table countersign.agents
  add column proof text not null default 'optional' check (proof in ('optional', 'required'));
alter table countersign.tenants
  add column proof_nonce boolean not null default false;

create table countersign.agent_keys (
  -- One public key is one agent's, in the whole installation: whoever shows it is found by it before any tenant is known.
  thumbprint text collate "C" primary key check (thumbprint ~ '^[A-Za-z0-9_-]{43}$'),
  tenant_id uuid not null,
  agent_id text collate "C" not null,
  key_id text collate "C" not null,
  jwk jsonb not null,
  enrolled_at timestamptz(3) not null,
  enrolled_by text not null,
  foreign key (tenant_id, agent_id) references countersign.agents (tenant_id, id),
  foreign key (tenant_id, key_id) references countersign.keys (tenant_id, id)
);
create index agent_keys_agent on countersign.agent_keys (tenant_id, agent_id);
create index agent_keys_key on countersign.agent_keys (tenant_id, key_id);
select countersign.make_tenant_table('agent_keys', array['select', 'insert']);
select countersign.grant_engine('agent_keys', 'select (thumbprint, tenant_id, agent_id, key_id)');
grant select (proof) on countersign.agents to countersign_engine;

-- Proofs that were shown (V135). Logged, so that a crash forgets none. By tenths of an hour, in a ring of eight partitions: a proof lives for two minutes, so what
-- stands in any partition but this one and the one before is over and is truncated, not deleted row by row.
create table countersign.seen_proofs (
  slot integer not null check (slot between 0 and 7),
  thumbprint text collate "C" not null,
  -- base64url of the SHA-256 of the proof's jti
  jti text collate "C" not null,
  expires_at timestamptz(3) not null,
  primary key (slot, thumbprint, jti)
) partition by list (slot);
create table countersign.seen_proofs_00 partition of countersign.seen_proofs for values in (0);
create table countersign.seen_proofs_01 partition of countersign.seen_proofs for values in (1);
create table countersign.seen_proofs_02 partition of countersign.seen_proofs for values in (2);
create table countersign.seen_proofs_03 partition of countersign.seen_proofs for values in (3);
create table countersign.seen_proofs_04 partition of countersign.seen_proofs for values in (4);
create table countersign.seen_proofs_05 partition of countersign.seen_proofs for values in (5);
create table countersign.seen_proofs_06 partition of countersign.seen_proofs for values in (6);
create table countersign.seen_proofs_07 partition of countersign.seen_proofs for values in (7);
grant select, insert, delete on countersign.seen_proofs to countersign_engine;
grant select, truncate on countersign.seen_proofs_00, countersign.seen_proofs_01, countersign.seen_proofs_02, countersign.seen_proofs_03,
  countersign.seen_proofs_04, countersign.seen_proofs_05, countersign.seen_proofs_06, countersign.seen_proofs_07 to countersign_engine;

-- Where this store of proofs stands: timeline, database and table. Another place means that it was restored, copied or failed over, so proofs of before may be missing.
create table countersign.proof_store (
  singleton boolean primary key default true check (singleton),
  place text,
  recovered_at timestamptz(3)
);
insert into countersign.proof_store default values;
grant select, update (place, recovered_at) on countersign.proof_store to countersign_engine;

set local role countersign_engine;

-- Since when nothing is missing among the seen proofs: the start of the server that runs, or the moment at which another place was noticed, whichever is later.
create function countersign_engine.proofs_since() returns timestamptz
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  here text := left(pg_walfile_name(pg_current_wal_lsn()), 8) || '/'
    || (select d.oid::text from pg_database d where d.datname = current_database()) || '/' || 'countersign.seen_proofs'::regclass::oid::text;
  known countersign.proof_store;
begin
  select * into known from countersign.proof_store;
  if known.place is distinct from here then
    -- The guard decides among several that notice; a place that was never noted is a new installation, where nothing can be missing.
    update countersign.proof_store s
    set place = here, recovered_at = case when s.place is null then s.recovered_at else countersign.now() end
    where s.place is distinct from here;
    select * into known from countersign.proof_store;
  end if;
  return greatest(known.recovered_at, countersign.now() - (clock_timestamp() - pg_postmaster_start_time()));
end
$$;

-- What stands against a proof of this agent, and its mark, in one step. Of two that show the same one at once, the second waits for the lock and then sees the first's row,
-- whichever partition it went to: each statement of a volatile function has a snapshot of its own.
create function countersign_engine.use_proof(agent text, thumb text, proof_id text, issued timestamptz)
returns table (verdict text, at timestamptz, tenant_id uuid)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  clock timestamptz := countersign.now();
  turn integer := mod(floor(extract(epoch from clock) / 600)::bigint, 8);
  last_turn integer := mod(turn + 7, 8);
  of_tenant uuid;
begin
  select p.tenant_id into of_tenant
  from countersign.agent_keys p
  join countersign.keys k on k.tenant_id = p.tenant_id and k.id = p.key_id
  join countersign.key_tokens o on o.token_hash = sha256(convert_to(p.thumbprint, 'UTF8'))
  where p.thumbprint = thumb and p.agent_id = agent and k.revoked_at is null and k.expires_at > clock and (o.ends_at is null or o.ends_at > clock);
  if of_tenant is null then
    return query select 'unknown', clock, of_tenant;
  elsif issued < clock - interval '61 seconds' + interval '1 millisecond' or issued > clock + interval '60 seconds' then
    return query select 'stale', clock, of_tenant;
  elsif issued < countersign_engine.proofs_since() then
    return query select 'recovered', clock, of_tenant;
  else
    perform pg_advisory_xact_lock(hashtextextended(thumb || '.' || proof_id, 0));
    if exists (
      select from countersign.seen_proofs s
      where s.slot in (turn, last_turn) and s.thumbprint = thumb and s.jti = proof_id and s.expires_at > clock
    ) then
      return query select 'replayed', clock, of_tenant;
    else
      -- What an earlier turn of the ring left under the same name and nobody swept.
      delete from countersign.seen_proofs s where s.slot = turn and s.thumbprint = thumb and s.jti = proof_id;
      insert into countersign.seen_proofs (slot, thumbprint, jti, expires_at) values (turn, thumb, proof_id, issued + interval '122 seconds');
      return query select 'fresh', clock, of_tenant;
    end if;
  end if;
end
$$;

-- Empties the partitions whose turn is neither now nor next to now. Answers how many.
create function countersign_engine.sweep_proofs() returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  turn integer := mod(floor(extract(epoch from countersign.now()) / 600)::bigint, 8);
  one integer;
  has_rows boolean;
  swept integer := 0;
begin
  perform countersign_engine.proofs_since();
  for one in 0..7 loop
    continue when mod(one - turn + 8, 8) in (0, 1, 7);
    execute format('select exists (select from countersign.seen_proofs_%s)', lpad(one::text, 2, '0')) into has_rows;
    if has_rows then
      execute format('truncate countersign.seen_proofs_%s', lpad(one::text, 2, '0'));
      swept := swept + 1;
    end if;
  end loop;
  return swept;
end
$$;

-- Whether this agent's calls have to be proven, and whether its tenant wants a nonce of ours in the proof.
create function countersign_engine.proof_asked(agent text) returns table (proof text, nonce boolean)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select a.proof, t.proof_nonce from countersign.agents a join countersign.tenants t on t.id = a.tenant_id where a.id = agent
$$;

-- Whether a public key is somebody's already. Says nothing of whose.
create function countersign_engine.is_agent_key(thumb text) returns boolean
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select exists (select from countersign.agent_keys p where p.thumbprint = thumb)
$$;

revoke execute on function countersign_engine.proofs_since(), countersign_engine.use_proof(text, text, text, timestamptz), countersign_engine.sweep_proofs(),
  countersign_engine.proof_asked(text), countersign_engine.is_agent_key(text) from public;
grant execute on function countersign_engine.use_proof(text, text, text, timestamptz), countersign_engine.sweep_proofs(),
  countersign_engine.proof_asked(text), countersign_engine.is_agent_key(text) to countersign_runtime;

set local role countersign_owner;
