-- Time and talk: what happens to a task while nobody answers (reminders, escalation), and what people and the agent say to each other about it (comments,
-- revisions, outcome); how long content is kept, and what lists and figures are read from.

alter table countersign.tasks
  -- Moments at which the asked people are told again (T37), and one bit for each that is over: sent, or skipped because nobody could have answered then.
  add column reminders json,
  add column reminded smallint not null default 0,
  add column reminded_at timestamptz(3),
  -- Before the deadline (T36): steps in the order of their time, and how many of them are taken.
  add column escalation json,
  add column escalation_step smallint not null default 0,
  -- At the deadline: whom it is handed on to, one after another, before `on_timeout` has its way.
  add column timeout_escalations json,
  add column timeout_step smallint not null default 0,
  add column escalation_level smallint not null default 0,
  add column escalated_at timestamptz(3),

  add column pause_while_revising boolean not null default false,
  add column comment_count smallint not null default 0 check (comment_count between 0 and 500),

  add column expect_outcome_seconds integer check (expect_outcome_seconds between 5 and 31536000),
  add column agent_outcome text check (agent_outcome in ('succeeded', 'failed', 'skipped')),
  add column agent_outcome_detail bytea,
  add column agent_outcome_at timestamptz(3),
  add column outcome_missing_at timestamptz(3),
  add check ((agent_outcome is null) = (agent_outcome_at is null));

-- For figures, which read no content: whether a decision said yes, and where an edit differs from what was proposed. Names of members, no values.
alter table countersign.decisions
  add column approves boolean,
  add column edited text[] check (cardinality(edited) <= 200);
create index decisions_figures on countersign.decisions (tenant_id, decided_at) where edited is not null or counted_in is not null;

-- Remarks on a task (T52). The body is an envelope under the task's own key.
create table countersign.comments (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  task_id text collate "C" not null,
  -- Of the task when it was said.
  revision smallint not null,
  -- humans: no agent ever receives it.
  audience text not null check (audience in ('all', 'humans')),
  -- sent_back: it came with handing the task back to the agent. late_answer: an answer that came when there was nothing to decide any more (T15).
  purpose text not null check (purpose in ('comment', 'sent_back', 'late_answer')),
  author_type text not null check (author_type in ('user', 'agent', 'key', 'guest', 'system')),
  author_id text collate "C" not null,
  author_name text not null,
  channel text not null check (channel in ('dashboard', 'email', 'slack', 'embed', 'webhook', 'api', 'cli')),
  body bytea not null,
  created_at timestamptz(3) not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, task_id) references countersign.tasks (tenant_id, id)
);
create index comments_task on countersign.comments (tenant_id, task_id, id);
select countersign.make_tenant_table('comments', array['select', 'insert', 'delete']);
-- For rewraps, which replace the wrap in front of an envelope.
grant update (body) on countersign.comments to countersign_runtime;
-- For the erasure of a person, who said it.
grant update (author_id, author_name) on countersign.comments to countersign_runtime;

-- What a task said before it was revised (T53): the content of each revision that is no more, and why the next one came.
create table countersign.revisions (
  revision smallint not null check (revision between 1 and 20),
  tenant_id uuid not null references countersign.tenants,
  task_id text collate "C" not null,
  content bytea not null,
  note bytea not null,
  -- Pointers to what the next revision changed; names of members, no content.
  changed text[] not null check (cardinality(changed) between 1 and 200),
  revised_by text collate "C" not null,
  revised_at timestamptz(3) not null,
  primary key (tenant_id, task_id, revision),
  foreign key (tenant_id, task_id) references countersign.tasks (tenant_id, id)
);
select countersign.make_tenant_table('revisions', array['select', 'insert', 'delete']);
grant update (content, note) on countersign.revisions to countersign_runtime;

-- How a tenant wants its tasks where they do not say it themselves. No row: the defaults.
create table countersign.task_defaults (
  retention_days integer not null default 400 check (retention_days between 1 and 3650),
  tenant_id uuid not null references countersign.tenants,
  reminders json,
  -- Everything before this id is erased already, so that a night's look begins here.
  erased_before text collate "C",
  -- The least that any task hides; a task may ask for more.
  redact text not null default 'none' check (redact in ('none', 'notify', 'strict')),
  -- For the other clients: whether another question under a known key is refused, in place of answered with the first (T66).
  compat_strict_replay boolean not null default false,
  primary key (tenant_id)
);
select countersign.make_tenant_table('task_defaults', array['select', 'insert', 'update']);

-- The words of a question as they are searched. Signs between them part them: "order-1042" holds the word "1042".
create function countersign.words_of(said text) returns tsvector
language sql immutable parallel safe strict
return to_tsvector('pg_catalog.simple'::regconfig,
  translate(said, '-_./\@:,;#+*&=?!"''()[]{}<>|~%^$', '                                   '));
