-- Stored forms (T82): a name and a version, each version as it was made. A version never changes, so what a task was asked with can be read for ever.

create table countersign.forms (
  name text collate "C" not null check (name ~ '^[a-z0-9][a-z0-9_.-]{0,63}$'),
  tenant_id uuid not null references countersign.tenants,
  version integer not null check (version >= 1),
  title text check (char_length(title) <= 200),
  -- json, not jsonb: a form shows its members in the order in which they were written.
  response_schema json not null,
  form_definition json,
  created_by text collate "C" not null,
  created_at timestamptz(3) not null,
  -- Of all versions of a name at once: no task may name it any more, and none is taken from those that did.
  retired_at timestamptz(3),
  primary key (tenant_id, name, version)
);
select countersign.make_tenant_table('forms', array['select', 'insert', 'update']);

-- `name@version`, where a task was asked with a stored form; the form itself stands in the task.
alter table countersign.tasks
  add column form text collate "C" check (char_length(form) <= 80);
