-- The export of a whole tenant (platform.md P145): a subject of exports of its own, on both sides of the relay. What is erased is erased in it too.

alter table countersign.exports drop constraint exports_subject_check;
alter table countersign.exports add constraint exports_subject_check check (subject in ('thread', 'relay_grant', 'card', 'tenant'));
alter table countersign.exports drop constraint exports_side_check;
alter table countersign.exports add constraint exports_side_check check (side in ('owner', 'caller', 'both') and (side = 'both') = (subject = 'tenant'));
create index exports_tenant on countersign.exports (tenant_id) where subject = 'tenant' and state in ('running', 'ready');
grant select (subject) on countersign.exports to countersign_engine;

set local role countersign_engine;

-- As before, and the exports of whole tenants: of the current one, and of those that asked for what is named.
create or replace function countersign_engine.drop_exports(asked_subjects text[]) returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  here uuid := nullif(current_setting('countersign.tenant', true), '')::uuid;
  found text[] := array(
    select h.id from countersign.threads h where h.tenant_id = here and h.id = any (asked_subjects)
    union all select g.id from countersign.relay_grants g where g.tenant_id = here and g.id = any (asked_subjects)
    union all select c.id from countersign.cards c where c.tenant_id = here and c.id = any (asked_subjects));
  wholes uuid[] := array(
    select here
    union select g.asker_tenant from countersign.relay_grants g where g.tenant_id = here and g.id = any (asked_subjects) and g.asker_tenant is not null
    union select g.asker_tenant from countersign.threads h join countersign.relay_grants g on g.tenant_id = h.tenant_id and g.id = h.relay_grant_id
      where h.tenant_id = here and h.id = any (asked_subjects) and g.asker_tenant is not null);
  dropped record;
  running integer := (
    select count(*) from countersign.exports e
    where e.state = 'running' and (e.subject_id = any (found) or e.tenant_id = here and e.subject_id = any (asked_subjects)
      or e.subject = 'tenant' and e.tenant_id = any (wholes)));
begin
  if running > 0 then
    return running;
  end if;
  for dropped in
    select e.tenant_id, e.id from countersign.exports e
    where e.state = 'ready' and (e.subject_id = any (found) or e.tenant_id = here and e.subject_id = any (asked_subjects)
      or e.subject = 'tenant' and e.tenant_id = any (wholes))
  loop
    delete from countersign.export_chunks k where k.tenant_id = dropped.tenant_id and k.export_id = dropped.id;
    update countersign.subject_keys s set wrapped = null, destroyed_at = countersign.now(), destroyed_by = 'system:erasure'
    where s.tenant_id = dropped.tenant_id and s.subject = 'export:' || dropped.id and s.wrapped is not null;
    update countersign.exports e set state = 'expired', expires_at = countersign.now()
    where e.tenant_id = dropped.tenant_id and e.id = dropped.id and e.state = 'ready';
  end loop;
  return 0;
end
$$;
