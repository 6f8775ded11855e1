-- Logins with borders (Q75): a login may be bound to one tenant, to some queues and to some kinds. The binding is found by session_user, which neither
-- SET ROLE nor a setting changes; countersign.tenant narrows further and never widens. What lies outside is refused by QJ007 where it is named by the
-- caller, and is as if absent where it is found by an id. Lists and figures look across queues and kinds: a login bound to these is refused there.
--
-- Who has no row here is not bound, and pays one probe of an index a call. What the engine does by itself for a bound caller (follow-ups, fires) is
-- not bound: that was declared by somebody who might.

-- static: one row per login that somebody bound
create table countersign_queue.principals (
  login name primary key,
  tenant_id uuid check (tenant_id <> '00000000-0000-0000-0000-000000000000'),
  queues text[] check (cardinality(queues) > 0),
  kinds text[] check (cardinality(kinds) > 0),
  check (tenant_id is not null or queues is not null or kinds is not null)
);
comment on table countersign_queue.principals is 'static: one row per login that somebody bound';

do $$ begin
  if exists (select from pg_roles where rolname = 'countersign_engine' and pg_has_role(session_user, oid, 'member')) then
    grant select on countersign_queue.principals to countersign_engine;
  end if;
end $$;

select countersign_queue.as_engine();

-- The binding of whoever is logged in; login is null when there is none. Takes no lock.
create function countersign_queue.principal() returns countersign_queue.principals
language plpgsql stable as $$
declare
  p countersign_queue.principals;
begin
  select * into p from countersign_queue.principals b where b.login = session_user;
  return p;
end $$;

-- The tenant to which the transaction is narrowed by a binding and by the setting; null when by neither. QJ007 when these two have nothing in common.
create function countersign_queue.narrowed(p countersign_queue.principals) returns uuid
language plpgsql stable as $$
declare
  asked uuid := nullif(nullif(current_setting('countersign.tenant', true), ''), '00000000-0000-0000-0000-000000000000')::uuid;
begin
  if p.tenant_id is not null and asked <> p.tenant_id then
    raise exception 'tenant % is outside of what this login is bound to', asked using errcode = 'QJ007';
  end if;
  return coalesce(p.tenant_id, asked);
end $$;

-- The tenant for whoever looks across queues and kinds: QJ007 for a login that is bound to some of these. Null: every tenant.
create or replace function countersign_queue.caller_tenant() returns uuid
language plpgsql stable as $$
declare
  p countersign_queue.principals := countersign_queue.principal();
begin
  if p.queues is not null or p.kinds is not null then
    raise exception 'this login is bound to queues or kinds, and this looks across them' using errcode = 'QJ007';
  end if;
  return countersign_queue.narrowed(p);
end $$;

-- Tenant to act for: what is asked, inside what the caller is narrowed to (QJ007 when outside).
create or replace function countersign_queue.tenant_for(asked uuid) returns uuid
language plpgsql stable as $$
declare
  mine uuid := countersign_queue.narrowed(countersign_queue.principal());
begin
  if mine is not null and asked is not null and asked <> mine then
    raise exception 'tenant % is outside of this transaction', asked using errcode = 'QJ007';
  end if;
  return coalesce(asked, mine, '00000000-0000-0000-0000-000000000000');
end $$;

-- Whether a row is inside the caller's transaction, for whoever looks across queues and kinds.
create or replace function countersign_queue.visible(tenant uuid) returns boolean
language sql stable
return coalesce(tenant = countersign_queue.caller_tenant(), true);

-- Whether one job, found by its id, is inside the caller's borders.
create function countersign_queue.reaches(of_tenant uuid, of_queue text, of_kind text) returns boolean
language plpgsql stable as $$
declare
  p countersign_queue.principals := countersign_queue.principal();
begin
  return coalesce(of_tenant = countersign_queue.narrowed(p), true)
    and (p.queues is null or of_queue = any (p.queues)) and (p.kinds is null or of_kind = any (p.kinds));
end $$;

-- Refuses a queue or a kind that a binding does not name (QJ007); null is not judged.
create function countersign_queue.check_bound(p countersign_queue.principals, of_queue text, of_kind text) returns void
language plpgsql stable as $$
begin
  if p.queues is not null and of_queue <> all (p.queues) then
    raise exception 'queue % is outside of what this login is bound to', of_queue using errcode = 'QJ007', detail = '{"path": "/queue"}';
  elsif p.kinds is not null and of_kind <> all (p.kinds) then
    raise exception 'kind % is outside of what this login is bound to', of_kind using errcode = 'QJ007', detail = '{"path": "/kind"}';
  end if;
