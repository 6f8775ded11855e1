-- Notices (T104): one message about one task in one channel, written with the task or with what changed it, sent and rewritten by jobs.
-- What was sent is not kept: a notice is rendered from the task at the moment of sending. `ref` is the provider's name of the message.

create table countersign.notices (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  task_id text collate "C" not null,
  revision integer not null,
  purpose text not null check (purpose in ('asked', 'reminder', 'escalated', 'returned', 'revised', 'digest')),
  channel text not null check (channel in ('email', 'slack', 'webhook', 'push')),
  identity text check (char_length(identity) <= 100),
  target text not null check (char_length(target) between 1 and 320),
  -- Whom it tells; none of them where a place is told.
  user_id text collate "C",
  email text,
  display_name text,
  slack_user_id text,
  -- Under which name the person's notices of an hour are counted (T102).
  party text collate "C",
  state text not null default 'queued' check (state in ('queued', 'sent', 'failed', 'rewritten', 'expired')),
  ref json,
  attempts integer not null default 0,
  -- Of each attempt that failed: when, and why.
  reasons jsonb not null default '[]',
  -- Whoever sends or rewrites holds it until then; nobody else does meanwhile.
  busy_until timestamptz(3),
  -- The version of the task that it shows.
  shows_version integer,
  -- It is told of in this one, together with others.
  digest_id text collate "C",
  -- Sent in place of this one, whose channel failed.
  instead_of text collate "C",
  created_at timestamptz(3) not null,
  due_at timestamptz(3) not null,
  sent_at timestamptz(3),
  failed_at timestamptz(3),
  rewritten_at timestamptz(3),
  primary key (tenant_id, id),
  foreign key (tenant_id, task_id) references countersign.tasks (tenant_id, id),
  check ((state <> 'sent' and state <> 'rewritten') or sent_at is not null),
  check ((state = 'failed') = (failed_at is not null))
) with (fillfactor = 70);
create index notices_task on countersign.notices (tenant_id, task_id, id);
create index notices_party on countersign.notices (tenant_id, party, created_at) where party is not null;
-- One digest at a time is being filled for a person.
create unique index notices_filling on countersign.notices (tenant_id, party, channel, target) where purpose = 'digest' and state = 'queued';
create index notices_digest on countersign.notices (tenant_id, digest_id) where digest_id is not null;
create index notices_instead on countersign.notices (tenant_id, instead_of) where instead_of is not null;
create index notices_failed on countersign.notices (tenant_id, channel, failed_at) where failed_at is not null;
-- When a channel got through last.
create index notices_sent on countersign.notices (tenant_id, channel, sent_at) where sent_at is not null;
select countersign.make_tenant_table('notices', array['select', 'insert', 'update', 'delete']);
