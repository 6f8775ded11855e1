-- What checks an answer before it counts (tasks.md §7): keys of providers by name, stored verifiers, and one row per verifier that looked at an answer.
-- No key of a provider stands in a task, an event or a job: a task names its verifiers, and a verifier names the key.

create table countersign.provider_keys (
  -- As configurations say it: `openai`, or the name of the environment variable that other clients send (T65).
  name text collate "C" not null check (name ~ '^[A-Za-z][A-Za-z0-9_.-]{0,63}$'),
  tenant_id uuid not null references countersign.tenants,
  provider text not null check (provider in ('anthropic', 'openai', 'gemini', 'azure_openai', 'openai_compatible')),
  -- Sealed under the tenant's key; null where the provider wants none. Once there is a vault, a connection of it may be named instead.
  material bytea,
  -- A key goes to this address and to no other, so that nobody who writes a question can have it sent elsewhere. Null: the provider's own.
  base_url text check (char_length(base_url) <= 2048),
  is_default boolean not null,
  -- Where a verifier names none.
  model text check (char_length(model) between 1 and 200),
  -- In US dollars for a million tokens, as the provider bills them; null: cost is not known.
  input_price double precision check (input_price >= 0),
  output_price double precision check (output_price >= 0),
  created_by text collate "C" not null,
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  primary key (tenant_id, name),
  check (base_url is not null or provider not in ('azure_openai', 'openai_compatible')),
  check (material is not null or provider = 'openai_compatible')
);
create unique index provider_keys_default on countersign.provider_keys (tenant_id, provider) where is_default;
select countersign.make_tenant_table('provider_keys', array['select', 'insert', 'update', 'delete']);

create table countersign.verifiers (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  name text not null check (char_length(name) between 1 and 200),
  version integer not null default 1 check (version >= 1),
  -- As it was checked when it was stored; never a key.
  config json not null,
  created_by text collate "C" not null,
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  deleted_at timestamptz(3),
  primary key (tenant_id, id)
);
create unique index verifiers_name on countersign.verifiers (tenant_id, lower(name)) where deleted_at is null;
select countersign.make_tenant_table('verifiers', array['select', 'insert', 'update']);

alter table countersign.tasks
  -- The verifiers as they were when the task was made: what is stored later changes no task that is there.
  add column verifier_config json,
  add column verification_skipped text check (verification_skipped in ('skipped_redacted')),
  -- What the last verifier said; content, so sealed.
  add column verifier_result bytea,
  -- While an answer is with a verifier: which answer, at which verifier of the list, and what the task's outcome will be.
  add column verifying_decision_id text collate "C",
  add column verifying_position smallint check (verifying_position between 0 and 2),
  add column verifying_outcome text check (verifying_outcome in ('answered', 'accepted', 'edited', 'responded', 'ignored', 'denied')),
  add constraint tasks_verifying_answer check (status <> 'verifying'
    or (verifier_config is not null and verifying_decision_id is not null and verifying_position is not null and verifying_outcome is not null));

create table countersign.verifier_runs (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  task_id text collate "C" not null,
  decision_id text collate "C" not null,
  position smallint not null check (position between 0 and 2),
  provider text not null,
  model text,
  verifier_id text collate "C",
  -- `accepted`, `returned`: it was not to be reached, and that is what was set for this case.
  state text not null check (state in ('waiting', 'passed', 'refused', 'accepted', 'returned', 'overridden', 'ended')),
  tries integer not null default 0,
  -- Why the last try brought no verdict.
  fault text,
  input_tokens bigint not null default 0,
  output_tokens bigint not null default 0,
  -- In US dollars; null where no price is known.
  cost double precision,
  -- What it said, under the task's own key.
  verdict bytea,
  started_at timestamptz(3) not null,
  ended_at timestamptz(3),
  primary key (tenant_id, id),
  foreign key (tenant_id, task_id) references countersign.tasks (tenant_id, id),
  check ((state = 'waiting') = (ended_at is null))
);
create unique index verifier_runs_position on countersign.verifier_runs (tenant_id, task_id, decision_id, position);
select countersign.make_tenant_table('verifier_runs', array['select', 'insert', 'update']);
