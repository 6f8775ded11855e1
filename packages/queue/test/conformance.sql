-- A whole life of jobs in plain SQL, as any language would live it (Q143): statement by statement, each a transaction of its own unless it says begin. Whoever
-- runs it needs a database with the engine, a schema for tables of his own, and nothing else; it ends with an error at the first answer that is wrong.
-- A statement ends with a semicolon before an empty line.

create table orders (id integer primary key, total numeric not null, job text);

create function enqueue_shipping() returns trigger language plpgsql as $$
begin
  new.job := countersign_queue.enqueue('conformance-orders', 'order.ship', jsonb_build_object('order_id', new.id));
  return new;
end $$;

create trigger enqueue_shipping before insert on orders for each row execute function enqueue_shipping();

create table held (step text, id text, lease bigint, token uuid, attempt integer);

create function take(what text, queue text, most integer default 10) returns integer language plpgsql as $$
declare
  of_claim uuid := gen_random_uuid();
begin
  insert into held select what, j ->> 'id', (j ->> 'lease')::bigint, of_claim, (j ->> 'attempt')::integer
  from jsonb_array_elements(countersign_queue.claim(worker => 'conformance', token => of_claim, wants => jsonb_build_array(
    jsonb_build_object('queue', queue, 'n', most, 'kinds', '["order.ship", "mail", "paid"]'::jsonb))) -> 'jobs') j;
  return (select count(*) from held where token = of_claim);
end $$;

create function finish(what text, result jsonb) returns jsonb language sql as $$
  select countersign_queue.finish(jsonb_agg(jsonb_build_object('id', id, 'lease', lease, 'token', token) || result order by lease)) from held where step = what
$$;

select countersign_queue.register_worker('conformance', '{conformance-orders,conformance-mail}', '{order.ship,mail,paid}', 'here', 1, 'sql', 60000);

-- A row trigger: order and job are one transaction, and roll back together.

insert into orders (id, total) values (1, 9.50), (2, 20);

begin;

insert into orders (id, total) values (3, 1);

rollback;

do $$ begin
  assert (select count(*) from orders) = 2;
  assert (select countersign_queue.job(job) ->> 'state' from orders where id = 1) = 'ready';
  assert take('ship', 'conformance-orders') = 2, 'the jobs of both orders, and none of the one that was rolled back';
  assert (select bool_and(countersign_queue.start(id, lease, token)) from held where step = 'ship');
end $$;

do $$ begin
  assert finish('ship', '{"outcome": "completed"}') = '["settled", "settled"]';
  assert finish('ship', '{"outcome": "completed"}') = '["already", "already"]', 'the same answer again changes nothing';
  assert finish('ship', '{"outcome": "discard"}') = '["stale", "stale"]', 'another answer comes too late';
  assert (select countersign_queue.job_result(job) ->> 'state' from orders where id = 2) = 'completed';
end $$;

-- Refusals: of an argument with its path, of a key that somebody holds.

do $$
declare
  said text;
begin
  begin
    perform countersign_queue.enqueue('conformance-mail', 'mail', '{}', '{"priority": 5}');
    assert false, 'priority 5 was accepted';
  exception when sqlstate 'QJ005' then
    get stacked diagnostics said = pg_exception_detail;
    assert said::jsonb = '{"path": "/priority", "index": 0}', said;
  end;
end $$;

do $$
declare
  first text := countersign_queue.enqueue('conformance-mail', 'mail', '{"to": "bo"}', '{"unique": {"by": ["to"]}, "delay_ms": 3600000}');
begin
  assert first = countersign_queue.enqueue('conformance-mail', 'mail', '{"to": "bo"}', '{"unique": {"by": ["to"]}}'), 'the holder of the key';
  begin
    perform countersign_queue.enqueue('conformance-mail', 'mail', '{"to": "bo"}', '{"unique": {"by": ["to"], "on_conflict": "reject"}}');
    assert false, 'two hold one key';
  exception when sqlstate 'QJ002' then null;
  end;
  assert countersign_queue.reschedule_by_key(kind => 'mail', rule => '{"by": ["to"]}', payload => '{"to": "bo"}', queue => 'conformance-mail',
    run_at => now() + interval '2 hours') ->> 'id' = first;
  assert countersign_queue.cancel_by_key(kind => 'mail', rule => '{"by": ["to"]}', payload => '{"to": "bo"}', queue => 'conformance-mail') ->> 'state' = 'cancelled';
  assert countersign_queue.cancel_by_key(kind => 'mail', rule => '{"by": ["to"]}', payload => '{"to": "bo"}', queue => 'conformance-mail') is null;
end $$;

-- Many at once, in order; a failed attempt and its repetition; progress; what is given back.

