-- What a worker gives back that it never started, and how it learns that it should.
select countersign_queue.as_engine();

-- Gives back everything that a claim call of a worker got and nobody has ended, without an attempt: for a call whose answer was lost on the way
-- (Q97), so that no job waits for the end of a worker that does not know of it. Answers how many. The same again gives nothing.
-- Waits for a claim of this worker that is still under way; then locks as finish does: stripes ascending, rows ascending by id.
-- Never for a token of which any job was started: who holds the answer ends its jobs one by one.
create function countersign_queue.hand_back(worker text, token uuid) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  ids text[];
  leases bigint[];
  results jsonb;
begin
  perform countersign_queue.check_isolation();
  perform pg_advisory_xact_lock(1668248951, hashtext(worker));
  -- Claims first, rows in a statement of its own behind it: an attempt leaves its claim for a row and never goes back, so that none is in neither.
  select array_agg(r.id), array_agg((c.id << 10) + i - 1) into ids, leases
  from countersign_queue.claims c cross join generate_series(1, c.n) i
  cross join lateral countersign_queue.read_row((c.row_generation & 15)::smallint, c.lane, c.xids[i], c.nums[i]) r
  where c.token = hand_back.token and c.worker = hand_back.worker and c.n > 0 and get_bit(countersign_queue.open_bits(c.id, c.n), i - 1) = 1;
  select jsonb_agg(jsonb_build_object('id', h.id, 'lease', h.lease, 'token', hand_back.token, 'outcome', 'release') order by h.id) into results
  from (
    select u.id, u.lease from unnest(ids, leases) u (id, lease)
    union
    select j.id, j.lease from countersign_queue.jobs j
    where j.state = 'running' and j.worker = hand_back.worker and j.claim_token = hand_back.token and j.settled_as is null
  ) h;
  if results is null then
    return 0;
  end if;
  perform countersign_queue.finish(results);
  return jsonb_array_length(results);
end $$;

-- Pauses or resumes a queue or a kind: no claim that begins after the commit gives one of its jobs; enqueue goes on (Q119). Workers are told, so that
-- they give back what they hold of it and have not started (Q90). Locks the row.
create or replace function countersign_queue.set_paused(what text, name text, paused boolean, actor text default null) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := case when paused then countersign_queue.now() end;
begin
  if what = 'queue' then
    if name !~ '^[a-z0-9][a-z0-9_.:-]{0,199}$' then
      perform countersign_queue.refuse('/queue', 'not the name of a queue');
    end if;
    insert into countersign_queue.queues as q (name, paused_at, paused_by) values (set_paused.name, at, case when paused then actor end)
    on conflict on constraint queues_pkey do update set paused_at = excluded.paused_at, paused_by = excluded.paused_by;
  elsif what = 'kind' then
    insert into countersign_queue.kinds as k (name, paused_at, paused_by) values (set_paused.name, at, case when paused then actor end)
    on conflict on constraint kinds_pkey do update set paused_at = excluded.paused_at, paused_by = excluded.paused_by;
  else
    perform countersign_queue.refuse('/what', 'a queue or a kind is paused');
  end if;
  perform pg_notify('countersign_queue', case when paused then 'pause:' || what || ':' || name when what = 'queue' then 'work:' || name else 'work:*' end);
  return jsonb_build_object('name', name, 'paused_at', countersign_queue.spoken(at));
end $$;

select countersign_queue.grant_functions('countersign_worker', array['hand_back']);
select countersign_queue.as_owner();
