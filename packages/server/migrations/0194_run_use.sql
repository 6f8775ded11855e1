-- Whether a run was ever used: when a client first showed its token to a proxy (V128). Null to the end is worth a word to whoever started it.
alter table countersign.runs add column used_at timestamptz;
grant select (used_at), update (used_at) on countersign.runs to countersign_engine;

create function countersign.note_run_use() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update countersign.runs set used_at = new.opened_at where tenant_id = new.tenant_id and id = new.run_id and used_at is null;
  return null;
end
$$;
create trigger note_run_use after insert on countersign.proxy_openings
  for each row execute function countersign.note_run_use();