do $$ begin
  assert jsonb_array_length(countersign_queue.enqueue_many('[{"kind": "mail", "queue": "conformance-mail", "payload": 1},
    {"kind": "mail", "queue": "conformance-mail", "payload": 2}, {"kind": "mail", "queue": "conformance-mail", "payload": 3, "max_attempts": 1}]')) = 3;
end $$;

do $$ begin
  assert take('first', 'conformance-mail', 1) = 1;
  assert (select countersign_queue.job(id) -> 'payload' from held where step = 'first') = '1';
end $$;

do $$ begin
  assert (select countersign_queue.progress(jsonb_build_array(jsonb_build_object('id', id, 'lease', lease, 'token', token, 'progress', '{"percent": 40}'::jsonb)))
    = jsonb_build_array(id) from held where step = 'first');
  assert (select countersign_queue.job(id) -> 'progress' ->> 'percent' from held where step = 'first') = '40';
  assert finish('first', '{"outcome": "failed", "error": "not today", "after_ms": 0}') = '["settled"]';
end $$;

do $$ begin
  assert take('rest', 'conformance-mail') = 3;
  assert (select max(attempt) from held where step = 'rest') = 2, 'one of them is tried again';
  assert countersign_queue.heartbeat('conformance') ->> 'lost' = 'false';
end $$;

do $$ begin
  assert (select countersign_queue.hand_back('conformance', token) from held where step = 'rest' limit 1) = 3;
  assert (select bool_and(countersign_queue.job(id) ->> 'state' = 'ready') from held where step = 'rest');
  assert take('again', 'conformance-mail') = 3;
  assert (select max(attempt) from held where step = 'again') = 2, 'what was never started is not counted';
end $$;

-- A settlement beside rows of the caller's own, in one transaction.

begin;

insert into orders (id, total) select 4, 4;

select countersign_queue.finish_in_tx(jsonb_build_object('id', id, 'lease', lease, 'token', token, 'outcome', 'completed', 'output', '{"sent": true}'::jsonb))
from held where step = 'again' and attempt = 2;

commit;

do $$ begin
  assert (select countersign_queue.job_result(id) -> 'output' from held where step = 'again' and attempt = 2) = '{"sent": true}';
  delete from held where step = 'again' and attempt = 2;
end $$;

-- The last attempt fails: a dead letter, which an operator runs again.

do $$
declare
  letter text;
begin
  perform finish('again', '{"outcome": "failed", "error": "no such address", "after_ms": 3600000}');
  select l ->> 'id' into letter from jsonb_array_elements(countersign_queue.list_dead_letters()) l where l ->> 'kind' = 'mail';
  assert countersign_queue.job(letter) ->> 'state_reason' = 'max_attempts_exhausted';
  assert countersign_queue.retry_job(letter) ->> 'state' = 'ready';
  assert countersign_queue.cancel_job(letter, 'enough') ->> 'state' = 'cancelled';
  assert jsonb_array_length(countersign_queue.timeline(letter)) > 3;
end $$;

-- A job that waits for the outside.

select countersign_queue.enqueue('conformance-mail', 'paid', '{"order_id": 1}');

do $$ begin
  assert take('pay', 'conformance-mail') = 1;
end $$;

create table calls as select countersign_queue.callback_create(job => id, lease => lease, token => token, name => 'bank', timeout_ms => 60000, then_do => 'finish') as call
from held where step = 'pay';

do $$ begin
  assert finish('pay', jsonb_build_object('outcome', 'park', 'callback_id', (select call ->> 'id' from calls))) = '["settled"]';
  assert (select countersign_queue.job(id) ->> 'state' from held where step = 'pay') = 'waiting';
  assert (select countersign_queue.callback_heartbeat(call ->> 'id', 600) ->> 'verdict' from calls) = 'done';
  assert (select countersign_queue.callback_resolve(call ->> 'id', 'complete', '{"payload": {"paid": 9.5}}') ->> 'verdict' from calls) = 'done';
  assert (select countersign_queue.callback_resolve(call ->> 'id', 'fail', '{"error": "late"}') ->> 'verdict' from calls) = 'resolved';
  assert (select countersign_queue.callback_get(call ->> 'id') ->> 'state' from calls) = 'completed';
  assert (select countersign_queue.job_result(id) -> 'output' from held where step = 'pay') = '{"paid": 9.5}';
end $$;

-- A schedule: whoever computes its times fires it, once each.

do $$
declare
  s jsonb := countersign_queue.schedule_upsert('{"name": "conformance", "cron": "* * * * *", "timezone": "UTC", "missed": "skip",
    "job": {"kind": "mail", "queue": "conformance-mail", "payload": "due"}, "next_fire": "2020-01-01T00:01:00Z"}');
  fire timestamptz := (s ->> 'last_fire')::timestamptz + interval '1 millisecond';
begin
  assert countersign_queue.schedule_fire(s ->> 'id', (s ->> 'last_fire')::timestamptz, array[fire], fire, fire + interval '1 minute', 0) is not null;
  assert countersign_queue.schedule_fire(s ->> 'id', (s ->> 'last_fire')::timestamptz, array[fire], fire, fire + interval '1 minute', 0) is null,
    'who comes second fires nothing';
  assert countersign_queue.schedule_pause(s ->> 'id', true, 'conformance') is not null;
  assert countersign_queue.schedule_remove(s ->> 'id');
end $$;

-- A pause stops claims, not enqueues.

select countersign_queue.pause_queue('conformance-mail', 'conformance');

do $$ begin
  assert take('paused', 'conformance-mail') = 0;
  perform countersign_queue.resume_queue('conformance-mail');
  assert take('resumed', 'conformance-mail') = 1, 'what the schedule fired';
  assert finish('resumed', '{"outcome": "completed"}') = '["settled"]';
end $$;

-- Maintenance and readers.

do $$ begin
  assert countersign_queue.tick() ? 'prune';
  assert jsonb_array_length(countersign_queue.list_jobs('{"queue": "conformance-orders"}') -> 'data') = 3;
  assert countersign_queue.counts() -> 'queues' -> 'conformance-orders' ->> 'ready' = '1';
  assert exists (select from jsonb_array_elements(countersign_queue.list_queues()) q where q ->> 'name' = 'conformance-mail');
  assert exists (select from jsonb_array_elements(countersign_queue.list_workers()) w where w ->> 'id' = 'conformance');
  assert countersign_queue.drain_queue('conformance-orders') -> 'cancelled' ->> 'ready' = '1';
end $$;

select countersign_queue.release_worker('conformance');
