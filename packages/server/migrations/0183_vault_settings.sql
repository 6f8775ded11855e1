-- What a tenant decides about its vault: whether people may take credentials out (V16), and how long a grant may last (V12).
alter table countersign.tenants
  add column vault_export boolean not null default false,
  add column grant_max_seconds integer not null default 31536000 check (grant_max_seconds between 3600 and 31536000);