grant execute on function countersign.words_of(text) to countersign_runtime, countersign_engine;

-- The same question where no index may be asked: not to be inlined, so that the planner takes it for what it is, an unknown third of the rows, and reads
-- tasks in the order in which they are wanted until it has enough.
create function countersign.says(said text, wanted tsquery) returns boolean
language plpgsql immutable parallel safe strict
set search_path = pg_catalog, pg_temp
as $$
begin
  return countersign.words_of(said) @@ wanted;
end
$$;
grant execute on function countersign.says(text, tsquery) to countersign_runtime;

-- Lists by what is said in a task. The tenant is not part of it: this kind of index holds words, and the rows of others are left out when they are read.
create index tasks_found on countersign.tasks using gin (countersign.words_of(task), tags, metadata jsonb_path_ops, asked);
-- The sorts of lists of everything; what is open has indexes of its own.
create index tasks_deadline on countersign.tasks (tenant_id, deadline_at, id);
create index tasks_priority on countersign.tasks (tenant_id, priority_rank, id);
create index tasks_asker on countersign.tasks (tenant_id, asker, id);
create index tasks_completed_by on countersign.tasks (tenant_id, completed_by_user_id, id) where completed_by_user_id is not null;
-- Figures are read from this alone: a year of a tenant, without touching its rows.
create index tasks_figures on countersign.tasks (tenant_id, created_at)
  include (status, outcome, agent_id, completed_via_channel, completed_by_user_id, first_viewed_at, completed_at, timed_out_at, cancelled_at,
    verification_exhausted_at, escalation_level, verification_attempt, agent_outcome, id);

grant select (task, tags, metadata, asked, asker, assigned_to_user_id, completed_by_user_id, agent_id) on countersign.tasks to countersign_engine;

set local role countersign_engine;

-- The ids that an index of words, tags or metadata finds, or null when there are so many that reading tasks in their order is quicker. Under row security no
-- such operator may use an index (it is not leakproof), so these look for the caller; what they answer is read again under the caller's own rights.
create function countersign_engine.tasks_found(tenant uuid, said tsquery, tagged text[], described jsonb[], at_most integer) returns text[]
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  found_ids text[];
begin
  if tenant is distinct from nullif(current_setting('countersign.tenant', true), '')::uuid then
    raise exception 'another tenant' using errcode = 'insufficient_privilege';
  end if;
  if said is not null then
    found_ids := array(select t.id from countersign.tasks t where countersign.words_of(t.task) @@ said and t.tenant_id = tenant
      and (tagged is null or t.tags @> tagged) and (described is null or t.metadata @> any (described)) limit at_most + 1);
  elsif described is not null then
    found_ids := array(select t.id from countersign.tasks t where t.metadata @> any (described) and t.tenant_id = tenant
      and (tagged is null or t.tags @> tagged) limit at_most + 1);
  else
    found_ids := array(select t.id from countersign.tasks t where t.tags @> tagged and t.tenant_id = tenant limit at_most + 1);
  end if;
  if cardinality(found_ids) > at_most then
    return null;
  end if;
  return found_ids;
end
$$;

-- The same for what concerns one person: asked by them or by an agent of theirs, held or answered by them, asked of them.
create function countersign_engine.tasks_of_person(tenant uuid, person text, keys text[], agents text[], at_most integer) returns text[]
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  found_ids text[];
begin
  if tenant is distinct from nullif(current_setting('countersign.tenant', true), '')::uuid then
    raise exception 'another tenant' using errcode = 'insufficient_privilege';
  end if;
  found_ids := array(
    select id from (
      (select t.id from countersign.tasks t where t.tenant_id = tenant and t.asker = person limit at_most + 1)
      union
      (select t.id from countersign.tasks t where t.tenant_id = tenant and t.assigned_to_user_id = person limit at_most + 1)
      union
      (select t.id from countersign.tasks t where t.tenant_id = tenant and t.completed_by_user_id = person limit at_most + 1)
      union
      (select t.id from countersign.tasks t where t.tenant_id = tenant and t.agent_id = any (agents) limit at_most + 1)
      union
      (select t.id from countersign.tasks t where t.asked && keys and t.tenant_id = tenant limit at_most + 1)
    ) as every limit at_most + 1);
  if cardinality(found_ids) > at_most then
    return null;
  end if;
  return found_ids;
end
$$;
grant execute on function countersign_engine.tasks_found(uuid, tsquery, text[], jsonb[], integer),
  countersign_engine.tasks_of_person(uuid, text, text[], text[], integer) to countersign_runtime;

set local role countersign_owner;
