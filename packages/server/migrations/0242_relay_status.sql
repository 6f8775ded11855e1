-- How the relay stands, in numbers alone and over all tenants (relay.md R111): what waits and for how long, how fast it is brought, what failed, what is overdue.
create index messages_delivered on countersign.messages using brin (delivered_at) with (autosummarize = on);
create index message_sendings_recent on countersign.message_sendings using brin (created_at) with (autosummarize = on);
grant select (tenant_id, id, side, state, created_at, delivered_at, claimed_until, expires_at, payload_state) on countersign.messages to countersign_engine;
create policy status on countersign.messages for select to countersign_engine using (true);
grant select (tenant_id, message_id, mode, stage, created_at) on countersign.message_sendings to countersign_engine;
create policy status on countersign.message_sendings for select to countersign_engine using (true);
grant select (tenant_id, delivery_id) on countersign.delivery_attempts to countersign_engine;
grant select (side, message_id) on countersign.deliveries to countersign_engine;

set local role countersign_engine;

create function countersign_engine.relay_figures(since timestamptz)
returns table (queued integer, oldest_queued_s float8, exhausted integer, deliver_p50_ms float8, deliver_p99_ms float8, push_taken integer, push_refused integer,
  calls_done integer, calls_lost integer, asks_late_s float8, leases_late_s float8, expiry_late_s float8)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  with moment as (select countersign.now() as at),
  waiting as (
    select count(*) filter (where m.state in ('queued', 'delivering')) as queued, min(m.created_at) filter (where m.state in ('queued', 'delivering')) as oldest,
      count(*) filter (where m.state = 'exhausted') as exhausted
    from countersign.messages m where m.side = 'caller' and m.state in ('held', 'queued', 'delivering', 'exhausted')
  ), brought as (
    select percentile_cont(0.5) within group (order by x.ms) as p50, percentile_cont(0.99) within group (order by x.ms) as p99
    from (select extract(epoch from m.delivered_at - m.created_at)::float8 * 1000 as ms from countersign.messages m where m.delivered_at >= since and m.side = 'caller') x
  ), pushed as (
    select count(*) filter (where a.class is null) as taken, count(*) filter (where a.class is not null) as refused
    from countersign.delivery_attempts a join countersign.deliveries d on d.tenant_id = a.tenant_id and d.id = a.delivery_id
    where a.started_at >= since and a.n = 1 and a.trigger = 'auto' and d.side = 'owner' and d.message_id is not null
  ), called as (
    select count(*) filter (where s.stage = 'done' and m.state <> 'exhausted') as done, count(*) filter (where m.state = 'exhausted') as lost
    from countersign.message_sendings s join countersign.messages m on m.tenant_id = s.tenant_id and m.id = s.message_id
    where s.mode = 'a2a' and s.created_at >= since
  ), late as (
    select greatest(
      (select extract(epoch from n.at - min(k.expires_at)) from countersign.message_asks k where k.state = 'open' and k.expires_at <= n.at),
      (select extract(epoch from n.at - min(r.expires_at)) from countersign.connection_requests r where r.state = 'pending' and r.expires_at <= n.at))::float8 as asks,
      (select extract(epoch from n.at - min(m.claimed_until)) from countersign.messages m where m.state = 'delivering' and m.claimed_until <= n.at)::float8 as leases,
      (select extract(epoch from date_trunc('day', n.at, 'UTC') - min(m.expires_at)) from countersign.messages m
        where m.payload_state = 'present' and m.expires_at < date_trunc('day', n.at, 'UTC'))::float8 as expiry
    from moment n
  )
  select w.queued::integer, extract(epoch from n.at - w.oldest)::float8, w.exhausted::integer, b.p50, b.p99, p.taken::integer, p.refused::integer, c.done::integer,
    c.lost::integer, l.asks, l.leases, l.expiry
  from moment n, waiting w, brought b, pushed p, called c, late l
$$;
grant execute on function countersign_engine.relay_figures(timestamptz) to countersign_runtime, countersign_maintenance;

set local role countersign_owner;
