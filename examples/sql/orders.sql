-- Jobs from plain SQL: any language, any client, and row triggers. The functions check what the TypeScript face checks, and belong to the caller's transaction.
create table if not exists orders (id bigint generated always as identity primary key, item text not null, confirmed_at timestamptz);

-- A row trigger that enqueues: whoever inserts an order, by whatever tool, has it confirmed.
create or replace function confirm_order() returns trigger language plpgsql as $$
begin
  perform countersign_queue.enqueue('mail', 'order.confirm', jsonb_build_object('order_id', new.id, 'item', new.item));
  return null;
end $$;
create or replace trigger confirm_order after insert on orders for each row execute function confirm_order();

-- The order and its job, or neither.
begin;
insert into orders (item) values ('a lamp'), ('a chair');
commit;

begin;
insert into orders (item) values ('a yacht');
rollback;

-- A job of its own: at most one a customer and day, tomorrow at the earliest, urgent, eight attempts.
select countersign_queue.enqueue('mail', 'newsletter.send', '{"customer": 7}', jsonb_build_object(
  'delay_ms', 86400000, 'priority', 1, 'max_attempts', 8,
  'unique', '{"by": ["customer"], "while": ["scheduled", "ready", "running", "retrying"]}'::jsonb)) as scheduled;

-- Many at once, in order, checked all together: [{"id": …, "conflict": false}, …]
select countersign_queue.enqueue_many('[
  {"kind": "order.audit", "queue": "audit", "payload": {"order_id": 1}},
  {"kind": "order.audit", "queue": "audit", "payload": {"order_id": 2}}]') as audited;
