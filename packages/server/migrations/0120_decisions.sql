-- What decisions of several people and decisions about proposed actions leave behind (tasks.md 2.8, 2.9, 9.2), and the tenant's rules for deciding.

-- action: a proposed call, sealed like all content. quorum: who has to agree, as it was resolved when the task was made: numbers, names and the keys of the
-- people who are asked, in the spelling of `asked`. votes: those that count now, so that lists need no other table.
alter table countersign.tasks
  add column action bytea,
  add column quorum json,
  add column separate boolean not null default false,
  add column assurance text not null default 'link' check (assurance in ('link', 'channel', 'session', 'step_up', 'passkey')),
  add column votes integer not null default 0 check (votes >= 0),
  add column unreachable_at timestamptz(3);
-- Whose quorum is to be looked at when somebody leaves (T42).
create index tasks_open_quorum on countersign.tasks (tenant_id, id) where status in ('open', 'returned', 'revising') and quorum is not null;

-- Somebody who is no user here decides too: `guest` is what they are told apart by, an address or the id of what let them in.
-- args: the approved arguments of an edit; patch: what the edit changed (RFC 6902). counted_in: the group of the quorum.
alter table countersign.decisions
  alter column user_id drop not null,
  add column guest text collate "C" check (char_length(guest) between 1 and 320),
  add column person text collate "C" not null generated always as (coalesce(user_id, guest)) stored,
  add column args bytea,
  add column patch bytea,
  -- In their own words, which a verifier reads (T131): such a decision never counts, only what its person confirms.
  add column raw_text bytea,
  -- The key that relayed it and says whose decision it is (T19).
  add column attested_by text collate "C",
  add column counted_in integer check (counted_in >= 0),
  -- The version of the policies by which this decision is remembered, and until when (T48).
  add column remembered_version integer,
  add column remembered_until timestamptz(3),
  add constraint decisions_somebody check ((user_id is null) = (guest is not null)),
  add constraint decisions_remembered check ((remembered_version is null) = (remembered_until is null));
-- One human, one vote (T39), whatever comes at once.
create unique index decisions_one_vote on countersign.decisions (tenant_id, task_id, person) where state in ('pending', 'counted');

-- A decision that was fixed before its person proved to be there (T152): digests only. What was used stays with its decision.
create table countersign.decision_challenges (
  challenge_sha256 bytea not null check (octet_length(challenge_sha256) = 32),
  tenant_id uuid not null references countersign.tenants,
  task_id text collate "C" not null,
  user_id text collate "C" not null,
  session_id text collate "C" not null,
  decision_sha256 bytea not null check (octet_length(decision_sha256) = 32),
  made_at timestamptz(3) not null,
  expires_at timestamptz(3) not null,
  decision_id text collate "C",
  used_at timestamptz(3),
  primary key (tenant_id, challenge_sha256),
  foreign key (tenant_id, task_id) references countersign.tasks (tenant_id, id),
  check ((decision_id is null) = (used_at is null))
);
create index decision_challenges_unused on countersign.decision_challenges (tenant_id, user_id) where used_at is null;
select countersign.make_tenant_table('decision_challenges', array['select', 'insert', 'update', 'delete']);

-- How a tenant decides; without a row the values are these.
create table countersign.decision_settings (
  step_in boolean not null default true,
  tenant_id uuid not null references countersign.tenants,
  decision_assurance text not null default 'link' check (decision_assurance in ('link', 'channel', 'session', 'step_up')),
  -- asked: where a task says so, for a quorum and for critical; high: from that risk on; all: always (T41).
  separate_duties text not null default 'asked' check (separate_duties in ('asked', 'high', 'all')),
  critical_quorum integer not null default 2 check (critical_quorum in (1, 2)),
  deny_reason boolean not null default false,
  changed_by text collate "C" not null,
  changed_at timestamptz(3) not null,
  primary key (tenant_id)
);
select countersign.make_tenant_table('decision_settings', array['select', 'insert', 'update']);
