-- A command that asks to be signed in (vault.md §7.2 `login`): a person approves it in their browser by a code that both show. The question belongs to nobody until it is
-- answered; what comes of it is a personal key like any other, made when the command fetches it, so that no key is ever stored in the clear.
create table countersign.cli_sign_ins (
  -- What the command alone holds: it fetches the answer with it, once.
  secret_hash bytea primary key check (octet_length(secret_hash) = 32),
  -- What the person compares or types. Keyed, for eight characters are few enough to be tried against a plain hash.
  code_hash bytea not null unique check (octet_length(code_hash) = 32),
  client text not null check (char_length(client) between 1 and 100),
  address text,
  asked_at timestamptz(3) not null,
  ends_at timestamptz(3) not null,
  answer text check (answer in ('approved', 'refused')),
  tenant_id uuid references countersign.tenants,
  user_id text collate "C" references countersign.users,
  scopes text[],
  lasts_seconds integer check (lasts_seconds > 0),
  check ((answer is not distinct from 'approved') = (tenant_id is not null and user_id is not null and scopes is not null and lasts_seconds is not null))
);
create index cli_sign_ins_ends on countersign.cli_sign_ins (ends_at);
grant select, insert, update, delete on countersign.cli_sign_ins to countersign_runtime;