end $$;

-- Enqueues any number of jobs, in order. Answers one {id, conflict} a job in the same order; an error refuses all of them, and DETAIL
-- names the job by its index. Locks as enqueue_ring, and as insert_job for what is a row. Never commits; never passes the caller's borders.
create or replace function countersign_queue.enqueue_many(jobs jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := countersign_queue.now();
  -- A caller in another isolation level does not see that the ring turned; his jobs are rows.
  ring boolean := countersign_queue.ring_on() and current_setting('transaction_isolation') = 'read committed';
  p countersign_queue.principals := countersign_queue.principal();
  ids text[];
begin
  if jsonb_typeof(jobs) <> 'array' then
    perform countersign_queue.refuse('', 'jobs is an array');
  end if;
  if p.queues is not null or p.kinds is not null then
    perform countersign_queue.check_bound(p, coalesce(j ->> 'queue', k.settings ->> 'queue', 'default'), j ->> 'kind')
    from jsonb_array_elements(jobs) j left join countersign_queue.kinds k on k.name = j ->> 'kind';
  end if;
  -- What is due later is no ring job; the first of a call stands for the rest, and what is mixed is sorted out below.
  if ring and not coalesce(jobs -> 0 ?| array['run_at', 'delay_ms'], false) then
    ids := countersign_queue.enqueue_ring(jobs, at, coalesce(countersign_queue.narrowed(p), '00000000-0000-0000-0000-000000000000'));
    if ids is not null then
      return countersign_queue.enqueued(ids);
    end if;
  end if;
  return countersign_queue.enqueue_singly(jobs, ring, at);
end $$;

-- Refuses a claim that names a queue or a kind outside the caller's binding. Answers the one tenant whose jobs it may get; null: any.
create function countersign_queue.check_claim(wants jsonb) returns uuid
language plpgsql stable as $$
declare
  p countersign_queue.principals := countersign_queue.principal();
begin
  if p.queues is not null or p.kinds is not null then
    perform countersign_queue.check_bound(p, w ->> 'queue', null) from jsonb_array_elements(wants) w;
    perform countersign_queue.check_bound(p, null, k) from jsonb_array_elements(wants) w, jsonb_array_elements_text(w -> 'kinds') k;
  end if;
  return p.tenant_id;
end $$;

-- Takes a claim back that met a job of another tenant: claims go by queue, so a worker bound to a tenant needs queues that hold nobody else's.
create function countersign_queue.check_given(mine uuid, groups text[], taken jsonb[]) returns void
language plpgsql stable as $$
begin
  if exists (select from unnest(groups) g, jsonb_array_elements(g::jsonb -> 'jobs') j where j ->> 1 <> mine::text)
    or exists (select from unnest(taken) t where t ->> 'tenant_id' <> mine::text) then
    raise exception 'the queue holds jobs of a tenant to which this login is not bound' using errcode = 'QJ007';
  end if;
end $$;

-- One callback, inside the caller's borders; null when there is none. Takes no lock.
create or replace function countersign_queue.callback_get(callback text) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select countersign_queue.callback_view(c) || jsonb_build_object('kind', j.kind)
  from countersign_queue.callbacks c join countersign_queue.jobs j on j.id = c.job_id
  where c.id = callback and countersign_queue.reaches(c.tenant_id, j.queue, j.kind);
end;

-- Keeps what others share from a bound login, at the tables themselves: settings and pauses of queues and kinds that its binding does not name, workers that
-- announce others, schedules of others. Saying again what is there already changes nothing and is allowed. Takes no lock.
create function countersign_queue.keep_borders() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  p countersign_queue.principals := countersign_queue.principal();
begin
  if p.login is null then
    return case when tg_op = 'DELETE' then old else new end;
  end if;
  if tg_table_name = 'workers' then
    perform countersign_queue.check_bound(p, q, null) from unnest(new.queues) q;
    perform countersign_queue.check_bound(p, null, k) from unnest(new.kinds) k;
  elsif tg_table_name = 'schedules' then
    perform countersign_queue.check_bound(p, coalesce(s.job ->> 'queue', k.settings ->> 'queue', 'default'), s.job ->> 'kind')
    from (select case when tg_op = 'DELETE' then old.job else new.job end as job) s left join countersign_queue.kinds k on k.name = s.job ->> 'kind';
  elsif tg_table_name = 'queues' then
    if new.name <> all (coalesce(p.queues, '{}')) then
      raise exception 'queue % is outside of what this login is bound to', new.name using errcode = 'QJ007';
    end if;
  elsif new.name <> all (coalesce(p.kinds, '{}')) and not exists (
    select from countersign_queue.kinds k where k.name = new.name and k.settings = new.settings and k.paused_at is not distinct from new.paused_at
  ) then
    raise exception 'kind % is outside of what this login is bound to', new.name using errcode = 'QJ007';
  end if;
  return case when tg_op = 'DELETE' then old else new end;
end $$;

-- What other languages call by these names (Q143): one job's end, {state, reason, output, error}, null when there is no such job; asked again while it is not
-- over, its end notifies. Vouching for a worker. A queue paused and resumed. Locks as job_results, beat and set_paused.
create function countersign_queue.job_result(job text) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
  select countersign_queue.job_results(array[job]) -> job;
end;
create function countersign_queue.heartbeat(worker text, held jsonb default '[]') returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
  select countersign_queue.beat(worker, held);
end;
create function countersign_queue.pause_queue(queue text, actor text default null) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
  select countersign_queue.set_paused('queue', queue, true, actor);
end;
create function countersign_queue.resume_queue(queue text, actor text default null) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
  select countersign_queue.set_paused('queue', queue, false, actor);
end;

select countersign_queue.grant_functions('countersign_producer', array['job_result']);
select countersign_queue.grant_functions('countersign_reader', array['job_result']);
select countersign_queue.grant_functions('countersign_worker', array['heartbeat']);
select countersign_queue.grant_functions('countersign_admin', array['pause_queue', 'resume_queue']);
do $$
declare
  installer name := current_setting('countersign.installer');
begin
  execute format('grant execute on function countersign_queue.keep_borders() to %I', installer);
end $$;
select countersign_queue.as_owner();

create trigger keep_borders before insert or update of settings, paused_at, paused_by on countersign_queue.queues for each row
execute function countersign_queue.keep_borders();
create trigger keep_borders before insert or update of settings, paused_at, paused_by on countersign_queue.kinds for each row
execute function countersign_queue.keep_borders();
create trigger keep_borders before insert or update of queues, kinds on countersign_queue.workers for each row
execute function countersign_queue.keep_borders();
create trigger keep_borders before insert or delete or update of job on countersign_queue.schedules for each row
execute function countersign_queue.keep_borders();

-- Binds a login, from its next statement on; again: instead of what it was bound to. Null is no border. Nobody but the owner of the tables may call it.
-- Refused for whoever could undo it, and for whoever works across tenants by profession: a tick inside borders would leave the others undone.
create function countersign_queue.bind_login(login name, tenant uuid default null, queues text[] default null, kinds text[] default null) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if pg_has_role(login, (select c.relowner from pg_class c where c.oid = 'countersign_queue.principals'::regclass), 'member') then
    raise exception '% may act as the owner of the tables: no border holds it', login using errcode = 'QJ005', detail = '{"path": "/login"}';
  elsif exists (select from pg_roles r where r.rolname = 'countersign_maintenance' and pg_has_role(bind_login.login, r.oid, 'member')) then
    raise exception '% does maintenance, which works across tenants', login using errcode = 'QJ005', detail = '{"path": "/login"}';
  end if;
  insert into countersign_queue.principals as p (login, tenant_id, queues, kinds)
  values (bind_login.login, bind_login.tenant, bind_login.queues, bind_login.kinds)
  on conflict on constraint principals_pkey do update set tenant_id = excluded.tenant_id, queues = excluded.queues, kinds = excluded.kinds;
end $$;

-- Takes the borders of a login away; false when it had none. Nobody but the owner of the tables may call it.
create function countersign_queue.unbind_login(login name) returns boolean
language sql set search_path = pg_catalog, pg_temp
begin atomic
  with gone as (delete from countersign_queue.principals p where p.login = unbind_login.login returning 1)
  select exists (select from gone);
end;
revoke execute on function countersign_queue.bind_login(name, uuid, text[], text[]) from public;
revoke execute on function countersign_queue.unbind_login(name) from public;
